"""The registers of an array with contexts, and what time does there: ticks by time, spikes in and out, pending edges.

:meth:`FabricRegisters.clock` is one clock edge of all that moves by itself. A TICK meets what is in the inlet and what
the reporter is at, so it is run when its engines start; every other command is run when it is accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from golden.fixed.array import Execution, TickStart
from golden.fixed.array_command import NEVER
from golden.fixed.bits import mask
from golden.fixed.bus_events import INLET_DEPTH, OUTLET_DEPTH, EdgePin, EventFifo, Reporter, inlet_entry
from golden.fixed.bus_registers import RegisterFile
from golden.fixed.fabric_cycles import TICK_START
from golden.fixed.fabric_state import FabricSettings
from golden.spec import Config, Register, encode
from golden.spec.constants import INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import GAIN, TimeStep
from golden.spec.neural_commands import ALL_CONTEXTS, STEP_OSCILLATOR, NeuralOpcode
from golden.spec.neural_registers import COUNT_WIDTH, GAMMA, RUN, STREAM, TIMER

DONE, TICKED, SPIKES = 1, 2, 4
"""Bits of IRQ_STATUS."""
FAR = 1 << 62
MAX_DRAINED = 16
COUNT_MASK = mask(COUNT_WIDTH)
WITHOUT_END = Execution(FAR)
"""What shows of a TICK before its engines start."""


class FabricPins(Protocol):
    """The input pins of an array with contexts."""

    clk_snn: int
    clk_gamma: int
    spike_in_valid: int
    spike_in_core: int
    spike_in: int
    event_ready: int


@dataclass(slots=True)
class Drain:
    """A TICK before its engines start: its command word, the entries taken, and whether one is on its way."""

    word: int
    n_taken: int = 0
    is_second: bool = False


def fabric_settings(values: Mapping[str, int]) -> FabricSettings:
    """What commands read of the registers, by their names."""
    names = ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP")
    gain, sign = values["GAIN"], 1 << GAIN.width - 1
    return FabricSettings(
        time_step=TimeStep(*(values[name] for name in names)),
        gain_raw=(gain ^ sign) - sign,
        distance_one=values["DISTANCE_ONE"],
    )


class FabricRegisters(RegisterFile):
    """All registers of an array with contexts, its time base, event FIFOs and reporter."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        assert self.array.fabric is not None
        self.fabric = self.array.fabric

    def reset(self, first_cycle: int) -> None:
        super().reset(first_cycle)
        self._snn, self._gamma = EdgePin(), EdgePin()
        self._inlet, self._outlet = EventFifo(INLET_DEPTH), EventFifo(OUTLET_DEPTH)
        self._reporter = Reporter()
        self._timer = 0
        self._due = self._phase_due = False
        self._by_time = False
        self._drain: Drain | None = None
        self._reports: list[tuple[int, int, int]] = []
        self._phases: tuple[tuple[int, int], ...] = ()
        self._old_phase = 0
        self._event_pop = self._inlet_pop = False
        self._wrote = ""
        self._latch()

    def _latch(self) -> None:
        """The registers that the next cycle's clock edge goes by: a write shows one cycle later."""
        values = self._values
        self._control, self._time_base, self._parts = values["CONTROL"], values["TIME_BASE"], values["PARTS"]

    @property
    def outputs(self) -> tuple[int, ...]:
        """``spike_out_valid``, ``spike_out_core``, ``spike_out``, ``event_valid``, ``event_data``."""
        reporter, streams = self._reporter, self._values["CONTROL"] & STREAM and self._outlet.valid
        data = self._outlet.head if streams else 0
        return reporter.valid, reporter.core, reporter.word, int(bool(streams)), data

    # ---------------------------------------------------------------- registers

    def _read_event(self, cycle: int) -> int:
        """EVENT; the entry leaves with the clock edge."""
        level = self._outlet.level << 24
        if self._values["CONTROL"] & STREAM or not self._outlet.valid:
            return level
        self._event_pop = True
        core, neuron = divmod(self._outlet.head, 1 << INDEX_WIDTH)
        return level | 1 << 16 | core << 8 | neuron

    def _read_phase(self, cycle: int) -> int:
        if cycle > self.busy_until or self._drain is not None:
            return self.fabric.phase
        passed = [phase for moved, phase in self._phases if cycle - self._busy_from > moved]
        return passed[-1] if passed else self._old_phase

    def write(self, register: Register, data: int, cycle: int) -> None:
        super().write(register, data, cycle)
        self._wrote = register.name
        if register.name == "PHASE":
            self.fabric.phase = self._values["PHASE"]

    def _unread(self, cycle: int) -> int:
        return self.array.n_unread if self._by_time else super()._unread(cycle)

    # ---------------------------------------------------------------- commands and ticks

    def _command(self, word: int, cycle: int) -> None:
        super()._command(word, cycle)
        if word & 0xFF == NeuralOpcode.TICK:
            self._begin_tick(word)

    def _execute(self, word: int) -> Execution:
        self._old_phase, self._phases, self._reports = self.fabric.phase, (), []
        if word & 0xFF == NeuralOpcode.TICK:
            return WITHOUT_END
        made = self.array.execute(word, *self._operands(), settings=fabric_settings(self._values))
        self._phases = made.phases
        return made

    def _begin_tick(self, word: int) -> None:
        self._drain = Drain(word)
        self.array.writes = []
        self.busy_until, self.done_cycle = FAR, NEVER

    def _tick_by_time(self, cycle: int) -> None:
        self._by_time = True
        self._busy_from = cycle
        self._old_phase, self._phases, self._reports = self.fabric.phase, (), []
        self._begin_tick(encode(NeuralOpcode.TICK, index=ALL_CONTEXTS | STEP_OSCILLATOR, value=self._parts))

    def finish(self) -> None:
        self._values["IRQ_STATUS"] |= TICKED if self._by_time else DONE
        self._by_time = False
        self.done_cycle = NEVER
        self._update_irq()

    # ---------------------------------------------------------------- time

    def wake(self, pins: FabricPins, cycle: int) -> int:
        """The first cycle, ``cycle`` or later, whose clock edge does more than count the timer on."""
        runs, outlet, inlet = self._control & RUN, self._outlet, self._inlet
        if (
            self._drain is not None
            or pins.spike_in_valid
            or not (self._reporter.is_quiet and outlet.is_settled and inlet.is_settled)
            or not (self._snn.is_settled(pins.clk_snn) and self._gamma.is_settled(pins.clk_gamma))
            or (pins.event_ready and self._control & STREAM and outlet.valid)
            or (self._due and not runs)
            or (self._phase_due and not self._control & GAMMA)
        ):
            return cycle
        wakes = FAR
        if self._reports:
            wakes = self._busy_from + self._reports[0][0]
        if self._due:
            wakes = min(wakes, max(cycle, self.busy_until + 1))
        if self._timer_runs:
            wakes = min(wakes, cycle + max(0, self._time_base - self._timer - 1))
        elif self._timer:
            return cycle
        return wakes

    @property
    def _timer_runs(self) -> bool:
        return bool(self._control & RUN and self._control & TIMER and self._time_base)

    def skip(self, n_cycles: int) -> None:
        """Let ``n_cycles`` pass that :meth:`wake` allows to."""
        if self._timer_runs:
            self._timer += n_cycles

    def clock(self, pins: FabricPins, cycle: int) -> None:
        """The clock edge of ``cycle``, when the bus has done its part of it."""
        control = self._control
        runs, timed = bool(control & RUN), self._timer_runs
        timer_edge = timed and self._timer + 1 >= self._time_base
        edge = runs and (timer_edge if control & TIMER else self._snn.edge)
        starts = self._due and runs and cycle > self.busy_until and self._start != cycle
        if edge and self._due and not starts and self._wrote != "OVERRUN":
            self._values["OVERRUN"] = min(self._values["OVERRUN"] + 1, COUNT_MASK)
        self._due = edge or (self._due and runs and not starts)
        self._timer = 0 if not timed or timer_edge else self._timer + 1

        uses_phase = self._move_drain(cycle)
        self._phase_due = bool(control & GAMMA) and (self._gamma.edge or (self._phase_due and not uses_phase))
        self._move_events(pins, cycle)
        self._snn.clock(pins.clk_snn)
        self._gamma.clock(pins.clk_gamma)
        if starts:
            self._tick_by_time(cycle)
        self._event_pop, self._wrote = False, ""
        self._latch()

    def _move_drain(self, cycle: int) -> bool:
        """A TICK's cycles before its engines start; whether they start and the oscillator steps."""
        drain, passed = self._drain, cycle - self._busy_from
        self._inlet_pop = False
        if drain is None or passed < TICK_START:
            return False
        if drain.is_second:
            core, bits = divmod(self._inlet.head, 1 << VECTORS_PER_CORE)
            self.fabric.receive(core, bits)
            drain.n_taken += 1
            drain.is_second = False
            self._inlet_pop = True
        elif self._inlet.valid and drain.n_taken < MAX_DRAINED:
            drain.is_second = True
        else:
            self._start_engines(drain.word, passed)
            self._drain = None
            return bool(drain.word >> 16 & STEP_OSCILLATOR)
        return False

    def _start_engines(self, word: int, passed: int) -> None:
        meets = TickStart(passed, self._phase_due, self._reporter.idle_at - self._busy_from)
        made = self.array.execute(word, settings=fabric_settings(self._values), tick_start=meets)
        self._reports, self._phases = list(made.reports), made.phases
        self.busy_until = self.done_cycle = self._busy_from + made.cycles
        if not self._by_time:
            self._running = made

    def _move_events(self, pins: FabricPins, cycle: int) -> None:
        """Reporter and FIFOs."""
        reporter, outlet = self._reporter, self._outlet
        pops = self._event_pop or bool(pins.event_ready and self._control & STREAM)
        lost_out = outlet.clock(push=reporter.event(), pop=pops)
        reporter.valid = 0
        if self._reports and cycle == self._busy_from + self._reports[0][0]:
            _, core, word = self._reports.pop(0)
            reporter.take(cycle, core, word)
            self._values["IRQ_STATUS"] |= SPIKES
            self._update_irq()
        entry = inlet_entry(self.config, pins.spike_in_core, pins.spike_in) if pins.spike_in_valid else None
        lost_in = self._inlet.clock(push=entry, pop=self._inlet_pop) or bool(pins.spike_in_valid and entry is None)
        if self._wrote != "DROPPED":
            dropped = self._values["DROPPED"]
            events = min((dropped & COUNT_MASK) + lost_out, COUNT_MASK)
            inputs = min((dropped >> COUNT_WIDTH) + lost_in, COUNT_MASK)
            self._values["DROPPED"] = events | inputs << COUNT_WIDTH
