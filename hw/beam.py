"""Beam search: walks the graph of each core on a slice, three nodes wide."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    BEAM_WIDTH,
    CORE_WIDTH,
    COUNT_WIDTH,
    INDEX_WIDTH,
    NODE_WIDTH,
    PIPELINE_LATENCY,
    VECTORS_PER_CORE,
)
from hw.bits import at_least_two, lowest_bit
from hw.graph_store import unpack_node
from hw.topk import TopK

__all__ = ["BeamSearch"]


class BeamSearch(wiring.Component):
    """Visits node 0, then in each round all unvisited neighbours of the best three of the round before.

    A round fetches the beam's links (n + 1 cycles), issues its distances back to back without an idle cycle, and waits
    4 cycles for the last of them. It ends after ``limit`` rounds or when nothing new is found, and goes on with the
    next core. Sets of nodes are 32-bit words.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "first_place": In(config.place_width),
                "last_place": In(config.place_width),
                "last_chunk": In(4),
                "limit": In(5),
                "count": In(COUNT_WIDTH),
                "word": In(NODE_WIDTH),
                "push": In(1),
                "key": In(signed(config.key_width)),
                "index": In(INDEX_WIDTH),
                "count_addr": Out(config.place_width),
                "active": Out(1),
                "issue": Out(1),
                "place": Out(config.place_width),
                "row": Out(INDEX_WIDTH),
                "chunk": Out(4),
                "first": Out(1),
                "last": Out(1),
                "graph_read": Out(1),
                "graph_row": Out(INDEX_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # All entries have one core. (On an UltraPlus it is there as zeros, which its placement was found with.)
        m.submodules.best = best = TopK(
            self.config, entries=BEAM_WIDTH, core_width=CORE_WIDTH if self.config.memory == "spram" else 0
        )
        visited, candidates = Signal(VECTORS_PER_CORE), Signal(VECTORS_PER_CORE)
        remaining, linked = Signal(VECTORS_PER_CORE), Signal(VECTORS_PER_CORE)
        rounds = Signal(5)
        fetched, drained = Signal(range(BEAM_WIDTH + 1)), Signal(range(PIPELINE_LATENCY))

        links, n_links, _ = unpack_node(self.word)
        m.d.comb += [
            best.push.eq(self.push),
            best.key.eq(self.key),
            best.index.eq(self.index),
            best.rank.eq(fetched),
            self.graph_row.eq(best.out_index),
            # x & (x - 1) takes the lowest set bit away.
            remaining.eq(candidates & (candidates - 1)),
            self.row.eq(lowest_bit(candidates)),
            self.first.eq(self.chunk == 0),
            self.last.eq(self.chunk == self.last_chunk),
            self.count_addr.eq(self.place),
        ]
        # Two-level decoding: a slot's high and low bits are decoded once, each node is one product of the two.
        union = Const(0, VECTORS_PER_CORE)
        for slot, link in enumerate(links):
            high, low = Signal(8, name=f"link_high{slot}"), Signal(4, name=f"link_low{slot}")
            m.d.comb += [high.eq(Mux(n_links > slot, 1 << link[2:], 0)), low.eq(1 << link[:2])]
            union = union | Cat(low & bit.replicate(4) for bit in high)
        m.d.comb += linked.eq(union)

        with m.FSM() as fsm:
            m.d.comb += self.active.eq(~fsm.ongoing("IDLE"))

            def advance() -> None:
                """Goes on with the next core."""
                m.d.comb += self.count_addr.eq(self.place + 1)
                with m.If(self.place == self.last_place):
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.place.eq(self.place + 1)
                    m.next = "CORE"

            with m.State("IDLE"), m.If(self.start):
                m.d.comb += self.count_addr.eq(self.first_place)
                m.d.sync += self.place.eq(self.first_place)
                m.next = "CORE"
            with m.State("CORE"):
                with m.If(self.count == 0):
                    advance()
                with m.Else():
                    m.d.comb += best.clear.eq(1)
                    m.d.sync += [visited.eq(1), candidates.eq(1), rounds.eq(0)]
                    m.next = "ISSUE"
            with m.State("ISSUE"):
                with m.If(candidates == 0):
                    advance()
                with m.Else():
                    m.d.comb += self.issue.eq(1)
                    m.d.sync += self.chunk.eq(Mux(self.last, 0, self.chunk + 1))
                    with m.If(self.last):
                        m.d.sync += candidates.eq(remaining)
                        with m.If(~at_least_two(candidates)):
                            m.d.sync += drained.eq(0)
                            m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.sync += drained.eq(drained + 1)
                with m.If(drained == PIPELINE_LATENCY - 1):
                    with m.If(rounds == self.limit):
                        advance()
                    with m.Else():
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.graph_read.eq(best.out_valid)
                with m.If(fetched != 0):
                    # A node counts as visited as soon as it is to be visited in this round.
                    m.d.sync += [candidates.eq(candidates | (linked & ~visited)), visited.eq(visited | linked)]
                with m.If(best.out_valid):
                    m.d.sync += fetched.eq(fetched + 1)
                with m.Else():
                    m.d.comb += best.clear.eq(1)
                    m.d.sync += [fetched.eq(0), rounds.eq(rounds + 1)]
                    m.next = "ISSUE"
        return m
