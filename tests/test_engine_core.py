"""The engines agree with each other, and with what the designs below are meant to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine import AmaranthEngine, Engine, make_engine, pack, unpack

KINDS = ["cxxrtl", "amaranth", "verilator"]


class Leaf(wiring.Component):
    """total += a each cycle; ``y`` mixes the total with the input of the same cycle."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "y": Out(8)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        total = Signal(8)
        m.d.sync += total.eq(total + self.a)
        m.d.comb += self.y.eq(total ^ self.a)
        return m


class Mixed(wiring.Component):
    """A counter with memory, signed ports, ports of over 64 bits and combinational outputs."""

    def __init__(self) -> None:
        super().__init__(
            {
                "en_x": In(1),
                "addr": In(4),
                "step": In(signed(5)),
                "wide_in": In(100),
                "sum": Out(signed(9), init=-7),
                "direct": Out(signed(6)),
                "wide": Out(130),
                "stored": Out(8),
                "seen": Out(8),
                "fixed": Out(3),
                "count_full": Out(64),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.mem = mem = memory.Memory(shape=8, depth=16, init=range(3, 11))
        write, read, peek = mem.write_port(), mem.read_port(), mem.read_port(domain="comb")
        m.submodules.leaf = leaf = Leaf()
        m.d.comb += [
            leaf.a.eq(self.addr),
            write.addr.eq(self.addr),
            write.data.eq(leaf.y),
            write.en.eq(self.en_x),
            read.addr.eq(self.addr + 1),
            read.en.eq(~self.en_x),
            self.stored.eq(read.data),
            peek.addr.eq(self.addr),
            self.seen.eq(peek.data),
            self.direct.eq(self.step - 1),
            self.fixed.eq(5),
        ]
        with m.If(self.en_x):
            m.d.sync += [self.sum.eq(self.sum + self.step), self.wide.eq((self.wide << 1) + self.wide_in)]
        m.d.sync += self.count_full.eq(self.count_full - 1)
        return m


class FourSlices(wiring.Component):
    """Four black boxes behind one another, in two levels of hierarchy."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "y": Out(8)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        inner = Module()
        value: Any = self.a
        for index, where in enumerate((m, m, inner, inner)):
            after = Signal(8, name=f"after_{index}")
            where.submodules[f"slice_{index}"] = Instance(
                "small_slice", i_clk=ClockSignal(), i_rst=ResetSignal(), i_a=value, o_y=after
            )
            value = after
        m.submodules.inner = inner
        m.d.comb += self.y.eq(value + 1)
        return m


def engine_of(kind: str, name: str) -> Engine:
    component = {"mixed": Mixed, "slices": FourSlices, "leaf": Leaf}[name]()
    return make_engine(component, kind=kind, submodules={"small_slice": Leaf()} if name == "slices" else None)


def random_rows(engine: Engine, shape: tuple[int, ...], seed: int, reset_rate: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 1 << 64, (*shape, engine.ports.n_in_words), dtype=np.uint64) & engine.ports.in_masks
    rows[..., engine.ports.input("rst").word_offset] = rng.random(shape) < reset_rate
    return rows


@pytest.mark.parametrize("name", ["mixed", "slices", "leaf"])
def test_engines_agree(name: str) -> None:
    fast, slow = engine_of("cxxrtl", name), engine_of("amaranth", name)
    rows = random_rows(fast, (3, 300), seed=1)
    assert np.array_equal(fast.run_streams(rows), slow.run_streams(rows))
    assert fast.cycle == slow.cycle == 300


@pytest.mark.parametrize("kind", KINDS)
def test_combinational_outputs_see_the_row_and_registers_the_row_before(kind: str) -> None:
    engine = engine_of(kind, "mixed")
    trace = engine.run_ports({"en_x": [1, 1, 1], "step": [-3, 4, 15], "addr": [0, 1, 2]})
    assert trace["direct"].tolist() == [(-4) & 63, 3, 14]
    assert trace["sum"].tolist() == [(-7) & 511, (-10) & 511, (-6) & 511]
    assert trace["seen"].tolist() == [3, 4, 5]
    assert trace["stored"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_state_persists_until_reset(kind: str) -> None:
    engine = engine_of(kind, "mixed")
    rows = random_rows(engine, (120,), seed=2)
    whole = engine.run(rows)
    engine.reset()
    assert engine.cycle == 0
    assert np.array_equal(np.concatenate([engine.run(rows[:50]), engine.run(rows[50:])]), whole)
    engine.reset_pulse(2)
    after = engine.run_ports({}, n_cycles=1)
    assert after["sum"].tolist() == [(-7) & 511]
    assert engine.cycle == 1


def test_amaranth_engine_is_what_twins_may_use() -> None:
    assert isinstance(make_engine(Leaf(), kind="amaranth"), AmaranthEngine)


@pytest.mark.parametrize("kind", KINDS)
def test_segments_are_the_dense_trace(kind: str) -> None:
    engine = engine_of(kind, "mixed")
    rng = np.random.default_rng(3)
    values = random_rows(engine, (40,), seed=3, reset_rate=0.1)
    counts = rng.integers(0, 9, 40)
    dense = engine.run(np.repeat(values, counts, axis=0))
    engine.reset()
    first, second = (engine.run_segments(counts[part], values[part]) for part in (slice(0, 17), slice(17, None)))
    events = type(first).join([first, second])
    assert np.array_equal(events.to_trace(len(dense), engine.ports.n_out_words), dense)
    redone = type(first).from_trace(dense)
    assert all(np.array_equal(getattr(events, c), getattr(redone, c)) for c in ("cycle", "word", "value"))


def test_pack_and_unpack_are_inverse() -> None:
    ports = engine_of("amaranth", "mixed").ports
    rng = np.random.default_rng(4)
    step = rng.integers(-16, 16, (2, 9))
    wide = rng.integers(0, 1 << 36, (2, 9, 2), dtype=np.uint64)
    back = unpack(ports.inputs, pack(ports.inputs, {"step": step, "wide_in": wide}))
    assert np.array_equal(back["step"], (step & 31).astype(np.uint64))
    assert np.array_equal(back["wide_in"], wide)
    assert not back["addr"].any() and not back["rst"].any()
