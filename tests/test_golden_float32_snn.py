"""The spiking network in float32: closed forms, brute force, and what out-of-range arguments do."""

import math

import numpy as np
import pytest

from golden.float32 import SpikingCore
from golden.float32.math32 import LARGEST
from golden.spec.commands import Metric


def filled(n=32, dims=16, metric=Metric.L2, seed=0):
    core = SpikingCore(dims, metric)
    for vector in np.random.default_rng(seed).normal(size=(n, dims)):
        core.insert(vector)
    return core


def line(n):
    """n nodes whose links are those of their neighbours on a line and beyond (dims 1)."""
    core = SpikingCore(1)
    for x in range(n):
        core.insert([x])
    return core


# ---------------------------------------------------------------- neurons


def test_reset_state():
    core = filled(3)
    for i in range(3):
        assert core.snn_get_membrane(i) == 0 and core.snn_get_threshold(i) == 1 and not core.snn_spiked(i)
        assert core.get_spike_rate(i) == 0 and core.get_pattern(i) == 0 and core.get_edge_weight(i) == 255
    assert core.snn_get_time() == 0 and core.snn_get_spikes() == 0 and core.oscillator_get_phase() == 0


@pytest.mark.parametrize("dt", [0.125, 1.0, 5.0, 19.0])
def test_a_membrane_below_threshold_decays_exponentially(dt):
    core = filled(1)
    core.snn_inject(0, 0.875)
    for n in range(1, 60):
        assert core.snn_step(dt) == 0
        # n rounded products of a factor that is off by half a unit in the last place of dt / 20.
        leak = 1 - dt / 20
        assert core.snn_get_membrane(0) == pytest.approx(0.875 * leak**n, rel=2 * n * 2.0**-24 / leak, abs=1e-40)


def test_a_step_longer_than_the_time_constant_empties_the_membrane():
    for dt in (20, 21, 1e9, np.inf):
        core = filled(1)
        core.snn_set_threshold(0, 10)
        core.snn_set_membrane(0, 100)
        core.snn_step(dt)
        assert core.snn_get_membrane(0) == 0 and not np.signbit(core.snn_get_membrane(0))


@pytest.mark.parametrize("current", [0.05, 0.06, 0.1, 0.2, 0.5, 1.0, 3.0])
def test_the_firing_rate_follows_the_closed_form(current):
    # With V <- (V + c) 0.95 a step of 1 ms, V after n steps is 19 c (1 - 0.95^n). Two refractory steps follow a spike,
    # during which c is added but not decayed: 2 c stand there when integration starts again.
    core = filled(1)
    times = []
    for t in range(2000):
        core.snn_inject(0, current)
        if core.snn_step(1):
            times.append(t)

    def steps(start):
        """Steps from V = start to the threshold."""
        v, n = start, 0
        while True:
            v, n = (v + current) * 0.95, n + 1
            if v >= 1:
                return n
            if n > 2000:
                return math.inf

    if 19 * current < 1:
        assert times == []
        return
    assert times[0] == steps(0) - 1
    first = math.ceil(round(math.log1p(-1 / (19 * current)) / math.log(0.95), 9)) if 19 * current > 1 else math.inf
    assert steps(0) == first
    assert set(np.diff(times).tolist()) == {2 + steps(2 * current)}


@pytest.mark.parametrize(("dt", "waits"), [(1, 2), (2, 1), (0.5, 4), (0.75, 3), (5, 1)])
def test_the_refractory_period_lasts_two_milliseconds(dt, waits):
    core = filled(1)
    core.snn_set_membrane(0, 1000)
    assert core.snn_step(dt) == 1 and core.snn_get_membrane(0) == 0
    for _ in range(waits):
        core.snn_set_membrane(0, 1000)
        assert core.snn_step(dt) == 0
        assert core.snn_get_membrane(0) == 1000  # nothing decays meanwhile
    assert core.snn_step(dt) == 1


def test_spikes_and_times_are_reported():
    core = filled(4)
    core.snn_step(2.5)
    core.snn_set_membrane(1, 2)
    core.snn_set_membrane(3, 2)
    assert core.snn_step(1) == 2
    assert core.snn_get_spikes() == 0b1010 and [core.snn_spiked(i) for i in range(4)] == [False, True, False, True]
    assert core.state.last_spike[[1, 3]].tolist() == [2.5, 2.5] and core.snn_get_time() == 3.5
    assert core.snn_step(1) == 0 and core.snn_get_spikes() == 0


def test_the_threshold_is_reached_not_passed():
    core = filled(1)
    core.snn_set_membrane(0, 1)
    assert core.snn_step(0) == 1
    core.snn_reset()
    core.snn_set_membrane(0, np.nextafter(np.float32(1), np.float32(0)))
    assert core.snn_step(0) == 0


@pytest.mark.parametrize("dt", [0, -1, -np.inf, np.nan])
def test_a_dt_that_is_no_step_takes_no_time(dt):
    core = filled(2)
    core.snn_set_membrane(0, 0.5)
    core.snn_set_membrane(1, 2)
    assert core.snn_step(dt) == 1
    assert core.snn_get_membrane(0) == 0.5 and core.snn_get_time() == 0
    assert core.state.refractory[1] == 2
    core.snn_step(dt)
    assert core.state.refractory[1] == 2


def test_time_stands_still_where_float32_ends():
    core = filled(1)
    core.state.time = np.float32(2**24)
    core.snn_step(1)
    assert core.snn_get_time() == 2**24
    core.snn_step(2)
    assert core.snn_get_time() == 2**24 + 2


# ---------------------------------------------------------------- propagation


@pytest.mark.parametrize("gain", [0.5, -0.3, 2.0])
def test_propagation_is_the_weighted_adjacency(gain):
    core = filled(32, seed=5)
    rng = np.random.default_rng(6)
    start = rng.uniform(0, 2, 32).astype(np.float32)
    weights = rng.integers(0, 256, 32)
    for i in range(32):
        core.snn_set_membrane(i, start[i])
        core.set_edge_weight(i, int(weights[i]))
    core.snn_step(0)
    fired = [i for i in range(32) if core.snn_spiked(i)]
    assert 5 < len(fired) < 27
    expected = np.where(np.isin(np.arange(32), fired), 0, start).astype(np.float64)
    for i in fired:
        for j in core.neighbours(i):
            expected[j] += gain * weights[i] / 255
    core.snn_propagate(gain)
    got = [core.snn_get_membrane(i) for i in range(32)]
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_propagation_without_spikes_or_with_gain_nan_does_nothing():
    core = filled(8)
    core.snn_set_membrane(2, 0.5)
    core.snn_step(0)
    core.snn_propagate(1)
    core.snn_set_membrane(3, 2)
    core.snn_step(0)
    before = core.state.membrane.copy()
    core.snn_propagate(np.nan)
    assert np.array_equal(core.state.membrane, before)


def test_currents_saturate():
    core = filled(2)
    for _ in range(3):
        core.snn_inject(0, np.inf)
        core.snn_inject(1, -3e38)
    assert core.snn_get_membrane(0) == LARGEST and core.snn_get_membrane(1) == -LARGEST
    core.snn_inject(0, np.nan)
    core.snn_set_membrane(1, np.nan)
    core.snn_set_threshold(1, np.nan)
    assert core.snn_get_membrane(0) == LARGEST and core.snn_get_membrane(1) == -LARGEST
    assert core.snn_get_threshold(1) == 1


def test_thresholds_are_held_to_their_range():
    core = filled(1)
    for given, kept in ((0.05, np.float32(0.1)), (-1, np.float32(0.1)), (np.inf, 10), (1e9, 10), (2.5, 2.5)):
        core.snn_set_threshold(0, given)
        assert core.snn_get_threshold(0) == kept


# ---------------------------------------------------------------- STDP


def pair(delay, weight=128, n_pairs=1):
    """Weights of two linked nodes after node 0 and then, ``delay`` ms later, node 1 fired, learning at node 1."""
    core = line(2)
    for i in range(2):
        core.set_edge_weight(i, weight)
    for _ in range(n_pairs):
        core.snn_reset()
        core.snn_set_membrane(0, 2)
        core.snn_step(0)
        core.snn_step(delay)
        core.snn_set_membrane(1, 2)
        core.snn_step(0)
        assert core.snn_get_spikes() == 0b10
        core.snn_stdp()
    return core


@pytest.mark.parametrize("delay", [0.25, 1, 2, 5, 10, 19, 20, 50, 100, 400])
def test_the_window_is_exponential(delay):
    core = pair(delay)
    e = math.exp(-delay / 20)
    assert core.state.weight[0] - 128 == pytest.approx(2.55 * e, abs=2e-5)
    assert core.state.weight[1] - 128 == pytest.approx(-3.06 * e, abs=2e-5)
    assert core.get_edge_weight(0) == round(128 + 2.55 * e) and core.get_edge_weight(1) == round(128 - 3.06 * e)


def test_simultaneous_spikes_and_silent_neighbours_change_nothing():
    core = line(3)
    core.set_edge_weight(0, 100)
    core.set_edge_weight(1, 100)
    core.snn_set_membrane(0, 2)
    core.snn_set_membrane(1, 2)
    core.snn_step(0)
    assert core.snn_get_spikes() == 0b11
    core.snn_stdp()
    assert core.state.weight[:3].tolist() == [100, 100, 255]


def test_fractions_of_a_byte_add_up():
    # At 60 ms a pair is worth 0.127 of a byte: rounding each time would lose all of it.
    core = pair(60, n_pairs=40)
    assert core.state.weight[0] - 128 == pytest.approx(40 * 2.55 * math.exp(-3), abs=1e-3)
    assert core.get_edge_weight(0) == 133 and core.get_edge_weight(1) == 122


def test_weights_stay_between_0_and_255():
    core = pair(1, weight=250, n_pairs=300)
    assert core.state.weight[:2].tolist() == [255, 0]
    assert core.get_edge_weight(0) == 255 and core.get_edge_weight(1) == 0


def test_setting_a_weight_drops_its_fraction():
    core = pair(60)
    core.set_edge_weight(0, 7)
    assert core.state.weight[0] == 7 and core.get_edge_weight(0) == 7
    core.set_edge_weight(200, 9)
    assert core.state.weight_bytes() == [core.get_edge_weight(i) if i < 2 else 255 for i in range(32)]


def test_learning_against_brute_force():
    core = filled(32, seed=8)
    rng = np.random.default_rng(9)
    expected = np.full(32, 128.0)
    last = np.full(32, -np.inf)
    for i in range(32):
        core.set_edge_weight(i, 128)
    for t in range(200):
        for i in range(32):
            core.snn_set_membrane(i, 1e6 if rng.random() < 0.1 else 0)
        core.snn_step(1)
        fired = [i for i in range(32) if core.snn_spiked(i)]
        last[fired] = t
        for i in fired:
            for j in core.neighbours(i):
                if np.isfinite(last[j]) and last[j] < t:
                    e = math.exp(-(t - last[j]) / 20)
                    expected[j] = min(expected[j] + 2.55 * e, 255)
                    expected[i] = max(expected[i] - 3.06 * e, 0)
        core.snn_stdp()
    assert core.state.weight == pytest.approx(expected, abs=1e-2)
    assert expected.min() == 0 and expected.std() > 1


def test_learned_weights_reach_aggregation_and_propagation():
    core = pair(10, weight=100)
    assert core.aggregate_neighbors(1)[0] == 0  # node 0's vector is 0
    assert core.aggregate_neighbors(0)[0] == np.float32(core.get_edge_weight(1)) / np.float32(255)
    core.snn_reset()
    core.snn_set_membrane(1, 2)
    core.snn_step(0)
    core.snn_propagate(1)
    assert core.snn_get_membrane(0) == np.float32(core.get_edge_weight(1)) / np.float32(255)


def test_tick_is_step_propagate_and_learn():
    one, other = filled(32, seed=3), filled(32, seed=3)
    rng = np.random.default_rng(4)
    for t in range(60):
        for i, current in enumerate(rng.uniform(0, 0.2, 32)):
            one.snn_inject(i, current)
            other.snn_inject(i, current)
        learn = t % 3 != 0
        n_spikes = one.snn_tick(1, 0.25, learn)
        assert n_spikes == other.snn_step(1)
        other.snn_propagate(0.25)
        if learn:
            other.snn_stdp()
        assert np.array_equal(one.state.membrane, other.state.membrane)
        assert np.array_equal(one.state.weight, other.state.weight)
    assert not (one.state.weight[:32] == 255).all()


# ---------------------------------------------------------------- search to current


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("k", [0, 1, 5, 16, 255])
def test_search_results_become_currents(metric, k):
    core = filled(20, metric=metric, seed=2)
    core.set_query(np.random.default_rng(3).normal(size=16))
    core.snn_inject(4, 0.25)
    before = core.state.membrane.copy()
    results = core.hnsw_to_snn(k, 2.0)
    assert np.array_equal(results, core.search(k))
    expected = before.astype(np.float64)
    for record in results:
        expected[record["index"]] += 2 / (1 + max(float(record["distance"]), 0))
    assert core.state.membrane == pytest.approx(expected, rel=1e-6)
    assert len(results) == min(k, 16)


def test_a_dot_product_beyond_minus_one_gives_the_whole_gain():
    core = SpikingCore(2, Metric.DOT)
    core.insert([5, 0])
    core.insert([-5, 0])
    core.set_query([3, 0])
    core.hnsw_to_snn(2, 1.5)
    assert core.snn_get_membrane(0) == 1.5 and core.snn_get_membrane(1) == np.float32(1.5) / np.float32(16)
