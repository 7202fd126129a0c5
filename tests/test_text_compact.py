"""The compact classifier: against the engine text by text, its size, its file, what is deterministic, bad input."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from ganglion.text import METHODS, CompactClassifier, ModelFileError, load_model, write_model
from ganglion.text.compact_training import EMPTY, distribute
from ganglion.text.csv_file import row_blocks
from ganglion.text.datasets import DATASETS, class_numbers
from ganglion.text.features import TOKENISER, key_blocks, text_keys
from ganglion.text.linear import Batches, Counts, Reconstruction, SquaredHinge, descend
from ganglion.text.model_file import model_bytes
from ganglion.text.quantise import Codebook
from ganglion.text.words import split_words
from golden.neuronguard import CompactEngine, pair_hashes, table_keys
from golden.neuronguard.compact import slots_of

CLASSES = ("animals", "weather", "food")
POOLS = ("cat dog horse fish bird tail", "rain storm sunny cloud fish warm", "bread cheese fish warm soup salt 7up")


def made_up(n=600, seed=0):
    """Texts of three classes whose words overlap, and their labels; "hot dog" is food and a dog is none."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    texts = []
    for label in labels:
        own = list(rng.choice(POOLS[label].split(), rng.integers(1, 9)))
        if rng.random() < 0.3 and label != 1:
            own.insert(0, "hot dog" if label == 2 else "dog hot")
        texts.append(" ".join([*own, *rng.choice(" ".join(POOLS).split(), rng.integers(0, 2)), "the"]))
    return texts, labels


@pytest.fixture(scope="module")
def model():
    texts, labels = made_up()
    return CompactClassifier.fit(texts, labels, CLASSES, size=4096)


def keys_of(text, seed):
    """The keys of a text by the specification: words, then neighbours."""
    hashes = split_words([text], TOKENISER).hashes
    keys = [table_keys(np.array([h]), seed)[0] for h in hashes]
    for one, next_one in pairwise(hashes):
        keys.append(table_keys(pair_hashes(np.array([one]), np.array([next_one])), seed)[0])
    return [int(key) for key in keys]


def test_keys_of_blocks_are_those_of_texts(monkeypatch):
    texts = ["one two three", "", "four", "5 six's a\u2014b", "one two"]
    whole = text_keys(texts, 99)
    assert whole.n_texts == 5
    for block in (1, 10, 1 << 20):
        monkeypatch.setattr("ganglion.text.words.BLOCK_CHARACTERS", block)
        found = text_keys(texts, 99)
        for number, text in enumerate(texts):
            of_text = found.keys[found.texts == number].tolist()
            assert Counter(of_text) == Counter(keys_of(text, 99))
    assert [block.n_texts for _words, block in key_blocks([], 0)] == []


def test_scores_are_those_of_the_engine(model):
    texts, labels = made_up(200, seed=1)
    texts += ["", "unheard of", "\ud800", "CAT Cat cat", "7UP " * 300]
    engine, scores = CompactEngine(model.table), model.scores(texts)
    for text, row, winner in zip(texts, scores.tolist(), model.predict(texts).tolist(), strict=True):
        engine.reset()
        engine.post(keys_of(text, model.table.seed))
        assert row == engine.potentials
        assert winner == engine.winner
        explained = model.explain(text)
        assert np.sum([weights for _part, weights in explained], axis=0, initial=0).tolist() in (row, 0)
    assert (model.predict(texts[:200]) == labels).mean() > 0.93
    assert model.predict(["", "\ud800"]).tolist() == [0, 0]
    assert model.predict([]).tolist() == []


def test_pairs_count(model):
    assert CLASSES[model.predict(["hot dog"])[0]] == "food"
    assert CLASSES[model.predict(["dog hot"])[0]] == "animals"
    parts = [part for part, _weights in model.explain("the hot dog")]
    assert [part for part in parts if part in ("hot", "dog", "hot dog")] == ["hot", "dog", "hot dog"]


@pytest.mark.parametrize("size", [4096, 4099, 5000, 8192, 32768])
def test_no_model_is_larger_than_asked_for(size):
    texts, labels = made_up(60)
    for classes in (CLASSES, [f"{name} of a rather long name" for name in CLASSES]):
        content = CompactClassifier.fit(texts, labels, classes, size=size).to_bytes()
        assert size - 16 < len(content) <= size


def test_the_same_seed_gives_the_same_model(model):
    texts, labels = made_up()
    assert CompactClassifier.fit(texts, labels, CLASSES, size=4096).to_bytes() == model.to_bytes()
    other = CompactClassifier.fit(texts, labels, CLASSES, size=4096, seed=1)
    assert other.table.seed != model.table.seed
    assert (other.predict(texts) == model.predict(texts)).mean() > 0.95


def test_the_file_gives_the_model_back(model, tmp_path):
    path = tmp_path / "model.gang"
    write_model(path, model.to_bytes())
    loaded = load_model(path)
    assert isinstance(loaded, CompactClassifier)
    texts, _labels = made_up(100, seed=2)
    assert loaded.scores(texts).tolist() == model.scores(texts).tolist()
    assert loaded.to_bytes() == path.read_bytes()
    assert (loaded.classes, loaded.table.seed) == (model.classes, model.table.seed)
    assert not loaded.table.words.flags.owndata
    assert METHODS["compact"] is CompactClassifier


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokeniser": {"name": "letters"}}, "the tokeniser .* is not"),
        ({"classes": ["one", "two"]}, "2 classes and weights for 3"),
        ({"seed": -1}, "a seed has 64 bits, not -1"),
        ({"seed": None}, "int"),
        ({"table": np.zeros((3, 5), np.uint16)}, "a table is"),
        ({"codes": np.ones((16, 3), np.int8)}, "code 0 must be without weight"),
    ],
)
def test_files_that_make_no_sense_are_refused(model, tmp_path, changes, message):
    path = tmp_path / "model.gang"
    settings = {"classes": list(CLASSES), "tokeniser": TOKENISER.settings, "seed": model.table.seed}
    arrays = {"codes": model.table.codebook, "table": model.table.words}
    assert model_bytes("compact", settings, arrays) == model.to_bytes()
    for name, value in changes.items():
        (settings if name in settings else arrays)[name] = value
    write_model(path, model_bytes("compact", settings, arrays))
    with pytest.raises(ModelFileError, match=rf"model\.gang: a compact model that makes no sense: .*{message}"):
        load_model(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4095}, "a model has 4,096 to 262,144 bytes, not 4,095"),
        ({"size": 1 << 19}, "not 524,288"),
        ({"seed": -1}, "a seed is 0 to 4,294,967,295, not -1"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        CompactClassifier.fit(["a", "b"], np.array([0, 1]), CLASSES, **options)


def test_texts_and_classes_that_cannot_be_learnt():
    with pytest.raises(ValueError, match="no training text holds a word"):
        CompactClassifier.fit(["...", ""], np.array([0, 1]), CLASSES)
    with pytest.raises(ValueError, match="1,000 classes do not fit into 4,096 bytes"):
        CompactClassifier.fit(["a"], np.array([0]), [f"c{i}" for i in range(1000)], size=4096)
    with pytest.raises(ValueError, match=r"200 classes are too many for 262,144 bytes: .* more than 16,777,216"):
        CompactClassifier.fit(["a"], np.array([0]), [f"c{i}" for i in range(200)], size=262_144)
    with pytest.raises(ValueError, match="1,500,000 texts of 90 classes are more than fit into memory"):
        CompactClassifier.fit(["a"] * 1_500_000, np.zeros(1_500_000, int), [f"c{i}" for i in range(90)])


def test_very_few_rows_do():
    model = CompactClassifier.fit(["cat", "dog"], np.array([0, 2]), CLASSES, size=4096)
    assert model.predict(["cat", "dog", "a dog", "bird"]).tolist() == [0, 2, 2, 0]


def test_every_key_gets_a_place_of_its_own():
    rng = np.random.default_rng(1)
    keys = table_keys(rng.integers(1 << 63, size=3800, dtype=np.uint64), 5)
    owners = distribute(keys, 1000, np.random.default_rng(0))
    places = slots_of(keys, 1000)
    taken = np.flatnonzero(owners != EMPTY)
    assert sorted(owners[taken].tolist()) == list(range(3800))
    assert all(slot in places[:, owners[slot]] for slot in taken)
    # One row a bank: four of ten find a place.
    owners = distribute(keys[:10], 1, rng)
    assert len(set(owners.tolist())) == 4
    assert owners.min() >= 0


def test_counts_are_scaled_to_length_one():
    counts = Counts(np.array([0, 0, 2, 1]), np.array([0, 0, 0, 2]), 3, 4)
    assert counts.matrix.toarray().tolist() == [[2, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert counts.in_texts.tolist() == [1, 1, 1, 0]
    scaled = counts.scaled().toarray()
    assert np.allclose((scaled**2).sum(1), [1, 0, 1])
    assert scaled[0, 0] == pytest.approx(2 / 5**0.5)


@pytest.mark.parametrize("kind", ["hinge", "reconstruction"])
def test_slopes_are_the_derivatives_of_the_losses(kind):
    rng = np.random.default_rng(2)
    labels, goal = rng.integers(3, size=7), rng.normal(size=(7, 3)).astype(np.float32)
    scores = rng.normal(size=(5, 3)).astype(np.float32)

    def loss(values):
        if kind == "hinge":
            signs = np.where(np.arange(3) == labels[2:, None], 1, -1)
            return (np.maximum(0, 1 - signs * values) ** 2).sum()
        difference = values - goal[2:]
        return ((difference - difference.mean(1, keepdims=True)) ** 2).sum()

    found = (SquaredHinge(labels) if kind == "hinge" else Reconstruction(goal)).slope(scores, 2)
    for place in np.ndindex(5, 3):
        step = np.zeros((5, 3))
        step[place] = 1e-4
        assert found[place] == pytest.approx((loss(scores + step) - loss(scores - step)) / 2e-4, abs=2e-3)


def test_descent_reaches_a_known_minimum_and_leaves_the_rest_alone():
    rng = np.random.default_rng(0)
    counts = Counts(rng.integers(6, size=2000), rng.integers(300, size=2000), 300, 6)
    matrix = counts.scaled()
    truth = rng.normal(size=(6, 3)).astype(np.float32)
    truth -= truth.mean(1, keepdims=True)
    goal = matrix @ truth
    free = np.array([True, True, True, True, False, False])
    start = np.where(free[:, None], 0, truth).astype(np.float32)
    found = descend(Batches(matrix), Reconstruction(goal), start, n_epochs=60, rate=0.1, decay=0, rng=rng, free=free)
    assert np.array_equal(found[4:], truth[4:])
    # What is common to all classes is free.
    assert np.abs(found - found.mean(1, keepdims=True) - truth).max() < 0.02


def test_the_code_book_finds_what_is_there():
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(7, 5)).astype(np.float32)
    rows = np.concatenate([np.zeros((1, 5), np.float32), centres])[rng.integers(8, size=400)]
    book = Codebook(rows, np.ones(400), 8, rng)
    assert np.abs(book.words[book.encode(rows)] - rows).max() < 1e-5
    assert not book.words[0].any()
    integers = book.integers()
    assert np.abs(integers).max() == 127
    assert not integers[0].any()
    assert not Codebook(np.zeros((9, 5), np.float32), np.ones(9), 8, rng).integers().any()


def test_a_sample_of_ag_news():
    """Trained on 6,000 rows and tested on others of the training file: far above what one class a word gives."""
    try:
        path = DATASETS["ag_news"].find("train")
    except FileNotFoundError as problem:
        pytest.skip(str(problem))
    rows = next(row_blocks(path, n_rows=8000))
    labels = class_numbers(rows, DATASETS["ag_news"].classes)
    model = CompactClassifier.fit(rows.texts[:6000], labels[:6000], DATASETS["ag_news"].classes)
    assert len(model.to_bytes()) <= 32768
    assert (model.predict(rows.texts[6000:]) == labels[6000:]).mean() > 0.85


def test_more_features_than_training_may_hold(monkeypatch):
    """The most frequent ones are taken then."""
    monkeypatch.setattr("ganglion.text.compact_training.MAX_WEIGHTS", 6200)
    texts, labels = made_up()
    model = CompactClassifier.fit(
        [f"{text} w{number // 2}" for number, text in enumerate(texts)], labels, CLASSES, size=4096
    )
    assert (model.predict(texts) == labels).mean() > 0.93
