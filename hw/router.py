"""Spike router: walks the links of every neuron that fired and delivers its weighted current."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import INDEX_WIDTH, LINK_COUNT_WIDTH, MAX_NEIGHBOURS, NODE_WIDTH, WEIGHT_WIDTH
from golden.spec.neural import BRANCH, FACTOR_WIDTH, MEMBRANE
from hw.bits import lowest_bit, parts, saturate, select
from hw.divider import ratio_factor
from hw.fixed_point import add_with_carry
from hw.graph_store import unpack_node

__all__ = ["SpikeRouter"]

BRANCH_SHIFT = MEMBRANE.fraction_bits - BRANCH.fraction_bits


class SpikeRouter(wiring.Component):
    """Takes a spike (``entry_*``: index, graph word, weight byte) and gives its current to every link of it.

    A link takes one cycle (``issue``, ``target``); with ``extra`` the spike's own index follows (``own``). ``current``,
    the gain times ``factor`` (weight / 255 as a factor word) of the cycle before, is added, saturating, to the target's
    membrane (Q6.20), or (Q4.12) to the branch in which the target has the link back to ``source``: ``write*`` in the
    cycle after the issue, from what is read for ``target`` then (``membrane``, ``branches``, ``word``), or what was
    written a cycle ago. Throughput one link a cycle; a spike without links takes one cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "entry_valid": In(1),
                "entry_index": In(INDEX_WIDTH),
                "entry_word": In(NODE_WIDTH),
                "entry_weight": In(WEIGHT_WIDTH),
                "extra": In(1),
                "to_membrane": In(1),
                "to_branch": In(1),
                "current": In(signed(MEMBRANE.width)),
                "membrane": In(signed(MEMBRANE.width)),
                "branches": In(MAX_NEIGHBOURS * BRANCH.width),
                "word": In(NODE_WIDTH),
                "take": Out(1),
                "issue": Out(1),
                "own": Out(1),
                "factor": Out(FACTOR_WIDTH),
                "source": Out(INDEX_WIDTH),
                "target": Out(INDEX_WIDTH),
                "write": Out(1),
                "write_branch": Out(1),
                "write_target": Out(INDEX_WIDTH),
                "write_slot": Out(LINK_COUNT_WIDTH),
                "write_membrane": Out(signed(MEMBRANE.width)),
                "write_value": Out(signed(BRANCH.width)),
            }
        )
        # For whoever looks at branches while no spike is at work: the slot, the branch in it, and ``write_value`` is
        # the branch with ``added``.
        self.look, self.look_slot = Signal(), Signal(LINK_COUNT_WIDTH)
        self.branch, self.added = Signal(signed(BRANCH.width)), Signal(signed(BRANCH.width))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        weight = Signal(WEIGHT_WIDTH)
        self._walk(m, weight)
        # What happens a cycle after an issue.
        issued, source = Signal(), Signal(INDEX_WIDTH)
        again = Signal()
        m.d.sync += [
            issued.eq(self.issue),
            source.eq(self.source),
            self.write_target.eq(self.target),
        ]
        # weight / 255 is nearly (257 weight + its top bit) / 65536: only 255 carries into the upper byte, and is 1.
        low = Signal(WEIGHT_WIDTH)
        m.d.comb += [
            again.eq(self.target == self.write_target),
            low.eq(weight + weight[-1]),
            self.factor.eq(ratio_factor(Cat(low, weight, weight.all()))),
        ]
        self._membrane(m, issued, again)
        self._branch(m, issued, source, again)
        return m

    def _walk(self, m: Module, weight: Signal) -> None:
        """The spike at work: its links, lowest first, and how many are left.

        An empty router and one in the only cycle of a spike without links look the same: nothing left, nothing issued.
        """
        rows = [Signal(INDEX_WIDTH, name=f"link{slot}", reset_less=True) for slot in range(MAX_NEIGHBOURS)]
        left, tail = Signal(LINK_COUNT_WIDTH), Signal()
        links, n_links, _ = unpack_node(self.entry_word)
        last = Signal()
        m.d.comb += [
            self.issue.eq(left.any()),
            self.own.eq(tail & ~self.issue),
            self.target.eq(Mux(self.issue, rows[0], self.source)),
            last.eq(~left[1:].any() & ~(left[0] & tail)),
            self.take.eq(self.entry_valid & last),
        ]
        # The last slot need not hold: what moves down from it is never issued.
        m.d.sync += rows[-1].eq(links[-1])
        m.d.sync += [
            row.eq(Mux(self.take, link, above)) for row, link, above in zip(rows, links, rows[1:], strict=False)
        ]
        with m.If(self.take):
            full = n_links.all()
            m.d.sync += [
                left.eq(Cat(n_links[0] & ~full, n_links[1:])),
                tail.eq(self.extra),
                self.source.eq(self.entry_index),
                weight.eq(self.entry_weight),
            ]
        with m.Elif(self.issue):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += tail.eq(0)

    def _membrane(self, m: Module, issued: Signal, again: Signal) -> None:
        forward, written = Signal(), Signal(signed(MEMBRANE.width), reset_less=True)
        total = Signal(signed(MEMBRANE.width + 1))
        m.d.comb += [
            self.write.eq(issued & self.to_membrane),
            total.eq(Mux(forward, written, self.membrane) + self.current),
            self.write_membrane.eq(saturate(total, MEMBRANE.width)),
        ]
        m.d.sync += [forward.eq(again & self.write), written.eq(self.write_membrane)]

    def _branch(self, m: Module, issued: Signal, source: Signal, again: Signal) -> None:
        links, n_links, _ = unpack_node(self.word)
        found = Signal(MAX_NEIGHBOURS)
        for slot, link in enumerate(links):
            m.d.comb += found[slot].eq((link == source) & (n_links > slot))
        forward, same = Signal(), Signal()
        slot, written = (
            Signal(LINK_COUNT_WIDTH, name="written_slot", reset_less=True),
            Signal(signed(BRANCH.width), name="written_value", reset_less=True),
        )
        before, moved = Signal(signed(BRANCH.width)), Signal(signed(MEMBRANE.width - BRANCH_SHIFT))
        total = Signal(signed(MEMBRANE.width - BRANCH_SHIFT + 1))
        m.d.comb += [
            self.write_slot.eq(lowest_bit(Cat(found, Const(0, 2)))),
            self.write_branch.eq(issued & self.to_branch & found.any()),
            same.eq(forward & (self.write_slot == slot)),
            self.branch.eq(select(parts(self.branches, BRANCH.width), Mux(self.look, self.look_slot, self.write_slot))),
            before.eq(Mux(same, written, self.branch)),
            moved.eq(Mux(self.look, self.added, self.current >> BRANCH_SHIFT)),
            total.eq(add_with_carry(before, moved, self.current[BRANCH_SHIFT - 1] & ~self.look)),
            self.write_value.eq(saturate(total, BRANCH.width)),
        ]
        m.d.sync += [
            forward.eq(again & self.write_branch),
            slot.eq(self.write_slot),
            written.eq(self.write_value),
        ]
