"""Merger and result list: hardware against golden twins, every output in every cycle, and against sorting."""

import heapq

import numpy as np
import pytest
from hw_units import TINY, WIDE16, Recorder, bursts, chance, name_of, random_bits, random_keys

import golden.fixed as golden
import hw.merger
import hw.results
from ganglion.engine import check_twin
from golden.fixed.bits import pack_fields
from golden.spec import Config

Entry = tuple[int, int, int]
MERGER_CONFIGS = [
    Config(cores=4, slices=1),
    Config(cores=4, slices=2),
    Config(cores=8, slices=4, element_width=16),
    Config(cores=32, slices=32),
]


def to_entries(keys: np.ndarray, cores: np.ndarray, indices: np.ndarray) -> list[Entry]:
    """Plain tuples, which sort as the hardware must."""
    return list(zip(keys.tolist(), cores.tolist(), indices.tolist(), strict=True))


class MergerLoop:
    """Slices' lists that move on when popped, new lists from time to time; what comes out is kept."""

    def __init__(self, config: Config, n: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.config, self.n, self.size = config, n, config.slices
        self.unit = Recorder(golden.Merger(config, n))
        self.keys, self.cores, self.indices = (np.zeros((n, self.size, 17), np.int64) for _ in range(3))
        self.lengths, self.pointers = (np.zeros((n, self.size), np.int64) for _ in range(2))
        self.age, self.starting = np.full(n, 99), np.zeros(n, bool)
        self.pop_rate = np.ones(n)
        self.runs: list[list[tuple[list[list[Entry]], list[Entry]]]] = [[] for _ in range(n)]

    def _new_lists(self, streams: np.ndarray) -> None:
        for stream in streams:
            span = self.rng.choice([2, 40, 1 << (self.config.key_width - 1)])
            lists = []
            for leaf in range(self.size):
                length = self.rng.choice([0, 1, 16, self.rng.integers(0, 17)])
                columns = self.rng.integers(-span, span, length), self.rng.integers(0, 8, length)
                lists.append(sorted(to_entries(*columns, self.rng.integers(0, 32, length))))
                table = np.array(lists[-1], dtype=np.int64).reshape(-1, 3)
                for field, memory in enumerate((self.keys, self.cores, self.indices)):
                    memory[stream, leaf, :length] = table[:, field]
                self.lengths[stream, leaf] = length
            self.runs[stream].append((lists, []))
            self.pointers[stream] = 0
            self.pop_rate[stream] = self.rng.choice([0.2, 0.8, 1.0])

    def run(self, n_cycles: int) -> None:
        """Cycle by cycle: sometimes a start, not before the tree is loaded; pops at a rate that changes by run."""
        for _ in range(n_cycles):
            self._cycle()

    def _cycle(self) -> None:
        at = np.minimum(self.pointers, 16)[:, :, None]
        key, core, index = (np.take_along_axis(m, at, axis=2)[:, :, 0] for m in (self.keys, self.cores, self.indices))
        ready = self.age >= self.config.slice_bits
        pop = self.rng.random(self.n) < np.where(ready & ~self.starting, self.pop_rate, 0.3 * ~ready)
        outputs = self.unit.step(
            {
                "start": self.starting,
                "leaf_valid": pack_fields(self.pointers < self.lengths, 1),
                "leaf_key": pack_fields(key, self.config.key_width),
                "leaf_core": pack_fields(core, 8),
                "leaf_index": pack_fields(index, 5),
                "pop": pop,
            }
        )
        signed_key = outputs["out_key"] - ((outputs["out_key"] >> (self.config.key_width - 1)) << self.config.key_width)
        for stream in np.flatnonzero(
            pop & (outputs["ready"] == 1) & (outputs["out_valid"] == 1) & (self.age < 99) & ~self.starting
        ):
            entry = (int(signed_key[stream]), int(outputs["out_core"][stream]), int(outputs["out_index"][stream]))
            self.runs[stream][-1][1].append(entry)
        for stream in np.flatnonzero(
            (outputs["ready"] == 1) & (outputs["out_valid"] == 0) & (self.age < 99) & ~self.starting
        ):
            lists, popped = self.runs[stream][-1]
            assert len(popped) == sum(map(len, lists)), "empty only after the last entry"
        leaf_pop = outputs["leaf_pop"]
        self.pointers += (leaf_pop[:, None] >> np.arange(self.size)) & 1
        self.age = np.where(self.starting, 1, np.minimum(self.age + 1, 98 + (self.age == 99)))
        self.starting = ~self.starting & (self.age >= max(1, self.config.slice_bits)) & (self.rng.random(self.n) < 0.03)
        self._new_lists(np.flatnonzero(self.starting))
        self.age[self.starting] = 0


@pytest.mark.parametrize("config", MERGER_CONFIGS, ids=name_of)
def test_merger(config: Config) -> None:
    loop = MergerLoop(config, 100, 3)
    loop.run(600)
    outputs = check_twin(hw.merger.Merger(config), golden.Merger(config, loop.n), loop.unit.stimulus())
    start = loop.unit.stimulus()["start"]
    for stream, cycle in np.argwhere(start[:, : -config.slice_bits - 1] == 1):
        filling = outputs["ready"][stream, cycle + 1 : cycle + max(1, config.slice_bits) + 1]
        assert filling[-1] == 1 and (config.slices == 1 or not filling[:-1].any()), "ready after log2 S cycles"
    n_entries = 0
    for runs in loop.runs:
        for lists, popped in runs:
            assert popped == list(heapq.merge(*lists))[: len(popped)]
            n_entries += len(popped)
    assert n_entries > 5000
    assert outputs["ready"].any()


@pytest.mark.parametrize("config", MERGER_CONFIGS, ids=name_of)
def test_merger_with_noise(config: Config) -> None:
    """Unsorted leaves that change every cycle, pops at any time, also with a start."""
    shape, rng = (400, 500), np.random.default_rng(4)
    start = chance(rng, shape, 0.05)
    for cycle in range(1, shape[1]):
        start[:, cycle] &= ~start[:, max(0, cycle - config.slice_bits + 1) : cycle].any(axis=1)
    stimulus = {
        "start": start,
        "leaf_valid": random_bits(rng, shape, config.slices),
        "leaf_key": random_bits(rng, shape, config.slices * config.key_width),
        "leaf_core": random_bits(rng, shape, config.slices * 8),
        "leaf_index": random_bits(rng, shape, config.slices * 5),
        "pop": bursts(rng, shape),
    }
    half = shape[0] // 2  # in half of the streams few different entries, so that ties are common
    for name, width in (("leaf_key", config.key_width), ("leaf_core", 8), ("leaf_index", 5)):
        few = pack_fields(rng.integers(-1, 1, (half * shape[1], config.slices)), width)
        stimulus[name][:half] = few.reshape(half, *stimulus[name].shape[1:])
    check_twin(hw.merger.Merger(config), golden.Merger(config, shape[0]), stimulus)


def collect_stimulus(config: Config, shape: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    """Noise on every input."""
    rng = np.random.default_rng(seed)
    return {
        "collect": bursts(rng, shape),
        "keep": random_bits(rng, shape, 1),
        "k": random_bits(rng, shape, 5),
        "clear": chance(rng, shape, 0.1) * bursts(rng, shape),
        "in_occupied": bursts(rng, shape),
        "in_valid": 1 - chance(rng, shape, 0.1),
        "in_key": random_keys(rng, shape, config.key_width),
        "in_tag": random_bits(rng, shape, 13) * chance(rng, shape, 0.5),
        "read_pop": bursts(rng, shape),
        "rewind": chance(rng, shape, 0.1) * bursts(rng, shape),
    }


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_results_with_noise(config: Config) -> None:
    shape = (800, 500)
    stimulus = collect_stimulus(config, shape, 5)
    outputs = check_twin(hw.results.ResultList(config), golden.ResultList(config, shape[0]), stimulus)
    assert outputs["take"].any() and (outputs["count"] == 16).any()


class ResultsLoop:
    """Sorted streams with bubbles, collected and read back; what was read is kept with what went in."""

    def __init__(self, config: Config, n: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.config, self.n = config, n
        self.unit = Recorder(golden.ResultList(config, n))
        self.streams: list[list[Entry]] = [[] for _ in range(n)]
        self.held: list[list[Entry]] = [[] for _ in range(n)]
        self.k, self.keep = (np.zeros(n, np.int64) for _ in range(2))
        self.busy, self.here, self.idle_for = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, np.int64)
        self.read: list[list[Entry]] = [[] for _ in range(n)]
        self.n_checked = 0

    def run(self, n_cycles: int) -> None:
        """Collections of sorted entries, each read back, completely or in part, before the next."""
        for _ in range(n_cycles):
            self._cycle()

    def _begin(self, stream: int) -> None:
        rng, width = self.rng, self.config.key_width
        span = int(rng.choice([2, 40, 1 << (width - 1)]))
        n_new = int(rng.integers(0, 18))
        k, keep = int(rng.integers(0, 32)), int(rng.integers(0, 2))
        keys = rng.integers(-span, span, n_new)
        new = sorted(to_entries(keys, rng.integers(0, 4, n_new), rng.integers(0, 32, n_new)))
        self.streams[stream] = list(new)
        self.k[stream], self.keep[stream] = k, keep
        taken = new[: min(k, 16)]
        self.held[stream] = sorted(taken + (self.held[stream] if keep else []))[:16]
        self.read[stream] = []

    def _cycle(self) -> None:
        rng, n = self.rng, self.n
        begins = ~self.busy & (rng.random(n) < np.where(self.idle_for > 16, 0.5, 0.02))
        for stream in np.flatnonzero(begins):
            self._begin(stream)
        self.here |= self.busy & (rng.random(n) < 0.7)
        heads = [entries[0] if entries else None for entries in self.streams]
        entry = np.array([(0, 0, 0) if head is None else head for head in heads], dtype=np.int64)
        valid = np.array([head is not None for head in heads]) & self.here
        pop = rng.random(n) < 0.8
        outputs = self.unit.step(
            {
                "collect": begins | (self.busy & (rng.random(n) < 0.1)),
                "keep": self.keep,
                "k": np.where(begins, self.k, rng.integers(0, 32, n)),
                "clear": self.busy & (rng.random(n) < 0.1),
                "in_occupied": self.here,
                "in_valid": valid,
                "in_key": entry[:, 0] & ((1 << self.config.key_width) - 1),
                "in_tag": entry[:, 1] << 5 | entry[:, 2],
                "read_pop": pop,
                "rewind": 0 * pop,
            }
        )
        for stream in np.flatnonzero(outputs["take"]):
            self.streams[stream].pop(0)
        self._read(outputs, pop & ~begins)
        self.here &= (outputs["take"] == 0) & ((outputs["busy"] == 1) & (outputs["done"] == 0))
        self.busy = begins | ((outputs["busy"] == 1) & (outputs["done"] == 0))
        self.idle_for = np.where(self.busy, 0, self.idle_for + 1)

    def _read(self, outputs: dict[str, np.ndarray], pop: np.ndarray) -> None:
        width = self.config.key_width
        key = outputs["out_key"] - ((outputs["out_key"] >> (width - 1)) << width)
        for stream in np.flatnonzero((outputs["out_valid"] == 1) & pop):
            fields = key, outputs["out_core"], outputs["out_index"]
            self.read[stream].extend(to_entries(*(field[stream : stream + 1] for field in fields)))
            assert self.read[stream] == self.held[stream][: len(self.read[stream])]
            self.n_checked += 1
        for stream in np.flatnonzero(outputs["done"]):
            assert outputs["total"][stream] == len(self.held[stream])


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_results(config: Config) -> None:
    loop = ResultsLoop(config, 150, 6)
    loop.run(800)
    check_twin(hw.results.ResultList(config), golden.ResultList(config, loop.n), loop.unit.stimulus())
    assert loop.n_checked > 10_000


@pytest.mark.parametrize("k", [0, 1, 5, 16])
@pytest.mark.parametrize("n_new", [0, 4, 20])
def test_a_collection_takes_a_cycle_an_entry(k: int, n_new: int) -> None:
    """Plus one for the end, where neither k nor the 16th entry ends it; the first entry never ends it."""
    unit = Recorder(golden.ResultList(TINY))
    names = ("collect", "keep", "k", "clear", "in_occupied", "in_valid", "in_key", "in_tag", "read_pop", "rewind")
    idle = {name: [0] for name in names}
    unit.step(idle | {"collect": [1], "k": [k]})
    n_cycles = n_taken = 0
    done = False
    while not done:
        outputs = unit.step(idle | {"in_occupied": [1], "in_valid": [n_taken < n_new], "in_key": [n_taken]})
        n_cycles, n_taken, done = n_cycles + 1, n_taken + int(outputs["take"][0]), bool(outputs["done"][0])
    ended_by_entry = 1 < k <= n_new
    assert n_taken == outputs["total"][0] == min(k, n_new)
    assert n_cycles == n_taken + (not ended_by_entry)
