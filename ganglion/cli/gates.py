"""``ganglion gates``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Cores, ElementWidth, Json, Lanes, RequiredPreset, Slices, as_config
from ganglion.cli.output import print_json, print_table, steps


@app.command(epilog="Example: ganglion gates --preset core --liberty osu018.lib")
def gates(
    preset: RequiredPreset,
    liberty: Annotated[
        Path | None, typer.Option("--liberty", help="A Liberty cell library; the project's unit library by default.")
    ] = None,
    cores: Cores = None,
    slices: Slices = None,
    lanes: Lanes = None,
    element_width: ElementWidth = None,
    json: Json = False,
) -> None:
    """Count an array's gates block by block: gate equivalents (NAND2 = 1), memory bits, flip-flops, longest path."""
    config = as_config(preset, cores=cores, slices=slices, lanes=lanes, element_width=element_width)
    from ganglion.gates import count_gates

    with steps() as progress:
        report = count_gates(config, liberty=liberty, progress=progress)
    if json:
        print_json(report.as_dict())
    else:
        heading, *rows = report.rows()
        print_table(f"gates of {config}, library {report.library} (NAND2 = 1)", heading, rows)
