"""What a board's bitstream takes and how fast it is, and which unit takes how much.

    python scripts/bench_boards.py [--board icebreaker] [--out build/icebreaker]

Cells of a unit are those whose name begins with it; synthesis names a cell after the net that it drives, so a few
cells between two units count for either. A logic cell holds a table, a flip-flop and a carry: a unit takes at least as
many logic cells as the largest of the three, and less than their sum.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from boards.build import BuildReport, build

KINDS = {"SB_LUT4": "LUT4", "SB_CARRY": "carry", "SB_RAM40_4K": "EBR", "SB_SPRAM256KA": "SPRAM", "SB_MAC16": "DSP"}
COLUMNS = ("LUT4", "FF", "carry", "EBR", "SPRAM", "DSP")
UNITS = (
    *("array.slice0." + name for name in ("topk", "distance", "beam", "exact", "insert", "graph", "gather", "copy")),
    *("array.slice0." + name for name in ("nodes", "rows", "operand")),
    "array.slice0",
    *("array." + name for name in ("sequencer", "scaler", "normaliser", "results", "buffer", "merger")),
    *("array.processor.multiplier", "array.processor", "array.scan"),
    *("array.fabric." + name for name in ("reporter", "timebase", "inlet")),
    "array.fabric",
    "array",
    "front",
    "bridge",
)
"""Units by the beginning of their cells' names, the inner ones first; below ``ganglion`` where they are part of it."""


def unit_of(cell: str) -> str:
    """The unit that a cell of the netlist belongs to."""
    path = cell.removeprefix("ganglion.")
    return next((unit for unit in UNITS if path.startswith(unit + ".")), "the rest")


def kind_of(cell_type: str) -> str | None:
    """The column a cell counts in."""
    return "FF" if cell_type.startswith("SB_DFF") else KINDS.get(cell_type)


def cells_by_unit(netlist: Path) -> dict[str, Counter[str]]:
    """Cells of each kind by unit, from yosys's JSON netlist."""
    modules = json.loads(netlist.read_text())["modules"]
    cells = next(module for module in modules.values() if int(module["attributes"].get("top", "0"), 2))["cells"]
    table: dict[str, Counter[str]] = {}
    for name, cell in cells.items():
        kind = kind_of(cell["type"])
        if kind is not None:
            table.setdefault(unit_of(name), Counter())[kind] += 1
    return dict(sorted(table.items(), key=lambda item: -item[1]["LUT4"]))


def print_report(report: BuildReport, units: dict[str, Counter[str]]) -> None:
    """Prints what the FPGA is used for, and by whom."""
    print(f"{report.board}: {report.cores} cores, {report.vectors} vectors")
    print(f"clock   {report.fmax_mhz:6.2f} MHz by nextpnr, runs at {report.target_mhz:g} MHz (seed {report.seed})")
    for name in ("lc", "ebr", "spram", "dsp"):
        used, total = getattr(report, name), getattr(report, f"{name}_total")
        print(f"{name.upper():7s} {used:5d} of {total:5d}  {100 * used / total:3.0f} %")
    print(f"built in {report.seconds:.0f} s\n")
    print(f"{'unit':24s}" + "".join(f"{column:>7s}" for column in COLUMNS))
    for unit, counts in units.items():
        print(f"{unit:24s}" + "".join(f"{counts[column] or '':>7}" for column in COLUMNS))
    total = sum(units.values(), Counter())
    print(f"{'all':24s}" + "".join(f"{total[column]:7d}" for column in COLUMNS))


def main() -> None:
    """Builds the board (or takes it from the cache) and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="icebreaker")
    parser.add_argument("--out", type=Path, default=None, help="build folder (default build/BOARD)")
    arguments = parser.parse_args()
    out = arguments.out or Path("build") / arguments.board
    report = build(arguments.board, out, progress=lambda text: print(text, file=sys.stderr))
    print_report(report, cells_by_unit(out / "top.json"))


if __name__ == "__main__":
    main()
