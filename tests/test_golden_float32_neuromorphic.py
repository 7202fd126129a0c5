"""The neuromorphic search: it stays a search, glimpses add up, and it is the pipeline that its text says."""

import itertools

import datasets
import numpy as np
import pytest

from golden.float32 import SpikingCore
from golden.float32.neuromorphic import initial_membranes
from golden.spec.commands import Metric


def filled(vectors, metric=Metric.L2):
    core = SpikingCore(np.shape(vectors)[1], metric)
    for vector in vectors:
        core.insert(vector)
    return core


def digit_cores(n_cores, seed=0):
    collection = datasets.digits()
    rng = np.random.default_rng(seed)
    for _ in range(n_cores):
        rows = rng.choice(len(collection.base), 32, replace=False)
        queries = collection.queries[rng.choice(len(collection.queries), 25, replace=False)]
        yield filled(collection.base[rows]), queries, rng


def recall(core, found):
    truth = core.search_exact(5)["index"]
    return len(np.intersect1d(found["index"], truth)) / 5


@pytest.mark.parametrize(("iterations", "least"), [(0, 1), (1, 1), (5, 0.95), (20, 0.95), (255, 0.95)])
def test_alone_it_stays_a_search(iterations, least):
    recalls = []
    for core, queries, _ in digit_cores(6 if iterations < 255 else 1):
        for query in queries:
            core.set_query(query)
            core.snn_reset()
            recalls.append(recall(core, core.neuromorphic_search(5, 1.0, iterations)))
    assert np.mean(recalls) >= least


def test_unrelated_queries_in_a_row_stay_a_search():
    recalls = []
    for core, queries, _ in digit_cores(6):
        for query in queries:
            core.set_query(query)
            recalls.append(recall(core, core.neuromorphic_search(5, 1.0, 20)))
    assert np.mean(recalls) >= 0.9


@pytest.mark.parametrize(("noise", "gain"), [(0.5, 0.04), (1.0, 0.05), (2.0, 0.05)])
def test_glimpses_of_one_vector_add_up(noise, gain):
    deviation = np.sqrt(datasets.digits().base.var(axis=0).mean())
    together, alone = [], []
    for core, queries, rng in digit_cores(4, seed=1):
        for query in queries[:16]:
            for _ in range(8):  # the sequences follow each other without a reset
                core.set_query(query + noise * deviation * rng.normal(size=16))
                found, plain = core.neuromorphic_search(5, 1.0, 20), core.search_exact(5)
            core.set_query(query)
            together.append(recall(core, found))
            alone.append(recall(core, plain))
    assert np.mean(together) > np.mean(alone) + gain


def test_a_query_right_after_glimpses_of_another_is_still_found():
    deviation = np.sqrt(datasets.digits().base.var(axis=0).mean())
    recalls = []
    for core, queries, rng in digit_cores(4, seed=3):
        for other, query in itertools.pairwise(queries[:16]):
            for _ in range(8):
                core.set_query(other + deviation * rng.normal(size=16))
                core.neuromorphic_search(5, 1.0, 20)
            core.set_query(query)
            recalls.append(recall(core, core.neuromorphic_search(5, 1.0, 20)))
    assert np.mean(recalls) >= 0.9


def test_a_single_glimpse_with_strong_noise_is_as_good_as_plain_search():
    deviation = np.sqrt(datasets.digits().base.var(axis=0).mean())
    gains = []
    for core, queries, rng in digit_cores(16, seed=2):
        for query in queries:
            core.set_query(query + 3 * deviation * rng.normal(size=16))
            core.snn_reset()
            found, plain = core.neuromorphic_search(5, 1.0, 20), core.search_exact(5)
            core.set_query(query)
            gains.append(recall(core, found) - recall(core, plain))
    assert np.mean(gains) >= -0.01


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("iterations", [1, 5, 20])
def test_without_lateral_input_the_order_is_that_of_the_distances(metric, iterations):
    rng = np.random.default_rng(iterations)
    core = filled(rng.normal(size=(32, 16)), metric)
    for i in range(32):
        core.set_edge_weight(i, 0)
    for _ in range(20):
        core.set_query(rng.normal(size=16))
        core.snn_reset()
        found, exact = core.neuromorphic_search(16, 1.0, iterations), core.search_exact(16)
        # A nearer vector starts higher, fires no later, and so never falls behind. Resonance decides between scores
        # that are within 2**-16 of each other.
        scores = -found["distance"].astype(np.float64)
        for place in np.flatnonzero(found["index"] != exact["index"]):
            near = np.abs(scores - scores[place]) <= 2.0**-15
            assert exact["index"][place] in found["index"][near]


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_stays_a_search(metric):
    collection = datasets.digits()
    rng = np.random.default_rng(3)
    recalls = []
    for _ in range(4):
        core = filled(collection.base[rng.choice(1500, 32, replace=False)], metric)
        for query in collection.queries[rng.choice(297, 20, replace=False)]:
            core.set_query(query)
            core.snn_reset()
            recalls.append(recall(core, core.neuromorphic_search(5, 1.0, 20)))
    assert np.mean(recalls) >= 0.9


def test_the_scale_of_the_data_does_not_matter():
    rng = np.random.default_rng(4)
    vectors, queries = rng.normal(size=(32, 16)).astype(np.float32), rng.normal(size=(10, 16)).astype(np.float32)
    cores = [filled(vectors * np.float32(scale)) for scale in (1, 2.0**-12, 2.0**20)]
    for query in queries:
        results = []
        for core, scale in zip(cores, (1, 2.0**-12, 2.0**20), strict=True):
            core.set_query(query * np.float32(scale))
            results.append(core.neuromorphic_search(16, 1.0, 20))
        assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def by_hand(core, dt, iterations):
    """The pipeline from the functions of the interface; returns first + volley / 32 * late."""
    n = core.count
    trace, n_glimpses = core.state.trace.copy(), core.state.n_glimpses
    core.snn_reset()
    core.state.trace[:], core.state.n_glimpses = trace, n_glimpses
    core.dendrite_reset()
    core.wta_reset()
    core.state.patterns[:] = 0
    for i, v in enumerate(initial_membranes(core.distances())):
        core.snn_set_membrane(i, v)
    first = [core.snn_get_membrane(i) for i in range(n)]
    late = [np.float32(0)] * n
    volley = 0
    for t in range(iterations):
        core.oscillator_step(dt)
        for i in range(n):
            core.dendrite_integrate(i)
        core.dendrite_reset()
        if t:
            for i in range(n):
                heard = min(core.snn_get_membrane(i), np.float32(2)) + np.float32(core.get_pattern(i) != 0)
                late[i] = late[i] + np.float32(8.0**-t) * heard
        n_spikes = core.snn_step(dt)
        volley = volley if t else n_spikes
        core.dendrite_propagate(0.5)
        core.wta_soft()
        core.pattern_record()
        core.homeostatic_update(dt)
    return [f + np.float32(volley / 32) * s for f, s in zip(first, late, strict=True)], volley


def joined(state, score, volley):
    """Step 5: the final scores; ``state`` takes the trace."""
    n = len(score)
    trace = state.trace[:n].copy()

    def mean(values):
        total = np.float32(0)
        for value in values:
            total = total + value
        return total / np.float32(n)

    agree = sum((a > mean(score)) == (b > mean(trace)) for a, b in zip(score, trace, strict=True))
    kept = np.array(score, np.float32)
    if state.n_glimpses and agree / n + volley / (4 * n) >= [0, 0.75, 0.8125, 0.875][state.n_glimpses]:
        final = kept + trace * np.float32([0, 0.25, 0.5, 1][state.n_glimpses])
        kept = kept + trace
        state.n_glimpses = min(state.n_glimpses + 1, 3)
    else:
        final = kept
        state.n_glimpses = 1
    state.trace[:n] = kept - kept * np.float32(0.125)
    return final


@pytest.mark.parametrize(("n", "dt", "iterations"), [(32, 1.0, 20), (7, 0.5, 5), (1, 1.0, 3), (32, 2.0, 1), (5, 25, 4)])
def test_it_is_the_pipeline_of_its_own_functions(n, dt, iterations):
    rng = np.random.default_rng(n)
    centres = rng.normal(size=(4, 16))
    vectors = centres[np.arange(n) % 4] + 0.4 * rng.normal(size=(n, 16))
    one, other = filled(vectors), filled(vectors)
    joins = 0
    for step in range(24):
        query = centres[step // 6] + 0.4 * rng.normal(size=16)
        one.set_query(query)
        other.set_query(query)
        found = one.neuromorphic_search(16, dt, iterations)
        score, volley = by_hand(other, dt, iterations)
        final = joined(other.state, score, volley)
        joins += other.state.n_glimpses > 1
        resonance = np.array([other.compute_resonance(i) for i in range(n)], np.float32)
        distance = np.float32(0) - (final + resonance * np.float32(2.0**-16))
        order = np.argsort(distance, kind="stable")[:16]
        assert found["index"].tolist() == order.tolist()
        assert np.array_equal(found["distance"], distance[order])
        for name in ("membrane", "threshold", "rate", "patterns", "last_spike", "trace", "refractory", "branches"):
            assert np.array_equal(getattr(one.state, name), getattr(other.state, name)), name
        assert one.state.phase == other.state.phase and one.state.time == other.state.time
    assert joins


def test_what_ends_a_sequence():
    rng = np.random.default_rng(5)
    core = filled(rng.normal(size=(20, 16)))
    core.set_query(rng.normal(size=16))
    for expected in (1, 2, 3, 3):
        core.neuromorphic_search(5, 1.0, 20)
        assert core.state.n_glimpses == expected
    core.snn_reset()
    assert core.state.n_glimpses == 0 and not core.state.trace.any()
    core.neuromorphic_search(5, 1.0, 20)
    core.insert(rng.normal(size=16))
    assert core.state.n_glimpses == 0
    core.neuromorphic_search(5, 1.0, 20)
    core.set_query(-core.query)
    core.neuromorphic_search(5, 1.0, 20)
    assert core.state.n_glimpses == 1  # the opposite query does not agree
    core.init(4, 0, 0)
    assert core.state.n_glimpses == 0


def test_the_first_volley_and_what_the_units_leave_behind():
    core = filled(np.random.default_rng(6).normal(size=(32, 16)))
    core.set_query(core.vectors[9])
    core.neuromorphic_search(5, 1.0, 20)
    assert core.snn_get_time() == 20 and core.state.phase == 20 * 65536
    assert core.get_pattern(9) >> 19 & 1  # the exact match fired in the first of the twenty steps
    assert core.get_network_activity() > 0


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        ([0.0], [2]),
        ([5.0], [2]),
        ([0.0, 0, 0], [2, 2, 2]),
        ([np.inf, np.inf], [2, 2]),
        ([-3.0, -1.0, 1.0], [2, 2 / 3, 0.4]),
        ([0.0, 4.0], [2, 0.4]),
        ([0.0, 0, 0, 0, 0, 8.0], [2, 2, 2, 2, 2, 0.4]),
        ([3.0, 3, 3, 3, 3], [2, 2, 2, 2, 2]),
    ],
)
def test_initial_membranes(distance, expected):
    # [-3, -1, 1] is shifted to [0, 2, 4]: unit 1, so 1/1, 1/3, 1/5, doubled.
    assert initial_membranes(np.float32(distance)) == pytest.approx(np.float32(expected))


def test_initial_membranes_of_extreme_distances_are_ordered_and_finite():
    for distance in ([-np.inf, 0, np.inf], [1e-45, 3e-45, 1.0], [3e38, 1, 2], [-3e38, 3e38, 0]):
        v = initial_membranes(np.float32(distance))
        assert np.isfinite(v).all() and (v >= 0).all() and v.max() == 2
        assert (np.diff(v[np.argsort(np.float32(distance))]) <= 0).all()


def test_equal_vectors_tie_but_for_the_resonance():
    core = filled(np.ones((8, 4)))
    core.set_query([1, 1, 1, 1])
    found = core.neuromorphic_search(8, 0, 0)
    assert found["index"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("k", [0, 1, 3, 16, 255])
def test_k_is_clamped(k):
    core = filled(np.random.default_rng(7).normal(size=(3, 4)))
    core.set_query([0, 0, 0, 0])
    found = core.neuromorphic_search(k, 1.0, 5)
    assert len(found) == min(k, 3) and (found["core"] == 0).all()
    assert (np.diff(found["distance"]) >= 0).all()


def test_an_empty_core_finds_nothing():
    core = SpikingCore(4)
    assert len(core.neuromorphic_search(5, 1.0, 20)) == 0
    assert core.state.n_glimpses == 0 and core.snn_get_time() == 20
    assert len(core.hnsw_to_snn(5, 1.0)) == len(core.spike_search(0, 5)) == len(core.resonance_search(5, 1)) == 0
    assert core.wta_compete() == core.pattern_match(0) == 255
