"""Pattern unit: spike histories, their distance to a target, and the nearest of them."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import HISTORY_WIDTH

__all__ = ["PatternUnit"]

DISTANCE_WIDTH = HISTORY_WIDTH.bit_length()


def popcount(bits: Value) -> Value:
    """How many bits are set: a balanced tree of adders."""
    level: list[Value] = list(bits)
    while len(level) > 1:
        level = [low + high for low, high in zip(level[::2], level[1::2], strict=True)]
    return level[0]


class PatternUnit(wiring.Component):
    """Shifts a spike into a history (``recorded``, combinational) and compares histories with ``target``.

    ``distance`` = popcount(history xor target), ``total`` = popcount(history or target): one cycle later, with
    ``out_valid``. Since ``clear``: ``best`` is the index of the least distance (the first of them; 255 while there is
    none), bit j of ``mask`` tells that j differs from ``own`` and that its distance is at most ``most``: two cycles
    after the history. One neuron a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "valid": In(1),
                "index": In(INDEX_WIDTH),
                "history": In(HISTORY_WIDTH),
                "spike": In(1),
                "target": In(HISTORY_WIDTH),
                "own": In(INDEX_WIDTH + 1),
                "most": In(8),
                "recorded": Out(HISTORY_WIDTH),
                "out_valid": Out(1),
                "distance": Out(DISTANCE_WIDTH),
                "total": Out(DISTANCE_WIDTH),
                "best": Out(CORE_WIDTH),
                "mask": Out(VECTORS_PER_CORE),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index = Signal(INDEX_WIDTH, reset_less=True)
        distance, total = (Signal(DISTANCE_WIDTH, name=name, reset_less=True) for name in ("different", "set"))
        # The nearest one's index with ones above it while there is none: as a number that is 31 or 255.
        nearest, nobody, least = Signal(INDEX_WIDTH, init=-1), Signal(init=1), Signal(DISTANCE_WIDTH, init=-1)
        marks = Signal()
        m.d.comb += [
            self.recorded.eq(Cat(self.spike, self.history)),
            self.distance.eq(distance),
            self.total.eq(total),
            self.best.eq(Cat(nearest, nobody.replicate(CORE_WIDTH - INDEX_WIDTH))),
            marks.eq(self.out_valid & (index != self.own) & (self.distance <= self.most)),
        ]
        m.d.sync += [
            self.out_valid.eq(self.valid),
            index.eq(self.index),
            distance.eq(popcount(self.history ^ self.target)),
            total.eq(popcount(self.history | self.target)),
            self.mask.eq(self.mask | (marks << index)),
        ]
        with m.If(self.out_valid & (self.distance < least)):
            m.d.sync += [least.eq(self.distance), nearest.eq(index), nobody.eq(0)]
        with m.If(self.clear):
            m.d.sync += [least.eq(-1), nearest.eq(-1), nobody.eq(1), self.mask.eq(0)]
        return m
