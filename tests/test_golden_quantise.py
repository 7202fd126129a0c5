"""Quantisation: closed forms, error bounds, round trips to the user's units, the study's integer brute force."""

import json
import math
import re

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from golden.quantise import Quantiser, choose_quantiser
from golden.spec.commands import Metric
from scripts import bench_recall

WIDTHS = (8, 16)


def user_distances(metric, queries, base):
    """The authority: SciPy in float64."""
    if metric is Metric.DOT:
        return -(queries @ base.T)
    return cdist(queries, base, "sqeuclidean" if metric is Metric.L2 else "cosine")


def searched(quantiser, base, queries):
    """Distances in the user's units, [n_queries, n_base], by integer brute force."""
    raw = bench_recall.integer_distances(
        quantiser.hardware_metric,
        quantiser.element_width,
        quantiser.quantise(base),
        quantiser.quantise_queries(queries),
    )
    return quantiser.distance(raw, quantiser.query_scales(queries))


@pytest.mark.parametrize("width", WIDTHS)
def test_scale_and_offset_by_hand(width):
    limit = 2 ** (width - 1) - 1
    vectors = np.array([[1.0, -3.1], [5.0, 3.1], [2.0, 0.3]])
    chosen = choose_quantiser(vectors, Metric.L2, width)
    assert chosen.offset == (3.0, 0.0)  # the middle of 1..5 and of -3.1..3.1
    assert chosen.scale == 3.1 / limit
    assert chosen.quantise(vectors)[:, 1].tolist() == [-limit, limit, round(0.3 / chosen.scale)]
    assert chosen.quantise(vectors).dtype == (np.int8 if width == 8 else np.int16)
    dot = choose_quantiser(vectors, Metric.DOT, width)
    assert (dot.offset, dot.scale) == ((0.0, 0.0), 5.0 / limit)
    none = choose_quantiser(vectors, Metric.L2, width, offset="none")
    assert (none.offset, none.scale) == ((0.0, 0.0), 5.0 / limit)
    mean = choose_quantiser(vectors + np.array([0.1, 0]), Metric.L2, width, offset="mean")
    assert mean.offset == pytest.approx((8.3 / 3, 0.1))
    wide = choose_quantiser(vectors, Metric.L2, width, headroom=2.0)
    assert wide.scale == 2 * chosen.scale


def test_rounding_and_saturation():
    quantiser = Quantiser(metric=Metric.L2, element_width=8, scale=2.0, offset=(10.0,))
    values = np.array([10, 11, 12.99, 13, 15, 9, 7, 5, 264, 266, 1e308, -244, -247, -1e308])[:, None]
    expected = [0, 0, 1, 2, 2, 0, -2, -2, 127, 127, 127, -127, -127, -127]
    assert quantiser.quantise(values)[:, 0].tolist() == expected
    assert quantiser.saturates(values).tolist() == [v > 264 or v < -245 for v in values[:, 0]]


@pytest.mark.parametrize("width", WIDTHS)
def test_elements_are_within_half_a_step(width):
    rng = np.random.default_rng(width)
    for shift in (0, 100):
        vectors = rng.normal(size=(500, 16)) * rng.uniform(0.1, 9, 16) + shift
        chosen = choose_quantiser(vectors, Metric.L2, width)
        back = chosen.quantise(vectors) * chosen.scale + np.array(chosen.offset)
        assert np.abs(back - vectors).max() <= chosen.scale * (0.5 + 1e-6)
        assert not chosen.saturates(vectors).any()
        assert np.abs(chosen.quantise(vectors).astype(int)).max() == chosen.limit


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.sampled_from(WIDTHS),
    metric=st.sampled_from([Metric.L2, Metric.DOT]),
    exponent=st.integers(-30, 30),
    span=st.integers(1, 127),
    dims=st.integers(1, 16),
)
def test_data_on_a_binary_grid_is_exact(seed, width, metric, exponent, span, dims):
    rng = np.random.default_rng(seed)
    low = -span if metric is Metric.DOT else int(rng.integers(-500, 500))
    integers = rng.integers(low, low + (span if metric is Metric.L2 else 2 * span) + 1, (60, dims))
    vectors = integers * 2.0**exponent
    base, queries = vectors[:50], vectors[50:]
    chosen = choose_quantiser(np.concatenate([vectors, vectors.min(0)[None], vectors.max(0)[None]]), metric, width)
    assert np.array_equal(searched(chosen, base, queries), user_distances(metric, queries, base))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("through_l2", [False, True])
def test_distances_come_back_in_the_users_units(metric, width, through_l2):
    if through_l2 and metric is not Metric.COSINE:
        with pytest.raises(ValueError, match=f"{Metric((metric + 1) % 3).name} distances do not give {metric.name}"):
            choose_quantiser(np.ones((1, 2)), metric, width, hardware_metric=Metric((metric + 1) % 3))
        return
    rng = np.random.default_rng([metric, width])
    base, queries = rng.normal(size=(300, 16)) * 40 + 3, rng.normal(size=(50, 16)) * 30 + 3
    chosen = choose_quantiser(base, metric, width, hardware_metric=Metric.L2 if through_l2 else None)
    fitting = queries[~chosen.saturates(queries)] if chosen.hardware_metric is Metric.L2 else queries
    assert len(fitting) > 30
    expected = user_distances(metric, fitting, base)
    error = searched(chosen, base, fitting) - expected
    if chosen.hardware_metric is Metric.L2:
        # Every difference is off by at most a step: |error| <= 2 step |difference|_1 + 16 step**2, in user's units.
        a, b = fitting, base
        if through_l2:
            a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
        bound = (2 * chosen.scale * cdist(a, b, "cityblock") + 16 * chosen.scale**2) / (2 if through_l2 else 1)
        assert (np.abs(error) <= bound * (1 + 1e-9)).all()
    elif metric is Metric.DOT:
        steps = chosen.query_scales(fitting)[:, None] / 2
        one_norm = np.abs(base).sum(1)
        bound = steps * one_norm + chosen.scale / 2 * np.abs(fitting).sum(1)[:, None] + 16 * steps * chosen.scale / 2
        assert (np.abs(error) <= bound * (1 + 1e-9)).all()
    else:
        # Two vectors whose elements are off by half a step of U or less, so their directions by 2 / U each at most
        # (16 elements); the stored one is rounded once more, and the normaliser's own error stays below 1 / U.
        assert np.abs(error).max() <= 7 / chosen.limit


def test_dot_queries_of_any_length_give_the_same_order():
    rng = np.random.default_rng(5)
    base, queries = rng.normal(size=(200, 8)), rng.normal(size=(20, 8))
    chosen = choose_quantiser(base, Metric.DOT)
    for factor in (1e-300, 1e-6, 1e6):
        assert np.array_equal(chosen.quantise_queries(queries * factor), chosen.quantise_queries(queries))
    assert np.abs(chosen.quantise_queries(queries).astype(int)).max(axis=1).tolist() == [127] * 20
    far = searched(chosen, base, queries * 1e6)
    assert np.allclose(far, 1e6 * searched(chosen, base, queries), rtol=1e-12, atol=0)


def test_cosine_forgets_lengths_and_keeps_zeros():
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(20, 16))
    for run in (Metric.COSINE, Metric.L2):
        chosen = choose_quantiser(vectors, Metric.COSINE, hardware_metric=run)
        lengths = 2.0 ** rng.integers(-900, 900, (20, 1))
        assert np.array_equal(chosen.quantise(vectors * lengths), chosen.quantise(vectors))
    plain = choose_quantiser(vectors, Metric.COSINE)
    assert not plain.quantise(np.zeros((1, 16))).any()
    assert (searched(plain, vectors, np.zeros((1, 16))) == 1).all()
    assert (searched(plain, np.zeros((1, 16)), vectors) == 1).all()
    unit = choose_quantiser(vectors, Metric.COSINE, hardware_metric=Metric.L2)
    for method in (unit.quantise, unit.quantise_queries, unit.saturates):
        with pytest.raises(ValueError, match="must not be zero for cosine through L2: row 1 is"):
            method(np.concatenate([vectors[:1], np.zeros((1, 16))]))


def test_collections_without_a_range():
    zeros = np.zeros((3, 4))
    for metric in Metric:
        chosen = choose_quantiser(zeros, metric)
        assert (chosen.scale, chosen.offset) == (1.0, (0.0,) * 4)
        assert not chosen.quantise(zeros).any()
    equal = choose_quantiser(np.full((5, 2), [3.0, -1.0]), Metric.L2)
    assert equal.offset == (0.0, 0.0)
    assert searched(equal, np.array([[3.0, -1.0]]), np.array([[3.0, -1.0], [1.0, 1.0]])).tolist() == [[0], [8]]


def test_no_rows_and_extreme_magnitudes():
    for metric, run in [(m, m) for m in Metric] + [(Metric.COSINE, Metric.L2)]:
        chosen = choose_quantiser(np.eye(4), metric, hardware_metric=run)
        none = np.ones((0, 4))
        assert chosen.quantise(none).shape == chosen.quantise_queries(none).shape == (0, 4)
        assert chosen.query_scales(none).shape == chosen.saturates(none).shape == (0,)
        assert chosen.distance(np.zeros((0, 3), int), np.zeros(0)).shape == (0, 3)
    # 2**-1074 is a power of two, hence a grid of its own: 64 steps of 2**-1080. The others fill the range.
    for size, expected in ((5e-324, 64), (1e-310, 127), (1.7e308, 127)):
        for metric in (Metric.COSINE, Metric.DOT):
            chosen = choose_quantiser(np.eye(4), metric)
            assert chosen.quantise_queries(np.array([[size, 0, -size, 0]])).tolist() == [[expected, 0, -expected, 0]]


def test_a_quantiser_is_rebuilt_from_its_fields():
    chosen = choose_quantiser(
        np.random.default_rng(1).normal(size=(9, 3)), Metric.COSINE, 16, hardware_metric=Metric.L2
    )
    fields = json.loads(json.dumps(vars(chosen)))
    again = Quantiser(**{**fields, "offset": tuple(fields["offset"])})
    assert again == chosen and hash(again) == hash(chosen)
    assert isinstance(again.metric, Metric) and isinstance(again.hardware_metric, Metric)
    assert (again.dims, again.limit, again.cosine_one) == (3, 32767, 32767 * 2**18)
    assert choose_quantiser(np.ones((1, 1)), Metric.COSINE).cosine_one == 127 * 1024


GOOD = {"metric": Metric.L2, "element_width": 8, "scale": 1.0, "offset": (0.0, 0.0)}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"metric": 7}, "metrics are L2, COSINE, DOT .* 7 is not a valid Metric"),
        ({"element_width": 12}, "element_width must be 8 or 16, not 12"),
        ({"scale": 0.0}, r"scale must be in 1e-140..1e\+140, not 0.0"),
        ({"scale": math.nan}, "not nan"),
        ({"offset": ()}, r"offset must have 1\.\.16 values, not 0"),
        ({"offset": (0.0,) * 17}, r"offset must have 1\.\.16 values, not 17"),
        ({"offset": (0.0, math.inf)}, "offset must be finite"),
        ({"metric": Metric.DOT, "offset": (0.0, 1.0)}, "only L2 allows an offset, not DOT"),
        ({"hardware_metric": Metric.DOT}, "DOT distances do not give L2 distances"),
    ],
)
def test_bad_fields(change, text):
    with pytest.raises(ValueError, match=text):
        Quantiser(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("vectors", "error", "text"),
    [
        ([[1.0, 2.0], [3.0, np.nan]], ValueError, "row 1, column 1 is nan"),
        ([[1.0, -np.inf]], ValueError, "row 0, column 1 is -inf"),
        ([1.0, 2.0], ValueError, r"shape \(n, 2\), not \(2,\)"),
        (np.ones((3, 4)), ValueError, r"shape \(n, 2\), not \(3, 4\)"),
        ([[1.0, 2.0], [3.0]], ValueError, r"(vectors|queries) must have shape \(n, 2\): "),
        (np.array([[1, None]], object), TypeError, "must hold real numbers, not dtype object"),
        ([["a", "b"]], TypeError, "not dtype <U1"),
        ([[1j, 2]], TypeError, "not dtype complex128"),
        ([[True, False]], TypeError, "not dtype bool"),
    ],
)
def test_bad_vectors(vectors, error, text):
    quantiser = Quantiser(**GOOD)
    for method in (quantiser.quantise, quantiser.quantise_queries, quantiser.query_scales, quantiser.saturates):
        with pytest.raises(error, match=text):
            method(vectors)
    if "shape" not in text:
        with pytest.raises(error, match=text):
            choose_quantiser(vectors, Metric.L2)


def test_bad_choices():
    with pytest.raises(ValueError, match=r"at least one vector, not shape \(0, 4\)"):
        choose_quantiser(np.ones((0, 4)), Metric.L2)
    for shape in ((2, 0), (2, 17), (5,)):
        with pytest.raises(ValueError, match=re.escape(f"shape (n, 1..16), not {shape}")):
            choose_quantiser(np.ones(shape), Metric.L2)
    with pytest.raises(ValueError, match=r"largest magnitude is 1e\+300"):
        choose_quantiser([[1e300]], Metric.L2)
    with pytest.raises(ValueError, match="largest magnitude is 1e-300"):
        choose_quantiser([[1e-300]], Metric.DOT)
    with pytest.raises(ValueError, match=r"headroom must be in 1\.\.1e6, not 0.5"):
        choose_quantiser([[1.0]], Metric.L2, headroom=0.5)
    with pytest.raises(ValueError, match=r"offset must be 'auto', .*, not 'median'"):
        choose_quantiser([[1.0]], Metric.L2, offset="median")
    dot = choose_quantiser([[1.0]], Metric.DOT)
    with pytest.raises(TypeError, match="need query_scales"):
        dot.distance(np.zeros((1, 1), int))
    with pytest.raises(TypeError, match="raw distances must be integers, not dtype float64"):
        dot.distance(np.zeros((1, 1)), 1.0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dims", [1, 2, 5, 16])
def test_the_studys_integer_distances_by_python_integers(width, dims):
    rng = np.random.default_rng([width, dims])
    limit, dtype = 2 ** (width - 1) - 1, np.int8 if width == 8 else np.int16
    rows = rng.integers(-limit, limit + 1, (60, dims))
    rows[:20] = rng.integers(-2, 3, (20, dims))  # zeros and very short ones among them
    rows[20], rows[21], rows[22] = 0, limit, -limit
    base, queries = rows[:40].astype(dtype), rows[15:].astype(dtype)
    scale_bits, root_bits = 2 * width + 4, 2 * width

    def scaled_root(values):
        square = sum(v * v for v in values)
        s = 0
        while square * 4**s < 2 ** (scale_bits - 2):
            s += 1
        assert square * 4**s < 2**scale_bits
        return 2**s * math.isqrt(2 ** (2 * root_bits + scale_bits - 2) // (square * 4**s))

    fraction = root_bits + scale_bits // 2 - 1
    fine = fraction - (width + 2)
    one = limit * 2 ** (width + 2)
    stored = [
        [(limit * v * scaled_root(row) + 2 ** (fraction - 1)) // 2**fraction for v in row] if any(row) else row
        for row in base.tolist()
    ]
    got = {metric: bench_recall.integer_distances(metric, width, base, queries).tolist() for metric in Metric}
    for i, q in enumerate(queries.tolist()):
        for j, v in enumerate(base.tolist()):
            assert got[Metric.L2][i][j] == sum((x - y) ** 2 for x, y in zip(q, v, strict=True))
            assert got[Metric.DOT][i][j] == -sum(x * y for x, y in zip(q, v, strict=True))
            dot = sum(x * y for x, y in zip(q, stored[j], strict=True))
            expected = one - (dot * scaled_root(q) + 2 ** (fine - 1)) // 2**fine if any(q) else one
            assert got[Metric.COSINE][i][j] == expected


def test_recall_on_real_data():
    for collection in datasets.available():
        queries = collection.queries[:200]
        part = datasets.Collection(collection.name, collection.base, queries)
        for metric in Metric:
            assert bench_recall.quantisation_study(part, metric, 16)["recall_at_10"] >= 0.995
        assert bench_recall.quantisation_study(part, Metric.L2, 8)["recall_at_10"] >= 0.96
        assert bench_recall.quantisation_study(part, Metric.DOT, 8)["recall_at_10"] >= 0.96
        assert bench_recall.quantisation_study(part, Metric.COSINE, 8, Metric.L2)["recall_at_10"] >= 0.96


def test_published_neighbours_of_pendigits():
    folder = datasets.data_folder()
    collection = datasets.pendigits()
    if folder is None or collection is None:
        pytest.skip("no data folder with pendigits")
    queries = collection.queries[:300]
    chosen = choose_quantiser(collection.base, Metric.L2)
    raw = bench_recall.integer_distances(
        Metric.L2, 8, chosen.quantise(collection.base), chosen.quantise_queries(queries)
    )
    found = bench_recall.nearest(raw, 10)
    with np.load(folder / "pendigits" / "ground_truth_l2_top10.npz") as truth:
        assert np.array_equal(found, truth["gt_index"][:300])
        distance = chosen.distance(np.take_along_axis(raw, found, 1))
        assert np.array_equal(distance, truth["gt_sqdist"][:300])


def test_digits_and_the_data_folder(monkeypatch, tmp_path):
    digits = datasets.digits()
    assert (digits.base.shape, digits.queries.shape) == ((1500, 16), (297, 16))
    assert (digits.base.min(), digits.base.max()) == (0, 16)
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path))
    assert [collection.name for collection in datasets.available()] == ["digits"]
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match=r"GANGLION_DATA is no folder: .*absent"):
        datasets.available()


def test_the_study_runs_without_the_data_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path))
    monkeypatch.setattr(bench_recall, "FILLS", (32,))
    few = datasets.digits()
    few = datasets.Collection(few.name, few.base, few.queries[:10])
    monkeypatch.setattr(datasets, "digits", lambda: few)
    assert bench_recall.main(["--json", "--cores", "1", "--queries", "1"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert {row["data"] for row in report["quantisation"]} == {"digits"}
    assert "pendigits: not found" in printed.err and "sift5k: not found" in printed.err
    assert {row["queries"] for row in report["beam"] if row["data"] == "digits, all queries"} == {460}
    assert all(row["recall_at_10"] >= 0.97 for row in report["beam"] + report["array"])
    with pytest.raises(SystemExit, match="2"):
        bench_recall.main(["--cores", "0"])
    assert "--cores must be at least 1, not 0" in capsys.readouterr().err
