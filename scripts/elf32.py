"""What the build of the sequential program needs of an ELF file: its words, and the sizes of its symbols."""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROGRAM_BITS, SYMBOL_TABLE = 1, 2
"""Section types: contents that are loaded, symbols."""
ALLOCATED, INSTRUCTIONS = 2, 4
"""Section flags: it takes memory, it is code."""
TYPED_SYMBOLS = (1, 2)
"""Symbol types: objects and functions."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section's header."""

    kind: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int


def sections(elf: bytes) -> list[Section]:
    """The section headers of a little-endian 32-bit ELF file; ValueError for another."""
    if elf[:6] != b"\x7fELF\x01\x01":
        raise ValueError(f"not a little-endian 32-bit ELF file: it begins with {elf[:6]!r}")
    (table,) = struct.unpack_from("<I", elf, 32)
    entry_size, n_entries = struct.unpack_from("<HH", elf, 46)
    rows = (struct.unpack_from("<10I", elf, table + i * entry_size) for i in range(n_entries))
    return [Section(row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows]


def read_program(elf: bytes, start: int) -> list[int]:
    """The 32-bit words from address ``start`` to the end of what is loaded there and behind; gaps are zeros."""
    loaded = [s for s in sections(elf) if s.kind == PROGRAM_BITS and s.flags & ALLOCATED and s.addr >= start]
    n_words = max((-(-(s.addr + s.size - start) // 4) for s in loaded), default=0)
    memory = bytearray(4 * n_words)
    for s in loaded:
        memory[s.addr - start : s.addr - start + s.size] = elf[s.offset : s.offset + s.size]
    return list(struct.unpack(f"<{n_words}I", memory))


def code_words(elf: bytes) -> list[int]:
    """The words of all sections of instructions."""
    code = [s for s in sections(elf) if s.kind == PROGRAM_BITS and s.flags & INSTRUCTIONS]
    return [word for s in code for (word,) in struct.iter_unpack("<I", elf[s.offset : s.offset + s.size])]


def symbol_sizes(elf: bytes, start: int) -> list[tuple[str, int]]:
    """Names and bytes of functions and tables at ``start`` and behind, the largest first."""
    table, found = sections(elf), []
    for symbols in (s for s in table if s.kind == SYMBOL_TABLE):
        names = table[symbols.link].offset
        for offset in range(symbols.offset, symbols.offset + symbols.size, 16):
            name, value, size, info = struct.unpack_from("<IIIB", elf, offset)
            if info & 15 in TYPED_SYMBOLS and value >= start:
                first = names + name
                found.append((elf[first : elf.index(0, first)].decode(), size))
    return sorted(found, key=lambda row: (-row[1], row[0]))
