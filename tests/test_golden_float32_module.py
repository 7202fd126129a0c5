"""The float32 model behind the module's interface: buffers, and an answer to every argument."""

from __future__ import annotations

import numpy as np
import pytest

from golden.float32 import Array, SpikingCore
from golden.float32.module import Module
from golden.float32.module_array import ArrayModule
from golden.float32.results import RESULT_DTYPE, empty_results
from golden.float32.state import SpikingState

NONE = empty_results(16)


def filled(n: int = 8, dims: int = 4, metric: int = 0) -> Module:
    module = Module()
    module.init(dims, metric, 3)
    for row in np.random.default_rng([n, dims, metric]).normal(size=(n, dims)):
        module.insert_buffer[:dims] = row
        module.insert()
    module.query_buffer[:dims] = 0.5
    return module


def unchanged(module: Module, before: SpikingState, vectors: np.ndarray) -> bool:
    state = module.core.state
    names = SpikingState.__dataclass_fields__
    same = all(np.array_equal(getattr(state, name), getattr(before, name)) for name in names)
    return same and np.array_equal(module.core.vectors, vectors)


@pytest.mark.parametrize("metric", [0, 1, 2])
def test_functions_are_those_of_the_core(metric: int) -> None:
    module, core = filled(20, 6, metric), SpikingCore(6, metric, 3)
    for row in module.core.vectors:
        core.insert(row)
    core.set_query(np.full(6, 0.5))
    for name, arguments in [
        ("search", (5,)),
        ("search_exact", (16,)),
        ("hnsw_to_snn", (3, 2.0)),
        ("resonance_search", (4, 0.5)),
        ("spike_search", (0b1010, 6)),
        ("neuromorphic_search", (5, 1.0, 20)),
    ]:
        n, expected = getattr(module, name)(*arguments), getattr(core, name)(*arguments)
        assert n == len(expected) and module.results[:n].tobytes() == expected.tobytes()
        assert module.results[n:].tobytes() == NONE[n:].tobytes()
    module.set_node_type(2, 19)
    assert module.get_node_type(2) == 3 and module.type_filter_search(16, 1 << 3) == 1
    assert module.results["index"][0] == 2


def test_before_init_it_is_as_after_init_16_0_0() -> None:
    module, other = Module(), Module()
    other.init(16, 0, 0)
    for side in (module, other):
        assert (side.get_dims(), side.get_metric(), side.get_core_id(), side.count()) == (16, 0, 0, 0)
        assert side.search(5) == 0 and side.wta_compete() == 255 and side.snn_step(1.0) == 0
        assert side.insert() == 0 and side.search(5) == 1
    assert module.results.tobytes() == other.results.tobytes()


def test_init_without_dimensions_does_nothing() -> None:
    module = filled()
    module.init(0, 1, 9)
    module.init(1 << 32, 1, 9)
    assert (module.get_dims(), module.get_metric(), module.get_core_id(), module.count()) == (4, 0, 3, 8)
    module.init(200, 3, 0x109)
    assert (module.get_dims(), module.get_metric(), module.get_core_id(), module.count()) == (16, 0, 9, 0)
    assert not module.query_buffer.any() and module.results.tobytes() == NONE.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    module = filled()
    before, vectors = module.core.save_state(), module.core.vectors
    module.insert_buffer[2] = module.query_buffer[2] = module.delta_buffer[2] = bad
    module.results["index"] = 1
    assert module.insert() == 255
    for answer in (
        module.search(5),
        module.search_exact(5),
        module.type_filter_search(5, 0xFFFF),
        module.hnsw_to_snn(5, 1.0),
        module.resonance_search(5, 1.0),
        module.neuromorphic_search(5, 1.0, 3),
    ):
        assert answer == 0 and module.results.tobytes() == NONE.tobytes()
    module.update_vector(0, 0.5)
    module.update_vector(0, bad)
    assert unchanged(module, before, vectors)
    for buffer in (module.insert_buffer, module.query_buffer):
        buffer[2], buffer[9] = 0, bad  # only the first 4 count
    assert module.insert() == 8 and module.search(5) == 5


def test_an_update_beyond_the_finite_numbers_is_refused() -> None:
    module = filled()
    module.delta_buffer[:] = 3e38
    vectors = module.core.vectors
    module.update_vector(1, 3e38)
    assert np.array_equal(module.core.vectors, vectors)
    module.update_vector(1, 0.5)
    assert not np.array_equal(module.core.vectors, vectors)


def test_words_are_not_cut_to_bytes() -> None:
    module = filled(8)
    before, vectors = module.core.save_state(), module.core.vectors
    for index in (8, 255, 256, 257, -1, 1 << 31):
        module.snn_inject(index, 1.0)
        module.set_edge_weight(index, 3)
        module.dendrite_inject(index, 0, 1.0)
        assert (
            module.snn_get_membrane(index) == module.get_edge_weight(index) == module.type_matches(index, 0xFFFF) == 0
        )
    module.dendrite_inject(0, 256, 1.0)
    module.dendrite_inject(0, -1, 1.0)
    assert unchanged(module, before, vectors)
    module.set_edge_weight(0, 300)
    assert module.get_edge_weight(0) == 255 and module.pattern_correlate(0, -1) == 0b11111110
    assert module.search(-1) == module.search(256) == 8 and module.search(0) == 0


def test_merge_takes_16_records_and_no_nan() -> None:
    module = filled()
    records = np.zeros(20, RESULT_DTYPE)
    records["index"], records["distance"] = np.arange(20), np.arange(20)
    records["distance"][3] = np.nan
    records["index"][4] = 255
    assert module.merge(records) == 14
    assert module.core.global_results["index"][:14].tolist() == [i for i in range(16) if i not in (3, 4)]
    assert module.merge(module.core.global_results) == 16
    assert module.core.global_results["index"][:4].tolist() == [0, 0, 1, 1]
    module.clear_global()
    assert module.merge(records[:0]) == 0


def test_the_buffers_and_lists_of_an_array_are_shared_and_the_cores_are_not() -> None:
    module = ArrayModule()
    for core_id in (5, 7):
        module.init(3, 0, core_id)
        module.insert_buffer[:3] = core_id
        module.insert()
    module.query_buffer[:3] = 6
    assert module.get_core_id() == 7 and module.search_all(16) == module.search_all_exact(16) == 2
    assert module.results["core"][:3].tolist() == [5, 7, 255]
    assert module.core.global_results.tobytes() == module.results.tobytes()
    module.core_select(256)
    assert module.get_core_id() == 7
    module.core_select(5)
    assert module.core.global_results["core"][:2].tolist() == [5, 7] and module.count() == 1
    module.core_select(0)
    assert (module.get_core_id(), module.get_dims(), module.count()) == (0, 16, 0)
    assert module.search_all(1) == 1 and module.results["core"][:2].tolist() == [5, 255]


def test_an_array_searches_as_the_array_of_cores_does() -> None:
    rng = np.random.default_rng(0)
    module, array = ArrayModule(), Array(256, 5)
    vectors = rng.normal(size=(300, 5)).astype(np.float32)
    array.add(vectors)
    for core_id in range(256):
        module.init(5, 0, core_id)
        for vector in vectors[core_id * 32 : core_id * 32 + 32]:
            module.insert_buffer[:5] = vector
            module.insert()
    for k in (1, 4, 16):
        query = rng.normal(size=5).astype(np.float32)
        module.query_buffer[:5] = query
        assert module.search_all_exact(k) == k
        assert module.results[:k].tobytes() == array.search(query[None], k)[0].tobytes()
        assert module.search_all(k) == k
        assert module.results[:k].tobytes() == array.search(query[None], k, mode="beam")[0].tobytes()
