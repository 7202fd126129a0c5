"""``ganglion update``."""

from __future__ import annotations

import sys
import time
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json, LabelColumn, TextColumns, as_columns
from ganglion.cli.output import print_facts, print_json, steps

if TYPE_CHECKING:
    from ganglion.text import Rows

STANDARD_INPUT = "-"


@app.command(epilog="Example: ganglion update model.gang --label spam --text 'win a prize'")
def update(
    model: Annotated[Path, typer.Argument(help="The file of a trained model.", metavar="MODEL")],
    file: Annotated[
        str, typer.Argument(help="Labelled CSV, plain or gzip; - is standard input.", metavar="FILE")
    ] = "-",
    text: Annotated[list[str] | None, typer.Option("--text", help="Learn this one; may be repeated.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="The class of what --text gives.")] = None,
    text_columns: TextColumns = None,
    label_column: LabelColumn = None,
    workers: Annotated[int, typer.Option("--workers", help="Threads; the result is the same for any number.")] = 1,
    json: Json = False,
) -> None:
    """Teach a trained model further rows, one after the other; its file keeps its size.

    All rows are learnt, or none. Other updates of the same model wait meanwhile. Beside a compact model lies a file
    MODEL.learning that later updates go on from.
    """
    from ganglion.text import class_numbers, load_model, update_file

    if (text is None) != (label is None):
        raise ValueError("--text and --label belong together")
    if text and (file != STANDARD_INPUT or text_columns is not None or label_column is not None):
        raise ValueError("--text excludes a file and its columns")
    before = load_model(model)
    with steps() as progress:
        if text and label is not None:
            rows, truth = _given(text, label, before.classes)
        else:
            progress(f"reading {'standard input' if file == STANDARD_INPUT else file}")
            rows = _read(file, label_column, text_columns)
            truth = class_numbers(rows, before.classes)
        progress(f"learning {len(truth):,} texts")
        begun = time.perf_counter()
        after = update_file(model, rows.texts, truth, workers=workers, classes=before.classes)
        seconds = time.perf_counter() - begun
        facts: dict[str, Any] = {
            "output": str(model),
            "method": after.method,
            "rows": len(truth),
            "correct_before": int((before.predict(rows.texts) == truth).sum()),
            "correct_after": int((after.predict(rows.texts) == truth).sum()),
            "model_bytes": model.stat().st_size,
            "update_seconds": seconds,
        }
    if json:
        print_json(facts | {"classes": list(after.classes)})
    else:
        print_facts(f"{model} updated", [(name.replace("_", " "), value) for name, value in facts.items()])


def _given(texts: list[str], label: str, classes: tuple[str, ...]) -> tuple[Rows, np.ndarray]:
    """Rows and classes of ``--text`` and ``--label``, which is a name. Raises ValueError."""
    from ganglion.text import Rows

    names = [name.casefold() for name in classes]
    if label.strip().casefold() not in names:
        raise ValueError(f"--label {label!r} is none of {', '.join(classes)}")
    number = names.index(label.strip().casefold())
    return Rows("--text", None, [label] * len(texts), texts), np.full(len(texts), number)


def _read(file: str, label_column: str | None, text_columns: str | None) -> Rows:
    from ganglion.text import read_rows

    source = cast(BufferedIOBase, sys.stdin.buffer) if file == STANDARD_INPUT else Path(file)
    return read_rows(source, as_columns(label_column, text_columns))
