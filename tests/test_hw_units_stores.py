"""Node store, graph store, row copy and gather: hardware against golden twins, every output in every cycle."""

import numpy as np
import pytest
from hw_units import CORE16, FOLDED8, NARROW16, PAIR16, TINY, Recorder, bursts, chance, name_of, random_bits

import golden.fixed as golden
import hw.gather
import hw.graph_store
import hw.node_store
import hw.row_copy
from ganglion.engine import check_twin, make_engine, pack, unpack
from golden.fixed.graph_store import link_back, pin
from golden.spec import Config

PLACE_CONFIGS = [TINY, CORE16, FOLDED8, NARROW16]
LANE_CONFIGS = [TINY, CORE16, FOLDED8, NARROW16, PAIR16]
SHAPE = (500, 520)


def addresses(rng: np.random.Generator, shape: tuple[int, int], depth: int) -> np.ndarray:
    """Addresses that come back often: half of the streams use only four of them."""
    few = np.take_along_axis(rng.integers(0, depth, (shape[0], 4)), rng.integers(0, 4, shape), axis=1)
    return np.where(rng.random((shape[0], 1)) < 0.5, few, rng.integers(0, depth, shape)).astype(np.uint64)


@pytest.mark.parametrize("config", PLACE_CONFIGS, ids=name_of)
def test_node_store(config: Config) -> None:
    rng = np.random.default_rng(3)
    n_places = config.cores_per_slice
    stimulus = {
        "count_addr": rng.integers(0, n_places, SHAPE),
        "count_write": bursts(rng, SHAPE),
        "count_write_addr": rng.integers(0, n_places, SHAPE),
        "count_write_value": random_bits(rng, SHAPE, 6),
        "addr": addresses(rng, SHAPE, 32 * n_places),
        "type_write": bursts(rng, SHAPE),
        "weight_write": bursts(rng, SHAPE),
        "type_value": random_bits(rng, SHAPE, 4),
        "weight_value": random_bits(rng, SHAPE, 8),
    }
    outputs = check_twin(hw.node_store.NodeStore(config), golden.NodeStore(config, SHAPE[0]), stimulus)
    assert len(np.unique(outputs["weight"])) == 256


def graph_words(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Graph words, half of them with any counts (0 to 7), half as inserts make them."""
    n_links = rng.integers(0, 7, shape)
    n_pinned = rng.integers(0, 7, shape) % (n_links + 1)
    sane = rng.integers(0, 1 << 30, shape) | n_links << 30 | n_pinned << 33
    return np.where(rng.random(shape) < 0.5, sane.astype(np.uint64), random_bits(rng, shape, 36))


@pytest.mark.parametrize("config", PLACE_CONFIGS, ids=name_of)
def test_graph_store(config: Config) -> None:
    rng = np.random.default_rng(4)
    stimulus = {
        "addr": addresses(rng, SHAPE, 32 * config.cores_per_slice),
        "read": bursts(rng, SHAPE),
        "op": random_bits(rng, SHAPE, 2) * bursts(rng, SHAPE),
        "overwrite": random_bits(rng, SHAPE, 1) * random_bits(rng, SHAPE, 1),
        "node": random_bits(rng, SHAPE, 5),
        "write_word": graph_words(rng, SHAPE),
    }
    outputs = check_twin(hw.graph_store.GraphStore(config), golden.GraphStore(config, SHAPE[0]), stimulus)
    assert len(np.unique(outputs["word"] >> np.uint64(30))) == 64, "every pair of counts was read"


def test_graph_store_with_a_memory_outside() -> None:
    """The same updates where the words live in a memory that is shared with the vectors, which holds what it read."""
    rng, shape = np.random.default_rng(8), (1000, 20)
    stimulus = {
        "addr": random_bits(rng, shape, 6),
        "read": random_bits(rng, shape, 1),
        "op": random_bits(rng, shape, 2),
        "node": random_bits(rng, shape, 5),
        "write_word": graph_words(rng, shape),
        "overwrite": random_bits(rng, shape, 1),
        "loaded": np.repeat(graph_words(rng, (shape[0], 1)), shape[1], axis=1),
    }
    unit = hw.graph_store.GraphStore(TINY, external=True)
    with make_engine(unit) as engine:
        rows = pack(engine.ports.inputs, stimulus)
        outputs = unpack(engine.ports.outputs, engine.run_streams(rows))
    np.testing.assert_array_equal(outputs["word"], stimulus["loaded"])
    update = np.zeros(shape[0], np.int64)
    for cycle in range(shape[1]):
        now = {name: values[:, cycle].astype(np.int64) for name, values in stimulus.items()}
        pending, op, word = update > 0, now["op"], now["loaded"]
        changed = np.where(update == 2, pin(word, now["node"]), link_back(word, now["node"]))
        writes = pending | (op == 1) | ((op == 0) & (now["overwrite"] == 1))
        data = np.where(pending, changed, now["write_word"])
        np.testing.assert_array_equal(outputs["store_write"][:, cycle], writes)
        np.testing.assert_array_equal(outputs["store_read"][:, cycle], ~writes & (op == 0) & (now["read"] == 1))
        np.testing.assert_array_equal(outputs["store_data"][:, cycle][writes], data[writes].astype(np.uint64))
        update = np.where(pending | (op < 2), 0, op)


@pytest.mark.parametrize("config", LANE_CONFIGS, ids=name_of)
def test_row_copy(config: Config) -> None:
    rng = np.random.default_rng(5)
    shape, n = (500, 420), config.n_chunks
    unit = Recorder(golden.RowCopy(config, shape[0]))
    wishes, blocked = bursts(rng, shape), np.zeros(shape[0], dtype=np.int64)
    for cycle in range(shape[1]):
        start = (wishes[:, cycle] == 1) & (blocked == 0)
        unit.step({"start": start})
        blocked = np.where(start, n + 1, np.maximum(blocked - 1, 0))
    stimulus = unit.stimulus()
    outputs = check_twin(hw.row_copy.RowCopy(config), golden.RowCopy(config, shape[0]), stimulus)
    starts = stimulus["start"].astype(bool)[:, : -n - 2]
    for i in range(n):
        chunk = {name: outputs[name][:, i + 1 : i + 1 + starts.shape[1]][starts] for name in ("read", "read_chunk")}
        assert (chunk["read"] == 1).all() and (chunk["read_chunk"] == i).all()
    np.testing.assert_array_equal(outputs["write"][:, 1:], outputs["read"][:, :-1])
    np.testing.assert_array_equal(outputs["write_chunk"][:, 1:], outputs["read_chunk"][:, :-1])
    assert (outputs["busy"] == (outputs["read"] | outputs["write"])).all()


def gather_stimulus(shape: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    """Starts at any time (most of them ignored), everything else noise."""
    rng = np.random.default_rng(seed)
    return {
        "start": bursts(rng, shape),
        "own": chance(rng, shape, 0.3),
        "absent": chance(rng, shape, 0.2),
        "index": random_bits(rng, shape, 5),
        "word": graph_words(rng, shape),
    }


@pytest.mark.parametrize("config", LANE_CONFIGS, ids=name_of)
def test_gather(config: Config) -> None:
    shape = (250, 1000)
    stimulus = gather_stimulus(shape, 6)
    outputs = check_twin(hw.gather.Gather(config), golden.Gather(config, shape[0]), stimulus)
    starts = np.argwhere((stimulus["start"] & ~outputs["active"])[:, :-110] == 1)
    assert len(starts) > 1000
    for stream, cycle in starts[:1000]:
        itself = stimulus["own"][stream, cycle] | stimulus["absent"][stream, cycle]
        linked = 0 if itself else min(6, int(stimulus["word"][stream, cycle + 2] >> np.uint64(30)) & 7)
        issue = outputs["issue"][stream, cycle : cycle + 110]
        n_issues = 16 * max(1, linked)
        assert not issue[:3].any() and issue[3 : 3 + n_issues].all() and not issue[3 + n_issues], "no gap in the issues"
