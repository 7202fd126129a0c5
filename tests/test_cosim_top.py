"""The whole array, hardware against golden model: 100,000 random commands, every output in every cycle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganglion.cosim import CosimReport, record, run_cosim
from ganglion.cosim.host import Transfer
from ganglion.cosim.run import Recorder
from ganglion.engine import ChangeEvents, Engine, EventComparer
from ganglion.engine.top import array_engine
from golden.fixed.bits import mask
from golden.fixed.bus_registers import RegisterFile
from golden.spec import Config, Error, Metric, Opcode, buffers, by_name, encode, preset

TINY = preset("tiny")

RUNS: list[tuple[str, Config, int]] = [
    ("tiny", TINY, 40_000),
    ("core", preset("core"), 12_000),
    ("lanes-1", Config(cores=3, slices=1, lanes=1), 6_000),
    ("lanes-2-wide", Config(cores=4, slices=2, lanes=2, element_width=16), 12_000),
    ("lanes-8-four-slices", Config(cores=8, slices=4, lanes=8), 12_000),
    ("lanes-16-wide", Config(cores=2, slices=2, lanes=16, element_width=16), 10_000),
    ("up5k", preset("up5k"), 5_000),
    ("hx8k", preset("hx8k"), 3_000),
    ("folded256", preset("folded256"), 2_000),
]


SPIKING_RUNS: list[tuple[str, Config, int]] = [
    ("tiny-snn", preset("tiny-snn"), 46_000),
    ("core-snn", preset("core-snn"), 15_000),
    ("shared-contexts", Config(cores=4, slices=2, lanes=4, contexts=2), 20_000),
    ("eight-cores-snn", Config(cores=8, slices=4, lanes=8, contexts=8), 4_000),
    ("wide-snn", Config(cores=2, slices=1, lanes=2, element_width=16, contexts=1), 10_000),
    ("odd-places-snn", Config(cores=12, slices=4, lanes=1, contexts=12), 5_000),
    ("folded256-snn", preset("folded256-snn"), 600),
    ("sequential", preset("up5k-snn", cores=3), 3_000),
    ("up5k-snn", preset("up5k-snn"), 400),
]


def agrees(report: CosimReport, operations: int) -> bool:
    assert report.first_mismatch is None, report.first_mismatch
    assert (report.operations, report.mismatches) == (operations, 0)
    return report.cycles > 20 * operations


@pytest.mark.parametrize(
    ("name", "config", "operations"), RUNS + SPIKING_RUNS, ids=[name for name, _, _ in RUNS + SPIKING_RUNS]
)
def test_random_commands(name: str, config: Config, operations: int, tmp_path: Path) -> None:
    assert agrees(run_cosim(config, operations, seed=len(name), vcd_dir=tmp_path), operations)
    assert not list(tmp_path.iterdir())


def test_the_runs_are_a_hundred_thousand_commands() -> None:
    """Twice: with spiking units and without."""
    for runs, contexts in ((RUNS, False), (SPIKING_RUNS, True)):
        assert all(bool(config.contexts) == contexts for _, config, _ in runs)
        assert sum(operations for _, _, operations in runs) >= 100_000


def test_many_slices_as_modules_of_their_own() -> None:
    config = Config(cores=32, slices=16, lanes=16)
    assert agrees(run_cosim(config, 2_000, seed=3), 2_000)


def test_two_hundred_and_fifty_six_slices() -> None:
    assert agrees(run_cosim(preset("array256"), 150, seed=1), 150)


def test_two_hundred_and_fifty_six_slices_with_neurons() -> None:
    assert agrees(run_cosim(preset("array256-snn"), 40, seed=1), 40)


def test_the_reference_simulator_agrees_too() -> None:
    assert agrees(run_cosim(TINY, 40, seed=9, engine="amaranth"), 40)


def test_random_programs_reach_every_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What 20,000 commands on ``tiny`` are made of: nothing that the contract speaks of is left out."""
    seen: Counter[Any] = Counter()
    refuse, command, interrupt = RegisterFile.refuse, RegisterFile._command, RegisterFile.interrupt

    def counted_refuse(self: RegisterFile, reason: Error) -> None:
        seen[reason] += 1
        refuse(self, reason)

    def counted_command(self: RegisterFile, word: int, cycle: int) -> None:
        before, opcode = int(self.array.counts[0]), Opcode(word & 0xFF)
        command(self, word, cycle)
        seen[opcode, self.array.metric] += 1
        seen["dims", self.array.dims] += 1
        if opcode is Opcode.INSERT and self._running.answer == 255:
            seen["full"] += 1
        if opcode is Opcode.SEARCH:
            k = word >> 24 & 31
            seen["k", "0" if k == 0 else "1..16" if k <= 16 else "more"] += 1
            seen["flags", word >> 29] += 1
            seen["results", len(self.array.results)] += 1
        seen["count", before] += 1

    def counted_interrupt(self: RegisterFile, cycle: int) -> None:
        seen["reset", "busy" if self._start < cycle <= self.busy_until else "idle"] += 1
        interrupt(self, cycle)

    monkeypatch.setattr(RegisterFile, "refuse", counted_refuse)
    monkeypatch.setattr(RegisterFile, "_command", counted_command)
    monkeypatch.setattr(RegisterFile, "interrupt", counted_interrupt)
    recording = record(TINY, 20_000, seed=1)
    assert recording.operations == 20_000 and recording.inputs.n_cycles == recording.end
    assert {reason for reason in Error if reason} <= set(seen)
    assert {(opcode, metric) for opcode in Opcode for metric in Metric} <= set(seen)
    assert {("dims", n) for n in range(1, 17)} <= set(seen)
    assert {("count", n) for n in range(33)} <= set(seen)
    assert {("results", n) for n in range(17)} <= set(seen)
    assert {("flags", n) for n in range(8)} <= set(seen)
    assert {("k", "0"), ("k", "1..16"), ("k", "more")} <= set(seen)
    assert seen["full"] > 100 and seen["reset", "busy"] > 20 and seen["reset", "idle"] > 20


def test_a_count_of_seven_links_acts_as_six() -> None:
    """Only WRITE_LINKS can store it; random programs rarely come back to such a node."""
    recorder = Recorder(TINY, 0)
    host, addr = recorder.host, {name: register.addr for name, register in by_name(TINY).items()}
    places = {buffer.name: range(buffer.addr, buffer.end, 4) for buffer in buffers(TINY)}
    host.stall = 0

    def get(place: int) -> int:
        transfer = Transfer.read(place)
        assert host.play([transfer]) and transfer.response == 0
        return transfer.data

    def do(opcode: Opcode, index: int = 0, value: int = 0) -> int:
        host.wait(1_000)
        host.play([Transfer.write(addr["COMMAND"], encode(opcode, index=index, value=value))])
        host.wait(1_000)
        assert get(addr["STATUS"]) & 1 == 0
        return get(addr["RETURN1"]) << 32 | get(addr["RETURN0"])

    def write_links(word: int) -> None:
        host.play([Transfer.write(addr["DATA0"], word & mask(32)), Transfer.write(addr["DATA1"], word >> 32)])
        assert do(Opcode.WRITE_LINKS, 7) == 1

    do(Opcode.INIT, value=16)
    for node in range(8):
        words = [0x11 * node + word * 0x01030507 & 0x7F7F7F7F for word in range(4)]
        for name in ("VECTOR", "QUERY"):  # the last node is the query's and the next vectors' nearest neighbour
            host.play([Transfer.write(place, word) for place, word in zip(places[name], words, strict=True)])
        assert do(Opcode.INSERT) == node
    links = sum(node << 5 * slot for slot, node in enumerate((6, 0, 5, 2, 4, 1)))
    answers = []
    for n_links in (6, 7):
        word = links | n_links << 30 | 2 << 33
        write_links(word)
        assert do(Opcode.READ_LINKS, 7) == word
        assert do(Opcode.AGGREGATE, 7) == 1
        delta = [get(place) for place in places["DELTA"]]
        found = do(Opcode.SEARCH, value=8)
        cycles = get(addr["CYCLES"])
        answers.append((delta, found, cycles, [get(addr["RESULT_RECORD"]) for _ in range(found)]))
    assert answers[0] == answers[1] and any(answers[0][0]) and answers[0][1] == 8
    for new, n_pinned in ((8, 2), (9, 7)):
        write_links(links | 7 << 30 | n_pinned << 33)
        assert do(Opcode.INSERT) == new
        word = do(Opcode.READ_LINKS, 7)
        if n_pinned == 2:  # the new node's parent: its third link, the first that was not pinned, makes room
            assert (word & mask(30), word >> 33) == (links & ~(31 << 10) | new << 10, 3)
        else:
            assert word == links | 7 << 30 | 7 << 33
    recording = recorder.batch(0, 0)
    assert len(recording.commands) == 1 + 8 + 2 * 4 + 2 * 3
    with array_engine(TINY) as engine:
        actual = engine.run_segments(recording.inputs.counts, recording.inputs.values)
        assert EventComparer(engine.ports).feed(recording.expected, actual) is None


def test_equal_seeds_give_equal_runs() -> None:
    first, second, other = (record(TINY, 200, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.inputs.counts, second.inputs.counts)
    np.testing.assert_array_equal(first.inputs.values, second.inputs.values)
    assert first.commands == second.commands != other.commands


def test_batches_are_one_run() -> None:
    """Recording in batches or at once makes no difference, nor does the size of the batches."""
    whole = record(TINY, 300, 6)
    recorder, parts = Recorder(TINY, 6), []
    while recorder.operations < 300:
        parts.append(recorder.batch(300, 1000))
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]] and len(parts) > 5
    joined = ChangeEvents.join([part.expected for part in parts])
    for name in ("cycle", "word", "value"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole.expected, name))
    assert sum(part.inputs.n_cycles for part in parts) == whole.inputs.n_cycles


class Broken(Engine):
    """A simulator with a fault: from ``cycle`` on, bits of one output are inverted."""

    def __init__(self, inner: Engine, signal: str, bits: int, from_cycle: int) -> None:
        self.inner, self.ports = inner, inner.ports
        self.word, self.bits, self.from_cycle = inner.ports.output(signal).word_offset, bits, from_cycle

    @property
    def cycle(self) -> int:  # type: ignore[override]
        return self.inner.cycle

    def reset(self) -> None:
        self.inner.reset()

    def _restart_count(self) -> None:
        self.inner._restart_count()

    def _run(self, stimulus: Any) -> Any:
        return self.inner._run(stimulus)

    def _run_segments(self, counts: Any, values: Any) -> ChangeEvents:
        events = self.inner._run_segments(counts, values)
        hit = (events.word == self.word) & (events.cycle >= self.from_cycle)
        events.value[hit] ^= np.uint64(self.bits)
        return events


def test_a_fault_is_found_named_and_shown(tmp_path: Path) -> None:
    recording = record(TINY, 500, seed=2)
    with array_engine(TINY) as inner:
        for signal, bits, from_cycle in (("s_axil_rdata", 0x100, 9_000), ("irq", 1, 0), ("s_axil_bresp", 2, 20_000)):
            inner.reset()
            place = inner.ports.output(signal).word_offset
            hit = (recording.expected.word == place) & (recording.expected.cycle >= from_cycle)
            cycle, value = int(recording.expected.cycle[hit][0]), int(recording.expected.value[hit][0])
            command = [w for at, w in recording.commands if at < cycle]
            broken = Broken(inner, signal, bits, from_cycle)
            report = run_cosim(TINY, 500, seed=2, engine=broken, vcd_dir=tmp_path / signal)
            found = report.first_mismatch
            assert found is not None and report.mismatches > 0
            assert (found.signal, found.cycle) == (signal, cycle)
            assert (found.expected, found.actual) == (value, value ^ bits)
            if command:
                assert found.command == f"{Opcode(command[-1] & 0xFF).name} {command[-1]:#010x}"
            else:
                assert found.command == "none"
            assert found.vcd == tmp_path / signal / "cosim-2.vcd"
            text = found.vcd.read_text()
            assert "$enddefinitions" in text and signal in text and len(text) > 1000


@pytest.mark.parametrize(
    ("change", "why"),
    [({"operations": 0}, "operations must be at least 1, got 0"), ({"seed": -1}, "seed must not be negative, got -1")],
)
def test_bad_arguments_are_named(change: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        run_cosim(TINY, **{"operations": 1, "seed": 0, **change})
    with pytest.raises(ValueError, match="'icarus'"):
        run_cosim(TINY, 1, engine="icarus")  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match="file"):
            run_cosim(TINY, 1, engine="icarus", vcd_dir=folder)  # type: ignore[arg-type]


def test_a_mismatch_is_told_though_its_waveform_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_keywords: object) -> None:
        raise OSError(28, "No space left on device", "cosim-2.vcd")

    monkeypatch.setattr("ganglion.cosim.run.write_vcd", fails)
    with array_engine(TINY) as inner:
        report = run_cosim(TINY, 50, seed=2, engine=Broken(inner, "irq", 1, 0), vcd_dir=tmp_path)
    found = report.first_mismatch
    assert found is not None and found.vcd is None and report.mismatches > 0
    assert all(part in str(found) for part in ("signal irq", f"cycle {found.cycle}", "No space left", "cosim-2.vcd"))
