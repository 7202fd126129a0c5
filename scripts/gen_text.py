"""Pieces of C and Markdown that the generated files are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from golden.spec.register import Field, Register

PREFIX = "GANGLION"


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


def c_registers(registers: Iterable[Register], prefix: str = "", *, varies: Callable[[Register], bool]) -> list[str]:
    """Addresses, resets (but of those that vary) and fields of registers as C; ``prefix`` stands before their names."""
    lines = []
    for register in registers:
        name = prefix + register.name
        lines.append(c_comment(f"{register.name}, {register.access.value}: {register.description}"))
        lines.append(define(f"{name}_ADDR", f"UINT32_C({hex_word(register.addr, 3)})"))
        if not varies(register):
            lines.append(define(f"{name}_RESET", f"UINT32_C({hex_word(register.reset)})"))
        for field in register.fields:
            lines.append(define(f"{name}_{field.name}_SHIFT", str(field.low), field.description))
            lines.append(define(f"{name}_{field.name}_MASK", f"UINT32_C({hex_word(field_mask(field))})"))
        lines.append("")
    return lines


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A Markdown table, with an empty line behind it."""
    titles = list(head)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles), *body, ""]


def while_busy(read: bool, write: bool, writable: bool) -> str:
    allowed = [word for word, yes in (("read", read), ("write", write and writable)) if yes]
    return ", ".join(allowed) or "no"


def field_rows(registers: Iterable[Register]) -> list[list[str]]:
    """Rows for a table of the fields of registers."""
    return [
        [r.name, f.name, f"{f.low + f.width - 1}..{f.low}" if f.width > 1 else str(f.low), f.description]
        for r in registers
        for f in r.fields
    ]
