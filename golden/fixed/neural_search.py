"""The arithmetic of the neuromorphic search: drive, late activity, score, and the sequence of glimpses.

What ``golden.float32.neuromorphic`` does in float32, in the formats of the hardware: scores in 2**-20 (as membranes),
traces in 2**-11, records in -2**-15 of a score. One search at a time; arrays hold one number a neuron.
"""

from dataclasses import dataclass

import numpy as np

from golden.fixed.bits import I64Array
from golden.fixed.neural_core import Tick, raw
from golden.fixed.neural_lif import scale
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import FACTOR_POINT, MEMBRANE, TRACE

SEARCH_PARTS = Tick(dendrites=True, clear=True, homeostasis=True, record=True, to_membrane=False, to_branch=True)
"""What an iteration's tick does."""
VALUE_ONE = 1 << MEMBRANE.fraction_bits
LATE_CAP = 2 * VALUE_ONE
"""What a membrane adds to the late activity, at most."""
LATE_STEP = 3
"""The late activity of iteration t counts 2**-(LATE_STEP * t), from iteration LATE_LIMIT on nothing."""
LATE_LIMIT = 8
COUNT_SHIFT = FACTOR_POINT - (VECTORS_PER_CORE.bit_length() - 1)
"""A count of neurons, shifted by this, is the factor word of its share of 32."""
TRACE_SHIFT = MEMBRANE.fraction_bits - TRACE.fraction_bits
MAX_GLIMPSES = 3
RESONANCE_SHIFT = 16
RECORD_SHIFT = 5


def late_activity(t: int, membrane: I64Array, history: I64Array) -> I64Array:
    """What iteration ``t`` >= 1 adds: membranes after the dendrites, and histories before this step."""
    if t >= LATE_LIMIT:
        return np.zeros_like(membrane)
    return (np.minimum(membrane, LATE_CAP) + np.where(history != 0, VALUE_ONE, 0)) >> LATE_STEP * t


def scores(first: I64Array, late: I64Array, volley: int) -> I64Array:
    """The score of a search: membranes at its start, and the late activity by the share of neurons that fired first."""
    return first + scale(late, raw(volley << COUNT_SHIFT))


@dataclass(frozen=True, slots=True)
class Joined:
    """A search in its sequence: the records' keys (not held to their width), the traces and the glimpses afterwards."""

    keys: I64Array
    trace: I64Array
    glimpses: int


def join_sequence(score: I64Array, trace: I64Array, glimpses: int, volley: int, resonance: I64Array) -> Joined:
    """Whether a search of n >= 1 neurons continues the sequence before it, and what comes of it."""
    n, remembered = len(score), trace << TRACE_SHIFT
    share = raw(n << COUNT_SHIFT)
    above_score = scale(score, share) > score.sum() >> 5
    above_trace = scale(remembered, share) > trace.sum() << (TRACE_SHIFT - 5)
    n_agree = int((above_score == above_trace).sum())
    kept = final = score
    continues = glimpses > 0 and 16 * n_agree + 4 * volley >= (11 + glimpses) * n
    if continues:
        kept = score + remembered
        final = score + (remembered >> MAX_GLIMPSES - glimpses)
    final = final + (resonance >> RESONANCE_SHIFT)
    left = np.clip((7 * kept + (1 << TRACE_SHIFT + 2)) >> TRACE_SHIFT + 3, 0, TRACE.max_raw)
    return Joined(-(final >> RECORD_SHIFT), left, min(glimpses + 1, MAX_GLIMPSES) if continues else 1)
