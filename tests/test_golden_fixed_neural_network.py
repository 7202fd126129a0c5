"""The fixed-point network: passes over a core with the units' twins, closed forms, and the float32 model beside it."""

import numpy as np
import pytest
from hw_units import TINY, random_bits
from neural_pairs import Pair, random_graph

from golden.fixed.bits import pack_fields, to_signed
from golden.fixed.graph_store import graph_word
from golden.fixed.neural_core import NeuralCore, Tick
from golden.fixed.neural_divider import gain_current
from golden.fixed.neural_lif import scale
from golden.fixed.neural_router import SpikeRouter
from golden.fixed.neural_state import NeuralState, rates
from golden.fixed.neural_stdp import StdpEngine, join_weight
from golden.float32.homeostasis import Homeostasis
from golden.float32.lif import LifNeurons
from golden.float32.neuromorphic import initial_membranes
from golden.float32.oscillator import GammaOscillator
from golden.float32.state import SpikingState
from golden.float32.stdp import Stdp
from golden.float32.wta import WinnerTakeAll
from golden.spec.neural import (
    ELAPSED_NEVER,
    MEMBRANE,
    STATE_FIELDS,
    THRESHOLD,
    THRESHOLD_MAX_RAW,
    THRESHOLD_MIN_RAW,
    time_step,
)

ONE_MS = time_step(1 << 16)


def random_state(rng: np.random.Generator) -> NeuralState:
    """Every field anywhere in its range, corners included; about a third fire."""
    s = NeuralState()
    s.membrane[:] = to_signed(random_bits(rng, (32,), 26), 26)
    s.branches[:] = to_signed(random_bits(rng, (32, 6), 16), 16)
    for name, width in (("history", 32), ("rate", 24), ("trace", 16), ("elapsed", 24)):
        getattr(s, name)[:] = random_bits(rng, (32,), width).astype(np.int64)
    s.threshold[:] = rng.integers(THRESHOLD_MIN_RAW, THRESHOLD_MAX_RAW + 1, 32)
    s.weight[:] = rng.choice([0, 1, 128, 254, 255], 32)
    s.residue[:] = np.where(s.weight == 0, rng.integers(0, 2048, 32), rng.integers(2048, 4096, 32))
    s.spikes = int(random_bits(rng, (1,), 32)[0] & random_bits(rng, (1,), 32)[0])
    s.elapsed[s.spike_flags()] = 0
    return s


def test_state_words_hold_everything() -> None:
    rng = np.random.default_rng(0)
    before, after = random_state(rng), NeuralState()
    words = before.words()
    assert words.shape == (32, 5)
    after.load_words(words)
    for place in STATE_FIELDS:
        np.testing.assert_array_equal(getattr(after, place.name), getattr(before, place.name))
    number = sum(int(w) << (64 * k) for k, w in enumerate(words[5]))
    by_name = {place.name: number >> place.low & ((1 << place.width) - 1) for place in STATE_FIELDS}
    assert by_name["membrane"] == int(before.membrane[5]) & 0x3FFFFFF
    assert by_name["branches"] == int(pack_fields(before.branches[5:6], 16)[0, 0]) | (
        int(pack_fields(before.branches[5:6], 16)[0, 1]) << 64
    )
    assert by_name["trace"] == int(before.trace[5])


@pytest.mark.parametrize(("to_membrane", "to_branch", "learn"), [(1, 0, 0), (1, 0, 1), (0, 1, 0), (1, 1, 1)])
def test_pass_b_through_the_twins_equals_one_spike_after_the_other(
    to_membrane: int, to_branch: int, learn: int
) -> None:
    """Memories that give the old data in the cycle of a write, spikes back to back and with gaps, wild graph words."""
    rng = np.random.default_rng(10 * to_branch + learn)
    for case in range(12):
        words, _ = random_graph(rng, wild=case % 2 == 0)
        state = random_state(rng)
        gain = int(to_signed(random_bits(rng, (1,), 18), 18)[0])
        core = NeuralCore(state.copy())
        parts = Tick(to_membrane=bool(to_membrane), to_branch=bool(to_branch), learn=bool(learn))
        core.deliver(words, gain, parts)
        n_cycles = drive_pass_b(state, words, gain, parts, gaps=rng if case % 3 == 0 else None)
        for name in ("membrane", "branches", "weight", "residue"):
            np.testing.assert_array_equal(getattr(state, name), getattr(core.state, name), err_msg=name)
        if case % 3:
            extra = int(learn or to_branch)
            assert n_cycles == sum(max(1, min(int(words[i] >> 30 & 7), 6) + extra) for i in state.fired())


def drive_pass_b(s: NeuralState, words: np.ndarray, gain: int, parts: Tick, gaps: np.random.Generator | None) -> int:
    """Router and STDP engine on the memories of ``s``, which give the old data in the cycle of a write.

    Returns the cycles for which the router was occupied.
    """
    router, engine = SpikeRouter(TINY), StdpEngine(TINY)
    settings = {"extra": int(parts.learn or parts.to_branch)}
    settings |= {"to_membrane": int(parts.to_membrane), "to_branch": int(parts.to_branch)}
    pending, n_cycles, idle = s.fired(), 0, 0
    at_target: dict[str, int | np.ndarray] = {
        "current": 0,
        "membrane": 0,
        "word": 0,
        "elapsed": 0,
        "branches": np.zeros((1, 2), "u8"),
    }
    at_weight: dict[str, int | np.ndarray] = {"weight": 0, "residue": 0}
    while idle < 6:
        entry = pending[0] if pending else 0
        ready = bool(pending) and (gaps is None or gaps.random() < 0.5)
        entry_ports = {"entry_valid": int(ready), "entry_index": entry, "entry_word": int(words[entry])}
        n_cycles += int(router._occupied[0])
        routed = router.step(ports(entry_ports, settings, at_target, entry_weight=int(s.weight[entry])))
        r = {name: int(value[0]) for name, value in routed.items()}
        controls = {name: r[name] for name in ("issue", "own", "target")}
        w = {name: int(value[0]) for name, value in engine.step(ports(controls, at_target, at_weight)).items()}
        j = r["target"]
        at_target = {"membrane": int(s.membrane[j]) & 0x3FFFFFF, "word": int(words[j]), "elapsed": int(s.elapsed[j])}
        at_target["current"] = int(scale(gain_current(np.array(gain)), np.array(r["factor"]))) & 0x3FFFFFF
        at_target["branches"] = pack_fields(s.branches[j][None], 16)
        at_weight = {name: int(getattr(s, name)[w["read_target"]]) for name in ("weight", "residue")}
        if r["write"]:
            s.membrane[r["write_target"]] = to_signed(r["write_membrane"], 26)
        if r["write_branch"]:
            s.branches[r["write_target"], r["write_slot"]] = to_signed(r["write_value"], 16)
        if w["write"] and parts.learn:
            s.weight[w["write_target"]], s.residue[w["write_target"]] = w["write_weight"], w["write_residue"]
        pending = pending[r["take"] :]
        idle = 0 if r["take"] or r["issue"] or r["own"] or pending else idle + 1
    return n_cycles


def ports(*groups: dict[str, int | np.ndarray] | dict[str, int], **more: int) -> dict[str, np.ndarray]:
    """Inputs of one stream."""
    merged: dict[str, int | np.ndarray] = {}
    for group in (*groups, more):
        merged |= group
    return {k: v if isinstance(v, np.ndarray) else np.array([v], dtype=np.uint64) for k, v in merged.items()}


def test_one_pass_over_the_spikes_equals_separate_ones() -> None:
    """In the float32 model, bit for bit: each spike routed and learned from in turn, or all routed and then learned."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        _, lists = random_graph(rng)
        separate = SpikingState(
            membrane=rng.normal(0, 1, 32).astype(np.float32),
            last_spike=rng.choice([-1000, 100, 100, 97, 80, 20], 32).astype(np.float32),
            weight=rng.uniform(0, 255, 32).astype(np.float32),
            time=np.float32(101),
        )
        separate.spikes = sum(1 << i for i in range(32) if separate.last_spike[i] == 100)
        together = separate.copy()
        LifNeurons(separate).propagate(lists, np.float32(0.3))
        Stdp(separate).update(lists)
        for i in separate.fired():
            together.spikes = 1 << i
            LifNeurons(together).propagate(lists, np.float32(0.3))
            Stdp(together).update(lists)
        np.testing.assert_array_equal(together.membrane, separate.membrane)
        np.testing.assert_array_equal(together.weight, separate.weight)


@pytest.mark.parametrize(
    ("parts", "gain"),
    [
        (Tick(), -0.25),
        (Tick(homeostasis=True, learn=True), 0.25),
        (Tick(dendrites=True, clear=True, homeostasis=True, to_membrane=False, to_branch=True), 0.25),
    ],
    ids=["inhibiting", "learning", "dendritic"],
)
def test_random_networks_fire_together(parts: Tick, gain: float) -> None:
    """At least 99.9 % of the neuron-steps agree; until the first that does not, membranes are within 2**-9."""
    pair = Pair(2)
    agree, n_spikes, worst = [], 0, 0.0
    for _ in range(1000):
        real, raw = pair.step(parts, gain)
        agree.append(real == raw)
        n_spikes += int(real.sum())
        if np.all(agree[-1]) and np.mean(agree) == 1:
            worst = max(worst, float(pair.membrane_gap().max()))
    assert n_spikes > 1500
    assert np.mean(agree) >= 0.999
    assert worst <= 2**-9


def test_leak_is_the_exponential_of_its_factor() -> None:
    """From -30 up: within half a last place a step of the exact (1 - dt/20)^n, and to 0 after a step of 20 ms."""
    core = NeuralCore()
    core.state.threshold[:] = THRESHOLD_MAX_RAW
    core.state.elapsed[:] = 0
    core.state.membrane[:] = -(30 << 20)
    core.state.elapsed[:] = ELAPSED_NEVER
    for n in range(1, 200):
        core.tick(np.zeros(32, np.int64), 32, 0, Tick())
        exact = -30 * 0.95**n
        assert abs(MEMBRANE.from_raw(core.state.membrane[0]) - exact) <= 2**-21 * 20 + 30 * n * 2e-7 * 0.95 ** (n - 1)
    core.time_step = time_step(20 << 16)
    core.tick(np.zeros(32, np.int64), 32, 0, Tick())
    assert not core.state.membrane.any()


@pytest.mark.parametrize("current", [0.04, 0.06, 0.1, 0.2, 0.5, 1.5])
def test_f_i_curve_in_closed_form(current: float) -> None:
    """Constant current I: period 2 (refractory steps) + the least n with I 0.95 (1 - 0.95^n) / 0.05 >= 1."""
    core = NeuralCore()
    raw = int(MEMBRANE.to_raw(current))
    times = []
    for step in range(400):
        quiet = core.state.elapsed < 2 << 16
        core.state.membrane[:] += np.where(quiet, 0, raw)
        if core.tick(np.zeros(32, np.int64), 32, 0, Tick()):
            times.append(step)
    level, n = 0.0, 0
    while n < 400 and level < 1:
        level, n = (level + raw / 2**20) * 0.95, n + 1
    if n == 400:
        assert times == []
    else:
        assert times[0] == n - 1 and set(np.diff(times)) <= {n + 2}


@pytest.mark.parametrize("delta", [1, 2, 5, 20, 60, 150])
def test_stdp_window_in_closed_form(delta: int) -> None:
    """A pair ``delta`` ms apart: the weight of the first grows by 2.55 e, that of the second falls by 3.06 e."""
    words = graph_word(np.full((32, 6), 1), np.where(np.arange(32) == 0, 1, 0), np.zeros(32, np.int64))
    core = NeuralCore()
    s = core.state
    s.weight[:], s.elapsed[1], s.elapsed[0], s.spikes = 128, delta << 16, 0, 1
    core.deliver(words, 0, Tick(learn=True))
    e = np.exp(-delta / 20)
    weights = join_weight(s.weight, s.residue) / 4096
    assert abs(weights[1] - 128 - 2.55 * e) < 0.00025 and abs(weights[0] - 128 + 3.06 * e) < 0.0003
    assert (weights[2:] == 128).all()


def test_a_thousand_pairs_stay_within_a_byte_step_of_float() -> None:
    rng = np.random.default_rng(1)
    real = SpikingState()
    core, stdp = NeuralCore(), Stdp(real)
    words = graph_word(
        np.array([[1] * 6, [0] * 6] + [[0] * 6] * 30), np.array([1, 1] + [0] * 30), np.zeros(32, np.int64)
    )
    real.weight[:2], core.state.weight[:2] = 128, 128
    now, fired, order = 0, -1000, 0
    for _ in range(1000):
        now += int(rng.integers(1, 60))
        order = int(rng.integers(0, 2))
        real.last_spike[order], real.last_spike[1 - order] = now, fired if fired >= 0 else -1000
        core.state.elapsed[order] = 0
        core.state.elapsed[1 - order] = (now - fired) << 16 if fired >= 0 else ELAPSED_NEVER
        real.spikes = core.state.spikes = 1 << order
        stdp.update([[1], [0], *([[]] * 30)])
        core.deliver(words, 0, Tick(learn=True))
        fired = now
        weights = join_weight(core.state.weight, core.state.residue)[:2] / 4096
        assert np.abs(weights - real.weight[:2]).max() < 1
    assert np.abs(weights - real.weight[:2]).max() < 0.25


def test_homeostasis_finds_a_tenth_of_a_spike_a_millisecond() -> None:
    """Thresholds that start anywhere from 0.1 to 0.6 end where the rate is the target."""
    core = NeuralCore()
    core.state.threshold[:] = THRESHOLD.to_raw(np.linspace(0.11, 0.6, 32))
    rng = np.random.default_rng(2)
    spikes = np.zeros(32)
    for step in range(10000):
        core.state.membrane[:] += rng.integers(0, 64000, 32)
        core.tick(np.zeros(32, np.int64), 32, 0, Tick(homeostasis=True))
        spikes += core.state.spike_flags() * (step >= 7000)
    assert np.abs(spikes / 3000 - 0.1).max() < 0.005
    assert np.abs(rates(core.state.rate, core.time_step.rate_factor) - 0.1).max() < 0.01


def test_rates_and_thresholds_follow_float() -> None:
    rng = np.random.default_rng(4)
    real, core = SpikingState(), NeuralCore()
    homeostasis = Homeostasis(real)
    for _ in range(3000):
        flags = int(rng.integers(0, 1 << 32)) & int(rng.integers(0, 1 << 32)) & int(rng.integers(0, 1 << 32))
        real.spikes = core.state.spikes = flags
        homeostasis.update(32, np.float32(1))
        core.tick(np.zeros(32, np.int64), 32, 0, Tick(step=False, to_membrane=False, homeostasis=True))
    assert np.abs(rates(core.state.rate, core.time_step.rate_factor) - real.rate).max() < 2**-15
    assert np.abs(THRESHOLD.from_raw(core.state.threshold) - real.threshold).max() < 2**-11


def test_phase_never_drifts() -> None:
    real, core = SpikingState(), NeuralCore()
    core.time_step = time_step(65537)
    oscillator = GammaOscillator(real)
    for _ in range(20000):
        oscillator.step(np.float32(65537 / 65536))
        core.oscillate()
    assert core.state.phase == real.phase == 20000 * 65537 % (25 << 16)


def test_competitions_follow_float() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        v = rng.integers(-(1 << 21), 1 << 21, 32) >> rng.choice([0, 0, 16])
        elapsed = rng.choice([0, 1 << 17, ELAPSED_NEVER], 32)
        count = int(rng.integers(0, 33))
        for soft in (False, True):
            real, core = SpikingState(), NeuralCore()
            real.membrane[:], core.state.membrane[:], core.state.elapsed[:] = MEMBRANE.from_raw(v), v, elapsed
            real.refractory[:] = elapsed < 1 << 17
            wta = WinnerTakeAll(real)
            if soft:
                wta.soften(count)
                core.soften(count)
            else:
                assert wta.compete(count) == core.compete(count)
            assert np.abs(MEMBRANE.from_raw(core.state.membrane) - real.membrane).max() <= 2**-13


def test_search_drive_and_bridge_follow_float() -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        n = int(rng.integers(1, 33))
        distance = rng.integers(-(1 << 10) * int(rng.integers(0, 2)), 1 << int(rng.integers(1, 20)), n)
        distance[rng.random(n) < rng.choice([0, 0.5])] = 0
        core = NeuralCore()
        core.start_search(distance)
        expected = initial_membranes(distance.astype(np.float32))
        got = MEMBRANE.from_raw(core.state.membrane[:n])
        assert np.abs(got - expected).max() <= 2**-15
        assert (np.diff(got[np.argsort(distance)]) <= 0).all() and got.max() == 2
        core = NeuralCore()
        one, gain = int(rng.integers(1, 1 << 18)), int(rng.integers(-(1 << 16), 1 << 16))
        core.bridge(np.arange(n), distance, one, gain)
        real = gain / 8192 / (1 + np.maximum(distance, 0) / one)
        assert np.abs(MEMBRANE.from_raw(core.state.membrane[:n]) - real).max() <= abs(gain) / 8192 * 2**-16 + 2**-20
