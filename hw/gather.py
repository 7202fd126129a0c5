"""Gather: weighted sums over a node's neighbours, dimension by dimension, or a row read out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    MAX_DIMS,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    WEIGHT_WIDTH,
)
from hw.bits import select
from hw.graph_store import unpack_node

__all__ = ["Gather"]


class Gather(wiring.Component):
    """Issues, for each of the 16 dimensions, one beat a neighbour: the distance unit adds weight times element.

    Reusing the search datapath this way costs 16 cycles a neighbour and no adder of its own. Reading a row is the same
    with the row itself as the only "neighbour" and weight 1; an absent node reads as zeros (weight 0).
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "own": In(1),
                "absent": In(1),
                "index": In(INDEX_WIDTH),
                "word": In(NODE_WIDTH),
                "active": Out(1),
                "graph_read": Out(1),
                "issue": Out(1),
                "row": Out(INDEX_WIDTH),
                "chunk": Out(4),
                "lane": Out(4),
                "first": Out(1),
                "last": Out(1),
                "fixed": Out(1),
                "factor": Out(WEIGHT_WIDTH),
                "n_links": Out(LINK_COUNT_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lane_bits = self.config.lanes.bit_length() - 1
        own, absent = Signal(), Signal()
        index = Signal(INDEX_WIDTH)
        rows = [Signal(INDEX_WIDTH, name=f"row{i}") for i in range(MAX_NEIGHBOURS)]
        n_rows, position = Signal(LINK_COUNT_WIDTH), Signal(LINK_COUNT_WIDTH)
        dim = Signal(range(MAX_DIMS))
        links, n_links, _ = unpack_node(self.word)
        limited = Signal(LINK_COUNT_WIDTH)
        m.d.comb += [
            limited.eq(Mux(n_links > MAX_NEIGHBOURS, MAX_NEIGHBOURS, n_links)),
            self.row.eq(select(rows, position)),
            self.chunk.eq(dim >> lane_bits),
            self.lane.eq(dim[:lane_bits] if lane_bits else 0),
            self.first.eq(position == 0),
            self.last.eq(position + 1 == n_rows),
        ]
        with m.FSM() as fsm:
            m.d.comb += [
                self.active.eq(~fsm.ongoing("IDLE")),
                self.graph_read.eq(fsm.ongoing("LOOKUP")),
                self.issue.eq(fsm.ongoing("ISSUE")),
            ]
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [own.eq(self.own), absent.eq(self.absent), index.eq(self.index)]
                m.next = "LOOKUP"
            with m.State("LOOKUP"):
                m.next = "LATCH"
            with m.State("LATCH"):
                with m.If(own | absent | (limited == 0)):
                    m.d.sync += [
                        rows[0].eq(index),
                        n_rows.eq(1),
                        self.n_links.eq(0),
                        self.fixed.eq(1),
                        self.factor.eq(own & ~absent),
                    ]
                with m.Else():
                    m.d.sync += [row.eq(link) for row, link in zip(rows, links, strict=True)]
                    m.d.sync += [n_rows.eq(limited), self.n_links.eq(limited), self.fixed.eq(0), self.factor.eq(0)]
                m.next = "ISSUE"
            with m.State("ISSUE"):
                m.d.sync += position.eq(Mux(self.last, 0, position + 1))
                with m.If(self.last):
                    m.d.sync += dim.eq(dim + 1)
                    with m.If(dim == MAX_DIMS - 1):
                        m.next = "IDLE"
        return m
