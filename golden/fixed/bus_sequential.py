"""The registers of a sequential array: what its program does shows in the cycles in which the program does it.

The engine runs ahead as far as it can when a command is accepted: to the end of most commands; in a TICK to the next
look at the inlet or the pending edge, whose answer is that of its cycle. The array runs a command when it ends.
"""

from golden.fixed.array_command import NEVER, Execution
from golden.fixed.bus_fabric import FAR, FabricPins, FabricRegisters, fabric_settings
from golden.fixed.bus_registers import LONG_AGO
from golden.fixed.fabric_cycles import TICK_START
from golden.fixed.fabric_state import TickStart
from golden.fixed.sequential import SequentialEngine
from golden.fixed.sequential_array import HIDDEN_FROM, SequentialArray
from golden.fixed.sequential_ports import Progress, Request
from golden.spec import encode
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural_commands import ALL_CONTEXTS, STEP_OSCILLATOR, NeuralOpcode
from golden.spec.sequential_ports import SequentialPort

VALID = 1 << 31
"""Bit of the port INLET: there is an entry."""


def latest(changes: list[tuple[int, int]], cycle: int, old: int) -> int:
    """What a register shows in ``cycle`` that changed to these values at the end of these cycles."""
    passed = [value for changed, value in changes if changed < cycle]
    return passed[-1] if passed else old


class SequentialRegisters(FabricRegisters):
    """All registers of a sequential array."""

    def reset(self, first_cycle: int) -> None:
        super().reset(first_cycle)
        assert self.array.sequential is not None
        self._twin: SequentialArray = self.array.sequential
        self._twin.reset(first_cycle)
        self._engine: SequentialEngine = self._twin.engine
        self._request = Request(0)
        self._answers: list[tuple[int, int, int]] = []
        self._n_drops = self._n_reports = self._n_uses = 0
        self._old_settings_word = self._engine.ports.state.settings
        self._shown: Progress = self._engine.progress
        assert self._shown.finish is not None
        self.busy_until = self._shown.finish

    def interrupt(self, cycle: int) -> None:
        if cycle <= self.busy_until and self._busy_from != LONG_AGO:
            self._twin.interrupt(cycle, restores_buffers=not self._by_time)
        else:
            self._engine.interrupt(cycle)
        self.array.reset()
        self.reset(cycle + 1)

    # ---------------------------------------------------------------- registers

    def _read_phase(self, cycle: int) -> int:
        return latest(self._shown.phases, cycle, self._old_phase) if cycle <= self.busy_until else self.fabric.phase

    def _read_settings(self, cycle: int) -> int:
        return latest(self._shown.settings, cycle, self._old_settings_word)

    def _answer(self, cycle: int) -> int:
        if cycle - self._start <= 1:
            return self._old_answer
        low, high = ([(at, value) for at, half, value in self._answers if half == which] for which in (0, 1))
        return latest(low, cycle, 0) | latest(high, cycle, 0) << 32

    # ---------------------------------------------------------------- commands and ticks

    def _command(self, word: int, cycle: int) -> None:
        self._old_answer = self._answer(cycle)
        self._start = cycle
        self._running = Execution(FAR, list_hidden=HIDDEN_FROM)
        self._accept(word, cycle)
        self._answers = self._shown.answers

    def _tick_by_time(self, cycle: int) -> None:
        self._by_time = True
        self._accept(encode(NeuralOpcode.TICK, index=ALL_CONTEXTS | STEP_OSCILLATOR, value=self._parts), cycle)

    def _accept(self, word: int, cycle: int) -> None:
        engine = self._engine
        self._twin.catch_up()
        self._busy_from = cycle
        self._old_phase, self._old_settings_word = self.fabric.phase, engine.ports.state.settings
        settings = fabric_settings(self._values)
        self._request = Request(word, *self._operands(), settings, self._by_time)
        self._n_drops = self._n_reports = self._n_uses = 0
        self.busy_until, self.done_cycle = FAR, NEVER
        self._shown = engine.begin(self._request, cycle)
        self._look_ahead()

    def _look_ahead(self) -> None:
        """The engine has run on: what it will report, and when it ends."""
        shown, since = self._shown, self._busy_from
        self._reports += [(at - since, core, word) for at, core, word in shown.reports[self._n_reports :]]
        self._n_reports = len(shown.reports)
        if shown.finish is not None:
            self.busy_until = self.done_cycle = shown.finish
            if not self._by_time:
                self._running = Execution(shown.finish - since, list_hidden=HIDDEN_FROM)

    def finish(self) -> None:
        r = self._request
        meets = TickStart(TICK_START, phase_due=bool(self._shown.phase_uses))
        self.array.perform(r.word, r.data, r.type_mask, r.alpha_raw, settings=r.settings, tick_start=meets)
        self._twin.note()
        super().finish()

    # ---------------------------------------------------------------- time

    def wake(self, pins: FabricPins, cycle: int) -> int:
        wakes = super().wake(pins, cycle)
        shown, wants = self._shown, self._engine.wants
        for cycles, n_passed in ((shown.drops, self._n_drops), (shown.phase_uses, self._n_uses)):
            if n_passed < len(cycles):
                wakes = min(wakes, cycles[n_passed])
        return min(wakes, wants[1]) if wants is not None else wakes

    def _move_drain(self, cycle: int) -> bool:
        """What the program does to inlet and pending edge in this cycle, and what it sees of them."""
        shown, engine = self._shown, self._engine
        self._inlet_pop = self._n_drops < len(shown.drops) and shown.drops[self._n_drops] == cycle
        if self._inlet_pop:
            self._n_drops += 1
            if self._inlet.valid:
                self.fabric.receive(*divmod(self._inlet.head, 1 << VECTORS_PER_CORE))
        uses_phase = self._n_uses < len(shown.phase_uses) and shown.phase_uses[self._n_uses] == cycle
        self._n_uses += uses_phase
        if engine.wants is not None and engine.wants[1] == cycle:
            engine.give(self._outside(engine.wants[0]))
            self._look_ahead()
        return uses_phase

    def _outside(self, number: int) -> int:
        """What the program loads from a port that shows inlet or pending edge."""
        if number == SequentialPort.PHASE_DUE:
            return int(self._phase_due)
        core, bits = divmod(self._inlet.head, 1 << VECTORS_PER_CORE)
        if number == SequentialPort.INLET_WORD:
            return bits
        return core | (VALID if self._inlet.valid else 0)
