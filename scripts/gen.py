"""Writes the files that follow from golden/spec: the C header and the register page.

    python scripts/gen.py            write them
    python scripts/gen.py --check    write nothing; name the stale ones and exit with 1

The same data give the same bytes: no dates, no paths, no order but that of the data.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from golden.spec import COMMANDS, PRESETS, Buffer, Config, Error, Field, Metric, Register, buffers, registers  # noqa: E402
from golden.spec import constants as c  # noqa: E402
from golden.spec.commands import SEARCH_EXACT, SEARCH_K_MASK, SEARCH_KEEP, SEARCH_ONE  # noqa: E402
from golden.spec.neural_registers import SPIKING_RANGE  # noqa: E402
from golden.spec.registers import ADDR_WIDTH, DATA_WIDTH  # noqa: E402

NARROW, WIDE = Config(element_width=8), Config(element_width=16)
PREFIX = "GANGLION"

ERROR_TEXTS = {
    Error.NONE: "nothing was refused since the last write of 0",
    Error.BAD_ADDRESS: "no register or buffer word there",
    Error.READ_ONLY: "a write to a read-only register",
    Error.BUSY: "not while a command runs",
    Error.BAD_OPCODE: "no such command",
    Error.BAD_CORE: "a core that this array does not have",
    Error.BAD_ARGUMENT: "INIT with 0 dimensions",
    Error.PARTIAL_WRITE: "a register write with byte strobes other than 1111",
}
METRIC_TEXTS = ("sum of (a - b)^2", "1 - a.b/(|a||b|)", "-a.b")
CONSTANTS = {
    "VECTORS_PER_CORE": c.VECTORS_PER_CORE,
    "MAX_DIMS": c.MAX_DIMS,
    "MAX_NEIGHBOURS": c.MAX_NEIGHBOURS,
    "BEAM_WIDTH": c.BEAM_WIDTH,
    "MAX_RESULTS": c.MAX_RESULTS,
    "MAX_CORES": c.MAX_CORES,
    "INDEX_NONE": c.INDEX_NONE,
    "N_NODE_TYPES": c.N_NODE_TYPES,
    "MAX_WEIGHT": c.MAX_WEIGHT,
}
SEARCH_BITS = {"K_MASK": SEARCH_K_MASK, "EXACT": SEARCH_EXACT, "ONE": SEARCH_ONE, "KEEP": SEARCH_KEEP}


def varies(register: Register) -> bool:
    """Whether a register's value after reset depends on the configuration."""
    return len({next(r.reset for r in registers(config) if r.addr == register.addr) for config in PRESETS.values()}) > 1


def field_mask(field: Field) -> int:
    """The bits of a field, in place."""
    return ((1 << field.width) - 1) << field.low


def hex_word(value: int, digits: int = 1) -> str:
    """A number for C and for the tables."""
    return f"0x{value:0{digits}X}"


def c_comment(text: str) -> str:
    return f"/* {text} */"


def define(name: str, value: str, comment: str = "") -> str:
    line = f"#define {PREFIX}_{name} {value}"
    return f"{line} {c_comment(comment)}" if comment else line


def c_enum(name: str, members: Iterable[tuple[str, int, str]]) -> list[str]:
    """A C enumeration; the last member has no comma, which C89 and C++98 compilers insist on."""
    rows = [(f"{PREFIX}_{member} = {hex_word(value, 2)}", text) for member, value, text in members]
    commas = [","] * (len(rows) - 1) + [""]
    lines = [f"    {row}{comma} {c_comment(text)}" for (row, text), comma in zip(rows, commas, strict=True)]
    return [f"enum {PREFIX.lower()}_{name} {{", *lines, "};", ""]


def header_registers() -> list[str]:
    lines = [c_comment("Registers: byte address, reset value where it is the same in every array, fields."), ""]
    for register in registers(NARROW):
        lines.append(c_comment(f"{register.name}, {register.access.value}: {register.description}"))
        lines.append(define(f"{register.name}_ADDR", f"UINT32_C({hex_word(register.addr, 3)})"))
        if not varies(register):
            lines.append(define(f"{register.name}_RESET", f"UINT32_C({hex_word(register.reset)})"))
        for field in register.fields:
            lines.append(define(f"{register.name}_{field.name}_SHIFT", str(field.low), field.description))
            lines.append(define(f"{register.name}_{field.name}_MASK", f"UINT32_C({hex_word(field_mask(field))})"))
        lines.append("")
    return lines


def buffer_text(narrow: Buffer, wide: Buffer) -> str:
    """A buffer's description in both kinds of arrays."""
    if narrow.description == wide.description:
        return narrow.description
    return f"{narrow.description} With 16-bit elements: {wide.description}"


def header_buffers() -> list[str]:
    lines = [
        c_comment(f"Buffers of {c.MAX_DIMS} elements: byte address, and bits an element takes on the bus for"),
        c_comment("arrays of 8-bit and of 16-bit elements (field WIDE of CONFIG)."),
        "",
    ]
    for narrow, wide in zip(buffers(NARROW), buffers(WIDE), strict=True):
        lines.append(c_comment(f"{narrow.name}: {buffer_text(narrow, wide)}"))
        lines.append(define(f"{narrow.name}_ADDR", f"UINT32_C({hex_word(narrow.addr, 3)})"))
        lines.append(define(f"{narrow.name}_SLOT_BITS", str(narrow.slot_width)))
        lines.append(define(f"{narrow.name}_SLOT_BITS_WIDE", str(wide.slot_width)))
        lines.append("")
    return lines


def header() -> str:
    """firmware/ganglion_regs.h."""
    commands = [(f"OP_{info.opcode.name}", int(info.opcode), info.description) for info in COMMANDS]
    errors = [(f"ERROR_{error.name}", int(error), ERROR_TEXTS[error]) for error in Error]
    metrics = [(f"METRIC_{m.name}", int(m), text) for m, text in zip(Metric, METRIC_TEXTS, strict=True)]
    lines = [
        c_comment("Generated by scripts/gen.py from golden/spec; do not edit."),
        "#ifndef GANGLION_REGS_H",
        "#define GANGLION_REGS_H",
        "",
        "#include <stdint.h>",
        "",
        *(define(name, str(value)) for name, value in CONSTANTS.items()),
        define("ADDR_BITS", str(ADDR_WIDTH), "of a byte address on the bus"),
        "",
        c_comment("A field of a register value: GANGLION_GET(word, GANGLION_STATUS_RESULTS)."),
        "#define GANGLION_GET(word, field) (((uint32_t)(word) & field##_MASK) >> field##_SHIFT)",
        "",
        *header_registers(),
        *header_buffers(),
        c_comment("Operations: bits 7..0 of the command word."),
        *c_enum("opcode", commands),
        c_comment("Bits of SEARCH's value: k, exact instead of beam, one core only, merge into the old list."),
        *(define(f"SEARCH_{name}", f"UINT32_C({hex_word(value, 2)})") for name, value in SEARCH_BITS.items()),
        "",
        c_comment("Why a transaction was refused: values of the ERROR register."),
        *c_enum("error", errors),
        *c_enum("metric", metrics),
        c_comment("CONFIG and CONFIG_HASH of the named configurations."),
    ]
    for name, config in PRESETS.items():
        values = {r.name: r.reset for r in registers(config)}
        lines.append(define(f"{name.upper()}_CONFIG", f"UINT32_C({hex_word(values['CONFIG'], 8)})"))
        lines.append(define(f"{name.upper()}_CONFIG_HASH", f"UINT32_C({hex_word(values['CONFIG_HASH'], 8)})"))
    lines += [
        "",
        c_comment("The word to write to COMMAND; core, index and value are one byte each."),
        "static inline uint32_t ganglion_command(enum ganglion_opcode opcode, uint8_t core, uint8_t index,",
        "                                        uint8_t value)",
        "{",
        "    return (uint32_t)opcode | (uint32_t)core << 8 | (uint32_t)index << 16 | (uint32_t)value << 24;",
        "}",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A Markdown table, with an empty line behind it."""
    titles = list(head)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles), *body, ""]


def while_busy(read: bool, write: bool, writable: bool) -> str:
    allowed = [word for word, yes in (("read", read), ("write", write and writable)) if yes]
    return ", ".join(allowed) or "no"


def register_rows() -> list[list[str]]:
    return [
        [
            f"`{hex_word(r.addr, 3)}`",
            r.name,
            r.access.value,
            "varies" if varies(r) else hex_word(r.reset),
            str(r.width) if r.width == wide.width else f"{r.width} ({wide.width} with 16-bit elements)",
            while_busy(r.busy_read, r.busy_write, r.writable),
            r.description,
        ]
        for r, wide in zip(registers(NARROW), registers(WIDE), strict=True)
    ]


def field_rows() -> list[list[str]]:
    return [
        [r.name, f.name, f"{f.low + f.width - 1}..{f.low}" if f.width > 1 else str(f.low), f.description]
        for r in registers(NARROW)
        for f in r.fields
    ]


def buffer_rows() -> list[list[str]]:
    def size(buffer: Buffer) -> str:
        return f"{buffer.width} in {buffer.slot_width} bits, {buffer.n_words} words"

    return [
        [f"`{hex_word(narrow.addr, 3)}`", narrow.name, size(narrow), size(wide), buffer_text(narrow, wide)]
        for narrow, wide in zip(buffers(NARROW), buffers(WIDE), strict=True)
    ]


def preset_rows() -> list[list[str]]:
    rows = []
    for name, config in PRESETS.items():
        values = {r.name: r.reset for r in registers(config)}
        sizes = (config.cores, config.slices, config.lanes, config.element_width, config.contexts)
        hashes = (f"`{hex_word(values[key], 8)}`" for key in ("CONFIG", "CONFIG_HASH"))
        rows.append([name, *map(str, sizes), config.memory, str(config.capacity), *hashes])
    return rows


def page() -> str:
    """docs/registers.md."""
    low, high = SPIKING_RANGE
    lines = [
        "# Registers and commands",
        "",
        "Generated by `scripts/gen.py` from `golden/spec`; do not edit.",
        "",
        f"The bus is AXI4-Lite: {DATA_WIDTH} data bits, {ADDR_WIDTH} address bits. Addresses count bytes; their two",
        "low bits are ignored. A refused transaction answers SLVERR, changes nothing and leaves its reason in `ERROR`;",
        "a refused read gives 0. Register writes need all four byte strobes. Bits that a register does not implement",
        "read 0 and ignore writes.",
        "",
        "## Registers",
        "",
        *table(("address", "name", "access", "reset", "bits", "while busy", "meaning"), register_rows()),
        "`RESULT_RECORD` moves on when it is read; `COUNTER_LO` freezes `COUNTER_HI`.",
        f"Addresses {hex_word(low, 3)} to {hex_word(high - 1, 3)} are kept for the spiking units, and refused until",
        "those exist.",
        "",
        "### Fields",
        "",
        *table(("register", "field", "bits", "meaning"), field_rows()),
        "## Buffers",
        "",
        f"{c.MAX_DIMS} signed elements each, packed into {DATA_WIDTH}-bit words, the first in the low bits; reads",
        "extend the sign. An element is written if the strobe of its lowest byte is set. Neither read nor written",
        "while a command runs.",
        "",
        *table(("address", "name", "8-bit arrays", "16-bit arrays", "meaning"), buffer_rows()),
        "## Commands",
        "",
        "A write to `COMMAND` starts one. A command that says so checks that the core exists. An index that does not",
        "exist: writes do nothing, reads give 0. `RETURN0/1` hold the answer, 0 where there is none.",
        "",
        *table(
            ("opcode", "name", "checks core", "index", "value", "answer", "meaning"),
            (
                [
                    f"`{hex_word(info.opcode, 2)}`",
                    info.opcode.name,
                    "yes" if info.checks_core else "no",
                    info.index or "-",
                    info.value or "-",
                    info.returns or "-",
                    info.description,
                ]
                for info in COMMANDS
            ),
        ),
        "## Errors",
        "",
        *table(("value", "name", "meaning"), ([str(int(e)), e.name, ERROR_TEXTS[e]] for e in Error)),
        "## Named configurations",
        "",
        *table(
            (
                "name",
                "cores",
                "slices",
                "lanes",
                "element bits",
                "contexts",
                "memory",
                "vectors",
                "CONFIG",
                "CONFIG_HASH",
            ),
            preset_rows(),
        ),
        "## Constants",
        "",
        *table(("name", "value"), ([name, str(value)] for name, value in CONSTANTS.items())),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


FILES = {"firmware/ganglion_regs.h": header, "docs/registers.md": page}
"""Everything that is generated, by its path in the project."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the files that follow from golden/spec.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a file is stale")
    parser.add_argument("--root", type=Path, default=PROJECT, help="project folder (default: this one)")
    options = parser.parse_args(argv)
    stale = []
    for name, make in FILES.items():
        path: Path = options.root / name
        text = make()
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        if options.check:
            stale.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        print(f"wrote {name}")
    for name in stale:
        print(f"{name} is stale: run scripts/gen.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
