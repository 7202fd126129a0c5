"""Winner take all: hard and soft competition between the membranes."""

import numpy as np

from golden.float32.math32 import ONE, ZERO, ieee
from golden.float32.neural_constants import WTA_INHIBITION
from golden.float32.state import SpikingState
from golden.spec.constants import INDEX_NONE


class WinnerTakeAll:
    """Works on ``state.membrane``; ``n`` is the number of vectors."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    def reset(self) -> None:
        """Forget the winner."""
        self.state.winner = INDEX_NONE

    @ieee()
    def compete(self, n: int) -> int:
        """Hard: the winner is the non-refractory neuron of largest V > 0, the lowest index on ties.

        Every other neuron, refractory ones included: V = max(V - 0.8 * V_max, 0), so a negative V becomes 0 too.
        Returns the winner; 255, and no V changes, when there is none.
        """
        s = self.state
        v = s.membrane[:n]
        standing = np.where((s.refractory[:n] <= 0) & (v > 0), v, ZERO)
        s.winner = INDEX_NONE
        if n and standing.max() > 0:
            s.winner = int(np.argmax(standing))
            largest = v[s.winner]
            v[...] = np.maximum(v - WTA_INHIBITION * largest, ZERO)
            v[s.winner] = largest
        return s.winner

    @ieee()
    def soften(self, n: int) -> None:
        """Soft: with V_max the largest V of all, and V_max > 0: r = max(V / V_max, -1); V = V * (r * r).

        The bound on r keeps a neuron that is inhibited below -V_max where it is; without it V would run away.
        """
        v = self.state.membrane[:n]
        if n and v.max() > 0:
            ratio = np.maximum(v / v.max(), -ONE)
            v[...] = v * (ratio * ratio)
