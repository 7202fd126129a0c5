"""The event unit's register map: sound in itself, and what the C header says of it."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from golden.spec.event_registers import event_registers, event_registers_by_name
from golden.spec.event_unit import (
    EVENT_COMMAND_TEXTS,
    EVENT_ERROR_TEXTS,
    EVENT_PRESETS,
    EventCommand,
    EventError,
    EventUnitShape,
    Mode,
)
from golden.spec.events import Fault
from golden.spec.register import ADDR_WIDTH, Access

PROJECT = Path(__file__).resolve().parent.parent
SHAPES = {"default": EventUnitShape(), **EVENT_PRESETS}


@pytest.mark.parametrize("name", SHAPES)
def test_the_map_is_sound(name: str) -> None:
    table = event_registers(SHAPES[name])
    assert [r.addr for r in table] == sorted({r.addr for r in table})
    assert len({r.name for r in table}) == len(table)
    assert event_registers_by_name(SHAPES[name]) == {r.name: r for r in table}
    for register in table:
        assert register.addr % 4 == 0 and register.addr < 1 << ADDR_WIDTH
        assert 0 < register.width <= 32 and register.reset < 1 << register.width
        used = [bit for f in register.fields for bit in range(f.low, f.low + f.width)]
        assert len(used) == len(set(used)) and all(bit < register.width for bit in used)
        assert register.writable or not register.busy_write
        assert register.description.endswith(".")
        if register.access is Access.WO:
            assert register.reset == 0, "reads give 0"
    # The record of a neuron, 16 bytes at a multiple of 16, as in the memory of the model.
    by_name = event_registers_by_name(SHAPES[name])
    places = [by_name[part].addr for part in ("POTENTIAL", "THRESHOLD", "TARGET", "WEIGHT")]
    assert places == [places[0] + 4 * k for k in range(4)] and places[0] % 16 == 0


@pytest.mark.parametrize("name", SHAPES)
def test_the_config_word_tells_the_shape(name: str) -> None:
    shape = SHAPES[name]
    register = event_registers_by_name(shape)["CONFIG"]
    parts = {f.name: register.reset >> f.low & ((1 << f.width) - 1) for f in register.fields}
    assert parts == {
        "ROW_WIDTH": shape.compact.row_width,
        "GROUP_WIDTH": shape.compact.group_width,
        "SCORE_WIDTH": shape.compact.score_width - 1,
        "NEURON_WIDTH": shape.engine.neuron_width,
        "QUEUE_WIDTH": shape.engine.queue_width,
        "GUARD_WIDTH": shape.engine.guard_width,
    }


def test_every_code_has_its_text() -> None:
    assert set(EVENT_ERROR_TEXTS) == set(EventError)
    assert set(EVENT_COMMAND_TEXTS) == set(EventCommand)
    assert max(EventError) < 1 << event_registers_by_name(EventUnitShape())["ERROR"].width


CONSUMER = """
#include "ganglion_event_regs.h"
unsigned long value(unsigned i);
unsigned long value(unsigned i)
{{
    static const unsigned long values[] = {{ {values} }};
    return values[i];
}}
"""


def test_the_header_says_what_the_map_says(tmp_path: Path) -> None:
    table = event_registers(EventUnitShape())
    expected = {f"GANGLION_EVENTS_{r.name}_ADDR": r.addr for r in table}
    expected |= {f"GANGLION_EVENTS_{r.name}_{f.name}_SHIFT": f.low for r in table for f in r.fields}
    expected |= {f"GANGLION_EVENTS_ERROR_{e.name}": int(e) for e in EventError}
    expected |= {f"GANGLION_EVENTS_{c.name}": int(c) for c in EventCommand}
    expected |= {f"GANGLION_EVENTS_MODE_{m.name}": int(m) for m in Mode}
    expected |= {f"GANGLION_EVENTS_FAULT_{f.name}": int(f) for f in Fault}
    expected["GANGLION_EVENTS_PUNISHMENT_RESET"] = 0xFFECCD
    expected["GANGLION_ICEBREAKER_EVENTS_CONFIG"] = EVENT_PRESETS["icebreaker-events"].config_word
    source, built = tmp_path / "consumer.c", tmp_path / "consumer.so"
    source.write_text(CONSUMER.format(values=", ".join(expected)))
    options = [
        "-O1",
        "-mcpu=baseline",
        "-fPIC",
        "-g0",
        "-shared",
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
    ]
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        *options,
        f"-I{PROJECT / 'firmware'}",
        str(source),
        "-o",
        str(built),
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    value = ctypes.CDLL(str(built)).value
    value.restype = ctypes.c_ulong
    assert {name: value(i) for i, name in enumerate(expected)} == expected
