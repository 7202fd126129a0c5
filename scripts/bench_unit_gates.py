#!/usr/bin/env python3
"""Gate counts of single units, and of the spiking units and a slice beside what was claimed, as Markdown tables.

Example: python scripts/bench_unit_gates.py --json > units.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ganglion.engine import EngineError
from ganglion.gates import LibraryError, NetlistError, unit_gates
from ganglion.gates.claims import measure_claims
from ganglion.gates.units import OTHER_UNITS
from golden.spec import preset

HEADING = ("unit", "gates", "flip-flops", "memory bits", "levels")


def progress(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table, its heading first."""
    heading, *body = rows
    print("\n| " + " | ".join(heading) + " |\n|---|" + "--:|" * (len(heading) - 1))
    for row in body:
        print("| " + " | ".join(row) + " |")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description="Gates, memory bits, flip-flops and levels of single units.")
    parser.add_argument("--liberty", type=Path, help="a Liberty file instead of the project's unit library")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    options = parser.parse_args(argv)
    core = preset("core")
    try:
        claims = measure_claims(core, liberty=options.liberty, progress=progress)
        others = []
        for unit in OTHER_UNITS:
            progress(f"counting {unit.name}")
            others.append(unit_gates(unit.make(core), unit.name, liberty=options.liberty, progress=lambda text: None))
    except (LibraryError, NetlistError, EngineError) as problem:
        parser.error(str(problem))
    if options.json:
        print(json.dumps(claims.as_dict() | {"others": [block.as_dict() for block in others]}, indent=1))
        return 0
    print_table(claims.rows())
    cells = [(f"{b.gates:,.0f}", f"{b.flip_flops:,}", f"{b.memory_bits:,}", f"{b.levels}") for b in others]
    print_table([HEADING, *((block.name, *row) for block, row in zip(others, cells, strict=True))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
