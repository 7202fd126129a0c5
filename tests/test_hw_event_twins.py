"""The NeuronGuard engine and its queue: hardware against the golden twins in every cycle, over a million events."""

import numpy as np
import pytest
from hw_units import WithReset, bursts, chance, random_bits

from ganglion.engine import AmaranthEngine, check_twin
from golden.fixed import event_engine, event_queue
from golden.spec.events import ID_WIDTH, TARGET_LOW, TARGET_NONE, THRESHOLD_LOW, UNIT_MAGNITUDE, EventShape, Fault
from hw.event_engine import EventEngine
from hw.event_queue import EventQueue

TINY = EventShape(neuron_width=2, queue_width=1, guard_width=1)
SMALL = EventShape(neuron_width=4, queue_width=3, guard_width=2)
USUAL = EventShape(neuron_width=6, queue_width=5, guard_width=4)
MEMORIES = ("_potentials", "_records", "_guards", "_potential_read", "_record_read", "_guard_read", "_entries", "data")
Stimulus = dict[str, np.ndarray]


def mixed(rng, shape, usual, low, high, rate):
    """Numbers of a range, at ``rate``; else one usual value."""
    return np.where(rng.random(shape) < rate, rng.integers(low, high, shape), usual)


def fields(rng: np.random.Generator, hardware: EventShape, shape: tuple[int, int], *, wild: bool) -> Stimulus:
    """What the host writes: records of which many fire, chains that go on, end, run in circles or outside."""
    n_streams, n_cycles = shape
    n = hardware.max_neurons
    last = rng.integers(1, n, (n_streams, 1))
    neuron = rng.integers(0, n, shape)
    target = np.where(rng.random(shape) < 0.6, np.minimum(neuron + rng.integers(1, 4, shape), last), rng.integers(0, n))
    target = np.where(rng.random(shape) < 0.25, TARGET_NONE, target)
    target = np.where(rng.random(shape) < 0.03, rng.integers(0, 1 << ID_WIDTH, shape), target)
    weight = mixed(rng, shape, 0, -(1 << 16), 1 << 17, 0.9)
    threshold = mixed(rng, shape, UNIT_MAGNITUDE, -(1 << 14), 1 << 16, 0.7)
    if wild:
        weight = mixed(rng, shape, weight, -(1 << 27), 1 << 27, 0.3)
        threshold = mixed(rng, shape, threshold, -(1 << 23), 1 << 23, 0.3)
    potential = mixed(rng, shape, 0, -(1 << 16), 1 << 16, 0.3)
    potential = np.where(rng.random(shape) < 0.05, rng.choice([-(1 << 31), (1 << 31) - 1], shape), potential)
    return {
        "host_read": chance(rng, shape, 0.1),
        "host_write": (rng.random(shape) < np.where(np.arange(n_cycles) < 4 * n, 0.9, 0.02)).astype(np.int64),
        "host_neuron": neuron,
        "host_potential": potential & 0xFFFF_FFFF,
        "host_record": (
            (weight & 0xFFF_FFFF) | target.astype(np.int64) << TARGET_LOW | (threshold & 0xFF_FFFF) << THRESHOLD_LOW
        ).astype(np.uint64),
        "last_neuron": np.broadcast_to(last, shape),
        "first_class": np.broadcast_to(rng.integers(0, n, (n_streams, 1)), shape),
    }


def events(
    rng: np.random.Generator, hardware: EventShape, shape: tuple[int, int], *, train: float, wild: bool = False
) -> Stimulus:
    """Posts in bursts, pauses, scans and flushes; a field written before and now and then."""
    n_streams, n_cycles = shape
    begins = np.arange(n_cycles) >= 4 * hardware.max_neurons
    magnitude = mixed(rng, shape, UNIT_MAGNITUDE, -(1 << 16), 1 << 17, 0.4 if train < 0.5 else 0.1)
    if wild:
        magnitude = mixed(rng, shape, magnitude, -(1 << 27), 1 << 27, 0.3)
    target = rng.integers(0, hardware.max_neurons, shape)
    target = np.where(rng.random(shape) < 0.3, target[:, :1], target)
    target = np.where(rng.random(shape) < 0.02, rng.integers(0, 1 << ID_WIDTH, shape), target)
    return fields(rng, hardware, shape, wild=wild) | {
        "go": (begins & ((rng.random((n_streams, 1)) < 0.7) | (bursts(rng, shape) == 1))).astype(np.int64),
        "post": np.where(rng.random((n_streams, 1)) < 0.6, chance(rng, shape, 0.9), bursts(rng, shape)),
        "post_target": target,
        "post_magnitude": magnitude,
        "post_train": chance(rng, shape, train),
        "post_punish": chance(rng, shape, 0.3),
        "flush": chance(rng, shape, 0.002),
        "scan": chance(rng, shape, 0.01),
        "scan_clear": chance(rng, shape, 0.4),
        "reward": np.broadcast_to(rng.integers(-(1 << (23 if wild else 12)), 1 << 13, (n_streams, 1)), shape),
        "punishment": np.broadcast_to(rng.integers(-(1 << 13), 1 << (23 if wild else 12), (n_streams, 1)), shape),
    }


def check(hardware: EventShape, shape: tuple[int, int], stimulus: Stimulus) -> dict[str, np.ndarray]:
    return check_twin(EventEngine(hardware), event_engine.EventEngine(hardware, shape[0]), stimulus)


@pytest.mark.parametrize("hardware", [TINY, SMALL, USUAL], ids=lambda shape: f"A{shape.neuron_width}")
def test_events_of_both_modes(hardware: EventShape) -> None:
    """Mixed events with every kind of fault, values of all sizes."""
    shape = (600, 900)
    outputs = check(hardware, shape, events(np.random.default_rng(1), hardware, shape, train=0.3, wild=True))
    faults = set(Fault) - ({Fault.GUARDS} if hardware is USUAL else set())  # chains of 16 do not come about
    assert set(np.unique(outputs["fault"])) == {int(fault) for fault in faults}
    assert len(np.unique(outputs["winner"])) == hardware.max_neurons
    assert len(np.unique(outputs["chain_length"])) >= min(hardware.max_guards, 8)
    for name in ("ready", "busy", "lost", "taken", "chain_end", "chain_reached", "scan_end"):
        assert 0 < outputs[name].mean() < 1, name
    assert outputs["taken"].sum() > 20_000


@pytest.mark.parametrize(("train", "n_parts", "least"), [(0.0, 5, 950_000), (1.0, 3, 130_000)])
def test_a_million_events(train: float, n_parts: int, least: int) -> None:
    """Run mode, then Trainer mode, with posts and pauses in bursts: over a million events together."""
    shape, n_events, n_chains, reached = (1000, 1000), 0, 0, 0
    for part in range(n_parts):
        outputs = check(SMALL, shape, events(np.random.default_rng(10 + part), SMALL, shape, train=train))
        ends = outputs["chain_end"] == 1
        n_events += int(outputs["taken"].sum())
        n_chains += int(ends.sum())
        reached += int(outputs["chain_reached"][ends].sum())
        assert 0.01 < (outputs["ready"] == 0).mean() < 0.99
    assert n_events >= least
    if train:
        assert n_chains >= 0.9 * least
        assert 0.1 < reached / n_chains < 0.9


def test_reset_at_any_time() -> None:
    rng, shape = np.random.default_rng(3), (200, 700)
    stimulus = events(rng, SMALL, shape, train=0.5)
    stimulus["rst"] = chance(rng, shape, 0.01)
    check_twin(EventEngine(SMALL), WithReset(event_engine.EventEngine(SMALL, shape[0]), *MEMORIES), stimulus)


def test_the_interpreted_simulator_agrees() -> None:
    component, shape = EventEngine(TINY), (2, 300)
    with AmaranthEngine(component) as engine:
        stimulus = events(np.random.default_rng(4), TINY, shape, train=0.5)
        check_twin(component, event_engine.EventEngine(TINY, 2), stimulus, engine=engine)


@pytest.mark.parametrize(("width", "depth_width"), [(1, 1), (42, 3), (62, 5)])
def test_queue(width: int, depth_width: int) -> None:
    rng, shape = np.random.default_rng(5), (400, 600)
    stimulus = {
        "push": bursts(rng, shape),
        "push_data": random_bits(rng, shape, width),
        "pop": bursts(rng, shape),
        "flush": chance(rng, shape, 0.01),
    }
    twin = event_queue.EventQueue(width, depth_width, shape[0])
    outputs = check_twin(EventQueue(width=width, depth_width=depth_width), twin, stimulus)
    assert set(np.unique(outputs["level"])) == set(range((1 << depth_width) + 1))
