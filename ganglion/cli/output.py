"""What the verbs print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["Steps", "error_types", "print_facts", "print_json", "print_table", "show_error", "steps"]

QUIET_SECONDS = 1.0
"""Steps shorter than this leave no line where standard error is no terminal."""


def error_types() -> tuple[type[BaseException], ...]:
    """The errors that a user can do something about: they become a message and exit status 2."""
    from boards.tools import BuildError
    from ganglion.backends import BackendError
    from ganglion.engine import EngineError
    from ganglion.gates import NetlistError
    from hw.verilog import VerilogError

    tools = (BuildError, EngineError, NetlistError, VerilogError)
    return (ValueError, TypeError, OSError, MemoryError, ImportError, BackendError, *tools)


def show_error(message: str) -> None:
    """One message on standard error."""
    with suppress(OSError):  # nowhere left to say it: the exit status does
        print(f"ganglion: {message}", file=sys.stderr, flush=True)


def print_json(values: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(values, allow_nan=False))


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """A table of names and values."""
    print_table(title, ("", ""), list(facts), show_header=False)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, show_header: bool = True
) -> None:
    """A table; columns behind the first are aligned to the right."""
    table = Table(title=title, title_justify="left", show_header=show_header)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(value) for value in row))
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=160)
    console.print(table, highlight=False, markup=False)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


class Steps:
    """Progress on standard error: what is being done, for how long, and how far it is.

    On a terminal a line that changes; elsewhere a line of text when a step begins and when a slow one has ended.
    Calling it with a text begins a step.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("starting", total=None)
        self._text = ""
        self._started = time.monotonic()
        self._said = 0.0

    def __call__(self, text: str) -> None:
        self._end()
        self._text, self._started, self._said = text, time.monotonic(), time.monotonic()
        if self._progress is not None and self._task is not None:
            self._progress.reset(self._task, description=text, total=None)
        else:
            print(text, file=sys.stderr, flush=True)

    def advance(self, done: int, total: int | None = None) -> None:
        """The step has done ``done`` of ``total`` pieces."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)
        elif time.monotonic() - self._said >= 10:
            self._said = time.monotonic()
            print(f"{self._text}: {done:,}{f' of {total:,}' if total else ''}", file=sys.stderr, flush=True)

    def _end(self) -> None:
        took = time.monotonic() - self._started
        if self._progress is None and self._text and took >= QUIET_SECONDS:
            print(f"{self._text}: done in {took:.1f} s", file=sys.stderr, flush=True)
        self._text = ""


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress for the length of a ``with`` block."""
    console = Console(stderr=True)
    if not console.is_terminal:
        shown = Steps(None)
        yield shown
        shown._end()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        yield Steps(progress)
