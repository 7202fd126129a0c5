"""float32 exp, sin and cos: error against float64, corner cases, and that nothing wider than float32 is inside."""

from fractions import Fraction

import numpy as np
import pytest

from golden.float32 import math32
from golden.float32.math32 import LARGEST, amount, cos, exp, saturate, sin, sin_cos, time_step


def errors_in_ulp(got, exact):
    """|got - exact| in units of the last place of float32 around ``exact``."""
    return np.abs(got.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)


def test_exp_is_within_one_unit_in_the_last_place():
    x = np.concatenate([np.linspace(-87, 88.7, 400_001), np.linspace(-1e-3, 1e-3, 20_001)]).astype(np.float32)
    assert errors_in_ulp(exp(x), np.exp(x.astype(np.float64))).max() < 1


def test_exp_underflows_gradually_and_overflows_to_infinity():
    x = np.linspace(-103.9, -87.4, 50_001).astype(np.float32)
    assert np.abs(exp(x).astype(np.float64) - np.exp(x.astype(np.float64))).max() <= 2.0**-149
    assert exp(np.float32(-104.1)) == 0 and exp(np.float32(-np.inf)) == 0 and exp(np.float32(-3e38)) == 0
    assert exp(np.float32(88.73)) == np.inf and exp(np.float32(np.inf)) == np.inf
    assert exp(np.float32(0)) == 1
    assert np.isnan(exp(np.float32(np.nan)))


def test_exp_never_falls():
    x = np.sort(np.random.default_rng(1).uniform(-20, 5, 200_000).astype(np.float32))
    assert (np.diff(exp(x)) >= 0).all()


@pytest.mark.parametrize("limit", [np.pi / 4, 2 * np.pi, 100, 8192])
def test_sine_and_cosine_are_within_2_to_the_minus_23(limit):
    x = np.linspace(-limit, limit, 300_001).astype(np.float32)
    sine, cosine = sin_cos(x)
    wide = x.astype(np.float64)
    assert np.abs(sine - np.sin(wide)).max() < 2.0**-23
    assert np.abs(cosine - np.cos(wide)).max() < 2.0**-23
    assert np.array_equal(sine, sin(x)) and np.array_equal(cosine, cos(x))


def test_sine_and_cosine_at_the_quarters():
    assert (sin(0), cos(0)) == (0, 1)
    for n in range(-8, 9):
        x = np.float32(n * np.pi / 2)
        assert round(float(sin(x))) == [0, 1, 0, -1][n % 4] and round(float(cos(x))) == [1, 0, -1, 0][n % 4]


@pytest.mark.parametrize("bad", [8193.0, -1e9, np.inf, np.nan])
def test_angles_beyond_the_reduction_are_refused(bad):
    with pytest.raises(ValueError, match=f"angles must be within 8192.0 radians, not {np.float32(bad)}"):
        sin_cos(bad)


def rounded(value: Fraction) -> Fraction:
    """The float32 nearest to ``value`` by way of Python's exact rational arithmetic (normal range)."""
    if value == 0:
        return value
    scale, magnitude = Fraction(1), abs(value)
    while magnitude >= 1 << 24:
        magnitude, scale = magnitude / 2, scale * 2
    while magnitude < 1 << 23:
        magnitude, scale = magnitude * 2, scale / 2
    return (1 if value > 0 else -1) * round(magnitude) * scale


@pytest.mark.parametrize("x", [-50.0, -17.25, -1.0, -0.7, -0.05, 0.3, 2.0, 60.5])
def test_exp_is_the_stated_sequence_of_rounded_operations(x):
    def number(c):
        return Fraction(float(c))

    x = number(np.float32(x))
    n = (rounded(rounded(x * number(math32.LOG2_E)) + Fraction(1, 2))).__floor__()
    r = rounded(rounded(x - rounded(n * number(math32.LN2_HIGH))) - rounded(n * number(math32.LN2_LOW)))
    p = number(math32.EXP_COEFFICIENTS[0])
    for c in math32.EXP_COEFFICIENTS[1:]:
        p = rounded(rounded(p * r) + number(c))
    y = rounded(rounded(rounded(p * rounded(r * r)) + r) + 1)
    assert number(exp(np.float32(float(x)))) == y * Fraction(2) ** n


def test_the_first_parts_of_the_constants_multiply_exactly():
    for part, bits, limit in ((math32.LN2_HIGH, 13, 256), *((p, 11, 8192) for p in math32.HALF_PI_PARTS[:2])):
        assert Fraction(float(part)).numerator.bit_length() <= bits
        products = np.arange(limit, dtype=np.float32) * part
        assert np.array_equal(products.astype(np.float64), np.arange(limit) * np.float64(part))


def test_everything_stays_in_float32():
    for value in (exp(1), sin(1), cos(1), exp(np.zeros(3)), *sin_cos(np.ones(2))):
        assert value.dtype == np.float32


def test_arguments_that_are_not_finite():
    assert amount("gain", np.nan) == 0
    assert amount("gain", np.inf) == LARGEST and amount("gain", -np.inf) == -LARGEST
    assert amount("gain", 10**400) == LARGEST and amount("gain", -1e300) == -LARGEST
    assert amount("gain", 3) == 3 and amount("gain", np.float64(0.1)) == np.float32(0.1)
    assert np.array_equal(saturate(np.float32([np.inf, -np.inf, 7])), np.float32([LARGEST, -LARGEST, 7]))
    with pytest.raises(TypeError, match="gain must be a number, not '1'"):
        amount("gain", "1")
    with pytest.raises(TypeError, match="gain must be a number, not True"):
        amount("gain", True)


@pytest.mark.parametrize(
    ("given", "used"),
    [(1.5, 1.5), (0, 0), (-0.0, 0), (-3, 0), (np.nan, 0), (-np.inf, 0), (np.inf, 1000), (1e9, 1000), (1000, 1000)],
)
def test_time_steps_are_held_to_a_second(given, used):
    dt = time_step(given)
    assert dt == used and dt.dtype == np.float32 and not np.signbit(dt)
