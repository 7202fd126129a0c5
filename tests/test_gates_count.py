"""The gate count against circuits of known size, against other counts of the same netlist, and against itself."""

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine import EngineError
from ganglion.engine.build import run_yosys
from ganglion.engine.rtl import TOP, convert
from ganglion.gates import Block, GateReport, LibraryError, NetlistError, block_of, count, count_gates, load_library
from ganglion.gates.liberty import parse_library
from ganglion.gates.netlist import Box, Netlist, read_netlist
from ganglion.gates.synth import Mapped, cache_folder, synthesise
from golden.spec import Config
from hw.array import SLICE_MODULE
from hw.distance import Distance
from hw.slice import Slice
from hw.top import Ganglion
from hw.topk import TopK

UNIT = load_library()
SMALL = Config(cores=2, slices=2, lanes=1)


def silent(text: str) -> None:
    """A progress callback."""


class Circuit(wiring.Component):
    """A component made of a signature and a function that fills its module."""

    def __init__(self, ports: dict[str, Any], fill: Callable[["Circuit", Module], None]) -> None:
        self.fill = fill
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.fill(self, m)
        return m


def mapped(component: wiring.Component, **options: Any) -> Mapped:
    return synthesise(convert(component), UNIT, progress=silent, **options)


def counted(component: wiring.Component) -> Block:
    return block_of(read_netlist(mapped(component).flat, TOP, UNIT), UNIT, "x", "slice")


def registers(width: int, *, enable: bool) -> Circuit:
    """``width`` registers without a reset."""

    def fill(c: Circuit, m: Module) -> None:
        state = Signal(width, reset_less=True)
        m.d.comb += c.q.eq(state)
        if enable:
            with m.If(c.en):
                m.d.sync += state.eq(c.d)
        else:
            m.d.sync += state.eq(c.d)

    return Circuit({"d": In(width), "q": Out(width)} | ({"en": In(1)} if enable else {}), fill)


def ripple_adder(width: int) -> Circuit:
    """Full adders in a chain: two exclusive ors and a majority each."""

    def fill(c: Circuit, m: Module) -> None:
        carry = c.carry_in
        for i in range(width):
            a, b, here = c.a[i], c.b[i], carry
            half, carry = Signal(name=f"half{i}"), Signal(name=f"carry{i}")
            m.d.comb += [half.eq(a ^ b), c.s[i].eq(half ^ here), carry.eq((a & b) | (half & here))]
        m.d.comb += c.s[width].eq(carry)

    return Circuit({"a": In(width), "b": In(width), "carry_in": In(1), "s": Out(width + 1)}, fill)


@pytest.mark.parametrize(("enable", "each"), [(False, 6.0), (True, 7.5)])
def test_registers_are_exactly_their_flip_flops(enable: bool, each: float) -> None:
    block = counted(registers(23, enable=enable))
    assert block == Block("x", "slice", 23 * each, 23 * each, 23, 0, 0)


def test_exclusive_ors_are_exactly_their_gates() -> None:
    block = counted(Circuit({"a": In(8), "b": In(8), "y": Out(8)}, lambda c, m: m.d.comb.__iadd__(c.y.eq(c.a ^ c.b))))
    assert block == Block("x", "slice", 8 * 2.5, 0.0, 0, 0, 1)
    parity = counted(Circuit({"a": In(16), "y": Out(1)}, lambda c, m: m.d.comb.__iadd__(c.y.eq(c.a.xor()))))
    assert parity == Block("x", "slice", 15 * 2.5, 0.0, 0, 0, 4)


def test_ripple_adder() -> None:
    """A bit takes two exclusive ors, and for its carry an AOI21 at least, two ANDs and an OR (as drawn) at most."""
    blocks = {width: counted(ripple_adder(width)) for width in (8, 16)}
    for width, block in blocks.items():
        assert width * (2 * 2.5 + 1.5) <= block.gates <= width * (2 * 2.5 + 3 * 1.5)
        # The carry passes between one and two gates a bit.
        assert width <= block.levels <= 2 * width + 2
    assert 8 * (2 * 2.5 + 1.5) <= blocks[16].gates - blocks[8].gates <= 8 * (2 * 2.5 + 3 * 1.5)


def lookup(c: Circuit, m: Module) -> None:
    """A memory between two adders."""
    m.submodules.store = store = memory.Memory(shape=12, depth=32, init=[])
    read, write = store.read_port(), store.write_port()
    m.d.comb += [
        read.addr.eq(c.a + c.b),
        write.addr.eq(c.a),
        write.data.eq(c.data),
        write.en.eq(c.write),
        c.y.eq(read.data + c.a),
    ]


def test_memory_bits_stand_apart_and_keep_the_logic_around_them() -> None:
    block = counted(Circuit({"a": In(5), "b": In(5), "data": In(12), "write": In(1), "y": Out(12)}, lookup))
    assert block.memory_bits == 32 * 12
    assert (block.flip_flops, block.flip_flop_gates) == (0, 0)
    # Five bits of adder before the memory and twelve behind it, some of them half adders.
    assert block.gates > 5 * 5 + 5 * 5 + 7 * 2.5


def evaluate(modules: dict[str, Any], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of a combinational mapped netlist by its cells' own functions; bits [n_vectors] of each port."""
    module = modules[TOP]
    nets: dict[int | str, np.ndarray] = {}
    n = len(next(iter(inputs.values())))
    nets |= {"0": np.zeros(n, bool), "1": np.ones(n, bool), "x": np.zeros(n, bool)}
    for name, values in inputs.items():
        for position, bit in enumerate(module["ports"][name]["bits"]):
            nets[bit] = (values >> position & 1).astype(bool)
    waiting = list(module["cells"].values())
    while waiting:
        later = []
        for cell in waiting:
            kind = UNIT.cells[cell["type"]]
            pins = {pin: bits[0] for pin, bits in cell["connections"].items()}
            if any(pins[pin] not in nets for pin in kind.inputs):
                later.append(cell)
                continue
            (out, function), *_ = kind.functions.items()
            values = {pin: nets[pins[pin]] for pin in kind.inputs}
            nets[pins[out]] = eval(function.replace("!", "~"), {}, values)
        assert len(later) < len(waiting)
        waiting = later
    return {
        name: sum(nets[bit].astype(np.int64) << position for position, bit in enumerate(port["bits"]))
        for name, port in module["ports"].items()
        if port["direction"] == "output"
    }


def product(c: Circuit, m: Module) -> None:
    m.d.comb += c.y.eq(c.a * c.b - c.z)


def multiplier() -> Circuit:
    return Circuit({"a": In(signed(9)), "b": In(signed(9)), "z": In(signed(18)), "y": Out(signed(20))}, product)


def test_the_mapped_gates_compute_what_the_source_says() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-256, 256, 4000) for _ in range(2))
    z = rng.integers(-(1 << 17), 1 << 17, 4000)
    a[:4], b[:4] = [-256, -256, 255, 255], [-256, 255, -256, 255]
    found = evaluate(mapped(multiplier()).flat, {"a": a & 511, "b": b & 511, "z": z & (1 << 18) - 1})
    assert np.array_equal(found["y"], (a * b - z) & (1 << 20) - 1)


def test_area_and_levels_agree_with_what_yosys_prints() -> None:
    """``stat -liberty`` and ``ltp`` count the same netlist with code of their own."""
    design = mapped(multiplier())
    netlist = read_netlist(design.flat, TOP, UNIT)
    work = Path(tempfile.mkdtemp(prefix="test-", dir=cache_folder()))
    try:
        (work / "flat.json").write_text(json.dumps({"modules": design.flat}))
        (work / "cells.lib").write_text(UNIT.text)
        script = "read_json flat.json\nread_liberty -lib cells.lib\ntee -o stat.txt stat -liberty cells.lib -top top\n"
        run_yosys(script + "tee -o ltp.txt ltp top\n", cwd=work, progress=silent)
        stat, ltp = (work / "stat.txt").read_text(), (work / "ltp.txt").read_text()
    finally:
        shutil.rmtree(work)
    areas = re.findall(r"Chip area for .*top'?: (\d+\.\d+)", stat)
    assert [float(area) for area in areas] == [block_of(netlist, UNIT, "x", "slice").gates] * len(areas)
    assert areas
    length = re.search(r"\(length=(\d+)\)", ltp)
    assert length is not None
    assert int(length[1]) == netlist.levels()


def source_flip_flops(component: wiring.Component) -> int:
    """Register bits in the source, as Amaranth writes them."""
    cells = re.findall(
        r"cell \$(?:s|a)?dff(?:e|ce)? .*?\n    end\n|cell \$\w*dff\w* .*?\n  end\n", convert(component), re.S
    )
    return sum(int(width) for cell in cells for width in re.findall(r"parameter \\WIDTH (\d+)", cell))


@pytest.mark.parametrize("unit", [Distance(SMALL), TopK(SMALL, entries=3)])
def test_every_register_of_the_source_is_counted(unit: wiring.Component) -> None:
    block = counted(unit)
    assert block.flip_flops == source_flip_flops(unit)
    assert block.flip_flop_gates >= 6 * block.flip_flops
    assert block.gates > block.flip_flop_gates


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


def joined(shared: Netlist, one: Netlist) -> Netlist:
    """The whole design in one netlist: a copy of the slice for every box."""
    flat = Netlist(shared.inputs, shared.outputs, n_nets=shared.n_nets, gates=[], sources=list(shared.sources))
    same: dict[int, int] = {}

    def root(net: int) -> int:
        while net in same:
            net = same[net]
        return net

    copies = []
    for box in shared.boxes:
        offset = flat.n_nets
        flat.n_nets += one.n_nets
        copies.append(offset)
        for outer, inner in ((box.inputs, one.inputs), (box.outputs, one.outputs)):
            for name, nets in outer.items():
                for net, own in zip(nets, inner[name], strict=True):
                    left, right = root(net), root(own + offset if own else 0)
                    if left != right:
                        same[max(left, right)] = min(left, right)
    for offset, netlist in [(0, shared), *((offset, one) for offset in copies)]:
        flat.gates += [
            (root(out + offset), [root(net + offset) if net else 0 for net in nets]) for out, nets in netlist.gates
        ]
        if offset:
            flat.sources += [root(net + offset) for net in netlist.sources]
    flat.sources = [root(net) for net in flat.sources]
    flat.inputs = {name: [root(net) for net in nets] for name, nets in shared.inputs.items()}
    return flat


def test_longest_path_of_the_whole_design(small: GateReport) -> None:
    """Slices that settle in turns with what they share have the depth of the same design in one netlist."""
    slice_blocks, one = count._part(convert(Slice(SMALL)), UNIT, "slice", count.SLICE_NAMES, 1, silent, "")
    rtlil = convert(Ganglion(SMALL, separate_slice=True), {SLICE_MODULE: Slice(SMALL)})
    shared_blocks, shared = count._part(rtlil, UNIT, "shared", count.SHARED_NAMES, 2, silent, "")
    assert tuple(block.times(2) for block in slice_blocks) + tuple(shared_blocks) == small.blocks
    assert len(shared.boxes) == 2
    whole = joined(shared, one).levels()
    assert small.levels == whole
    assert small.slice_levels == one.levels()
    assert whole >= max(one.levels(), shared.levels())


def chain(first: int, last: int, n: int, nets: int) -> list[tuple[int, list[int]]]:
    """``n`` gates in a row from net ``first`` to net ``last``; helper nets from ``nets`` on."""
    path = [first, *range(nets, nets + n - 1), last]
    return [(after, [before]) for before, after in itertools.pairwise(path)]


def test_paths_that_cross_the_boundary_often() -> None:
    """Register, 3 gates, slice 5 gates, 7 gates, slice 2 gates, output: 17 levels."""
    one = Netlist({"a": [1], "b": [2]}, {"p": [3], "q": [4]}, n_nets=30)
    one.gates = chain(1, 3, 5, 10) + chain(2, 4, 2, 20)
    shared = Netlist({}, {"out": [5]}, n_nets=30, sources=[6])
    shared.gates = chain(6, 1, 3, 10) + chain(2, 3, 7, 20)
    shared.boxes = [Box("slice0", SLICE_MODULE, {"a": [1], "b": [3]}, {"p": [2], "q": [5]})]
    assert count._levels_together(shared, one) == 17
    assert joined(shared, one).levels() == 17
    shared.gates = [(1, [2, 6])]
    with pytest.raises(NetlistError, match="slices and shared units form a combinational loop"):
        count._levels_together(shared, one)


def test_loops_are_found() -> None:
    netlist = Netlist({"a": [1]}, {"y": [2]}, n_nets=4, gates=[(2, [1, 3]), (3, [2])])
    with pytest.raises(NetlistError, match="2 gates form combinational loops"):
        netlist.levels()


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
