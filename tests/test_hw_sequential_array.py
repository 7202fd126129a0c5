"""Sequential array: what each port, memory and pin does, by commands of a small program of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from riscv_programs import words_of

from ganglion.engine import AmaranthEngine
from golden.spec import Config, encode
from golden.spec.neural_commands import NeuralOpcode
from golden.spec.neural_registers import GAMMA, RUN
from golden.spec.sequential_ports import BUFFER_PORT, OPERAND_PORT
from golden.spec.sequential_ports import SequentialPort as Port
from hw.sequential_array import SequentialArray

CONFIG = Config(cores=128, slices=1, lanes=8, memory="spram", contexts=1)
PORTS = 0x20000
NOTE = 0x18000
"""Where the program keeps what it saw in a tick by time."""
STORE, LOAD, STORE_BYTE, LOAD_BYTE, STORE_HALF, LOAD_HALF, REPORT, SCAN = range(8)
WORD = 0xFFFFFFFF

# A command's low byte says what to do, its upper bits at which address.
PROGRAM = """
    .section .start, "ax"
    .globl _start
_start:
    lui s0, 0x20
    sw zero, 112(s0)
loop:
    lw a0, 0(s0)
    andi a3, a0, 255
    srli a1, a0, 8
    li a4, 0x21
    beq a3, a4, tick
    lw a2, 4(s0)
    slli a3, a3, 3
    lui a5, 0x30
    add a3, a3, a5
    addi a3, a3, %lo(table)
    jr a3
table:
    sw a2, 0(a1)
    j finish
    lw a4, 0(a1)
    j answer
    sb a2, 0(a1)
    j finish
    lb a4, 0(a1)
    j answer
    sh a2, 0(a1)
    j finish
    lhu a4, 0(a1)
    j answer
    sw a2, 64(s0)
    j report
    sw a2, 76(s0)
    lw a4, 68(s0)
    lw a5, 72(s0)
    sw a5, 108(s0)
answer:
    sw a4, 104(s0)
finish:
    sw zero, 112(s0)
    j loop
report:
    lw a4, 60(s0)
    j answer
tick:
    lui s1, 0x18
    lw a4, 52(s0)
    lw a5, 56(s0)
    sw zero, 56(s0)
    lw zero, 60(s0)
    sw a5, 60(s0)
    sw a4, 64(s0)
    sw a4, 104(s0)
    sw a4, 108(s0)
    lw a6, 116(s0)
    sw a6, 0(s1)
    sw a0, 4(s1)
    j finish
"""


class Bench:
    """The array, cycle by cycle; ``now`` are the outputs of the last cycle."""

    def __init__(self) -> None:
        self.engine = AmaranthEngine(SequentialArray(CONFIG, words_of(PROGRAM, ".S")))
        self.ports = self.engine.ports
        self.held: dict[str, int] = {"clk_snn": 1, "clk_gamma": 1}
        self.now: dict[str, int] = {}

    def restart(self) -> None:
        self.engine.reset()
        self.held = {"clk_snn": 1, "clk_gamma": 1}
        while self.step()["busy"]:
            assert (self.now["done"], self.now["cycles"], self.now["dims"]) == (0, 0, 16)

    def step(self, **inputs: int) -> dict[str, int]:
        """One cycle with ``inputs``, and those in ``held``."""
        row = np.zeros((1, self.ports.n_in_words), np.uint64)
        for name, value in (self.held | inputs).items():
            port = self.ports.input(name)
            row[0, port.words] = value & (1 << port.width) - 1
        trace = self.engine.run(row)[0]
        self.now = {port.name: port.to_int(trace[port.words].tolist()) for port in self.ports.outputs}
        return self.now

    def command(self, op: int, address: int, data: int = 0) -> int:
        """Runs one command to its end; RETURN. Its cycles are CYCLES."""
        self.step(start=1, command=op | address << 8, data=data)
        self.held["data"] = data
        n_busy = 0
        while self.step()["busy"]:
            n_busy += 1
            assert self.now["cycles"] == n_busy - 1
            assert self.now["answer"] == 0 or not 2 <= n_busy < 20
            ended = self.now["done"]
        assert ended
        assert self.now["done"] == 0
        assert self.now["cycles"] == n_busy
        return self.now["answer"]

    def store(self, port: int, value: int) -> None:
        self.command(STORE, PORTS + 4 * port, value)

    def load(self, port: int) -> int:
        return self.command(LOAD, PORTS + 4 * port)


@pytest.fixture(scope="module")
def engine_bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.engine.close()


@pytest.fixture
def bench(engine_bench: Bench) -> Bench:
    engine_bench.restart()
    return engine_bench


def test_registers_are_loaded(bench: Bench) -> None:
    bench.held |= {"type_mask": 0xA5C3, "alpha": -2, "dt": 0x2ABCDEF, "leak": 0xFEDCB, "rate_factor": 0x81234}
    bench.held |= {"target_step": 5, "phase_step": 0x1FFFFF, "gain": -3, "distance_one": 0x12345}
    expected = {
        Port.TYPE_MASK: 0xA5C3,
        Port.ALPHA: WORD - 1,
        Port.DT: 0x2ABCDEF,
        Port.LEAK: 0xFEDCB,
        Port.RATE_FACTOR: 0x81234,
        Port.TARGET_STEP: 5,
        Port.PHASE_STEP: 0x1FFFFF,
        Port.GAIN: WORD - 2,
        Port.DISTANCE_ONE: 0x12345,
        Port.TIMED: 0,
        Port.CORES: 128,
        Port.INLET: 0,
        Port.LIST_KEY: 0,
    }
    assert {port: bench.load(port) for port in expected} == expected
    for data, low, high in ((-2, WORD - 1, WORD), (0x7_89AB_CDEF, 0x89ABCDEF, 7), (0x8_0000_0001, 1, WORD - 7)):
        assert bench.command(LOAD, PORTS + 4 * Port.DATA_LO, data) == low
        assert bench.command(LOAD, PORTS + 4 * Port.DATA_HI, data) == high
    assert bench.load(Port.COMMAND) == LOAD | PORTS << 8


def test_settings_phase_and_answer(bench: Bench) -> None:
    bench.store(Port.SETTINGS, 7 | 2 << 8)
    assert (bench.now["dims"], bench.now["metric"]) == (7, 2)
    bench.store(Port.PHASE, 0x0A5A5A)
    assert bench.now["phase"] == bench.load(Port.PHASE) == 0x0A5A5A
    bench.step(write_phase=1, new_phase=77)
    assert bench.load(Port.PHASE) == 77
    bench.store(Port.ANSWER_HI, 0x89ABCDEF)
    assert bench.now["answer"] == 0x89ABCDEF << 32
    bench.step(start=1, command=STORE | PORTS << 8)
    assert bench.step()["answer"] == 0x89ABCDEF << 32
    assert bench.step()["answer"] == 0


def test_memory_in_bytes_halves_and_words(bench: Bench) -> None:
    rng = np.random.default_rng(3)
    for base in (0x0, 0x10000, 0x1FFF0):
        shadow = bytearray(16)
        for address in range(0, 16, 4):
            bench.command(STORE, base + address, 0)
        for _ in range(8):
            size = int(rng.integers(0, 3))
            at, value = int(rng.integers(0, 16)) >> size << size, int(rng.integers(0, 1 << 32))
            bench.command((STORE_BYTE, STORE_HALF, STORE)[size], base + at, value)
            shadow[at : at + (1 << size)] = value.to_bytes(4, "little")[: 1 << size]
            word = int(rng.integers(0, 4)) * 4
            assert bench.command(LOAD, base + word) == int.from_bytes(shadow[word : word + 4], "little")
            half = int(rng.integers(0, 8)) * 2
            assert bench.command(LOAD_HALF, base + half) == int.from_bytes(shadow[half : half + 2], "little")
            byte = int.from_bytes(shadow[at : at + 1], "little", signed=True)
            assert bench.command(LOAD_BYTE, base + at) == byte & WORD


def test_buffer_memory_has_two_users(bench: Bench) -> None:
    bench.step(buffer_write=1, buffer_write_addr=37, buffer_write_value=-300)
    bench.step(buffer_write=1, buffer_write_addr=0, buffer_write_value=1234)
    assert bench.load(BUFFER_PORT + 37) == WORD - 299
    assert bench.load(BUFFER_PORT) == 1234
    bench.store(BUFFER_PORT + 63, 0x1F00D)
    bench.step(buffer_read_addr=63)
    assert bench.step()["buffer_element"] == 0xF00D - 0x10000
    # While a command runs the front end's addresses and values do not count.
    bench.held |= {"buffer_write": 1, "buffer_write_addr": 5, "buffer_write_value": 1, "buffer_read_addr": 7}
    bench.step(buffer_write=0)
    bench.step(start=1, command=LOAD | PORTS + 4 * (BUFFER_PORT + 37) << 8, buffer_write_addr=37)
    while bench.step()["busy"]:
        pass
    assert bench.now["answer"] == 1
    del bench.held["buffer_write"]
    bench.store(BUFFER_PORT + 5, 9)
    bench.held |= {"buffer_write": 1}
    bench.step(start=1, command=LOAD | PORTS + 4 * (BUFFER_PORT + 5) << 8, buffer_write=0)
    while bench.step()["busy"]:
        pass
    assert bench.now["answer"] == 9


def row_key(row: list[int], query: list[int], used: int, *, dot: bool) -> int:
    pairs = [(r, q) for d, (r, q) in enumerate(zip(row, query, strict=True)) if used >> d & 1]
    return -sum(r * q for r, q in pairs) if dot else sum((r - q) ** 2 for r, q in pairs)


def packed(elements: list[int]) -> list[int]:
    return [int.from_bytes(bytes(e & 255 for e in elements[d : d + 4]), "little") for d in range(0, 16, 4)]


@pytest.mark.parametrize(("dot", "two"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_scans(bench: Bench, dot: int, two: int) -> None:
    rng = np.random.default_rng(dot * 2 + two)
    first, n_rows = 4000, 12
    rows = rng.integers(-128, 128, (n_rows, 16)).tolist()
    query = rng.integers(-128, 128, 16).tolist()
    for row, elements in enumerate(rows):
        for word, value in enumerate(packed(elements)):
            bench.command(STORE, 16 * (first + row) + 4 * word, value)
    for word, value in enumerate(packed(query)):
        bench.store(OPERAND_PORT + word, value)
    used = (0xBFF7 if two else 0xF7) & WORD
    keys = [row_key(row, query, used, dot=bool(dot)) for row in rows]
    bench.store(Port.SCAN_MODE, dot | two << 1 | used << 8)
    empty = None
    for threshold, start, last in (
        (min(keys), 0, 11),
        (min(keys) + 1, 0, 11),
        (sorted(keys)[3], 0, 11),
        (sorted(keys)[6], 5, 9),
        (0x7FFFFFFF, 3, 3),
        (-0x80000000, 4, 7),
    ):
        bench.store(Port.SCAN_KEY, threshold)
        bench.store(Port.SCAN_ROW, first + last)
        found = next((row for row in range(start, last + 1) if keys[row] < threshold), None)
        answer = bench.command(SCAN, 0, first + start)
        key, row = answer & WORD, answer >> 32
        if found is None:
            assert row >> 31
        else:
            assert (row, key) == (first + found, keys[found] & WORD)
        # All commands of this kind differ in what the scan took, and in nothing else.
        taken = (last if found is None else found) - start + 1
        spent = bench.now["cycles"] - taken * (1 + two)
        empty = spent if empty is None else empty
        assert spent == empty
    assert bench.load(Port.SCAN_KEY) == keys[7] & WORD


def test_a_scan_takes_what_the_contract_says(bench: Bench) -> None:
    # The same instructions with a load of a port that never waits.
    bench.store(Port.SCAN_MODE, 2)
    bench.store(Port.SCAN_KEY, 0x7FFFFFFF)
    bench.store(Port.SCAN_ROW, 0)
    bench.command(SCAN, 0, 0)
    # Until X of the store: COMMAND is there with M in busy cycle 1; then the rest of the load, 11 instructions, of
    # which two are loads of ports or jumps, R and X. After M of SCAN_KEY: the load of SCAN_ROW, three stores.
    before = 1 + 1 + 11 * 2 + 2 + 1
    x = before + 2
    load_row, stores = 1 + 2 + 2, 2 * 3
    finish_x = x + 6 + 2 * 1 + load_row + stores
    assert bench.now["cycles"] == finish_x + 1


def test_list(bench: Bench) -> None:
    rng = np.random.default_rng(9)
    entries = [(int(rng.integers(-(1 << 20), 1 << 20)), int(rng.integers(0, 256)), i + 7) for i in range(16)]

    def fill(n: int) -> None:
        for number, (key, core, index) in enumerate(entries[:n]):
            bench.store(Port.LIST_KEY, key)
            bench.store(Port.LIST_ENTRY, core | index << 8 | number << 16)
        bench.store(Port.LIST_COUNT, n)

    def shown() -> tuple[int, int, int]:
        return bench.now["result_key"], bench.now["result_core"], bench.now["result_index"]

    assert (bench.now["result_valid"], bench.now["results_left"]) == (0, 0)
    for n in (16, 3):
        fill(n)
        assert bench.now["busy"] == 0
        # The program's other work does not show, at once or later.
        for _ in range(30):
            assert (bench.now["result_valid"], bench.now["results_left"]) == (1, n)
            assert shown() == entries[0]
            bench.step()
        for number in range(n):
            assert shown() == entries[number]
            bench.step(result_pop=1)
            bench.step()
            bench.step()
            assert bench.now["results_left"] == n - number - 1
        assert (bench.now["result_valid"], shown()) == (0, (0, 0, 0))
        bench.step(result_pop=1)
        assert bench.now["results_left"] == 0
        bench.store(Port.LIST_COUNT, n)
        bench.step(result_pop=1)
        bench.step()
        bench.step()
        assert bench.now["results_left"] == n - 1
        assert shown() == entries[1]
    # Popped in any cycle after a command, with the processor on its way back to waiting.
    for pause in range(16):
        bench.store(Port.LIST_COUNT, 3)
        for _ in range(pause):
            bench.step()
        for number in range(3):
            bench.step(result_pop=1)
            assert shown() == entries[number]
            bench.step()
        assert bench.now["result_valid"] == 0
    # Hidden while a command works.
    bench.store(Port.LIST_COUNT, 2)
    bench.step(start=1, command=LOAD)
    while bench.step()["busy"]:
        assert (bench.now["result_valid"], bench.now["results_left"], shown()) == (0, 0, (0, 0, 0))


def test_spikes_in_and_out(bench: Bench) -> None:
    bench.step(spike_in_valid=1, spike_in_core=127, spike_in=0x80000001)
    assert bench.step(spike_in_valid=1, spike_in_core=128, spike_in=1)["dropped_input"] == 1
    bench.step(spike_in_valid=1, spike_in_core=3, spike_in=0)
    assert (bench.load(Port.INLET_WORD), bench.load(Port.INLET)) == (0x80000001, 1 << 31 | 127)
    bench.store(Port.INLET, 0)
    assert (bench.load(Port.INLET_WORD), bench.load(Port.INLET)) == (0, 1 << 31 | 3)
    bench.store(Port.INLET, 0)
    assert bench.load(Port.INLET) == 0

    bench.store(Port.REPORT_CORE, 0x55)
    cycles = []
    for word in (0, WORD):
        bench.step(start=1, command=REPORT)
        seen = []
        while bench.step(data=word)["busy"]:
            seen.append((bench.now["spiked"], bench.now["spike_out_valid"]))
        assert seen.count((1, 0)) == seen.count((0, 1)) == 1
        assert (bench.now["spike_out_core"], bench.now["spike_out"], bench.now["answer"]) == (0x55, word, 0)
        cycles.append(bench.now["cycles"])
    # X of the store in x: 32 events in x+2..x+33; behind a jump, the load's first M is x+6.
    assert cycles[1] - cycles[0] == 28
    assert (bench.now["held_valid"], bench.now["held_level"]) == (1, 32)
    for neuron in range(32):
        assert bench.now["held_event"] == 0x55 << 5 | neuron
        bench.step(event_pop=1)
        bench.step()
    assert bench.now["held_valid"] == 0


def edge(bench: Bench, pin: str) -> None:
    for level in (0, 0, 0, 1, 1, 1):
        bench.held[pin] = level
        bench.step()


def test_gamma_edges(bench: Bench) -> None:
    bench.held["control"] = GAMMA
    assert bench.load(Port.PHASE_DUE) == 0
    edge(bench, "clk_gamma")
    assert (bench.load(Port.PHASE_DUE), bench.load(Port.PHASE_DUE)) == (1, 1)
    bench.store(Port.PHASE_DUE, 0)
    assert bench.load(Port.PHASE_DUE) == 0


def test_ticks_by_time(bench: Bench) -> None:
    bench.store(Port.LIST_KEY, -5)
    bench.store(Port.LIST_ENTRY, 8)
    bench.store(Port.LIST_COUNT, 1)
    bench.command(STORE, NOTE, 0)
    bench.step(buffer_write=1, buffer_write_addr=2, buffer_write_value=-7)
    assert bench.load(Port.COMMAND) != 0
    before = {name: bench.now[name] for name in ("answer", "cycles")}
    bench.step(spike_in_valid=1, spike_in_core=6, spike_in=0x10)
    bench.held |= {"control": RUN, "tick_parts": 0x2B}
    edge(bench, "clk_snn")
    n_busy = n_ticked = 0
    for _ in range(120):
        bench.step(buffer_read_addr=2)
        n_busy += bench.now["busy"]
        n_ticked += bench.now["ticked"]
        assert not bench.now["ticked"] or bench.now["busy"]
        assert not bench.now["done"]
        assert (bench.now["result_valid"], bench.now["results_left"], bench.now["result_core"]) == (1, 1, 8)
        assert {name: bench.now[name] for name in before} == before
    assert n_busy > 20 and n_ticked == 1
    assert bench.now["buffer_element"] == -7
    assert (bench.now["spike_out_core"], bench.now["spike_out"], bench.now["held_event"]) == (6, 0x10, 6 << 5 | 4)
    assert bench.command(LOAD, NOTE) == 1
    assert bench.command(LOAD, NOTE + 4) == encode(NeuralOpcode.TICK, index=3, value=0x2B)
    # Two edges while a command runs: the tick waits for its end, and one is lost.
    bench.step(start=1, command=LOAD)
    overruns = 0
    for level in (0, 0, 0, 1, 1, 1) * 2:
        overruns += bench.step(clk_snn=level)["overrun"]
    assert overruns == 1
    while not bench.step()["done"]:
        assert not bench.now["ticked"]
    assert bench.step()["busy"] == 0
    assert bench.step()["busy"] == 1
    while bench.step()["busy"]:
        assert not bench.now["done"]
