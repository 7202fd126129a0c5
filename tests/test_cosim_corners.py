"""What random programs for arrays with contexts are made of, counted: nothing that can go wrong is left out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ganglion.cosim import record
from golden.fixed.array import ArrayModel, Execution
from golden.fixed.bus import Ganglion, Inputs
from golden.fixed.bus_fabric import FabricRegisters
from golden.fixed.fabric_state import FabricSettings
from golden.spec import Config, Error, Register
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import DT_MAX_RAW, GAIN, PHASE_PERIOD, time_step
from golden.spec.neural_commands import NeuralOpcode, NeuronField
from golden.spec.neural_registers import COUNT_WIDTH, GAMMA, STREAM, TIMER

SHARED = Config(cores=4, slices=2, lanes=4, contexts=2)
OPERATIONS = 12_000
FULL = (1 << COUNT_WIDTH) - 1
ANY_CORE = {NeuralOpcode.RESONATE, NeuralOpcode.ENCODE_QUERY, NeuralOpcode.OSCILLATE, NeuralOpcode.RESONANCE}
"""Commands that do not look at their core."""
PASSES = (
    *(NeuralOpcode.COMPETE, NeuralOpcode.COMPARE_PATTERNS, NeuralOpcode.ACTIVITY, NeuralOpcode.SPIKE_SEARCH),
    *(NeuralOpcode.NEURO_SEARCH, NeuralOpcode.TICK),
)
LISTS = (NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.NEURO_SEARCH, NeuralOpcode.RESONATE)
LONG = (
    *(NeuralOpcode.TICK, NeuralOpcode.NEURO_SEARCH, NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.INJECT_RESULTS),
    *(NeuralOpcode.RESONATE, NeuralOpcode.ENCODE, NeuralOpcode.ENCODE_QUERY, NeuralOpcode.NEURON_RESET),
    *(NeuralOpcode.COMPETE, NeuralOpcode.COMPARE_PATTERNS, NeuralOpcode.ACTIVITY),
)
"""Operations whose middle a reset must hit."""
SHARES = 4


@pytest.fixture(scope="module")
def seen() -> Counter[Any]:
    """How often each thing happened in a random run."""
    with pytest.MonkeyPatch.context() as patch:
        counts: Counter[Any] = Counter()
        count_commands(patch, counts)
        count_cycles(patch, counts)
        recording = record(SHARED, OPERATIONS, seed=3)
        assert recording.operations == OPERATIONS
    return counts


def count_commands(patch: pytest.MonkeyPatch, counts: Counter[Any]) -> None:
    """Commands, what they work on, refusals, and resets while they run."""
    may_write, interrupt, execute = FabricRegisters.may_write, FabricRegisters.interrupt, ArrayModel.execute

    def counted_may_write(self: FabricRegisters, register: Register, data: int, strobe: int, cycle: int) -> Error:
        reason = may_write(self, register, data, strobe, cycle)
        if register.name == "COMMAND":
            counts[data & 0xFF, reason] += 1
            counts["command where a tick is due"] += reason is Error.NONE and self._due and bool(self._control & 1)
        return reason

    def counted_interrupt(self: FabricRegisters, cycle: int) -> None:
        if 0 < self._busy_from <= cycle <= self.busy_until:
            opcode = NeuralOpcode.TICK if self._by_time else self._values["COMMAND"] & 0xFF
            n = max(1, self.busy_until - self._busy_from)
            counts["reset", opcode] += 1
            share = "drain" if self._drain else (cycle - self._busy_from) * SHARES // (n + 1)
            counts["reset", opcode, share] += 1
        interrupt(self, cycle)

    def counted_execute(self: ArrayModel, word: int, *operands: Any, **more: Any) -> Execution:
        opcode, core, index, value = (word >> low & 0xFF for low in (0, 8, 16, 24))
        settings = more.get("settings")
        if opcode not in tuple(NeuralOpcode):
            return execute(self, word, *operands, **more)
        n = int(self.counts[core % len(self.counts)])
        counts[opcode, "count", n] += 1
        if opcode in LISTS:
            k = value & 31
            counts[opcode, "k", "0" if k == 0 else "more" if k > max(n, 1) else "some"] += 1
        if opcode == NeuralOpcode.INJECT_BRANCH:
            counts[opcode, "branch", min(value, 6)] += 1
        if opcode in (NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON):
            counts[opcode, min(value, 16), index < VECTORS_PER_CORE] += 1
        assert self.fabric is not None
        counts[opcode, "phase beyond"] += self.fabric.phase >= PHASE_PERIOD
        if isinstance(settings, FabricSettings):
            counts[opcode, "gain", settings.gain_raw] += 1
            step = settings.time_step
            counts[opcode, "dt", step.dt_raw] += 1
            beyond = step.dt_raw > DT_MAX_RAW
            counts[opcode, "dt", "beyond" if beyond else "fits" if step == time_step(step.dt_raw) else "nonsense"] += 1
        return execute(self, word, *operands, **more)

    patch.setattr(FabricRegisters, "may_write", counted_may_write)
    patch.setattr(FabricRegisters, "interrupt", counted_interrupt)
    patch.setattr(ArrayModel, "execute", counted_execute)


def count_cycles(patch: pytest.MonkeyPatch, counts: Counter[Any]) -> None:
    """What happens in the cycles in which something does."""
    step = Ganglion._step

    def counted_step(self: Ganglion, inputs: Inputs) -> None:
        now, cycle = self.registers, self.cycle
        assert isinstance(now, FabricRegisters)
        waiting = {
            "write": bool(self._aw_full or self._w_full),
            "read": bool(self._ar_full),
            "write of a buffer": bool(self._write_pump.left),
            "read of a buffer": bool(self._read_pump.left),
        }
        timed, control, held = now._by_time, now._control, now._outlet.valid
        overrun, dropped, pending, period = (
            now._values["OVERRUN"],
            now._values["DROPPED"],
            now._phase_due,
            now._time_base,
        )
        turn = now._gamma.edge and bool(control & GAMMA)
        ticks = cycle <= now.busy_until and (timed or now._values["COMMAND"] & 0xFF == NeuralOpcode.TICK)
        level = now._outlet.level
        step(self, inputs)
        if inputs.rst:
            return
        if now._by_time and not timed:
            counts["tick by time"] += 1
            counts["tick by time", period if control & TIMER else "pin"] += 1
            for name, is_waiting in waiting.items():
                counts["tick by time", name] += is_waiting
        if turn:
            counts["turn", "in a tick" if ticks else "else", "again" if pending else "first"] += 1
            counts["turn", "where one is used"] += (
                pending and ticks and now._phases[:1] == ((cycle - now._busy_from, 0),)
            )
        counts["stream switched", bool(control & STREAM)] += bool((control ^ now._control) & STREAM and held)
        counts["popped", bool(control & STREAM)] += now._outlet.level < level
        counts["overrun"] += now._values["OVERRUN"] == overrun + 1
        counts["overrun", FULL] += now._values["OVERRUN"] == FULL == overrun + 1
        for name, shift in (("events", 0), ("inputs", COUNT_WIDTH)):
            before, after = (value >> shift & FULL for value in (dropped, now._values["DROPPED"]))
            counts["dropped", name] += after == before + 1
            counts["dropped", name, FULL] += after == FULL == before + 1

    patch.setattr(Ganglion, "_step", counted_step)


def missing(seen: Counter[Any], wanted: set[Any]) -> set[Any]:
    return {what for what in wanted if not seen[what]}


def test_every_command_is_taken_and_refused(seen: Counter[Any]) -> None:
    assert not missing(seen, {(opcode, reason) for opcode in NeuralOpcode for reason in (Error.NONE, Error.BUSY)})
    refused = {opcode for opcode in NeuralOpcode if seen[opcode, Error.BAD_CORE]}
    assert refused == set(NeuralOpcode) - ANY_CORE


def test_every_operation_is_interrupted_by_a_reset(seen: Counter[Any]) -> None:
    assert not missing(seen, {("reset", opcode) for opcode in LONG})
    # Early, in the middle, late; a tick also while it takes spikes from the inlet.
    thorough = (NeuralOpcode.NEURO_SEARCH, NeuralOpcode.TICK, NeuralOpcode.SPIKE_SEARCH)
    assert not missing(seen, {("reset", opcode, share) for opcode in thorough for share in range(SHARES)})
    assert seen["reset", NeuralOpcode.TICK, "drain"]


def test_passes_meet_every_count_and_lists_every_length(seen: Counter[Any]) -> None:
    counts = (0, 1, VECTORS_PER_CORE - 1, VECTORS_PER_CORE)
    assert not missing(seen, {(opcode, "count", n) for opcode in PASSES for n in counts})
    assert not missing(seen, {(opcode, "k", k) for opcode in LISTS for k in ("0", "some", "more")})


def test_numbers_out_of_range(seen: Counter[Any]) -> None:
    assert not missing(seen, {(NeuralOpcode.INJECT_BRANCH, "branch", n) for n in range(7)})
    single = (NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON)
    assert not missing(seen, {(opcode, field, True) for opcode in single for field in (*NeuronField, 16)})
    assert all(any(seen[opcode, field, False] for opcode in single) for field in (*NeuronField, 16))
    beyond = (NeuralOpcode.OSCILLATE, NeuralOpcode.RESONANCE, NeuralOpcode.TICK, NeuralOpcode.NEURO_SEARCH)
    assert not missing(seen, {(opcode, "phase beyond") for opcode in beyond})
    steps = (0, DT_MAX_RAW, "fits", "nonsense", "beyond")
    assert not missing(seen, {(opcode, "dt", n) for opcode in (NeuralOpcode.TICK,) for n in steps})
    assert not missing(seen, {(NeuralOpcode.NEURO_SEARCH, "dt", n) for n in (0, DT_MAX_RAW, "fits", "nonsense")})
    using = (NeuralOpcode.TICK, NeuralOpcode.NEURO_SEARCH, NeuralOpcode.INJECT_RESULTS)
    gains = (GAIN.min_raw, GAIN.max_raw, 0)
    assert not missing(seen, {(opcode, "gain", n) for opcode in using for n in gains})


def test_time_meets_everything(seen: Counter[Any]) -> None:
    assert seen["tick by time"] > 500
    waits = ("write", "read", "write of a buffer", "read of a buffer")
    assert not missing(seen, {("tick by time", what) for what in ("pin", 1, 2, 40, *waits)})
    assert seen["command where a tick is due"] and seen["overrun"] > 1_000
    ticks = {("turn", where, which) for where in ("in a tick", "else") for which in ("first", "again")}
    assert not missing(seen, ticks | {("turn", "where one is used")})


def test_events_go_both_ways_and_counters_fill(seen: Counter[Any]) -> None:
    assert all(seen["stream switched", streams] > 10 and seen["popped", streams] > 100 for streams in (False, True))
    assert seen["dropped", "events"] > 1_000 and seen["dropped", "inputs"] > 1_000
    assert not missing(seen, {("overrun", FULL), ("dropped", "events", FULL), ("dropped", "inputs", FULL)})
