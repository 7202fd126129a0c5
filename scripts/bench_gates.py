#!/usr/bin/env python3
"""Gate counts of presets, block by block, and how much the block boundaries cost.

Example: python scripts/bench_gates.py core up5k --flat --json > gates.json
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganglion.engine import EngineError
from ganglion.gates import LibraryError, NetlistError, count_gates, flat_slice_gates
from golden.spec import PRESETS, ConfigError, preset


def progress(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def measure(name: str, liberty: Path | None, flat: bool) -> dict[str, Any]:
    """The report of one preset as plain values, with its rows and the seconds it took."""
    config = preset(name)
    started = time.perf_counter()
    report = count_gates(config, liberty=liberty, progress=lambda text: progress(f"{name}: {text}"))
    result: dict[str, Any] = {"preset": name, "seconds": time.perf_counter() - started} | report.as_dict()
    result["rows"] = report.rows()
    if flat:
        progress(f"{name}: the slice without block boundaries")
        whole = flat_slice_gates(config, liberty=liberty, progress=progress)
        result["flat_slice"] = whole.as_dict()
        result["flat_ratio"] = whole.gates / report.slice.gates
    return result


def print_table(result: dict[str, Any]) -> None:
    """One preset as a Markdown table."""
    print(f"\n{result['preset']} ({result['library']}, NAND2 = {result['nand2_area']:g}; {result['seconds']:.0f} s)\n")
    heading, *rows = result["rows"]
    print("| " + " | ".join(heading) + " |")
    print("|---|" + "--:|" * (len(heading) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    if "flat_ratio" in result:
        gates = result["flat_slice"]["gates"]
        print(f"\nThe slice without block boundaries: {gates:,.0f} gates, {result['flat_ratio']:.3f} of the sum.")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Gate equivalents, memory bits, flip-flops and levels of presets.",
        epilog="example: python scripts/bench_gates.py core array256 --flat",
    )
    parser.add_argument("presets", nargs="*", default=["core", "up5k", "array256"], help=", ".join(PRESETS))
    parser.add_argument("--liberty", type=Path, help="a Liberty file instead of the project's unit library")
    parser.add_argument("--flat", action="store_true", help="also synthesise the slice without block boundaries")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    options = parser.parse_args(argv)
    try:
        results = [measure(name, options.liberty, options.flat) for name in options.presets]
    except (ConfigError, LibraryError, NetlistError, EngineError) as problem:
        parser.error(str(problem))
    if options.json:
        print(json.dumps({"presets": results}, indent=1))
    else:
        for result in results:
            print_table(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
