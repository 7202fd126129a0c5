"""Insert: links a new vector into its core's graph."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    COUNT_WIDTH,
    INDEX_NONE,
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    RESULT_COUNT_WIDTH,
    VECTORS_PER_CORE,
)
from hw.graph_store import GraphOp, pack_node, unpack_node

__all__ = ["InsertEngine"]


class InsertEngine(wiring.Component):
    """Finds the new vector's nearest 16 (an exact scan, done by the slice), then links it, nearest first.

    The nearest node with a free pinned slot becomes the parent (pinned both ways), the five nearest others become
    ordinary neighbours and link back. A parent always exists among the nearest 16: n nodes use 2(n - 1) pinned slots,
    so at most 10 of 31 nodes have none left. Needs no distance between stored vectors. Two cycles a link.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "scan_busy": In(1),
                "count": In(COUNT_WIDTH),
                "near_count": In(RESULT_COUNT_WIDTH),
                "near_index": In(INDEX_WIDTH),
                "word": In(NODE_WIDTH),
                "busy": Out(1),
                "scan_start": Out(1),
                "rank": Out(4),
                "graph_read": Out(1),
                "graph_op": Out(2),
                "graph_row": Out(INDEX_WIDTH),
                "graph_node": Out(INDEX_WIDTH),
                "graph_word": Out(NODE_WIDTH),
                "store": Out(1),
                "copy_start": Out(1),
                "result": Out(8),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        slots = [Signal(INDEX_WIDTH, name=f"slot{i}") for i in range(MAX_NEIGHBOURS)]
        parent_found, parent_known, scanning = Signal(), Signal(), Signal()
        n_others, others_known = Signal(LINK_COUNT_WIDTH), Signal(LINK_COUNT_WIDTH)
        is_parent, is_other, is_last = Signal(), Signal(), Signal()
        _, _, n_pinned = unpack_node(self.word)
        m.d.comb += [
            self.graph_node.eq(self.result),
            self.graph_row.eq(self.result),
            self.graph_word.eq(pack_node(slots, (n_others + parent_found)[:LINK_COUNT_WIDTH], parent_found)),
            is_parent.eq(~parent_found & (n_pinned < MAX_NEIGHBOURS)),
            is_other.eq(~is_parent & (n_others < MAX_NEIGHBOURS - 1)),
            parent_known.eq(parent_found | is_parent),
            others_known.eq(n_others + is_other),
            is_last.eq((self.rank + 1 == self.near_count) | (parent_found & (n_others == MAX_NEIGHBOURS - 1))),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.start):
                m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [parent_found.eq(0), n_others.eq(0), self.rank.eq(0), scanning.eq(0)]
                m.d.sync += [slot.eq(0) for slot in slots]
                with m.If(self.count >= VECTORS_PER_CORE):
                    m.d.sync += self.result.eq(INDEX_NONE)
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.result.eq(self.count)
                    with m.If(self.count == 0):
                        m.next = "STORE"
                    with m.Else():
                        m.d.comb += self.scan_start.eq(1)
                        m.next = "SCAN"
            with m.State("SCAN"):
                # The scan shows as busy one cycle after its start.
                m.d.sync += scanning.eq(1)
                with m.If(scanning & ~self.scan_busy):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += [self.graph_read.eq(1), self.graph_row.eq(self.near_index)]
                m.next = "LINK"
            with m.State("LINK"):
                m.d.comb += self.graph_row.eq(self.near_index)
                with m.If(is_parent):
                    m.d.comb += self.graph_op.eq(GraphOp.PIN)
                    m.d.sync += slots[0].eq(self.near_index)
                with m.Elif(is_other):
                    m.d.comb += self.graph_op.eq(GraphOp.LINK_BACK)
                    for position, slot in enumerate(slots[1:]):
                        with m.If(n_others == position):
                            m.d.sync += slot.eq(self.near_index)
                m.d.sync += [
                    parent_found.eq(parent_known),
                    n_others.eq(others_known),
                ]
                m.next = "SETTLE"
            with m.State("SETTLE"):
                # The graph store writes what LINK asked for.
                m.d.comb += self.graph_row.eq(self.near_index)
                m.d.sync += self.rank.eq(self.rank + 1)
                with m.If(is_last):
                    m.next = "STORE"
                with m.Else():
                    m.next = "READ"
            with m.State("STORE"):
                m.d.comb += [self.graph_op.eq(GraphOp.WRITE), self.store.eq(1), self.copy_start.eq(1)]
                m.next = "IDLE"
        return m
