"""The arithmetic of the sequential engine's program against the golden model, function by function."""

from __future__ import annotations

import ctypes

import numpy as np
from sequential_host import SequentialHost

from golden.fixed.bits import mask
from golden.fixed.neural_dendrite import response
from golden.fixed.neural_divider import divide, ratio_factor
from golden.fixed.neural_lif import apply_factor
from golden.fixed.neural_oscillator import resonance, wave
from golden.spec import encode
from golden.spec.constants import LINKS_WIDTH
from golden.spec.neural import PHASE_WIDTH
from golden.spec.neural_commands import NeuralOpcode as N
from golden.spec.neural_commands import NeuronField, TickPart


def test_products_and_quotients() -> None:
    library, rng = SequentialHost().library, np.random.default_rng(1)
    library.divided.restype = library.ratio.restype = ctypes.c_uint32
    ends = np.array([-(1 << 29), -(1 << 25), -1, 0, 1, (1 << 25) - 1, (1 << 29) - 1])
    x = np.concatenate([ends, rng.integers(-(1 << 29), 1 << 29, 9_993) >> rng.integers(0, 29, 9_993)])
    factors = np.where(
        rng.random(len(x)) < 0.2, rng.choice([0, mask(16), mask(20)], len(x)), rng.integers(1 << 20, size=len(x))
    )
    scaled = [library.scaled(int(a), int(factor)) for a, factor in zip(x, factors, strict=True)]
    np.testing.assert_array_equal(scaled, apply_factor(x, factors))
    denominators = rng.integers(0, 1 << 26, len(x)) >> rng.integers(0, 26, len(x))
    numerators = np.minimum(denominators + 2, rng.integers(0, 1 << 26, len(x)) >> rng.integers(0, 26, len(x)))
    pairs = [(int(a), int(b)) for a, b in zip(numerators, denominators, strict=True)]
    quotients = divide(numerators, denominators)
    np.testing.assert_array_equal([library.divided(a, b) for a, b in pairs], quotients)
    np.testing.assert_array_equal([library.ratio(a, b) for a, b in pairs], ratio_factor(quotients))


def test_the_oscillator_at_every_angle() -> None:
    host = SequentialHost()
    phases = np.arange(0, 1 << PHASE_WIDTH, 61)
    for index in (0, 31):
        heights = wave(phases, np.array(bool(index))) & mask(16)
        answers = resonance(phases, np.array(index)) | heights << 32
        for phase, answer in zip(phases.tolist(), answers.tolist(), strict=True):
            host.host.phase = phase
            assert host.execute(encode(N.RESONANCE, index=index, value=index & 1)).answer == answer


def test_the_response_of_branches() -> None:
    host, tick = SequentialHost(), encode(N.TICK, value=int(TickPart.DENDRITES))
    host.counts[0], host.nodes["links"][0] = 32, 1 << LINKS_WIDTH
    ends = [*range(-3, 4), *(octave * 4096 + near for octave in range(1, 8) for near in range(-2, 3)), 32767, -32768]
    branches = np.array(ends + list(range(5, 1 << 15, 7)))
    currents = []
    for branch in branches.tolist():
        for number, bits in ((NeuronField.BRANCH_0, branch), (NeuronField.MEMBRANE, 0)):
            assert host.execute(encode(N.WRITE_NEURON, value=number), bits & mask(16)).answer == 1
        host.execute(tick)
        currents.append(host.neuron_field(0, NeuronField.MEMBRANE) & mask(32))
    np.testing.assert_array_equal(currents, response(branches) << 7)
