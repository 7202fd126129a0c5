"""Texts of a data set through the event unit, over its bus; and the unit's own top level."""

from collections.abc import Iterator

import numpy as np
import pytest

from ganglion.backends.base import BackendError
from ganglion.backends.events import EventBus
from ganglion.engine import Engine, make_engine
from ganglion.event_device import EventDevice
from ganglion.text import CompactClassifier
from ganglion.text.csv_file import read_rows
from ganglion.text.datasets import DATASETS, class_numbers
from ganglion.text.features import ordered_keys
from golden.fixed.events import FixedField
from golden.neuronguard import NeuronField
from golden.spec.compact import CompactShape
from golden.spec.event_unit import EVENT_PRESETS, EventUnitShape
from golden.spec.events import EventShape
from hw.event_unit import EVENT_PORTS, EventUnit
from hw.verilog import EVENT_MODULE, event_verilog

SHAPE = EVENT_PRESETS["icebreaker-events"]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with make_engine(EventUnit(SHAPE)) as made:
        yield made


@pytest.mark.parametrize("name", ["ag_news", "dbpedia"])
def test_texts_of_data_sets(engine: Engine, name: str) -> None:
    """A sample; ``scripts/bench_event_unit.py`` does all rows."""
    dataset = DATASETS[name]
    try:
        paths = dataset.find("train"), dataset.find("test")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    train, test = (read_rows(path) for path in paths)
    labels = class_numbers(train, dataset.classes)[:4000]
    model = CompactClassifier.fit(train.texts[:4000], labels, dataset.classes, size=8192)
    sample = [*test.texts[:300], "", "unheardof"]
    keys, ends = ordered_keys(sample, model.table.seed)
    engine.reset()
    device = EventDevice(EventBus(engine, SHAPE))
    device.load_table(model.table)
    winners, scores = device.classify(np.split(keys, ends[:-1]))
    np.testing.assert_array_equal(scores, model.scores(sample))
    np.testing.assert_array_equal(winners, model.predict(sample))
    assert (winners[:300] == class_numbers(test, dataset.classes)[:300]).mean() > 0.75


def test_what_the_device_refuses(engine: Engine) -> None:
    engine.reset()
    other = EventUnitShape(compact=CompactShape(row_width=12), engine=EventShape(neuron_width=10))
    with pytest.raises(BackendError, match="register CONFIG holds 0x48b172c, this unit's is 0x48a170c"):
        EventDevice(EventBus(engine, other))
    device = EventDevice(EventBus(engine, SHAPE))
    with pytest.raises(BackendError, match="no compact model was loaded"):
        device.classify([])
    with pytest.raises(ValueError, match="a field of 2049 neurons; the hardware has 2048"):
        device.load_field(FixedField.of_field(NeuronField(2049)), 1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EventUnitShape(compact=CompactShape(row_width=13)), ValueError, "1 to 12 on the bus, got 13"),
        (lambda: EventUnitShape(engine=3), TypeError, "engine must be of EventShape, got 3"),
        (lambda: EventShape(neuron_width=13), ValueError, "neuron_width must be 1 to 12, got 13"),
        (lambda: EventShape(guard_width=0), ValueError, "guard_width must be 1 to 4, got 0"),
        (lambda: EventShape(queue_width=True), TypeError, "queue_width must be an integer, got True"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()


def test_verilog_of_the_top_level() -> None:
    text = event_verilog(EVENT_PRESETS["tiny-events"])
    assert f"module {EVENT_MODULE}(" in text
    head = text[text.index(f"module {EVENT_MODULE}(") :].split(");")[0]
    names = [name.strip() for name in head.split("(")[1].split(",")]
    assert sorted(names) == sorted(["clk", "rst_n", *EVENT_PORTS])
