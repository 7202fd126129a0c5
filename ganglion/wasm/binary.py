"""WebAssembly binaries: what a module exports and imports, and the same module with nothing superfluous.

The linker writes addresses and function numbers with five bytes each, so that it can patch them. ``minimise`` reads
every instruction and writes its numbers in the fewest bytes. Format: https://webassembly.github.io/spec/core/binary/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Export", "WasmError", "exports", "imports", "minimise"]

MAGIC = b"\0asm\1\0\0\0"
CUSTOM, IMPORT, EXPORT, CODE = 0, 2, 7, 10
KINDS = ("function", "table", "memory", "global")


class WasmError(ValueError):
    """The bytes are not a module, or hold an instruction that this module does not know."""


@dataclass(frozen=True)
class Export:
    """A name that a module exports, and its kind: function, table, memory or global."""

    name: str
    kind: str


class Reader:
    """Reads ``data`` from ``at`` on."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        if self.at + n > len(self.data):
            raise WasmError(f"the module ends within its byte {self.at}")
        self.at += n
        return self.data[self.at - n : self.at]

    def unsigned(self) -> int:
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        """A signed LEB128 number."""
        start = self.at
        value = self.unsigned()
        width = 7 * (self.at - start)
        return value - (1 << width) if value >> (width - 1) else value

    def text(self) -> str:
        """A name."""
        return self.take(self.unsigned()).decode()


def unsigned(value: int) -> bytes:
    """``value`` as the shortest unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def signed(value: int) -> bytes:
    """``value`` as the shortest signed LEB128 number."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


def sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections of a module: (id, content)."""
    if not module.startswith(MAGIC):
        raise WasmError(f"not a WebAssembly module: it begins with {module[:8]!r}")
    reader = Reader(module, len(MAGIC))
    while reader.at < len(module):
        number = reader.take(1)[0]
        yield number, reader.take(reader.unsigned())


def exports(module: bytes) -> list[Export]:
    """What a module exports, in its order."""
    found = []
    for number, content in sections(module):
        if number == EXPORT:
            reader = Reader(content)
            for _ in range(reader.unsigned()):
                name, kind = reader.text(), reader.take(1)[0]
                reader.unsigned()
                found.append(Export(name, KINDS[kind]))
    return found


def imports(module: bytes) -> int:
    """How many things a module needs from outside."""
    return sum(Reader(content).unsigned() for number, content in sections(module) if number == IMPORT)


def minimise(module: bytes) -> bytes:
    """The module without custom sections (names, producers), every number in code in its shortest form."""
    out = bytearray(MAGIC)
    for number, content in sections(module):
        if number == CUSTOM:
            continue
        kept = _code_section(content) if number == CODE else content
        out += bytes([number]) + unsigned(len(kept)) + kept
    return bytes(out)


def _code_section(content: bytes) -> bytes:
    reader = Reader(content)
    n_functions = reader.unsigned()
    out = bytearray(unsigned(n_functions))
    for _ in range(n_functions):
        body = _function(Reader(reader.take(reader.unsigned())))
        out += unsigned(len(body)) + body
    return bytes(out)


def _function(reader: Reader) -> bytes:
    n_groups = reader.unsigned()
    out = bytearray(unsigned(n_groups))
    for _ in range(n_groups):  # of locals: how many, of which type
        out += unsigned(reader.unsigned()) + reader.take(1)
    while reader.at < len(reader.data):
        out += _instruction(reader)
    return bytes(out)


# What follows an instruction: numbers without (u) or with sign (s), a block type (b), bytes as they are (a digit).
_OPERANDS = {
    **dict.fromkeys((0x02, 0x03, 0x04), "b"),
    **dict.fromkeys((0x0C, 0x0D, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24), "u"),
    0x11: "uu",
    **dict.fromkeys(range(0x28, 0x3F), "uu"),
    **dict.fromkeys((0x3F, 0x40), "1"),
    **dict.fromkeys((0x41, 0x42), "s"),
    0x43: "4",
    0x44: "8",
    **dict.fromkeys((0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, *range(0x45, 0xC5)), ""),
}
_BULK = {**dict.fromkeys(range(8), ""), 8: "u1", 9: "u", 10: "11", 11: "1"}
_VECTOR = {
    **dict.fromkeys((*range(0x0C), 0x5C, 0x5D), "uu"),
    **dict.fromkeys((0x0C, 0x0D), "88"),
    **dict.fromkeys(range(0x15, 0x23), "1"),
    **dict.fromkeys(range(0x54, 0x5C), "uu1"),
}


def _instruction(reader: Reader) -> bytes:
    start = reader.at
    opcode = reader.take(1)[0]
    if opcode == 0x0E:  # a table of branches
        n_targets = reader.unsigned()
        targets = [reader.unsigned() for _ in range(n_targets + 1)]
        return bytes([opcode]) + unsigned(n_targets) + b"".join(map(unsigned, targets))
    if opcode in (0xFC, 0xFD):
        code = reader.unsigned()
        prefix = bytes([opcode]) + unsigned(code)
        operands = _BULK.get(code) if opcode == 0xFC else _VECTOR.get(code, "")
    else:
        prefix, operands = bytes([opcode]), _OPERANDS.get(opcode)
    if operands is None:
        raise WasmError(f"instruction {prefix.hex()} at byte {start} of a function is not known")
    return prefix + b"".join(_operand(reader, kind) for kind in operands)


def _operand(reader: Reader, kind: str) -> bytes:
    if kind == "u":
        return unsigned(reader.unsigned())
    if kind == "s" or kind == "b":
        return signed(reader.signed())
    return reader.take(int(kind))
