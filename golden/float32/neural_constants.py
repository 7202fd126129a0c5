"""Constants of the spiking network and the neuromorphic units, as the float32 numbers that the model computes with.

Times are in ms, rates in spikes/ms, potentials in units of the initial threshold.
"""

import math

import numpy as np

from golden.spec.constants import MAX_WEIGHT, VECTORS_PER_CORE

TAU_MEMBRANE = np.float32(20)
REFRACTORY_PERIOD = np.float32(2)
RESET_POTENTIAL = np.float32(0)
"""Also the rest potential, to which the membrane decays."""
INITIAL_THRESHOLD = np.float32(1)
THRESHOLD_MIN = np.float32(0.1)
THRESHOLD_MAX = np.float32(10)
NEVER = np.float32(-1000)
"""The last spike of a neuron that has not fired since the reset; any negative time means that."""
MAX_DT = np.float32(1000)
"""Longest step, ms: one time constant of the slowest unit. Longer steps are taken as this one."""

TAU_STDP = np.float32(20)
STDP_POTENTIATION = np.float32(MAX_WEIGHT * 0.01)
"""255 A+: what a pair at distance 0 adds to a weight byte."""
STDP_DEPRESSION = np.float32(MAX_WEIGHT * 0.012)
"""255 A-: what it takes away."""

TAU_HOMEOSTASIS = np.float32(1000)
TARGET_RATE = np.float32(0.1)
SPIKE_RATE_STEP = np.float32(0.001)
"""1 / TAU_HOMEOSTASIS: what one spike adds to a rate, whatever dt is (a * 1/dt with a = dt/1000)."""

OSCILLATOR_HZ = 40
PHASE_UNITS_PER_MS = 1 << 16
PHASE_PERIOD = 1000 // OSCILLATOR_HZ * PHASE_UNITS_PER_MS
"""One turn of the gamma oscillator in phase units: 25 ms of 2**-16 ms each, exactly."""
PREFERRED_PHASE_STEP = PHASE_PERIOD // VECTORS_PER_CORE
"""Phase units between the preferred phases of neighbouring neurons; exact, as 25 * 2**16 is divisible by 32."""
RADIANS_PER_PHASE_UNIT = np.float32(2 * math.pi / PHASE_PERIOD)

WTA_INHIBITION = np.float32(0.8)
DENDRITIC_NONLINEARITY = np.float32(2)
ENCODING_SLOTS = 8
PATTERN_STEPS = 32
SEARCH_GAIN = np.float32(0.5)
"""Gain of the dendritic propagation in a neuromorphic search."""
MAX_GLIMPSES = 3
"""A neuromorphic search believes the trace of earlier ones fully from this many on."""
