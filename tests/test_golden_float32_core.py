"""The float32 core against independent authorities: exact rational arithmetic, SciPy, closed forms."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from golden.float32 import RESULT_DTYPE, Core
from golden.float32.distance import distances, norms
from golden.spec.commands import Metric

SCIPY_NAME = {Metric.L2: "sqeuclidean", Metric.COSINE: "cosine"}


def filled(vectors, metric=Metric.L2, core_id=0):
    core = Core(vectors.shape[1], metric, core_id)
    for i, vector in enumerate(vectors):
        assert core.insert(vector) == i
    return core


def rounded(value: Fraction) -> Fraction:
    """The float32 nearest to ``value``, ties to even, by integer arithmetic (normal range only)."""
    if value == 0:
        return value
    sign, magnitude, exponent = (-1 if value < 0 else 1), abs(value), 0
    while magnitude >= 1 << 24:
        magnitude, exponent = magnitude / 2, exponent + 1
    while magnitude < 1 << 23:
        magnitude, exponent = magnitude * 2, exponent - 1
    return sign * round(magnitude) * Fraction(2) ** exponent  # round() of a Fraction: half to even


@pytest.mark.parametrize("dims", range(1, 17))
def test_every_operation_is_rounded_in_ascending_order(dims):
    rng = np.random.default_rng(dims)
    a, b = rng.normal(size=(2, dims)).astype(np.float32)
    l2 = dot = Fraction(0)
    for x, y in zip(map(Fraction, a.tolist()), map(Fraction, b.tolist()), strict=True):
        difference = rounded(x - y)
        l2 = rounded(l2 + rounded(difference * difference))
        dot = rounded(dot + rounded(x * y))
    zero = np.zeros((), np.float32)
    assert Fraction(float(distances(Metric.L2, a, b, zero, zero))) == l2
    assert Fraction(float(distances(Metric.DOT, a, b, zero, zero))) == -dot
    product = rounded(Fraction(float(norms(a))) * Fraction(float(norms(b))))
    cosine = rounded(1 - rounded(dot / product))
    assert Fraction(float(distances(Metric.COSINE, a, b, norms(a), norms(b)))) == cosine


def test_the_order_of_a_sum_is_visible():
    # 2**24 + 1 rounds back to 2**24: ascending order gives 2**24, summing the ones first would give 2**24 + 2.
    a = np.array([2.0**12, 1, 1], np.float32)
    assert norms(a) == np.float32(2.0**12)
    assert norms(a[::-1]) == np.sqrt(np.float32(2.0**24 + 2))


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("dims", [1, 2, 3, 7, 15, 16])
def test_distances_agree_with_scipy(metric, dims):
    rng = np.random.default_rng([metric, dims])
    vectors, queries = rng.normal(size=(32, dims)).astype(np.float32), rng.normal(size=(50, dims)).astype(np.float32)
    core = filled(vectors, metric)
    wide_q, wide_v = queries.astype(np.float64), vectors.astype(np.float64)
    expected = cdist(wide_q, wide_v, SCIPY_NAME[metric]) if metric != Metric.DOT else -(wide_q @ wide_v.T)
    magnitude = np.ones_like(expected)
    if metric != Metric.COSINE:
        magnitude = np.linalg.norm(wide_q, axis=1)[:, None] ** 2 + np.linalg.norm(wide_v, axis=1) ** 2
    for row, query in enumerate(queries):
        core.set_query(query)
        # Each of at most 2 dims + 5 roundings is off by half a unit in the last place: the classical bound.
        bound = (2 * dims + 5) * 2.0**-24 * 2 * magnitude[row]
        assert (np.abs(core.distances() - expected[row]) <= bound).all()


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("n", range(1, 33))
def test_exact_search_is_brute_force(metric, n):
    rng = np.random.default_rng([metric, n])
    dims = 1 + (n * 5) % 16
    # Small integers: every distance but cosine is exact in float32, and ties are common.
    vectors, queries = rng.integers(-3, 4, (n, dims)), rng.integers(-3, 4, (20, dims))
    core = filled(vectors, metric, core_id=7)
    for query in queries:
        core.set_query(query)
        if metric == Metric.L2:
            distance = cdist(query[None].astype(float), vectors.astype(float), "sqeuclidean")[0]
        elif metric == Metric.DOT:
            distance = -(vectors @ query).astype(float)
        else:
            distance = core.distances().astype(float)  # checked against SciPy above; here the order counts
        expected = sorted(range(n), key=lambda i: (distance[i], i))
        for k in (0, 1, 5, 16, 40):
            found = core.search_exact(k)
            assert found["index"].tolist() == expected[: min(k, 16, n)]
            assert found["distance"].tolist() == [np.float32(distance[i]) for i in found["index"]]
            assert (found["core"] == 7).all()
            assert core.statistics.n_distances == n


def test_result_record_layout():
    assert RESULT_DTYPE.itemsize == 8
    core = filled(np.array([[1.0, 2.0]]), core_id=9)
    core.set_query([1.0, 4.0])
    assert core.search_exact(1).tobytes() == b"\x00\x09\x00\x00" + np.float32(4).tobytes()


def test_closed_forms():
    vectors = np.array([[3, 4], [0, 0], [-3, -4], [4, -3]], float)
    for metric, expected in [
        (Metric.L2, [0, 25, 100, 50]),
        (Metric.COSINE, [0, 1, 2, 1]),
        (Metric.DOT, [-25, 0, 25, 0]),
    ]:
        core = filled(vectors, metric)
        core.set_query([3, 4])
        assert core.distances().tolist() == expected
        assert not np.signbit(core.distances()[np.array(expected) == 0]).any()
    core = filled(vectors, Metric.COSINE)
    core.set_query([0, 0])
    assert core.distances().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("metric", Metric)
def test_all_equal_vectors_tie_to_the_lower_index(metric):
    core = filled(np.full((32, 4), 0.3), metric)
    core.set_query([1, 0, 0.5, 0])
    assert core.search_exact(16)["index"].tolist() == list(range(16))
    assert core.search_exact(5)["index"].tolist() == [0, 1, 2, 3, 4]
    found = core.search(16)
    assert found["index"].tolist() == sorted(found["index"].tolist())


def test_overflow_gives_infinite_distances_in_index_order():
    big = 3e38
    vectors = np.array([[big, big], [-big, big], [0, 0], [big, -big]], np.float32)
    for metric in Metric:
        core = filled(vectors, metric)
        core.set_query([big, -big])
        distance = core.distances()
        assert not np.isnan(distance).any()
        found = core.search_exact(4)
        assert found["index"].tolist() == sorted(range(4), key=lambda i: (distance[i], i))
    assert filled(vectors, Metric.COSINE).norms.tolist() == [np.inf, np.inf, 0, np.inf]
    cosine = filled(vectors, Metric.COSINE)
    cosine.set_query([big, big])
    assert cosine.distances()[2] == 1  # a zero norm wins over an overflowed one


def test_tiny_vectors_do_not_divide_by_zero():
    core = filled(np.array([[3e-23, 3e-23], [1e-30, 0]]), Metric.COSINE)
    core.set_query([3e-23, 3e-23])
    distance = core.distances()
    assert np.isfinite(distance).all()
    assert distance[1] == 1  # its square underflows: the norm is 0


def test_metric_codes_and_dims_are_clamped():
    assert [Core(4, code).metric for code in (0, 1, 2, 3, 200)] == [
        Metric.L2,
        Metric.COSINE,
        Metric.DOT,
        Metric.L2,
        Metric.L2,
    ]
    assert [Core(dims).dims for dims in (1, 16, 17, 255)] == [1, 16, 16, 16]


def test_a_full_core_answers_255_and_loses_nothing():
    vectors = np.random.default_rng(0).normal(size=(33, 16)).astype(np.float32)
    core = filled(vectors[:32])
    links = [core.neighbours(i) for i in range(32)]
    assert core.insert(vectors[32]) == 255
    assert core.count == 32
    assert np.array_equal(core.vectors, vectors[:32])
    assert [core.neighbours(i) for i in range(32)] == links


def test_init_empties_everything():
    core = filled(np.ones((5, 3)), Metric.DOT)
    core.set_node_type(1, 5)
    core.set_edge_weight(1, 9)
    core.set_query([1, 2, 3])
    core.merge(core.search_exact(3))
    core.aggregate_neighbors(0)
    core.init(2, Metric.COSINE, 8)
    assert (core.count, core.dims, core.metric, core.core_id) == (0, 2, Metric.COSINE, 8)
    assert core.search(5).shape == core.search_exact(5).shape == (0,)
    assert core.global_results["index"].tolist() == [255] * 16
    assert core.query.tolist() == core.delta.tolist() == [0, 0]
    assert core.insert([1, 1]) == 0 and core.insert([1, 1]) == 1
    assert core.get_node_type(1) == 0
    assert core.get_edge_weight(1) == 255


def test_merge_keeps_the_sixteen_best_of_all():
    rng = np.random.default_rng(3)
    core = Core(4)
    records = np.zeros(200, RESULT_DTYPE)
    records["core"], records["index"] = np.divmod(rng.permutation(200), 32)
    records["distance"] = rng.integers(-4, 5, 200)
    for part in np.array_split(records, 13):
        core.merge(part)
    best = sorted(records.tolist(), key=lambda r: (r[3], r[1], r[0]))[:16]
    assert core.global_results.tolist() == best
    core.merge(np.array([(255, 0, 0, -100.0)], RESULT_DTYPE))
    assert core.global_results.tolist() == best
    core.clear_global()
    core.merge(records[:2])
    assert core.global_results["index"].tolist()[2:] == [255] * 14
    assert np.isinf(core.global_results["distance"][2:]).all()


def test_type_filter_walks_through_other_types():
    rng = np.random.default_rng(4)
    core = filled(rng.normal(size=(32, 16)))
    types = rng.integers(0, 16, 32)
    for i, node_type in enumerate(types):
        core.set_node_type(i, int(node_type))
    for mask in (0, 1, 0x8001, 0x0FF0, 0xFFFF):
        matching = [i for i in range(32) if mask >> types[i] & 1]
        for query in rng.normal(size=(10, 16)):
            core.set_query(query)
            everything = core.search_exact(16, 0xFFFF)
            ranking = sorted(range(32), key=lambda i: (core.distances()[i], i))
            expected = [i for i in ranking if i in matching]
            assert core.search_exact(10, mask)["index"].tolist() == expected[:10]
            assert core.search_exact(16)["index"].tolist() == everything["index"].tolist()
            core.search(10)
            plain = core.statistics
            found = core.search(10, mask)["index"].tolist()
            assert core.statistics == plain  # the walk does not depend on the types
            assert set(found) <= set(matching)
            assert found == [i for i in ranking if i in found]


def test_types_and_weights_out_of_range():
    core = filled(np.ones((3, 2)))
    for index in (3, 31, 32, 255):
        core.set_node_type(index, 7)
        core.set_edge_weight(index, 7)
        assert core.get_node_type(index) == 0
        assert core.get_edge_weight(index) == 0
        assert core.type_matches(index, 0xFFFF) is False
        assert core.neighbours(index) == ()
        assert core.aggregate_neighbors(index).tolist() == [0, 0]
        core.update_vector(index, 1.0)
    assert core.insert([1, 1]) == 3
    assert (core.get_node_type(3), core.get_edge_weight(3)) == (0, 255)
    core.set_node_type(0, 0x3A)
    assert core.get_node_type(0) == 0xA
    assert core.type_matches(0, 1 << 10) and not core.type_matches(0, 0xFFFF ^ 1 << 10)


def test_aggregate_and_update():
    core = filled(np.array([[0, 0], [8, 0], [0, 4]], float), Metric.COSINE)
    assert sorted(core.neighbours(0)) == [1, 2]
    assert core.aggregate_neighbors(0).tolist() == [4, 2]
    core.set_edge_weight(1, 51)  # a fifth
    assert core.aggregate_neighbors(0)[0] == np.float32(51) / np.float32(255) * np.float32(8) / np.float32(2)
    core.set_edge_weight(1, 0)
    assert core.aggregate_neighbors(0).tolist() == [0, 2]
    links = [core.neighbours(i) for i in range(3)]
    core.update_vector(0, 0.5)
    assert core.vectors[0].tolist() == [0, 1]
    assert core.norms[0] == 1
    core.set_delta([3, -1])
    core.update_vector(0, -1.0)
    assert core.vectors[0].tolist() == [-3, 2]
    core.set_query([-3, 2])
    assert core.search_exact(1)["index"].tolist() == [0]
    assert [core.neighbours(i) for i in range(3)] == links
    lone = filled(np.array([[5.0, 5.0]]))
    assert lone.aggregate_neighbors(0).tolist() == [0, 0]


def test_aggregate_is_rounded_neighbour_by_neighbour():
    rng = np.random.default_rng(5)
    core = filled(rng.normal(size=(32, 16)))
    weights = rng.integers(0, 256, 32)
    for i, weight in enumerate(weights):
        core.set_edge_weight(i, int(weight))
    vectors = core.vectors
    for i in range(32):
        for d in range(16):
            total = Fraction(0)
            for j in core.neighbours(i):
                share = rounded(Fraction(int(weights[j]), 255))
                total = rounded(total + rounded(share * Fraction(float(vectors[j, d]))))
            expected = rounded(total / len(core.neighbours(i)))
            assert Fraction(float(core.aggregate_neighbors(i)[d])) == expected


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda c: c.init(0, 0, 0), ValueError, "dims must be in 1..255, not 0"),
        (lambda c: c.init(-1, 0, 0), ValueError, "dims must be in 1..255, not -1"),
        (lambda c: c.init(4, 0, 256), ValueError, "core_id must be in 0..255, not 256"),
        (lambda c: c.init(4.0, 0, 0), TypeError, "dims must be an integer, not 4.0"),
        (lambda c: c.init(4, True, 0), TypeError, "metric must be an integer, not True"),
        (lambda c: c.insert([1, 2]), ValueError, r"vector must have shape \(3,\), not \(2,\)"),
        (lambda c: c.insert([[1, 2, 3]]), ValueError, r"vector must have shape \(3,\), not \(1, 3\)"),
        (lambda c: c.insert([1, np.nan, 3]), ValueError, "element 1 is nan"),
        (lambda c: c.insert([1, 2, -np.inf]), ValueError, "element 2 is -inf"),
        (lambda c: c.insert([1e300, 2, 3]), ValueError, r"element 0 is 1e\+300"),
        (lambda c: c.insert(["a", "b", "c"]), TypeError, "dtype <U1"),
        (lambda c: c.insert([1j, 2, 3]), TypeError, "dtype complex128"),
        (lambda c: c.insert([True, False, True]), TypeError, "dtype bool"),
        (lambda c: c.set_query([1, 2, 3, 4]), ValueError, r"query must have shape \(3,\), not \(4,\)"),
        (lambda c: c.set_query(np.array([1, None, 2])), TypeError, "dtype object"),
        (lambda c: c.search(-1), ValueError, "k must be in 0..255, not -1"),
        (lambda c: c.search_exact("5"), TypeError, "k must be an integer, not '5'"),
        (lambda c: c.search(3, 0x10000), ValueError, "type_mask must be in 0..65535, not 65536"),
        (lambda c: c.set_node_type(0, 256), ValueError, "node_type must be in 0..255, not 256"),
        (lambda c: c.set_edge_weight(0, -1), ValueError, "weight must be in 0..255, not -1"),
        (lambda c: c.get_edge_weight(-1), ValueError, "index must be in 0..255, not -1"),
        (lambda c: c.update_vector(0, np.nan), ValueError, "alpha must be finite in float32, not nan"),
        (lambda c: c.update_vector(0, "1"), TypeError, "alpha must be a number, not '1'"),
        (lambda c: c.merge([1, 2]), TypeError, "results must be an array of RESULT_DTYPE"),
        (lambda c: c.merge(np.zeros((1, 2), RESULT_DTYPE)), ValueError, r"not of shape \(1, 2\)"),
        (lambda c: c.merge(np.array([(1, 0, 0, np.nan)], RESULT_DTYPE)), ValueError, "NaN distance at record 0"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(call, error, text):
    core = filled(np.arange(6.0).reshape(2, 3), core_id=5)
    with pytest.raises(error, match=text):
        call(core)
    assert (core.count, core.dims, core.core_id, core.metric) == (2, 3, 5, Metric.L2)
    assert np.array_equal(core.vectors, np.arange(6.0).reshape(2, 3))
    assert core.query.tolist() == [0, 0, 0]
    assert core.global_results["index"].tolist() == [255] * 16


def test_update_beyond_the_range_is_refused():
    core = filled(np.array([[3e38], [3e38]]))
    core.aggregate_neighbors(0)
    with pytest.raises(ValueError, match="vector 0 with alpha 1 leaves the float32 range"):
        core.update_vector(0, 1)
    assert core.vectors.tolist() == [[np.float32(3e38)]] * 2
