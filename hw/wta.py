"""Winner take all: the largest membrane, and what the others are left with."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH
from golden.spec.neural import MEMBRANE

__all__ = ["WinnerTakeAll"]

MAXIMUM_WIDTH = MEMBRANE.width - 1


class WinnerTakeAll(wiring.Component):
    """Finds the first of the largest membranes above 0, and inhibits all but it.

    ``clear``, then one eligible membrane a ``scan``: ``winner`` and ``maximum`` follow one cycle later (255 and 0 while
    there is none). ``out_membrane`` is combinational: the winner keeps ``membrane``, any other loses ``inhibition`` and
    stops at 0. One neuron a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "scan": In(1),
                "eligible": In(1),
                "index": In(INDEX_WIDTH),
                "membrane": In(signed(MEMBRANE.width)),
                "inhibition": In(MAXIMUM_WIDTH),
                "winner": Out(CORE_WIDTH),
                "maximum": Out(MAXIMUM_WIDTH),
                "out_membrane": Out(signed(MEMBRANE.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The winner's index with ones above it while there is none: as a number that is 31 or 255.
        leader, nobody = Signal(INDEX_WIDTH, init=-1), Signal(init=1)
        positive, larger = self.membrane[:-1], Signal()
        m.d.comb += [
            larger.eq(~self.membrane[-1] & (positive > self.maximum)),
            self.winner.eq(Cat(leader, nobody.replicate(CORE_WIDTH - INDEX_WIDTH))),
        ]
        with m.If(self.scan & self.eligible & larger):
            m.d.sync += [self.maximum.eq(positive), leader.eq(self.index), nobody.eq(0)]
        with m.If(self.clear):
            m.d.sync += [self.maximum.eq(0), leader.eq(-1), nobody.eq(1)]

        left = Signal(signed(MEMBRANE.width + 1))
        m.d.comb += left.eq(self.membrane - self.inhibition)
        with m.If(self.index == self.winner):
            m.d.comb += self.out_membrane.eq(self.membrane)
        with m.Elif(~left[-1]):
            m.d.comb += self.out_membrane.eq(left)
        return m
