"""exp, sin and cos in float32, and the rules for numbers that are not finite.

Every operation is one IEEE 754 binary32 operation, rounded to nearest even, in the order written here: no fused
multiply-add, nothing wider, subnormals kept. A C program without a library gets the same bits. Polynomials are in
Horner form from the highest coefficient down; each step is ``p = p * x`` and then ``p = p + c``. The coefficients
(least maximum error, by Lawson's iteration in float64, then rounded) are this project's own.

How numbers that are not finite are treated by the operations of the network, none of which raises:

- a NaN argument: a write does nothing; a gain, a weight or a dt counts as 0 (:func:`amount`, :func:`time_step`);
- an infinite argument counts as the largest finite number of its sign;
- a sum that overflows stays at the largest finite number of its sign (:func:`saturate`).

So no state is ever NaN or infinite.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32.neural_constants import MAX_DT

Floats = NDArray[np.float32]

LARGEST = np.finfo(np.float32).max
ZERO, HALF, ONE, TWO = (np.float32(v) for v in (0, 0.5, 1, 2))

LOG2_E = np.float32(1.44269504)
LN2_HIGH = np.float32(0.693115234375)
"""ln 2 to 13 bits: its product with an integer below 2**11 is exact."""
LN2_LOW = np.float32(3.194618329871446e-05)
EXP_COEFFICIENTS = tuple(
    np.float32(c) for c in (0.0013951719738543034, 0.008369598537683487, 0.0416661873459816, 0.16666512191295624, 0.5)
)
EXP_LEAST, EXP_GREATEST = np.float32(-104), np.float32(89)

TWO_OVER_PI = np.float32(0.63661975)
HALF_PI_PARTS = tuple(np.float32(c) for c in (1.5703125, 0.0004837512969970703, 7.549790126404332e-08))
"""pi/2 as 11 bits + 11 bits + the rest: the first two products with an integer below 2**13 are exact."""
SIN_COEFFICIENTS = tuple(np.float32(c) for c in (-0.0001951407757587731, 0.008332154713571072, -0.16666655242443085))
COS_COEFFICIENTS = tuple(np.float32(c) for c in (2.4434837541775778e-05, -0.0013887337408959866, 0.04166664555668831))
ANGLE_LIMIT = np.float32(8192)


def ieee() -> np.errstate:
    """A context, also a decorator, in which overflow, underflow and invalid operations give what IEEE 754 says."""
    return np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")


def as_float32(name: str, value: Any) -> np.float32:
    """``value`` rounded to float32, NaN and infinities included; TypeError unless it is a real number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if isinstance(value, int) and abs(value) >= 1 << 128:  # float() would raise
        return np.float32(np.inf if value > 0 else -np.inf)
    with ieee():
        return np.float32(value)


def saturate(values: Any) -> Any:
    """``values`` held within the finite float32 numbers: ``min(max(v, -LARGEST), LARGEST)``. No NaN may come in."""
    return np.minimum(np.maximum(values, -LARGEST), LARGEST)


def amount(name: str, value: Any) -> np.float32:
    """A gain, weight or current as an operation uses it: NaN as 0, infinities as the largest finite number."""
    number = as_float32(name, value)
    return ZERO if np.isnan(number) else np.float32(saturate(number))


def time_step(value: Any) -> np.float32:
    """A dt as an operation uses it, ms: NaN and negative as 0, longer than 1000 as 1000."""
    dt = as_float32("dt", value)
    if not dt > 0:
        return ZERO
    return min(dt, MAX_DT)


@ieee()
def exp(x: Any) -> Floats:
    """e**x in float32, elementwise; 0 below -104, inf above 89; relative error below 2**-23 in the normal range.

    n = floor(x * LOG2_E + 0.5); r = (x - n * LN2_HIGH) - n * LN2_LOW; p = P(r);
    y = ((p * (r * r)) + r) + 1; result = (y * 2**(n >> 1)) * 2**(n - (n >> 1)), >> being the floor.
    """
    x = np.asarray(x, np.float32)
    clipped = np.minimum(np.maximum(x, EXP_LEAST), EXP_GREATEST)
    n = np.floor(clipped * LOG2_E + HALF)
    r = (clipped - n * LN2_HIGH) - n * LN2_LOW
    y = (_horner(EXP_COEFFICIENTS, r) * (r * r) + r) + ONE
    exponent = np.nan_to_num(n).astype(np.int32)
    lower = exponent >> 1
    y = (y * _power_of_two(lower)) * _power_of_two(exponent - lower)
    y = np.where(x < EXP_LEAST, ZERO, y)
    return np.where(x > EXP_GREATEST, np.float32(np.inf), y)


def sin(x: Any) -> Floats:
    """sin x in float32, elementwise, x in radians with |x| <= 8192 (else ValueError); see :func:`sin_cos`."""
    return sin_cos(x)[0]


def cos(x: Any) -> Floats:
    """cos x in float32, elementwise, x in radians with |x| <= 8192 (else ValueError); see :func:`sin_cos`."""
    return sin_cos(x)[1]


@ieee()
def sin_cos(x: Any) -> tuple[Floats, Floats]:
    """(sin x, cos x) in float32, elementwise; absolute error below 2**-23 for |x| <= 8192, ValueError beyond.

    n = floor(x * TWO_OVER_PI + 0.5); r = ((x - n * P0) - n * P1) - n * P2 with pi/2 = P0 + P1 + P2; s = r * r;
    sine = (S(s) * s) * r + r; cosine = (1 - 0.5 * s) + C(s) * (s * s); then by n mod 4:
    0: (sine, cosine), 1: (cosine, -sine), 2: (-sine, -cosine), 3: (-cosine, sine).
    """
    x = np.asarray(x, np.float32)
    if not (np.abs(x) <= ANGLE_LIMIT).all():
        raise ValueError(f"angles must be within {ANGLE_LIMIT} radians, not {x[~(np.abs(x) <= ANGLE_LIMIT)].flat[0]}")
    n = np.floor(x * TWO_OVER_PI + HALF)
    first, second, third = HALF_PI_PARTS
    r = ((x - n * first) - n * second) - n * third
    s = r * r
    sine = (_horner(SIN_COEFFICIENTS, s) * s) * r + r
    cosine = (ONE - HALF * s) + _horner(COS_COEFFICIENTS, s) * (s * s)
    quadrant = n.astype(np.int32) & 3
    swap = (quadrant & 1).astype(bool)
    first_result, second_result = np.where(swap, cosine, sine), np.where(swap, sine, cosine)
    negate_sine, negate_cosine = quadrant >= 2, (quadrant == 1) | (quadrant == 2)
    return np.where(negate_sine, -first_result, first_result), np.where(negate_cosine, -second_result, second_result)


def _horner(coefficients: tuple[np.float32, ...], x: Floats) -> Floats:
    p = np.broadcast_to(coefficients[0], x.shape)
    for c in coefficients[1:]:
        p = p * x + c
    return p


def _power_of_two(exponent: NDArray[np.int32]) -> Floats:
    """2**exponent from the bits of a normal float32."""
    return ((exponent + 127) << 23).astype(np.int32).view(np.float32)
