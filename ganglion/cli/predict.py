"""``ganglion predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json, TextColumns, as_columns
from ganglion.cli.output import print_json

if TYPE_CHECKING:
    from ganglion.text import TextClassifier

N_ROWS = 1024
STANDARD_INPUT = "-"


@app.command(epilog="Example: ganglion predict model.gang --text 'oil prices rise' --explain")
def predict(
    model: Annotated[Path, typer.Argument(help="The file of a trained model.", metavar="MODEL")],
    file: Annotated[str, typer.Argument(help="CSV, plain or gzip; - is standard input.", metavar="FILE")] = "-",
    text: Annotated[list[str] | None, typer.Option("--text", help="Classify this one; may be repeated.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of FILE is a text, not CSV.")] = False,
    text_columns: TextColumns = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each word and pair of words adds.")] = False,
    json: Json = False,
) -> None:
    """Classify texts with a trained model: one line with the class for each text, as soon as it is read.

    A text without a known word is of the first class.
    """
    from ganglion.text import load_model

    classifier = load_model(model)
    if text and file != STANDARD_INPUT:
        raise ValueError(f"--text and the file {file} exclude each other")
    if text and (lines or text_columns is not None):
        raise ValueError("--text excludes --lines and --text-columns, which are a file's")
    blocks = iter([text]) if text else _blocks(file, lines, text_columns)
    if json:
        print_json({"classes": list(classifier.classes), "predictions": list(_found(classifier, blocks, explain))})
        return
    for texts in blocks:
        for found in _found(classifier, [texts], explain):
            print(found["class"])
            for entry in found.get("explain", ()):
                shown = "  ".join(
                    f"{name} {weight:+g}"
                    for name, weight in zip(classifier.classes, entry["weights"], strict=True)
                    if weight
                )
                print(f"    {entry['text']}: {shown}")
        sys.stdout.flush()


def _blocks(file: str, lines: bool, text_columns: str | None) -> Iterator[list[str]]:
    """The texts of a file or of standard input, some at a time."""
    from ganglion.text import row_blocks, text_lines

    source = cast(BufferedIOBase, sys.stdin.buffer) if file == STANDARD_INPUT else Path(file)
    if lines:
        if text_columns is not None:
            raise ValueError(f"--lines and --text-columns {text_columns} exclude each other")
        return text_lines(source)
    columns = as_columns(None, text_columns)
    return (rows.texts for rows in row_blocks(source, columns, n_rows=N_ROWS, labelled=False))


def _found(classifier: TextClassifier, blocks: Iterable[list[str]], explain: bool) -> Iterator[dict[str, Any]]:
    """For each text its class and the scores of all, and what they come from."""
    for texts in blocks:
        scores = classifier.scores(texts)
        for text, row, winner in zip(texts, scores.tolist(), scores.argmax(1).tolist(), strict=True):
            found: dict[str, Any] = {"class": classifier.classes[winner], "scores": row}
            if explain:
                found["explain"] = [{"text": part, "weights": weights} for part, weights in classifier.explain(text)]
            yield found
