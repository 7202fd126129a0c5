"""The golden twins of the spiking units: every figure in every cycle against the formulas, over random bits."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hw_units import NARROW16, TINY, random_bits

from golden.fixed.bits import to_signed, to_unsigned, unpack_fields
from golden.fixed.neural_dendrite import DendriteTree, response
from golden.fixed.neural_divider import CurrentBridge, Divider, divide, divider_width, ratio_factor
from golden.fixed.neural_encoder import SpikeEncoder, time_slot
from golden.fixed.neural_homeostasis import HomeostaticController
from golden.fixed.neural_lif import LifPipeline, apply_factor
from golden.fixed.neural_oscillator import GammaOscillator, resonance, wave
from golden.fixed.neural_pattern import PatternUnit
from golden.fixed.neural_router import spike_current
from golden.fixed.neural_stdp import depression, join_weight, potentiation, split_weight
from golden.fixed.neural_wta import WinnerTakeAll, inhibition
from golden.fixed.unit import Unit
from golden.float32 import encoder
from golden.spec import Config
from golden.spec import neural as spec

SHAPE = (40, 120)


def run(unit: Unit, stimulus: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The twin's outputs, ``[n_streams, n_cycles]``."""
    n_cycles = next(iter(stimulus.values())).shape[1]
    rows = [unit.step({name: values[:, cycle] for name, values in stimulus.items()}) for cycle in range(n_cycles)]
    return {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}


def drawn(seed: int, shape: tuple[int, int] = SHAPE, **widths: int) -> dict[str, np.ndarray]:
    """Random inputs by port name."""
    rng = np.random.default_rng(seed)
    return {name: random_bits(rng, shape, width) for name, width in widths.items()}


def nearest(value: Fraction) -> int:
    """To the nearest integer, halves up."""
    return (value + Fraction(1, 2)).__floor__()


def each(check: Callable[[int, int], None], first: int) -> None:
    """Calls ``check(stream, cycle)`` everywhere from cycle ``first`` on."""
    for stream, cycle in np.ndindex(SHAPE[0], SHAPE[1] - first):
        check(stream, cycle + first)


def held(value: int, width: int) -> int:
    """Saturated to a signed number of ``width`` bits."""
    return max(-(1 << (width - 1)), min(value, (1 << (width - 1)) - 1))


def test_lif_by_its_formula_two_cycles_later() -> None:
    s = drawn(1, valid=1, op=2, membrane=26, current=26, factor=20, threshold=30, elapsed=24, dt=26)
    s["elapsed"] = np.where(s["valid"] == 1, s["elapsed"], s["elapsed"] & np.uint64(0x3FFFF))
    s["threshold"] >>= (s["threshold"] & np.uint64(7)).astype(np.uint64)
    out = run(LifPipeline(TINY, SHAPE[0]), s)
    v, c, new = (to_signed(a, 26) for a in (s["membrane"], s["current"], out["out_membrane"]))
    seen = set()

    def check(n: int, t: int) -> None:
        x = held(int(v[n, t - 2] + c[n, t - 2]), 26)
        product = nearest(x * spec.factor_value(int(s["factor"][n, t - 1])))
        op, valid = int(s["op"][n, t - 2]), bool(s["valid"][n, t - 2])
        elapsed, after = int(s["elapsed"][n, t]), int(s["elapsed"][n, t])
        spike, y = False, held(x - product, 26)
        if op == 0:
            waiting = elapsed < 2 << 16
            spike = valid and not waiting and y << 6 >= int(s["threshold"][n, t])
            y = x if waiting else 0 if spike else y
            after = 0 if spike else min(elapsed + int(s["dt"][n, t]), (1 << 24) - 1)
        else:
            y = held(product, 26) if op == 1 else x
        assert (new[n, t], out["out_elapsed"][n, t], out["spike"][n, t]) == (y, after, spike)
        assert out["out_valid"][n, t] == valid
        seen.add((op, valid, spike))

    each(check, 2)
    assert len(seen) == 9, "every operation, valid or not, and spikes"


def test_response_is_near_its_real_number_and_never_falls() -> None:
    raw = np.arange(-(1 << 15), 1 << 15)
    b = raw / 4096
    exact = np.where(b <= 0, 0, np.where(b < 1, b, 3 - 4 / (1 + np.maximum(b, 0))))
    got = response(raw) / 8192
    assert np.abs(got - exact).max() < 1.62 * 2**-12
    np.testing.assert_array_equal(got[b < 1], exact[b < 1])
    assert (np.diff(got) >= 0).all()


def test_dendritic_tree_sums_the_branches_in_use() -> None:
    s = drawn(2, valid=1, responses=96, n_links=3)
    out = run(DendriteTree(TINY, SHAPE[0]), s)

    def check(n: int, t: int) -> None:
        responses = unpack_fields(s["responses"][n, t - 1][None], 6, 16)[0] & 0x7FFF
        used = responses[: int(s["n_links"][n, t - 1])]
        assert out["current"][n, t] == 128 * sum(int(r) for r in used)
        assert out["out_valid"][n, t] == s["valid"][n, t - 1]

    each(check, 1)


def test_homeostasis_by_its_formula_two_cycles_later() -> None:
    s = drawn(3, valid=1, spike=1, rate=24, threshold=30, factor=20, target_step=23)
    for name in ("factor", "target_step"):
        s[name][:] = s[name][:, :1]
    out = run(HomeostaticController(TINY, SHAPE[0]), s)

    def check(n: int, t: int) -> None:
        factor = spec.factor_value(int(s["factor"][n, t]))
        spike = 16777 if s["spike"][n, t - 2] and factor else 0
        rate = min(int(s["rate"][n, t - 2]) + spike, (1 << 24) - 1)
        decay = nearest((rate >> 8 << 8) * factor)
        threshold = int(s["threshold"][n, t]) + 4 * decay - int(s["target_step"][n, t])
        assert out["out_rate"][n, t] == max(rate - decay, 0)
        assert out["out_threshold"][n, t] == min(max(threshold, 6710886), 671088640)
        assert out["out_valid"][n, t] == s["valid"][n, t - 2]

    each(check, 2)


def test_pattern_unit_finds_the_nearest_and_the_near() -> None:
    rng = np.random.default_rng(4)
    n, rounds = 60, 4
    target, own, most = (np.repeat(random_bits(rng, (n, rounds), width), 35, axis=1) for width in (32, 6, 5))
    flips = random_bits(rng, target.shape, 32) & random_bits(rng, target.shape, 32)
    place = np.tile(np.arange(35), rounds)
    index = np.broadcast_to(place % 32, target.shape).astype(np.uint64)
    valid = ((rng.random(target.shape) < 0.8) & (place >= 1) & (place <= 32)).astype(np.uint64)
    spike = random_bits(rng, target.shape, 1)
    clear = np.broadcast_to(place == 0, target.shape).astype(np.uint64)
    s = {"clear": clear, "valid": valid, "spike": spike, "index": index, "history": target ^ flips}
    s |= {"target": target, "own": own, "most": most}
    out = run(PatternUnit(TINY, n), s)
    np.testing.assert_array_equal(out["recorded"], (s["history"] << np.uint64(1) | spike) & np.uint64(2**32 - 1))
    for stream, turn in np.ndindex(n, rounds):
        window = slice(35 * turn, 35 * turn + 35)
        held_by = {name: values[stream, window] for name, values in s.items()}
        rows = [
            (int(h ^ t).bit_count(), int(i))
            for h, t, i, v in zip(*(held_by[k] for k in ("history", "target", "index", "valid")), strict=True)
            if v
        ]
        end = 35 * turn + 34
        best = min((d, k) for k, (d, _) in enumerate(rows))[1] if rows else None
        assert out["best"][stream, end] == (255 if best is None else rows[best][1])
        near = sum({1 << i for d, i in rows if d <= int(most[stream, end]) and i != int(own[stream, end])})
        assert out["mask"][stream, end] == near
    distance = np.bitwise_count(s["history"] ^ target)
    np.testing.assert_array_equal(out["distance"][:, 1:], distance[:, :-1])
    np.testing.assert_array_equal(out["total"][:, 1:], np.bitwise_count(s["history"] | target)[:, :-1])
    np.testing.assert_array_equal(out["out_valid"][:, 1:], valid[:, :-1])


def test_oscillator_counts_and_resonates_exactly() -> None:
    s = drawn(5, step=1, write=1, phase_step=21, write_phase=21, index=5, cosine=1)
    s["write"] &= random_bits(np.random.default_rng(0), SHAPE, 1)
    for name in ("phase_step", "write_phase"):
        s[name] %= np.uint64(25 << 16)
    out = run(GammaOscillator(TINY, SHAPE[0]), s)
    phase = np.zeros(SHAPE[0], dtype=np.int64)
    for t in range(SHAPE[1]):
        np.testing.assert_array_equal(out["phase"][:, t], phase)
        apart = np.abs(phase - s["index"][:, t].astype(np.int64) * 51200)
        nearer = np.minimum(apart, (25 << 16) - apart)
        np.testing.assert_array_equal(out["resonance"][:, t], 819200 - nearer)
        waves = wave(phase, s["cosine"][:, t] == 1)
        np.testing.assert_array_equal(out["wave"][:, t], to_unsigned(waves, 16))
        moved = (phase + s["phase_step"][:, t].astype(np.int64)) % (25 << 16)
        phase = np.where(s["write"][:, t] == 1, s["write_phase"][:, t], np.where(s["step"][:, t] == 1, moved, phase))
        phase = phase.astype(np.int64)


def test_sine_and_cosine_of_the_whole_turn() -> None:
    phase = np.arange(25 << 16)
    angle = 2 * np.pi * phase / len(phase)
    for cosine, exact in ((True, np.cos(angle)), (False, np.sin(angle))):
        assert np.abs(wave(phase, np.full(len(phase), cosine)) / 2**14 - exact).max() < 2**-12
    assert resonance(np.array([51200 * 3]), np.array([3])) == spec.RESONANCE_ONE


def test_winner_take_all_against_sorting() -> None:
    rng = np.random.default_rng(6)
    n = 300
    v = to_signed(random_bits(rng, (n, 33), 26), 26) >> rng.choice([0, 0, 20], (n, 1))
    index = np.broadcast_to((np.arange(33) - 1) % 32, v.shape).astype(np.uint64)
    s = {"clear": index * 0, "scan": (index * 0 + 1), "eligible": random_bits(rng, v.shape, 1), "index": index}
    s["clear"][:, 0] = 1
    s["membrane"] = to_unsigned(v, 26)
    s["inhibition"] = index * 0
    unit = WinnerTakeAll(TINY, n)
    largest_of = run(unit, s)["maximum"][:, -1:].astype(np.int64)
    largest_of = np.maximum(largest_of, np.where(s["eligible"][:, -1:] == 1, v[:, -1:], 0))
    s["inhibition"] += inhibition(largest_of).astype(np.uint64)
    out = run(unit, {**s, "scan": s["scan"] * 0, "clear": s["clear"] * 0})
    for stream in range(n):
        rows = [(-int(v[stream, i + 1]), i) for i in range(32) if s["eligible"][stream, i + 1] and v[stream, i + 1] > 0]
        largest, winner = min(rows) if rows else (0, 255)
        assert (out["winner"][stream] == winner).all() and (out["maximum"][stream] == -largest).all()
        less = int(inhibition(np.int64(-largest)))
        assert abs(less + Fraction(4, 5) * largest) <= Fraction(1, 2) + Fraction(-largest, 1 << 18)
        expected = [max(int(x) - less, 0) if i != winner else int(x) for i, x in enumerate(v[stream, 1:])]
        assert to_signed(out["out_membrane"][stream, 1:], 26).tolist() == expected


@pytest.mark.parametrize("config", [TINY, NARROW16], ids=["e8", "e16"])
def test_divider_takes_18_cycles_and_starts_again_at_any_time(config: Config) -> None:
    rng = np.random.default_rng(7)
    width, n = divider_width(config), 200
    assert width == (26 if config is TINY else 40)
    unit = Divider(config, n)
    for turn in range(6):
        a, b = (random_bits(rng, (n,), width) >> rng.integers(0, width, n).astype(np.uint64) for _ in range(2))
        b = np.where(rng.random(n) < 0.2, a, b)
        broken = turn % 2 == 1
        expected = [min((int(x) << 16) // int(y), 65536) if y else 65536 for x, y in zip(a, b, strict=True)]
        for cycle in range(12 if broken else 19):
            start = np.full(n, cycle == 0, dtype=np.uint64)
            out = unit.step({"start": start, "numerator": a, "denominator": b})
            if cycle:
                assert (out["busy"] == (cycle < 18)).all() and (out["done"] == (cycle == 18)).all()
        if not broken:
            assert out["quotient"].tolist() == expected
            wide = np.array([a.astype(np.int64), b.astype(np.int64)])
            if config is TINY:
                assert divide(*wide).tolist() == expected


def test_a_ratio_as_a_factor() -> None:
    q = np.arange(65537)
    values = np.array([float(spec.factor_value(int(f))) for f in ratio_factor(q)])
    np.testing.assert_array_equal(values, q / 65536)


def test_bridge_is_one_over_one_plus_distance() -> None:
    s = drawn(8, distance=TINY.key_width, one=TINY.key_width, gain=18, quotient=17)
    out = run(CurrentBridge(TINY, SHAPE[0]), s)
    distance = np.maximum(to_signed(s["distance"], TINY.key_width), 0)
    np.testing.assert_array_equal(out["denominator"], distance + s["one"].astype(np.int64))
    np.testing.assert_array_equal(out["numerator"], s["one"])
    np.testing.assert_array_equal(to_signed(out["current"], 26), 128 * to_signed(s["gain"], 18))
    np.testing.assert_array_equal(out["factor"], ratio_factor(s["quotient"].astype(np.int64)))


def test_encoder_is_exact_for_every_element_and_maximum() -> None:
    largest, element = (a.ravel() for a in np.meshgrid(np.arange(1, 129), np.arange(-128, 128)))
    inside = np.abs(element) <= largest
    slots = time_slot(element[inside], largest[inside])
    exact = [
        ((1 - Fraction(v + m, 2 * m)) * 8).__floor__()
        for v, m in zip(element[inside].tolist(), largest[inside].tolist(), strict=True)
    ]
    assert slots.tolist() == exact


@pytest.mark.parametrize("dims", [1, 7, 8, 13, 16])
def test_encoder_equals_the_float_model(dims: int) -> None:
    rng = np.random.default_rng(dims)
    n = 400
    vectors = to_signed(random_bits(rng, (n, dims), 8), 8) >> rng.integers(0, 8, (n, 1))
    unit = SpikeEncoder(TINY, n)

    def cycle(element: np.ndarray, **controls: int) -> dict[str, np.ndarray]:
        flags = {name: np.full(n, controls.get(name, 0), np.uint64) for name in ("clear", "scan", "encode", "index")}
        stride = np.full(n, dims // 8, np.uint64)
        return unit.step({**flags, "element": to_unsigned(element, 8), "stride": stride})

    cycle(vectors[:, 0], clear=1, scan=1, encode=1)
    for d in range(dims):
        cycle(vectors[:, d], scan=1)
    for d in range(dims):
        cycle(vectors[:, d], encode=1, index=d)
    out = cycle(vectors[:, 0])
    assert out["pattern"].tolist() == [encoder.encode(v) for v in vectors.astype(np.float32)]
    np.testing.assert_array_equal(out["largest"], np.abs(vectors).max(axis=1))


def test_currents_and_learning_curves_are_near_their_real_numbers() -> None:
    gain = np.arange(-(1 << 17), 1 << 17, 131)[:, None]
    current = spike_current(gain, np.arange(256))
    assert (np.abs(current - gain * 128 * np.arange(256) / 255) <= 0.5 + np.abs(gain) / 2**10).all()
    np.testing.assert_array_equal(current[:, 255], 128 * gain[:, 0])
    elapsed = np.arange(1, 1 << 24, 97)
    real = 2.55 * np.exp(-elapsed / 65536 / 20)
    assert np.abs(potentiation(elapsed) / 4096 - real).max() < 0.0011
    milliseconds = np.arange(1, 256) << 16
    real = 2.55 * np.exp(-np.arange(1, 256) / 20)
    assert np.abs(potentiation(milliseconds) / 4096 - real).max() < 0.00025
    assert potentiation(np.array([0, spec.ELAPSED_NEVER])).tolist() == [0, 0]
    total = np.arange(6 * 10445)
    assert np.abs(depression(total) - 1.2 * total).max() < 0.7
    weights = np.arange(spec.WEIGHT_MAX_RAW + 1)
    byte, residue = split_weight(weights)
    np.testing.assert_array_equal(byte, np.floor(weights / 4096 + 0.5))
    np.testing.assert_array_equal(join_weight(byte, residue), weights)


def test_a_factor_rounds_the_product_to_the_nearest() -> None:
    rng = np.random.default_rng(9)
    x = to_signed(random_bits(rng, (2000,), 26), 26)
    factor = random_bits(rng, (2000,), 20).astype(np.int64)
    expected = [nearest(int(a) * spec.factor_value(int(f))) for a, f in zip(x, factor, strict=True)]
    assert apply_factor(x, factor).tolist() == expected


@pytest.mark.parametrize("dt", [Fraction(1), Fraction(1, 10), Fraction(1, 1000), 7, 20, 333, 1000])
def test_derived_registers_are_the_nearest(dt: Fraction) -> None:
    step = spec.time_step(round(dt * 65536))
    exact = Fraction(step.dt_raw, 65536)
    leak, share = min(exact / 20, Fraction(1)), exact / 1000
    assert abs(spec.factor_value(step.leak) / leak - 1) <= Fraction(1, 65535)
    error = abs(spec.factor_value(step.rate_factor) - share)
    assert error <= max(share / 65535, Fraction(1, 1 << 31))
    assert step.target_step == nearest(share / 10 * (1 << 26))
    assert step.phase_step == step.dt_raw % (25 << 16)


def test_reset_values_and_refusals() -> None:
    assert spec.TimeStep(65536, 0x5CCCD, 0xA8312, 6711, 65536) == spec.RESET_TIME_STEP
    assert spec.time_step(0) == spec.TimeStep(0, 0xF0000, 0xF0000, 0, 0)
    with pytest.raises(ValueError, match="dt_raw must be 0 to 65536000, got 65536001"):
        spec.time_step(65536001)
    with pytest.raises(TypeError, match=r"dt_raw must be an integer, got 0\.5"):
        spec.time_step(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a factor must be 0 to 1, got 2"):
        spec.factor_raw(Fraction(2))
