"""On-line learning of text models: in memory and in files, by several workers, threads and processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_text_compact import CLASSES, keys_of, made_up

from ganglion.text import METHODS, CompactClassifier, ModelFileError, load_model, update_file, write_model
from ganglion.text.compact_training import with_spare_codes
from ganglion.text.csv_file import row_blocks
from ganglion.text.datasets import DATASETS, class_numbers
from ganglion.text.learning_file import learning_path
from ganglion.text.model_file import model_bytes
from golden.neuronguard import CompactLearner, LearningState

TEXTS, LABELS = made_up(400, seed=5)


def fitted(method="compact"):
    texts, labels = made_up(300)
    options = {"size": 4096} if method == "compact" else {"n_words": 12}
    return METHODS[method].fit(texts, labels, CLASSES, **options)


def of_bytes(content, path):
    write_model(path, content)
    return load_model(path)


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
@pytest.mark.parametrize("workers", [2, 3, 7])
def test_workers_and_calls_do_not_show(method, workers, monkeypatch):
    monkeypatch.setattr("ganglion.text.compact.N_TEXTS", 13)
    one, many, rows = (fitted(method) for _ in range(3))
    start = one.to_bytes()
    one.update(TEXTS, LABELS)
    many.update(TEXTS, LABELS, workers=workers)
    for text, label in zip(TEXTS, LABELS, strict=True):
        rows.update([text], [label])
    assert one.to_bytes() == many.to_bytes() == rows.to_bytes() != start
    assert len(one.to_bytes()) == len(start)
    for name, array in one.learning_arrays().items():
        assert np.array_equal(array, many.learning_arrays()[name])
        assert np.array_equal(array, rows.learning_arrays()[name])


def test_texts_are_learnt_by_the_written_rules():
    model = fitted()
    learner = CompactLearner(LearningState.of(model.table))
    for text, label in zip(TEXTS[:60], LABELS[:60].tolist(), strict=True):
        learner.learn(keys_of(text, model.table.seed), label)
    model.update(TEXTS[:60], LABELS[:60])
    assert np.array_equal(model.table.words, learner.state.table.words)
    assert np.array_equal(model.learning_arrays()["weights"], learner.state.weights)


def test_new_words_are_learnt_and_old_ones_stay():
    model, texts = fitted(), ["quagga and zebra", "zebra with a quagga", "the zebra"]
    before = (model.predict(TEXTS) == LABELS).mean()
    for label in (1, 2):
        for _ in range(6):
            model.update(texts, [label] * 3)
        assert model.predict([*texts, "zebra", "quagga"]).tolist() == [label] * 5
    assert (model.predict(TEXTS) == LABELS).mean() > before - 0.03


def test_few_rows_leave_codes_to_learn_with():
    """Trained on two rows of two classes: a third class is learnt on-line."""
    model = CompactClassifier.fit(["cat", "dog"], np.array([0, 2]), CLASSES, size=4096)
    for _ in range(4):
        model.update(["rain and storm", "storm"], [1, 1])
    assert model.predict(["cat", "dog", "storm", "rain and storm"]).tolist() == [0, 2, 1, 1]


def test_spare_codes_speak_for_one_class_each():
    book = np.zeros((8, 3), np.int8)
    book[2] = 5
    filled = with_spare_codes(book)
    assert filled[0].tolist() == [0, 0, 0]
    assert filled[2].tolist() == [5, 5, 5]
    assert filled[1:5].argmax(1).tolist()[:1] == [0]
    assert [filled[code].tolist() for code in (1, 3, 4, 5)] == [
        [64, -32, -32],
        [-32, 64, -32],
        [-32, -32, 64],
        [32, -16, -16],
    ]
    assert np.array_equal(with_spare_codes(filled), filled)


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
@pytest.mark.parametrize(
    ("texts", "labels", "error", "message"),
    [
        (["a"], [3], ValueError, "label 3 is none of the classes 0 to 2"),
        (["a"], [-1], ValueError, "label -1 is none"),
        (["a"], [0, 1], ValueError, r"1 texts need labels \[1\], not \[2\]"),
        (["a"], [0.5], TypeError, "labels are integers, not float64"),
    ],
)
def test_bad_labels_change_nothing(method, texts, labels, error, message):
    model = fitted(method)
    before = model.to_bytes()
    with pytest.raises(error, match=message):
        model.update(texts, labels)
    with pytest.raises(error, match=message):
        METHODS[method].fit(texts, labels, CLASSES)
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        model.update(["a"], [0], workers=0)
    model.update([], np.array([], np.int64))
    assert model.to_bytes() == before


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
def test_files_go_on_where_they_were(method, tmp_path):
    """Ten updates of a file, each a load and a save, are one update in memory."""
    model, path = fitted(method), tmp_path / "m.gang"
    write_model(path, model.to_bytes())
    for start in range(0, 400, 40):
        update_file(path, TEXTS[start : start + 40], LABELS[start : start + 40])
    model.update(TEXTS, LABELS)
    assert path.read_bytes() == model.to_bytes()
    assert learning_path(path).exists() == (method == "compact")
    assert {entry.name for entry in tmp_path.iterdir()} <= {"m.gang", "m.gang.learning"}


def test_learning_state_of_another_model_is_not_taken(tmp_path):
    path = tmp_path / "m.gang"
    write_model(path, fitted().to_bytes())
    update_file(path, TEXTS, LABELS)
    other = CompactClassifier.fit(*made_up(100, seed=8), CLASSES, size=4096)
    write_model(path, other.to_bytes())
    update_file(path, TEXTS[:20], LABELS[:20])
    other.update(TEXTS[:20], LABELS[:20])
    assert path.read_bytes() == other.to_bytes()


def test_learning_state_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "m.gang"
    write_model(path, fitted().to_bytes())
    update_file(path, TEXTS, LABELS)
    before, state = path.read_bytes(), learning_path(path)
    for content, message in (
        (state.read_bytes()[:-1], "m.gang.learning: truncated"),
        (b"something else altogether, and long enough to be read", "m.gang.learning: no text model"),
        (before, r"m\.gang\.learning: a model of kind 'compact', where the learning state of .*m\.gang belongs"),
        (_learning(before, {"weights": np.zeros(3, np.int16)}), r"m\.gang\.learning: learning state has weights and"),
        (
            _learning(before, {"weights": np.zeros((3, 3), np.int16), "n_taught": np.zeros(3, np.uint16)}),
            r"m\.gang\.learning: weights are \[",
        ),
    ):
        write_model(state, content)
        with pytest.raises(ModelFileError, match=message):
            update_file(path, TEXTS[:1], LABELS[:1])
        assert path.read_bytes() == before
    state.unlink()
    update_file(path, TEXTS[:1], LABELS[:1])


def _learning(model, arrays):
    import zlib

    return model_bytes("learning", {"model": zlib.crc32(model)}, arrays)


def test_threads_lose_nothing():
    """The same text 40 times: in what order does not matter, whether each counts does."""
    one, many = fitted(), fitted()
    for _ in range(40):
        one.update(["quagga fish"], [2])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: many.update(["quagga fish"], [2]), range(40)))
    assert many.to_bytes() == one.to_bytes()
    assert np.array_equal(many.learning_arrays()["n_taught"], one.learning_arrays()["n_taught"])


SCRIPT = """
import sys
from pathlib import Path
from ganglion.text import update_file
for _ in range(int(sys.argv[2])):
    update_file(Path(sys.argv[1]), ["quagga fish"], [2])
"""


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
def test_processes_lose_nothing(method, tmp_path):
    path, model = tmp_path / "m.gang", fitted(method)
    write_model(path, model.to_bytes())
    link = tmp_path / "link.gang"
    link.symlink_to(path)
    commands = [[sys.executable, "-c", SCRIPT, str(name), "10"] for name in (path, link, path)]
    running = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in running] == [0, 0, 0]
    for _ in range(30):
        model.update(["quagga fish"], [2])
    assert path.read_bytes() == model.to_bytes()


def test_predictions_are_those_of_whole_updates():
    """Whoever predicts while a model learns sees all texts of an update or none."""
    model = fitted()
    table = model.table
    before = table.words.copy()
    model.update(TEXTS, LABELS)
    assert np.array_equal(table.words, before)
    assert not np.array_equal(model.table.words, before)


@pytest.mark.parametrize(("name", "gain"), [("ag_news", 0.02), ("dbpedia", 0.01)])
def test_rows_learnt_on_line_help(name, gain):
    """1,000 rows trained on, 5,000 learnt on-line, 2,000 others to measure on, all of the training file."""
    try:
        path = DATASETS[name].find("train")
    except FileNotFoundError as problem:
        pytest.skip(str(problem))
    rows = next(row_blocks(path, n_rows=8000))
    labels = class_numbers(rows, DATASETS[name].classes)
    model = CompactClassifier.fit(rows.texts[:1000], labels[:1000], DATASETS[name].classes)

    def accuracy():
        return (model.predict(rows.texts[6000:]) == labels[6000:]).mean()

    before = accuracy()
    model.update(rows.texts[1000:6000], labels[1000:6000])
    assert accuracy() > before + gain
    assert len(model.to_bytes()) <= 32768
