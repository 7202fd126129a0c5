"""What the random programs of arrays with contexts are made of; tests/test_cosim_top.py runs them on the hardware."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ganglion.cosim import record
from ganglion.cosim.run import command_at
from golden.fixed.bus_events import EventFifo, Reporter
from golden.fixed.bus_fabric import FabricRegisters
from golden.spec import Config, Error, Metric, Opcode
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart

SHARED = Config(cores=4, slices=2, lanes=4, contexts=2)
"""Cores share contexts: every slice has one for its two cores."""


def test_random_programs_reach_every_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What 6,000 commands with shared contexts are made of: nothing that the contract speaks of is left out."""
    seen: Counter[Any] = Counter()
    command, refuse, interrupt = FabricRegisters._command, FabricRegisters.refuse, FabricRegisters.interrupt
    start, finish, push, take = FabricRegisters._start_engines, FabricRegisters.finish, EventFifo.clock, Reporter.take

    def counted_command(self: FabricRegisters, word: int, cycle: int) -> None:
        opcode, index, value = word & 0xFF, word >> 16 & 0xFF, word >> 24
        command(self, word, cycle)
        seen[opcode, self.array.metric] += 1
        if opcode in (NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON):
            seen[opcode, "field", min(value, 16), index < 32] += 1
        if opcode in tuple(NeuralOpcode) and opcode != NeuralOpcode.TICK and self._running.answer:
            seen[opcode, "answers"] += 1
        if opcode == NeuralOpcode.COMPETE:
            seen[opcode, value & 1, self._running.answer == 255] += 1
        if opcode == NeuralOpcode.NEURO_SEARCH:
            context = self.fabric.of(word >> 8 & 0xFF)
            seen[opcode, "glimpses", context.glimpses] += 1

    def counted_start(self: FabricRegisters, word: int, passed: int) -> None:
        seen["drained", self._drain.n_taken if self._drain else 0] += 1
        steps = bool(word >> 16 & 2)
        seen["tick", "time" if self._by_time else "command", bool(word >> 16 & 1), steps] += 1
        seen["anew", self._phase_due and steps] += 1
        for part in TickPart:
            seen[part] += bool(word >> 24 & part)
        start(self, word, passed)

    def counted_finish(self: FabricRegisters) -> None:
        seen["ticked"] += self._by_time
        finish(self)

    def counted_clock(self: EventFifo, *, push: int | None = None, pop: bool = False) -> bool:
        dropped = original_clock(self, push=push, pop=pop)
        seen["dropped", self._depth] += dropped
        return dropped

    def counted_take(self: Reporter, cycle: int, core: int, word: int) -> None:
        seen["report", word.bit_count()] += 1
        take(self, cycle, core, word)

    def counted_interrupt(self: FabricRegisters, cycle: int) -> None:
        undone = [w for w in self.array.writes if w.memory is self.array.weights and w.cycle > cycle - self._busy_from]
        busy = cycle <= self.busy_until
        seen["reset", "drain" if self._drain else "busy" if busy else "idle"] += 1
        seen["reset", "learning"] += busy and 0 < len(undone) < len(self.array.writes)
        interrupt(self, cycle)

    def counted_refuse(self: FabricRegisters, reason: Error) -> None:
        seen[reason] += 1
        seen[reason, "tick by time"] += self._by_time
        refuse(self, reason)

    original_clock = push
    monkeypatch.setattr(FabricRegisters, "_command", counted_command)
    monkeypatch.setattr(FabricRegisters, "refuse", counted_refuse)
    monkeypatch.setattr(FabricRegisters, "interrupt", counted_interrupt)
    monkeypatch.setattr(FabricRegisters, "_start_engines", counted_start)
    monkeypatch.setattr(FabricRegisters, "finish", counted_finish)
    monkeypatch.setattr(EventFifo, "clock", counted_clock)
    monkeypatch.setattr(Reporter, "take", counted_take)
    recording = record(SHARED, 6_000, seed=1)
    assert recording.operations == 6_000 and recording.inputs.n_cycles == recording.end
    assert {reason for reason in Error if reason} <= set(seen)
    assert seen[Error.BUSY, "tick by time"] > 20
    assert {(opcode, metric) for opcode in NeuralOpcode for metric in Metric} <= set(seen)
    quiet = {NeuralOpcode.NEURON_RESET, NeuralOpcode.TICK}
    assert {(opcode, "answers") for opcode in set(NeuralOpcode) - quiet} <= set(seen)
    for opcode in (NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON):
        assert {(opcode, "field", field, True) for field in NeuronField} <= set(seen)
        assert seen[opcode, "field", 16, True] and any(seen[opcode, "field", field, False] for field in range(13))
    assert all(seen[NeuralOpcode.COMPETE, soft, none] for soft in (0, 1) for none in (False, True))
    assert {(NeuralOpcode.NEURO_SEARCH, "glimpses", n) for n in (1, 2)} <= set(seen)
    assert all(seen["tick", "command", every, steps] for every in (False, True) for steps in (False, True))
    assert seen["tick", "time", True, True] > 100 and seen["ticked"] > 100 and seen["anew", True] > 5
    assert all(seen[part] > 50 for part in TickPart)
    assert {("drained", n) for n in (0, 1, 2, 16)} <= set(seen)
    assert seen["dropped", 16] > 20 and seen["dropped", 64] > 20
    assert seen["report", 1] and seen["report", 32]
    assert all(seen["reset", what] for what in ("busy", "idle", "learning"))


def test_commands_of_both_kinds_are_named() -> None:
    commands = [(10, int(Opcode.COUNT)), (20, int(NeuralOpcode.TICK) | 1 << 16)]
    assert command_at(commands, 15) == "COUNT 0x00000015"
    assert command_at(commands, 21) == "TICK 0x00010021"
