"""``ganglion build``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, steps


@app.command(epilog="Example: ganglion build icebreaker --out build/icebreaker")
def build(
    board: Annotated[
        str,
        typer.Argument(
            help="icebreaker, icebreaker-snn (with neurons) or icebreaker-events (classifiers).", metavar="BOARD"
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the bitstream and reports; build/BOARD by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Synthesise, place and route a design for its board: a bitstream, with its timing and utilisation."""
    from boards.build import build as build_board

    with steps() as progress:
        report = build_board(board, Path("build") / board if out is None else out, progress=progress)
    facts = {name: value for name, value in plain(asdict(report)).items() if value is not None}
    if json:
        print_json(facts)
    else:
        print_facts(f"build {board}", [(name.replace("_", " "), value) for name, value in facts.items()])


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The values with paths as text, for JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
