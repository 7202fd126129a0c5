"""Spike-timing dependent plasticity: pair-based, exponential window, one outgoing weight a node."""

from collections.abc import Sequence

import numpy as np

from golden.float32.math32 import ZERO, exp, ieee
from golden.float32.neural_constants import STDP_DEPRESSION, STDP_POTENTIATION, TAU_STDP
from golden.float32.state import SpikingState
from golden.spec.constants import MAX_WEIGHT


class Stdp:
    """Changes ``state.weight``, float32 in 0..255.

    Fractions of a byte are kept: the weight accumulates them exactly as float32, and what acts (and is read) is the
    nearest byte, floor(weight + 0.5). Hardware gets the rounding for free by storing weight + 0.5 and reading the top
    8 bits.
    """

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    @ieee()
    def update(self, links: Sequence[Sequence[int]]) -> None:
        """For each i that fired, ascending, and each neighbour j in slot order that fired earlier (and ever):

        e = exp((t_j - t) / 20) with ``math32.exp``; w_j = min(w_j + 2.55 * e, 255); w_i = max(w_i - 3.06 * e, 0).
        t is i's last spike. Equal times, and neighbours that never fired, change nothing.
        """
        s = self.state
        for i in s.fired():
            for j in links[i]:
                if ZERO <= s.last_spike[j] < s.last_spike[i]:
                    e = exp((s.last_spike[j] - s.last_spike[i]) / TAU_STDP)
                    s.weight[j] = np.minimum(s.weight[j] + STDP_POTENTIATION * e, np.float32(MAX_WEIGHT))
                    s.weight[i] = np.maximum(s.weight[i] - STDP_DEPRESSION * e, ZERO)
