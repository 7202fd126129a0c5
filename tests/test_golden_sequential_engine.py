"""The sequential engine: its ports in the cycles of the contract, and every command beside the array model."""

from __future__ import annotations

import numpy as np
import pytest
from fabric_bench import Bench
from riscv_programs import words_of

from golden.fixed.array import ArrayModel
from golden.fixed.fabric_state import FabricSettings, TickStart
from golden.fixed.processor import Program
from golden.fixed.scan_unit import ScanUnit
from golden.fixed.sequential import SequentialEngine
from golden.fixed.sequential_ports import Progress, Request
from golden.spec import Metric, Opcode, encode, preset
from golden.spec.neural_commands import NeuralOpcode, TickPart, commands

CONFIG = preset("up5k-snn")

# ---------------------------------------------------------------- ports

PORTS = """
    .section .start, "ax"
    .globl _start
_start:
    lui a0, 0x20            # F 0, R 1
    li a1, 3 + (2 << 8)     # R 3: LUI or two, here one ADDI
    sw a1, 88(a0)           # R 5: SETTINGS in 7
    sw zero, 112(a0)        # R 7: FINISH in 9
wait:
    lw a1, 0(a0)            # R 9, M 11
    # A command accepted in 20: M ends with 21, 22 takes it over.
    sw a1, 104(a0)          # R 23: ANSWER_LO in 25
    lw a2, 8(a0)            # R 25: M 27
    sw a2, 108(a0)          # R 29: ANSWER_HI in 31
    li a3, 5                # 31
    sw a3, 60(a0)           # R 33: REPORT_CORE
    li a4, 0x71             # 35
    sw a4, 64(a0)           # R 37: REPORT_WORD in 39; four events: the reporter is idle again in 44
    lw zero, 60(a0)         # R 39: M 41, and 3 stalls: the next R is 46
    sw a4, 64(a0)           # R 46: 48
    sw a3, 48(a0)           # R 48: PHASE in 50
    li a3, 40               # 50
    sw a3, 68(a0)           # R 52: threshold 40
    li a3, 6                # 54
    sw a3, 72(a0)           # R 56: to row 6
    lui a3, 0x10            # 58
    addi a3, a3, -254       # 60: elements 0..7, two words a row, L2
    sw a3, 80(a0)           # R 62
    sw zero, 0x200(a0)      # R 64
    sw zero, 0x204(a0)      # R 66
    li a3, 2                # 68
    sw a3, 76(a0)           # R 70: a scan from row 2 on, X 71, seen in 72
    lw a4, 68(a0)           # R 72: M 74; rows 2, 3, 4: it ends with 71 + 6 + 6 = 83, taken over in 84
    sw a4, 92(a0)           # R 85: LIST_KEY
    lw a5, 72(a0)           # R 87: M 89; SCAN_ROW
    slli a5, a5, 8          # 91
    sw a5, 96(a0)           # R 93: LIST_ENTRY
    li a5, 1                # 95
    sw a5, 100(a0)          # R 97: LIST_COUNT
    sw a5, 0x108(a0)        # R 99: element 2 of QUERY
    lw a1, 0x108(a0)        # R 101: M 103
    lw a1, 120(a0)          # R 105: CORES
    sw a1, 0x1C0(a0)        # R 109: element 0 of SCRATCH
    sw zero, 112(a0)        # R 111: FINISH in 113
    j wait                  # R 113, F 115
"""


def test_ports_by_hand() -> None:
    engine = SequentialEngine(CONFIG, Program(words_of(PORTS, ".S")), strict=True)
    assert (engine.progress.finish, engine.progress.settings) == (9, [(7, 0x203)])
    assert engine.idle_from == 9 and engine.wants is None
    engine.rows[2:7, 0] = 9, 7, 6, 5, 4
    engine.rows[:, 8] = 77
    shown = engine.begin(Request(0xABCDEF01, data=0x5_1234_5678), 20)
    assert shown == Progress(
        finish=113,
        answers=[(25, 0, 0xABCDEF01), (31, 1, 5)],
        phases=[(50, 5)],
        reports=[(39, 5, 0x71), (48, 5, 0x71)],
    )
    state = engine.ports.state
    assert state.entries == {0: (36, 0, 4)} and state.list_count == 1
    assert state.buffers[0, 2] == 1 and state.buffers[3, 0] == CONFIG.cores
    assert engine.idle_from == 116
    # Accepted in the first cycle that is not busy, before the program waits: the load of COMMAND does not stall.
    again = engine.begin(Request(3), 114)
    assert again.answers[0] == (122, 0, 3) and again.finish == 113 + 122 - 25


def test_random_scans() -> None:
    rng = np.random.default_rng(1)
    scan, found = ScanUnit(CONFIG), set()
    for _ in range(400):
        rows = rng.integers(-128, 128, (300, 16)).astype(np.int8)
        dot, two = bool(rng.integers(2)), bool(rng.integers(2))
        counted = int(rng.integers(1 << 16))
        operand = rng.integers(-128, 128, 16)
        for word in range(4):
            scan.set_operand(word, int.from_bytes(operand[4 * word :][:4].astype(np.int8).tobytes(), "little"))
        scan.mode = dot | two << 1 | counted << 8
        first = int(rng.integers(280))
        scan.last = int(rng.integers(-3, 290 - first)) + first
        lanes = [lane for lane in range(16 if two else 8) if counted >> lane & 1]
        wide = rows.astype(np.int64)[:, lanes]
        own = operand[lanes]
        keys = -(wide * own).sum(axis=1) if dot else ((wide - own) ** 2).sum(axis=1)
        scan.threshold = int(np.sort(keys)[int(rng.integers(40))] + rng.integers(2))
        scan.start(rows, first, 1000)
        taken = first
        while keys[taken] >= scan.threshold and taken < scan.last:
            taken += 1
        assert (scan.row, scan.key, scan.found) == (taken, keys[taken], keys[taken] < scan.threshold)
        # Busy in x+2..x+5+w n, and the unit sees the start in x+1.
        assert scan.idle_at == 999 + 6 + (taken - first + 1) * (1 + two)
        found.add((scan.found, taken == first))
    assert len(found) == 4


# ---------------------------------------------------------------- beside the array


class Pair(Bench):
    """An array whose engine runs every command before it; what both show is compared."""

    def __init__(self, seed: int, metric: Metric, dims: int) -> None:
        super().__init__(seed, CONFIG, metric, dims)
        assert self.array.sequential is not None
        self.twin = self.array.sequential
        self.n_reports = self.n_phases = 0

    def compare(self, word: int, data: int, type_mask: int, alpha_raw: int) -> None:
        array = self.array
        asked = Request(word, data, type_mask, alpha_raw, self.settings)
        shown = self.twin.measure(asked)
        done = array.perform(word, data, type_mask, alpha_raw, settings=self.settings)
        self.twin.note()
        halves = {half: value for _, half, value in shown.answers}
        text = f"command {word:#010x}"
        assert halves.get(0, 0) | halves.get(1, 0) << 32 == done.answer, text
        assert [report[1:] for report in shown.reports] == [report[1:] for report in done.reports], text
        assert ([value for _, value in shown.phases] or [0])[-1] == ([value for _, value in done.phases] or [0])[-1], (
            text
        )
        cycles = [cycle for cycle, *_ in (*shown.answers, *shown.phases, *shown.reports, *shown.settings)]
        assert all(1 < cycle <= (shown.finish or 0) for cycle in cycles), text
        self.n_reports += len(shown.reports)
        self.n_phases += len(shown.phases)

    def random_command(self) -> None:
        rng = self.rng
        infos = [info for info in commands(CONFIG) if info.opcode not in (Opcode.INIT, NeuralOpcode.NEURO_SEARCH)]
        info = infos[int(rng.integers(len(infos)))]
        core, index = int(rng.integers(4)), int(rng.integers(34))
        data = int(rng.integers(1 << 36)) >> int(rng.integers(36))
        value = int(rng.integers(256))
        if info.opcode == Opcode.SEARCH:
            value |= 32 * int(rng.integers(2))  # beams take long
        if rng.random() < 0.3:
            self.array.buffers[:2] = rng.integers(-128, 128, (2, 16))
        word = encode(info.opcode, core=core, index=index, value=value)
        alpha = int(rng.integers(-(1 << 15), 1 << 15))
        self.compare(word, (data ^ 1 << 35) - (1 << 35) & (1 << 64) - 1, int(rng.integers(1 << 16)), alpha)


@pytest.mark.parametrize(("metric", "dims"), [(Metric.L2, 16), (Metric.COSINE, 8), (Metric.DOT, 5)])
def test_random_commands(metric: Metric, dims: int) -> None:
    pair = Pair(int(metric), metric, dims)
    pair.settings = FabricSettings(gain_raw=12_345, distance_one=77)
    for turn in range(300):
        pair.random_command()
        if turn % 50 == 49:
            assert pair.twin.differences() == []
            pair.scramble(pair.fabric.contexts[0].state)
    parts = TickPart.STEP | TickPart.TO_MEMBRANE | TickPart.LEARN | TickPart.RECORD
    for core in range(4):
        pair.scramble(pair.fabric.contexts[0].state)
        pair.compare(encode(Opcode.SET_COUNT, core=core, value=32), 0, 0, 0)
        pair.compare(encode(NeuralOpcode.TICK, core=core, index=2, value=parts), 0, 0, 0)
        pair.compare(encode(NeuralOpcode.NEURO_SEARCH, core=core, index=2, value=133), 0, 0, 0)
    assert pair.n_reports >= 3 and pair.n_phases > 8
    assert pair.twin.differences() == []


def test_the_answer_is_there_before_the_command_ends() -> None:
    array = ArrayModel(CONFIG)
    array.execute(encode(Opcode.SET_COUNT, core=3, value=7))
    done = array.execute(encode(Opcode.COUNT, core=3))
    assert done.answer == 7
    assert 1 < done.answer_cycle < done.cycles


def test_what_a_tick_meets_is_the_bus_models_matter() -> None:
    with pytest.raises(ValueError, match=r"an empty inlet and an idle reporter, got TickStart"):
        ArrayModel(CONFIG).execute(encode(NeuralOpcode.TICK), tick_start=TickStart(2))


def test_differences_are_found() -> None:
    pair = Pair(0, Metric.L2, 16)
    pair.compare(encode(Opcode.SEARCH, value=5 | 32), 0, 0xFFFF, 0)
    array, state = pair.array, pair.fabric.contexts[0].state
    assert pair.twin.differences() == []
    array.vectors[3, 4, 5] += 1
    array.words[1, 2] ^= 1 << 35
    array.weights[0, 0] ^= 1
    array.types[127, 31] ^= 8
    array.counts[2] += 1
    array.buffers[2, 15] += 1
    array.results[0] = (-5, 200, 3)
    array.dims = 15
    pair.fabric.phase += 1
    state.membrane[31] += 1
    state.residue[0] ^= 1
    pair.fabric.contexts[0].glimpses = 3
    names = ["vectors", "words", "types", "weights", "buffers", "phase", "settings", "results", "counts"]
    assert pair.twin.differences() == [*names, "MEMBRANE", "RESIDUE", "GLIMPSES"]
    # It catches up with all of it.
    pair.twin.catch_up()
    array.sequential = pair.twin
    array.execute(encode(Opcode.MERGE, core=9, index=9), 5)
    assert pair.twin.differences() == []


def test_cycles_do_not_depend_on_how_the_array_came_to_its_state() -> None:
    """Vectors inserted one by one, and all at once; neurons stepped, and copied."""
    rng = np.random.default_rng(5)
    cores, rows = rng.integers(0, 5, 60), rng.integers(-128, 128, (60, 16))
    one, other = ArrayModel(CONFIG), ArrayModel(CONFIG)
    one.init(16, Metric.COSINE)
    other.init(16, Metric.COSINE)
    indices, cycles = one.insert_batch(cores, rows)
    untimed, none = other.insert_batch(cores, rows, timed=False)
    assert indices.tolist() == untimed.tolist() and set(none.tolist()) == {-1} and len(set(cycles.tolist())) > 20
    query = rng.integers(-128, 128, 16)
    for array in (one, other):
        assert array.fabric is not None
        array.query[:] = query
    search = encode(Opcode.SEARCH, value=6 | 32)
    merge = encode(Opcode.MERGE, core=200, index=3)
    learn = encode(NeuralOpcode.TICK, core=2, value=0xFF)
    for word, data in ((search, 0), (merge, 50), (learn, 0), (learn, 0)):
        one.execute(word, data)
        other.perform(word, data)
    counts = [array.sequential for array in (one, other)]
    for word in (encode(Opcode.INSERT, core=2), learn, search | 1 << 31, encode(NeuralOpcode.COMPETE, core=2, value=1)):
        assert one.execute(word) == other.execute(word)
    assert all(twin is not None and twin.differences() == [] for twin in counts)


def test_batches_give_the_cycles_of_single_commands() -> None:
    rng = np.random.default_rng(6)
    one, many = ArrayModel(CONFIG), ArrayModel(CONFIG)
    rows, queries = rng.integers(-128, 128, (35, 16)), rng.integers(-128, 128, (3, 16))
    buffers = rng.integers(-128, 128, (3, 16))
    many.buffers[:] = buffers
    single = []
    for row in rows:
        one.vector[:] = row
        done = one.execute(encode(Opcode.INSERT, core=1))
        single.append((done.answer, done.cycles))
    indices, cycles = many.insert_batch(np.ones(35, int), rows)
    assert list(zip(indices.tolist(), cycles.tolist(), strict=True)) == single
    found, untimed = many.search_batch(queries, 4), many.search_batch(queries, 4, timed=False)
    assert untimed.cycles.tolist() == [-1] * 3
    for i, query in enumerate(queries):
        one.query[:] = query
        assert one.execute(encode(Opcode.SEARCH, value=4 | 32)).cycles == found.cycles[i]
        assert found.distances[i].tolist() == untimed.distances[i].tolist() == [key for key, _, _ in one.results]
    assert many.results == [] and many.buffers.tolist() == buffers.tolist()
    beam = many.search_batch(queries[:1], 3, "beam", 0x1)
    one.query[:] = queries[0]
    assert one.execute(encode(Opcode.SEARCH, value=3), type_mask=1).cycles == beam.cycles[0]


def test_a_reset_in_a_command_leaves_what_had_been_written() -> None:
    array = ArrayModel(CONFIG)
    rng = np.random.default_rng(7)
    array.insert_batch(np.zeros(5, int), rng.integers(-128, 128, (5, 16)), timed=False)
    array.vector[:] = rng.integers(-128, 128, 16)
    twin = array.sequential
    assert twin is not None
    engine = twin.engine
    twin.catch_up()
    before = bytes(engine.processor.memory[:0x18000])
    kept = engine.processor.cycle
    shown = engine.begin(Request(encode(Opcode.INSERT)), kept + 40)
    assert shown.finish is not None
    after = bytes(engine.processor.memory[:0x18000])
    last, n_changes = None, 0
    engine.interrupt(kept + 40)
    assert bytes(engine.processor.memory[:0x18000]) == before
    for cycle in range(shown.finish - 800, shown.finish + 2, 2):
        engine.interrupt(cycle)
        now = bytes(engine.processor.memory[:0x18000])
        differ = last is not None and last != now
        changed = [at for at, (old, new) in enumerate(zip(last, now, strict=True)) if old != new] if differ else []
        # At most one store in two cycles.
        assert not changed or changed[-1] - changed[0] < 4
        n_changes += bool(changed)
        last = now
    assert last == after and n_changes > 5
