"""The array of float32 cores: one search over many cores is brute force over all their vectors."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from golden.float32 import Array, Core
from golden.float32.distance import distances, norms
from golden.spec.commands import Metric


def numbers(records):
    """Vectors counted through the cores."""
    return records["core"].astype(int) * 32 + records["index"]


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("n", [1, 31, 32, 33, 100, 160])
def test_exact_search_is_brute_force_over_all_cores(metric, n):
    rng = np.random.default_rng([metric, n])
    vectors, queries = rng.integers(-2, 3, (n, 5)), rng.integers(-2, 3, (30, 5))  # ties in plenty
    array = Array(5, 5, metric)
    places = array.add(vectors)
    assert places.tolist() == [[i // 32, i % 32] for i in range(n)]
    if metric == Metric.L2:
        distance = cdist(queries.astype(float), vectors.astype(float), "sqeuclidean")
    elif metric == Metric.DOT:
        distance = -(queries @ vectors.T).astype(float)
    else:
        q, v = queries.astype(np.float32), vectors.astype(np.float32)
        distance = np.array([distances(metric, a, v, norms(a), norms(v)) for a in q])
        nonzero = queries.any(1)[:, None] & vectors.any(1)[None]
        with np.errstate(invalid="ignore"):
            scipy = cdist(q.astype(float), v.astype(float), "cosine")
        assert np.abs(distance - scipy)[nonzero].max(initial=0) < 1e-6
        assert (distance[~nonzero] == 1).all()
    for k in (1, 10, 16, 99):
        found = array.search(queries, k)
        order = np.argsort(distance, axis=1, kind="stable")[:, : min(k, 16, n)]
        assert np.array_equal(numbers(found), order)
        assert np.array_equal(found["distance"], np.take_along_axis(distance, order, 1).astype(np.float32))
        assert array.statistics.n_distances == n * len(queries)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("mode", ["exact", "beam"])
def test_array_equals_cores_merged_one_by_one(metric, mode):
    rng = np.random.default_rng(7)
    array = Array(4, 16, metric)
    array.add(rng.normal(size=(110, 16)))
    for core in array.cores:
        for i in range(core.count):
            core.set_node_type(i, int(rng.integers(0, 16)))
    queries = rng.normal(size=(20, 16)).astype(np.float32)
    collector = Core(16)
    for mask in (0xFFFF, 0x0101, 0):
        for row, found in enumerate(array.search(queries, 12, mask, mode)):
            collector.clear_global()
            for core in array.cores:
                core.set_query(queries[row])
                collector.merge(core.search_exact(12, mask) if mode == "exact" else core.search(12, mask))
            assert found.tobytes() == collector.global_results[:12].tobytes()


def test_update_in_a_core_is_seen_by_the_array():
    array = Array(2, 3)
    array.add(np.arange(99.0).reshape(33, 3))
    array.cores[1].set_delta([1, 1, 1])
    array.cores[1].update_vector(0, 1.0)
    found = array.search([[97, 98, 99]], 1)
    assert found.tolist() == [[(0, 1, 0, 0.0)]]


def test_blocks_of_queries_do_not_show():
    rng = np.random.default_rng(8)
    array = Array(256)
    array.add(rng.normal(size=(8192, 16)))
    queries = rng.normal(size=(150, 16))
    together = array.search(queries, 10)
    assert np.array_equal(together, np.concatenate([array.search(queries[i : i + 1], 10) for i in range(150)]))
    nearest = np.argsort(cdist(queries, array._vectors.reshape(-1, 16)), axis=1)[:, :10]
    assert np.array_equal(numbers(together), nearest)


def test_empty_and_init():
    array = Array(3, 4)
    assert array.search(np.ones((2, 4)), 5).shape == (2, 0)
    assert array.search(np.ones((0, 4)), 5).shape == (0, 0)
    array.add(np.ones((40, 4)))
    assert (array.count, array.capacity) == (40, 96)
    array.init(2, Metric.DOT)
    assert (array.count, array.dims, array.metric) == (0, 2, Metric.DOT)
    assert [core.core_id for core in array.cores] == [0, 1, 2]


def test_bad_input():
    with pytest.raises(ValueError, match=r"n_cores must be in 1\.\.256, not 257"):
        Array(257)
    array = Array(1, 2)
    with pytest.raises(ValueError, match="33 vectors do not fit: 32 of 32 places are free"):
        array.add(np.ones((33, 2)))
    assert array.count == 0
    with pytest.raises(ValueError, match="row 1, column 0 is nan"):
        array.add([[1, 2], [np.nan, 1]])
    assert array.count == 0
    array.add([[1, 2]])
    with pytest.raises(ValueError, match=r"queries must have shape \(n, 2\), not \(2,\)"):
        array.search([1, 2], 3)
    with pytest.raises(ValueError, match="mode must be 'exact' or 'beam', not 'fast'"):
        array.search([[1, 2]], 3, mode="fast")
    for mode in ("exact", "beam"):
        with pytest.raises(ValueError, match=r"k must be in 0\.\.255, not 256"):
            array.search([[1, 2]], 256, mode=mode)
