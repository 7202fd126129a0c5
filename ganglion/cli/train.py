"""``ganglion train`` and ``ganglion evaluate``: text classifiers from CSV files of one's own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json, LabelColumn, ModelSeed, ModelSize, TextColumns, as_columns, checked_output
from ganglion.cli.output import print_facts, print_json, steps


@app.command(
    epilog="Example: ganglion train --train mails.csv --text-columns subject,body --label-column folder -o a.gang"
)
def train(
    train: Annotated[Path, typer.Option("--train", help="Training rows: CSV, plain or gzip.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Write the model to this file.")],
    text_columns: TextColumns = None,
    label_column: LabelColumn = None,
    method: Annotated[str, typer.Option("--method", help="How: compact or neuronguard.")] = "compact",
    size: ModelSize = None,
    seed: ModelSeed = None,
    json: Json = False,
) -> None:
    """Train a text classifier on a CSV file and save it.

    The classes are the labels of the file. Without --text-columns and --label-column the columns are found by their
    names, or a file without a header is taken as label, then text.
    """
    from ganglion.text import as_method, class_names, class_numbers, fit_options, read_rows, write_model

    classifier, options = as_method(method), fit_options(method, size=size, seed=seed)
    checked_output(output, train)
    with steps() as progress:
        started = time.perf_counter()
        progress(f"reading {train}")
        rows = read_rows(train, as_columns(label_column, text_columns))
        classes = class_names(rows)
        read = time.perf_counter()
        model = classifier.fit(rows.texts, class_numbers(rows, classes), classes, progress=progress, **options)
        content = model.to_bytes()
        write_model(output, content)
        trained = time.perf_counter()
    facts: dict[str, Any] = {
        "output": str(output),
        "method": method,
        "train_rows": len(rows.texts),
        "n_classes": len(classes),
        "model_bytes": len(content),
        **model.facts(),
        "read_seconds": read - started,
        "train_seconds": trained - started,
    }
    if json:
        print_json(facts | {"classes": classes})
    else:
        print_facts(f"trained on {train}", [(name.replace("_", " "), value) for name, value in facts.items()])


@app.command(epilog="Example: ganglion evaluate model.gang test.csv")
def evaluate(
    model: Annotated[Path, typer.Argument(help="The file of a trained model.", metavar="MODEL")],
    test: Annotated[Path, typer.Argument(help="Test rows: CSV, plain or gzip.", metavar="FILE")],
    text_columns: TextColumns = None,
    label_column: LabelColumn = None,
    json: Json = False,
) -> None:
    """Classify labelled rows with a trained model and say how many were right."""
    from ganglion.cli.accuracy import confusion_of, show_accuracy
    from ganglion.text import class_numbers, load_model, read_rows

    classifier = load_model(model)
    with steps() as progress:
        progress(f"reading {test}")
        rows = read_rows(test, as_columns(label_column, text_columns))
        truth = class_numbers(rows, classifier.classes)
        progress(f"classifying {len(truth):,} texts")
        confusion, seconds = confusion_of(classifier, rows.texts, truth)
    facts = {
        "model_bytes": model.stat().st_size,
        **classifier.facts(),
        "predict_seconds": seconds,
        "texts_per_second": len(truth) / seconds,
        "method": classifier.method,
    }
    show_accuracy(f"{model} on {test}", classifier.classes, confusion, facts, json=json)
