"""How well a text classifier did: the figures and the confusion matrix, as ``classify`` and ``evaluate`` show them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.cli.output import print_facts, print_json, print_table
from ganglion.text import TextClassifier

__all__ = ["confusion_of", "show_accuracy"]

MAX_NAMED_COLUMNS = 5
"""Columns of more classes are numbered: their names would not fit."""


def confusion_of(
    model: TextClassifier, texts: Sequence[str], truth: NDArray[np.integer]
) -> tuple[NDArray[np.int64], float]:
    """How often each class [actual, predicted] was given, and the seconds that it took."""
    begun = time.perf_counter()
    predicted = model.predict(texts)
    seconds = time.perf_counter() - begun
    confusion = np.zeros((len(model.classes), len(model.classes)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    return confusion, seconds


def show_accuracy(
    title: str,
    classes: Sequence[str],
    confusion: NDArray[np.int64],
    facts: Mapping[str, Any],
    *,
    json: bool,
) -> None:
    """Prints accuracy, ``facts`` and the matrix, as tables or as one JSON object."""
    correct, total = int(confusion.trace()), int(confusion.sum())
    values: dict[str, Any] = {"accuracy": correct / total, "correct": correct, "total": total, **facts}
    if json:
        print_json(values | {"classes": list(classes), "confusion": confusion.tolist()})
        return
    values["accuracy"] = f"{correct / total:.2%} ({correct}/{total})"
    print_facts(title, [(name.replace("_", " "), value) for name, value in values.items()])
    numbered = len(classes) > MAX_NAMED_COLUMNS
    columns = [str(number) if numbered else name for number, name in enumerate(classes)]
    names = [f"{number} {name}" if numbered else name for number, name in enumerate(classes)]
    rows = [(name, *row) for name, row in zip(names, confusion.tolist(), strict=True)]
    print_table("actual (rows) and predicted (columns)", ("", *columns), rows)
