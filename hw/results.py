"""Result list: the sixteen best results, kept in order, read by the host as a FIFO."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, MAX_RESULTS, RESULT_COUNT_WIDTH
from hw.bits import cat_key

__all__ = ["ResultList"]


class ResultList(wiring.Component):
    """Merges a sorted stream with the list kept from before and stores the best 16.

    Two banks of a memory: the old list is read from one while the new one is written to the other, so no comparator
    array is needed. One entry a cycle.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "collect": In(1),
                "keep": In(1),
                "k": In(RESULT_COUNT_WIDTH),
                "clear": In(1),
                "in_occupied": In(1),
                "in_valid": In(1),
                "in_key": In(signed(config.key_width)),
                "in_tag": In(CORE_WIDTH + INDEX_WIDTH),
                "read_pop": In(1),
                "rewind": In(1),
                "take": Out(1),
                "busy": Out(1),
                "done": Out(1),
                "total": Out(RESULT_COUNT_WIDTH),
                "count": Out(RESULT_COUNT_WIDTH),
                "remaining": Out(RESULT_COUNT_WIDTH),
                "out_valid": Out(1),
                "out_key": Out(signed(config.key_width)),
                "out_core": Out(CORE_WIDTH),
                "out_index": Out(INDEX_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        entry_width = config.key_width + CORE_WIDTH + INDEX_WIDTH
        m.submodules.entries = entries = memory.Memory(shape=entry_width, depth=2 * MAX_RESULTS, init=[])
        write = entries.write_port()
        read = entries.read_port()

        bank, ends = Signal(), Signal()
        pointer, pointer_next = Signal(range(MAX_RESULTS + 1)), Signal(range(MAX_RESULTS + 1))
        old_count, left, written, k = (
            Signal(RESULT_COUNT_WIDTH, name=n) for n in ("old_count", "left", "written", "k_limit")
        )
        new, old = Signal(signed(entry_width)), Signal(signed(entry_width))
        m.d.comb += [
            new.eq(cat_key(self.in_key, self.in_tag[INDEX_WIDTH:], self.in_tag[:INDEX_WIDTH])),
            old.eq(read.data),
            read.addr.eq(Cat(pointer_next[:4], bank ^ ends)),
            write.addr.eq(Cat(written[:4], ~bank)),
        ]

        new_end, new_here, old_first = Signal(), Signal(), Signal()
        # Counts are compared a cycle ahead: no new entry left, one left, an old one left.
        none_left, one_left, old_here = Signal(), Signal(), Signal()
        take_old, last_new, full = Signal(), Signal(), Signal()
        m.d.comb += [
            k.eq(Mux(self.k[4], MAX_RESULTS, self.k)),
            new_end.eq(none_left | (self.in_occupied & ~self.in_valid)),
            new_here.eq(self.in_occupied & self.in_valid & ~none_left),
            old_first.eq(old < new),
            # Not with the first entry: the reading port looks at it in the list's last cycle.
            last_new.eq(new_here & one_left & ~old_here & (written != 0)),
            full.eq(write.en & (written == MAX_RESULTS - 1)),
            pointer_next.eq(pointer),
            write.data.eq(Mux(take_old, old, new)),
        ]

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(fsm.ongoing("COLLECT"))
            with m.State("IDLE"):
                m.d.comb += [
                    self.out_valid.eq(pointer < self.count),
                    self.remaining.eq(self.count - pointer),
                ]
                with m.If(self.out_valid):
                    m.d.comb += Cat(self.out_index, self.out_core, self.out_key).eq(read.data)
                with m.If(self.collect):
                    m.d.comb += pointer_next.eq(0)
                    m.d.sync += [
                        old_count.eq(Mux(self.keep, self.count, 0)),
                        old_here.eq(self.keep & (self.count != 0)),
                        written.eq(0),
                        left.eq(k),
                        none_left.eq(k == 0),
                        one_left.eq(k == 1),
                    ]
                    m.next = "COLLECT"
                with m.Elif(self.clear):
                    m.d.comb += pointer_next.eq(0)
                    m.d.sync += self.count.eq(0)
                with m.Elif(self.rewind):
                    m.d.comb += pointer_next.eq(0)
                with m.Elif(self.read_pop & self.out_valid):
                    m.d.comb += pointer_next.eq(pointer + 1)
            with m.State("COLLECT"):
                m.d.comb += [
                    self.take.eq(new_here & ~(old_here & old_first)),
                    take_old.eq(old_here & (new_end | (new_here & old_first))),
                    # Whether an entry is written does not depend on which one: comparing comes late in the cycle.
                    write.en.eq(new_here | (old_here & new_end)),
                ]
                m.d.sync += written.eq(written + write.en)
                with m.If(self.take):
                    m.d.sync += [left.eq(left - 1), none_left.eq(one_left), one_left.eq(left == 2)]
                with m.If(take_old):
                    m.d.comb += pointer_next.eq(pointer + 1)
                    m.d.sync += old_here.eq(pointer + 1 != old_count)
                m.d.comb += [ends.eq(full | last_new | (new_end & ~old_here)), self.done.eq(ends)]
                m.d.comb += self.total.eq(written + write.en)
                with m.If(ends):
                    m.d.comb += pointer_next.eq(0)
                    m.d.sync += [bank.eq(~bank), self.count.eq(self.total)]
                    m.next = "IDLE"
        m.d.sync += pointer.eq(pointer_next)
        return m
