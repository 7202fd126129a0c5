"""The gate count of a whole array: blocks against totals, other counts of the slice, libraries, cache."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from gates_circuits import SMALL, UNIT, joined, registers, silent

from ganglion.engine import EngineError
from ganglion.engine.rtl import TOP, convert
from ganglion.gates import GateReport, LibraryError, NetlistError, block_of, count, count_gates
from ganglion.gates.liberty import parse_library
from ganglion.gates.netlist import read_netlist
from ganglion.gates.synth import Mapped, synthesise
from hw.array import SLICE_MODULE
from hw.slice import Slice
from hw.top import Ganglion


@pytest.fixture(scope="module")
def small() -> GateReport:
    return count_gates(SMALL)


def test_blocks_add_up(small: GateReport) -> None:
    assert small.array.gates == small.total_gates == sum(block.gates for block in small.blocks)
    assert small.total_gates == SMALL.slices * small.slice.gates + small.shared.gates
    assert small.total_flip_flops == SMALL.slices * small.slice.flip_flops + small.shared.flip_flops
    assert small.total_memory_bits == SMALL.slices * small.slice.memory_bits + small.shared.memory_bits
    assert {block.instances for block in small.blocks if block.part == "slice"} == {2}
    assert {block.instances for block in small.blocks if block.part == "shared"} == {1}
    assert all(block.gates >= block.flip_flop_gates for block in small.blocks)


def test_every_block_is_there(small: GateReport) -> None:
    names = [block.name for block in small.blocks]
    logic = ["distance", "top-k list", "exact scan", "beam search", "insert", "gather", "row copy", "graph store"]
    logic += ["slice glue", "sequencer", "scaler", "normaliser", "merger", "result list", "bus front end"]
    memories = ["node store", "row store", "operand memory", "buffer memory"]
    assert set(logic + memories) <= set(names)
    assert len(set(names)) == len(names)
    blocks = {block.name: block for block in small.blocks}
    assert all(blocks[name].gates > 50 and blocks[name].levels > 2 for name in logic)
    assert all(blocks[name].memory_bits > 0 for name in memories)


def test_memory_bits_are_those_of_the_configuration(small: GateReport) -> None:
    config = SMALL
    bits = {block.name: block.memory_bits // block.instances for block in small.blocks}
    n_nodes = 32 * config.cores_per_slice
    assert bits["row store"] == n_nodes * 16 * config.element_width
    assert bits["graph store"] == n_nodes * 36
    assert bits["node store"] == n_nodes * (4 + 8) + config.cores_per_slice * 6
    assert bits["operand memory"] == 2 * 16 * config.element_width
    assert bits["buffer memory"] == 64 * config.delta_format.width
    assert bits["result list"] == 32 * (config.key_width + 8 + 5)


def test_the_slice_without_block_boundaries_is_nearly_as_big(small: GateReport) -> None:
    flat = count.flat_slice_gates(SMALL, progress=silent)
    assert flat.memory_bits == small.slice.memory_bits
    assert flat.flip_flops <= small.slice.flip_flops
    assert 0.9 < flat.gates / small.slice.gates < 1.03


def test_a_block_that_is_gone_is_missing_from_the_total(small: GateReport) -> None:
    """The gather unit taken out of the slice's netlist, its outputs stuck at zero."""
    text = convert(Slice(SMALL))
    without = re.sub(r"  cell \\top\.gather \\gather\n.*?\n  end\n", "", text, flags=re.S)
    assert without != text
    netlist = read_netlist(synthesise(without, UNIT, progress=silent).flat, TOP, UNIT)
    gather = next(block.gates_each for block in small.blocks if block.name == "gather")
    assert block_of(netlist, UNIT, "x", "slice").gates < small.slice.gates - 0.9 * gather


def test_longest_path_of_the_whole_design(small: GateReport) -> None:
    """Slices that settle in turns with what they share have the depth of the same design in one netlist."""
    slice_blocks, one = count._part(convert(Slice(SMALL)), UNIT, "slice", count.SLICE_NAMES, "", silent)
    rtlil = convert(Ganglion(SMALL, separate_slice=True), {SLICE_MODULE: Slice(SMALL)})
    shared_blocks, shared = count._part(rtlil, UNIT, "shared", count.SHARED_NAMES, "", silent)
    assert tuple(block.times(2) for block in slice_blocks) + tuple(shared_blocks) == small.blocks
    assert len(shared.boxes) == 2
    whole = joined(shared, one).levels()
    assert small.levels == whole
    assert small.slice_levels == one.levels()
    assert whole >= max(one.levels(), shared.levels())


SMALL_LIBRARY = """library ("pdk 2um") {
  cell ("INV") { area : 8.0; pin ("A") { direction : "input"; } pin (Z) { direction : output; function : "(!A)"; } }
  cell (ND2) { area : 12.5; pin (A) { direction : input; } pin (B) { direction : input; }
    pin (Z) { direction : output; function : "((A B)')"; } }
  cell (NR2) { area : 12.5; pin (A) { direction : input; } pin (B) { direction : input; }
    pin (Z) { direction : output; function : "(A+B)'"; } }
  cell (FD1) { area : 50.0;
    ff ("IQ", "IQN") { clocked_on : "CK"; next_state : "D"; }
    pin (CK) { direction : input; clock : true; } pin (D) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; } pin (QN) { direction : output; function : "IQN"; } }
}
"""


def test_another_library(tmp_path: Path, small: GateReport) -> None:
    """Areas in square micrometres, no exclusive or, no buffer, no flip-flop with an enable."""
    path = tmp_path / "pdk.lib"
    path.write_text(SMALL_LIBRARY)
    report = count_gates(SMALL, liberty=path)
    assert (report.library, report.nand2_area) == ("pdk 2um", 12.5)
    assert [block.name for block in report.blocks] == [block.name for block in small.blocks]
    assert report.total_memory_bits == small.total_memory_bits
    for block, unit in zip(report.blocks, small.blocks, strict=True):
        assert block.flip_flops == unit.flip_flops
        assert block.flip_flop_gates == block.flip_flops * 4
    assert report.total_gates > small.total_gates - small.array.flip_flop_gates


def test_a_library_that_cannot_express_the_design() -> None:
    """Its one flip-flop stores a constant."""
    text = SMALL_LIBRARY.replace('next_state : "D"', 'next_state : "0"')
    library = parse_library(text, "constant.lib")
    with pytest.raises((NetlistError, EngineError), match=r"has no cell that does the work of \$_DFF_P_|DFF"):
        read_netlist(synthesise(convert(registers(3, enable=False)), library, progress=silent).flat, TOP, library)


def test_bad_library_is_refused_before_any_work(tmp_path: Path) -> None:
    steps: list[str] = []
    with pytest.raises(LibraryError, match="cannot read the Liberty file"):
        count_gates(SMALL, liberty=tmp_path / "none.lib", progress=steps.append)
    assert steps == []


def test_report_as_plain_values(small: GateReport) -> None:
    values = json.loads(json.dumps(small.as_dict()))
    assert {"name", "gates", "memory_bits", "flip_flops", "levels", "instances"} <= values["blocks"][0].keys()
    assert values["total_gates"] == sum(block["gates"] for block in values["blocks"])
    assert GateReport.from_dict(SMALL, values) == small
    rows = small.rows()
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows[-3:]] == ["slice", "shared", "array"]


def test_results_are_cached_by_content(small: GateReport, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> Mapped:
        raise AssertionError("synthesised again")

    monkeypatch.setattr(count, "synthesise", fail)
    steps: list[str] = []
    assert count_gates(SMALL, progress=steps.append) == small
    assert steps == ["elaborating the design"]
    with pytest.raises(AssertionError, match="synthesised again"):
        count_gates(replace(SMALL, element_width=16, lanes=2, cores=1, slices=1))


def test_damaged_cache_entries_are_ignored(small: GateReport, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key.json"
    assert count._load(path) is None
    count._store(path, small.as_dict())
    assert [kept.name for kept in path.parent.iterdir()] == ["key.json"]
    loaded = count._load(path)
    assert loaded is not None
    assert GateReport.from_dict(SMALL, loaded) == small
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole.replace(b"distance", b"distanse"), b"", b"\xff" * 100):
        path.write_bytes(damaged)
        assert count._load(path) is None


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(EngineError, match=re.escape(f"cannot write to the cache folder {blocker}")):
        count._store(blocker / "key.json", {})
    monkeypatch.setattr("ganglion.gates.synth.cache_folder", lambda: blocker)
    with pytest.raises(EngineError, match=re.escape(f"cannot write to the cache folder {blocker}")):
        synthesise("", UNIT, progress=silent)
