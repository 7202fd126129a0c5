"""Homeostatic controller: firing rates and the thresholds that follow them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.neural import (
    FACTOR_WIDTH,
    RATE,
    SPIKE_RATE_STEP_RAW,
    TARGET_STEP_WIDTH,
    THRESHOLD,
    THRESHOLD_MAX_RAW,
    THRESHOLD_MIN_RAW,
)
from hw.fixed_point import add_with_carry, doubled_product, mantissa

__all__ = ["HomeostaticController"]

COARSE = 8
"""Low bits of a rate that the product leaves out."""
FINER = THRESHOLD.fraction_bits - RATE.fraction_bits
"""Low bits of a threshold that are below those of a rate."""


class HomeostaticController(wiring.Component):
    """r = rate + 0.001 if it spiked; p = a r; ``out_rate`` = r - p; ``out_threshold`` = threshold + p - 0.1 a, held to
    0.1..10.

    ``factor`` is a = dt/1000, ``target_step`` 0.1 a in units of the threshold. ``spike`` and ``rate`` belong to
    cycle t, ``threshold`` and all outputs (combinational from registers and ``threshold``) to t+2. Latency 2 cycles,
    throughput one neuron a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": In(1),
                "spike": In(1),
                "rate": In(RATE.width),
                "threshold": In(THRESHOLD.width),
                "factor": In(FACTOR_WIDTH),
                "target_step": In(TARGET_STEP_WIDTH),
                "out_valid": Out(1),
                "out_rate": Out(RATE.width),
                "out_threshold": Out(THRESHOLD.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid, rate, rate2 = Signal(), Signal(RATE.width, reset_less=True), Signal(RATE.width, reset_less=True)
        m.d.sync += [valid.eq(self.valid), self.out_valid.eq(valid), rate2.eq(rate)]

        counts = self.spike & mantissa(self.factor).any()
        raised = Signal(RATE.width + 1)
        m.d.comb += raised.eq(self.rate + (Const(SPIKE_RATE_STEP_RAW) & counts.replicate(RATE.width)))
        m.d.sync += rate.eq(raised[: RATE.width] | raised[-1].replicate(RATE.width))

        # Twice p: the bit that rounding takes away is the carry of the sums that p goes into.
        product = doubled_product(m, "decay", rate[COARSE:], self.factor, gain_bits=COARSE)
        double = Signal.like(product, reset_less=True)
        m.d.sync += double.eq(product)

        # Factors are below 2, so r - p is no larger than r.
        loss, left = Signal(signed(len(double))), Signal(signed(RATE.width + 1))
        m.d.comb += [
            loss.eq(double[1:]),
            left.eq(add_with_carry(rate2, ~loss, ~double[0])),
            self.out_rate.eq(left[: RATE.width] & ~left[-1].replicate(RATE.width)),
        ]

        moved, held = Signal(signed(THRESHOLD.width + 2)), Signal(THRESHOLD.width)
        lifted = Signal(THRESHOLD.width + 1)
        m.d.comb += [
            # The bits of the threshold below those of p pass by its addition.
            lifted.eq(Cat(self.threshold[:FINER], add_with_carry(self.threshold[FINER:], double[1:], double[0]))),
            moved.eq(lifted - self.target_step),
            held.eq(Mux(moved < THRESHOLD_MIN_RAW, THRESHOLD_MIN_RAW, moved)),
            # The greatest threshold is a whole number: the bits above the point tell.
            self.out_threshold.eq(
                Mux(
                    ~moved[-1] & (moved[THRESHOLD.fraction_bits : -1] >= THRESHOLD_MAX_RAW >> THRESHOLD.fraction_bits),
                    THRESHOLD_MAX_RAW,
                    held,
                )
            ),
        ]
        return m
