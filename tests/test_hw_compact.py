"""The compact classifier: hardware against its golden twin in every cycle, and against the model on texts."""

import numpy as np
import pytest
from hw_units import Recorder, WithReset, bursts, chance, random_bits
from test_text_compact import made_up

import hw.compact
from ganglion.engine import AmaranthEngine, check_twin, make_engine
from ganglion.text import CompactClassifier
from ganglion.text.csv_file import read_rows
from ganglion.text.datasets import DATASETS, class_numbers
from ganglion.text.features import text_keys
from golden.fixed import compact as twin
from golden.neuronguard import CompactEngine, CompactTable
from golden.spec.compact import CompactShape

SMALL = CompactShape(row_width=3, group_width=0, score_width=24)
NARROW = CompactShape(row_width=2, group_width=2, score_width=9)
"""Scores that saturate after one or two events."""
PAIR = CompactShape(row_width=8, group_width=1, score_width=12)
SHAPE = (500, 800)
Stimulus = dict[str, np.ndarray]


def name_of(shape: CompactShape) -> str:
    return f"R{shape.row_width}G{shape.n_groups}W{shape.score_width}"


def held(rng: np.random.Generator, shape: tuple[int, int], draw: np.ndarray, rate: float) -> np.ndarray:
    """Settings: the values of ``draw`` where they change, at that rate, and held between."""
    changes = rng.random(shape) < rate
    changes[:, 0] = True
    since = np.maximum.accumulate(np.where(changes, np.arange(shape[1]), 0), axis=1)
    return np.take_along_axis(draw, since, axis=1)


def events(rng: np.random.Generator, hardware: CompactShape, shape: tuple[int, int]) -> Stimulus:
    """A model half written at first, then written now and then; few fingerprints and rows, so that they meet.

    A third of the streams changes its settings at any time.
    """
    n_streams, n_cycles = shape
    wild = np.arange(n_streams)[:, None] % 3 == 0
    at_first = np.arange(n_cycles) < n_cycles // 4
    table_word = rng.integers(0, 4, shape) << 8 | random_bits(rng, shape, 8).astype(np.int64)
    to_codebook = chance(rng, shape, 0.6)
    masks = (1 << rng.integers(2, 9, shape)) - 1
    masks = np.where(wild & (rng.random(shape) < 0.3), rng.integers(0, 256, shape), masks)
    # Bytes of 127 and -128 in many words: scores soon saturate.
    largest = rng.choice(np.array([0x7F, 0x80], np.uint8), (*shape, 4)).view(np.uint32)[..., 0].astype(np.int64)
    data = np.where(rng.random(shape) < 0.4, largest, rng.integers(0, 1 << 32, shape))
    rate = np.where(at_first, 0.9, 0.02 + 0.3 * (rng.random((n_streams, 1)) < 0.2))
    return {
        "clear": chance(rng, shape, 0.01),
        "valid": bursts(rng, shape),
        "rows": random_bits(rng, shape, 4 * hardware.row_width),
        "tag": rng.integers(0, 4, shape) << 8 | random_bits(rng, shape, 8).astype(np.int64),
        "finish": chance(rng, shape, 0.006),
        "code_mask": np.where(wild, held(rng, shape, masks, 0.02), masks[:, :1]),
        "last_class": held(rng, shape, rng.integers(0, hardware.max_classes, shape), np.where(wild, 0.02, 0.0)),
        "score_index": random_bits(rng, shape, hardware.class_width),
        "write": (rng.random(shape) < rate).astype(np.int64),
        "write_codebook": to_codebook,
        "write_addr": random_bits(rng, shape, hardware.write_addr_width),
        "write_data": np.where(to_codebook == 1, data, table_word),
    }


@pytest.mark.parametrize("hardware", [SMALL, NARROW, PAIR], ids=name_of)
def test_against_the_twin(hardware: CompactShape) -> None:
    """400,000 random cycles of each of three shapes."""
    stimulus = events(np.random.default_rng(1), hardware, SHAPE)
    outputs = check_twin(hw.compact.CompactClassifier(hardware), twin.CompactClassifier(hardware, SHAPE[0]), stimulus)
    assert len(np.unique(outputs["winner"])) == hardware.max_classes
    assert 0.1 < outputs["done"].mean() < 0.9
    stalls = (stimulus["valid"] == 1) & (outputs["ready"] == 0) & (outputs["done"] == 0)
    assert 0.01 < stalls.mean() < 0.9
    assert len(np.unique(outputs["score"])) > 200
    if hardware is NARROW:
        for limit in (0x0FF, 0x100):
            assert (outputs["score"] == limit).mean() > 0.005, "scores saturate at both ends"


@pytest.mark.parametrize("hardware", [SMALL, NARROW], ids=name_of)
def test_reset_at_any_time(hardware: CompactShape) -> None:
    rng, shape = np.random.default_rng(2), (100, 400)
    stimulus = events(rng, hardware, shape)
    stimulus["rst"] = chance(rng, shape, 0.01)
    model = WithReset(twin.CompactClassifier(hardware, shape[0]), "_banks", "_codebook", "_words", "_weights")
    check_twin(hw.compact.CompactClassifier(hardware), model, stimulus)


def test_both_engines_agree_with_the_twin() -> None:
    component, shape = hw.compact.CompactClassifier(NARROW), (2, 300)
    with AmaranthEngine(component) as engine:
        stimulus = events(np.random.default_rng(3), NARROW, shape)
        check_twin(component, twin.CompactClassifier(NARROW, 2), stimulus, engine=engine)


@pytest.mark.parametrize(("weight", "limit"), [(-128, -(1 << 23)), (127, (1 << 23) - 1)])
def test_no_score_saturates_within_65536_events(weight: int, limit: int) -> None:
    """And past them it stays at the limit."""
    hardware = CompactShape(row_width=1)
    n_events, n_cycles = hardware.max_events, hardware.max_events + 700
    stimulus = {name: np.zeros(n_cycles, np.uint64) for name in ("write", "write_codebook", "write_addr", "write_data")}
    stimulus["write"][:2] = 1
    stimulus["write_codebook"][1] = 1
    stimulus["write_addr"][:2] = 0, 1
    stimulus["write_data"][:2] = 0x0501, (weight & 0xFF) * 0x01010101
    steady = {"valid": 1, "tag": 0x0500, "code_mask": 0xFF, "last_class": 3, "score_index": 2}
    stimulus |= {name: np.full(n_cycles, value, np.uint64) for name, value in steady.items()}
    stimulus["valid"][:2] = 0
    with make_engine(hw.compact.CompactClassifier(hardware)) as engine:
        score = engine.run_ports(stimulus)["score"].astype(np.int64)
    score = (score ^ (1 << 23)) - (1 << 23)
    # Accepted from cycle 2 on, one a cycle; an event is in the score four cycles later.
    n_added = np.maximum(np.arange(n_cycles) - 5, 0)
    np.testing.assert_array_equal(score, np.clip(n_added * weight, -(1 << 23), (1 << 23) - 1))
    assert score[5 + n_events] == n_events * weight
    assert score[-1] == limit


class Host(Recorder):
    """Drives the twin as software would, one text a stream at a time."""

    def __init__(self, table: CompactTable, hardware: CompactShape, n_streams: int) -> None:
        super().__init__(twin.CompactClassifier(hardware, n_streams))
        self.table, self.hardware, self.n_streams = table, hardware, n_streams
        zeros = np.zeros(n_streams, np.uint64)
        names = "clear valid rows tag finish score_index write write_codebook write_addr write_data"
        self.idle = dict.fromkeys(names.split(), zeros)
        self.idle |= {name: zeros + np.uint64(value) for name, value in twin.settings(table).items()}

    def drive(self, **ports: np.ndarray | int) -> dict[str, np.ndarray]:
        """A cycle with these inputs, the others idle."""
        zeros = self.idle["clear"]
        return self.step(self.idle | {name: zeros + np.asarray(value, np.uint64) for name, value in ports.items()})

    def load(self) -> None:
        """Write the model."""
        writes = twin.model_writes(self.table, self.hardware)
        for cycle in range(len(writes["write_addr"])):
            self.drive(write=1, **{name: values[cycle] for name, values in writes.items()})

    def classify(self, texts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Winners, best scores and all scores of texts given as keys, one a stream, and the cycles each took."""
        made = [twin.event_ports(self.table, keys, self.hardware) for keys in texts]
        n_events = np.array([len(keys) for keys in texts])
        longest = int(n_events.max()) + 1
        ports = {
            name: np.stack([np.pad(text[name], (0, longest - len(text[name]))) for text in made])
            for name in ("rows", "tag")
        }
        streams, sent, took = np.arange(self.n_streams), np.zeros(self.n_streams, np.int64), np.zeros(self.n_streams)
        self.drive(clear=1)
        done = np.zeros(self.n_streams, np.bool_)
        while not done.all():
            valid = sent < n_events
            outputs = self.drive(
                valid=valid,
                finish=sent >= n_events - 1,
                rows=ports["rows"][streams, sent],
                tag=ports["tag"][streams, sent],
            )
            done = outputs["done"] == 1
            took += ~done
            sent += valid & (outputs["ready"] == 1)
        scores = np.stack([self.drive(score_index=k)["score"] for k in range(self.table.n_classes)], axis=1)
        sign = 1 << (self.hardware.score_width - 1)
        return outputs["winner"], (outputs["best"] ^ sign) - sign, (scores ^ sign) - sign, took


def check_texts(model: CompactClassifier, texts: list[str], hardware: CompactShape, n_streams: int) -> None:
    """Class and scores of the texts from the model's NumPy code, and from hardware and twin, are the same bits."""
    table = model.table
    host = Host(table, hardware, n_streams)
    host.load()
    keys = text_keys(texts, table.seed)
    of_texts = [keys.keys[keys.texts == number] for number in range(len(texts))]
    scores = model.scores(texts)
    engine, n_groups = CompactEngine(table), (table.n_classes + 3) // 4
    for start in range(0, len(texts), n_streams):
        batch = of_texts[start : start + n_streams]
        winner, best, shown, took = host.classify(batch)
        now = scores[start : start + n_streams]
        np.testing.assert_array_equal(shown, now)
        np.testing.assert_array_equal(winner, now.argmax(1))
        np.testing.assert_array_equal(best, now.max(1))
        for stream, text in enumerate(batch):
            codes = [engine.code(int(key)) for key in text]
            costs = [n_groups if code else 1 for code in codes]
            ending = n_groups if codes and codes[-1] else 0
            n_cycles = 3 + table.n_classes + sum(costs[:-1]) + ending if codes else 2 + table.n_classes
            assert took[stream] == n_cycles
            assert n_cycles <= n_groups * len(text) + 3 + table.n_classes
    stimulus = host.stimulus()
    check_twin(hw.compact.CompactClassifier(hardware), twin.CompactClassifier(hardware, n_streams), stimulus)


def test_made_up_texts() -> None:
    """Fourteen classes: four groups."""
    texts, labels = made_up(2800)
    # Classes of classes: the length in words tells five variants of a class apart as well as anything.
    labels = (labels * 5 + np.array([len(text.split()) for text in texts]) % 5) % 14
    model = CompactClassifier.fit(texts, labels, [str(k) for k in range(14)], size=4096)
    unheard = ["", "unheard of", "cat " * 40, "x"]
    check_texts(model, texts[:60] + unheard, CompactShape(row_width=9, group_width=2), 16)


@pytest.mark.parametrize(
    ("name", "hardware"),
    [("ag_news", CompactShape(row_width=10)), ("dbpedia", CompactShape(row_width=10, group_width=2))],
    ids=["ag_news", "dbpedia"],
)
def test_texts_of_data_sets(name: str, hardware: CompactShape) -> None:
    dataset = DATASETS[name]
    try:
        paths = dataset.find("train"), dataset.find("test")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    train, test = (read_rows(path) for path in paths)
    labels = class_numbers(train, dataset.classes)[:4000]
    model = CompactClassifier.fit(train.texts[:4000], labels, dataset.classes, size=8192)
    sample = test.texts[:320]
    assert (model.predict(sample) == class_numbers(test, dataset.classes)[:320]).mean() > 0.75
    check_texts(model, sample, hardware, 32)


def test_a_model_that_does_not_fit_is_refused() -> None:
    words, codebook = np.zeros((4, 9), np.uint16), np.zeros((512, 5), np.int8)
    for hardware, table, message in (
        (SMALL, CompactTable(words, codebook[:16, :4], 0), "9 rows, the hardware room for 8"),
        (SMALL, CompactTable(words[:, :8], codebook[:16], 0), "5 classes, the hardware room for 4"),
        (NARROW, CompactTable(words[:, :4], codebook, 0), "9 bits of code, the hardware room for 8"),
    ):
        with pytest.raises(ValueError, match=message):
            twin.model_writes(table, hardware)
        with pytest.raises(ValueError, match=message):
            twin.event_ports(table, np.zeros(1, np.uint64), hardware)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("row_width", 0, ValueError),
        ("row_width", 17, ValueError),
        ("group_width", 7, ValueError),
        ("score_width", 7, ValueError),
        ("group_width", True, TypeError),
        ("row_width", 8.0, TypeError),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(name: str, value: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{name} must be .*{value}"):
        CompactShape(**{name: value})
