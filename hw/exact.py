"""Exact scan: every row of the cores on a slice, without a bubble."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import COUNT_WIDTH, INDEX_WIDTH

__all__ = ["ExactScan"]


class ExactScan(wiring.Component):
    """Issues the rows of the cores from ``first_place`` to ``last_place``, chunk by chunk.

    A core of n vectors takes max(1, n * chunks) cycles, and the next one follows at once: the count of the next core
    is read while the last row of this one is issued. Active from the cycle after ``start``.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "first_place": In(config.place_width),
                "last_place": In(config.place_width),
                "last_chunk": In(4),
                "count": In(COUNT_WIDTH),
                "count_addr": Out(config.place_width),
                "active": Out(1),
                "issue": Out(1),
                "place": Out(config.place_width),
                "row": Out(INDEX_WIDTH),
                "chunk": Out(4),
                "first": Out(1),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        empty, advance = Signal(), Signal()
        next_place = Signal.like(self.place)
        m.d.comb += [
            empty.eq(self.count == 0),
            self.issue.eq(self.active & ~self.start & ~empty),
            self.first.eq(self.chunk == 0),
            self.last.eq(self.chunk == self.last_chunk),
            advance.eq(self.active & (empty | (self.last & (self.row + 1 >= self.count)))),
            next_place.eq(Mux(self.start, self.first_place, Mux(advance, self.place + 1, self.place))),
            self.count_addr.eq(next_place),
        ]
        with m.If(self.start):
            m.d.sync += [self.active.eq(1), self.place.eq(next_place), self.row.eq(0), self.chunk.eq(0)]
        with m.Elif(advance):
            m.d.sync += [self.row.eq(0), self.chunk.eq(0)]
            with m.If(self.place == self.last_place):
                m.d.sync += self.active.eq(0)
            with m.Else():
                m.d.sync += self.place.eq(next_place)
        with m.Elif(self.active):
            m.d.sync += self.chunk.eq(Mux(self.last, 0, self.chunk + 1))
            with m.If(self.last):
                m.d.sync += self.row.eq(self.row + 1)
        return m
