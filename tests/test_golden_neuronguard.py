"""The neuron field and the event engine, against hand-worked chains and a model in exact fractions."""

import ctypes
import struct
from collections import deque
from fractions import Fraction

import numpy as np
import pytest

from golden.neuronguard import (
    NO_TARGET,
    RECORD,
    Chain,
    EventEngine,
    EventLimitError,
    EventQueue,
    FieldError,
    LeaseError,
    NeuronField,
    QueueFullError,
)
from golden.neuronguard.tasks import EXPERTS, ROUTER_WORDS, route, train_rhythm, train_router


def chain(*weights, threshold=1.0):
    """A field of neurons one after the other."""
    field = NeuronField(len(weights))
    targets = [*range(1, len(weights)), NO_TARGET]
    field.set(slice(None), threshold=threshold, target=targets, weight=np.array(weights))
    return field


def test_record_layout():
    assert RECORD.itemsize == 16
    assert [RECORD.fields[name][1] for name in ("potential", "threshold", "target", "weight")] == [0, 4, 8, 12]


@pytest.mark.parametrize("size", [1, 2, 3, 105, 1004])
def test_the_field_is_aligned_and_addressed_by_base_and_id(size):
    field = NeuronField(size)
    field.potential[:] = np.arange(size)
    field.set(slice(None), threshold=2.5, target=size - 1, weight=-0.75)
    assert field.base_addr % 16 == 0
    assert field.nbytes == 16 * size
    for neuron in {0, size // 2, size - 1}:
        assert field.addr(neuron) == field.base_addr + 16 * neuron
        held = struct.unpack("<ffIf", ctypes.string_at(field.addr(neuron), 16))
        assert held == (neuron, 2.5, size - 1, -0.75)


@pytest.mark.parametrize("shift", [0, 1, 8, 15])
def test_the_field_is_aligned_wherever_its_memory_begins(monkeypatch, shift):
    zeros = np.zeros

    def shifted(size, dtype):
        block = zeros(size + 32, dtype)
        start = (shift - block.ctypes.data) % 16
        return block[start : start + size]

    monkeypatch.setattr(np, "zeros", shifted)
    field = NeuronField(5)
    monkeypatch.undo()
    assert field.base_addr % 16 == 0
    assert len(field) == 5


def test_a_new_field_is_quiet():
    field = NeuronField(3)
    assert field.records.tolist() == [(0.0, 1.0, NO_TARGET, 0.0)] * 3


def test_a_copy_is_independent():
    field = chain(1, 2)
    copy = field.copy()
    assert copy.same_as(field)
    copy.weight[0] = 5
    assert not copy.same_as(field)
    assert field.weight[0] == 1


@pytest.mark.parametrize("neuron", [-1, 3])
def test_a_neuron_outside_is_named(neuron):
    field = NeuronField(3)
    with pytest.raises(FieldError, match=f"neuron {neuron} is not in the field of 3"):
        field.addr(neuron)
    with pytest.raises(FieldError, match=f"neuron {neuron} "):
        EventEngine(field).post(neuron)
    with pytest.raises(FieldError, match=f"neuron {neuron} "):
        EventEngine(field).train(neuron, 1, 1)


@pytest.mark.parametrize("size", [0, -1, NO_TARGET])
def test_sizes_that_no_field_has(size):
    with pytest.raises(FieldError, match=f"not {size}"):
        NeuronField(size)


def test_set_checks_before_it_writes():
    field = chain(1, 1)
    before = field.copy()
    with pytest.raises(FieldError, match="target 7 is not in the field of 2"):
        field.set([0], weight=3, target=7)
    with pytest.raises(FieldError, match="weight must be a number"):
        field.set([0], threshold=3, weight=np.nan)
    assert field.same_as(before)


def test_a_field_over_memory_that_exists():
    block = np.zeros(64, np.uint8)
    start = -block.ctypes.data % 16
    records = block[start : start + 32].view(RECORD)
    field = NeuronField.over(records)
    field.weight[1] = 4
    assert struct.unpack("<f", block[start + 28 : start + 32].tobytes()) == (4,)
    with pytest.raises(FieldError, match="aligned"):
        NeuronField.over(block[start + 8 : start + 24].view(RECORD))
    with pytest.raises(FieldError, match="uint8"):
        NeuronField.over(block)  # type: ignore[arg-type]


def test_run_mode_passes_the_weight_on():
    field = chain(1.5, 2, 0.5, 9)
    engine = EventEngine(field)
    engine.post(0)
    assert engine.run() == 4
    # The third neuron fires with 2; its weight of 0.5 is too little for the fourth.
    assert field.potential.tolist() == [0, 0, 0, 0.5]
    engine.post(3, 0.5)
    assert engine.run() == 1
    assert field.potential.tolist() == [0, 0, 0, 0]


def test_potentials_add_up_to_the_threshold():
    field = chain(1, 1, threshold=0.75)
    engine = EventEngine(field, accumulators=(1,))
    for expected in ([0.25, 0], [0.5, 0], [0, 1], [0.25, 1]):
        engine.post(0, 0.25)
        engine.run()
        assert field.potential.tolist() == expected


def test_accumulators_never_fire():
    field = chain(1, 1, 1)
    engine = EventEngine(field, accumulators=range(1, 2))
    for _ in range(5):
        engine.post(0)
    engine.run()
    assert field.potential.tolist() == [0, 5, 0]


def test_the_queue_is_first_in_first_out_and_bounded():
    queue = EventQueue(2)
    engine = EventEngine(chain(1, 1), queue=queue)
    engine.post(0, 0.25)
    engine.post(1, 0.5)
    with pytest.raises(QueueFullError, match="the queue is full: 2 events"):
        engine.post(0)
    assert [(packet.target, packet.magnitude) for packet in (queue.pop(), queue.pop())] == [(0, 0.25), (1, 0.5)]
    assert len(queue) == 0
    with pytest.raises(ValueError, match="not 0"):
        EventQueue(0)


def test_a_field_that_excites_itself_is_stopped():
    field = NeuronField(2)
    field.set([0, 1], target=[1, 0], weight=1)
    engine = EventEngine(field)
    engine.post(0)
    with pytest.raises(EventLimitError, match="1 events still wait after 100"):
        engine.run(100)
    assert len(engine.queue) == 1


def test_a_damaged_target_is_named_and_changes_nothing():
    field = chain(1, 1)
    field.target[0] = 9
    engine = EventEngine(field)
    engine.post(0)
    with pytest.raises(FieldError, match="neuron 0 has the target 9: not in the field of 2"):
        engine.run()
    assert field.potential.tolist() == [0, 0]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e39])
def test_magnitude_and_feedback_are_finite(value):
    engine = EventEngine(chain(1, 1))
    with pytest.raises(ValueError, match="magnitude must be a finite float32"):
        engine.post(0, value)
    with pytest.raises(ValueError, match="magnitude must be a finite float32"):
        engine.train(0, value, 0)
    with pytest.raises(ValueError, match="feedback must be a finite float32"):
        engine.train(0, 1, value)


def exact_run(records, events):
    """Run mode in exact fractions: potentials after all events."""
    potential, threshold, target, weight = (list(side) for side in zip(*records, strict=True))
    potential, threshold, weight = ([Fraction(value) for value in side] for side in (potential, threshold, weight))
    queue = deque(events)
    while queue:
        neuron, magnitude = queue.popleft()
        potential[neuron] += Fraction(magnitude)
        if potential[neuron] >= threshold[neuron]:
            potential[neuron] = Fraction(0)
            if target[neuron] != NO_TARGET:
                queue.append((target[neuron], weight[neuron]))
    return potential


@pytest.mark.parametrize("seed", range(20))
def test_run_mode_is_exact_where_float32_is(seed):
    # Eighths up to some hundreds: float32 holds every sum exactly.
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 30))
    field = NeuronField(size)
    targets = [
        int(rng.integers(i + 1, size)) if i + 1 < size and rng.random() < 0.8 else NO_TARGET for i in range(size)
    ]
    field.set(
        slice(None), threshold=rng.integers(1, 24, size) / 8, target=targets, weight=rng.integers(-8, 24, size) / 8
    )
    field.potential[:] = rng.integers(-8, 8, size) / 8
    events = list(zip(rng.integers(size, size=200).tolist(), (rng.integers(-4, 12, 200) / 8).tolist(), strict=True))
    expected = exact_run(field.records.tolist(), events)
    engine = EventEngine(field)
    for neuron, magnitude in events:
        engine.post(neuron, magnitude)
    n_events = engine.run()
    assert n_events > len(events)
    assert field.potential.tolist() == [float(value) for value in expected]


def test_feedback_goes_to_the_path_but_its_last_neuron():
    field = chain(1, 2, 4)
    engine = EventEngine(field)
    assert engine.train(0, 1, 0.5) == Chain((0, 1, 2), True)
    assert field.weight.tolist() == [1.5, 2.5, 4]
    assert engine.train(1, 1, -0.25) == Chain((1, 2), True)
    assert field.weight.tolist() == [1.5, 2.25, 4]
    assert engine.train(2, 1, 1) == Chain((2,), True)
    assert field.weight.tolist() == [1.5, 2.25, 4]
    assert field.potential.tolist() == [0, 0, 0]


def test_the_signal_is_the_magnitude_times_the_weight_of_the_neuron_before():
    # 0.5 * 4 = 2 reaches the second threshold exactly, and 0.5 * 2 the third; not with a little less.
    field = chain(4, 2, 1)
    field.set([0, 1, 2], threshold=[0.5, 2, 1])
    assert EventEngine(field.copy()).train(0, 0.5, 0).reached
    below = field.copy()
    below.weight[0] = np.nextafter(np.float32(4), np.float32(0))
    assert EventEngine(below).train(0, 0.5, 0) == Chain((0, 1), False)
    below = field.copy()
    below.weight[1] = np.nextafter(np.float32(2), np.float32(0))
    assert EventEngine(below).train(0, 0.5, 0) == Chain((0, 1, 2), False)


def test_a_chain_that_does_not_reach_its_end_gets_no_feedback():
    field = chain(0.5, 1)
    before = field.copy()
    assert EventEngine(field).train(0, 1, 1) == Chain((0, 1), False)
    assert EventEngine(field).train(0, 0.5, 1) == Chain((0,), False)
    assert field.same_as(before)


def test_a_potential_from_before_counts_once():
    field = chain(1, 1)
    field.potential[:] = [0.75, -0.5]
    engine = EventEngine(field)
    assert engine.train(0, 0.25, 1) == Chain((0, 1), False)
    assert engine.train(0, 0.25, 1) == Chain((0,), False)
    assert engine.train(0, 1, 1) == Chain((0, 1), True)
    assert field.weight.tolist() == [2, 1]


def circle():
    field = chain(1, 1, 1)
    field.target[2] = 1
    return field, LeaseError, "comes back to neuron 1"


def damaged():
    field = chain(1, 1, 1)
    field.target[2] = 50
    return field, FieldError, "neuron 2 has the target 50"


@pytest.mark.parametrize("case", [circle, damaged])
def test_guards_close_on_errors(case):
    field, error, message = case()
    field.potential[:] = 0.5
    weights = field.weight.tolist()
    engine = EventEngine(field)
    with pytest.raises(error, match=message):
        engine.train(0, 1, 0.25)
    assert field.potential.tolist() == [0, 0, 0]
    assert field.weight.tolist() == weights
    assert engine.leases == frozenset()


def test_guards_are_open_along_the_path_and_close_on_any_exception(monkeypatch):
    field = chain(1, 1, 1)
    engine = EventEngine(field)
    seen = []
    receive = engine._receive

    def spy(packet):
        seen.append((packet.target, packet.source, sorted(engine.leases), field.potential.tolist()))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return receive(packet)

    monkeypatch.setattr(engine, "_receive", spy)
    with pytest.raises(KeyboardInterrupt):
        engine.train(0, 1, 1)
    assert seen == [(0, None, [0], [0, 0, 0]), (1, 0, [0, 1], [1, 0, 0]), (2, 1, [0, 1, 2], [1, 1, 0])]
    assert field.potential.tolist() == [0, 0, 0]
    assert field.weight.tolist() == [1, 1, 1]
    assert engine.leases == frozenset()
    monkeypatch.undo()
    assert engine.train(0, 1, 1).reached


def test_rhythm_converges():
    result = train_rhythm()
    assert result.epoch == 3
    good, bad, expected = np.float32(1.5), np.float32(1.5), []
    for _ in range(3):
        good, bad = good + np.float32(0.05), bad + np.float32(-0.2)
        expected.append([good, bad])
    assert result.weights.tolist() == np.array(expected).tolist()
    # In Run mode only the rewarded input now makes the output fire.
    for neuron, left in ((0, 0), (1, result.weights[-1, 1])):
        field = result.field.copy()
        engine = EventEngine(field)
        engine.post(neuron)
        assert engine.run() == 2
        assert field.potential[2] == left


def test_rhythm_needs_its_epochs():
    assert train_rhythm(2).epoch is None
    with pytest.raises(ValueError, match="not 0"):
        train_rhythm(0)


def test_router_routes_every_word_to_its_expert():
    assert [len(set(words)) for words in ROUTER_WORDS] == [20] * len(EXPERTS)
    assert len({word for words in ROUTER_WORDS for word in words}) == 100
    trained = train_router(seed=3)
    assert len(trained.field) == 105
    assert (np.diff(trained.mean_weights) > 0).all()
    for number, words in enumerate(ROUTER_WORDS):
        for word in words:
            potentials = route(trained.field, [word, "unheard-of"])
            assert potentials.argmax() == number
            assert np.count_nonzero(potentials) == 1
    assert not route(trained.field, ["unheard-of"]).any()


def test_router_is_the_same_for_the_same_seed():
    assert train_router(2, 1).field.same_as(train_router(2, 1).field)
    assert not train_router(2, 1).field.same_as(train_router(2, 2).field)
    with pytest.raises(ValueError, match="-1"):
        train_router(-1)
