"""The event engine's twin: against the untimed arithmetic, that against float32, and its cycles by the contract."""

from collections import deque

import numpy as np
import pytest

from golden.fixed.bits import to_signed
from golden.fixed.event_engine import EventEngine as Twin
from golden.fixed.event_queue import EventQueue
from golden.fixed.events import FixedEvents, FixedField
from golden.neuronguard import NO_TARGET, EventEngine, FieldError, LeaseError, NeuronField
from golden.neuronguard.classifier import PUNISHMENT, REWARD
from golden.spec.events import FEEDBACK, POTENTIAL, TARGET_NONE, UNIT_MAGNITUDE, WEIGHT, EventShape, Fault

ONE = UNIT_MAGNITUDE
SHAPE = EventShape(neuron_width=4, queue_width=7, guard_width=3)
NAMES = ("go", "post", "post_target", "post_magnitude", "post_train", "post_punish", "flush", "scan", "scan_clear")
NAMES += ("host_read", "host_write", "host_neuron", "host_potential", "host_record")
NAMES += ("last_neuron", "first_class", "reward", "punishment")


class Driver:
    """One stream of the twin, driven as software would; ``now`` counts cycles, ``log`` keeps outputs."""

    def __init__(self, shape=SHAPE, **settings):
        self.twin, self.settings, self.log = Twin(shape), settings, []

    def cycle(self, **inputs):
        """A cycle with these inputs, the others idle; the outputs."""
        values = dict.fromkeys(NAMES, 0) | self.settings | inputs
        given = {name: np.array([value & (2**64 - 1)], np.uint64) for name, value in values.items()}
        found = {name: int(value[0]) for name, value in self.twin.step(given).items()}
        self.log.append(found)
        return found

    @property
    def now(self):
        return len(self.log)

    def load(self, field):
        for neuron, record in enumerate(field.records().tolist()):
            self.cycle(
                host_write=1, host_neuron=neuron, host_potential=int(field.potentials[neuron]), host_record=record
            )

    def finish(self, limit=20_000, **inputs):
        """Cycles until the engine is idle."""
        while self.cycle(**inputs)["busy"]:
            assert self.now < limit
        self.cycle()

    def read(self, n):
        """Potentials and records of n neurons."""
        found = []
        for neuron in range(n):
            self.cycle(host_read=1, host_neuron=neuron)
            shown = self.cycle()
            found.append((shown["potential"], shown["record"]))
        potentials, records = zip(*found, strict=True)
        return FixedField.of_memories(to_signed(np.array(potentials), 32), np.array(records, np.uint64))

    def times(self, name):
        """Cycles in which an output was not 0."""
        return [number for number, outputs in enumerate(self.log) if outputs[name]]


def same(one, two):
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in vars(one))


def random_field(rng, n, *, circles):
    """Neurons of small thresholds; targets behind a neuron, or anywhere and outside with ``circles``."""
    behind = np.array([rng.integers(neuron + 1, n + 1) for neuron in range(n)])
    anywhere = rng.integers(0, n + 2, n)
    targets = np.where(rng.random(n) < 0.5, anywhere, behind) if circles else behind
    targets = np.where(rng.random(n) < 0.15, TARGET_NONE, targets)
    targets[targets == n] = n if circles else TARGET_NONE
    large = rng.random(n) < 0.05
    weights = np.where(large, rng.choice([WEIGHT.min_raw, WEIGHT.max_raw], n), rng.integers(0, 3 * ONE, n))
    potentials = np.where(rng.random(n) < 0.1, rng.integers(-ONE, ONE, n), 0)
    return FixedField(potentials, rng.integers(-ONE // 8, ONE, n), targets, weights)


def post_random(rng, n, driver, model, *, train):
    magnitudes = np.where(rng.random(60) < 0.6, ONE, rng.integers(-ONE, 2 * ONE, 60))
    for magnitude in magnitudes.tolist():
        target, punish = int(rng.integers(n)), bool(rng.integers(2))
        model.post(target, magnitude, train=train, punish=punish)
        driver.cycle(post=1, post_target=target, post_magnitude=magnitude, post_train=train, post_punish=punish)
        if rng.random() < 0.3:
            driver.cycle()


def outcome(driver):
    """Chains and faults that the outputs told of."""
    chains = [(driver.log[t]["chain_length"], bool(driver.log[t]["chain_reached"])) for t in driver.times("chain_end")]
    return chains, [(driver.log[t]["fault"], driver.log[t]["fault_neuron"]) for t in driver.times("fault")]


@pytest.mark.parametrize("seed", range(12))
def test_memories_are_those_of_the_untimed_events(seed):
    """Runs with targets behind, chains with targets anywhere; then winner take all, with and without clearing."""
    rng = np.random.default_rng(seed)
    n, train = int(rng.integers(2, 17)), seed % 2 == 1
    first_class = int(rng.integers(1, n + 1)) if not train else n - 1
    first_class = min(first_class, n - 1)
    field = random_field(rng, n, circles=train)
    reward, punishment = int(rng.integers(0, ONE)), -int(rng.integers(0, ONE))
    model = FixedEvents(field, SHAPE, first_class=first_class, reward=reward, punishment=punishment)
    driver = Driver(last_neuron=n - 1, first_class=first_class, reward=reward, punishment=punishment)
    driver.load(field)
    post_random(rng, n, driver, model, train=train)
    n_events = model.run()
    assert n_events >= 60
    while driver.cycle(go=int(rng.random() < 0.7))["busy"] or driver.log[-1]["level"]:
        assert driver.now < 20_000
    driver.finish(go=1)
    assert len(driver.times("taken")) == n_events
    chains, faults = outcome(driver)
    assert chains == [(len(chain.path), chain.reached) for chain in model.chains]
    assert faults == model.faults
    assert same(driver.read(n), model.field)
    for clear in (1, 0):
        driver.cycle(scan=1, scan_clear=clear)
        driver.finish()
        best = model.scan(clear=bool(clear))
        assert (driver.log[-1]["winner"], int(to_signed(np.array([driver.log[-1]["best"]]), 32)[0])) == best
    assert same(driver.read(n), model.field)


def test_random_chains_meet_every_end():
    """Long chains, circles, targets outside, chains that die out and ones that arrive."""
    rng, shape = np.random.default_rng(3), EventShape(neuron_width=4, guard_width=2)
    chains = []
    for _ in range(30):
        model = FixedEvents(random_field(rng, 12, circles=True), shape, first_class=12, reward=50)
        for _ in range(30):
            model.post(int(rng.integers(12)), ONE, train=True)
        model.run()
        chains += model.chains
    assert {chain.fault for chain in chains} == set(Fault)
    assert {chain.reached for chain in chains} == {False, True}
    assert {len(chain.path) for chain in chains} == {1, 2, 3, 4}


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_untimed_events_are_those_of_float32_where_nothing_rounds(seed, train):
    """Values of eighths up to 8: exact in both. Errors of the float32 engine are the faults here."""
    rng, n = np.random.default_rng(seed + 100), 12
    field = NeuronField(n)
    targets = np.array([rng.integers(neuron + 1, n + 1) for neuron in range(n)])
    if train:
        targets = np.where(rng.random(n) < 0.3, rng.integers(0, n, n), targets)
    field.set(slice(None), threshold=rng.integers(1, 9, n) / 8, weight=rng.integers(0, 17, n) / 8)
    field.target[:] = np.where(targets == n, NO_TARGET, targets)
    raw = FixedField.of_field(field)
    model = FixedEvents(raw, SHAPE, first_class=n - 2, reward=ONE // 8, punishment=-ONE // 4)
    engine = EventEngine(field, accumulators=range(n - 2, n))
    n_errors = 0
    for _ in range(300):
        target, magnitude, punish = int(rng.integers(n)), int(rng.integers(1, 17)), bool(rng.integers(2))
        model.post(target, magnitude * ONE // 8, train=train, punish=punish)
        model.run()
        if not train:
            engine.post(target, magnitude / 8)
            engine.run()
            continue
        try:
            chain = engine.train(target, magnitude / 8, -0.25 if punish else 0.125)
        except LeaseError:
            n_errors += 1
            assert model.chains[-1].fault == Fault.CIRCLE
        else:
            assert (model.chains[-1].path, model.chains[-1].reached) == (chain.path, chain.reached)
    assert same(model.field, FixedField.of_field(field))
    assert np.array_equal(POTENTIAL.from_raw(raw.potentials), field.potential)
    assert n_errors == len(model.faults)


def test_numbers_saturate():
    field = FixedField(
        np.array([POTENTIAL.max_raw, POTENTIAL.min_raw, 0]),
        np.array([0, 0, 0]),
        np.array([2, 2, TARGET_NONE]),
        np.array([WEIGHT.max_raw, WEIGHT.min_raw, 0]),
    )
    model = FixedEvents(field, SHAPE, first_class=0, reward=FEEDBACK.max_raw, punishment=FEEDBACK.min_raw)
    model.post(0, ONE)
    model.post(1, -ONE)
    model.run()
    assert field.potentials.tolist() == [POTENTIAL.max_raw, POTENTIAL.min_raw, 0]
    field.potentials[:] = 0
    model.post(0, 2 * ONE, train=True)
    model.run()
    assert model.chains[-1].reached
    assert field.weights[0] == WEIGHT.max_raw
    assert FixedField.of_memories(field.potentials, field.records()).weights.tolist() == field.weights.tolist()


def test_a_classifier_trains_with_the_rates_of_the_rules():
    """Word 0 is right three times in four, word 1 never: it stops below 1."""
    reward, punishment = FEEDBACK.to_raw([REWARD, PUNISHMENT]).tolist()
    assert (reward, punishment) == (1638, -4915)
    field = FixedField(np.zeros(3, int), np.full(3, ONE), np.array([2, 2, TARGET_NONE]), np.full(3, 3 * ONE // 2))
    model = FixedEvents(field, SHAPE, first_class=2, reward=reward, punishment=punishment)
    for number in range(8):
        model.post(0, ONE, train=True, punish=number % 4 == 3)
        model.post(1, ONE, train=True, punish=True)
    model.run()
    assert field.weights.tolist() == [3 * ONE // 2 + 6 * 1638 - 2 * 4915, 3 * ONE // 2 - 4 * 4915, 3 * ONE // 2]


def chain_field(n):
    """n neurons in a row, each fires at once."""
    targets = np.array([*range(1, n), TARGET_NONE])
    return FixedField(np.zeros(n, int), np.full(n, ONE), targets, np.full(n, ONE))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("magnitude", [ONE, ONE + 1])
def test_cycles_of_a_chain(length, magnitude):
    driver = Driver(last_neuron=length - 1, first_class=length, reward=1)
    driver.load(chain_field(length))
    for _ in range(2):
        driver.cycle(post=1, post_target=0, post_magnitude=magnitude, post_train=1)
    driver.finish(go=1)
    first, second = (t - 1 for t in driver.times("taken"))
    links = sum(i + 2 if magnitude == ONE else 29 for i in range(1, length))
    ends = driver.times("chain_end")
    assert ends[0] == first + 3 * length + 2 + links
    assert second == ends[0]
    if length == 2 and magnitude == ONE:
        assert ends[0] == first + 11
    assert [driver.log[t]["chain_length"] for t in ends] == [length] * 2


def test_cycles_of_runs():
    """One event a cycle; a fired one may be taken three cycles after the one that fired it; scans take n + 1."""
    driver = Driver(last_neuron=9, first_class=8)
    field = chain_field(10)
    field.targets[:8] = 8
    driver.load(field)
    for neuron in range(8):
        driver.cycle(post=1, post_target=neuron, post_magnitude=ONE)
    driver.finish(go=1)
    taken = driver.times("taken")
    assert np.diff(taken).tolist() == [1] * 15
    assert driver.read(10).potentials.tolist() == [0] * 8 + [8 * ONE, 0]
    driver.cycle(post=1, post_target=0, post_magnitude=ONE)
    begun = driver.now
    driver.finish(go=1)
    assert np.diff(driver.times("taken")[-2:]).tolist() == [3]
    assert driver.times("taken")[-2] == begun + 2
    driver.cycle(scan=1, scan_clear=1)
    begun = driver.now
    driver.finish()
    assert driver.times("scan_end") == [begun + 3]
    assert (driver.log[-1]["winner"], driver.log[-1]["best"]) == (0, 9 * ONE)
    assert driver.read(10).potentials.tolist() == [0] * 10


def test_posts_and_flushes():
    driver = Driver(EventShape(neuron_width=3, queue_width=1, guard_width=1), last_neuron=4, first_class=4)
    driver.cycle(post=1, post_target=5)
    assert driver.cycle(post=1, post_target=0)["lost"] == 1
    assert driver.cycle(post=1, post_target=1)["level"] == 1
    full = driver.cycle(post=1, post_target=2)
    assert (full["ready"], full["level"], full["lost"]) == (0, 2, 0)
    assert driver.cycle()["lost"] == 1
    assert driver.cycle(flush=1, post=1, post_target=1)["busy"] == 0
    after = driver.cycle(go=1)
    assert (after["level"], after["lost"], after["busy"], after["ready"]) == (0, 1, 0, 1)


def test_the_queue_is_a_queue():
    rng = np.random.default_rng(0)
    queue, expected = EventQueue(20, 3), deque()
    for _ in range(4000):
        push, pop, flush = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.01
        value = int(rng.integers(1 << 20))
        given = {"push": push, "push_data": value, "pop": pop, "flush": flush}
        found = {
            name: int(v[0]) for name, v in queue.step({k: np.array([v], np.uint64) for k, v in given.items()}).items()
        }
        assert found["level"] == len(expected)
        if found["valid"]:
            assert found["data"] == expected[0]
        room = len(expected) < 8
        if pop and found["valid"]:
            expected.popleft()
        if push and room:
            expected.append(value)
        if flush:
            expected.clear()


def test_what_does_not_fit_is_refused():
    field = NeuronField(3)
    with pytest.raises(ValueError, match="the engine numbers 4095 neurons, the field has 4095"):
        FixedField.of_field(NeuronField(4095))
    field.target[0] = 3
    with pytest.raises(ValueError, match="target 3 is not in the field of 3"):
        FixedField.of_field(field)
    with pytest.raises(FieldError):
        field.set([0], target=3)
    small = EventShape(neuron_width=1)
    with pytest.raises(ValueError, match="the field has 3 neurons, the hardware room for 2"):
        FixedEvents(chain_field(3), small, first_class=2)
    with pytest.raises(ValueError, match=r"reward 8388608 does not fit Q9\.15"):
        FixedEvents(chain_field(3), SHAPE, first_class=2, reward=1 << 23)
    model = FixedEvents(chain_field(3), SHAPE, first_class=2)
    with pytest.raises(ValueError, match="neuron 3 is not in the field of 3"):
        model.post(3, ONE)
    with pytest.raises(ValueError, match=r"magnitude 134217728 does not fit Q13\.15"):
        model.post(0, 1 << 27)
