"""The tick engine with its memories against the golden network: every field of every neuron, and a tick's cycles."""

import numpy as np
import pytest
from hw_units import random_bits
from neural_pairs import random_graph

from ganglion.engine import make_engine
from ganglion.raster.bench import TickBench
from golden.fixed.bits import to_signed
from golden.fixed.graph_store import n_links
from golden.fixed.neural_core import NeuralCore, Tick
from golden.fixed.neural_state import NeuralState
from golden.spec.neural import STATE_FIELDS, THRESHOLD_MAX_RAW, THRESHOLD_MIN_RAW, TimeStep, time_step
from golden.spec.neural_commands import TickPart

N_CONTEXTS = 2
LONGEST = 300
"""More cycles than any tick takes."""


def random_state(rng: np.random.Generator, rate: float) -> NeuralState:
    """Fields anywhere in their ranges; about ``rate`` of the neurons are about to fire."""
    s = NeuralState()
    widths = {place.name: place.width for place in STATE_FIELDS}
    hot = rng.random(32) < rate
    reach = 1 << widths["membrane"] - 1
    s.membrane[:] = np.where(hot, reach - 1, to_signed(random_bits(rng, (32,), widths["membrane"]), widths["membrane"]))
    s.membrane[~hot] >>= rng.integers(0, 12)
    s.branches[:] = to_signed(random_bits(rng, (32, 6), 16), 16)
    for name in ("history", "rate", "trace", "elapsed"):
        getattr(s, name)[:] = random_bits(rng, (32,), widths[name]).astype(np.int64)
    s.threshold[:] = rng.integers(THRESHOLD_MIN_RAW, THRESHOLD_MAX_RAW + 1, 32)
    half = 1 << widths["residue"] - 1
    s.weight[:] = rng.choice([0, 1, 77, 128, 254, 255], 32)
    s.residue[:] = np.where(s.weight == 0, rng.integers(0, half, 32), rng.integers(half, 2 * half, 32))
    return s


def n_busy(words: np.ndarray, spikes: list[int], parts: Tick) -> int:
    """Cycles of a tick by the rules of fetching and taking, written down apart from the hardware."""
    extra = int(parts.learn or parts.to_branch)
    taken, last, works = 35, 35, 0
    delivers = parts.to_membrane or parts.to_branch or parts.learn
    issuing: tuple[int, int] = (0, 0)
    for index in spikes if delivers else []:
        # A spike is seen five cycles after its neuron entered; a tick without a step has them from the start.
        fetch = max(34, index + 5 if parts.step else 34, taken if works else 34)
        while parts.to_branch and issuing[0] <= fetch < issuing[1]:
            fetch += 1
        taken = max(fetch + 1, last)
        degree = min(int(n_links(words[index : index + 1])[0]), 6)
        issuing = (taken + 1, taken + 1 + degree)
        last = taken + max(1, degree + extra)
        works = last + 4 if degree + extra else max(works, last)
    return max(37, works) + 1


PARTS = tuple(part.name.lower() for part in TickPart if part.name)


class Program:
    """Rows of inputs, and what is to be seen in which of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.rows: list[dict[str, int]] = []
        self.core = [NeuralCore(), NeuralCore()]
        self.words = random_graph(rng)[0]
        self.reads: list[tuple[int, str, int]] = []
        self.busy: list[tuple[int, int]] = []
        self.spikes: list[tuple[int, int]] = []

    def load(self) -> None:
        """Both contexts and the graph, which is the same for both, anew."""
        rate = float(self.rng.choice([0.0, 0.1, 0.5, 1.0]))
        self.words = random_graph(self.rng, wild=self.rng.random() < 0.5)[0]
        for context, core in enumerate(self.core):
            spikes = core.state.spikes
            core.state = random_state(self.rng, rate)
            core.state.spikes = spikes
            for node, number in enumerate(self.numbers(context)):
                for place, field in enumerate(STATE_FIELDS):
                    value = number >> field.low & ((1 << field.width) - 1)
                    row = {"context": context, "node": node, "field": place, "write_field": 1}
                    if field.name == "branches":
                        self.rows += [
                            row | {"value": value >> 16 * slot & 0xFFFF, "keep_slots": 63 ^ 1 << slot}
                            for slot in range(6)
                        ]
                    else:
                        self.rows.append(row | {"value": value})
            for node in range(32):
                row = {"context": context, "node": node, "load_graph": 1, "load_word": int(self.words[node])}
                self.rows.append(row | {"load_weight": 1, "load_value": int(core.state.weight[node])})

    def numbers(self, context: int) -> list[int]:
        """The state words of a context as whole numbers."""
        words = self.core[context].state.words()
        return [sum(int(w) << (64 * k) for k, w in enumerate(row)) for row in words]

    def tick(self) -> None:
        """A tick with random parts and settings; then both contexts are read."""
        rng = self.rng
        context, count = int(rng.integers(0, 2)), int(rng.choice([0, 1, 17, 31, 32, 32, 32]))
        parts = Tick(**{name: bool(rng.random() < 0.6) for name in PARTS})
        dt = int(rng.choice([0, 1 << 16, 1 << 12, 20 << 16, 1000 << 16, rng.integers(0, 1 << 22)]))
        step: TimeStep = time_step(dt)
        gain = int(to_signed(random_bits(rng, (1,), 18), 18)[0])
        settings = {
            "context": context,
            "count": count,
            "parts": sum(part for part in TickPart if part.name and getattr(parts, part.name.lower())),
            "dt": dt,
            "leak": step.leak,
            "rate_factor": step.rate_factor,
            "target_step": step.target_step,
            "gain": gain & (1 << 18) - 1,
        }
        core = self.core[context]
        core.time_step = step
        core.tick(self.words, count, gain, parts)
        start = len(self.rows)
        self.rows.append(settings | {"start": 1})
        # A start while it is busy changes nothing.
        self.rows += [settings | {"start": int(rng.random() < 0.1)} for _ in range(30)]
        self.rows += [settings] * (LONGEST - 30)
        self.busy.append((start, n_busy(self.words, core.state.fired(), parts)))
        self.spikes.append((len(self.rows) - 1, core.state.spikes))
        for context in range(N_CONTEXTS):
            for node, number in enumerate(self.numbers(context)):
                for place, field in enumerate(STATE_FIELDS):
                    value = number >> field.low & ((1 << field.width) - 1)
                    self.reads.append((len(self.rows) + 1, "out_value", value))
                    self.rows.append({"context": context, "node": node, "field": place})
                self.reads.append((len(self.rows), "weight_seen", int(self.core[context].state.weight[node])))
        self.rows.append({})


@pytest.mark.parametrize("seed", range(6))
def test_ticks_as_the_golden_network(seed: int) -> None:
    program = Program(np.random.default_rng(seed))
    for _ in range(60):
        program.load()
        for _ in range(3):
            program.tick()
    with make_engine(TickBench(N_CONTEXTS)) as engine:
        names = {port.name for port in engine.ports.inputs}
        stimulus = {name: np.array([row.get(name, 0) for row in program.rows], np.int64) for name in names}
        outputs = engine.run_ports(stimulus)
    busy = outputs["busy"]
    for start, n in program.busy:
        assert busy[start + 1 : start + LONGEST].tolist() == [1] * n + [0] * (LONGEST - 1 - n), start
        assert outputs["done"][start + n] == 1
    for row, spikes in program.spikes:
        assert int(outputs["spikes"][row]) == spikes
    for row, name, value in program.reads:
        seen = outputs[name][row]
        number = sum(int(w) << (64 * k) for k, w in enumerate(np.atleast_1d(seen)))
        assert number == value, (row, name, program.rows[row - 1])
    assert min(n for _, n in program.busy) == 38
    assert max(n for _, n in program.busy) > 120, "many spikes with many links"
