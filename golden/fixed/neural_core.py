"""The spiking network of one core in fixed point, whole operations at a time: what the units do, without the cycles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from golden.fixed.bits import I64Array
from golden.fixed.graph_store import links, n_links
from golden.fixed.neural_dendrite import tree_current
from golden.fixed.neural_divider import bridge_terms, divide, gain_current, ratio_factor, search_drive
from golden.fixed.neural_homeostasis import counted, doubled_decay, settle
from golden.fixed.neural_lif import advance, apply_factor, leaky_step
from golden.fixed.neural_oscillator import next_phase
from golden.fixed.neural_pattern import record
from golden.fixed.neural_router import branch_current, facing_slot, spike_current
from golden.fixed.neural_state import NeuralState
from golden.fixed.neural_stdp import depression, join_weight, learned, potentiation, split_weight
from golden.fixed.neural_wta import inhibited
from golden.spec.constants import INDEX_NONE, MAX_NEIGHBOURS
from golden.spec.neural import BRANCH, MEMBRANE, REFRACTORY_RAW, RESET_TIME_STEP, TimeStep


def raw(number: int) -> I64Array:
    """One number as the array that the units' arithmetic takes."""
    return np.asarray(number, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Which parts of a tick run."""

    dendrites: bool = False
    clear: bool = False
    step: bool = True
    homeostasis: bool = False
    record: bool = False
    to_membrane: bool = True
    to_branch: bool = False
    learn: bool = False


class NeuralCore:
    """Operations on ``state`` for the first ``count`` neurons; ``words`` are the 32 graph words ``[32]``."""

    def __init__(self, state: NeuralState | None = None) -> None:
        self.state = NeuralState() if state is None else state
        self.time_step: TimeStep = RESET_TIME_STEP

    def tick(self, words: I64Array, count: int, gain: int, parts: Tick) -> int:
        """A tick as the contract has it; returns the number of spikes in the spikes register."""
        self.stream(words, count, parts)
        self.deliver(words, gain, parts)
        return len(self.state.fired())

    def stream(self, words: I64Array, count: int, parts: Tick, external: int = 0) -> int:
        """Pass A: every neuron through the units. Spikes from outside join the spikes register only.

        Returns:
            The neurons that fired by themselves, a bit each.
        """
        s, t = self.state, self.time_step
        now = slice(count)
        current = np.zeros(count, dtype=np.int64)
        if parts.dendrites:
            current = tree_current(s.branches[now], n_links(words[now]))
        if parts.clear:
            s.branches[now] = 0
        x = MEMBRANE.saturate(s.membrane[now] + current)
        s.membrane[now] = x
        own = 0
        if parts.step:
            leaked = MEMBRANE.saturate(x - apply_factor(x, raw(t.leak)))
            s.membrane[now], spike = leaky_step(x, leaked, s.threshold[now], s.elapsed[now])
            s.elapsed[now] = np.where(spike, 0, advance(s.elapsed[now], raw(t.dt_raw)))
            s.spikes = own = sum(1 << int(i) for i in np.flatnonzero(spike))
        else:
            s.spikes |= external
        flags = s.spike_flags()
        if parts.homeostasis:
            rate = counted(s.rate[now], flags[now], raw(t.rate_factor))
            decay = (doubled_decay(rate, raw(t.rate_factor)) + 1) >> 1
            s.rate[now], s.threshold[now] = settle(rate, decay, s.threshold[now], raw(t.target_step))
        if parts.record:
            s.history[:] = record(s.history, flags)
        s.spikes |= external
        return own

    def deliver(
        self, words: I64Array, gain: int, parts: Tick, order: Sequence[int] | None = None
    ) -> list[tuple[int, int]]:
        """Pass B: each spike in turn (in this order; ascending) to its neighbours, and what is learned from it.

        Returns:
            Every weight that learning wrote, in turn: a neuron and its new byte.
        """
        s = self.state
        # Weights as the tick found them: every spike goes out before anything is learned from it.
        weights = s.weight.copy()
        writes: list[tuple[int, int]] = []
        for i in s.fired() if order is None else order:
            word = words[i : i + 1]
            current = int(spike_current(raw(gain), weights[i]))
            total = 0
            for j in links(word)[0, : min(int(n_links(word)[0]), MAX_NEIGHBOURS)].tolist():
                if parts.to_membrane:
                    s.membrane[j] = MEMBRANE.saturate(s.membrane[j] + current)
                if parts.to_branch:
                    self._to_branch(words[j : j + 1], i, j, current)
                if parts.learn:
                    change = int(potentiation(s.elapsed[j]))
                    writes.append((j, self._learn(j, change)))
                    total += change
            if parts.learn:
                writes.append((i, self._learn(i, -int(depression(raw(total))))))
        return writes

    def _to_branch(self, word: I64Array, source: int, target: int, current: int) -> None:
        faces, slot = facing_slot(word, np.array([source]))
        if faces[0]:
            branch = self.state.branches[target]
            branch[slot[0]] = BRANCH.saturate(branch[slot[0]] + int(branch_current(raw(current))))

    def _learn(self, index: int, change: int) -> int:
        s = self.state
        total = learned(join_weight(s.weight[index], s.residue[index]), raw(change))
        s.weight[index], s.residue[index] = split_weight(total)
        return int(s.weight[index])

    def oscillate(self) -> None:
        """One step of the gamma oscillator."""
        self.state.phase = int(next_phase(raw(self.state.phase), raw(self.time_step.phase_step)))

    def compete(self, count: int) -> int:
        """Hard competition; the winner, 255 when there is none."""
        s = self.state
        v = s.membrane[:count]
        self._find_winner(v, s.elapsed[:count] >= REFRACTORY_RAW)
        if s.winner != INDEX_NONE:
            left = inhibited(v, v[s.winner])
            left[s.winner] = v[s.winner]
            v[:] = left
        return s.winner

    def soften(self, count: int) -> None:
        """Soft competition: V (V / V_max)^2, the ratio held to -1..1."""
        v = self.state.membrane[:count]
        self._find_winner(v, np.ones(count, dtype=bool))
        if self.state.winner != INDEX_NONE:
            largest = v[self.state.winner]
            factor = ratio_factor(divide(np.minimum(np.abs(v), largest), np.full(count, largest)))
            v[:] = apply_factor(apply_factor(v, factor), factor)

    def _find_winner(self, v: I64Array, eligible: np.ndarray) -> None:
        standing = np.where(eligible & (v > 0), v, 0)
        self.state.winner = int(np.argmax(standing)) if standing.any() else INDEX_NONE

    def bridge(self, indices: I64Array, distances: I64Array, one: int, gain: int) -> None:
        """V_i += gain / (1 + distance) for search results, raw distances of which ``one`` means 1."""
        factor = ratio_factor(divide(*bridge_terms(distances, raw(one))))
        current = apply_factor(np.broadcast_to(gain_current(raw(gain)), factor.shape), factor)
        for i, c in zip(indices.tolist(), current.tolist(), strict=True):
            self.state.membrane[i] = MEMBRANE.saturate(self.state.membrane[i] + c)

    def start_search(self, distances: I64Array) -> None:
        """The state with which a neuromorphic search begins, from the raw distances of all vectors."""
        s = self.state
        s.reset_network()
        s.branches[:], s.history[:], s.winner = 0, 0, INDEX_NONE
        s.membrane[: len(distances)] = search_drive(distances)
