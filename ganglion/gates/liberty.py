"""Cell libraries: areas, functions and flip-flops of a Liberty file, and the unit of gate equivalents."""

from __future__ import annotations

import gzip
import itertools
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .syntax import Group, LibraryError, evaluate, parse_liberty

__all__ = ["UNIT_LIBRARY", "Cell", "Library", "LibraryError", "load_library", "parse_library"]

UNIT_LIBRARY = Path(__file__).with_name("unit.lib")
"""The project's own library: area = transistors / 4, so NAND2 is 1.00."""

ADDED_BUFFER = "GANGLION_BUFFER"


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
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LibraryError(f"cannot read the Liberty file {path}: {reason}") from error
    return parse_library(data.decode("utf-8", errors="replace"), str(path))


def parse_library(text: str, source: str) -> Library:
    """The library in Liberty ``text``; ``source`` names it in errors. Raises LibraryError."""
    top = parse_liberty(text, source)
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


def _read_cell(group: Group, source: str) -> Cell:
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
            evaluate(function, dict(zip(cell.inputs, values, strict=True)))
            for values in itertools.product((False, True), repeat=len(cell.inputs))
        )
    except KeyError:
        return None
    except ValueError:
        raise LibraryError(f"{source}: cell {cell.name} has the function {function!r}") from None
