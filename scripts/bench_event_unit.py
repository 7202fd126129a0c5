#!/usr/bin/env python3
"""Both text classifiers in simulated hardware, over the bus, against NumPy: every test row of a data set.

    GANGLION_DATA=data python scripts/bench_event_unit.py ag_news
    GANGLION_DATA=data python scripts/bench_event_unit.py ag_news --model model.gang --json

Compact: class and all scores of each text, from the RTL and from the model. NeuronGuard: the field trained in the
hardware event by event, against the integer model event by event; then the classes of all texts in Run mode, against
the integer weights and against the float32 model. Exits with 1 where hardware and integer model differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.events import EventBus
from ganglion.engine import make_engine
from ganglion.event_device import EventDevice
from ganglion.text import CompactClassifier, Dataset, as_dataset, class_numbers, load_model, read_rows
from ganglion.text.csv_file import Rows
from ganglion.text.features import ordered_keys
from ganglion.text.neuronguard import NeuronGuardClassifier, known_words
from ganglion.text.words import split_texts
from golden.fixed.events import FixedEvents, FixedField
from golden.neuronguard.classifier import class_field
from golden.spec.event_unit import EVENT_PRESETS
from golden.spec.events import FEEDBACK, UNIT_MAGNITUDE
from hw.event_unit import EventUnit

PRESET = EVENT_PRESETS["icebreaker-events"]


def compact(
    device: EventDevice, model: CompactClassifier, texts: Sequence[str], labels: NDArray[Any]
) -> dict[str, Any]:
    """Class and scores of all texts, hardware and model."""
    keys, ends = ordered_keys(texts, model.table.seed)
    device.load_table(model.table)
    before, started = device.bus.n_cycles, time.perf_counter()
    winners, scores = device.classify(np.split(keys, ends[:-1]))
    seconds, cycles = time.perf_counter() - started, device.bus.n_cycles - before
    expected = model.scores(texts)
    return {
        "texts": len(texts),
        "differ_in_class": int((winners != expected.argmax(1)).sum()),
        "differ_in_a_score": int((scores != expected).any(1).sum()),
        "correct": int((winners == labels).sum()),
        "events": len(keys),
        "bus_cycles_a_text": round(cycles / len(texts), 1),
        "seconds": round(seconds, 1),
    }


def neuronguard(
    device: EventDevice, data: Dataset, train: Rows, texts: Sequence[str], labels: NDArray[Any]
) -> dict[str, Any]:
    """A field trained in hardware, and what it makes of all texts."""
    train_labels = class_numbers(train, data.classes)
    model = NeuronGuardClassifier.fit(train.texts, train_labels, data.classes, **data.options.get("neuronguard", {}))
    n_words, n_classes = len(model.words), len(data.classes)
    aims = model.field.target[:n_words].astype(np.int64) - n_words
    words, of_texts = known_words(model.table, split_texts(train.texts))
    punish = aims[words] != train_labels[of_texts]
    field = FixedField.of_field(class_field(aims, n_classes))
    reward, punishment = FEEDBACK.to_raw([0.05, -0.15]).tolist()
    engine = FixedEvents(field, PRESET.engine, first_class=n_words, reward=reward, punishment=punishment)
    device.load_field(field, n_classes)
    started, before = time.perf_counter(), device.bus.n_cycles
    device.train(words, punish)
    trained = device.read_field(n_words + n_classes)
    train_seconds, train_cycles = time.perf_counter() - started, device.bus.n_cycles - before
    for word, wrong in zip(words.tolist(), punish.tolist(), strict=True):
        engine.post(word, UNIT_MAGNITUDE, train=True, punish=wrong)
    engine.run(len(words))
    ids, which = known_words(model.table, split_texts(texts))
    found = np.split(ids, np.cumsum(np.bincount(which, minlength=len(texts)))[:-1])
    before = device.bus.n_cycles
    winners, best = device.run_texts(found)
    potentials = np.zeros((len(texts), n_classes), np.int64)
    np.add.at(potentials, (which, aims[ids]), field.weights[ids])
    return {
        "training_events": len(words),
        "neurons_that_differ": int((trained.records() != field.records()).sum() + trained.potentials.any()),
        "texts": len(texts),
        "differ": int(((winners != potentials.argmax(1)) | (best != potentials.max(1))).sum()),
        "differ_from_float32": int((winners != model.predict(texts)).sum()),
        "correct": int((winners == labels).sum()),
        "bus_cycles_a_training_event": round(train_cycles / len(words), 1),
        "bus_cycles_a_text": round((device.bus.n_cycles - before) / len(texts), 1),
        "train_seconds": round(train_seconds, 1),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description="Text classifiers in simulated hardware against NumPy.")
    parser.add_argument("dataset", help="ag_news or dbpedia")
    parser.add_argument("--model", type=Path, help="a compact model; trained first when left out")
    parser.add_argument("--only", choices=("compact", "neuronguard"), help="one of the two")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of lines")
    options = parser.parse_args(argv)
    data = as_dataset(options.dataset)
    train, test = (read_rows(data.find(part)) for part in ("train", "test"))
    labels = class_numbers(test, data.classes)
    report: dict[str, Any] = {}
    parts: dict[str, Callable[[EventDevice], dict[str, Any]]] = {}

    def model() -> CompactClassifier:
        if options.model is None:
            return CompactClassifier.fit(train.texts, class_numbers(train, data.classes), data.classes)
        loaded = load_model(options.model)
        if not isinstance(loaded, CompactClassifier):
            parser.error(f"{options.model}: a model of {loaded.method}, not of compact")
        return loaded

    parts["compact"] = lambda device: compact(device, model(), test.texts, labels)
    parts["neuronguard"] = lambda device: neuronguard(device, data, train, test.texts, labels)
    with make_engine(EventUnit(PRESET)) as engine:
        device = EventDevice(EventBus(engine, PRESET))
        for name, part in parts.items():
            if options.only in (None, name):
                report[name] = part(device)
                for key, value in report[name].items():
                    print(f"{name}: {key} {value}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"dataset": options.dataset, **report}))
    wrong = ("differ", "differ_in_class", "differ_in_a_score", "neurons_that_differ")
    return int(any(values.get(name, 0) for values in report.values() for name in wrong))


if __name__ == "__main__":
    sys.exit(main())
