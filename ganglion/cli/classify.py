"""``ganglion classify``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, print_table, steps


@app.command(epilog="Example: ganglion classify ag_news --json")
def classify(
    dataset: Annotated[str, typer.Argument(help="The data set: ag_news or dbpedia.", metavar="DATASET")],
    method: Annotated[str, typer.Option("--method", help="How: compact or neuronguard.")] = "compact",
    train: Annotated[Path | None, typer.Option("--train", help="Training rows: CSV, plain or gzip.")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Test rows: CSV, plain or gzip.")] = None,
    size: Annotated[int | None, typer.Option("--size", help="Bytes of the compact model, 4096 to 262144.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the compact model's training.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the model to this file.")] = None,
    json: Json = False,
) -> None:
    """Train a text classifier on a data set, classify its test rows, and say how many were right.

    Files are looked for in the folder GANGLION_DATA, or given by --train and --test: with a header (label; title and
    description or text), or as published (class, title, description). Labels count from 0 or from 1.
    """
    from ganglion.text import CompactClassifier, as_dataset, as_method, class_numbers, read_rows, write_model

    data, classifier = as_dataset(dataset), as_method(method)
    given = {name: value for name, value in (("size", size), ("seed", seed)) if value is not None}
    if given and method != CompactClassifier.method:
        raise ValueError(f"--{next(iter(given))} is for the method {CompactClassifier.method}, not {method}")
    train = data.find("train") if train is None else train
    test = data.find("test") if test is None else test
    if output is not None and not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}")
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
        begun = time.perf_counter()
        predicted = model.predict(asked.texts)
        ended = time.perf_counter()
    confusion = np.zeros((len(data.classes), len(data.classes)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    correct = int(confusion.trace())
    facts: dict[str, Any] = {
        "accuracy": correct / len(truth),
        "correct": correct,
        "total": len(truth),
        "train_rows": len(labels),
        "model_bytes": len(content),
        **model.facts(),
        "read_seconds": read - started,
        "train_seconds": trained - started,
        "predict_seconds": ended - begun,
        "texts_per_second": len(truth) / (ended - begun),
        "dataset": dataset,
        "method": method,
    }
    if output is not None:
        facts["output"] = str(output)
    if json:
        print_json(facts | {"classes": list(data.classes), "confusion": confusion.tolist()})
        return
    facts["accuracy"] = f"{correct / len(truth):.2%} ({correct}/{len(truth)})"
    print_facts(f"{data.title}: {method}", [(name.replace("_", " "), value) for name, value in facts.items()])
    # Columns of many classes are numbered: their names would not fit.
    numbered = len(data.classes) > 5
    columns = [str(number) if numbered else name for number, name in enumerate(data.classes)]
    names = [f"{number} {name}" if numbered else name for number, name in enumerate(data.classes)]
    confused = [(name, *row) for name, row in zip(names, confusion.tolist(), strict=True)]
    print_table("actual (rows) and predicted (columns)", ("", *columns), confused)
