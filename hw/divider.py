"""Divider: the one reciprocal the spiking units share, and its quotient as a factor."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.neural import (
    FACTOR_EXPONENT_WIDTH,
    FACTOR_MANTISSA_WIDTH,
    FACTOR_ONE,
    FACTOR_POINT,
    MEMBRANE,
    RATIO_BITS,
)

__all__ = ["Divider", "divider_width", "ratio_factor"]


def divider_width(config: Config) -> int:
    """Width of numerator and denominator: a membrane, or four times a distance plus a fifth one."""
    return max(MEMBRANE.width, config.key_width + 3)


def ratio_factor(quotient: Value) -> Value:
    """The factor word of a quotient: exactly quotient / 65536, or 1 for anything from 65536 on."""
    fraction = Cat(
        quotient[:RATIO_BITS],
        Const(0, FACTOR_MANTISSA_WIDTH - RATIO_BITS),
        Const(RATIO_BITS - FACTOR_POINT, FACTOR_EXPONENT_WIDTH),
    )
    return Mux(quotient[RATIO_BITS], FACTOR_ONE, fraction)


class Divider(wiring.Component):
    """``quotient = floor(numerator * 2**16 / denominator)``, held to 0..65536; 65536 for a denominator of 0.

    Restoring division, a bit a cycle. ``start`` takes the numerator; the denominator is steady from then to ``done``.
    Latency 18 cycles from ``start`` to ``done`` (1 for that cycle; the quotient stays until the next start), throughput
    one division every 18 cycles, 17 if the next one starts while the last step runs. ``start`` while busy starts again.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        width = divider_width(config)
        super().__init__(
            {
                "start": In(1),
                "numerator": In(width),
                "denominator": In(width),
                "busy": Out(1),
                "done": Out(1),
                "quotient": Out(RATIO_BITS + 1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = len(self.numerator)
        # Counts RATIO_BITS - 1 in the first step, all ones in the last; 0 when idle.
        count = Signal(RATIO_BITS.bit_length(), init=0)
        remainder, difference = Signal(width + 1), Signal(width + 2)
        # The first bit was 1: the quotient is 1, whatever the remainder.
        over = Signal()
        first, digit = Signal(), Signal()
        m.d.comb += [
            first.eq(~count[-1]),
            self.busy.eq(count[0] | count[-1]),
            difference.eq(remainder - self.denominator),
            digit.eq(~difference[-1] & ~over),
        ]
        m.d.sync += [
            remainder.eq(Mux(digit, difference, remainder)[:width] << 1),
            over.eq(over | (first & digit)),
            self.done.eq(count.all()),
        ]
        with m.If(self.busy):
            m.d.sync += [count.eq(count + 1), self.quotient.eq(Cat(digit, self.quotient))]
        with m.If(self.start):
            m.d.sync += [
                count.eq(RATIO_BITS - 1),
                remainder.eq(self.numerator),
                over.eq(0),
                self.quotient.eq(0),
                self.done.eq(0),
            ]
        return m
