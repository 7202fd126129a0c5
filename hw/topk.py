"""Top-k list: the smallest entries pushed, in order."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
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

    An insertion sorter: every slot compares in parallel and takes the new entry or the one before it. Ties go to the
    lower core, then the lower index. Latency 1 cycle, throughput one push a cycle; the entry at ``rank`` is read
    combinationally.

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
        occupied = Signal(self.entries)
        before = Signal(self.entries)
        new = self._new(m, self.core_width)

        slots = [Signal(new.shape(), name=f"slot{i}") for i in range(self.entries)]
        for i, slot in enumerate(slots):
            m.d.comb += before[i].eq(~occupied[i] | (new < slot))
            with m.If(self.push & ~self.clear & before[i]):
                m.d.sync += [
                    slot.eq(new if i == 0 else Mux(before[i - 1], slots[i - 1], new)),
                    occupied[i].eq(1 if i == 0 else Mux(before[i - 1], occupied[i - 1], 1)),
                ]
        with m.If(self.clear):
            m.d.sync += occupied.eq(0)

        with m.If(self.clear):
            m.d.sync += self.count.eq(0)
        with m.Elif(self.push & ~occupied[-1]):
            m.d.sync += self.count.eq(self.count + 1)

        chosen = Signal(len(new))
        m.d.comb += [
            chosen.eq(select(slots, self.rank)),
            self.out_valid.eq(select(list(occupied), self.rank)),
        ]
        self._show(m, chosen, self.core_width)
        return m

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
