"""The application: its verbs, and what they raise when a check fails."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

__all__ = ["VERBS", "CheckFailed", "app"]

app = typer.Typer(
    name="ganglion",
    help="A neuromorphic vector-search processor: search with it, check it, count its gates, build it.",
    epilog="Example: ganglion demo --quick",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class CheckFailed(Exception):
    """A check failed: exit status 1. The message goes to standard error, if there is one."""


def _version(wanted: bool) -> None:
    if wanted:
        from ganglion import __version__

        print(f"ganglion {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """A neuromorphic vector-search processor: search with it, check it, count its gates, build it."""


VERBS = (
    *("build", "classify", "cosim", "demo", "gates", "page", "predict", "raster", "rhythm", "router", "search"),
    *("train", "update", "verilog", "wasm"),
)
# They register themselves.
for _verb in VERBS:
    importlib.import_module(f"ganglion.cli.{_verb}")
