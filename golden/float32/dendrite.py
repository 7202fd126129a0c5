"""Dendritic trees: 6 branches a neuron, branch b for the neighbour in slot b of its list."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from golden.float32.math32 import ONE, ZERO, Floats, ieee, saturate
from golden.float32.neural_constants import DENDRITIC_NONLINEARITY
from golden.float32.state import SpikingState
from golden.spec.constants import MAX_NEIGHBOURS


@ieee()
def branch_response(branch: Floats) -> Floats:
    """f(b), elementwise: 0 for b <= 0; b for b < 1; else 1 + x / (1 + x / 2) with x = b - 1. Saturates at 3."""
    x = np.maximum(branch, ONE) - ONE
    return np.where(branch < ONE, np.maximum(branch, ZERO), ONE + x / (ONE + x / DENDRITIC_NONLINEARITY))


class Dendrites:
    """Works on ``state.branches``. Branch contents stay in their slot when an insertion moves the graph's links."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    def reset(self) -> None:
        """Clear all branches."""
        self.state.branches[:] = 0

    @ieee()
    def inject(self, index: int, branch: int, current: np.float32) -> None:
        """b = saturate(b + current)."""
        b = self.state.branches
        b[index, branch] = saturate(b[index, branch] + current)

    @ieee()
    def integrate(self, neurons: slice, n_links: NDArray[np.intp]) -> Floats:
        """V = saturate(V + sum) for each of ``neurons``; returns the sums. Nothing is cleared.

        The sum of f(b) over the neuron's first ``n_links`` branches (one number a neuron), slot 0 upwards from +0:
        the branches in use are those with a neighbour; another keeps what is in it, but is not heard.
        """
        response = branch_response(self.state.branches[neurons])
        total = np.zeros(len(response), np.float32)
        for slot in range(MAX_NEIGHBOURS):
            total = total + np.where(slot < n_links, response[:, slot], ZERO)
        v = self.state.membrane
        v[neurons] = saturate(v[neurons] + total)
        return total

    @ieee()
    def propagate(self, links: Sequence[Sequence[int]], gain: np.float32) -> None:
        """For each i that fired, ascending, and each neighbour j in slot order: the branch of j that faces i
        receives gain * (w_i / 255); nothing where j's list does not hold i.
        """
        b = self.state.branches
        for i in self.state.fired():
            facing = [j for j in links[i] if i in links[j]]
            slots = [links[j].index(i) for j in facing]
            # All of them are different branches: at once is the same as one after the other.
            b[facing, slots] = saturate(b[facing, slots] + gain * self.state.share(i))
