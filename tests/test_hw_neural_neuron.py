"""LIF, homeostasis, patterns, oscillator, winner take all and divider: hardware against golden twins, every cycle."""

from collections.abc import Callable

import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hw_units import NARROW16, TINY, bursts, chance, check_interpreted, check_resets, name_of, random_bits

import hw.divider
import hw.homeostasis
import hw.lif
import hw.oscillator
import hw.pattern
import hw.wta
from ganglion.engine import check_twin
from golden.fixed.bits import to_signed, to_unsigned
from golden.fixed.neural_divider import Divider, ratio_factor
from golden.fixed.neural_homeostasis import HomeostaticController
from golden.fixed.neural_lif import LifPipeline
from golden.fixed.neural_oscillator import GammaOscillator
from golden.fixed.neural_pattern import PatternUnit
from golden.fixed.neural_wta import WinnerTakeAll
from golden.fixed.unit import Inputs, Outputs, Unit, unsigned
from golden.spec import Config
from golden.spec import neural as spec
from hw.fixed_point import apply

SHAPE = (2100, 500)
SHORT = (100, 400)
Shape = tuple[int, int]
Stimulus = dict[str, np.ndarray]


def scaled_bits(rng: np.random.Generator, shape: Shape, width: int) -> np.ndarray:
    """Two's complement numbers of every order of magnitude, of both signs, the extremes among them."""
    values = to_signed(random_bits(rng, shape, width), width) >> rng.integers(0, width, shape)
    extremes = rng.choice([1 << (width - 1), (1 << (width - 1)) - 1], shape)
    return mixed(rng, shape, to_unsigned(values, width), 0.02, extremes)


def mixed(rng: np.random.Generator, shape: Shape, usual: np.ndarray, rate: float, other: np.ndarray) -> np.ndarray:
    """``usual`` values, or at ``rate`` those of ``other``."""
    return np.where(rng.random(shape) < rate, other, usual).astype(np.uint64)


def factors(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Factor words as the host derives them, 0, 1, and any bits."""
    steps = [spec.time_step(int(raw)) for raw in (0, 1, 66, 6554, 65536, 655360, 1310720, 65536000)]
    ends = [0, 1, spec.FACTOR_ONE, (1 << spec.FACTOR_MANTISSA_WIDTH) - 1, (1 << spec.FACTOR_WIDTH) - 1]
    derived = np.array([f for s in steps for f in (s.leak, s.rate_factor)] + ends)
    return mixed(rng, shape, rng.choice(derived, shape), 0.4, random_bits(rng, shape, spec.FACTOR_WIDTH))


def multiplied(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """x times factor words by the formula, rounded to the nearest, halves up."""
    exponent, mantissa = factor >> spec.FACTOR_MANTISSA_WIDTH, factor & ((1 << spec.FACTOR_MANTISSA_WIDTH) - 1)
    half = np.int64(1) << exponent + spec.FACTOR_POINT - 1
    return (x * mantissa + half) // (2 * half)


def steady(values: np.ndarray, shape: Shape) -> np.ndarray:
    """A setting that changes now and then: the value of the first cycle of each 100, in three streams of four."""
    held = np.repeat(values[:, ::100], 100, axis=1)[:, : shape[1]]
    return np.where(np.arange(shape[0])[:, None] % 4 == 0, values, held)


def lif(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Thresholds within one unit of the membrane in half of the cycles; elapsed times around both ends."""
    width = spec.MEMBRANE.width
    s = {"valid": bursts(rng, shape), "op": random_bits(rng, shape, 2) & random_bits(rng, shape, 2)}
    for name in ("membrane", "current"):
        s[name] = mixed(rng, shape, scaled_bits(rng, shape, width), 0.3, random_bits(rng, shape, width))
    s["factor"] = factors(rng, shape)
    s["dt"] = steady(mixed(rng, shape, np.full(shape, 65536), 0.5, random_bits(rng, shape, spec.DT_WIDTH)), shape)
    low, high = spec.REFRACTORY_RAW, spec.ELAPSED_NEVER
    ends = rng.choice([0, low - 1, low, low + 1, high - 65536, high - 65535, high - 1, high], shape)
    s["elapsed"] = mixed(rng, shape, ends, 0.5, random_bits(rng, shape, spec.ELAPSED.width))
    # What the membrane of two cycles ago becomes, in units of the threshold, and what is around it.
    x = spec.MEMBRANE.saturate(to_signed(s["membrane"], width) + to_signed(s["current"], width))[:, :-2]
    unit = 1 << spec.THRESHOLD.fraction_bits - spec.MEMBRANE.fraction_bits
    near = np.zeros(shape, dtype=np.int64)
    near[:, 2:] = (x - multiplied(x, s["factor"].astype(np.int64)[:, 1:-1])) * unit
    near[:, 2:] += rng.integers(-unit - 1, unit + 2, x.shape)
    near = np.where(rng.random(shape) < 0.7, near // unit * unit, near)
    fits = (near >= 0) & (near <= spec.THRESHOLD.max_raw)
    threshold = random_bits(rng, shape, spec.THRESHOLD.width)
    s["threshold"] = np.where(fits & (rng.random(shape) < 0.6), near, threshold)
    return {name: values.astype(np.uint64) for name, values in s.items()}


def homeostasis(rng: np.random.Generator, shape: Shape) -> Stimulus:
    full = spec.RATE.max_raw - spec.SPIKE_RATE_STEP_RAW
    ends = rng.choice([0, 1, full, full + 1, spec.RATE.max_raw], shape)
    near = 2 * spec.RESET_TIME_STEP.target_step
    limits = rng.choice([spec.THRESHOLD_MIN_RAW, spec.THRESHOLD_MAX_RAW], shape) + rng.integers(-near, near, shape)
    derived = [spec.time_step(raw).target_step for raw in (0, 65536, spec.DT_MAX_RAW)]
    steps = rng.choice([*derived, 1, (1 << spec.TARGET_STEP_WIDTH) - 1], shape)
    return {
        "valid": bursts(rng, shape),
        "spike": bursts(rng, shape),
        "rate": mixed(rng, shape, random_bits(rng, shape, spec.RATE.width), 0.2, ends),
        "threshold": mixed(rng, shape, random_bits(rng, shape, spec.THRESHOLD.width), 0.4, limits),
        "factor": steady(factors(rng, shape), shape),
        "target_step": steady(mixed(rng, shape, steps, 0.4, random_bits(rng, shape, spec.TARGET_STEP_WIDTH)), shape),
    }


def pattern(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Histories near the target and far from it; ``most`` and the distances often equal."""
    target = steady(random_bits(rng, shape, 32), shape)
    flips = random_bits(rng, shape, 32)
    for _ in range(3):
        flips = np.where(rng.random(shape) < 0.6, flips & random_bits(rng, shape, 32), flips)
    most = mixed(rng, shape, rng.integers(0, 34, shape), 0.2, random_bits(rng, shape, 8))
    return {
        "clear": chance(rng, shape, 0.02),
        "valid": bursts(rng, shape),
        "index": mixed(rng, shape, np.arange(shape[1]) % 32 + np.zeros(shape), 0.3, random_bits(rng, shape, 5)),
        "history": target ^ flips,
        "spike": bursts(rng, shape),
        "target": target,
        "own": steady(random_bits(rng, shape, 6), shape),
        "most": steady(most, shape),
    }


def oscillator(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Phases and steps as software writes them, on the quarters and beside them, and any bits."""
    corners = rng.integers(0, 201, shape) * 8192 + rng.integers(-1, 2, shape)
    usual = mixed(rng, shape, rng.integers(0, spec.PHASE_PERIOD, shape), 0.3, np.maximum(corners, 0))
    return {
        "step": bursts(rng, shape),
        "write": chance(rng, shape, 0.5),
        "phase_step": mixed(rng, shape, rng.choice([65536, 6554, 0], shape), 0.4, random_bits(rng, shape, 21)),
        "write_phase": mixed(rng, shape, usual, 0.15, random_bits(rng, shape, 21)),
        "index": random_bits(rng, shape, 5),
        "cosine": bursts(rng, shape),
    }


def wta(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Membranes of many sizes, in some streams so few values that they tie."""
    width = spec.MEMBRANE.width
    membrane = mixed(rng, shape, scaled_bits(rng, shape, width), 0.2, random_bits(rng, shape, width))
    few = np.arange(shape[0])[:, None] % 3 == 0
    return {
        "clear": chance(rng, shape, 0.03),
        "scan": bursts(rng, shape),
        "eligible": bursts(rng, shape),
        "index": mixed(rng, shape, np.arange(shape[1]) % 32 + np.zeros(shape), 0.2, random_bits(rng, shape, 5)),
        "membrane": np.where(few, membrane & np.uint64(3 << width - 2 | 0x3F), membrane),
        "inhibition": random_bits(rng, shape, width - 1) >> rng.integers(0, width - 1, shape).astype(np.uint64),
    }


def divider(rng: np.random.Generator, shape: Shape, width: int = hw.divider.divider_width(TINY)) -> Stimulus:
    """A division every 19 cycles or so, some broken off, of operands of every size, equal and zero ones too."""
    gap = rng.choice([1, 2, 16, 17, 18, 19, 25], shape, p=[0.04, 0.03, 0.05, 0.2, 0.4, 0.2, 0.08])
    start = np.zeros(shape, dtype=np.uint64)
    streams = np.arange(shape[0])
    for turns in np.cumsum(gap, axis=1).T:
        inside = turns < shape[1]
        if not inside.any():
            break
        start[streams[inside], turns[inside]] = 1
    place = np.maximum.accumulate(np.where(start == 1, np.arange(shape[1]), 0), axis=1)
    size = rng.integers(0, width, (2, *shape)).astype(np.uint64)
    numerator, other = (random_bits(rng, shape, width) >> shift for shift in size)
    near = (numerator + rng.integers(-1, 3, shape).astype(np.uint64)) & np.uint64((1 << width) - 1)
    denominator = mixed(rng, shape, other, 0.3, near)
    # The denominator holds from a start to the next; in some streams it changes at any time.
    loose = streams[:, None] % 16 == 0
    held = np.where(loose, denominator, np.take_along_axis(denominator, place, axis=1))
    return {"start": start, "numerator": numerator, "denominator": held}


UNITS: dict[
    str, tuple[Callable[[], wiring.Component], type[Unit], Callable[[np.random.Generator, Shape], Stimulus]]
] = {
    "lif": (hw.lif.LifPipeline, LifPipeline, lif),
    "homeostasis": (hw.homeostasis.HomeostaticController, HomeostaticController, homeostasis),
    "pattern": (hw.pattern.PatternUnit, PatternUnit, pattern),
    "oscillator": (hw.oscillator.GammaOscillator, GammaOscillator, oscillator),
    "wta": (hw.wta.WinnerTakeAll, WinnerTakeAll, wta),
    "divider": (lambda: hw.divider.Divider(TINY), Divider, divider),
}


LASTING = {
    "lif": ("_x", "_op", "_x2", "_u", "_op2"),
    "homeostasis": ("_rate", "_rate2", "_decay"),
    "pattern": ("_distance", "_total", "_index"),
}
"""What a reset leaves."""


def compared(unit: str, seed: int) -> tuple[Stimulus, Stimulus]:
    """Stimulus and outputs of a unit that equals its twin on more than a million cycles."""
    component, twin, make = UNITS[unit]
    stimulus = make(np.random.default_rng(seed), SHAPE)
    return stimulus, check_twin(component(), twin(TINY, SHAPE[0]), stimulus)


def test_lif() -> None:
    stimulus, outputs = compared("lif", 1)
    np.testing.assert_array_equal(outputs["out_valid"][:, 2:], stimulus["valid"][:, :-2], "latency 2, one a cycle")
    step = (stimulus["valid"] & (stimulus["op"] == 0))[:, :-2] == 1
    awake = stimulus["elapsed"][:, 2:] >= spec.REFRACTORY_RAW
    spikes = outputs["spike"][:, 2:] == 1
    assert not (spikes & ~(step & awake)).any()
    assert 0.1 < spikes[step & awake].mean() < 0.9


def test_homeostasis() -> None:
    stimulus, outputs = compared("homeostasis", 2)
    np.testing.assert_array_equal(outputs["out_valid"][:, 2:], stimulus["valid"][:, :-2], "latency 2, one a cycle")
    for limit in (spec.THRESHOLD_MIN_RAW, spec.THRESHOLD_MAX_RAW):
        assert 0.02 < (outputs["out_threshold"] == limit).mean() < 0.5


def test_pattern() -> None:
    stimulus, outputs = compared("pattern", 3)
    np.testing.assert_array_equal(outputs["out_valid"][:, 1:], stimulus["valid"][:, :-1], "latency 1, one a cycle")
    assert len(np.unique(outputs["best"])) == 33
    assert np.bitwise_or.reduce(outputs["mask"], axis=None) == 0xFFFFFFFF


def test_oscillator() -> None:
    stimulus, outputs = compared("oscillator", 4)
    assert outputs["resonance"].min() == 0
    assert (outputs["resonance"] == spec.RESONANCE_ONE).any()
    waves = to_signed(outputs["wave"], spec.WAVE.width)
    assert waves.max() == -waves.min() >= 1 << spec.WAVE.fraction_bits
    assert stimulus["step"].any()


def test_wta() -> None:
    _, outputs = compared("wta", 5)
    assert len(np.unique(outputs["winner"])) == 33
    assert outputs["maximum"].max() == spec.MEMBRANE.max_raw


@pytest.mark.parametrize("config", [TINY, NARROW16], ids=name_of)
def test_divider(config: Config) -> None:
    shape = SHAPE
    stimulus = divider(np.random.default_rng(6), shape, hw.divider.divider_width(config))
    outputs = check_twin(hw.divider.Divider(config), Divider(config, shape[0]), stimulus)
    start, done = stimulus["start"] == 1, outputs["done"] == 1
    quiet = np.ones((shape[0], shape[1] - 18), dtype=bool)
    for cycle in range(1, 18):
        quiet &= ~start[:, cycle : cycle - 18]
    np.testing.assert_array_equal(done[:, 18:], start[:, :-18] & quiet, "18 cycles, unless it starts again")


@pytest.mark.parametrize("unit", UNITS)
def test_reset_at_any_time(unit: str) -> None:
    component, twin, make = UNITS[unit]
    check_resets(component(), twin, make, SHORT, *LASTING.get(unit, ()))


@pytest.mark.parametrize("unit", UNITS)
def test_both_engines_agree_with_the_twins(unit: str) -> None:
    component, twin, make = UNITS[unit]
    check_interpreted(component(), twin, make)


class Functions(wiring.Component):
    """The functions that are no units of their own: a product with a factor, and a quotient as a factor."""

    def __init__(self) -> None:
        super().__init__(
            {
                "x": In(signed(spec.MEMBRANE.width)),
                "factor": In(spec.FACTOR_WIDTH),
                "quotient": In(spec.RATIO_BITS + 1),
                "product": Out(signed(spec.MEMBRANE.width + 1)),
                "ratio": Out(spec.FACTOR_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.product.eq(apply(m, "product", self.x, self.factor)),
            self.ratio.eq(hw.divider.ratio_factor(self.quotient)),
        ]
        return m


class FunctionsTwin(Unit):
    """The same by the formulas."""

    def step(self, inputs: Inputs) -> Outputs:
        x, factor = to_signed(inputs["x"], spec.MEMBRANE.width), unsigned(inputs, "factor", spec.FACTOR_WIDTH)
        ratio = ratio_factor(unsigned(inputs, "quotient", spec.RATIO_BITS + 1))
        return {
            "product": to_unsigned(multiplied(x, factor), spec.MEMBRANE.width + 1),
            "ratio": to_unsigned(ratio, spec.FACTOR_WIDTH),
        }


def test_products_and_ratios() -> None:
    rng = np.random.default_rng(9)
    shape = (400, 500)
    stimulus = {"x": scaled_bits(rng, shape, spec.MEMBRANE.width), "factor": factors(rng, shape)}
    stimulus["quotient"] = (np.arange(shape[0] * shape[1]) % (2 << spec.RATIO_BITS)).astype(np.uint64).reshape(shape)
    check_twin(Functions(), FunctionsTwin(TINY, shape[0]), stimulus)
