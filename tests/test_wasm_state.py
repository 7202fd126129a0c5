"""Snapshots, and arguments that cannot be meant: no trap, no damage, the answers that docs/wasm.md gives."""

from __future__ import annotations

import numpy as np
import pytest
from wasm_programs import Pair, any_vector, program

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from ganglion.wasm.interface import ARRAY_FUNCTIONS, MORE_FUNCTIONS, SEED_FUNCTIONS
from ganglion.wasm.layout import CORE_DTYPE, NEURON_DTYPE, SNAPSHOT_DTYPE
from golden.float32.module import Module

MODULES = {name: (FOLDER / variant.file).read_bytes() for name, variant in VARIANTS.items()}
SEVERAL = pytest.mark.parametrize("variant", MODULES)


def full(variant: str, n: int = 32, dims: int = 16) -> Pair:
    rng = np.random.default_rng([n, dims])
    pair = Pair(Instance(MODULES[variant]), Module())
    pair.run(("init", (dims, 0, 0)))
    for _ in range(n):
        pair.run(("write_insert", (rng.normal(size=16).astype(np.float32),)))
        pair.run(("insert", ()))
    pair.run(("write_query", (rng.normal(size=16).astype(np.float32),)))
    return pair


def snapshot_of(instance: Instance) -> bytes:
    length = instance.call("snapshot")
    return instance.memory[(at := instance.call("get_snapshot_ptr")) : at + length].tobytes()


def put_snapshot(instance: Instance, snapshot: bytes) -> int:
    at = instance.call("get_snapshot_ptr")
    instance.memory[at : at + len(snapshot)] = np.frombuffer(snapshot, np.uint8)
    return int(instance.call("restore"))


def sealed(record: np.ndarray) -> bytes:
    """The bytes of a snapshot with the checksum that it needs."""
    total = 0x811C9DC5
    for word in np.frombuffer(record.tobytes()[8:], "<u4").tolist():
        total = (total ^ word) * 0x01000193 & 0xFFFFFFFF
    record["checksum"] = total
    return record.tobytes()


@SEVERAL
def test_a_restored_core_goes_on_as_the_original(variant: str) -> None:
    rng = np.random.default_rng(4)
    pair = full(variant, 25, 11)
    for step in program(rng, 400):
        pair.run(step)
    kept = snapshot_of(pair.instance)
    resumed = Pair(Instance(MODULES[variant]), pair.model)
    assert put_snapshot(resumed.instance, kept) == 1
    for side in (resumed.instance, pair.model):
        for name in ("insert", "query", "delta"):
            getattr(side, f"{name}_buffer")[:] = 1
    resumed.compare_state()
    resumed.run(("clear_global", ()))
    resumed.run(("search", (5,)))
    for step in program(rng, 600):
        resumed.run(step)
        resumed.compare_lists()
    resumed.compare_state()
    assert put_snapshot(pair.instance, kept) == 1 and snapshot_of(pair.instance) == kept


def test_a_snapshot_moves_between_the_variants() -> None:
    kept = snapshot_of(full("plain").instance)
    for module in MODULES.values():
        instance = Instance(module)
        assert put_snapshot(instance, kept) == 1 and snapshot_of(instance) == kept
        assert instance.call("count") == 32


@SEVERAL
def test_what_is_no_snapshot_is_refused(variant: str) -> None:
    pair = full(variant)
    kept = snapshot_of(pair.instance)
    assert len(kept) == SNAPSHOT_DTYPE.itemsize == CORE_DTYPE.itemsize + 8
    for position in (0, 3, 4, 8, 2000, len(kept) - 1):
        damaged = bytearray(kept)
        damaged[position] ^= 1
        assert put_snapshot(pair.instance, bytes(damaged)) == 0
    assert put_snapshot(pair.instance, bytes(len(kept))) == 0
    assert put_snapshot(Instance(MODULES[variant]), bytes(len(kept))) == 0  # never filled
    pair.compare_state()


@SEVERAL
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("count", 33), ("count", 255), ("n_unused_dims", 16), ("n_unused_dims", 255), ("metric", 3)),
        *(("n_links", 7), ("n_links", 255), ("n_pinned", 7), ("links", 32), ("links", 255), ("type", 16)),
        *(("phase", 1638400), ("phase", 0xFFFFFFFF), ("n_glimpses", 4), ("winner_from_1", 33)),
        *(("membrane", np.nan), ("vectors", np.inf), ("branches", -np.inf), ("weight", np.nan), ("time", np.nan)),
    ],
)
def test_a_forged_snapshot_is_refused(variant: str, field: str, value: float) -> None:
    pair = full(variant)
    forged = np.frombuffer(snapshot_of(pair.instance), SNAPSHOT_DTYPE)[0].copy()
    assert put_snapshot(pair.instance, sealed(forged)) == 1  # the seal is right
    if field in NEURON_DTYPE.names:
        forged["neurons"][field][5] = value
    else:
        forged[field] = value
    assert put_snapshot(pair.instance, sealed(forged)) == 0
    pair.compare_state()


@SEVERAL
def test_no_forged_snapshot_makes_anything_trap(variant: str) -> None:
    rng = np.random.default_rng(8)
    instance = full(variant).instance
    for _ in range(40):
        forged = rng.integers(0, 256, SNAPSHOT_DTYPE.itemsize, np.uint8).view(SNAPSHOT_DTYPE)[0]
        forged["magic"] = np.frombuffer(snapshot_of(instance), "<u4", 1)[0]
        put_snapshot(instance, sealed(forged))
        for name, arguments in program(rng, 20):
            if not name.startswith(("write_", "merge_")):
                instance.call(name, *arguments)


@SEVERAL
def test_calls_before_init(variant: str) -> None:
    pair = Pair(Instance(MODULES[variant]), Module())
    assert pair.run(("count", ())) == 0 and pair.run(("get_dims", ())) == 16
    pair.compare_lists()
    pair.compare_state()
    assert pair.run(("search", (5,))) == 0 and pair.run(("wta_compete", ())) == 255
    pair.run(("write_insert", (any_vector(np.random.default_rng(0)),)))
    assert pair.run(("insert", ())) == 0 and pair.run(("search", (5,))) == 1
    pair.compare_lists()
    pair.compare_state()


@SEVERAL
def test_init_with_no_dimensions_does_nothing_and_with_200_means_16(variant: str) -> None:
    pair = full(variant, 3, 9)
    pair.run(("init", (0, 1, 5)))
    assert pair.run(("count", ())) == 3 and pair.run(("get_dims", ())) == 9 and pair.run(("get_metric", ())) == 0
    pair.compare_lists()
    pair.run(("init", (200, 9, 5)))
    assert pair.run(("get_dims", ())) == 16 and pair.run(("get_metric", ())) == 0
    assert pair.run(("get_core_id", ())) == 5 and pair.run(("count", ())) == 0
    pair.compare_lists()


@SEVERAL
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(variant: str, bad: float) -> None:
    pair = full(variant, 5, 4)
    vector = np.array([1, 2, bad, 4, *[np.nan] * 12], np.float32)  # only the first 4 are read
    pair.run(("write_insert", (vector,)))
    assert pair.run(("insert", ())) == 255 and pair.run(("count", ())) == 5
    pair.run(("write_query", (vector,)))
    for name in ("search", "search_exact"):
        assert pair.run((name, (5,))) == 0
    assert pair.run(("hnsw_to_snn", (5, 1.0))) == pair.run(("resonance_search", (5, 1.0))) == 0
    assert pair.run(("neuromorphic_search", (5, 1.0, 20))) == 0
    pair.run(("write_delta", (vector,)))
    pair.run(("update_vector", (0, 0.5)))
    pair.run(("update_vector", (1, bad)))
    pair.compare_lists()
    pair.compare_state()
    pair.run(("write_query", (np.where(np.arange(16) < 4, 1, vector).astype(np.float32),)))
    assert pair.run(("search", (5,))) == 5
    pair.compare_lists()


@SEVERAL
def test_a_full_core_takes_no_more(variant: str) -> None:
    pair = full(variant)
    before = snapshot_of(pair.instance)
    assert pair.run(("insert", ())) == 255 and snapshot_of(pair.instance) == before


@SEVERAL
def test_merge_reads_nothing_beyond_the_memory(variant: str) -> None:
    pair = full(variant)
    instance, end = pair.instance, len(pair.instance.memory)
    records = np.zeros(2, pair.model.results.dtype)
    records["index"], records["distance"] = [1, 2], [-2, -1]
    instance.memory[-16:] = np.frombuffer(records.tobytes(), np.uint8)
    cases = {end - 16: 2, end - 8: 1, end - 7: 0, end - 1: 0, end: 0, end + 8: 0, -8: 0, -1: 0, 0x7FFFFFF8: 0}
    for address, n in cases.items():
        instance.call("clear_global")
        assert instance.call("merge", address, 255) == n
        assert instance.global_results["index"][: n + 1].tolist() == [*[1, 2][2 - n :], 255]
    instance.call("clear_global")
    assert instance.call("merge", end - 15, 2) == 1  # not aligned: the bytes of a record, whatever they mean
    pair.compare_state()


@SEVERAL
def test_words_beyond_a_byte_reach_nothing(variant: str) -> None:
    """Every function, every argument out of range in turn: no trap, and no vector is lost."""
    pair = full(variant)
    functions = SEED_FUNCTIONS | MORE_FUNCTIONS | (ARRAY_FUNCTIONS if "array" in variant else {})
    words = [255, 256, 0x7FFFFFFF, -(1 << 31), -1]
    floats = [np.nan, np.inf, -np.inf, 3.4e38, -1e-45]
    for name, function in functions.items():
        if name in ("init", "snapshot", "restore", "core_select"):
            continue
        for word, number in zip(words, floats, strict=True):
            kinds = function.wasm_parameters
            pair.instance.call(name, *[number if kind == "f32" else word for kind in kinds])
            pair.instance.call(name, *[1.0 if kind == "f32" else word for kind in kinds])
    assert pair.instance.call("count") == 32
    state = pair.instance.state()
    assert np.isfinite(state["vectors"]).all()
    for field in ("membrane", "threshold", "rate", "weight", "trace", "branches"):
        assert np.isfinite(state["neurons"][field]).all(), field
