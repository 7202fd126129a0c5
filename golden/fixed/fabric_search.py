"""Commands of the spiking fabric that work on the result list, and the competition of a core's neurons."""

from dataclasses import replace

import numpy as np

from golden.fixed import fabric_cycles as timing
from golden.fixed.array_batch import BatchArray
from golden.fixed.array_command import Command, Execution, collect_results
from golden.fixed.array_cycles import exact_scan_cycles, first_feed
from golden.fixed.array_search import packed_keys
from golden.fixed.array_state import Entry
from golden.fixed.bits import I64Array, entry_key, mask
from golden.fixed.fabric_state import RESET_SETTINGS, Context, Contexts, FabricSettings
from golden.fixed.graph_store import n_links
from golden.fixed.neural_core import raw
from golden.fixed.neural_dendrite import tree_current
from golden.fixed.neural_divider import bridge_terms, divide, gain_current, ratio_factor, search_drive
from golden.fixed.neural_lif import scale
from golden.fixed.neural_oscillator import next_phase, resonance
from golden.fixed.neural_pattern import popcount
from golden.fixed.neural_search import SEARCH_PARTS, join_sequence, late_activity, scores
from golden.spec.commands import SEARCH_K_MASK, SEARCH_KEEP
from golden.spec.constants import INDEX_NONE, MAX_NEIGHBOURS, MAX_RESULTS
from golden.spec.neural import FACTOR_WIDTH, HISTORY_WIDTH, MEMBRANE, RESONANCE_ONE
from golden.spec.neural_commands import ResetPart

WALK_HIDES = 2
"""The busy cycle from which a walk hides the result list."""


def dissimilarity(history: I64Array, pattern: int) -> I64Array:
    """1 - similarity of histories and a pattern, in 2**-16: different bits by all bits; 0 if there are none."""
    total = popcount(history | pattern)
    return np.where(total > 0, divide(popcount(history ^ pattern), total), 0)


class FabricSearch(Contexts):
    """The neurons of ``array``; ``phase`` is the oscillator's, ``settings`` the registers of the next command."""

    def __init__(self, array: BatchArray) -> None:
        super().__init__(array.config)
        self.array = array
        self.phase = 0
        self.settings: FabricSettings = RESET_SETTINGS

    def reset(self) -> None:
        """The state after a reset, when the array has emptied itself."""
        self.empty()
        self.phase = 0

    def count(self, core: int) -> int:
        """Vectors of a core."""
        return int(self.array.counts[core])

    def next_phase(self) -> int:
        """The phase one step on."""
        return int(next_phase(raw(self.phase), raw(self.settings.time_step.phase_step)))

    def soften(self, context: Context, count: int) -> int:
        """Soft competition; the cycles of its second pass."""
        v = context.state.membrane[:count]
        n_zero = int((v == 0).sum())
        context.neurons.soften(count)
        if context.state.winner == INDEX_NONE:
            return 0
        return timing.soft_pass_cycles(n_zero, count - n_zero)

    # ---------------------------------------------------------------- the result list

    def _inject_results(self, c: Command) -> Execution:
        array, count = self.array, self.count(c.core)
        own = [(key, index) for key, core, index in array.results if core == c.core and index < count]
        v = self.of(c.core).state.membrane
        gain = gain_current(raw(self.settings.gain_raw))
        for key, index in own:
            factor = ratio_factor(divide(*bridge_terms(raw(key), raw(self.settings.distance_one))))
            v[index] = MEMBRANE.saturate(v[index] + scale(gain, factor))
        array.n_unread = len(array.results)
        n = timing.inject_results_cycles(timing.walk_cycles(len(array.results) - len(own), len(own)))
        return Execution(n, len(own), n, WALK_HIDES)

    def _resonate(self, c: Command) -> Execution:
        # The slice that owns an entry's core works on it: none does on cores that MERGE made up.
        entries = [entry for entry in self.array.results if entry[1] < self.config.cores]
        form = self.config.key_format
        keys = np.array([key for key, _, _ in entries], dtype=np.int64)
        indices = raw_indices(entries)
        share = ratio_factor(divide(resonance(raw(self.phase), indices), np.full(len(entries), RESONANCE_ONE)))
        moved = form.saturate(2 * keys - scale(scale(MEMBRANE.saturate(keys), share), raw(c.data & mask(FACTOR_WIDTH))))
        stream = sorted((int(key), core, index) for key, (_, core, index) in zip(moved, entries, strict=True))
        turn = timing.resonate_turn(timing.walk_cycles(len(self.array.results) - len(entries), len(entries)))
        done = self._list(stream, c.value, False, turn)
        return replace(done, list_hidden=WALK_HIDES)

    def _spike_similarity(self, c: Command) -> Execution:
        exists = c.index < self.count(c.core)
        n = timing.similarity_cycles(exists=exists)
        if not exists:
            return Execution(n, 0, n)
        history = self.of(c.core).state.history[c.index]
        return Execution(n, int(dissimilarity(history, c.data & mask(HISTORY_WIDTH))) | 1 << 32, n)

    def _spike_search(self, c: Command) -> Execution:
        count = self.count(c.core)
        keys = dissimilarity(self.of(c.core).state.history[:count], c.data & mask(HISTORY_WIDTH))
        stream = sorted((int(key), c.core, index) for index, key in enumerate(keys))[:MAX_RESULTS]
        return self._list(stream, c.value, bool(c.value & SEARCH_KEEP), timing.spike_search_turn(count))

    def _list(self, stream: list[Entry], value: int, keep: bool, turn: int) -> Execution:
        """What a SEARCH with k from ``value`` does from its turn cycle on, under L2."""
        k = min(value & SEARCH_K_MASK, MAX_RESULTS)
        return collect_results(self.array, stream, k, keep, int(first_feed(self.config, turn, 0)), turn)

    # ---------------------------------------------------------------- neuromorphic search

    def _neuro_search(self, c: Command) -> Execution:
        array, count, context = self.array, self.count(c.core), self.of(c.core)
        s = context.state
        context.clear(ResetPart.NETWORK | ResetPart.BRANCHES | ResetPart.HISTORIES)
        n_units = exact_scan_cycles(np.array([[count]]), array.n_row_words)
        cycle = timing.search_scan_start() + n_units - 1 + timing.drive_cycles(count)
        if count:
            keys = entry_key(packed_keys(array, array.query[None], slice(c.core, c.core + 1))[0, 0, :count])
            s.membrane[:count] = search_drive(keys)
        first, late, volley = s.membrane[:count].copy(), np.zeros(count, np.int64), 0
        phases = []
        for t in range(c.index):
            cycle += 1
            self.phase = self.next_phase()
            phases.append((cycle, self.phase))
            history = s.history[:count].copy()
            n_tick, driven = self._iterate(context, c.core, count)
            if t == 0:
                volley = s.spikes.bit_count()
            else:
                late += late_activity(t, driven, history)
            cycle += timing.iteration_cycles(count, n_tick, self.soften(context, count)) - 1
        turn = cycle + timing.score_cycles(count) + 1
        stream: list[Entry] = []
        if count:
            preferred = resonance(raw(self.phase), np.arange(count))
            joined = join_sequence(scores(first, late, volley), s.trace[:count], context.glimpses, volley, preferred)
            s.trace[:count], context.glimpses = joined.trace, joined.glimpses
            distances = self.config.key_format.saturate(joined.keys)
            stream = sorted((int(key), c.core, index) for index, key in enumerate(distances))[:MAX_RESULTS]
        done = self._list(stream, c.value, bool(c.value & SEARCH_KEEP), turn)
        return replace(done, phases=tuple(phases))

    def _iterate(self, context: Context, core: int, count: int) -> tuple[int, I64Array]:
        """The tick of an iteration: its cycles, and the membranes between dendrites and leak."""
        words, neurons = self.array.words[core], context.neurons
        neurons.time_step = self.settings.time_step
        neurons.state.weight = self.array.weights[core].copy()
        current = tree_current(neurons.state.branches[:count], n_links(words[:count]))
        driven = MEMBRANE.saturate(neurons.state.membrane[:count] + current)
        own = neurons.stream(words, count, SEARCH_PARTS)
        schedule = timing.engine_schedule(own, own, link_counts(words), SEARCH_PARTS)
        neurons.deliver(words, self.settings.gain_raw, SEARCH_PARTS, schedule.order)
        return schedule.n_busy, driven


def link_counts(words: I64Array) -> list[int]:
    """Links of nodes as they are followed: 6 for 7."""
    return [int(n) for n in np.minimum(n_links(words), MAX_NEIGHBOURS)]


def raw_indices(entries: list[Entry]) -> I64Array:
    """The indices of list entries."""
    return np.array([index for _, _, index in entries], dtype=np.int64)
