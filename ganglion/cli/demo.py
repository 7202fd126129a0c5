"""``ganglion demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import CheckFailed, app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, print_table, steps


@app.command(epilog="Example: ganglion demo --quick")
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report and the bitstream.")] = Path("build"),
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the bitstream.")] = False,
    json: Json = False,
) -> None:
    """Show everything once: digits in a simulated array, checked against the model; bitstream; gates; a report.

    1,500 handwritten digits go over the AXI4-Lite bus into a simulated array, the other 297 are searched, and every
    result and cycle count is compared with the golden model. Exit status 1 if one differs.
    """
    from ganglion.demo import run_demo

    with steps() as progress:
        result = run_demo(out, quick=quick, progress=progress)
    if json:
        print_json(result.as_dict())
    else:
        print_facts("demo", result.facts())
        if result.build is not None:
            print_facts("bitstream", [(n.replace("_", " "), v) for n, v in result.build.items()])
        heading, *rows = result.gate_rows
        print_table("gates (NAND2 = 1)", heading, rows)
        print(f"report: {result.report}")
    if result.mismatches:
        raise CheckFailed(f"{result.mismatches} results or cycle counts differ from the golden model")
