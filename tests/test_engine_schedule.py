"""Generated code is evaluated as often as it needs to be, whatever stays a module and whatever clocks there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine import AmaranthEngine, Engine, VerilatorEngine, port_map
from ganglion.engine.cxxrtl import build_cxxrtl
from ganglion.engine.native import NativeEngine
from ganglion.engine.rtl import convert
from ganglion.engine.schedule import Schedule, flattened_cells, hierarchy, schedule


class Tile(wiring.Component):
    """Works while its number is called: a memory, a total, and a combinational answer from input to output."""

    def __init__(self) -> None:
        super().__init__({"number": In(3), "call": In(3), "value": In(6), "total": Out(8), "answer": Out(6)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.mem = mem = memory.Memory(shape=6, depth=4, init=[1, 2])
        write, read = mem.write_port(), mem.read_port()
        called = Signal()
        m.d.comb += [
            called.eq(self.call == self.number),
            write.en.eq(called & self.value[0]),
            write.addr.eq(self.value[2:4]),
            write.data.eq(self.value ^ self.total[:6]),
            read.addr.eq(self.value[:2]),
            read.en.eq(called),
            self.answer.eq(read.data ^ (self.value & called.replicate(6))),
        ]
        with m.If(called):
            m.d.sync += self.total.eq(self.total + read.data)
        return m


class Tiles(wiring.Component):
    """Six tiles; the answer of a tile is the value of the next, so that values ripple through."""

    def __init__(self) -> None:
        super().__init__({"call": In(3), "value": In(6), "sum": Out(12), "last": Out(6)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.bank = bank = Module()
        value: Any = self.value
        totals = []
        for number in range(6):
            total, answer = Signal(8, name=f"total_{number}"), Signal(6, name=f"answer_{number}")
            bank.submodules[f"tile_{number}"] = Instance(
                "tile",
                i_clk=ClockSignal(),
                i_rst=ResetSignal(),
                i_number=number,
                i_call=self.call,
                i_value=value,
                o_total=total,
                o_answer=answer,
            )
            totals.append(total)
            value = answer
        m.d.comb += [self.sum.eq(sum(totals[1:], totals[0])), self.last.eq(value)]
        return m


class OwnClock(wiring.Component):
    """Has its clock as a port and an asynchronous reset, which shows in the cycle in which it comes."""

    def __init__(self) -> None:
        super().__init__({"clk": In(1), "clear": In(1), "count": Out(5), "parity": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain(async_reset=True)
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(self.clear), self.parity.eq(self.count.xor())]
        m.d.sync += self.count.eq(self.count + 7)
        return m


class Wires(wiring.Component):
    """No register at all."""

    def __init__(self) -> None:
        super().__init__({"a": In(4), "b": In(4), "y": Out(5)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.y.eq(self.a + self.b)
        return m


def mostly_held_rows(engine: Engine, n_cycles: int, seed: int) -> np.ndarray:
    """Random rows; most repeat the row before, so that modules come to rest and wake up."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 1 << 63, (n_cycles, engine.ports.n_in_words), dtype=np.uint64) & engine.ports.in_masks
    rows[:, -1] = rng.random(n_cycles) < 0.05
    source = np.maximum.accumulate(np.where(rng.random(n_cycles) < 0.3, np.arange(n_cycles), 0))
    return rows[source]


def kept_modules(text: str, limit: int) -> tuple[str, tuple[str, ...]]:
    made = hierarchy(text, ["tile"], limit)
    return made.flatten, made.boundaries


def test_small_designs_are_flattened_and_large_ones_keep_what_is_repeated() -> None:
    text = convert(Tiles(), {"tile": Tile()})
    inside = flattened_cells(text) - flattened_cells(text, ["tile"]) + 6 * 20
    assert inside % 6 == 0 and inside > 0
    assert kept_modules(text, 10**4) == ("flatten", ())
    assert kept_modules(text, 2 * flattened_cells(text) - 1) == ("flatten", ("tile",))
    assert kept_modules(text, flattened_cells(text, ["tile"]) - 1) == ("flatten tile", ("tile",))
    assert hierarchy(text, [], 10).flatten == ""


@pytest.mark.parametrize("limit", [10**4, 200, 10])
def test_every_way_of_flattening_gives_the_same_trace(limit: int) -> None:
    component, tile = Tiles(), Tile()
    ports, text = port_map(component), convert(component, {"tile": tile})
    engine = NativeEngine(build_cxxrtl(text, ports, boundaries=["tile"], max_flattened=limit), ports)
    reference = AmaranthEngine(Tiles(), submodules={"tile": Tile()})
    rows = mostly_held_rows(engine, 1500, seed=limit)
    assert np.array_equal(engine.run(rows), reference.run(rows))
    engine.reset()
    reference.reset()
    assert np.array_equal(engine.run(rows[:200]), reference.run(rows[:200]))


@pytest.mark.parametrize("kind", ["cxxrtl", "verilator"])
def test_own_clock_and_asynchronous_reset(kind: str) -> None:
    component = OwnClock()
    ports, text = port_map(component), convert(component)
    assert [port.name for port in ports.inputs] == ["clear", "rst"]
    if kind == "verilator":
        engine: NativeEngine = VerilatorEngine(component)
    else:
        engine = NativeEngine(build_cxxrtl(text, ports), ports)
    clear = np.array([0, 0, 0, 1, 0, 0, 1, 1, 0, 0])
    trace = engine.run_ports({"clear": clear})
    assert trace["count"].tolist() == [0, 7, 14, 0, 0, 7, 0, 0, 0, 7]
    assert trace["parity"].tolist() == [0, 1, 1, 0, 0, 1, 0, 0, 0, 1]
    rows = mostly_held_rows(engine, 300, seed=9)
    engine.reset()
    assert np.array_equal(engine.run(rows), AmaranthEngine(OwnClock()).run(rows))


@pytest.mark.parametrize("engine", [AmaranthEngine, VerilatorEngine])
def test_designs_without_registers(engine: type[Engine]) -> None:
    component = Wires()
    ports = port_map(component)
    fast = NativeEngine(build_cxxrtl(convert(component), ports), ports)
    rows = mostly_held_rows(fast, 100, seed=11)
    trace = fast.run(rows)
    assert np.array_equal(trace[:, 0], rows[:, 0] + rows[:, 1])
    assert np.array_equal(engine(Wires()).run(rows), trace)  # type: ignore[call-arg]


def test_schedules_are_told_apart_by_the_generated_code(tmp_path: Path) -> None:
    once = "bool posedge_p_clk() const {\nbool converged = true;"
    assert schedule("", once) is Schedule.ONCE
    assert schedule("", once.replace("true", "false")) is Schedule.SETTLE
    assert schedule("", once + once) is Schedule.SETTLE
    assert schedule("", once + "bool negedge_p_clk() const {") is Schedule.GENERAL
    assert schedule("", once + "\twire<1> p_clk;") is Schedule.GENERAL
    assert schedule("  cell $adff $3\n", once) is Schedule.GENERAL
