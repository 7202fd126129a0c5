"""The text classifier: against the event engine word for word, its model file, and updates."""

import json
import struct
import zlib

import numpy as np
import pytest

from ganglion.container import CHECK
from ganglion.files import write_atomically
from ganglion.text import METHODS, ModelFileError, as_method, load_model, read_model, write_model
from ganglion.text.csv_file import row_blocks
from ganglion.text.datasets import DATASETS, class_numbers
from ganglion.text.model_file import MAGIC, PREFIX, VERSION, model_bytes
from ganglion.text.neuronguard import NeuronGuardClassifier
from ganglion.text.words import LETTERS, split_words
from golden.neuronguard import EventEngine, NeuronField, class_field

CLASSES = ("animals", "weather", "food")


def made_up(n=600, seed=0):
    """Texts of three classes whose words overlap, and their labels."""
    rng = np.random.default_rng(seed)
    pools = ["cat dog horse fish bird tail", "rain storm sunny cloud fish warm", "bread cheese fish warm soup salt"]
    labels = rng.integers(3, size=n)
    texts = []
    for label in labels:
        own = rng.choice(pools[label].split(), rng.integers(0, 9))
        noise = rng.choice(" ".join(pools).split(), rng.integers(0, 2))
        texts.append(" ".join([*own, *noise, "the"]))
    return texts, labels


def sample_of_ag_news(n):
    """The first rows of the training file, which are a random sample; skips where it is not there."""
    try:
        path = DATASETS["ag_news"].find("train")
    except FileNotFoundError as problem:
        pytest.skip(str(problem))
    rows = next(row_blocks(path, n_rows=n))
    return rows.texts, class_numbers(rows, DATASETS["ag_news"].classes)


def event_by_event(texts, labels, n_classes, words, stop_words=()):
    """The field that the event engine leaves when every word of every text is trained on its own."""
    place = {word: number for number, word in enumerate(words)}
    split = split_words(texts)
    of_texts = np.repeat(np.arange(len(texts)), split.counts)
    known = [(place[word], labels[text]) for i, text in enumerate(of_texts) if (word := split.word(i)) in place]
    counts = np.zeros((len(words), n_classes), int)
    for word, label in known:
        counts[word, label] += 1
    field = class_field([int(row.argmax()) for row in counts], n_classes)
    engine = EventEngine(field)
    for word, label in known:
        engine.train(word, 1.0, 0.05 if field.target[word] == len(words) + label else -0.15)
    return field


def assert_trains_and_scores_as_the_engine(texts, labels, classes, **options):
    models = [NeuronGuardClassifier.fit(texts, labels, classes, workers=workers, **options) for workers in (1, 2, 5)]
    expected = event_by_event(texts, labels, len(classes), models[0].words)
    for model in models:
        assert model.words == models[0].words
        assert model.field.same_as(expected)
    model, first = models[0], len(models[0].words)
    asked = texts[:100]
    expected_scores = []
    place = {word: number for number, word in enumerate(model.words)}
    for text in asked:
        split = split_words([text])
        field = model.field.copy()
        engine = EventEngine(field, accumulators=range(first, len(field)))
        for word in map(split.word, range(len(split.hashes))):
            if word in place:
                engine.post(place[word])
        engine.run()
        expected_scores.append(field.potential[first:].tolist())
    assert model.scores(asked).tolist() == expected_scores
    assert model.predict(asked).tolist() == [scores.index(max(scores)) for scores in expected_scores]
    return model


@pytest.mark.parametrize("block", [1, 300, 1 << 20])
def test_made_up_texts_are_trained_as_the_engine_does(monkeypatch, block):
    monkeypatch.setattr("ganglion.text.words.BLOCK_CHARACTERS", block)
    texts, labels = made_up()
    model = assert_trains_and_scores_as_the_engine(texts, labels, CLASSES, n_words=12, stop_words={"the"})
    assert len(model.words) == 12
    assert "the" not in model.words
    stopped = model.field.weight[:12] < 1
    assert stopped.any()
    assert not stopped.all()


def test_a_sample_of_ag_news_is_trained_as_the_engine_does():
    texts, labels = sample_of_ag_news(1500)
    options = DATASETS["ag_news"].options["neuronguard"]
    model = assert_trains_and_scores_as_the_engine(texts, labels, DATASETS["ag_news"].classes, **options)
    assert len(model.field) == 1004


def test_updates_continue_the_training():
    texts, labels = made_up(900)
    whole = NeuronGuardClassifier.fit(texts, labels, CLASSES)
    expected = event_by_event(texts, labels, 3, whole.words)
    parts = NeuronGuardClassifier(
        CLASSES, whole.words, class_field(expected.target[:-3].astype(int) - len(whole.words), 3)
    )
    for start, end, workers in ((0, 1, 1), (1, 400, 3), (400, 400, 2), (400, 900, 2)):
        parts.update(texts[start:end], labels[start:end], workers=workers)
    assert parts.field.same_as(expected)
    assert whole.field.same_as(expected)


def test_texts_without_a_known_word_are_of_the_first_class():
    model = NeuronGuardClassifier.fit(*made_up(), CLASSES)
    asked = ["", "unheard", "a b c", "1234", "\ud800"]
    assert not model.scores(asked).any()
    assert model.predict(asked).tolist() == [0] * 5
    assert model.predict([]).tolist() == []


def test_classes_without_rows_are_never_predicted():
    texts, labels = made_up()
    model = NeuronGuardClassifier.fit(texts, np.minimum(labels, 1), CLASSES)
    assert set(model.predict(texts).tolist()) == {0, 1}


def test_no_words_to_learn_is_an_error():
    with pytest.raises(ValueError, match="no training text holds a word"):
        NeuronGuardClassifier.fit(["of", "1 2"], np.array([0, 1]), CLASSES)
    with pytest.raises(ValueError, match="not 0"):
        NeuronGuardClassifier.fit(["word"], np.array([0]), CLASSES, n_words=0)


def test_methods_by_name():
    assert as_method("neuronguard") is NeuronGuardClassifier
    assert all(name == method.method for name, method in METHODS.items())
    with pytest.raises(ValueError, match=r"method 'magic' is none of .*neuronguard"):
        as_method("magic")


@pytest.fixture(scope="module")
def model():
    texts, labels = made_up()
    return NeuronGuardClassifier.fit(texts, labels, CLASSES, n_words=10)


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.gang"
    write_model(path, model.to_bytes())
    return path


def test_the_file_gives_the_model_back(model, saved):
    texts, labels = made_up(seed=5)
    loaded = load_model(saved)
    assert isinstance(loaded, NeuronGuardClassifier)
    assert (loaded.classes, loaded.words) == (model.classes, model.words)
    assert loaded.field.same_as(model.field)
    assert loaded.scores(texts).tolist() == model.scores(texts).tolist()
    assert loaded.to_bytes() == saved.read_bytes()
    # 16 bytes a neuron lie in the mapped file, aligned; they cannot be written to, so an update takes a copy.
    assert loaded.field.nbytes == 16 * 13
    assert loaded.field.base_addr % 16 == 0
    assert not loaded.field.records.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        loaded.field.weight[0] = 1
    content = saved.read_bytes()
    loaded.update(texts, labels)
    model_too = NeuronGuardClassifier(model.classes, model.words, model.field.copy())
    model_too.update(texts, labels)
    assert loaded.field.same_as(model_too.field)
    assert not loaded.field.same_as(model.field)
    assert saved.read_bytes() == content


def test_a_truncated_file_is_refused_wherever_it_ends(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=r"model\.gang: (truncated|no text model)"):
            load_model(saved)
    saved.write_bytes(content + b"\0")
    with pytest.raises(ModelFileError, match="1 bytes too many"):
        load_model(saved)


def test_a_damaged_file_is_refused_wherever_it_is(saved):
    content = saved.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        saved.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"model\.gang: (damaged|no text model)"):
            load_model(saved)


def with_version(content, version, kind=b"neuronguard"):
    """The content under another version and kind, its checksums right."""
    _magic, _version, _kind, *rest = PREFIX.unpack_from(content)
    prefix = PREFIX.pack(MAGIC, version, kind, *rest)
    return prefix + CHECK.pack(zlib.crc32(prefix)) + content[PREFIX.size + CHECK.size :]


@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        (VERSION + 1, b"neuronguard", r"file version 2 is newer than 1, the newest this library reads"),
        (0, b"neuronguard", r"file version 0 does not exist"),
        (VERSION, b"crystalball", r"a model of kind 'crystalball', none of .*neuronguard"),
    ],
)
def test_other_versions_and_kinds_are_refused(saved, version, kind, message):
    saved.write_bytes(with_version(saved.read_bytes(), version, kind))
    with pytest.raises(ModelFileError, match=message):
        load_model(saved)


@pytest.mark.parametrize(
    "content", [b"", b"label,text\n1,a\n" * 9, b"GANGLDEV" + bytes(100), b"\x1f\x8b\x08" + bytes(90)]
)
def test_other_files_are_refused(saved, content):
    saved.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.gang: no text model"):
        load_model(saved)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.gang")
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)


def changed(model, **changes):
    """The model's file with some settings or arrays replaced."""
    settings = {"classes": model.classes, "tokeniser": LETTERS.settings}
    arrays = {"field": model.field.records, "words": np.frombuffer("\n".join(model.words).encode(), np.uint8)}
    for name, value in changes.items():
        (settings if name in settings else arrays)[name] = value
    return model_bytes("neuronguard", settings, arrays)


def aimed_at_itself(model):
    field = model.field.copy()
    field.target[0] = 0
    return field.records


def awake(model):
    field = model.field.copy()
    field.potential[0] = 1
    return field.records


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda model: {"tokeniser": {"name": "other"}}, "the tokeniser .* is not"),
        (lambda model: {"classes": ["one", "two"]}, "10 words and 2 classes do not make 13 neurons"),
        (lambda model: {"classes": None}, "not iterable"),
        (lambda model: {"field": np.zeros(13)}, "neurons of type float64"),
        (lambda model: {"field": NeuronField(5).records}, "do not make 5 neurons"),
        (lambda model: {"field": aimed_at_itself(model)}, "aimed at neuron 0, which is no class"),
        (lambda model: {"field": awake(model)}, "not at rest"),
        (lambda model: {"words": np.full(40, 0xFF, np.uint8)}, "utf-8"),
    ],
)
def test_files_that_make_no_sense_are_refused(model, saved, changes, message):
    assert changed(model) == saved.read_bytes()
    saved.write_bytes(changed(model, **changes(model)))
    with pytest.raises(ModelFileError, match=rf"model\.gang: a neuronguard model that makes no sense: .*{message}"):
        load_model(saved)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b"{}",
        json.dumps({"settings": {}, "arrays": [["a", "O", [2]]]}).encode(),
        json.dumps({"settings": {}, "arrays": [["a", "<f8", [-1]]]}).encode(),
        json.dumps({"settings": {}, "arrays": [["a", "<f8", [2**40]]]}).encode(),
        json.dumps({"settings": {}, "arrays": [["a", "<f8", [1]]]}).encode(),
        json.dumps({"settings": {}, "arrays": []}).encode(),
    ],
)
def test_headers_that_make_no_sense_are_refused(saved, header):
    payload = bytes(40)
    prefix = PREFIX.pack(MAGIC, VERSION, b"x", len(header), len(payload), zlib.crc32(payload, zlib.crc32(header)))
    saved.write_bytes(prefix + struct.pack("<I", zlib.crc32(prefix)) + header + payload)
    with pytest.raises(ModelFileError, match=r"model\.gang: its (settings make no sense|arrays end)"):
        read_model(saved)


def test_writing_is_atomic(model, saved, monkeypatch):
    """A write that fails leaves the old file, and nothing else."""
    before = saved.read_bytes()

    def fail(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganglion.files.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_model(saved, b"new")
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model.gang"]
    monkeypatch.undo()
    write_atomically(saved, model.to_bytes())
    assert saved.read_bytes() == before
