"""Leaky integrate-and-fire neurons, one a vector, and the router that carries their spikes along the graph."""

from collections.abc import Sequence

import numpy as np

from golden.float32.math32 import ONE, ZERO, ieee, saturate
from golden.float32.neural_constants import (
    INITIAL_THRESHOLD,
    NEVER,
    REFRACTORY_PERIOD,
    RESET_POTENTIAL,
    TAU_MEMBRANE,
)
from golden.float32.state import SpikingState


class LifNeurons:
    """The neurons of ``state``. ``n`` is the number of vectors; neurons from there on take no part in anything."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    def reset(self) -> None:
        """Membrane 0, threshold 1, never fired, not refractory, no spikes, time 0; all 32 neurons."""
        s = self.state
        s.membrane[:] = RESET_POTENTIAL
        s.threshold[:] = INITIAL_THRESHOLD
        s.last_spike[:] = NEVER
        s.refractory[:] = 0
        s.spikes = 0
        s.time = ZERO

    @ieee()
    def add(self, index: int, current: np.float32) -> None:
        """V = saturate(V + current)."""
        v = self.state.membrane
        v[index] = saturate(v[index] + current)

    @ieee()
    def step(self, n: int, dt: np.float32) -> int:
        """One step of ``dt`` (0..1000 ms, see ``math32.time_step``); returns the number of spikes.

        A refractory neuron (refractory > 0): refractory = max(refractory - dt, 0), nothing else.
        The others: V = V * leak with leak = max(1 - dt / 20, 0): a step longer than the time constant empties the
        membrane instead of changing its sign. V >= threshold fires: last spike = time, V = 0, refractory = 2.
        Then time = time + dt. In float32 time stands still once dt is below half its last place: with dt = 1 ms
        after 2**24 ms = 4.6 h; from there on spikes count as simultaneous until the next reset.
        """
        s = self.state
        v, refractory = s.membrane[:n], s.refractory[:n]
        waiting = refractory > 0
        leak = max(ONE - dt / TAU_MEMBRANE, ZERO)
        v[...] = np.where(waiting, v, v * leak)
        refractory[...] = np.where(waiting, np.maximum(refractory - dt, ZERO), refractory)
        firing = ~waiting & (v >= s.threshold[:n])
        v[firing] = RESET_POTENTIAL
        refractory[firing] = REFRACTORY_PERIOD
        s.last_spike[:n][firing] = s.time
        s.spikes = sum(1 << i for i in np.flatnonzero(firing).tolist())
        s.time = np.float32(s.time + dt)
        return int(firing.sum())

    @ieee()
    def propagate(self, links: Sequence[Sequence[int]], gain: np.float32) -> None:
        """For each i that fired, ascending, and each neighbour j in slot order: V_j = saturate(V_j + c_i).

        c_i = gain * (w_i / 255), one division and one product. Refractory neighbours receive it too.
        """
        v = self.state.membrane
        for i in self.state.fired():
            # A node's neighbours are all different: at once is the same as one after the other.
            v[list(links[i])] = saturate(v[list(links[i])] + gain * self.state.share(i))
