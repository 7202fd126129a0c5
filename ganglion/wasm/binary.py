"""WebAssembly binaries: what a module exports and imports, and the same module with nothing superfluous.

The linker writes addresses and function numbers with five bytes each, so that it can patch them. ``minimise`` reads
every instruction and writes it in the fewest bytes. Format: https://webassembly.github.io/spec/core/binary/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ganglion.wasm.instructions import Calls, Node, flat, parsed, plain_codes, replaced, shortened
from ganglion.wasm.leb import Reader, WasmError, unsigned

__all__ = ["Export", "WasmError", "exports", "imports", "minimise"]

MAGIC = b"\0asm\1\0\0\0"
END = b"\x0b"
CUSTOM, TYPE, IMPORT, FUNCTION, GLOBAL, EXPORT, CODE = 0, 1, 2, 3, 6, 7, 10
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
"""The order of sections in a module."""
F32_CONST, GLOBAL_GET = 0x43, 0x23
F32_CONSTANT = b"\x7d\x00"
"""A global of type f32 that never changes."""
KINDS = ("function", "table", "memory", "global")


@dataclass(frozen=True)
class Export:
    """A name that a module exports, and its kind: function, table, memory or global."""

    name: str
    kind: str


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
    """The module without custom sections (names, producers), its code in fewer bytes.

    Every number is in its shortest form; blocks that begin with a condition are ``if``s (``instructions.py``); a float
    that occurs often is a constant global, which an engine folds back into the code.

    Raises WasmError for a module with imports, or with an instruction that is not known.
    """
    if imports(module):
        raise WasmError("a module with imports is not minimised: they would come first in the count of functions")
    parts = {number: content for number, content in sections(module) if number != CUSTOM}
    calls = _calls(parts[TYPE], parts[FUNCTION])
    functions = [Body.read(body, calls) for body in _bodies(parts[CODE])]
    parts[GLOBAL] = _with_constants(parts.get(GLOBAL, unsigned(0)), functions)
    bodies = [body.written() for body in functions]
    parts[CODE] = unsigned(len(bodies)) + b"".join(unsigned(len(body)) + body for body in bodies)
    out = bytearray(MAGIC)
    for number, content in sorted(parts.items(), key=lambda part: ORDER.index(part[0])):
        out += bytes([number]) + unsigned(len(content)) + content
    return bytes(out)


def _with_constants(section: bytes, functions: list[Body]) -> bytes:
    """The section of globals with one for every float that is worth it; ``functions`` read them from there."""
    reader = Reader(section)
    n_globals = reader.unsigned()
    kept = section[reader.at :]
    uses = Counter(code for body in functions for code in plain_codes(body.nodes) if code[0] == F32_CONST)
    new: dict[bytes, bytes] = {}
    for code, n_uses in sorted(uses.items(), key=lambda use: (-use[1], use[0])):
        read = bytes([GLOBAL_GET]) + unsigned(n_globals + len(new))
        declared = F32_CONSTANT + code + END
        if n_uses * (len(code) - len(read)) > len(declared):
            new[code] = read
            kept += declared
    for body in functions:
        body.nodes = replaced(body.nodes, new)
    return unsigned(n_globals + len(new)) + kept


def _calls(types: bytes, functions: bytes) -> Calls:
    """How many values each function takes and gives."""
    reader = Reader(types)
    shapes = []
    for _ in range(reader.unsigned()):
        reader.take(1)
        counts = []
        for _ in range(2):
            counts.append(reader.unsigned())
            reader.take(counts[-1])
        shapes.append((counts[0], counts[1]))
    reader = Reader(functions)
    return {number: shapes[reader.unsigned()] for number in range(reader.unsigned())}


def _bodies(content: bytes) -> Iterator[bytes]:
    reader = Reader(content)
    for _ in range(reader.unsigned()):
        yield reader.take(reader.unsigned())


@dataclass
class Body:
    """The body of a function: its locals as bytes, its instructions."""

    variables: bytes
    nodes: tuple[Node, ...]

    @classmethod
    def read(cls, body: bytes, calls: Calls) -> Body:
        """Take a body apart and shorten it."""
        reader = Reader(body)
        n_groups = reader.unsigned()
        variables = unsigned(n_groups)
        for _ in range(n_groups):  # how many, of which type
            variables += unsigned(reader.unsigned()) + reader.take(1)
        return cls(variables, shortened(parsed(reader), calls))

    def written(self) -> bytes:
        """The bytes of the body."""
        return self.variables + flat(self.nodes) + END
