"""``ganglion raster``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ganglion.cli.app import CheckFailed, app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, steps
from ganglion.device_checks import as_choice
from ganglion.files import write_atomically

SUFFIXES = (".png", ".html", ".svg")


@app.command(epilog="Example: ganglion raster docs/examples/glimpses.toml -o glimpses.html")
def raster(
    description: Annotated[Path, typer.Argument(metavar="FILE", help="The network and its inputs: .toml or .json.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw to this .png, .html or .svg file.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="golden (fixed point), float32, or sim (the hardware, compared).")
    ] = "golden",
    json: Json = False,
) -> None:
    """Run a spiking network from a description and draw spikes, membranes, thresholds, oscillator phase and rates.

    With --engine sim the hardware's units run in simulation, and every field of every neuron is compared with the
    golden network after every tick: exit status 1 if one differs. The keys of a description: docs/raster.md.
    """
    from ganglion.raster import ENGINES, load_description, run_network

    as_choice("engine", engine, ENGINES)
    if output is not None:
        if output.suffix not in SUFFIXES:
            raise ValueError(f"--output {output}: the name must end in {', '.join(SUFFIXES)}")
        if not output.parent.is_dir():
            raise ValueError(f"--output {output}: there is no folder {output.parent}")
    with steps() as progress:
        network = load_description(description)
        recording = run_network(network, engine, progress=progress, advance=progress.advance)
        if output is not None:
            progress("drawing")
            write_atomically(output, _drawn(recording, output.suffix, str(description)))
    facts = recording.figures() | {"description": str(description)}
    if output is not None:
        facts["output"] = str(output)
    if json:
        print_json(facts)
    else:
        del facts["rates"]
        print_facts(network.title or "raster", [(name.replace("_", " "), value) for name, value in facts.items()])
    if recording.mismatches:
        raise CheckFailed(f"mismatch: {recording.first_mismatch}")


def _drawn(recording: Any, suffix: str, source: str) -> bytes:
    """The picture or the page."""
    from ganglion.report.raster_figure import raster_png, raster_svg
    from ganglion.report.raster_page import raster_page

    if suffix == ".png":
        return raster_png(recording)
    return (raster_svg(recording) if suffix == ".svg" else raster_page(recording, source)).encode()
