"""The gate count against circuits of known size and depth, and against other counts of the same netlist."""

import itertools
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from gates_circuits import SMALL, UNIT, Circuit, counted, joined, mapped, registers, silent

from ganglion.engine.build import run_yosys
from ganglion.engine.rtl import TOP, convert
from ganglion.gates import Block, NetlistError, block_of, count
from ganglion.gates.netlist import Box, Netlist, read_netlist
from ganglion.gates.synth import cache_folder
from hw.array import SLICE_MODULE
from hw.distance import Distance
from hw.topk import TopK


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


def product(c: Circuit, m: Module) -> None:
    m.d.comb += c.y.eq(c.a * c.b - c.z)


def multiplier() -> Circuit:
    return Circuit({"a": In(signed(9)), "b": In(signed(9)), "z": In(signed(18)), "y": Out(signed(20))}, product)


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
