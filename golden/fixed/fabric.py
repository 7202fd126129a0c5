"""The commands of the spiking fabric: what each does to neurons, weights and result list, and how long it takes."""

from collections.abc import Callable

import numpy as np

from golden.fixed import fabric_cycles as timing
from golden.fixed.array_batch import BatchArray
from golden.fixed.array_command import Command, Execution, to_signed64
from golden.fixed.bits import I64Array, mask
from golden.fixed.fabric_search import FabricSearch, link_counts
from golden.fixed.fabric_state import Context, TickStart
from golden.fixed.neural_core import Tick, raw
from golden.fixed.neural_encoder import encode
from golden.fixed.neural_oscillator import resonance, wave
from golden.fixed.neural_pattern import popcount
from golden.spec.constants import INDEX_NONE, INDEX_WIDTH, MAX_NEIGHBOURS
from golden.spec.neural import BRANCH, HISTORY_WIDTH, MEMBRANE, WAVE
from golden.spec.neural_commands import ALL_CONTEXTS, STEP_OSCILLATOR, NeuralOpcode, ResetPart, TickPart

HIGH = 32
"""The high word of RETURN begins here."""
SOFT = 1
COSINE = 1


def tick_parts(value: int) -> Tick:
    """The parts of a tick from the bits of TickPart."""
    return Tick(**{part.name.lower(): bool(value & part) for part in TickPart if part.name})


class Fabric(FabricSearch):
    """The neurons of ``array``, whose weights, graph, vectors, buffers and result list they share.

    ``settings`` are those of the next command.
    """

    def __init__(self, array: BatchArray) -> None:
        super().__init__(array)
        self.commands: dict[int, Callable[[Command], Execution]] = {
            opcode: getattr(self, f"_{opcode.name.lower()}") for opcode in NeuralOpcode
        }

    def _exists(self, c: Command) -> bool:
        return c.index < self.count(c.core)

    # ---------------------------------------------------------------- state

    def _neuron_reset(self, c: Command) -> Execution:
        everywhere = bool(c.index & ALL_CONTEXTS)
        for context in self.contexts if everywhere else [self.of(c.core)]:
            context.clear(ResetPart(c.value & mask(len(ResetPart))))
        return Execution(timing.reset_cycles(self.config.contexts_per_slice if everywhere else 1))

    def _inject(self, c: Command) -> Execution:
        exists = self._exists(c)
        if exists:
            v = self.of(c.core).state.membrane
            v[c.index] = MEMBRANE.saturate(v[c.index] + MEMBRANE.saturate(to_signed64(c.data)))
        n = timing.inject_cycles(exists=exists)
        return Execution(n, int(exists), n)

    def _inject_branch(self, c: Command) -> Execution:
        exists = self._exists(c) and c.value < MAX_NEIGHBOURS
        if exists:
            branch = self.of(c.core).state.branches[c.index]
            branch[c.value] = BRANCH.saturate(branch[c.value] + BRANCH.saturate(to_signed64(c.data)))
        return Execution(2, int(exists), 2)

    def _read_neuron(self, c: Command) -> Execution:
        bits, exists = self.of(c.core).read_field(c.index, c.value)
        return Execution(2, bits | exists << HIGH, 2)

    def _write_neuron(self, c: Command) -> Execution:
        return Execution(2, int(self.of(c.core).write_field(c.index, c.value, c.data)), 2)

    # ---------------------------------------------------------------- ticks

    def receive(self, core: int, bits: int) -> None:
        """Spikes from outside, for the next tick of a core's context."""
        self.of(core).external |= bits

    def _tick(self, c: Command) -> Execution:
        return self.tick(c, TickStart(timing.TICK_START))

    def tick(self, c: Command, at: TickStart) -> Execution:
        """TICK from its first START on."""
        parts, everywhere = tick_parts(c.value), bool(c.index & ALL_CONTEXTS)
        phases: tuple[tuple[int, int], ...] = ()
        if c.index & STEP_OSCILLATOR:
            self.phase = 0 if at.phase_due else self.next_phase()
            phases = ((at.cycle, self.phase),)
        n_slices = self.config.slices
        rounds = [range(first, first + n_slices) for first in range(0, self.config.contexts, n_slices)]
        cycle, idle, n_spikes, word = at.cycle, at.reporter_idle, 0, 0
        reports: list[tuple[int, int, int]] = []
        for cores in rounds if everywhere else [range(c.core, c.core + 1)]:
            n_engine = max([self._tick_core(core, parts, cycle) for core in cores])
            cycle = timing.report_cycle(cycle, n_engine)
            for core in cores:
                word = self.of(core).state.spikes
                if word:
                    cycle = max(cycle, idle)
                    reports.append((cycle, core, word))
                    n_spikes += word.bit_count()
                    idle = cycle + word.bit_count() + 1
                cycle += 1
        n = cycle - 1
        answer = n_spikes if everywhere else n_spikes | word << HIGH
        return Execution(n, answer, n, reports=tuple(reports), phases=phases)

    def _tick_core(self, core: int, parts: Tick, start: int) -> int:
        """One engine at work from ``start`` on; its cycles."""
        context, words = self.of(core), self.array.words[core]
        neurons, s = context.neurons, context.state
        neurons.time_step = self.settings.time_step
        s.weight = self.array.weights[core].copy()
        # What is there from the beginning does not wait for the neuron's own firing.
        own = neurons.stream(words, self.count(core), parts, context.external) & ~context.external
        context.external = 0
        degrees = link_counts(words)
        schedule = timing.engine_schedule(own, s.spikes, degrees, parts)
        learned = iter(neurons.deliver(words, self.settings.gain_raw, parts, schedule.order))
        if parts.learn:
            for index, first in zip(schedule.order, schedule.first_turns, strict=True):
                for position in range(degrees[index] + 1):
                    target, weight = next(learned)
                    cycle = timing.learning_cycle(start, first, position)
                    self.array.write(cycle, self.array.weights, (core, target), weight)
        return schedule.n_busy

    # ---------------------------------------------------------------- oscillator

    def _oscillate(self, c: Command) -> Execution:
        self.phase = self.next_phase()
        return Execution(2, self.phase, 2, phases=((1, self.phase),))

    def _resonance(self, c: Command) -> Execution:
        index = c.index & mask(INDEX_WIDTH)
        height = int(wave(raw(self.phase), np.asarray(bool(c.value & COSINE)))) & mask(WAVE.width)
        return Execution(2, int(resonance(raw(self.phase), raw(index))) | height << HIGH, 2)

    # ---------------------------------------------------------------- passes

    def _compete(self, c: Command) -> Execution:
        count, context = self.count(c.core), self.of(c.core)
        if c.value & SOFT:
            second = self.soften(context, count)
        else:
            winner = context.neurons.compete(count)
            second = timing.hard_pass_cycles(count, has_winner=winner != INDEX_NONE)
        n = timing.compete_cycles(count, second)
        return Execution(n, context.state.winner, n)

    def _compare_patterns(self, c: Command) -> Execution:
        count = self.count(c.core)
        distance = self._distances(self.of(c.core), count, c.data)
        near = np.flatnonzero((distance <= c.value) & (np.arange(count) != c.index & mask(INDEX_WIDTH + 1)))
        best = int(np.argmin(distance)) if count else INDEX_NONE
        n = timing.compare_cycles(count)
        return Execution(n, sum(1 << int(i) for i in near) | best << HIGH, n)

    @staticmethod
    def _distances(context: Context, count: int, data: int) -> I64Array:
        return popcount(context.state.history[:count] ^ (data & mask(HISTORY_WIDTH)))

    def _activity(self, c: Command) -> Execution:
        count = self.count(c.core)
        n = timing.activity_cycles(count)
        return Execution(n, int(self.of(c.core).state.rate[:count].sum()), n)

    # ---------------------------------------------------------------- spike patterns

    def _encode(self, c: Command) -> Execution:
        exists, dims = self._exists(c), self.array.dims
        n = timing.encode_cycles(dims, exists=exists)
        if not exists:
            return Execution(n, 0, n)
        pattern = encode(self.array.vectors[c.core, c.index, :dims].astype(np.int64))
        self.of(c.core).state.history[c.index] = pattern
        return Execution(n, pattern | 1 << HIGH, n)

    def _encode_query(self, c: Command) -> Execution:
        n = timing.encode_query_cycles(self.array.dims)
        return Execution(n, encode(self.array.query[: self.array.dims]), n)
