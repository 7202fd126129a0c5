"""The neuromorphic units in float32, each against its formula in Python's own arithmetic."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from golden.float32 import SpikingCore
from golden.float32.dendrite import branch_response
from golden.float32.math32 import LARGEST
from golden.float32.neural_constants import PHASE_PERIOD


def filled(n=32, dims=16, seed=0):
    core = SpikingCore(dims)
    for vector in np.random.default_rng(seed).normal(size=(n, dims)):
        core.insert(vector)
    return core


def membranes(core):
    return [float(core.snn_get_membrane(i)) for i in range(core.count)]


def fire(core, indices):
    """Let exactly these neurons fire, in a step without time; membranes of the others are 0 afterwards."""
    for i in range(core.count):
        core.state.refractory[i] = 0
        core.snn_set_membrane(i, 100 if i in indices else 0)
    core.snn_step(0)
    assert core.state.fired() == sorted(indices)


# ---------------------------------------------------------------- spike encoder


def encoded(vector):
    """semantics.md's formula in rational numbers."""
    values = [Fraction(float(np.float32(v))) for v in vector]
    m = max(abs(v) for v in values)
    if m == 0:
        return 0
    bits = 0
    for d, v in enumerate(values):
        slot = math.floor((1 - (v + m) / (2 * m)) * 8)
        bit = d + slot * (len(values) // 8)
        if bit < 32:
            bits |= 1 << bit
    return bits


@pytest.mark.parametrize("dims", range(1, 17))
def test_the_spike_code_is_the_formula(dims):
    rng = np.random.default_rng(dims)
    # Integers as quantised vectors have them: float32 decides every slot exactly.
    vectors = [*rng.integers(-127, 128, (28, dims)), np.full(dims, 5), np.full(dims, -5), *np.zeros((2, dims))]
    core = SpikingCore(dims)
    for i, vector in enumerate(vectors):
        core.insert(vector)
        assert core.encode_vector_to_spikes(i) == encoded(vector) == core.get_pattern(i)
    assert core.get_pattern(28) == (1 << dims) - 1 and core.get_pattern(31) == 0


def test_larger_values_fire_earlier():
    core = SpikingCore(16)
    core.insert(np.linspace(1, -1, 16))
    slots = [None] * 16
    pattern = core.encode_vector_to_spikes(0)
    for d in range(16):
        slots[d] = next(s for s in range(9) if pattern >> (d + 2 * s) & 1)
    # Bits of different dimensions can coincide, but the earliest one of each dimension never comes too late.
    assert slots[0] == 0 and all(slots[d] <= math.floor((1 - (1 - d / 7.5)) * 4) for d in range(16))


def test_vectors_near_the_end_of_the_range_are_encoded():
    core = SpikingCore(2)
    core.insert([3e38, -3e38])
    assert core.encode_vector_to_spikes(0) == encoded([1, -1])
    core.insert([1e-45, 0])
    assert core.encode_vector_to_spikes(1) == encoded([1, 0])


def test_similarity_is_the_jaccard_index():
    core = SpikingCore(1)
    for a, b in itertools.product([0, 1, 0b1010, 0xFFFFFFFF, 0x80000000, 0x12345678], repeat=2):
        ones_a, ones_b = ({i for i in range(32) if x >> i & 1} for x in (a, b))
        expected = len(ones_a & ones_b) / len(ones_a | ones_b) if ones_a | ones_b else 1
        assert core.spike_timing_similarity(a, b) == np.float32(expected)
    for bad in (-1, 1 << 32):
        with pytest.raises(ValueError, match=rf"a must be in 0\.\.4294967295, not {bad}"):
            core.spike_timing_similarity(bad, 0)


@pytest.mark.parametrize("k", [0, 1, 7, 16, 255])
def test_spike_search_sorts_all_similarities(k):
    core = filled(24, seed=3)
    for i in range(24):
        core.encode_vector_to_spikes(i)
    target = core.get_pattern(11)
    found = core.spike_search(target, k)
    expected = sorted((1 - core.spike_timing_similarity(target, core.get_pattern(i)), i) for i in range(24))
    assert [(r["distance"], r["index"]) for r in found] == expected[: min(k, 16)]
    if k:
        assert found["index"][0] == 11 and found["distance"][0] == 0


# ---------------------------------------------------------------- oscillator


def test_forty_turns_a_second_without_drift():
    core = SpikingCore(1)
    for _ in range(25):
        core.oscillator_step(1)
    assert core.oscillator_get_phase() == 0
    core.oscillator_step(6.25)
    assert core.oscillator_get_phase() == pytest.approx(math.pi / 2, rel=1e-6)
    # An hour in steps of 1 ms is 3,600,000 steps; 1000 ms at a time go by the same integers.
    for _ in range(3600):
        core.oscillator_step(1000)
    assert core.state.phase == PHASE_PERIOD // 4


@pytest.mark.parametrize("dt", [0.1, 1 / 3, 0.7, 1.1])
def test_steps_of_any_length_stay_within_half_a_unit_each(dt):
    core = SpikingCore(1)
    for n in range(1, 2001):
        core.oscillator_step(dt)
        exact = n * float(np.float32(dt)) * 65536
        error = (core.state.phase - exact + PHASE_PERIOD / 2) % PHASE_PERIOD - PHASE_PERIOD / 2
        assert abs(error) <= n / 2


def test_the_phase_stays_below_a_turn():
    core = SpikingCore(1)
    core.state.phase = PHASE_PERIOD - 1
    assert 6.28 < core.oscillator_get_phase() < 2 * math.pi
    sine, cosine = core.oscillator_sine_cosine()
    assert sine == pytest.approx(0, abs=1e-5) and cosine == pytest.approx(1)


def test_resonance_is_the_triangle_around_the_preferred_phase():
    core = filled(32)
    rng = np.random.default_rng(1)
    for phase in [0, 1, PHASE_PERIOD // 2, PHASE_PERIOD - 1, *rng.integers(0, PHASE_PERIOD, 50).tolist()]:
        core.state.phase = phase
        angle = 2 * math.pi * phase / PHASE_PERIOD
        for i in range(32):
            difference = abs(math.remainder(angle - 2 * math.pi * i / 32, 2 * math.pi))
            assert core.compute_resonance(i) == pytest.approx(1 - difference / math.pi, abs=1e-7)
    core.state.phase = 5 * PHASE_PERIOD // 32
    assert core.compute_resonance(5) == 1 and core.compute_resonance(21) == 0


@pytest.mark.parametrize("weight", [0, 0.5, 1, 3.5, -2, np.nan])
def test_resonance_search_weighs_and_sorts_again(weight):
    core = filled(30, seed=6)
    core.set_query(np.random.default_rng(7).normal(size=16))
    core.oscillator_step(3.3)
    used = 0 if np.isnan(weight) else weight
    expected = []
    for record in core.search(10):
        factor = 2 - used * float(core.compute_resonance(int(record["index"])))
        expected.append((float(record["distance"]) * factor, int(record["index"])))
    expected.sort()
    found = core.resonance_search(10, weight)
    assert found["index"].tolist() == [i for _, i in expected]
    assert found["distance"] == pytest.approx([d for d, _ in expected], rel=1e-5)


def test_resonance_search_with_an_infinite_weight():
    core = filled(30, seed=6)
    core.set_query(np.zeros(16))
    found = core.resonance_search(10, np.inf)
    # Neuron 16 is out of phase: its factor is 2. Every other product overflows or comes near it.
    assert 16 in core.search(10)["index"] and found["index"][-1] == 16 and found["distance"][-1] > 0
    assert (found["distance"][:-1] < -1e38).all()
    overflown = found["index"][found["distance"] == -np.inf].tolist()
    assert len(overflown) > 5 and overflown == sorted(overflown)
    core.set_query(core.vectors[3])
    found = core.resonance_search(16, np.inf)
    exact = found[found["index"] == 3]  # a distance of 0 stays one, whatever it is multiplied by
    assert exact["distance"] == [0] and not np.signbit(exact["distance"]).any()


# ---------------------------------------------------------------- winner take all


def test_hard_competition():
    core = filled(6)
    for i, v in enumerate([0.5, -0.25, 2.0, 2.0, 1.75, 5.0]):
        core.snn_set_membrane(i, v)
    core.state.refractory[5] = 1
    assert core.wta_compete() == 2 == core.state.winner
    inhibition = np.float32(0.8) * np.float32(2)
    expected = [0, 0, 2, np.float32(2) - inhibition, np.float32(1.75) - inhibition, np.float32(5) - inhibition]
    assert membranes(core) == [float(v) for v in expected]
    core.wta_reset()
    assert core.state.winner == 255


def test_nobody_wins_without_a_positive_membrane():
    core = filled(3)
    assert core.wta_compete() == 255
    core.snn_set_membrane(0, -1)
    core.snn_set_membrane(1, 4)
    core.state.refractory[1] = 0.5
    assert core.wta_compete() == 255 and membranes(core) == [-1, 4, 0]
    core.snn_set_membrane(1, -4)
    core.wta_soft()
    assert membranes(core) == [-1, -4, 0]


def test_soft_competition_cubes_the_ratio_to_the_largest():
    core = filled(32)
    values = np.random.default_rng(3).uniform(-1, 3, 32).astype(np.float32)
    for i, v in enumerate(values):
        core.snn_set_membrane(i, v)
    core.wta_soft()
    wide, largest = values.astype(np.float64), float(values.max())
    assert membranes(core) == pytest.approx(wide * np.maximum(wide / largest, -1) ** 2, rel=1e-6)
    assert max(membranes(core)) == largest


def test_soft_competition_never_grows_a_membrane():
    core = filled(4)
    for i, v in enumerate([1e-3, -50, -1e-4, 0]):
        core.snn_set_membrane(i, v)
    core.wta_soft()
    assert membranes(core)[:2] == [float(np.float32(1e-3)), -50]


# ---------------------------------------------------------------- dendrites


def test_the_branch_response():
    b = np.linspace(-2, 30, 4001).astype(np.float32)
    wide = b.astype(np.float64)
    x = np.maximum(wide - 1, 0)
    expected = np.where(wide <= 0, 0, np.where(wide < 1, wide, 1 + x / (1 + x / 2)))
    got = branch_response(b)
    assert got == pytest.approx(expected, rel=3e-7)
    assert (np.diff(got) >= 0).all()
    assert branch_response(np.array([1, LARGEST, -LARGEST], np.float32)).tolist() == [1, 3, 0]


def test_integration_adds_the_branches_with_a_neighbour():
    core = filled(4)
    n_links = len(core.neighbours(0))
    assert n_links == 3
    contents = np.float32([0.5, 1.5, -1, 7, 2.0, 0.25])
    for b, value in enumerate(contents):
        core.dendrite_inject(0, b, value)
    core.snn_set_membrane(0, 0.125)
    total = core.dendrite_integrate(0)
    assert total == pytest.approx(0.5 + (1 + 0.5 / 1.25)) and core.snn_get_membrane(0) == np.float32(0.125) + total
    assert core.state.branches[0].tolist() == contents.tolist()
    core.dendrite_reset()
    assert core.dendrite_integrate(0) == 0


def test_coincident_inputs_on_different_branches_count_for_more_than_on_one():
    core = filled(4)
    for b in range(3):
        core.dendrite_inject(0, b, 1)
        core.dendrite_inject(1, 0, 1)
    assert core.dendrite_integrate(0) == 3 and core.dendrite_integrate(1) == 2


def test_spikes_reach_the_branch_that_faces_them():
    core = filled(32, seed=4)
    rng = np.random.default_rng(5)
    one_way = sum(i not in core.neighbours(j) for i in range(32) for j in core.neighbours(i))
    assert one_way  # the case of a neighbour without such a branch occurs
    for _ in range(20):
        weights = rng.integers(0, 256, 32)
        fired = sorted(rng.choice(32, 9, replace=False).tolist())
        core.dendrite_reset()
        for i in range(32):
            core.set_edge_weight(i, int(weights[i]))
        fire(core, fired)
        core.dendrite_propagate(0.5)
        expected = np.zeros((32, 6))
        for i in fired:
            for j in core.neighbours(i):
                for slot, facing in enumerate(core.neighbours(j)):
                    if facing == i:
                        expected[j, slot] += 0.5 * weights[i] / 255
        assert core.state.branches == pytest.approx(expected, rel=1e-6)


def test_branches_out_of_range():
    core = filled(2)
    core.dendrite_inject(0, 6, 1)
    core.dendrite_inject(0, 255, 1)
    core.dendrite_inject(2, 0, 1)
    core.dendrite_inject(0, 1, np.nan)
    assert not core.state.branches.any()
    core.dendrite_inject(0, 0, np.inf)
    core.dendrite_inject(0, 0, np.inf)
    assert core.state.branches[0, 0] == LARGEST and core.dendrite_integrate(0) == 3


# ---------------------------------------------------------------- homeostasis


def test_rates_are_exponential_averages():
    core = filled(2)
    rate = 0.0
    for t in range(300):
        fire(core, [0] if t % 7 == 0 else [])
        dt = [0.5, 1, 3][t % 3]
        core.homeostatic_update(dt)
        rate = rate * (1 - dt / 1000) + (dt / 1000 / dt if t % 7 == 0 else 0)
        assert core.get_spike_rate(0) == pytest.approx(rate, rel=1e-4) and core.get_spike_rate(1) == 0
    assert core.get_network_activity() == core.get_spike_rate(0)


def test_a_silent_neuron_becomes_as_sensitive_as_it_may():
    core = filled(1)
    for n in range(1, 12):
        core.homeostatic_update(1000)
        assert core.snn_get_threshold(0) == pytest.approx(max(1 - 0.1 * n, 0.1), abs=1e-6)
    assert core.snn_get_threshold(0) == np.float32(0.1)


def test_a_storming_neuron_is_held_back_up_to_the_limit():
    core = filled(1)
    core.state.rate[0] = 1e6
    core.homeostatic_update(1)
    assert core.snn_get_threshold(0) == 10


@pytest.mark.parametrize(("current", "threshold"), [(0.15, 0.5), (0.2, 1), (0.4, 3), (0.2, 1.5)])
def test_homeostasis_settles_at_the_target_rate(current, threshold):
    core = filled(1)
    core.snn_set_threshold(0, threshold)
    spikes = []
    for _ in range(30_000):
        core.snn_inject(0, current)
        spikes.append(core.snn_step(1))
        core.homeostatic_update(1)
    assert core.get_spike_rate(0) == pytest.approx(0.1, abs=0.002)
    assert np.mean(spikes[-5000:]) == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("dt", [0, -5, np.nan])
def test_no_time_no_homeostasis(dt):
    core = filled(1)
    fire(core, [0])
    core.homeostatic_update(dt)
    assert core.get_spike_rate(0) == 0 and core.snn_get_threshold(0) == 1


def test_activity_is_the_sum_of_all_rates():
    core = filled(32)
    core.state.rate[:] = np.random.default_rng(1).uniform(0, 0.3, 32)
    assert core.get_network_activity() == pytest.approx(core.state.rate.astype(np.float64).sum(), rel=1e-5)
    assert SpikingCore(1).get_network_activity() == 0


# ---------------------------------------------------------------- patterns


def test_histories_are_shift_registers():
    core = filled(32)
    rng = np.random.default_rng(2)
    history = [[] for _ in range(32)]
    for t in range(70):
        fired = np.flatnonzero(rng.random(32) < 0.3).tolist()
        fire(core, fired)
        core.pattern_record()
        for i in range(32):
            history[i].append(i in fired)
            bits = "".join("01"[bit] for bit in history[i][-32:])
            assert core.get_pattern(i) == int(bits, 2)
        if t % 10 == 9:
            target = int(rng.integers(0, 1 << 32))
            distance = [(core.get_pattern(i) ^ target).bit_count() for i in range(32)]
            assert core.pattern_match(target) == distance.index(min(distance))
            i, most = int(rng.integers(32)), int(rng.integers(0, 33))
            near = [j for j in range(32) if j != i and (core.get_pattern(i) ^ core.get_pattern(j)).bit_count() <= most]
            assert core.pattern_correlate(i, most) == sum(1 << j for j in near)


def test_pattern_ties_and_limits():
    core = filled(5)
    assert core.pattern_match(0) == 0 and core.pattern_match(0xFFFFFFFF) == 0
    assert core.pattern_correlate(2, 0) == 0b11011 and core.pattern_correlate(2, 255) == 0b11011
    assert core.pattern_correlate(5, 255) == 0 and core.get_pattern(5) == 0
    assert SpikingCore(1).pattern_match(3) == 255
