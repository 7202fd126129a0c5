"""The vectorised trainer and predictor against the event engine: every bit of the field, with any number of workers."""

import numpy as np
import pytest

from golden.neuronguard import (
    NO_TARGET,
    EventEngine,
    FieldError,
    NeuronField,
    class_field,
    class_potentials,
    feedback_of,
    train_batch,
    train_words,
)
from golden.neuronguard.classifier import MAGNITUDE

WORKERS = (1, 2, 3, 8)


def one_by_one(field, targets, magnitudes, feedback):
    """The field after EventEngine.train, event after event, and which chains reached their end."""
    field = field.copy()
    engine = EventEngine(field)
    n = len(targets)
    sizes = np.broadcast_to(np.float32(magnitudes), n).tolist()
    values = np.broadcast_to(np.float32(feedback), n).tolist()
    events = zip(np.asarray(targets).tolist(), sizes, values, strict=True)
    return field, [engine.train(*event).reached for event in events]


def assert_same(field, targets, magnitudes, feedback):
    """Compares; returns the share of chains that reached their end, and the trained field."""
    expected, reached = one_by_one(field, targets, magnitudes, feedback)
    for workers in WORKERS:
        trained = field.copy()
        found = train_batch(trained, targets, magnitudes, feedback, workers=workers)
        assert found.tolist() == reached
        assert trained.same_as(expected)
    return np.mean(reached), expected


def forest(rng, size, depth):
    """A field without circles, chains of up to ``depth`` neurons, numbered at random."""
    level = rng.integers(depth, size=size)
    targets = np.full(size, NO_TARGET)
    for neuron in range(size):
        later = np.flatnonzero(level > level[neuron])
        if len(later) and rng.random() < 0.9:
            targets[neuron] = rng.choice(later)
    field = NeuronField(size)
    field.set(slice(None), threshold=rng.uniform(0.2, 1.2, size), target=targets, weight=rng.uniform(0.6, 2, size))
    return field


@pytest.mark.parametrize("seed", range(30))
def test_random_forests(seed):
    rng = np.random.default_rng(seed)
    size, depth = int(rng.integers(2, 60)), int(rng.integers(1, 6))
    field = forest(rng, size, depth)
    if seed % 2:
        loaded = rng.random(size) < 0.3
        field.potential[loaded] = rng.choice([-0.7, -0.0, 0.4, 3], loaded.sum())
    n = 1500
    targets = rng.integers(size, size=n)
    magnitudes = np.float32(0.9) if seed % 3 == 0 else rng.uniform(0, 1.5, n).astype(np.float32)
    feedback = np.where(rng.random(n) < 0.7, 0.05, -0.15) if seed % 5 else 0.01
    share, trained = assert_same(field, targets, magnitudes, feedback)
    assert 0 < share < 1
    assert trained.weight.tolist() != field.weight.tolist() or depth == 1


@pytest.mark.parametrize("seed", range(10))
def test_class_fields_of_many_tokens(seed):
    rng = np.random.default_rng(100 + seed)
    n_words, n_classes = int(rng.integers(1, 200)), int(rng.integers(2, 15))
    field = class_field(rng.integers(n_classes, size=n_words), n_classes)
    words = (rng.zipf(1.3, 6000) - 1) % n_words
    labels = rng.integers(n_classes, size=len(words))
    # Mostly right, so that some words stop and some go on.
    aims = field.target.astype(np.int64)[words] - n_words
    labels = np.where(rng.random(len(words)) < 0.74, aims, labels)
    feedback = feedback_of(field, n_classes, words, labels)
    assert set(feedback.tolist()) == {float(np.float32(0.05)), float(np.float32(-0.15))}
    share, expected = assert_same(field, words, MAGNITUDE, feedback)
    assert 0 < share < 1
    for workers in WORKERS:
        trained = field.copy()
        train_words(trained, n_classes, words, labels, workers=workers)
        assert trained.same_as(expected)


def test_the_order_of_a_sum_shows():
    """Sums in pairs, or in float64, give other bits: the comparison above would notice them."""
    rng = np.random.default_rng(1)
    field = class_field([0], 2)
    feedback = np.where(rng.random(5000) < 0.9, np.float32(0.05), np.float32(-0.15))
    train_batch(field, np.zeros(5000, np.int64), 1, feedback)
    start = np.float32(1.5)
    in_pairs, in_double = start + feedback.sum(), np.float32(1.5 + feedback.sum(dtype=np.float64))
    backwards = np.add.accumulate(np.append(start, feedback[::-1]))[-1]
    assert field.weight[0] not in (in_pairs, in_double, backwards)
    assert abs(field.weight[0] - in_double) < 0.01


def test_no_update_is_lost():
    """Exact eighths, all rewarded: each weight has grown by its number of events."""
    rng = np.random.default_rng(2)
    n_words = 50
    field = class_field(np.arange(n_words) % 4, 4)
    words = rng.integers(n_words, size=100_000)
    train_batch(field, words, 1.0, 0.125, workers=7)
    assert field.weight[:n_words].tolist() == (1.5 + np.bincount(words) / 8).tolist()


def test_a_shared_loaded_end_binds_the_groups():
    """The first event that gets there sees the potential of the class, whichever word it is of."""
    for first, second in ((0, 1), (1, 0)):
        field = class_field([0, 0], 2)
        field.set([0, 1], weight=0.75)
        field.potential[2] = 0.25
        share, trained = assert_same(field, [first, second], 1, 0.5)
        assert share == 0.5
        assert trained.weight[[first, second]].tolist() == [1.25, 0.75]


def test_no_events():
    field = class_field([0, 1], 2)
    before = field.copy()
    assert train_batch(field, np.array([], np.int64), 1, 1, workers=4).tolist() == []
    assert field.same_as(before)


def circle(field):
    field.target[3] = 0


def outside(field):
    field.target[3] = 77


@pytest.mark.parametrize(
    ("damage", "arguments", "message"),
    [
        (circle, ([0, 1], 1, 1), "chain of neuron 0 runs in a circle"),
        (outside, ([0, 1], 1, 1), "neuron 3 has the target 77: not in the field of 4"),
        (None, ([0, 4], 1, 1), "neuron 4 is not in the field of 4"),
        (None, ([0, -1], 1, 1), "neuron -1 is not in the field of 4"),
        (None, ([0.5], 1, 1), "targets must be integers"),
        (None, ([[0]], 1, 1), "targets must be integers"),
        (None, ([0, 1], [1, np.nan], 1), "magnitude must be finite float32, not nan"),
        (None, ([0, 1], 1, [1, 1e39]), r"feedback must be finite float32, not 1e\+39"),
        (None, ([0, 1], 1, [1, 2, 3]), r"feedback must be one number or \[2\]"),
        (None, ([0, 1], [1], 1), r"magnitude must be one number or \[2\]"),
    ],
)
def test_bad_input_changes_nothing(damage, arguments, message):
    field = NeuronField(4)
    field.set(slice(None), target=[1, 2, 3, NO_TARGET], weight=1)
    if damage is not None:
        damage(field)
    before = field.copy()
    with pytest.raises(ValueError, match=message):
        train_batch(field, *arguments)
    assert field.same_as(before)


def test_workers_are_at_least_one():
    with pytest.raises(ValueError, match="not 0"):
        train_batch(class_field([0], 2), [0], 1, 1, workers=0)


def test_a_damaged_field_is_a_field_error():
    field = NeuronField(2)
    field.target[:] = [1, 0]
    with pytest.raises(FieldError, match="circle"):
        train_batch(field, [0], 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_class_potentials_are_those_of_run_mode(seed):
    rng = np.random.default_rng(seed)
    n_words, n_classes, n_texts = 80, int(rng.integers(2, 6)), 60
    field = class_field(rng.integers(n_classes, size=n_words), n_classes)
    field.set(slice(0, n_words), weight=rng.normal(size=n_words), threshold=rng.choice([0.5, 1], n_words))
    texts = np.sort(rng.integers(n_texts - 1, size=2000))
    words = rng.integers(n_words, size=2000)
    found = class_potentials(field, n_classes, words, texts, n_texts)
    expected = []
    for text in range(n_texts):
        copy = field.copy()
        engine = EventEngine(copy, accumulators=range(n_words, n_words + n_classes))
        for word in words[texts == text].tolist():
            engine.post(word)
        engine.run()
        expected.append(copy.potential[n_words:].tolist())
    assert found.dtype == np.float32
    assert found.tolist() == expected
    assert not found[-1].any()


def test_class_field_layout():
    field = class_field([2, 0, 1, 2], 3)
    assert field.target.tolist() == [6, 4, 5, 6, *[NO_TARGET] * 3]
    assert field.weight.tolist() == [1.5] * 4 + [0] * 3
    assert field.threshold.tolist() == [1] * 7
    assert not field.potential.any()
    with pytest.raises(ValueError, match="class 3 does not exist: there are 3"):
        class_field([0, 3], 3)
