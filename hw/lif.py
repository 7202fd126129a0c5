"""LIF pipeline: leaky integrate-and-fire neurons, one a cycle; also adds to membranes and scales them."""

from enum import IntEnum

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.neural import DT_WIDTH, ELAPSED, FACTOR_WIDTH, MEMBRANE, REFRACTORY_RAW, THRESHOLD
from hw.bits import saturate
from hw.fixed_point import add_with_carry, doubled_product

__all__ = ["LifOp", "LifPipeline"]

REFRACTORY_BIT = REFRACTORY_RAW.bit_length() - 1
SHIFT = THRESHOLD.fraction_bits - MEMBRANE.fraction_bits


class LifOp(IntEnum):
    """What happens to x = membrane + current; 3 is as INJECT."""

    STEP = 0
    SCALE = 1
    INJECT = 2


class LifPipeline(wiring.Component):
    """STEP: y = x - factor x, a spike and 0 if y reaches the threshold; just x in the 2 ms after a spike.
    SCALE: factor x. INJECT: x. Everything saturates; products are rounded to the nearest.

    ``elapsed``, the time since the last spike, grows by ``dt`` in a step and stops at its largest value. ``factor``
    belongs to cycle t+1 of the membrane of t; ``threshold``, ``elapsed`` and all outputs (combinational from registers
    and these two) to t+2. Latency 2 cycles, throughput one neuron a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": In(1),
                "op": In(2),
                "membrane": In(signed(MEMBRANE.width)),
                "current": In(signed(MEMBRANE.width)),
                "factor": In(FACTOR_WIDTH),
                "threshold": In(THRESHOLD.width),
                "elapsed": In(ELAPSED.width),
                "dt": In(DT_WIDTH),
                "out_valid": Out(1),
                "out_membrane": Out(signed(MEMBRANE.width)),
                "out_elapsed": Out(ELAPSED.width),
                "spike": Out(1),
            }
        )
        # What entered, two cycles later: for whoever listens to the stream.
        self.entered = Signal(signed(MEMBRANE.width), reset_less=True)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        valid = Signal()
        op, op2 = Signal(2, reset_less=True), Signal(2, reset_less=True)
        x, x2 = Signal(signed(MEMBRANE.width), reset_less=True), self.entered
        total = Signal(signed(MEMBRANE.width + 1))
        product = doubled_product(m, "leak", x, self.factor)
        double = Signal.like(product, reset_less=True)
        m.d.comb += total.eq(self.membrane + self.current)
        m.d.sync += [
            valid.eq(self.valid),
            op.eq(self.op),
            x.eq(saturate(total, MEMBRANE.width)),
            self.out_valid.eq(valid),
            op2.eq(op),
            x2.eq(x),
            double.eq(product),
        ]

        # One adder for x - d, d and x: d is the upper bits of double, its lowest bit rounds it. As factors are below 2,
        # d has one bit more than x, and x - d is no larger than x.
        step, scale, waiting, moves = Signal(), Signal(), Signal(), Signal()
        kept, change = Signal(signed(MEMBRANE.width)), Signal(signed(len(double)))
        result = Signal(signed(MEMBRANE.width + 1))
        m.d.comb += [
            step.eq(op2 == LifOp.STEP),
            scale.eq(op2 == LifOp.SCALE),
            waiting.eq(~self.elapsed[REFRACTORY_BIT:].any()),
            moves.eq(scale | (step & ~waiting)),
            kept.eq(x2 & ~scale.replicate(len(x2))),
            change.eq((double ^ step.replicate(len(double))) & moves.replicate(len(double))),
            result.eq(add_with_carry(kept, change[1:].as_signed(), change[0])),
        ]

        # y 2**SHIFT >= threshold: y is compared with the threshold rounded up, and anything beyond its width is more.
        whole = THRESHOLD.width - SHIFT
        reached = Signal()
        need = Signal(whole)
        m.d.comb += [
            need.eq(self.threshold[SHIFT:]),
            reached.eq(
                ~result[-1]
                & (result[whole:-1].any() | add_with_carry(result[:whole], ~need, ~self.threshold[:SHIFT].any())[whole])
            ),
            self.spike.eq(self.out_valid & step & ~waiting & reached),
            self.out_membrane.eq(saturate(result, MEMBRANE.width) & ~self.spike.replicate(MEMBRANE.width)),
        ]

        later = Signal(ELAPSED.width + 1)
        m.d.comb += [
            later.eq(self.elapsed + (self.dt[: ELAPSED.width] & step.replicate(ELAPSED.width))),
            self.out_elapsed.eq(
                (later[:-1] | (later[-1] | (step & self.dt[ELAPSED.width :].any())).replicate(ELAPSED.width))
                & ~self.spike.replicate(ELAPSED.width)
            ),
        ]
        return m
