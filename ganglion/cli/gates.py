"""``ganglion gates``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import app
from ganglion.cli.options import (
    Contexts,
    Cores,
    ElementWidth,
    Json,
    Lanes,
    OptionalPreset,
    Slices,
    as_config,
    config_json,
)
from ganglion.cli.output import print_json, print_table, steps

CLAIMED_PRESET = "core"
"""What the claims were made for."""


@app.command(epilog="Example: ganglion gates --preset core --liberty osu018.lib")
def gates(
    preset: OptionalPreset = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="The spiking units and a slice (of core by default) beside the claims.")
    ] = False,
    liberty: Annotated[
        Path | None, typer.Option("--liberty", help="A Liberty cell library; the project's unit library by default.")
    ] = None,
    cores: Cores = None,
    slices: Slices = None,
    lanes: Lanes = None,
    element_width: ElementWidth = None,
    contexts: Contexts = None,
    json: Json = False,
) -> None:
    """Count an array's gates block by block: gate equivalents (NAND2 = 1), memory bits, flip-flops, longest path.

    With --claims every spiking unit is synthesised on its own, and set beside the gates that were claimed for it.
    """
    if preset is None and not claims:
        raise typer.BadParameter("an array to count, or --claims, is needed", param_hint="'--preset'")
    name = CLAIMED_PRESET if preset is None else preset
    changes = {"cores": cores, "slices": slices, "lanes": lanes, "element_width": element_width, "contexts": contexts}
    config = as_config(name, **changes)
    if claims:
        from ganglion.gates.claims import measure_claims

        with steps() as progress:
            found = measure_claims(config, liberty=liberty, progress=progress)
        if json:
            print_json(found.as_dict() | {"config": config_json(config)})
        else:
            heading, *rows = found.rows()
            print_table(f"gates beside the claims, library {found.library} (NAND2 = 1)", heading, rows)
        return
    from ganglion.gates import count_gates

    with steps() as progress:
        report = count_gates(config, liberty=liberty, progress=progress)
    if json:
        print_json(report.as_dict())
    else:
        heading, *rows = report.rows()
        print_table(f"gates of {config}, library {report.library} (NAND2 = 1)", heading, rows)
