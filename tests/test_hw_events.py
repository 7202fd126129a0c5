"""The NeuronGuard engine in hardware: against the rules, written down once more with plain integers."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from ganglion.engine import Engine, make_engine
from golden.spec import QFormat
from golden.spec.events import (
    POTENTIAL,
    TARGET_LOW,
    TARGET_NONE,
    THRESHOLD_LOW,
    UNIT_MAGNITUDE,
    WEIGHT,
    EventShape,
    Fault,
)
from hw.event_engine import EventEngine

SMALL = EventShape(neuron_width=5, queue_width=4, guard_width=2)
N_NEURONS = 27
N_CLASSES = 5


def clamp(value: int, form: QFormat) -> int:
    return min(max(value, form.min_raw), form.max_raw)


def bits(value: int, width: int) -> int:
    return value & ((1 << width) - 1)


def signed(value: int, width: int) -> int:
    value = bits(value, width)
    return value - (value >> (width - 1) << width)


@dataclass(frozen=True)
class Event:
    target: int
    magnitude: int
    train: bool = False
    punish: bool = False

    def ports(self) -> dict[str, int]:
        return {
            "post": 1,
            "post_target": self.target,
            "post_magnitude": bits(self.magnitude, WEIGHT.width),
            "post_train": int(self.train),
            "post_punish": int(self.punish),
        }


@dataclass
class Rules:
    """A field and what events do to it, one after the other."""

    potential: list[int]
    threshold: list[int]
    target: list[int]
    weight: list[int]
    first_class: int
    feedback: tuple[int, int]
    max_guards: int
    taken: int = 0
    faults: list[tuple[Fault, int]] = field(default_factory=list)
    chains: list[tuple[bool, int, int]] = field(default_factory=list)
    """Reached, neurons, and cycles from the first one leased to the end."""

    @classmethod
    def random(cls, rng: np.random.Generator, *, circles: bool) -> "Rules":
        """A field of ``N_NEURONS``; with ``circles`` targets go anywhere, else upwards only."""
        n = N_NEURONS
        scale = int(rng.choice([UNIT_MAGNITUDE, 1 << 27]))

        def draw(size: int) -> list[int]:
            return [int(v) for v in rng.integers(-scale // 4, scale, size)]

        low = np.zeros(n, np.int64) if circles else np.arange(1, n + 1)
        target = rng.integers(np.minimum(low, n - 1), n)
        target = np.where(rng.random(n) < 0.2, TARGET_NONE, target)
        target = np.where(rng.random(n) < 0.05, rng.integers(n, TARGET_NONE, n), target)
        target[low >= n] = TARGET_NONE
        high = max(2, int(rng.choice([0.05, 0.5, 1.0]) * min(scale, 1 << 23)))
        limits = (1 << 31) - 1 if scale > UNIT_MAGNITUDE else scale
        return cls(
            [int(v) for v in rng.integers(-limits, limits, n)] if not circles else [0] * n,
            [int(v) for v in rng.integers(-high // 8, high, n)],
            [int(v) for v in target],
            draw(n),
            n - N_CLASSES,
            (int(rng.integers(1, scale)) % (1 << 23), -int(rng.integers(1, scale)) % (1 << 23)),
            SMALL.max_guards,
        )

    def run(self, events: list[Event]) -> None:
        queue = deque(events)
        while queue:
            event = queue.popleft()
            self.taken += 1
            if event.train:
                self.train(event)
            elif (then := self.arrive(event)) is not None:
                queue.append(then)

    def bad(self, neuron: int) -> bool:
        return N_NEURONS <= self.target[neuron] < TARGET_NONE

    def arrive(self, event: Event) -> Event | None:
        n = event.target
        total = clamp(self.potential[n] + event.magnitude, POTENTIAL)
        if total < self.threshold[n] or n >= self.first_class:
            self.potential[n] = total
            return None
        if self.bad(n):
            self.faults.append((Fault.TARGET, n))
            return None
        self.potential[n] = 0
        return None if self.target[n] == TARGET_NONE else Event(self.target[n], self.weight[n])

    def train(self, event: Event) -> None:
        path, neuron, signal, reached, cycles = [], event.target, event.magnitude, False, 0
        while True:
            path.append(neuron)
            cycles += 1
            if clamp(self.potential[neuron] + signal, POTENTIAL) < self.threshold[neuron]:
                break
            if self.target[neuron] == TARGET_NONE:
                reached = True
                break
            if self.bad(neuron):
                self.faults.append((Fault.TARGET, neuron))
                break
            if len(path) == self.max_guards:
                self.faults.append((Fault.GUARDS, neuron))
                break
            cycles += len(path) + 1 if event.magnitude == UNIT_MAGNITUDE else 28
            if self.target[neuron] in path:
                self.faults.append((Fault.CIRCLE, self.target[neuron]))
                break
            cycles += 1
            signal = clamp(event.magnitude * self.weight[neuron] >> 15, POTENTIAL)
            neuron = self.target[neuron]
        if reached:
            for leased in path[:-1]:
                self.weight[leased] = clamp(self.weight[leased] + self.feedback[event.punish], WEIGHT)
        for leased in path:
            self.potential[leased] = 0
        self.chains.append((reached, len(path), cycles + 1 + 2 * len(path)))

    def winner(self) -> tuple[int, int]:
        scores = self.potential[self.first_class :]
        return scores.index(max(scores)), max(scores)


class Bench:
    """An engine, driven a stretch of cycles at a time; ``trace`` has all outputs."""

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self.engine = engine
        self.settings = {
            "last_neuron": N_NEURONS - 1,
            "first_class": rules.first_class,
            "reward": bits(rules.feedback[0], 24),
            "punishment": bits(rules.feedback[1], 24),
        }
        self.trace: dict[str, list[int]] = {port.name: [] for port in engine.ports.outputs}

    def drive(self, rows: list[dict[str, int]]) -> dict[str, list[int]]:
        """Cycles with these inputs, what is not named is 0."""
        names = {port.name for port in self.engine.ports.inputs}
        stimulus = {name: np.array([(self.settings | row).get(name, 0) for row in rows], np.uint64) for name in names}
        outputs = {name: [int(v) for v in values] for name, values in self.engine.run_ports(stimulus).items()}
        for name, values in outputs.items():
            self.trace[name] += values
        return outputs

    def load(self, rules: Rules) -> None:
        records = zip(rules.potential, rules.threshold, rules.target, rules.weight, strict=True)
        self.drive(
            [
                {
                    "host_write": 1,
                    "host_neuron": n,
                    "host_potential": bits(potential, 32),
                    "host_record": bits(weight, 28) | target << TARGET_LOW | bits(threshold, 24) << THRESHOLD_LOW,
                }
                for n, (potential, threshold, target, weight) in enumerate(records)
            ]
        )

    def field(self) -> list[tuple[int, int, int, int]]:
        """Potential, threshold, target and weight of all neurons."""
        rows = [{"host_read": 1, "host_neuron": n} for n in range(N_NEURONS)]
        outputs = self.drive([*rows, {}])
        return [
            (
                signed(potential, POTENTIAL.width),
                signed(record >> THRESHOLD_LOW, 24),
                bits(record >> TARGET_LOW, 12),
                signed(record, WEIGHT.width),
            )
            for potential, record in zip(outputs["potential"][1:], outputs["record"][1:], strict=True)
        ]

    def until_idle(self, rng: np.random.Generator) -> None:
        """Runs with pauses until nothing is left to do."""
        for _ in range(200):
            rate = rng.choice([0.2, 0.9, 1.0])
            self.drive([{"go": int(rng.random() < rate)} for _ in range(60)])
            if not self.drive([{"go": 1}])["busy"][0]:
                return
        raise AssertionError("the engine never comes to rest")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with make_engine(EventEngine(SMALL)) as made:
        yield made


def events_of(rng: np.random.Generator, *, train: float) -> list[Event]:
    n = int(rng.integers(1, 40))
    scale = int(rng.choice([UNIT_MAGNITUDE, 1 << 27]))
    return [
        Event(
            int(rng.integers(0, N_NEURONS + (rng.random() < 0.1) * 4)),
            UNIT_MAGNITUDE if rng.random() < 0.5 else int(rng.integers(-scale // 4, scale)),
            bool(rng.random() < train),
            bool(rng.random() < 0.4),
        )
        for _ in range(n)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_fields_against_the_rules(engine: Engine, seed: int) -> None:
    """Field, faults, chains, lost events and winner; 60 fields, of which every second has circles."""
    rng, seen = np.random.default_rng(seed), set()
    for number in range(60):
        circles = number % 2 == 1
        rules = Rules.random(rng, circles=circles)
        engine.reset()
        bench = Bench(engine, rules)
        bench.load(rules)
        for _ in range(4):
            events = events_of(rng, train=1.0 if circles else float(rng.choice([0, 0.3])))
            # The queue holds 16: what comes later is lost, and said to be.
            good = [event for event in events if event.target < N_NEURONS][: SMALL.queue_depth]
            outputs = bench.drive([event.ports() for event in events] + [{}])
            assert outputs["level"][-1] == len(good)
            assert sum(outputs["lost"]) == len(events) - len(good)
            rules.run(good)
            bench.until_idle(rng)
            assert bench.field() == list(zip(rules.potential, rules.threshold, rules.target, rules.weight, strict=True))
            scan = bench.drive([{"scan": 1, "scan_clear": 1}] + [{}] * (N_CLASSES + 2))
            assert scan["busy"] == [0, *[1] * (N_CLASSES + 1), 0]
            assert (scan["winner"][-1], signed(scan["best"][-1], 32)) == rules.winner()
            rules.potential[rules.first_class :] = [0] * N_CLASSES
        trace = bench.trace
        found = [(Fault(code), at) for code, at in zip(trace["fault"], trace["fault_neuron"], strict=True) if code]
        assert found == rules.faults
        ends = np.flatnonzero(trace["chain_end"])
        assert [(bool(trace["chain_reached"][t]), trace["chain_length"][t]) for t in ends] == [
            chain[:2] for chain in rules.chains
        ]
        assert sum(trace["taken"]) == rules.taken
        assert sum(trace["scan_end"]) == 4
        seen |= {fault for fault, _ in found} | {chain[:2] for chain in rules.chains}
    lengths = range(1, SMALL.max_guards + 1)
    assert seen == set(Fault) - {Fault.NONE} | {(reached, n) for n in lengths for reached in (False, True)}


def test_cycles_of_a_chain_and_of_a_run(engine: Engine) -> None:
    """A chain of 1 to 4 neurons, with magnitude 1 and another; and events one a cycle."""
    for length in range(1, 5):
        for magnitude in (UNIT_MAGNITUDE, 2 * UNIT_MAGNITUDE):
            n = N_NEURONS
            target = [k + 1 if k + 1 < length else TARGET_NONE for k in range(n)]
            rules = Rules([0] * n, [1] * n, target, [UNIT_MAGNITUDE] * n, 22, (5, -5), SMALL.max_guards)
            engine.reset()
            bench = Bench(engine, rules)
            bench.load(rules)
            event = Event(0, magnitude, train=True)
            rules.run([event])
            outputs = bench.drive([event.ports() | {"go": 1}] + [{"go": 1}] * 150)
            start, end = outputs["taken"].index(1), outputs["chain_end"].index(1)
            links = sum(k + 2 if magnitude == UNIT_MAGNITUDE else 29 for k in range(1, length))
            assert end - start == 3 * length + 1 + links == rules.chains[0][2]
            assert rules.chains[0][:2] == (True, length)
    # Ten words, one class: twenty events in twenty cycles, and the class has them all two cycles after.
    n = N_NEURONS
    rules = Rules([0] * n, [1] * n, [22] * 22 + [TARGET_NONE] * 5, [7 + k for k in range(n)], 22, (5, -5), 4)
    engine.reset()
    bench = Bench(engine, rules)
    bench.load(rules)
    words = [Event(k, UNIT_MAGNITUDE) for k in range(10)]
    rules.run(words)
    bench.drive([event.ports() for event in words])
    outputs = bench.drive([{"go": 1}] * 30)
    taken = outputs["taken"]
    assert taken == [0, *[1] * 20, *[0] * 9]
    assert outputs["busy"] == [*[1] * 21, *[0] * 9]
    assert bench.field()[22][0] == rules.potential[22] == sum(range(7, 17))


def test_a_flush_drops_what_waits(engine: Engine) -> None:
    n = N_NEURONS
    rules = Rules([0] * n, [1 << 20] * n, [TARGET_NONE] * n, [0] * n, 22, (5, -5), 4)
    engine.reset()
    bench = Bench(engine, rules)
    bench.load(rules)
    bench.drive([Event(3, 7).ports()] * 12 + [{}])
    outputs = bench.drive([{"go": 1}] * 4 + [{"go": 1, "flush": 1}] + [{"go": 1}] * 5)
    assert (outputs["busy"], outputs["level"][5:]) == ([*[1] * 5, *[0] * 5], [0] * 5)
    assert bench.field()[3][0] == 4 * 7
