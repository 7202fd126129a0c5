"""The bus of an array with contexts: time, spikes in and out, events, registers, refusals; cycle by cycle by hand."""

from __future__ import annotations

from random import Random

import pytest
from fabric_bus_bench import CONFIG, RECORD, REGS, TICK_N, Bench, row

from golden.fixed.bits import mask
from golden.fixed.bus import FABRIC_OUTPUTS, OUTPUTS, Ganglion, Inputs
from golden.spec import Config, Error, Opcode, by_name, encode
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart
from golden.spec.neural_registers import GAMMA, RUN, STREAM, TIMER


def test_only_arrays_with_contexts_have_the_ports_and_the_wait() -> None:
    plain, spiking = Ganglion(Config(cores=4, slices=2, lanes=4)), Ganglion(CONFIG)
    assert len(plain.outputs) == len(OUTPUTS) and plain.output_names == OUTPUTS
    assert spiking.output_names == OUTPUTS + FABRIC_OUTPUTS == tuple(spiking.output_names)
    pins = Inputs(rst=1, clk_snn=2, event_ready=3)
    assert (len(plain.input_words(pins)), len(spiking.input_words(pins))) == (12, 18)
    assert spiking.input_words(pins)[-7:] == (2, 0, 0, 0, 0, 3, 1) and plain.input_words(pins)[-1] == 1
    assert Inputs.of_words(spiking.input_words(pins)) == pins
    assert Inputs.of_words(plain.input_words(pins)) == Inputs(rst=1)
    assert (plain.registers.busy_until, spiking.registers.busy_until) == (1, 63)
    assert {name for name, value in row(spiking).items() if value} == {"awready", "wready", "arready"}


def test_settings_hold_what_was_written_and_reset_values_are_those_of_a_millisecond() -> None:
    bench = Bench()
    table = by_name(CONFIG)
    names = ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP", "GAIN", "DISTANCE_ONE", "PARTS", "CONTROL")
    for name in (*names, "TIME_BASE", "PHASE", "OVERRUN"):
        assert bench.get(name) == table[name].reset
        if name != "CONTROL":
            bench.put(name, mask(32))
            assert bench.get(name) == mask(table[name].width)
    bench.put("DROPPED", 0x1234_5678)
    assert bench.get("DROPPED") == 0x1234_5678
    bench.host.reset(1)
    bench.host.wait(64)
    assert all(bench.get(name) == table[name].reset for name in names)


def test_a_tick_by_time_starts_three_cycles_after_its_edge() -> None:
    """Pin in t, s1 in t+1, s2 in t+2: edge; due in t+3: the tick starts, busy from t+4 for N cycles; TICKED after."""
    bench = Bench()
    bench.put("IRQ_ENABLE", 2)
    bench.put("PARTS", int(TickPart.STEP))
    bench.put("CONTROL", RUN)
    bench.host.wait(20)
    start, registers = bench.model.cycle, bench.model.registers
    irqs = [row(bench.model, clk_snn=1)["irq"] for _ in range(3 + TICK_N + 3)]
    first_busy = start + 4
    assert registers.busy_until == first_busy + TICK_N - 1
    assert irqs == [0] * (4 + TICK_N) + [1] * 2
    assert bench.get("CYCLES") == 0 and bench.get("IRQ_STATUS") == 2
    assert bench.fabric.phase == 65536


def write_now(bench: Bench, name: str, value: int) -> int:
    """Write a register of an idle bus; the cycle in which the write goes."""
    row(bench.model, awvalid=1, awaddr=REGS[name], wvalid=1, wdata=value, wstrb=15, bready=1)
    goes = bench.model.cycle
    bench.rows_until(2, bready=1)
    return goes


@pytest.mark.parametrize("base", [0, 1, 2, 60, TICK_N - 1, TICK_N, TICK_N + 1, 1000])
def test_the_timer_ticks_to_the_cycle_and_counts_what_it_missed(base: int) -> None:
    bench = Bench()
    bench.put("PHASE_STEP", 1)  # the phase counts the ticks
    bench.put("TIME_BASE", base)
    start = write_now(bench, "CONTROL", RUN | TIMER)
    bench.host.wait(20_000)
    end = write_now(bench, "CONTROL", 0)
    bench.until_idle()
    n_edges = (end - start) // base if base else 0
    n_ticks, n_overruns = bench.fabric.phase, bench.get("OVERRUN")
    # A due tick is forgotten when RUN falls.
    assert n_ticks + n_overruns in (n_edges, n_edges - 1)
    assert (n_overruns == 0) == (base == 0 or base > TICK_N)
    if 0 < base <= TICK_N:  # one idle cycle between two ticks
        assert n_ticks in ((end - start) // (TICK_N + 1), (end - start) // (TICK_N + 1) + 1)


def test_overruns_saturate() -> None:
    bench = Bench()
    bench.put("TIME_BASE", 1)
    bench.put("OVERRUN", 0xFFF0)
    bench.put("CONTROL", RUN | TIMER)
    bench.host.wait(200)
    assert bench.get("OVERRUN") == 0xFFFF
    bench.put("OVERRUN", 5)
    assert 5 < bench.get("OVERRUN") < 20


def test_every_edge_is_served_or_counted() -> None:
    bench = Bench()
    bench.put("PHASE_STEP", 1)
    bench.put("CONTROL", RUN)
    rng = Random(1)
    n_edges = level = 0
    bench.host.wait(10)
    for _ in range(20_000):
        new = int(rng.random() < 0.02) ^ level
        n_edges += new and not level
        level = new
        row(bench.model, clk_snn=level)
    bench.rows_until(3 * TICK_N, clk_snn=level)
    bench.host.pins.clk_snn = level
    n_overruns = bench.get("OVERRUN")
    assert n_edges > 150 and n_overruns > 20
    assert bench.fabric.phase + n_overruns == n_edges


def test_commands_during_a_tick_are_busy() -> None:
    bench = Bench()
    bench.put("TIME_BASE", 5000)
    bench.put("CONTROL", RUN | TIMER)
    while bench.model.registers.busy_until < bench.model.cycle:
        bench.host.wait(1)
    for name in ("COMMAND", "DT", "GAIN", "PHASE", "PARTS", "TYPE_MASK"):
        assert bench.put(name, encode(Opcode.COUNT)) == 2
        assert bench.get("ERROR") == Error.BUSY
    for name in ("CONTROL", "TIME_BASE", "OVERRUN", "DROPPED", "IRQ_ENABLE"):
        assert bench.put(name, 0) == 0
    assert bench.model.cycle <= bench.model.registers.busy_until
    bench.host.wait(TICK_N)
    assert bench.do(Opcode.COUNT) == 0


def test_gamma_starts_the_turn_anew_at_the_next_tick() -> None:
    for bits, expected in ((RUN | GAMMA, 0), (RUN, 2 * 65536)):
        bench = Bench()
        bench.put("CONTROL", bits)
        bench.host.wait(10)
        bench.rows_until(TICK_N + 10, clk_snn=1)
        bench.rows_until(10, clk_gamma=1)
        bench.rows_until(TICK_N + 10, clk_snn=1, clk_gamma=1)
        assert bench.get("PHASE") == expected
    bench.put("PHASE", 123)
    assert bench.get("PHASE") == bench.fabric.phase == 123
    assert bench.do(NeuralOpcode.OSCILLATE) == 123 + 65536


def test_spikes_from_outside_go_through_the_inlet_into_the_next_tick() -> None:
    """Two cycles a word, 16 words at most; the words of a core join; the tick reports them."""
    bench = Bench()
    bench.spikes_in((0, 1), (3, 1 << 31), (0, 4))
    bench.host.wait(3)
    assert bench.do(NeuralOpcode.TICK, index=1, value=TickPart.RECORD) == 3
    # START in 2 + 6; rounds of two cores; core 3's word is the second of the second round.
    assert bench.get("CYCLES") == TICK_N + 6
    assert bench.get("IRQ_STATUS") & 4
    events = [bench.get("EVENT") for _ in range(4)]
    assert events == [3 << 24 | 1 << 16, 2 << 24 | 1 << 16 | 2, 1 << 24 | 1 << 16 | 3 << 8 | 31, 0]
    bench.spikes_in(*[(1, 1 << n) for n in range(16)])
    bench.host.wait(3)
    assert bench.do(NeuralOpcode.TICK, core=1, value=TickPart.RECORD) == 16 | mask(16) << 32
    assert bench.get("CYCLES") == 2 + 32 + 38 + 1 + 1
    # Words that arrive while the tick takes others in wait for the next one: 16 is the most.
    bench.spikes_in(*[(2, 1)] * 16)
    bench.put("COMMAND", encode(NeuralOpcode.TICK, core=2, value=0))
    bench.host.wait(20)
    bench.spikes_in(*[(2, 1 << n) for n in range(2, 8)])
    bench.until_idle()
    assert bench.get("RETURN1") == 1 and bench.get("CYCLES") == 2 + 32 + 38 + 1 + 1
    assert bench.do(NeuralOpcode.TICK, core=2, value=TickPart.STEP) == 6 | 0b11111100 << 32
    assert bench.get("DROPPED") == 0


def test_the_inlet_drops_what_it_cannot_hold() -> None:
    bench = Bench()
    bench.spikes_in(*[(n % 4, 1) for n in range(20)], (4, 1), (255, 1))
    assert bench.get("DROPPED") == (4 + 2) << 16
    bench.put("DROPPED", 0xFFFE << 16)
    bench.spikes_in(*[(0, 1)] * 5)
    assert bench.get("DROPPED") == 0xFFFF << 16
    bench.do(NeuralOpcode.TICK)
    bench.put("DROPPED", 0)
    bench.spikes_in((0, 1))
    assert bench.get("DROPPED") == 0


def test_a_report_on_the_pins_and_in_the_outlet() -> None:
    """Reported in t: the pins in t+1, events pushed in t+1.., the first valid in t+3, one a cycle when ready."""
    bench = Bench()
    bench.put("CONTROL", STREAM)
    bench.spikes_in((2, 0b1011))
    bench.host.wait(3)
    row(bench.model, awvalid=1, awaddr=REGS["COMMAND"], wvalid=1, wdata=RECORD, wstrb=15, bready=1)
    accepted = bench.model.cycle
    row(bench.model, bready=1)
    # Two cycles for the word; rounds of 42; core 2 is the first of the second one.
    reported = accepted + 2 + 2 + 42 + 38 + 2
    rows = {}
    while bench.model.cycle < reported + 12:
        cycle = bench.model.cycle
        rows[cycle] = row(bench.model, bready=1, event_ready=int(cycle != reported + 4))
    valid = [cycle for cycle, r in rows.items() if r["spike_out_valid"]]
    assert valid == [reported + 1]
    after = [r for cycle, r in rows.items() if cycle > reported]
    assert all((r["spike_out_core"], r["spike_out"]) == (2, 0b1011) for r in after)
    assert all((r["spike_out_core"], r["spike_out"]) == (0, 0) for c, r in rows.items() if c <= reported)
    events = {cycle - reported: r["event_data"] for cycle, r in rows.items() if r["event_valid"]}
    assert events == {3: 64, 4: 65, 5: 65, 6: 67}


def test_the_outlet_drops_and_counts() -> None:
    """64 events fit; with nobody to read them the others are counted, and the counter saturates."""
    bench = Bench()
    for _ in range(3):
        bench.spikes_in((0, mask(32)), (1, 1))
        bench.host.wait(3)
        bench.do(NeuralOpcode.TICK, index=1)
    bench.host.wait(50)
    assert bench.get("DROPPED") == 3 * 33 - 64
    first = [bench.get("EVENT") for _ in range(65)]
    assert [e >> 24 for e in first] == [*range(64, 0, -1), 0]
    sent = [n for _ in range(3) for n in [*range(32), 256]][:64]
    assert [e & 0xFFFF for e in first[:64]] == [n if n < 32 else 1 << 8 for n in sent]
    bench.put("DROPPED", 0xFFF0)
    for _ in range(4):
        bench.spikes_in((3, mask(32)))
        bench.host.wait(3)
        bench.do(NeuralOpcode.TICK, index=1)
    bench.host.wait(50)
    assert bench.get("DROPPED") == 0xFFFF
    # With STREAM set the register shows how many there are, and takes none.
    bench.put("CONTROL", STREAM)
    assert [bench.get("EVENT") for _ in range(2)] == [64 << 24] * 2
    bench.host.reset(1)
    bench.host.wait(64)
    assert bench.get("EVENT") == bench.get("DROPPED") == 0


def test_a_storm_of_every_neuron_in_every_tick() -> None:
    """All fire, all the time, while words pour in and nobody reads: the bus answers, nothing is lost uncounted."""
    bench = Bench()
    bench.put("TIME_BASE", 100)
    bench.put("PARTS", 0xFF)
    bench.put("GAIN", mask(17))
    bench.put("CONTROL", RUN | TIMER)
    n_in = 3000
    for n in range(n_in):
        row(bench.model, spike_in_valid=1, spike_in_core=n % 4, spike_in=mask(32))
    bench.put("CONTROL", 0)
    bench.until_idle()
    dropped, level = bench.get("DROPPED"), bench.get("EVENT") >> 24
    assert level == 64 and dropped & 0xFFFF > 0 and bench.get("OVERRUN") > 0
    taken = n_in - (dropped >> 16)
    assert 16 < taken < n_in
    words = [bench.do(NeuralOpcode.READ_NEURON, core, 0, NeuronField.SPIKES) & mask(32) for core in range(4)]
    assert set(words) <= {0, mask(32)} and mask(32) in words
    assert bench.do(Opcode.COUNT) == 0


def test_phase_shows_the_steps_of_a_search_as_they_come() -> None:
    bench = Bench()
    seen = []
    bench.put("COMMAND", encode(NeuralOpcode.NEURO_SEARCH, index=9, value=1))
    while bench.model.cycle <= bench.model.registers.busy_until:
        seen.append(bench.get("PHASE"))
    assert sorted(set(seen)) == [n * 65536 for n in range(10)] and seen == sorted(seen)


@pytest.mark.parametrize("after", range(0, 60, 7))
def test_a_reset_ends_everything(after: int) -> None:
    bench = Bench()
    bench.put("CONTROL", RUN | STREAM)
    bench.spikes_in((0, mask(32)), (1, 3))
    bench.do(Opcode.SET_COUNT, 0, value=32)
    bench.put("COMMAND", encode(NeuralOpcode.TICK, index=3, value=0xFF))
    bench.host.wait(after)
    bench.host.reset(1)
    bench.host.wait(64)
    assert bench.get("STATUS") == bench.get("CONTROL") == bench.get("PHASE") == bench.get("DROPPED") == 0
    assert bench.get("EVENT") == bench.get("CYCLES") == bench.get("IRQ_STATUS") == 0
    assert bench.do(NeuralOpcode.TICK, index=1) == 0 and bench.get("CYCLES") == TICK_N
    assert bench.do(NeuralOpcode.ACTIVITY) == 0
