"""Function bodies as trees, so that they can be written shorter.

A block that begins with a condition becomes an ``if``, three bytes shorter, where nothing else branches to it:

    block; P; condition; eqz; br_if 0; R; end    ->    P; condition; if; R; end
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from ganglion.wasm.leb import Reader, WasmError, signed, unsigned

__all__ = [
    "Block",
    "Branch",
    "Node",
    "Plain",
    "flat",
    "parsed",
    "plain_codes",
    "replaced",
    "shortened",
    "without_zeroing",
]

BLOCK, LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE = 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E
CALL, EQZ, LOCAL_SET, LOCAL_TEE, NO_VALUE = 0x10, 0x45, 0x21, 0x22, 0x40
PAIRS = ((0, 1), (2, 8), (3, 9), (4, 6), (5, 7))
OPPOSITES = {base + pair[i]: base + pair[1 - i] for base in (0x46, 0x51) for pair in PAIRS for i in (0, 1)}
OPPOSITES |= {0x5B: 0x5C, 0x5C: 0x5B}
"""Comparisons, and which is true where they are not: all of integers, equality of floats."""


@dataclass(frozen=True)
class Plain:
    """An instruction that neither branches nor holds others: its bytes."""

    code: bytes


@dataclass(frozen=True)
class Branch:
    """br, br_if or br_table: how many blocks out each target is."""

    opcode: int
    depths: tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """block, loop or if: the byte (or bytes) of its type, what it holds, what stands behind its else."""

    opcode: int
    kind: bytes
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] | None = None


ZEROS = (Plain(b"\x41\0"), Plain(b"\x42\0"), Plain(b"\x43" + bytes(4)), Plain(b"\x44" + bytes(8)))
"""The constants 0 of the four types."""
Node = Union[Plain, Branch, Block]  # noqa: UP007  (the classes name it before it exists)

# What follows an instruction: numbers without (u) or with sign (s), bytes as they are (a digit).
_OPERANDS = {
    **dict.fromkeys((0x10, 0x20, 0x21, 0x22, 0x23, 0x24), "u"),
    0x11: "uu",
    **dict.fromkeys(range(0x28, 0x3F), "uu"),
    **dict.fromkeys((0x3F, 0x40), "1"),
    **dict.fromkeys((0x41, 0x42), "s"),
    0x43: "4",
    0x44: "8",
    **dict.fromkeys((0x00, 0x01, 0x0F, 0x1A, 0x1B, *range(0x45, 0xC5)), ""),
}
_BULK = {**dict.fromkeys(range(8), ""), 8: "u1", 9: "u", 10: "11", 11: "1"}
_VECTOR = {
    **dict.fromkeys((*range(0x0C), 0x5C, 0x5D), "uu"),
    **dict.fromkeys((0x0C, 0x0D), "88"),
    **dict.fromkeys(range(0x15, 0x23), "1"),
    **dict.fromkeys(range(0x54, 0x5C), "uu1"),
}


def parsed(reader: Reader) -> tuple[Node, ...]:
    """The nodes up to the ``end`` (or ``else``) that closes them, which is read as well.

    Raises WasmError for an instruction that is not known.
    """
    return _sequence(reader)[0]


def _sequence(reader: Reader) -> tuple[tuple[Node, ...], int]:
    """The nodes, and whether END or ELSE closed them."""
    nodes: list[Node] = []
    while True:
        start = reader.at
        opcode = reader.take(1)[0]
        if opcode in (END, ELSE):
            return tuple(nodes), opcode
        if opcode in (BLOCK, LOOP, IF):
            kind = signed(reader.signed())
            body, closed_by = _sequence(reader)
            nodes.append(Block(opcode, kind, body, _sequence(reader)[0] if closed_by == ELSE else None))
        elif opcode in (BR, BR_IF):
            nodes.append(Branch(opcode, (reader.unsigned(),)))
        elif opcode == BR_TABLE:
            nodes.append(Branch(opcode, tuple(reader.unsigned() for _ in range(reader.unsigned() + 1))))
        else:
            nodes.append(Plain(_plain(reader, opcode, start)))


def _plain(reader: Reader, opcode: int, start: int) -> bytes:
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
    if kind == "s":
        return signed(reader.signed())
    return reader.take(int(kind))


def flat(nodes: Iterable[Node]) -> bytes:
    """The bytes of ``nodes``, without an ``end`` behind them."""
    out = bytearray()
    for node in nodes:
        if isinstance(node, Plain):
            out += node.code
        elif isinstance(node, Branch):
            count = unsigned(len(node.depths) - 1) if node.opcode == BR_TABLE else b""
            out += bytes([node.opcode]) + count + b"".join(map(unsigned, node.depths))
        else:
            out += bytes([node.opcode]) + node.kind + flat(node.body)
            if node.otherwise is not None:
                out += bytes([ELSE]) + flat(node.otherwise)
            out.append(END)
    return bytes(out)


Calls = Mapping[int, tuple[int, int]]
"""How many values the functions take and give, by their numbers."""


def shortened(nodes: Iterable[Node], calls: Calls) -> tuple[Node, ...]:
    """The same program with ``if`` where a block was one."""
    out: list[Node] = []
    for node in nodes:
        if isinstance(node, Block):
            otherwise = None if node.otherwise is None else shortened(node.otherwise, calls)
            out += _as_if(Block(node.opcode, node.kind, shortened(node.body, calls), otherwise), calls)
        else:
            out.append(node)
    return tuple(out)


def _as_if(block: Block, calls: Calls) -> tuple[Node, ...]:
    exits = [i for i, node in enumerate(block.body) if node == Branch(BR_IF, (0,))]
    if block.opcode != BLOCK or block.kind != bytes([NO_VALUE]) or not exits:
        return (block,)
    before, behind = block.body[: exits[0]], block.body[exits[0] + 1 :]
    if _targets(before, 0) or _targets(behind, 0) or _height(before, calls) != 1:
        return (block,)
    last = before[-1]
    if last == Plain(bytes([EQZ])):
        before = before[:-1]
    elif isinstance(last, Plain) and last.code[0] in OPPOSITES:
        before = (*before[:-1], Plain(bytes([OPPOSITES[last.code[0]]])))
    else:
        before = (*before, Plain(bytes([EQZ])))
    return (*(_lifted(node, 0) for node in before), Block(IF, block.kind, behind))


def without_zeroing(nodes: Iterable[Node], assigned: set[int], in_loop: bool = False) -> tuple[Node, ...]:
    """``nodes`` without the assignments of 0 to variables that are still 0, as all are when a function begins.

    ``assigned``: the variables that may hold something else already, parameters for a start; they are added to. Outside
    of loops the order of the text is the order of time: branches only skip.
    """
    out: list[Node] = []
    for node in nodes:
        if isinstance(node, Block):
            inside = in_loop or node.opcode == LOOP
            body = without_zeroing(node.body, assigned, inside)
            otherwise = None if node.otherwise is None else without_zeroing(node.otherwise, assigned, inside)
            node = Block(node.opcode, node.kind, body, otherwise)
        elif isinstance(node, Plain) and node.code[0] in (LOCAL_SET, LOCAL_TEE):
            variable = Reader(node.code, 1).unsigned()
            if not in_loop and node.code[0] == LOCAL_SET and variable not in assigned and out and out[-1] in ZEROS:
                out.pop()
                continue
            assigned.add(variable)
        out.append(node)
    return tuple(out)


def plain_codes(nodes: Iterable[Node]) -> Iterator[bytes]:
    """The bytes of every plain instruction in ``nodes``, in order."""
    for node in nodes:
        if isinstance(node, Plain):
            yield node.code
        elif isinstance(node, Block):
            yield from plain_codes((*node.body, *(node.otherwise or ())))


def replaced(nodes: Iterable[Node], new: Mapping[bytes, bytes]) -> tuple[Node, ...]:
    """``nodes`` with some plain instructions exchanged for others."""
    out: list[Node] = []
    for node in nodes:
        if isinstance(node, Plain):
            node = Plain(new.get(node.code, node.code))
        elif isinstance(node, Block):
            otherwise = None if node.otherwise is None else replaced(node.otherwise, new)
            node = Block(node.opcode, node.kind, replaced(node.body, new), otherwise)
        out.append(node)
    return tuple(out)


def _targets(nodes: Iterable[Node], depth: int) -> bool:
    """Whether a branch leads to the block that holds ``nodes``, ``depth`` blocks further out."""
    for node in nodes:
        if isinstance(node, Branch) and depth in node.depths:
            return True
        if isinstance(node, Block) and _targets((*node.body, *(node.otherwise or ())), depth + 1):
            return True
    return False


def _lifted(node: Node, depth: int) -> Node:
    """``node`` moved out of one block: branches past that block have one block less to leave."""
    if isinstance(node, Branch):
        return Branch(node.opcode, tuple(d - (d > depth) for d in node.depths))
    if isinstance(node, Block):
        body, otherwise = ([_lifted(n, depth + 1) for n in part or ()] for part in (node.body, node.otherwise))
        return Block(node.opcode, node.kind, tuple(body), None if node.otherwise is None else tuple(otherwise))
    return node


def _height(nodes: Iterable[Node], calls: Calls) -> int | None:
    """How many values ``nodes`` leave on an empty stack; None when it is not known."""
    height = 0
    for node in nodes:
        change = _change(node, calls)
        if change is None:
            return None
        height += change
    return height


def _change(node: Node, calls: Calls) -> int | None:
    if isinstance(node, Branch):
        return -1 if node.opcode == BR_IF else None
    if isinstance(node, Block):
        return (node.kind != bytes([NO_VALUE])) - (node.opcode == IF) if len(node.kind) == 1 else None
    opcode = node.code[0]
    if opcode == CALL:
        taken, given = calls[Reader(node.code, 1).unsigned()]
        return given - taken
    return _CHANGES.get(opcode)


_CHANGES = {
    0x01: 0,
    0x1A: -1,
    0x1B: -2,
    0x20: 1,
    0x21: -1,
    0x22: 0,
    0x23: 1,
    0x24: -1,
    **dict.fromkeys(range(0x28, 0x36), 0),
    **dict.fromkeys(range(0x36, 0x3F), -2),
    0x3F: 1,
    **dict.fromkeys(range(0x41, 0x45), 1),
    **dict.fromkeys((0x45, 0x50, *range(0x67, 0x6A), *range(0x79, 0x7C), *range(0x8B, 0x92), *range(0x99, 0xA0)), 0),
    **dict.fromkeys((*range(0x46, 0x50), *range(0x51, 0x67), *range(0x6A, 0x79), *range(0x7C, 0x8B)), -1),
    **dict.fromkeys((*range(0x92, 0x99), *range(0xA0, 0xA7)), -1),
    **dict.fromkeys(range(0xA7, 0xC5), 0),
}
"""How many values more the stack holds after an instruction."""
