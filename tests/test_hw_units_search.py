"""Exact scan and beam search: hardware against golden twins, every output in every cycle, and their cycle counts."""

import numpy as np
import pytest
from hw_units import (
    CORE16,
    FOLDED8,
    NARROW16,
    PAIR16,
    TINY,
    Recorder,
    bursts,
    chance,
    name_of,
    random_bits,
    random_keys,
)

import golden.fixed as golden
import hw.beam
import hw.exact
from ganglion.engine import check_twin
from golden.spec import Config

CONFIGS = [TINY, CORE16, FOLDED8, NARROW16, PAIR16]
LATENCY = 4


def place_range(rng: np.random.Generator, config: Config, n: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last place of a scan: one place, or all of them, or some."""
    first = rng.integers(0, config.cores_per_slice, n)
    last = rng.integers(first, config.cores_per_slice)
    kind = rng.integers(0, 3, n)
    first = np.where(kind == 0, 0, first)
    return first, np.where(kind == 0, config.cores_per_slice - 1, np.where(kind == 1, first, last))


def counts_memory(rng: np.random.Generator, config: Config, n: int) -> np.ndarray:
    """Vectors a place, 0 to 32, ``[n, F]``."""
    counts = rng.integers(0, 33, (n, config.cores_per_slice))
    return np.where(rng.random(counts.shape) < 0.3, rng.choice([0, 1, 2, 32], counts.shape), counts)


def exact_loop(config: Config, shape: tuple[int, int], seed: int, restart_rate: float) -> tuple[Recorder, np.ndarray]:
    """Scans over a count memory; returns the recording and whether each cycle was part of a scan, by the formula."""
    rng = np.random.default_rng(seed)
    n, n_cycles = shape
    streams = np.arange(n)
    unit = Recorder(golden.ExactScan(config, n))
    counts = counts_memory(rng, config, n)
    first, last = place_range(rng, config, n)
    last_chunk, count, remaining = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    busy = np.zeros(shape, dtype=bool)
    for cycle in range(n_cycles):
        busy[:, cycle] = remaining > 0
        start = ((remaining == 0) & (rng.random(n) < 0.3)) | (rng.random(n) < restart_rate)
        new_first, new_last = place_range(rng, config, n)
        first, last = np.where(start, new_first, first), np.where(start, new_last, last)
        last_chunk = np.where(start, rng.integers(0, config.n_chunks, n), last_chunk)
        inputs = {"start": start, "first_place": first, "last_place": last, "last_chunk": last_chunk, "count": count}
        outputs = unit.step(inputs)
        places = np.arange(config.cores_per_slice)
        scanned = (places >= first[:, None]) & (places <= last[:, None])
        needed = (np.maximum(1, counts * (last_chunk[:, None] + 1)) * scanned).sum(axis=1)
        remaining = np.where(start, needed, np.maximum(remaining - 1, 0))
        count_addr = outputs["count_addr"]
        count = np.where(count_addr < config.cores_per_slice, counts[streams, count_addr % config.cores_per_slice], 63)
    return unit, busy


@pytest.mark.parametrize("restart_rate", [0.0, 0.01])
@pytest.mark.parametrize("config", CONFIGS, ids=name_of)
def test_exact_scan(config: Config, restart_rate: float) -> None:
    shape = (120, 1000)
    unit, busy = exact_loop(config, shape, 1, restart_rate)
    outputs = check_twin(hw.exact.ExactScan(config), golden.ExactScan(config, shape[0]), unit.stimulus())
    np.testing.assert_array_equal(outputs["active"], busy, "cycles of a scan: the sum of max(1, count * chunks)")
    assert outputs["issue"].any()


@pytest.mark.parametrize("config", CONFIGS, ids=name_of)
def test_exact_scan_with_changing_counts(config: Config) -> None:
    """The count is noise, from 0 to 63, in every cycle."""
    shape, rng = (200, 500), np.random.default_rng(2)
    first, last = (np.repeat(places[:, None], shape[1], axis=1) for places in place_range(rng, config, shape[0]))
    stimulus = {
        "start": chance(rng, shape, 0.02),
        "first_place": first,
        "last_place": last,
        "last_chunk": np.repeat(rng.integers(0, config.n_chunks, (shape[0], 1)), shape[1], axis=1),
        "count": random_bits(rng, shape, 6) * bursts(rng, shape),
    }
    check_twin(hw.exact.ExactScan(config), golden.ExactScan(config, shape[0]), stimulus)


def random_graph(rng: np.random.Generator, config: Config, n: int, sane: bool) -> tuple[np.ndarray, np.ndarray]:
    """Counts ``[n, F]`` and graph words ``[n, F * 32]``; sane ones link existing nodes only, others hold anything."""
    counts = counts_memory(rng, config, n)
    shape = (n, config.cores_per_slice * 32)
    if not sane:
        return counts, random_bits(rng, shape, 36).astype(np.int64)
    bound = np.repeat(np.maximum(counts, 1), 32, axis=1)
    words = rng.integers(0, 7, shape) << 30
    for slot in range(6):
        words |= rng.integers(0, bound) << (5 * slot)
    return counts, words


class BeamLoop:
    """A slice around a beam search: count memory, graph memory and distances that arrive 4 cycles after their issue."""

    def __init__(self, config: Config, n: int, seed: int, *, sane: bool) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.config, self.n = config, n
        self.unit = Recorder(golden.BeamSearch(config, n))
        self.counts, self.words = random_graph(rng, config, n, sane)
        self.keys = random_keys(rng, self.words.shape, config.key_width).astype(np.int64)
        self.sane = sane
        self.count, self.word = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.pushes = [(np.zeros(n, bool), self.count, self.count)] * LATENCY
        self.first, self.last = place_range(rng, config, n)
        self.last_chunk, self.limit = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.idle = np.ones(n, bool)

    def run(self, n_cycles: int) -> None:
        """Searches one after the other, with idle cycles and with starts that come while active."""
        rng, n = self.rng, self.n
        for _ in range(n_cycles):
            start = rng.random(n) < np.where(self.idle, 0.3, 0.05)
            new = self.idle & start
            first, last = place_range(rng, self.config, n)
            self.first, self.last = np.where(new, first, self.first), np.where(new, last, self.last)
            self.last_chunk = np.where(new, rng.integers(0, self.config.n_chunks, n), self.last_chunk)
            self.limit = np.where(new, rng.choice([0, 1, 2, 3, 9, 15, 31], n), self.limit)
            self._cycle(start)

    def _cycle(self, start: np.ndarray) -> None:
        push, key, index = self.pushes.pop(0)
        if not self.sane:
            noise = ~push & self.idle & (self.rng.random(self.n) < 0.3)
            push, index = push | noise, np.where(noise, self.rng.integers(0, 32, self.n), index)
        inputs = {"start": start, "first_place": self.first, "last_place": self.last, "last_chunk": self.last_chunk}
        inputs |= {"limit": self.limit, "count": self.count, "word": self.word}
        inputs |= {"push": push, "key": key, "index": index}
        outputs = self.unit.step(inputs)
        streams, place = np.arange(self.n), outputs["place"]
        at = (place * 32 + outputs["row"]) % self.words.shape[1]
        self.pushes.append(((outputs["issue"] & outputs["last"]) == 1, self.keys[streams, at], outputs["row"]))
        read_at = (place * 32 + outputs["graph_row"]) % self.words.shape[1]
        self.word = np.where(outputs["graph_read"] == 1, self.words[streams, read_at], self.word)
        places = self.config.cores_per_slice
        count_addr = outputs["count_addr"]
        self.count = np.where(count_addr < places, self.counts[streams, count_addr % places], 63)
        self.idle = (outputs["active"] == 0) & ~start


def plain_beam(words: list[int], keys: list[int], limit: int, chunks: int) -> tuple[list[int], int]:
    """Beam search of one core by the text of its definition: nodes in the order of their visits, and its cycles."""
    order: list[int] = []
    candidates, cycles = {0}, 1
    for searched in range(34):
        if not candidates:
            return order, cycles + 1
        order.extend(sorted(candidates))
        cycles += len(candidates) * chunks + LATENCY
        if searched == limit:
            return order, cycles
        beam = sorted(candidates, key=lambda node: (keys[node], node))[:3]
        cycles += len(beam) + 1
        linked = {words[node] >> 5 * slot & 31 for node in beam for slot in range(min(6, words[node] >> 30 & 7))}
        candidates = linked - set(order)
    raise AssertionError("a core has only 32 nodes")


def check_against_plain_beam(loop: BeamLoop, stimulus: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> int:
    """Compare every complete search with :func:`plain_beam`; the number of searches compared."""
    width, n_checked = loop.config.key_width, 0
    keys = loop.keys - (loop.keys >> (width - 1) << width)
    for stream in range(loop.n):
        active = outputs["active"][stream].astype(bool)
        ends = np.flatnonzero(active[:-1] & ~active[1:])
        for start in np.flatnonzero((stimulus["start"][stream] == 1) & ~active):
            if not (ends > start).any():
                break
            end = ends[ends > start][0] + 1
            params = {name: int(stimulus[name][stream, start]) for name in ("first_place", "last_place", "limit")}
            chunks = int(stimulus["last_chunk"][stream, start]) + 1
            expected, cycles = [], 0
            for place in range(params["first_place"], params["last_place"] + 1):
                rows = slice(32 * place, 32 * place + 32)
                if not loop.counts[stream, place]:
                    cycles += 1
                    continue
                words, near = loop.words[stream, rows].tolist(), keys[stream, rows].tolist()
                nodes, spent = plain_beam(words, near, params["limit"], chunks)
                expected += [(place, node) for node in nodes]
                cycles += spent
            now = slice(start + 1, end)
            visits = (outputs["issue"] & outputs["last"])[stream, now] == 1
            places, nodes = outputs["place"][stream, now][visits], outputs["row"][stream, now][visits]
            assert list(zip(places.tolist(), nodes.tolist(), strict=True)) == expected, (stream, start)
            assert end - start - 1 == cycles, (stream, start)
            assert outputs["issue"][stream, now].sum() == chunks * len(expected)
            n_checked += 1
    return n_checked


@pytest.mark.parametrize("sane", [True, False])
@pytest.mark.parametrize("config", CONFIGS, ids=name_of)
def test_beam_search(config: Config, sane: bool) -> None:
    loop = BeamLoop(config, 120, 7, sane=sane)
    loop.run(1000)
    stimulus = loop.unit.stimulus()
    outputs = check_twin(hw.beam.BeamSearch(config), golden.BeamSearch(config, loop.n), stimulus)
    assert check_against_plain_beam(loop, stimulus, outputs) > 100
