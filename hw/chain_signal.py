"""The signal that passes along a chain: an event's magnitude times a weight, a bit a cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.events import FRACTION_BITS, POTENTIAL, PRODUCT_CYCLES, UNIT_MAGNITUDE, WEIGHT
from hw.bits import saturate
from hw.fixed_point import add_with_carry

__all__ = ["ChainSignal"]


class ChainSignal(wiring.Component):
    """``signal = floor(magnitude * weight / 2**15)``, saturated to 32 bits.

    ``start`` in the cycle before the first of 28 cycles of ``step``, in the last of which ``last`` is 1; ``signal``
    stands from the cycle after, while neither is 1. A magnitude of 1 (``is_one``) needs one ``step`` only: that of
    ``finish``. ``magnitude`` and ``weight`` are steady throughout. Contract: ``docs/contract_guard.md``, SIGNAL.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "start": In(1),
                "step": In(1),
                "finish": In(1),
                "last": In(1),
                "magnitude": In(signed(WEIGHT.width)),
                "weight": In(signed(WEIGHT.width)),
                "is_one": Out(1),
                "signal": Out(signed(POTENTIAL.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Upper and lower half of the product; the magnitude's bits leave the lower one as the product's come in.
        upper, lower = Signal(signed(WEIGHT.width)), Signal(PRODUCT_CYCLES)
        total, addend, minus = Signal(signed(WEIGHT.width + 1)), Signal(signed(WEIGHT.width)), Signal()
        product = Signal(signed(2 * WEIGHT.width))
        m.d.comb += [
            # The highest bit of a signed number counts down.
            minus.eq(self.last & lower[0]),
            addend.eq(Mux(lower[0], Mux(minus, ~self.weight, self.weight), 0)),
            total.eq(add_with_carry(upper, addend, minus)),
            product.eq(Cat(lower, upper)),
            self.is_one.eq(self.magnitude == UNIT_MAGNITUDE),
            self.signal.eq(saturate(product[FRACTION_BITS:].as_signed(), POTENTIAL.width)),
        ]
        with m.If(self.start):
            m.d.sync += [upper.eq(0), lower.eq(self.magnitude)]
        with m.Elif(self.finish):
            m.d.sync += Cat(lower, upper).eq(Cat(Const(0, FRACTION_BITS), self.weight).as_signed())
        with m.Elif(self.step):
            m.d.sync += [upper.eq(total[1:]), lower.eq(Cat(lower[1:], total[0]))]
        return m
