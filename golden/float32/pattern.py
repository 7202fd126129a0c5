"""Spike histories: a 32-bit shift register a neuron, compared by Hamming distance."""

import numpy as np
from numpy.typing import NDArray

from golden.float32.state import SpikingState
from golden.spec.constants import INDEX_NONE


class PatternUnit:
    """Works on ``state.patterns``; ``n`` is the number of vectors."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    def reset(self) -> None:
        """Clear all histories."""
        self.state.patterns[:] = 0

    def record(self) -> None:
        """history = (history << 1) | spike, for all 32 neurons; the oldest bit falls out."""
        s = self.state
        s.patterns[:] = s.patterns << np.uint32(1) | s.spike_flags()

    def match(self, n: int, target: int) -> int:
        """The neuron of least Hamming distance to ``target``, the lowest index on ties; 255 when n is 0."""
        return int(np.argmin(self._hamming(n, target))) if n else INDEX_NONE

    def correlate(self, n: int, index: int, most: int) -> int:
        """Bit j set for each j != ``index`` whose history differs from ``index``'s in at most ``most`` bits."""
        near = self._hamming(n, int(self.state.patterns[index])) <= most
        return sum(1 << j for j in range(n) if near[j] and j != index)

    def _hamming(self, n: int, target: int) -> NDArray[np.uint8]:
        return np.bitwise_count(self.state.patterns[:n] ^ np.uint32(target))
