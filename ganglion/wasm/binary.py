"""WebAssembly binaries: what a module exports and imports, and the same module with nothing superfluous.

The linker writes addresses and function numbers with five bytes each, so that it can patch them. ``minimise`` reads
every instruction and writes it in the fewest bytes. Format: https://webassembly.github.io/spec/core/binary/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ganglion.wasm.instructions import Calls, Node, flat, parsed, plain_codes, replaced, shortened, without_zeroing
from ganglion.wasm.leb import Reader, WasmError, unsigned

__all__ = ["Export", "WasmError", "exports", "imports", "minimise"]

MAGIC = b"\0asm\1\0\0\0"
END = b"\x0b"
CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, GLOBAL, EXPORT, ELEMENT, CODE = 0, 1, 2, 3, 4, 6, 7, 9, 10
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
"""The order of sections in a module."""
LOCAL = (0x20, 0x21, 0x22)
"""local.get, local.set, local.tee."""
CALL_INDIRECT, F32_CONST, GLOBAL_GET, GLOBAL_SET = 0x11, 0x43, 0x23, 0x24
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
    """The module without what nobody uses (names, producers, an empty table), its code in fewer bytes.

    Every number is in its shortest form; blocks that begin with a condition are ``if``s, variables that are 0 are not
    set to it (``instructions.py``) and are declared type by type; a float that occurs often is a constant global,
    which engines fold into the code.

    Raises WasmError for a module with imports, or with an instruction that is not known.
    """
    if imports(module):
        raise WasmError("a module with imports is not minimised: they would come first in the count of functions")
    parts = {number: content for number, content in sections(module) if number != CUSTOM}
    calls = _calls(parts[TYPE], parts[FUNCTION])
    functions = [Body.read(body, calls, calls[number][0]) for number, body in enumerate(_bodies(parts[CODE]))]
    used = {code[0] for body in functions for code in plain_codes(body.nodes)}
    if CALL_INDIRECT not in used and ELEMENT not in parts:
        parts.pop(TABLE, None)
    globals_kept = parts.get(GLOBAL) if used & {GLOBAL_GET, GLOBAL_SET} else None
    parts[GLOBAL] = _with_constants(globals_kept or unsigned(0), functions)
    bodies = [body.written() for body in functions]
    parts[CODE] = unsigned(len(bodies)) + b"".join(unsigned(len(body)) + body for body in bodies)
    out = bytearray(MAGIC)
    if parts[GLOBAL] == unsigned(0):
        del parts[GLOBAL]
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
    """The body of a function: its parameters' number, the types of its variables behind them, its instructions."""

    n_parameters: int
    types: list[int]
    nodes: tuple[Node, ...]

    @classmethod
    def read(cls, body: bytes, calls: Calls, n_parameters: int) -> Body:
        """Take a body apart and shorten it."""
        reader = Reader(body)
        types: list[int] = []
        for _ in range(reader.unsigned()):  # groups: how many variables, of which type
            n = reader.unsigned()
            types += [reader.take(1)[0]] * n
        nodes = without_zeroing(shortened(parsed(reader), calls), set(range(n_parameters)))
        return cls(n_parameters, types, nodes)

    def written(self) -> bytes:
        """The bytes of the body, its variables in the order of their types."""
        order = sorted(range(len(self.types)), key=lambda i: -self.types[i])
        groups = [(kind, len(list(same))) for kind, same in groupby(self.types[i] for i in order)]
        variables = unsigned(len(groups)) + b"".join(unsigned(n) + bytes([kind]) for kind, n in groups)
        numbers = {self.n_parameters + old: self.n_parameters + new for new, old in enumerate(order)}
        new = {bytes([op]) + unsigned(i): bytes([op]) + unsigned(numbers[i]) for op in LOCAL for i in numbers}
        return variables + flat(replaced(self.nodes, new)) + END
