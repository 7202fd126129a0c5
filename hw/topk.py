"""Top-k list: the smallest entries pushed, in order."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, MAX_RESULTS
from hw.bits import cat_key, select
from hw.ice40 import SortedRows, on_up5k

__all__ = ["TopK"]


class TopK(wiring.Component):
    """Keeps the ``entries`` smallest (key, core, index) pushed since ``clear``, smallest first.

    Cores are numbers of ``core_width`` bits: as many as tell apart those whose entries meet here. With 0 bits, where
    all come from one core, the two ports are missing.

    An insertion sorter: a slot takes the new entry or the one before it. Ties go to the lower core, then the lower
    index. Latency 1 cycle, throughput one push a cycle; the entry at ``rank`` is read combinationally, but not while
    one is pushed.

    With ``ahead`` an UltraPlus keeps the entries in block memory. The caller then tells with ``next`` that the rank may
    go up by one in the next cycle and with ``step`` that it does (the outputs keep the entry if not), and uses an entry
    no earlier than the second cycle after the last push.
    """

    def __init__(
        self, config: Config, *, entries: int = MAX_RESULTS, core_width: int = CORE_WIDTH, ahead: bool = False
    ) -> None:
        if entries < 1:
            raise ValueError(f"entries must be at least 1, got {entries}")
        if not 0 <= core_width <= CORE_WIDTH:
            raise ValueError(f"core_width must be 0 to {CORE_WIDTH}, got {core_width}")
        self.config = config
        self.entries = entries
        self.core_width = core_width
        self.ahead = ahead
        members = {
            "clear": In(1),
            "push": In(1),
            "key": In(signed(config.key_width)),
            "core": In(core_width),
            "index": In(INDEX_WIDTH),
            "rank": In(max(1, (entries - 1).bit_length())),
            "count": Out(entries.bit_length()),
            "out_valid": Out(1),
            "out_key": Out(signed(config.key_width)),
            "out_core": Out(core_width),
            "out_index": Out(INDEX_WIDTH),
        } | ({"next": In(1), "step": In(1)} if ahead else {})
        super().__init__({name: member for name, member in members.items() if core_width or "core" not in name})

    def elaborate(self, platform: object) -> Module:
        if on_up5k(platform):
            return self._elaborate_up5k()
        m = Module()
        new = self._new(m, self.core_width)
        # What a slot beyond the count holds does not matter.
        slots = [Signal(new.shape(), name=f"slot{i}", reset_less=True) for i in range(self.entries)]
        occupied, before = Signal(self.entries), Signal(self.entries)
        m.d.comb += occupied.eq(Cat(self.count > i for i in range(self.entries)))
        shown = self._search(m, new, slots, occupied, before)
        with m.If(self.push & ~self.clear):
            for i, slot in enumerate(slots):
                with m.If(before[i]):
                    m.d.sync += slot.eq(new if i == 0 else Mux(before[i - 1], slots[i - 1], new))
        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        with m.Elif(self.push & ~occupied[-1]):
            m.d.sync += self.count.eq(self.count + 1)

        m.d.comb += self.out_valid.eq(shown[-1])
        self._show(m, shown[:-1], self.core_width)
        return m

    def _search(self, m: Module, new: Signal, slots: list[Signal], occupied: Signal, before: Signal) -> Value:
        """Drives ``before``: whether the new entry goes before the one in a slot, which from some slot on is so.

        Returns the entry shown, with whether it is one as its highest bit. Long lists are searched by quarters, with
        the multiplexers that otherwise choose the entry at ``rank``: so while one is pushed, the entry is shown whose
        place it takes (the last one if none).
        """
        entries = [Cat(slot, there) for slot, there in zip(slots, occupied, strict=True)]

        def precedes(entry: Value) -> Value:
            return ~entry[-1] | (new < entry[:-1].as_signed())

        n_bits = (self.entries - 1).bit_length()
        if n_bits < 4 or n_bits % 2 or self.entries != 1 << n_bits:
            m.d.comb += before.eq(Cat(precedes(entry) for entry in entries))
            return select(entries, self.rank)
        place = Signal(n_bits)
        for bit in reversed(range(0, n_bits, 2)):
            # The last entries of the four quarters of what is left; what precedes the last of all is found at the end.
            ends = []
            for quarter in range(4):
                last = Signal(len(entries[0]), name=f"last{bit}_{quarter}")
                choices = entries[((quarter + 1) << bit) - 1 :: 4 << bit]
                m.d.comb += last.eq(select(choices, place[bit + 2 :]))
                ends.append(last)
            first, second, third = (Signal(name=f"stays{bit}_{quarter}") for quarter in range(3))
            m.d.comb += [
                *(stays.eq(~precedes(last)) for stays, last in zip((first, second, third), ends, strict=False)),
                place[bit + 1].eq(Mux(self.push, second, self.rank[bit + 1])),
                place[bit].eq(Mux(self.push, Mux(second, third, first), self.rank[bit])),
            ]
        shown = Signal(len(entries[0]))
        m.d.comb += shown.eq(select(ends, place[:2]))
        m.d.comb += [
            *(before[i].eq(place <= i) for i in range(self.entries - 1)),
            before[-1].eq(~place.all() | precedes(entries[-1])),
        ]
        return shown

    def _new(self, m: Module, core_width: int) -> Signal:
        """The entry that is pushed, as one number."""
        core = self.core[:core_width] if core_width else Const(0, 0)
        new = Signal(signed(self.config.key_width + core_width + INDEX_WIDTH))
        m.d.comb += new.eq(cat_key(self.key, core, self.index))
        return new

    def _show(self, m: Module, chosen: Signal, core_width: int) -> None:
        """The fields of an entry on the outputs."""
        key_bit = INDEX_WIDTH + core_width
        m.d.comb += self.out_index.eq(chosen[:INDEX_WIDTH])
        if core_width:
            m.d.comb += self.out_core.eq(chosen[INDEX_WIDTH:key_bit])
        m.d.comb += self.out_key.eq(chosen[key_bit:])

    def _elaborate_up5k(self) -> Module:
        """The same in the iCE40's own cells; the entry at a ``rank`` of ``count`` or more has no defined contents."""
        m = Module()
        # Cores the array does not have need no cells.
        core_width = min(self.core_width, self.config.place_width + self.config.slice_bits)
        new = self._new(m, core_width)
        rows = SortedRows(m, new, self.push, self.clear, n_rows=self.entries)
        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        with m.Elif(self.push & ~rows.occupied[-1]):
            m.d.sync += self.count.eq(self.count + 1)

        chosen = Signal(len(new))
        if self.ahead:
            # The entries lie in a memory; the rows carry their addresses along.
            m.submodules.entries = entries = memory.Memory(
                shape=len(new), depth=self.entries, init=[], attrs={"ram_style": "block"}
            )
            write, read = entries.write_port(), entries.read_port()
            places = [Signal(range(self.entries), name=f"place{i}", reset_less=True) for i in range(self.entries)]
            free, read_rank = Signal(range(self.entries)), Signal.like(self.rank)
            m.d.comb += free.eq(Mux(rows.occupied[-1], places[-1], self.count))
            for i, place in enumerate(places):
                with m.If(rows.loads[i]):
                    m.d.sync += place.eq(free if i == 0 else Mux(rows.loads[i - 1], places[i - 1], free))
            m.d.comb += [
                write.en.eq(rows.loads[-1]),
                write.addr.eq(free),
                write.data.eq(new),
                # Whether the rank steps on comes late in the cycle: the address does not wait for it.
                read_rank.eq(self.rank + self.next),
                read.addr.eq(select(places, read_rank)),
                read.en.eq(self.step | ~self.next),
                chosen.eq(read.data),
            ]
        else:
            m.d.comb += chosen.eq(select([rows.value(i) for i in range(self.entries)], self.rank))
        m.d.comb += self.out_valid.eq(self.rank < self.count)
        self._show(m, chosen, core_width)
        return m
