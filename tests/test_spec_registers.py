"""The register map: sound in itself, up to date in what is generated from it, and what the hardware decodes."""

from __future__ import annotations

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from bus_model import STROBES_ALL, BusModel

from ganglion.engine import Engine, make_engine, pack, unpack
from golden.fixed.array_cycles import emptying_cycles
from golden.spec import PRESETS, Access, Config, Error, Opcode, buffers, by_name, encode, registers
from golden.spec.commands import SEARCH_EXACT
from golden.spec.neural_commands import (
    ALL_CONTEXTS,
    STEP_OSCILLATOR,
    NeuralOpcode,
    NeuronField,
    ResetPart,
    TickPart,
    commands,
)
from golden.spec.neural_registers import SPIKING_RANGE, neural_registers
from golden.spec.registers import ADDR_WIDTH, word_addresses
from hw.top import Ganglion

PROJECT = Path(__file__).resolve().parent.parent
LONG = Config(cores=128, slices=1, lanes=1)
"""A search of full cores keeps it busy for 128 * 32 * 16 cycles: long enough for every address."""
WIDE = Config(cores=2, slices=1, lanes=4, element_width=16)
SPIKING = Config(cores=2, slices=1, lanes=16, contexts=1)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen", PROJECT / "scripts" / "gen.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def gen() -> ModuleType:
    return load_generator()


@pytest.mark.parametrize("config", [*PRESETS.values(), WIDE, SPIKING], ids=[*PRESETS, "wide", "spiking"])
def test_the_map_is_sound(config: Config) -> None:
    table = registers(config)
    assert [r.addr for r in table] == sorted({r.addr for r in table})
    assert len({r.name for r in table}) == len(table)
    assert by_name(config) == {r.name: r for r in table}
    for register in table:
        assert register.addr % 4 == 0
        assert register.reset < 1 << register.width
        used = [bit for f in register.fields for bit in range(f.low, f.low + f.width)]
        assert len(used) == len(set(used)) and all(bit < register.width for bit in used)
        assert register.busy_write is False or register.writable
        assert register.description.endswith(".")
    words = list(word_addresses(config))
    assert words == sorted(set(words))
    assert max(words) < 1 << ADDR_WIDTH
    spiking = {r.name for r in table if SPIKING_RANGE[0] <= r.addr < SPIKING_RANGE[1]}
    assert spiking == ({r.name for r in table} - set(by_name(WIDE)) if config.contexts else set())
    assert {info.opcode for info in commands(config)} == {*Opcode, *(NeuralOpcode if config.contexts else ())}
    for buffer in buffers(config):
        assert buffer.slot_width >= buffer.width
        assert buffer.n_words * buffer.n_per_word == 16


def test_the_config_word_tells_the_configuration() -> None:
    for config in [*PRESETS.values(), WIDE, SPIKING]:
        register = by_name(config)["CONFIG"]
        parts = {f.name: register.reset >> f.low & ((1 << f.width) - 1) for f in register.fields}
        assert parts == {
            "CORES": config.cores - 1,
            "SLICES": config.slice_bits,
            "LANES": config.lanes.bit_length() - 1,
            "WIDE": config.element_width == 16,
            "CONTEXTS": config.contexts,
        }


def test_generated_files_are_up_to_date(gen: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert gen.main(["--check"]) == 0, capsys.readouterr().err


def test_stale_and_missing_files_are_named(gen: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert gen.main([*root, "--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [f"{name} is stale: run scripts/gen.py" for name in gen.FILES]
    assert not any(tmp_path.iterdir())
    assert gen.main(root) == 0
    assert gen.main([*root, "--check"]) == 0
    page = tmp_path / "docs" / "registers.md"
    page.write_text(page.read_text() + "\n")
    capsys.readouterr()
    assert gen.main([*root, "--check"]) == 1
    assert capsys.readouterr().err == "docs/registers.md is stale: run scripts/gen.py\n"
    for name in gen.FILES:
        assert gen.main(root) == 0 and (tmp_path / name).read_bytes() == (PROJECT / name).read_bytes()


LINKING = ("-O2", "-mcpu=baseline", "-fPIC", "-g0", "-shared")


def zig(*arguments: str) -> None:
    """The C compiler from PyPI; what it complains about goes into the failure."""
    result = subprocess.run([sys.executable, "-m", "ziglang", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


CONSUMER = """
#include "ganglion_regs.h"
#ifdef __cplusplus
extern "C" {{
#endif
unsigned long value(unsigned i);
unsigned long value(unsigned i)
{{
    static const unsigned long values[] = {{ {values} }};
    return values[i];
}}
unsigned long results(uint32_t status);
unsigned long results(uint32_t status) {{ return GANGLION_GET(status, GANGLION_STATUS_RESULTS); }}
unsigned long word(void);
unsigned long word(void) {{ return ganglion_command(GANGLION_OP_SEARCH, 3, 200, 255); }}
#ifdef __cplusplus
}}
#endif
"""


@pytest.mark.parametrize("language", ["c99", "c++11"])
def test_the_header_compiles_and_says_what_the_map_says(language: str, tmp_path: Path) -> None:
    expected = {f"GANGLION_{r.name}_ADDR": r.addr for r in registers(SPIKING)}
    expected |= {f"GANGLION_{b.name}_ADDR": b.addr for b in buffers(LONG)}
    expected |= {f"GANGLION_OP_{info.opcode.name}": int(info.opcode) for info in commands(SPIKING)}
    expected |= {f"GANGLION_NEURON_{field.name}": int(field) for field in NeuronField}
    expected |= {f"GANGLION_TICK_{part.name}": int(part) for part in TickPart}
    expected |= {f"GANGLION_NEURON_RESET_{part.name}": int(part) for part in ResetPart}
    expected |= {"GANGLION_ALL_CONTEXTS": ALL_CONTEXTS, "GANGLION_STEP_OSCILLATOR": STEP_OSCILLATOR}
    resets = {f"GANGLION_{r.name}_RESET": r.reset for r in neural_registers(SPIKING)}
    assert resets["GANGLION_LEAK_RESET"] == 0x5CCCD
    expected |= resets
    expected |= {f"GANGLION_ERROR_{error.name}": int(error) for error in Error}
    macros = {name: name.upper().replace("-", "_") for name in PRESETS}
    expected |= {f"GANGLION_{macros[name]}_CONFIG_HASH": config.hash for name, config in PRESETS.items()}
    for register in registers(SPIKING):
        for field in register.fields:
            expected[f"GANGLION_{register.name}_{field.name}_MASK"] = ((1 << field.width) - 1) << field.low
            expected[f"GANGLION_{register.name}_{field.name}_SHIFT"] = field.low
    compiler, suffix = ("cc", "c") if language == "c99" else ("c++", "cc")
    source, library = tmp_path / f"consumer.{suffix}", tmp_path / "consumer.so"
    source.write_text(CONSUMER.format(values=", ".join(expected)))
    strict = [f"-std={language}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", str(PROJECT / "firmware")]
    zig(compiler, *strict, *LINKING[:-1], "-c", str(source), "-o", str(tmp_path / "consumer.o"))
    zig("cc", *LINKING, str(tmp_path / "consumer.o"), "-o", str(library))
    consumer = ctypes.CDLL(str(library))
    for function in (consumer.value, consumer.results, consumer.word):
        function.restype = ctypes.c_ulong
    assert {name: consumer.value(i) for i, name in enumerate(expected)} == expected
    assert consumer.results(13 << 4 | 3) == 13
    assert consumer.word() == encode(Opcode.SEARCH, core=3, index=200, value=255)


class Bus:
    """Single transactions on the simulated bus, without stalls; every answer is compared with the model."""

    N_ROWS = 10
    """Cycles a transaction is given; the longest, a buffer word of four elements, needs seven."""

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine = engine
        self.model = BusModel(config)

    def _run(self, **inputs: int) -> dict[str, np.ndarray]:
        rows = {name: [value] + [0] * (self.N_ROWS - 1) for name, value in inputs.items()}
        rows |= {"s_axil_rready": [1] * self.N_ROWS, "s_axil_bready": [1] * self.N_ROWS}
        ports = self.engine.ports
        return unpack(ports.outputs, self.engine.run(pack(ports.inputs, rows)))

    def read(self, addr: int) -> None:
        trace = self._run(s_axil_araddr=addr, s_axil_arvalid=1)
        (row,) = np.flatnonzero(trace["s_axil_rvalid"])
        value, reason = self.model.read(addr)
        answer = int(trace["s_axil_rdata"][row]), int(trace["s_axil_rresp"][row])
        name = getattr(self.model.table.get(addr & ~3), "name", "")
        # The time of a read is not modelled.
        if name != "COUNTER_LO" and not (name == "CYCLES" and self.model.busy):
            assert answer == (value, 0 if reason is Error.NONE else 2), f"read {addr:#05x} {name}"
        assert answer[1] == (0 if reason is Error.NONE else 2)

    def write(self, addr: int, data: int, strobes: int = STROBES_ALL) -> Error:
        trace = self._run(
            s_axil_awaddr=addr, s_axil_awvalid=1, s_axil_wdata=data, s_axil_wstrb=strobes, s_axil_wvalid=1
        )
        (row,) = np.flatnonzero(trace["s_axil_bvalid"])
        reason = self.model.write(addr, data, strobes)
        assert int(trace["s_axil_bresp"][row]) == (0 if reason is Error.NONE else 2), f"write {addr:#05x}"
        return reason

    def put(self, name: str, data: int) -> None:
        assert self.write(self.model.addr(name), data) is Error.NONE

    def idle(self, n_cycles: int) -> None:
        self.engine.run(np.zeros((n_cycles, self.engine.ports.n_in_words), np.uint64))


@pytest.mark.parametrize("config", [LONG, WIDE, SPIKING], ids=["narrow", "wide", "spiking"])
def test_every_address_answers_as_the_map_says(config: Config) -> None:
    with make_engine(Ganglion(config)) as engine:
        bus = Bus(engine, config)
        rng = np.random.default_rng(1)
        bus.idle(emptying_cycles(config))
        error, command = bus.model.addr("ERROR"), bus.model.addr("COMMAND")
        for busy in [False, True] if config is LONG else [False]:
            if busy:
                for core in range(config.cores):
                    bus.put("COMMAND", encode(Opcode.SET_COUNT, core=core, value=32))
                bus.put("COMMAND", encode(Opcode.CLEAR_RESULTS))
                bus.put("IRQ_STATUS", 1)
                bus.put("COMMAND", encode(Opcode.SEARCH, value=SEARCH_EXACT | 16))
                after = dict(bus.model.values)
                bus.model.busy = True
                bus.model.values |= {"RETURN0": 0, "RETURN1": 0, "IRQ_STATUS": 0}
            for addr in range(0, 1 << ADDR_WIDTH, 4):
                bus.read(addr | int(rng.integers(4)))
                bus.read(error)
                # The command register of an idle array has tests of its own.
                if addr != command or busy:
                    strobes = STROBES_ALL if rng.random() < 0.8 else int(rng.integers(16))
                    bus.write(addr | int(rng.integers(4)), int(rng.integers(1 << 32)), strobes)
                    bus.read(error)
            for register in bus.model.table.values():
                bus.read(register.addr)
            if busy:
                bus.model.busy = False
                bus.idle(bus.model.last.cycles)
                bus.model.values |= {name: after[name] for name in ("RETURN0", "RETURN1", "IRQ_STATUS")}
        for addr in word_addresses(config):
            bus.read(addr)


@pytest.mark.parametrize("config", [WIDE, SPIKING], ids=["wide", "spiking"])
def test_every_opcode_byte_is_accepted_or_refused_as_the_map_says(config: Config) -> None:
    with make_engine(Ganglion(config)) as engine:
        bus = Bus(engine, config)
        bus.idle(emptying_cycles(config))
        reasons = set()
        for opcode in range(256):
            for core in (0, config.cores - 1, config.cores, 255):
                reasons.add(bus.write(bus.model.addr("COMMAND"), encode(opcode, core=core, value=core)))
                bus.idle(bus.model.last.cycles)
                for name in ("ERROR", "COMMAND", "CYCLES", "RETURN0", "RETURN1", "STATUS"):
                    bus.read(bus.model.addr(name))
        assert reasons == {Error.NONE, Error.BAD_OPCODE, Error.BAD_CORE, Error.BAD_ARGUMENT}


def test_access_names() -> None:
    assert {register.access for register in registers(LONG)} == set(Access)
