"""The golden bus of a sequential array: cycles of boot and commands, what shows meanwhile, time, events and resets."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fabric_bus_bench import Bench, row

from ganglion.cosim import record
from ganglion.cosim.host import Transfer
from golden.fixed.array import ArrayModel
from golden.fixed.bus_sequential import SequentialRegisters
from golden.spec import Config, Error, Opcode, encode, preset
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart
from golden.spec.neural_registers import GAMMA, RUN, TIMER

CONFIG = preset("up5k-snn")
FIRE = TickPart.STEP | TickPart.TO_MEMBRANE
MEMBRANE, ELAPSED = NeuronField.MEMBRANE, NeuronField.ELAPSED


class Sequential(Bench):
    """A sequential array that has booted, with vectors in cores 0 to 3."""

    def __init__(self) -> None:
        super().__init__(CONFIG)
        self.until_idle()
        self.host.wait(100)
        self.registers = self.model.registers
        rng = np.random.default_rng(3)
        rows = rng.integers(-128, 128, (40, 16))
        self.model.array.insert_batch(rng.integers(0, 4, 40), rows, timed=False)

    def start(self, opcode: int, core: int = 0, index: int = 0, value: int = 0) -> int:
        """Start a command; the cycle in which it was accepted."""
        assert self.put("COMMAND", encode(opcode, core=core, index=index, value=value)) == 0
        return self.model.commands[-1][0]

    def until(self, cycle: int) -> None:
        """Let time go on to a cycle."""
        self.host.wait(cycle - self.model.cycle)
        assert self.model.cycle == cycle


@pytest.fixture
def bench() -> Sequential:
    return Sequential()


def test_the_array_is_busy_until_the_program_has_booted() -> None:
    bench = Bench(CONFIG)
    end = bench.model.registers.busy_until
    assert end > 4 * 1024 and bench.model.cycle < end
    assert bench.put("COMMAND", encode(Opcode.CLEAR_RESULTS)) == 2 and bench.get("ERROR") == Error.BUSY
    assert bench.get("SETTINGS") == 16 and bench.get("CYCLES") == 0
    bench.host.wait(end - 3 - bench.model.cycle)
    seen = [bench.get("STATUS") & 1 for _ in range(4)]
    assert seen[0] == 1 and seen[-1] == 0
    assert bench.get("IRQ_STATUS") == 0
    bench.put("COMMAND", encode(Opcode.COUNT))
    bench.until_idle()
    assert bench.get("IRQ_STATUS") == 1


def test_commands_take_the_cycles_of_the_engine(bench: Sequential) -> None:
    array = ArrayModel(CONFIG)
    array.vectors[:], array.words[:] = bench.model.array.vectors, bench.model.array.words
    array.weights[:], array.counts[:] = bench.model.array.weights, bench.model.array.counts
    for opcode, core, index, value in (
        (Opcode.COUNT, 2, 0, 0),
        (Opcode.SEARCH, 0, 0, 5 | 32),
        (Opcode.INSERT, 3, 0, 0),
        (NeuralOpcode.NEURO_SEARCH, 1, 2, 6),
        (Opcode.READ_VECTOR, 1, 2, 0),
    ):
        bench.host.wait(100)
        accepted = bench.start(opcode, core, index, value)
        done = array.execute(encode(opcode, core=core, index=index, value=value))
        assert bench.registers.busy_until == accepted + done.cycles
        assert bench.get("STATUS") & 0x1F0 == 0
        bench.until(accepted + done.cycles)
        assert bench.get("STATUS") >> 4 == len(array.results)
        assert bench.get("CYCLES") == done.cycles
        assert bench.get("RETURN0") | bench.get("RETURN1") << 32 == done.answer
    assert bench.model.array.results == array.results and len(array.results) == 6


def test_a_command_that_comes_at_once_waits_for_the_program(bench: Sequential) -> None:
    first = bench.start(Opcode.COUNT, 1)
    end = bench.registers.busy_until
    n = end - first
    # The host's next write is accepted two cycles after the last busy one.
    bench.until(end)
    second = bench.start(Opcode.COUNT, 2)
    assert 0 < second - end < 8
    late = bench.registers.busy_until - second - n
    assert 0 < late < 60
    bench.until_idle()
    bench.host.wait(50)
    third = bench.start(Opcode.COUNT, 2)
    assert bench.registers.busy_until - third == n


def test_a_tick_takes_what_is_in_the_inlet_when_it_looks(bench: Sequential) -> None:
    bench.spikes_in((0, 0b101), (130, 1), (2, 1 << 31))
    assert bench.get("DROPPED") == 1 << 16
    accepted = bench.start(NeuralOpcode.TICK, 0, 2, FIRE)
    # An entry that comes while the tick drains the inlet counts; one that comes later is for the next.
    bench.until(accepted + 60)
    bench.spikes_in((1, 0b10))
    bench.until(accepted + 2000)
    bench.spikes_in((0, 0b1000))
    bench.until_idle()
    assert bench.get("RETURN1") == 1 << 31 | 0b111
    assert bench.get("RETURN0") == 4
    events = [bench.get("EVENT") for _ in range(5)]
    assert [event & 31 for event in events[:4]] == [0, 1, 2, 31] and not events[4] >> 16 & 1
    assert bench.do(NeuralOpcode.TICK, 0, 0, TickPart.RECORD) >> 32 == 1 << 31 | 0b1111


def test_the_oscillator_steps_and_starts_anew_in_its_cycle(bench: Sequential) -> None:
    bench.put("PHASE", 1000)
    accepted = bench.start(NeuralOpcode.OSCILLATE)
    phases = []
    while bench.model.cycle <= bench.registers.busy_until:
        phases.append(bench.get("PHASE"))
    step = bench.get("PHASE_STEP")
    assert phases[0] == 1000 and phases[-1] == 1000 + step == bench.get("PHASE")
    assert accepted < bench.model.cycle
    bench.put("CONTROL", GAMMA)
    for level in (0, 1):
        bench.rows_until(5, clk_gamma=level)
    bench.do(NeuralOpcode.TICK, 0, 2, FIRE)
    assert bench.get("PHASE") == 0
    bench.do(NeuralOpcode.TICK, 0, 2, FIRE)
    assert bench.get("PHASE") == step


def test_ticks_by_time_leave_what_the_host_sees(bench: Sequential) -> None:
    bench.put("PARTS", FIRE)
    assert bench.do(NeuralOpcode.WRITE_NEURON, 0, 3, MEMBRANE, 5 << 20) == 1
    answer = bench.do(Opcode.SEARCH, 0, 0, 4 | 32)
    cycles = bench.get("CYCLES")
    bench.put("IRQ_STATUS", 7)
    bench.put("TIME_BASE", 100)
    bench.put("CONTROL", RUN | TIMER)
    while not bench.get("STATUS") & 1:
        bench.host.wait(7)
    assert bench.get("STATUS") >> 4 == 4
    assert (bench.get("RETURN0"), bench.get("CYCLES")) == (answer, cycles)
    assert bench.put("PHASE", 1) == 2
    bench.host.wait(500)
    bench.put("CONTROL", 0)
    bench.until_idle()
    assert bench.get("IRQ_STATUS") == 2 | 4 and bench.get("OVERRUN") > 3
    assert bench.get("EVENT") & 0x1FFFF == 1 << 16 | 3
    assert (bench.get("RETURN0"), bench.get("CYCLES"), bench.get("STATUS") >> 4) == (answer, cycles, 4)


def test_spikes_go_out_when_the_program_reports_them(bench: Sequential) -> None:
    assert bench.do(NeuralOpcode.WRITE_NEURON, 0, 5, MEMBRANE, 5 << 20) == 1
    accepted = bench.start(NeuralOpcode.TICK, 0, 0, FIRE)
    seen = []
    while bench.model.cycle <= bench.registers.busy_until:
        shown = row(bench.model)
        if shown["spike_out_valid"]:
            seen.append((bench.model.cycle - 1, shown["spike_out"]))
    twin = bench.registers.array.sequential
    assert twin is not None
    (report,) = twin.engine.progress.reports
    assert seen == [(report[0] + 1, 1 << 5)] and report[0] > accepted


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.97, 1.0])
def test_a_reset_in_a_command(bench: Sequential, share: float) -> None:
    """Rows and nodes are as far as the program had written them; counts and neurons are empty."""
    array = bench.model.array
    bench.do(NeuralOpcode.WRITE_NEURON, 0, 5, MEMBRANE, 5 << 20)
    before = array.vectors.copy(), array.words.copy()
    place = int(array.counts[0])
    values = list(range(-60, -44))
    for word in range(4):
        packed = sum((value & 0xFF) << 8 * i for i, value in enumerate(values[4 * word : 4 * word + 4]))
        assert bench.host.play([Transfer.write(0x140 + 4 * word, packed)])
    accepted = bench.start(Opcode.INSERT, 0)
    n = bench.registers.busy_until - accepted
    cycle = accepted + int(share * n)
    bench.until(cycle)
    row(bench.model, rst=1)
    stored = array.vectors[0, place].tolist()
    n_written = sum(stored[i] == values[i] for i in range(16))
    changed = bool((array.words != before[1]).any())
    if share == 1.0:
        assert n_written == 16 and changed
    elif share < 0.1:
        assert n_written == 0 and not changed
    others = np.ones(CONFIG.cores * 32, bool)
    others[place] = False
    same = (array.vectors == before[0]).all(axis=2).ravel()
    assert same[others].all()
    assert bench.get("STATUS") & 1
    bench.until_idle()
    assert bench.do(Opcode.COUNT, 0) == 0
    assert bench.do(NeuralOpcode.READ_NEURON, 0, 5, MEMBRANE) == 1 << 32
    bench.do(Opcode.SET_COUNT, 0, 0, 32)
    bench.do(Opcode.READ_VECTOR, 0, place)
    assert array.vector.tolist() == stored
    twin = array.sequential
    assert twin is not None and twin.differences() == []


@pytest.mark.parametrize(("after", "is_part"), [(100, False), (2200, True), (3300, True), (4500, True), (9000, False)])
def test_a_reset_in_a_tick_that_learns(bench: Sequential, after: int, is_part: bool) -> None:
    """Weights are as far as the tick had come; neurons and external spikes are gone."""
    array = bench.model.array
    links = sum((slot + 1) << 5 * slot for slot in range(6)) | 6 << 30
    bench.do(Opcode.SET_COUNT, 0, 0, 8)
    for index in range(8):
        bench.do(Opcode.SET_WEIGHT, 0, index, 100)
        bench.do(Opcode.WRITE_LINKS, 0, index, 0, links)
        bench.do(NeuralOpcode.WRITE_NEURON, 0, index, ELAPSED, 1 << 18)
    bench.spikes_in((0, 0b111))
    bench.host.wait(100)
    accepted = bench.start(NeuralOpcode.TICK, 0, 0, TickPart.TO_MEMBRANE | TickPart.LEARN)
    bench.until(accepted + after)
    row(bench.model, rst=1)

    # The weights as the writes of the tick leave them one after the other.
    other = ArrayModel(CONFIG)
    assert other.fabric is not None
    other.counts[0], other.weights[0, :8], other.words[0, :8] = 8, 100, links
    other.fabric.contexts[0].state.elapsed[:8] = 1 << 18
    other.fabric.receive(0, 0b111)
    other.perform(encode(NeuralOpcode.TICK, value=TickPart.TO_MEMBRANE | TickPart.LEARN))
    states = [other.weights[0, :8].tolist()]
    for write in reversed(other.writes):
        write.memory[write.place] = write.old
        states.append(other.weights[0, :8].tolist())
    assert states[-1] == [100] * 8 and len(states) == 3 * 7 + 1
    found = array.weights[0, :8].tolist()
    assert found in states
    assert (found not in (states[0], states[-1])) == is_part and (found == states[0]) == (after == 9000)

    bench.until_idle()
    bench.do(Opcode.SET_COUNT, 0, 0, 8)
    assert bench.do(NeuralOpcode.TICK, 0, 0, TickPart.RECORD) == 0
    assert [bench.do(Opcode.GET_WEIGHT, 0, i) for i in range(8)] == found


def test_engine_and_array_do_the_same_in_random_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command and tick by time of a random host, with resets: what the program did is what the array did."""
    seen: Counter[object] = Counter()
    finish, interrupt = SequentialRegisters.finish, SequentialRegisters.interrupt

    def compared_finish(self: SequentialRegisters) -> None:
        timed = self._by_time
        finish(self)
        seen["timed" if timed else "commanded"] += 1
        # All of it takes a hundred thousand instructions.
        if seen.total() % 20 == 0:
            twin = self.array.sequential
            assert twin is not None and twin.differences() == []
            seen["compared"] += 1

    def counted_interrupt(self: SequentialRegisters, cycle: int) -> None:
        seen["reset", cycle <= self.busy_until] += 1
        interrupt(self, cycle)

    monkeypatch.setattr(SequentialRegisters, "finish", compared_finish)
    monkeypatch.setattr(SequentialRegisters, "interrupt", counted_interrupt)
    record(Config(cores=3, lanes=8, memory="spram", contexts=1), 300, seed=2)
    assert seen["timed"] > 20 and seen["commanded"] > 200 and seen["compared"] > 10 and seen["reset", True]
