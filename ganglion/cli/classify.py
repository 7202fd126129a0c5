"""``ganglion classify``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json, ModelSeed, ModelSize, checked_output
from ganglion.cli.output import steps


@app.command(epilog="Example: ganglion classify ag_news --json")
def classify(
    dataset: Annotated[str, typer.Argument(help="The data set: ag_news or dbpedia.", metavar="DATASET")],
    method: Annotated[str, typer.Option("--method", help="How: compact or neuronguard.")] = "compact",
    train: Annotated[Path | None, typer.Option("--train", help="Training rows: CSV, plain or gzip.")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Test rows: CSV, plain or gzip.")] = None,
    size: ModelSize = None,
    seed: ModelSeed = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the model to this file.")] = None,
    json: Json = False,
) -> None:
    """Train a text classifier on a data set, classify its test rows, and say how many were right.

    Files are looked for in the folder GANGLION_DATA, or given by --train and --test: with a header (label; title and
    description or text), or as published (class, title, description). Labels count from 0 or from 1.
    """
    from ganglion.cli.accuracy import confusion_of, show_accuracy
    from ganglion.text import as_dataset, as_method, class_numbers, fit_options, read_rows, write_model

    data, classifier = as_dataset(dataset), as_method(method)
    given = fit_options(method, size=size, seed=seed)
    train = data.find("train") if train is None else train
    test = data.find("test") if test is None else test
    if output is not None:
        checked_output(output, train, test)
    with steps() as progress:
        started = time.perf_counter()
        progress(f"reading {train}")
        rows = read_rows(train)
        labels = class_numbers(rows, data.classes)
        if (labels == labels[0]).all():
            raise ValueError(f"{train}: all {len(labels):,} rows are of class {data.classes[labels[0]]}")
        read = time.perf_counter()
        options = {**data.options.get(method, {}), **given}
        model = classifier.fit(rows.texts, labels, data.classes, progress=progress, **options)
        content = model.to_bytes()
        if output is not None:
            write_model(output, content)
        trained = time.perf_counter()
        progress(f"reading {test}")
        asked = read_rows(test)
        truth = class_numbers(asked, data.classes)
        progress(f"classifying {len(truth):,} test texts")
        confusion, seconds = confusion_of(model, asked.texts, truth)
    facts: dict[str, Any] = {
        "train_rows": len(labels),
        "model_bytes": len(content),
        **model.facts(),
        "read_seconds": read - started,
        "train_seconds": trained - started,
        "predict_seconds": seconds,
        "texts_per_second": len(truth) / seconds,
        "dataset": dataset,
        "method": method,
    }
    if output is not None:
        facts["output"] = str(output)
    show_accuracy(f"{data.title}: {method}", data.classes, confusion, facts, json=json)
