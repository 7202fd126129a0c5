#!/usr/bin/env python3
"""The NeuronGuard classifiers with weights of several fixed-point formats, beside float32: which rows are classed
otherwise.

Example: GANGLION_DATA=data python scripts/bench_event_formats.py ag_news
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from ganglion.text.csv_file import read_rows  # noqa: E402
from ganglion.text.datasets import as_dataset, class_numbers  # noqa: E402
from ganglion.text.neuronguard import NeuronGuardClassifier, known_words  # noqa: E402
from ganglion.text.words import split_texts  # noqa: E402
from golden.neuronguard.classifier import PUNISHMENT, REWARD, START_WEIGHT, THRESHOLD  # noqa: E402
from golden.spec import QFormat  # noqa: E402

FORMATS = ((13, 12), (13, 14), (13, 15), (16, 16), (13, 18), (13, 20))


def trained_raw(words: NDArray[np.integer], rewarded: NDArray[np.bool_], n_words: int, form: QFormat) -> NDArray:
    """Weights [n_words] after the events of ``words`` [n] in their order, as raw integers that saturate."""
    start, threshold, reward, punishment = form.to_raw([START_WEIGHT, THRESHOLD, REWARD, PUNISHMENT]).tolist()
    weights = np.full(n_words, start)
    order = np.argsort(words, kind="stable")
    steps = np.where(rewarded, reward, punishment)[order]
    for word, chosen in enumerate(np.split(steps, np.cumsum(np.bincount(words, minlength=n_words))[:-1])):
        weight = start
        for step in chosen.tolist():
            if weight < threshold:
                break
            weight = min(max(weight + step, form.min_raw), form.max_raw)
        weights[word] = weight
    return weights


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description="Fixed-point formats of the NeuronGuard weights.")
    parser.add_argument("dataset", help="ag_news or dbpedia")
    options = parser.parse_args(argv)
    data = as_dataset(options.dataset)
    train, test = (read_rows(data.find(part)) for part in ("train", "test"))
    labels, expected = class_numbers(train, data.classes), class_numbers(test, data.classes)
    model = NeuronGuardClassifier.fit(train.texts, labels, data.classes, **data.options.get("neuronguard", {}))
    n_words, n_classes = len(model.words), len(data.classes)
    aims = model.field.target[:n_words].astype(np.int64) - n_words
    words, of_texts = known_words(model.table, split_texts(train.texts))
    rewarded = aims[words] == labels[of_texts]
    scores = model.scores(test.texts)
    reference, exact = scores.argmax(1), model.field.weight[:n_words].astype(np.float64)
    stopped = exact < THRESHOLD
    ids, texts = known_words(model.table, split_texts(test.texts))
    print(
        f"float32: {(reference == expected).sum()} of {len(expected)}; largest weight {exact.max():.1f}, largest "
        f"potential {scores.max():.1f}, {stopped.sum()} words stopped"
    )
    print("| weights | rows classed otherwise | correct | stopped otherwise | largest error of the other weights |")
    print("|---|--:|--:|--:|--:|")
    for integer_bits, fraction_bits in FORMATS:
        form = QFormat(integer_bits=integer_bits, fraction_bits=fraction_bits)
        raw = trained_raw(words, rewarded, n_words, form)
        potentials = np.zeros((len(expected), n_classes), np.int64)
        np.add.at(potentials, (texts, aims[ids]), raw[ids])
        now = potentials.argmax(1)
        weights, low = form.from_raw(raw), raw < form.to_raw(THRESHOLD)
        error = np.abs(weights - exact)[low == stopped].max()
        counts = [(now != reference).sum(), (now == expected).sum(), (low != stopped).sum()]
        print(f"| {form} | {' | '.join(map(str, counts))} | {error:.2g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
