"""Device on the golden backend: results against brute force, keys, types, quantisation, GNN operations, bad input."""

import numpy as np
import pytest

from ganglion import BackendError, Config, Device, preset
from ganglion.device_matches import NO_KEY
from golden.spec.constants import MAX_DIMS, VECTORS_PER_CORE

RNG = np.random.default_rng(2024)


def small():
    """An empty device of 8 dimensions."""
    return Device(8, config="tiny")


def integers(n, dims, high=100):
    """Vectors of small integers: they are stored exactly, so distances and order are exact too."""
    return RNG.integers(-high, high + 1, (n, dims)).astype(np.float64)


def sorted_distances(base, queries, metric):
    every = ((queries[:, None] - base[None]) ** 2).sum(axis=2) if metric == "l2" else -(queries @ base.T)
    return np.sort(every, axis=1)


@pytest.mark.parametrize("metric", ["l2", "dot"])
@pytest.mark.parametrize("dims", [1, 3, 8, 16])
@pytest.mark.parametrize("n", [1, 5, 100, 128])
def test_exact_search_is_brute_force(metric, dims, n):
    base, queries = integers(n, dims), integers(7, dims)
    device = Device(dims, config="tiny", metric=metric)
    device.fit([[100] * dims, [-100] * dims])
    device.add(np.arange(n) * 3 + 1, base)
    found = device.search(queries, 10)
    k = min(n, 10)
    assert np.array_equal(found.distances[:, :k], sorted_distances(base, queries, metric)[:, :k])
    assert np.isnan(found.distances[:, k:]).all()
    assert (found.keys[:, k:] == NO_KEY).all()
    assert (found.counts == k).all()
    rows = (found.keys[:, :k] - np.uint64(1)) // np.uint64(3)
    for query, row, distances in zip(queries, rows.astype(int), found.distances[:, :k], strict=True):
        own = ((base[row] - query) ** 2).sum(axis=1) if metric == "l2" else -(base[row] @ query)
        assert np.array_equal(own, distances)
        assert len(set(row)) == k


@pytest.mark.parametrize(("native", "tolerance"), [(False, 0.001), (True, 0.001)])
def test_cosine_distances_are_near_the_true_ones(native, tolerance):
    base, queries = RNG.normal(size=(100, 16)), RNG.normal(size=(20, 16))
    device = Device(16, config="tiny", metric="cosine", element_width=16, native_cosine=native)
    device.add(None, base)
    found = device.search(queries, 5)
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(base, axis=1)
    true = 1 - queries @ base.T / lengths
    chosen = np.take_along_axis(true, found.keys.astype(np.intp), axis=1)
    inside = ~found.saturated
    # Quantisation is a question of size, not of equality: 16-bit unit vectors.
    assert np.abs(found.distances - chosen)[inside].max() < tolerance
    assert np.abs(found.distances - np.sort(true, axis=1)[:, :5])[inside].max() < tolerance


def test_a_zero_vector_needs_native_cosine():
    rows = np.eye(4)
    rows[2] = 0
    with pytest.raises(ValueError, match="row 2 is"):
        Device(4, config="core", metric="cosine").add(None, rows)
    device = Device(4, config="core", metric="cosine", native_cosine=True)
    device.add(None, rows)
    assert device.search(rows[0], 4).distances[0, -1] == 1
    assert not device.get([2]).any()


def test_beam_finds_most_and_reports_its_cycles():
    base, queries = integers(128, 16), integers(50, 16)
    device = Device(16, config="tiny")
    device.add(None, base)
    exact, beam = device.search(queries, 10), device.search(queries, 10, mode="beam")
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact.keys, beam.keys, strict=True)]) >= 0.97
    assert (exact.cycles == exact.cycles[0]).all()
    assert exact.cycles_per_query == exact.cycles[0]
    assert beam.cycles.min() > 0


def test_one_vector_and_one_query_may_come_without_their_axis():
    device = Device(3, config="core")
    assert device.add(7, [1, 2, 3]).tolist() == [7]
    found = device.search([1, 2, 4], 1)
    assert found.keys.tolist() == [[7]]
    assert found.distances.tolist() == [[1.0]]
    keys, distances = device.search([1, 2, 4], 5)[0]
    assert keys.tolist() == [7]
    assert distances.tolist() == [1.0]


def test_keys_count_on_and_may_be_any_64_bits():
    device = Device(2, config="core")
    device.add([(1 << 64) - 2], [[1, 2]])
    device.add(None, [[3, 4]])
    assert device.keys.tolist() == [(1 << 64) - 2, (1 << 64) - 1]
    with pytest.raises(ValueError, match=f"keys must be 0 to {(1 << 64) - 1}, got {1 << 64}"):
        device.add(None, [[3, 4]])
    assert len(device) == 2
    assert (1 << 64) - 1 in device
    assert 5 not in device
    assert "5" not in device
    assert device.contains([(1 << 64) - 1, 5]).tolist() == [True, False]
    assert device.get((1 << 64) - 2).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("config", "n", "fill"),
    [
        (Config(cores=4, slices=2), 6, {"spread": [2, 2, 1, 1], "pack": [3, 3, 0, 0]}),
        (Config(cores=4, slices=1), 40, {"spread": [10, 10, 10, 10], "pack": [32, 8, 0, 0]}),
    ],
)
@pytest.mark.parametrize("placement", ["spread", "pack"])
def test_placement(config, n, fill, placement):
    device = Device(4, config=config, placement=placement)
    device.add(None, integers(n // 2, 4))
    device.add(None, integers(n - n // 2, 4))
    assert device.fill.tolist() == fill[placement]


def test_types_and_filter():
    base = integers(60, 8)
    device = Device(8, config="tiny")
    device.add(None, base, types=np.arange(60) % 4)
    assert device.get_types([0, 1, 2, 7]).tolist() == [0, 1, 2, 3]
    found = device.search(base[:5], 16, types=[1, 3])
    assert (found.keys % np.uint64(2) == 1).all()
    assert (found.counts == 16).all()
    assert np.array_equal(device.search(base[:5], 16, type_mask=0b1010).keys, found.keys)
    assert (device.search(base[:5], 15, types=2).keys % np.uint64(4) == 2).all()
    assert (device.search(base[:5], 16, types=[]).counts == 0).all()
    device.set_types([5, 6], 9)
    assert device.search(base[:1], 3, types=9).counts.tolist() == [2]


def test_wider_vectors_are_quantised_again_with_types_and_weights_kept():
    device = Device(4, config="tiny", centre=False)
    first, wider = integers(40, 4, 100), integers(20, 4, 120) * 50
    device.add(None, first, types=3)
    device.set_weights([1, 2], [7, 8])
    scale = device.quantiser.scale
    device.add(None, wider)
    assert device.quantiser.scale > scale
    assert not device.quantiser.saturates(wider).any()
    assert device.get_types([0, 39, 40]).tolist() == [3, 3, 0]
    assert device.get_weights([0, 1, 2]).tolist() == [255, 7, 8]
    step = device.quantiser.scale
    assert np.abs(device.get(device.keys) - np.concatenate([first, wider])).max() <= step / 2 + 1e-9


def test_fit_fixes_the_range_before_and_after():
    device = Device(2, config="core", centre=False)
    device.fit([[0, 1000]])
    fitted = device.quantiser
    device.add(None, [[1.0, 2.0]])
    assert device.quantiser is fitted
    assert len(device) == 1
    device.fit([[0, 4000]], headroom=2)
    assert device.quantiser.scale * 127 >= 8000
    assert len(device) == 1


def test_few_vectors_leave_room_for_queries_around_them():
    device = Device(2, config="core")
    device.add(None, [[1, 2], [3, 5]])
    found = device.search([[0, 7], [5, 0]], 1)
    assert not found.saturated.any()
    assert found.distances.tolist() == [[13.0], [20.0]]


def test_a_query_out_of_range_is_marked():
    device = Device(2, config="core", centre=False)
    device.add(None, [[1, 2], [3, 127]])
    assert device.search([[1, 2], [1000, 0]], 1).saturated.tolist() == [False, True]


def test_an_empty_device_finds_nothing():
    found = Device(5, config="tiny").search(np.zeros((3, 5)), 4)
    assert found.counts.tolist() == [0, 0, 0]
    assert np.isnan(found.distances).all()
    assert found.keys.shape == (3, 4)
    assert Device(5, config="tiny").search(np.zeros((0, 5)), 4).cycles_per_query == 0


def test_clear_starts_again():
    device = Device(2, config="core")
    device.add(None, integers(32, 2))
    device.clear()
    assert len(device) == 0
    assert device.quantiser is None
    device.add([4], [[5, 6]])
    assert device.search([5, 6], 2).counts.tolist() == [1]


def test_aggregate_and_update_follow_the_formulas():
    base = integers(6, 3, 60)
    device = Device(3, config="core", centre=False, element_width=16)
    device.add(None, base)
    # Six nodes at most: with up to seven nodes, everyone is everyone's neighbour.
    weights = np.array([255, 128, 0, 77, 200, 31])
    device.set_weights(device.keys, weights)
    scale = device.quantiser.scale
    expected = [(weights[o, None] / 255 * base[o]).mean(axis=0) for o in (np.arange(6) != i for i in range(6))]
    found = device.aggregate(device.keys)
    assert np.abs(found - expected).max() <= scale / 256 + 1e-4 * np.abs(base).max()
    device.update([2], 0.5)
    assert np.abs(device.get([2])[0] - (base[2] + 0.5 * expected[2])).max() <= scale
    others = [0, 1, 3, 4, 5]
    assert np.array_equal(device.get(others), base[others])
    assert np.array_equal(device.search(device.get([2]), 1).keys, [[2]])


def test_an_update_survives_a_wider_quantisation():
    device = Device(2, config="core", centre=False, element_width=16)
    device.add(None, integers(5, 2))
    device.update([1], 0.25)
    before = device.get([1])
    device.add(None, [[5000, -5000]])
    assert np.abs(device.get([1]) - before).max() <= device.quantiser.scale


def test_update_under_cosine():
    device = Device(2, config="core", metric="cosine")
    device.add(None, [[1, 2], [3, 1]])
    with pytest.raises(ValueError, match="needs native_cosine=True"):
        device.update([0], 0.5)
    native = Device(2, config="core", metric="cosine", native_cosine=True, element_width=16)
    native.add(None, [[1, 2], [3, 1]])
    native.update([0], 0.5)
    assert np.abs(np.linalg.norm(native.get([0])) - 1) < 0.001


def test_full():
    device = Device(2, config="core")
    device.add(None, integers(32, 2))
    with pytest.raises(ValueError, match="1 vectors do not fit: 0 of 32 places are free"):
        device.add(None, [[1, 1]])
    device = Device(2, config="core")
    with pytest.raises(ValueError, match="33 vectors do not fit: 32 of 32 places are free"):
        device.add(None, np.zeros((33, 2)))
    assert len(device) == 0


def test_repr_says_what_it_is():
    text = repr(Device(7, config="tiny", metric="dot"))
    assert "dims=7" in text
    assert "'dot'" in text
    assert "0 of 128" in text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dims": 0}, ValueError, "dims must be 1 to 16, got 0"),
        ({"dims": 17}, ValueError, "dims must be 1 to 16, got 17"),
        ({"dims": 2.5}, TypeError, "dims must be an integer, not 2.5"),
        ({"dims": True}, TypeError, "dims must be an integer, not True"),
        ({"metric": "hamming"}, ValueError, "unknown metric 'hamming'; choose one of l2, cosine, dot"),
        ({"metric": 1}, ValueError, "unknown metric 1"),
        ({"backend": "board"}, ValueError, "unknown backend 'board'; choose one of golden, sim"),
        ({"config": "huge"}, ValueError, "unknown preset 'huge'"),
        ({"config": 7}, TypeError, "config must be a Config or the name of a preset, not 7"),
        ({"element_width": 12}, ValueError, r"element_width must be one of \(8, 16\), got 12"),
        ({"placement": "random"}, ValueError, "unknown placement 'random'; choose one of spread, pack"),
    ],
)
def test_bad_constructor_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        Device(**{"dims": 4, "config": "tiny", **arguments})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.add(None, np.zeros((2, 3))), ValueError, r"vectors must have shape \(n, 4\), not \(2, 3\)"),
        (lambda d: d.add(None, np.zeros((1, 2, 4))), ValueError, r"not \(1, 2, 4\)"),
        (lambda d: d.add(None, [["a"] * 4]), TypeError, "vectors must hold real numbers, not dtype <U1"),
        (lambda d: d.add(None, np.zeros((1, 4), complex)), TypeError, "not dtype complex128"),
        (lambda d: d.add(None, [[0, 0, 0, 0], [0, 0, np.nan, 0]]), ValueError, "row 1, column 2 is nan"),
        (lambda d: d.add(None, [[0, -np.inf, 0, 0]]), ValueError, "row 0, column 1 is -inf"),
        (lambda d: d.add([1], np.zeros((2, 4))), ValueError, "1 keys were given for 2 vectors"),
        (lambda d: d.add([8, 8], np.zeros((2, 4))), ValueError, "duplicate key 8"),
        (lambda d: d.add([5], np.zeros((1, 4))), ValueError, "duplicate key 5"),
        (lambda d: d.add([-1], np.zeros((1, 4))), ValueError, "got -1"),
        (lambda d: d.add([1.5], np.zeros((1, 4))), TypeError, "keys must be integers, not 1.5"),
        (lambda d: d.add(np.ones(1), np.zeros((1, 4))), TypeError, "keys must be integers, not dtype float64"),
        (lambda d: d.add(["a"], np.zeros((1, 4))), TypeError, "keys must be integers, not 'a'"),
        (lambda d: d.add(np.array([-7]), np.zeros((1, 4))), ValueError, "got -7"),
        (lambda d: d.add([[1]], np.zeros((1, 4))), ValueError, r"keys must have shape \(n,\), not \(1, 1\)"),
        (lambda d: d.add(None, np.zeros((1, 4)), types=16), ValueError, "types must be 0 to 15, got 16"),
        (lambda d: d.add(None, np.zeros((1, 4)), types=[1, 2]), ValueError, r"types must be one value or have shape"),
        (lambda d: d.add(None, np.zeros((1, 4)), types=0.5), TypeError, "types must be integers"),
        (lambda d: d.add(None, [[1e200] * 4]), ValueError, "1e\\+200"),
        (lambda d: d.search(np.zeros((1, 3)), 1), ValueError, r"queries must have shape \(n, 4\), not \(1, 3\)"),
        (lambda d: d.search([[0, 0, 0, np.nan]], 1), ValueError, "queries must be finite: row 0, column 3 is nan"),
        (lambda d: d.search(np.zeros((1, 4)), 0), ValueError, "k must be 1 to 16, got 0"),
        (lambda d: d.search(np.zeros((1, 4)), 17), ValueError, "k must be 1 to 16, got 17"),
        (lambda d: d.search(np.zeros((1, 4)), 2.0), TypeError, "k must be an integer, not 2.0"),
        (lambda d: d.search(np.zeros((1, 4)), 1, mode="fast"), ValueError, "unknown mode 'fast'; choose one of exact"),
        (lambda d: d.search(np.zeros((1, 4)), 1, types=16), ValueError, "type must be 0 to 15, got 16"),
        (lambda d: d.search(np.zeros((1, 4)), 1, type_mask=1 << 16), ValueError, "type_mask must be 0 to 65535"),
        (lambda d: d.search(np.zeros((1, 4)), 1, types=1, type_mask=2), ValueError, "types or type_mask, not both"),
        (lambda d: d.get([77]), ValueError, "unknown key 77"),
        (lambda d: d.set_weights([5], 256), ValueError, "weights must be 0 to 255, got 256"),
        (lambda d: d.set_types([5], -1), ValueError, "types must be 0 to 15, got -1"),
        (lambda d: d.update([5], 8.0), ValueError, "alpha must be -8.0 to 7.99"),
        (lambda d: d.update([5], float("nan")), ValueError, "got nan"),
        (lambda d: d.update([5], "1"), TypeError, "alpha must be a number, not '1'"),
        (lambda d: d.fit(np.zeros((2, 5))), ValueError, r"sample must have shape \(n, 4\), not \(2, 5\)"),
        (lambda d: d.fit(np.zeros((2, 4)), headroom=0.5), ValueError, "headroom must be in 1..1e6, not 0.5"),
    ],
)
def test_bad_calls_change_nothing(call, error, message):
    device = Device(4, config="tiny")
    device.add([5, 6], [[1, 2, 3, 4], [5, 6, 7, 8]])
    with pytest.raises(error, match=message):
        call(device)
    assert device.keys.tolist() == [5, 6]
    assert device.search([1, 2, 3, 4], 2).distances.tolist() == [[0.0, 64.0]]


def test_an_interrupted_add_makes_the_device_refuse(monkeypatch):
    device = Device(2, config="core")
    device.add(None, [[1, 2]])

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(device.backend, "insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        device.add(None, [[2, 1]])
    with pytest.raises(BackendError, match="an interrupted change left it unusable"):
        device.search([1, 2], 1)


def test_a_closed_device_refuses():
    with Device(2, config="core") as device:
        device.add(None, [[1, 2]])
    with pytest.raises(BackendError, match="closed"):
        device.get([0])


def test_the_default_array_holds_all_of_256_cores():
    device = Device(MAX_DIMS)
    assert device.config == preset("folded256")
    assert device.capacity == 256 * VECTORS_PER_CORE
    assert device.metric == "l2"


@pytest.mark.parametrize("what", ["set_types", "update"])
def test_an_interruption_anywhere_makes_the_device_refuse(monkeypatch, what):
    device = small()
    device.add([1, 2], np.eye(8)[:2])

    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(device.backend, what, interrupted)
    with pytest.raises(KeyboardInterrupt):
        device.add([3], np.eye(8)[2], types=5) if what == "set_types" else device.update([1], 0.5)
    for refused in (lambda: device.search(np.zeros(8), 1), lambda: device.get([1]), device.clear):
        with pytest.raises(BackendError, match="an interrupted change left it unusable"):
            refused()


@pytest.mark.parametrize("loaded", [False, True])
def test_zeros_do_not_fix_the_range(tmp_path, loaded):
    vectors = 1e-6 * (np.random.default_rng(3).normal(size=(60, 8)) + 5)
    apart, together = small(), small()
    apart.add([100], np.zeros(8))
    if loaded:
        apart.save(tmp_path / "zeros")
        apart = Device.load(tmp_path / "zeros")
    apart.add(np.arange(60), vectors)
    together.add(np.arange(101)[[100, *range(60)]], np.concatenate([np.zeros((1, 8)), vectors]))
    assert apart.quantiser == together.quantiser
    np.testing.assert_array_equal(apart.search(vectors, 5).keys, together.search(vectors, 5).keys)


def test_a_range_that_was_fitted_stays_with_zeros():
    device = small()
    device.fit(np.full((1, 8), 127.0))
    chosen = device.quantiser
    device.add([1], np.zeros(8))
    device.add([2], np.ones(8))
    assert device.quantiser == chosen


def test_odd_but_clear_arguments():
    device = small()
    device.add([], np.zeros((0, 8)), types=[])
    device.add([1, 2], np.eye(8)[:2], types=[3, 0])
    assert device.search(np.zeros(8), 2, types=np.array(3))[0][0].tolist() == [1]
    assert 1 in device and True not in device
    with pytest.raises(ValueError, match=r"vectors must have shape \(n, 8\)"):
        device.add([3, 4], [[1.0] * 8, [1.0]])
    with pytest.raises(TypeError, match="headroom must be a number, not '2'"):
        device.fit(np.eye(8), headroom="2")
