#!/usr/bin/env python3
"""The text classifiers beside scikit-learn's: accuracy, size, time and memory, all measured in the same run.

Example: python scripts/bench_classify.py ag_news --repeats 3

Training time goes from opening the gzip CSV to the saved model. Each classifier runs in a process of its own, so that
peak memory is its own too. scikit-learn's: hashed words (2**18 features) with SGD (hinge loss) or with multinomial
naive Bayes, the model saved as a pickle.

Three more tables are of the compact model, each over several seeds. Its settings, chosen on training rows held out (the
last fifth; trained on the rest): accuracy there as they are and with one changed. Sizes: accuracy held out, and on the
test rows when trained on all others. On-line learning: trained on the first part of the rows, then taught the others up
to the fifth that is held out, which all its figures are of; beside a training on all of them.
"""

import argparse
import json
import multiprocessing
import pickle
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline

from ganglion.text import (
    DATASETS,
    METHODS,
    CompactClassifier,
    Dataset,
    as_dataset,
    class_numbers,
    load_model,
    read_rows,
    write_model,
)
from ganglion.text.compact_training import Recipe

N_BATCH = 100_000
N_SINGLE = 2000
N_LOADS = 200
SIZES = (4096, 8192, 16384, 32768)
HELD_OUT = 5
"""One training row in so many is held out for validation."""
CHOICES: dict[str, tuple[Any, ...]] = {
    "frequency": (0.0, 0.3),
    "epochs": (8, 16),
    "rate": (0.05, 0.2),
    "decay": (2e-5, 1e-4),
    "load": (0.90, 0.98),
    "least": (3,),
}
"""Settings of the training, one changed at a time."""
PARTS = (32, 8, 2)
"""On-line learning starts from one in so many of the rows."""
ALTERNATIVES: dict[str, Callable[[], Pipeline]] = {
    "sklearn hashing + SGD": lambda: make_pipeline(
        HashingVectorizer(n_features=1 << 18, alternate_sign=False), SGDClassifier(random_state=0)
    ),
    "sklearn hashing + naive Bayes": lambda: make_pipeline(
        HashingVectorizer(n_features=1 << 18, alternate_sign=False, norm=None), MultinomialNB()
    ),
}


def training_rows(dataset: Dataset) -> tuple[list[str], NDArray[np.int64]]:
    """Texts and classes of the training file."""
    rows = read_rows(dataset.find("train"))
    return rows.texts, class_numbers(rows, dataset.classes)


def train_own(dataset: Dataset, method: str, path: Path) -> Any:
    """Trains one of the project's classifiers from the file and saves it."""
    texts, labels = training_rows(dataset)
    model = METHODS[method].fit(texts, labels, dataset.classes, **dataset.options.get(method, {}))
    write_model(path, model.to_bytes())
    return model


def train_other(dataset: Dataset, method: str, path: Path) -> Any:
    """Trains one of scikit-learn's from the same file and saves it."""
    texts, labels = training_rows(dataset)
    model = ALTERNATIVES[method]().fit(texts, labels)
    path.write_bytes(pickle.dumps(model))
    return model


def unpickle(path: Path) -> Any:
    """A saved scikit-learn model."""
    return pickle.loads(path.read_bytes())


def seconds_of(action: Callable[[], Any]) -> float:
    """How long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(name: str, method: str, repeats: int) -> dict[str, Any]:
    """All figures of one classifier on one data set."""
    dataset, own = as_dataset(name), method in METHODS
    train, load = (train_own, load_model) if own else (train_other, unpickle)
    test = read_rows(dataset.find("test"))
    truth = class_numbers(test, dataset.classes)
    batch = (test.texts * (N_BATCH // len(test.texts) + 1))[:N_BATCH]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        trained = [seconds_of(lambda: train(dataset, method, path)) for _ in range(repeats)]
        loads = [seconds_of(lambda: load(path)) for _ in range(N_LOADS if own else 5)]
        model = load(path)
        correct = int((model.predict(test.texts) == truth).sum())
        predicted = [seconds_of(lambda: model.predict(batch)) for _ in range(repeats)]
        singles = [seconds_of(lambda text=text: model.predict([text])) for text in test.texts[:N_SINGLE]]  # type: ignore[misc]
        return {
            "data": name,
            "method": method,
            "accuracy": correct / len(truth),
            "model_bytes": path.stat().st_size,
            "train_seconds": min(trained),
            "train_seconds_median": statistics.median(trained),
            "load_ms": 1e3 * statistics.median(loads),
            "texts_per_second": len(batch) / min(predicted),
            "single_p50_us": 1e6 * float(np.percentile(singles, 50)),
            "single_p99_us": 1e6 * float(np.percentile(singles, 99)),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def split_rows(name: str) -> tuple[Dataset, list[str], NDArray[np.int64], int]:
    """A data set, texts and classes of its training file, and where the rows that are held out begin."""
    dataset = as_dataset(name)
    texts, labels = training_rows(dataset)
    return dataset, texts, labels, len(texts) - len(texts) // HELD_OUT


def measure_choices(name: str, n_seeds: int) -> list[dict[str, Any]]:
    """Accuracy on the rows held out, as the settings are and with one of them changed: mean and spread."""
    dataset, texts, labels, end = split_rows(name)
    usual = Recipe()
    named = [("as it is", "", usual)]
    named += [(key, f"{value:g}", replace(usual, **{key: value})) for key, few in CHOICES.items() for value in few]
    rows = []
    for setting, value, recipe in named:
        found = []
        for seed in range(n_seeds):
            model = CompactClassifier.fit(texts[:end], labels[:end], dataset.classes, seed=seed, recipe=recipe)
            found.append(float((model.predict(texts[end:]) == labels[end:]).mean()))
        rows.append(
            {"data": name, "setting": setting, "value": value, "seeds": n_seeds}
            | {"validation_accuracy": statistics.mean(found), "validation_spread": max(found) - min(found)}
        )
    return rows


def measure_online(name: str, n_seeds: int) -> list[dict[str, Any]]:
    """Accuracy on the rows held out: after training on a part, after teaching the rest, and after training on all."""
    dataset, texts, labels, end = split_rows(name)
    rows = []
    for part in PARTS:
        start, found = end // part, []
        for seed in range(n_seeds):
            model = CompactClassifier.fit(texts[:start], labels[:start], dataset.classes, seed=seed)
            accuracies = [float((model.predict(texts[end:]) == labels[end:]).mean())]
            seconds = []
            for _ in range(2):
                seconds.append(seconds_of(lambda: model.update(texts[start:end], labels[start:end])))  # noqa: B023
                accuracies.append(float((model.predict(texts[end:]) == labels[end:]).mean()))
            whole = CompactClassifier.fit(texts[:end], labels[:end], dataset.classes, seed=seed)
            accuracies.append(float((whole.predict(texts[end:]) == labels[end:]).mean()))
            found.append((*accuracies, (end - start) / min(seconds), len(model.to_bytes())))
        means = [statistics.mean(column) for column in zip(*found, strict=True)]
        names = ("accuracy_trained", "accuracy_taught", "accuracy_taught_twice", "accuracy_trained_on_all")
        rows.append(
            {"data": name, "trained_on": f"1/{part}", "rows": start, "rows_taught": end - start, "seeds": n_seeds}
            | dict(zip(names, means, strict=False))
            | {"rows_per_second": means[4], "model_bytes": max(column[5] for column in found)}
        )
    return rows


def measure_sizes(name: str, sizes: Sequence[int], n_seeds: int) -> list[dict[str, Any]]:
    """The compact model of each size: accuracy held out and on the test rows, mean and spread over the seeds."""
    dataset, texts, labels, end = split_rows(name)
    test = read_rows(dataset.find("test"))
    truth = class_numbers(test, dataset.classes)
    rows = []
    for size in sizes:
        held_out, tested, n_bytes = [], [], []
        for seed in range(n_seeds):
            part = CompactClassifier.fit(texts[:end], labels[:end], dataset.classes, size=size, seed=seed)
            held_out.append(float((part.predict(texts[end:]) == labels[end:]).mean()))
            whole = CompactClassifier.fit(texts, labels, dataset.classes, size=size, seed=seed)
            tested.append(float((whole.predict(test.texts) == truth).mean()))
            n_bytes.append(len(whole.to_bytes()))
        rows.append(
            {
                "data": name,
                "method": CompactClassifier.method,
                "model_bytes": max(n_bytes),
                "seeds": n_seeds,
                "validation_accuracy": statistics.mean(held_out),
                "validation_spread": max(held_out) - min(held_out),
                "accuracy": statistics.mean(tested),
                "accuracy_lowest": min(tested),
                "accuracy_highest": max(tested),
            }
        )
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Rows as a Markdown table."""
    print("| " + " | ".join(key.replace("_", " ") for key in rows[0]) + " |")
    print("|---|---|" + "--:|" * (len(rows[0]) - 2))
    for row in rows:
        print("| " + " | ".join(_shown(key, value) for key, value in row.items()) + " |")


def _shown(key: str, value: Any) -> str:
    if "accuracy" in key or "spread" in key:
        return f"{value:.2%}"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Text classifiers beside scikit-learn's, in the same run.",
        epilog="example: python scripts/bench_classify.py ag_news",
    )
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=f"{', '.join(DATASETS)}; all of them by default")
    parser.add_argument("--repeats", type=int, default=3, help="times of which the shortest is reported")
    parser.add_argument(
        "--seeds", type=int, default=3, help="seeds of the tables of the compact model; 0 leaves them out"
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="bytes, separated by commas")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of a table")
    options = parser.parse_args(argv)
    names = options.datasets or list(DATASETS)
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, not {options.repeats}")
    rows: list[dict[str, Any]] = []
    tables: dict[str, list[dict[str, Any]]] = {"settings": [], "sizes": [], "online": []}
    try:
        sizes = [int(size) for size in options.sizes.split(",")]
        for name in names:
            as_dataset(name).find("train")
            as_dataset(name).find("test")
    except (ValueError, OSError) as problem:
        parser.error(str(problem))
    for name in names:
        for method in (*METHODS, *ALTERNATIVES):
            print(f"{name}: {method} ...", file=sys.stderr, flush=True)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows.append(pool.apply(measure, (name, method, options.repeats)))
        if options.seeds > 0:
            given = {
                "settings": (name, options.seeds),
                "sizes": (name, sizes, options.seeds),
                "online": (name, options.seeds),
            }
            for title, measured in (
                ("settings", measure_choices),
                ("sizes", measure_sizes),
                ("online", measure_online),
            ):
                print(f"{name}: compact, {title}, {options.seeds} seeds ...", file=sys.stderr, flush=True)
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    tables[title] += pool.apply(measured, given[title])
    if options.json:
        print(json.dumps({"rows": rows, **tables}, indent=1))
        return 0
    for table in (rows, *filter(None, tables.values())):
        print_table(table)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
