"""Spike queue: the spikes of a tick, lowest neuron first, each with its graph word and weight."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import INDEX_WIDTH, NODE_WIDTH, VECTORS_PER_CORE, WEIGHT_WIDTH
from hw.bits import lowest_bit

__all__ = ["SpikeQueue"]


class SpikeQueue(wiring.Component):
    """Fetches the next spike while the router works on one, so that it waits for none.

    ``add`` has a bit for each neuron that spikes; ``weight_write`` keeps neuron ``weight_index``'s weight for its turn.
    While ``go`` and not ``blocked``, ``fetch`` asks for the graph word of ``row``; ``word`` comes in the next cycle and
    stays until something else is read. ``entry_*`` is the next spike, ``take`` takes it. ``empty``: none is left.
    Latency 1 cycle from ``fetch`` to an entry; up to one spike a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "add": In(VECTORS_PER_CORE),
                "weight_write": In(1),
                "weight_index": In(INDEX_WIDTH),
                "weight": In(WEIGHT_WIDTH),
                "go": In(1),
                "blocked": In(1),
                "word": In(NODE_WIDTH),
                "take": In(1),
                "fetch": Out(1),
                "row": Out(INDEX_WIDTH),
                "entry_valid": Out(1),
                "entry_index": Out(INDEX_WIDTH),
                "entry_word": Out(NODE_WIDTH),
                "entry_weight": Out(WEIGHT_WIDTH),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.weights = weights = memory.Memory(shape=WEIGHT_WIDTH, depth=VECTORS_PER_CORE, init=[])
        read, write = weights.read_port(), weights.write_port()
        m.d.comb += [
            write.addr.eq(self.weight_index),
            write.data.eq(self.weight),
            write.en.eq(self.weight_write),
            read.addr.eq(self.row),
            read.en.eq(self.fetch),
        ]
        # A spike is fetched (its word is there in this cycle) or held.
        remaining, fetched, held = Signal(VECTORS_PER_CORE), Signal(), Signal()
        held_word = Signal(NODE_WIDTH, reset_less=True)
        m.d.comb += [
            self.row.eq(lowest_bit(remaining)),
            self.entry_valid.eq(fetched | held),
            self.fetch.eq(self.go & remaining.any() & ~self.blocked & (~self.entry_valid | self.take)),
            self.entry_word.eq(Mux(held, held_word, self.word)),
            self.entry_weight.eq(read.data),
            self.empty.eq(~remaining.any() & ~self.entry_valid),
        ]
        m.d.sync += [
            # x & (x - 1) takes the lowest set bit away.
            remaining.eq(Mux(self.fetch, remaining & (remaining - 1), remaining) | self.add),
            fetched.eq(self.fetch),
            held.eq(self.entry_valid & ~self.take),
        ]
        with m.If(self.fetch):
            m.d.sync += self.entry_index.eq(self.row)
        with m.If(fetched):
            m.d.sync += held_word.eq(self.word)
        return m
