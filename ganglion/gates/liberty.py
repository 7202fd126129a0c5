"""Cell libraries in the Liberty format: areas, functions and flip-flops, read by a parser of what the count needs."""

from __future__ import annotations

import gzip
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["UNIT_LIBRARY", "Cell", "Library", "LibraryError", "load_library", "parse_library"]

UNIT_LIBRARY = Path(__file__).with_name("unit.lib")
"""The project's own library: area = transistors / 4, so NAND2 is 1.00."""

ADDED_BUFFER = "GANGLION_BUFFER"
# Tables of delay and power fill most of a real file: `values (...)` goes by as one token.
TOKEN = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|//[^\n]*|\\\r?\n|\bvalues\s*\([^)]*\)\s*;?)
      |(?P<string>"(?:[^"\\]|\\.)*")
      |(?P<mark>[{}();:,])
      |(?P<word>[^\s{}();:,"]+)""",
    re.VERBOSE | re.DOTALL,
)


class LibraryError(ValueError):
    """A Liberty file that cannot be read or lacks a cell that every design needs; the message names the file."""


@dataclass(frozen=True)
class Cell:
    """A cell: its area in the file's unit, its pins, the functions of its outputs, and whether it stores a bit."""

    name: str
    area: float
    inputs: tuple[str, ...]
    functions: dict[str, str] = field(hash=False)
    is_flip_flop: bool
    is_latch: bool
    dont_use: bool

    @property
    def is_gate(self) -> bool:
        """Whether the cell is a usable combinational gate with one output."""
        return not (self.is_flip_flop or self.is_latch or self.dont_use) and len(self.functions) == 1 and self.area > 0


@dataclass(frozen=True)
class Library:
    """A checked cell library. ``text`` is what the synthesis tools read."""

    name: str
    text: str
    cells: dict[str, Cell]
    nand2_name: str

    @property
    def nand2_area(self) -> float:
        """Area of the smallest two-input NAND: one gate equivalent."""
        return self.cells[self.nand2_name].area

    @cached_property
    def gate_equivalents(self) -> dict[str, float]:
        """Area of every cell over that of the NAND."""
        return {name: cell.area / self.nand2_area for name, cell in self.cells.items()}


@dataclass
class _Group:
    kind: str
    args: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[_Group] = field(default_factory=list)

    def all(self, kind: str) -> list[_Group]:
        return [group for group in self.groups if group.kind == kind]


def load_library(path: Path | None = None) -> Library:
    """The library in a Liberty file (plain or gzip), or the project's own when ``path`` is None.

    Raises:
        LibraryError: the file cannot be read, is not a Liberty file, or lacks an inverter, a NAND2 or a flip-flop.
    """
    path = UNIT_LIBRARY if path is None else Path(path)
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LibraryError(f"cannot read the Liberty file {path}: {reason}") from error
    return parse_library(data.decode("utf-8", errors="replace"), str(path))


def parse_library(text: str, source: str) -> Library:
    """The library in Liberty ``text``; ``source`` names it in errors. Raises LibraryError."""
    top = _Parser(text, source).parse()
    cells = {}
    for group in top.all("cell"):
        cell = _read_cell(group, source)
        cells[cell.name] = cell
    if not cells:
        raise LibraryError(f"{source}: the library {top.args[0] if top.args else ''!r} has no cells")
    inverter = _smallest(cells, 1, (True, False), source)
    nand2 = _smallest(cells, 2, (True, True, True, False), source)
    if nand2 is None:
        raise LibraryError(f"{source}: no two-input NAND cell, so no unit for gate equivalents")
    if inverter is None:
        raise LibraryError(f"{source}: no inverter cell")
    if not any(cell.is_flip_flop and not cell.dont_use for cell in cells.values()):
        raise LibraryError(f"{source}: no D flip-flop cell (no usable cell has an 'ff' group)")
    if _smallest(cells, 1, (False, True), source) is None:
        # The mapper needs a buffer for signals that only pass through: two inverters make one.
        area = 2 * inverter.area
        cells[ADDED_BUFFER] = Cell(ADDED_BUFFER, area, ("A",), {"Y": "A"}, False, False, False)
        closing = text.rindex("}")
        text = (
            f"{text[:closing]}cell ({ADDED_BUFFER}) {{ area : {area}; pin (A) {{ direction : input; }} "
            f'pin (Y) {{ direction : output; function : "A"; }} }}\n{text[closing:]}'
        )
    name = top.args[0] if top.args else Path(source).stem
    return Library(name, text, cells, nand2.name)


def _read_cell(group: _Group, source: str) -> Cell:
    if not group.args:
        raise LibraryError(f"{source}: a cell without a name")
    name = group.args[0]
    try:
        area = float(group.attributes.get("area", "0"))
    except ValueError:
        raise LibraryError(f"{source}: cell {name} has the area {group.attributes['area']!r}") from None
    if not 0 <= area < float("inf"):
        raise LibraryError(f"{source}: cell {name} has the area {area}")
    inputs: list[str] = []
    functions: dict[str, str] = {}
    for pin in group.all("pin"):
        direction = pin.attributes.get("direction")
        for pin_name in pin.args:
            if direction == "input":
                inputs.append(pin_name)
            elif direction == "output":
                functions[pin_name] = pin.attributes.get("function", "")
    return Cell(
        name,
        area,
        tuple(inputs),
        functions,
        is_flip_flop=bool(group.all("ff")),
        is_latch=bool(group.all("latch") or group.all("statetable")),
        dont_use=group.attributes.get("dont_use", "false").lower() == "true",
    )


def _smallest(cells: dict[str, Cell], n_inputs: int, table: tuple[bool, ...], source: str) -> Cell | None:
    """The smallest usable gate with that truth table (first input changes slowest)."""
    found = [
        cell
        for cell in cells.values()
        if cell.is_gate and len(cell.inputs) == n_inputs and _truth_table(cell, source) == table
    ]
    return min(found, key=lambda cell: (cell.area, cell.name), default=None)


def _truth_table(cell: Cell, source: str) -> tuple[bool, ...] | None:
    """Output for every input combination, None where the function is not of the inputs alone (or not given)."""
    (function,) = cell.functions.values()
    try:
        return tuple(
            _Function(function, dict(zip(cell.inputs, values, strict=True))).evaluate()
            for values in itertools.product((False, True), repeat=len(cell.inputs))
        )
    except KeyError:
        return None
    except ValueError:
        raise LibraryError(f"{source}: cell {cell.name} has the function {function!r}") from None


class _Function:
    """A Liberty boolean function: ``!a`` or ``a'``, then ``^``, then ``a*b``, ``a&b``, ``a b``, then ``+`` or ``|``."""

    def __init__(self, text: str, values: dict[str, bool]) -> None:
        self.tokens = re.findall(r"[A-Za-z0-9_\[\].$]+|\S", text)
        self.values = values

    def evaluate(self) -> bool:
        if not self.tokens:
            raise KeyError("no function")
        value = self._either()
        if self.tokens:
            raise ValueError(self.tokens[0])
        return value

    def _next_in(self, marks: str) -> bool:
        return bool(self.tokens) and self.tokens[0] in marks

    def _either(self) -> bool:
        value = self._both()
        while self._next_in("+|"):
            self.tokens.pop(0)
            other = self._both()
            value = value or other
        return value

    def _both(self) -> bool:
        value = self._differ()
        while self.tokens and not self._next_in("+|)"):
            if self._next_in("*&"):
                self.tokens.pop(0)
            other = self._differ()
            value = value and other
        return value

    def _differ(self) -> bool:
        value = self._single()
        while self._next_in("^"):
            self.tokens.pop(0)
            other = self._single()
            value = value != other
        return value

    def _single(self) -> bool:
        if not self.tokens:
            raise ValueError("ends early")
        token = self.tokens.pop(0)
        if token == "!":
            return not self._single()
        if token == "(":
            value = self._either()
            if not self._next_in(")"):
                raise ValueError("unbalanced")
            self.tokens.pop(0)
        elif token in ("0", "1"):
            value = token == "1"
        elif re.match(r"\w", token):
            value = self.values[token]
        else:
            raise ValueError(token)
        while self._next_in("'"):
            self.tokens.pop(0)
            value = not value
        return value


class _Parser:
    """Liberty text -> tree of the groups that matter; what lies in other groups is passed over."""

    KEPT = frozenset({"library", "cell", "pin", "ff", "latch", "statetable"})

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.position = 0
        self.held: str | None = None
        self.on_new_line = False
        self.tokens = self._tokens()

    def _tokens(self) -> Iterator[str]:
        position, end = 0, len(self.text)
        while position < end:
            match = TOKEN.match(self.text, position)
            if match is None:
                self.position = position
                raise self._error(f"unexpected {self.text[position : position + 20]!r}")
            start, position = position, match.end()
            if match.lastgroup == "skip":
                self.on_new_line |= not match.group().startswith("\\") and "\n" in match.group()
                continue
            self.position = start
            yield match.group()[1:-1].strip() or " " if match.lastgroup == "string" else match.group()
            self.on_new_line = False

    def _error(self, what: str) -> LibraryError:
        line = self.text.count("\n", 0, self.position) + 1
        return LibraryError(f"{self.source}, line {line}: not a valid Liberty file: {what}")

    def _take(self) -> str:
        if self.held is not None:
            token, self.held = self.held, None
            return token
        for token in self.tokens:
            return token
        self.position = len(self.text)
        raise self._error("it ends inside a group")

    def parse(self) -> _Group:
        """The library group."""
        first = next(self.tokens, None)
        if first != "library":
            raise self._error("it does not start with 'library'" if first else "it is empty")
        statement = self._statement(first)
        if not isinstance(statement, _Group):
            raise self._error("'library' is not a group")
        return statement

    def _arguments(self) -> list[str]:
        args = []
        while (token := self._take()) != ")":
            if token in "{};":
                raise self._error(f"{token!r} inside parentheses")
            if token not in ",:":
                args.append(token)
        return args

    def _statement(self, name: str) -> _Group | tuple[str, str] | None:
        """What follows ``name``: an attribute's value, a group, or None for what is not kept."""
        mark = self._take()
        if mark == ":":
            words: list[str] = []
            while (token := self._take()) != ";":
                if words and (self.on_new_line or token == "}"):
                    # Some writers leave the semicolon out at the end of a line.
                    self.held = token
                    break
                if token in "{}()":
                    raise self._error(f"{token!r} in the value of {name!r}")
                words.append(token)
            return name, " ".join(words)
        if mark != "(":
            raise self._error(f"{mark!r} after {name!r}")
        args = self._arguments()
        token = self._take()
        if token != "{" and token != ";" and self.on_new_line:
            self.held, token = token, ";"
        if token == ";":
            return None
        if token != "{":
            raise self._error(f"{token!r} after the arguments of {name!r}")
        if name not in self.KEPT:
            self._pass_over()
            return None
        group = _Group(name, args)
        while (token := self._take()) != "}":
            if token == ";":
                continue
            if token in "{}():,":
                raise self._error(f"unexpected {token!r} in {name} ({', '.join(args)})")
            statement = self._statement(token)
            if isinstance(statement, _Group):
                group.groups.append(statement)
            elif statement is not None:
                group.attributes[statement[0]] = statement[1]
        return group

    def _pass_over(self) -> None:
        depth = 1
        while depth:
            token = self._take()
            depth += (token == "{") - (token == "}")
