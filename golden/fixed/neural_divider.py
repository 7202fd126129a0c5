"""The one divider of the spiking units, and the search-to-current bridge, which feeds it."""

import numpy as np

from golden.fixed.bits import I64Array, mask, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.neural import (
    FACTOR_MANTISSA_WIDTH,
    FACTOR_ONE,
    FACTOR_POINT,
    GAIN,
    MEMBRANE,
    RATIO_BITS,
)

RATIO_ONE = 1 << RATIO_BITS
RATIO_EXPONENT = RATIO_BITS - FACTOR_POINT
N_STEPS = RATIO_BITS + 1
MIN_WIDTH = MEMBRANE.width


def divider_width(config: Config) -> int:
    """Bits of numerator and denominator: a membrane, or five times a distance."""
    return max(MIN_WIDTH, config.key_width + 3)


def divide(numerator: I64Array, denominator: I64Array) -> I64Array:
    """``floor(numerator * 2**16 / denominator)`` of non-negative integers, 65536 at most; x / 0 = 65536."""
    smaller = numerator < denominator
    return np.where(smaller, (numerator << RATIO_BITS) // np.where(smaller, denominator, 1), RATIO_ONE)


def ratio_factor(quotient: I64Array) -> I64Array:
    """The factor word of a quotient, exactly: 65536 means 1."""
    return np.where(quotient >= RATIO_ONE, FACTOR_ONE, RATIO_EXPONENT << FACTOR_MANTISSA_WIDTH | quotient)


class Divider(Unit):
    """quotient = numerator / denominator, 0..1 with 16 fraction bits, one bit a cycle.

    Latency 18 cycles from ``start`` to ``done``; one division at a time; a new start ends the old one.

    Inputs: ``start`` (1), ``numerator``, ``denominator`` (``divider_width``; the denominator steady until done).
    Outputs: ``busy``, ``done`` (1), ``quotient`` (17; it shows the bits found so far).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._width = divider_width(config)
        self._remainder, self._quotient, self._left = (self._zeros() for _ in range(3))
        self._over, self._done = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        busy = self._left > 0
        outputs = {
            "busy": bit(busy),
            "done": bit(self._done),
            "quotient": to_unsigned(self._quotient, N_STEPS),
        }
        start = flag(inputs, "start")
        denominator = unsigned(inputs, "denominator", self._width)
        one = (self._remainder >= denominator) & ~self._over
        over = one & (self._left == N_STEPS)
        rest = np.where(over, 0, np.where(one, self._remainder - denominator, self._remainder))
        moved = (rest << 1) & mask(self._width + 1)
        self._quotient = np.where(start, 0, np.where(busy, self._quotient << 1 | one, self._quotient))
        self._remainder = np.where(
            start, unsigned(inputs, "numerator", self._width), np.where(busy, moved, self._remainder)
        )
        self._done = (self._left == 1) & ~start
        self._over = (self._over | (over & busy)) & ~start
        self._left = np.where(start, N_STEPS, np.maximum(self._left - 1, 0))
        return outputs


def bridge_terms(distance: I64Array, one: I64Array) -> tuple[I64Array, I64Array]:
    """Numerator and denominator of 1 / (1 + distance), ``one`` being the raw distance that means 1."""
    return one, one + np.maximum(distance, 0)


def gain_current(gain: I64Array) -> I64Array:
    """A gain in membrane units."""
    return gain << (MEMBRANE.fraction_bits - GAIN.fraction_bits)


def search_drive(distance: I64Array) -> I64Array:
    """The membranes ``[n]`` that a neuromorphic search starts with, 0..2, from the raw distances ``[n >= 1]``.

    2 (s + 4 low) / (s + 4 d), s the fifth smallest distance, the largest when that is 0 or there are fewer.
    """
    low = int(distance.min())
    d = distance - min(low, 0)
    low = max(low, 0)
    ranked = np.sort(d)
    scale = int(ranked[min(4, len(d) - 1)]) or int(ranked[-1])
    quotient = divide(np.full(len(d), scale + 4 * low), scale + 4 * d)
    return quotient << (1 + MEMBRANE.fraction_bits - RATIO_BITS)


class CurrentBridge(Unit):
    """What a search result needs of the divider, and the factor and current that go into the neuron pipeline.

    Combinational: I = gain * one / (one + max(distance, 0)).

    Inputs: ``distance`` (key_width, signed), ``one`` (key_width), ``gain`` (18, signed), ``quotient`` (17). Outputs:
    ``numerator``, ``denominator`` (``divider_width``), ``factor`` (20), ``current`` (26, signed).
    """

    def step(self, inputs: Inputs) -> Outputs:
        width = self.config.key_width
        numerator, denominator = bridge_terms(signed(inputs, "distance", width), unsigned(inputs, "one", width))
        return {
            "numerator": numerator.astype(np.uint64),
            "denominator": denominator.astype(np.uint64),
            "factor": ratio_factor(unsigned(inputs, "quotient", N_STEPS)).astype(np.uint64),
            "current": to_unsigned(gain_current(signed(inputs, "gain", GAIN.width)), MEMBRANE.width),
        }
