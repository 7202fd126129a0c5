"""The synchronous reset in the middle of anything: registers go back to 0, memories keep their contents."""

from collections.abc import Callable

import numpy as np
import pytest
from amaranth.lib.wiring import Component
from hw_units import TINY, WithReset, bursts, chance, random_bits, random_keys
from test_hw_units_datapath import distance_stimulus, scaler_stimulus
from test_hw_units_results import collect_stimulus
from test_hw_units_stores import gather_stimulus, graph_words

import golden.fixed as golden
import hw.beam
import hw.distance
import hw.exact
import hw.gather
import hw.graph_store
import hw.insert
import hw.merger
import hw.node_store
import hw.normaliser
import hw.results
import hw.row_copy
import hw.scaler
import hw.topk
from ganglion.engine import check_twin

SHAPE = (100, 400)
Stimulus = dict[str, np.ndarray]


def steady(values: np.ndarray) -> np.ndarray:
    """One value a stream, in every cycle."""
    return np.repeat(values[:, None], SHAPE[1], axis=1)


def topk(rng: np.random.Generator) -> Stimulus:
    key = random_keys(rng, SHAPE, TINY.key_width)
    bits = {"core": 8, "index": 5, "rank": 4}
    noise = {name: random_bits(rng, SHAPE, width) for name, width in bits.items()}
    return {"clear": chance(rng, SHAPE, 0.02), "push": bursts(rng, SHAPE), "key": key, **noise}


def normaliser(rng: np.random.Generator) -> Stimulus:
    return {
        "start": chance(rng, SHAPE, 0.02),
        "dims": steady(rng.integers(1, 17, SHAPE[0])),
        "element": random_bits(rng, SHAPE, 8),
        "scaler_valid": bursts(rng, SHAPE),
        "scaler_value": random_bits(rng, SHAPE, 14),
    }


def places(rng: np.random.Generator) -> Stimulus:
    first = rng.integers(0, 2, SHAPE[0])
    last = rng.integers(first, 2)
    chunk = steady(rng.integers(0, 4, SHAPE[0]))
    return {"first_place": steady(first), "last_place": steady(last), "last_chunk": chunk}


def exact(rng: np.random.Generator) -> Stimulus:
    return {"start": chance(rng, SHAPE, 0.05), "count": random_bits(rng, SHAPE, 4), **places(rng)}


def beam(rng: np.random.Generator) -> Stimulus:
    return {
        "start": chance(rng, SHAPE, 0.1),
        "limit": steady(rng.integers(0, 10, SHAPE[0])),
        "count": random_bits(rng, SHAPE, 2),
        "word": graph_words(rng, SHAPE),
        "push": bursts(rng, SHAPE),
        "key": random_keys(rng, SHAPE, TINY.key_width),
        "index": random_bits(rng, SHAPE, 5),
        **places(rng),
    }


def insert(rng: np.random.Generator) -> Stimulus:
    return {
        "start": bursts(rng, SHAPE),
        "scan_busy": bursts(rng, SHAPE, block=10),
        "count": steady(rng.integers(0, 34, SHAPE[0])),
        "near_count": steady(rng.integers(1, 17, SHAPE[0])),
        "near_index": random_bits(rng, SHAPE, 5),
        "word": random_bits(rng, SHAPE, 36),
    }


def row_copy(rng: np.random.Generator) -> Stimulus:
    start = np.zeros(SHAPE, dtype=np.uint64)
    start[:, :: TINY.n_chunks + 2] = 1
    return {"start": start}


def merger(rng: np.random.Generator) -> Stimulus:
    widths = {"leaf_valid": 1, "leaf_key": TINY.key_width, "leaf_core": 8, "leaf_index": 5}
    leaves = {name: random_bits(rng, SHAPE, TINY.slices * width) for name, width in widths.items()}
    return {"start": chance(rng, SHAPE, 0.1), "pop": bursts(rng, SHAPE), **leaves}


def node_store(rng: np.random.Generator) -> Stimulus:
    widths = {"count_addr": 1, "count_write_addr": 1, "count_write_value": 6}
    widths |= {"addr": 6, "type_value": 4, "weight_value": 8}
    flags = {name: bursts(rng, SHAPE) for name in ("count_write", "type_write", "weight_write")}
    return flags | {name: random_bits(rng, SHAPE, width) for name, width in widths.items()}


def graph_store(rng: np.random.Generator) -> Stimulus:
    widths = {"addr": 6, "read": 1, "op": 2, "overwrite": 1, "node": 5}
    return {name: random_bits(rng, SHAPE, width) for name, width in widths.items()} | {
        "write_word": graph_words(rng, SHAPE)
    }


Case = tuple[Component, golden.Unit, Callable[[np.random.Generator], Stimulus], tuple[str, ...]]
N = SHAPE[0]
NODE_MEMORIES = ("_counts", "_types", "_weights", "_count", "_type", "_weight")
CASES: dict[str, Callable[[], Case]] = {
    "distance": lambda: (
        hw.distance.Distance(TINY),
        golden.Distance(TINY, N),
        lambda rng: distance_stimulus(TINY, SHAPE, 1),
        (),
    ),
    "topk": lambda: (hw.topk.TopK(TINY, entries=16), golden.TopK(TINY, N), topk, ("_entry",)),
    "scaler": lambda: (hw.scaler.Scaler(TINY), golden.Scaler(TINY, N), lambda rng: scaler_stimulus(TINY, SHAPE, 2), ()),
    "normaliser": lambda: (hw.normaliser.Normaliser(TINY), golden.Normaliser(TINY, N), normaliser, ()),
    "node_store": lambda: (hw.node_store.NodeStore(TINY), golden.NodeStore(TINY, N), node_store, NODE_MEMORIES),
    "graph_store": lambda: (
        hw.graph_store.GraphStore(TINY),
        golden.GraphStore(TINY, N),
        graph_store,
        ("_memory", "_word"),
    ),
    "exact": lambda: (hw.exact.ExactScan(TINY), golden.ExactScan(TINY, N), exact, ()),
    "beam": lambda: (hw.beam.BeamSearch(TINY), golden.BeamSearch(TINY, N), beam, ("_entry",)),
    "insert": lambda: (hw.insert.InsertEngine(TINY), golden.InsertEngine(TINY, N), insert, ()),
    "row_copy": lambda: (hw.row_copy.RowCopy(TINY), golden.RowCopy(TINY, N), row_copy, ()),
    "gather": lambda: (hw.gather.Gather(TINY), golden.Gather(TINY, N), lambda rng: gather_stimulus(SHAPE, 3), ()),
    "merger": lambda: (hw.merger.Merger(TINY), golden.Merger(TINY, N), merger, ()),
    "results": lambda: (
        hw.results.ResultList(TINY),
        golden.ResultList(TINY, N),
        lambda rng: collect_stimulus(TINY, SHAPE, 4),
        ("_banks",),
    ),
}


@pytest.mark.parametrize("unit", CASES)
def test_reset_at_any_time(unit: str) -> None:
    rng = np.random.default_rng(7)
    component, twin, make, memories = CASES[unit]()
    stimulus = make(rng)
    stimulus["rst"] = chance(rng, SHAPE, 0.03) | (bursts(rng, SHAPE) & chance(rng, SHAPE, 0.02))
    check_twin(component, WithReset(twin, *memories), stimulus)
