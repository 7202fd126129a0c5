"""Scan unit of the sequential engine: the first row whose distance to the query is below a threshold."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, MAX_DIMS
from hw.distance import Distance
from hw.ice40 import counted_or_loaded, kept_and_compared, on_up5k

__all__ = ["ROW_WIDTH", "VALUE_WIDTH", "ScanUnit"]

ROW_WIDTH = 7 + INDEX_WIDTH
"""Bits of a row's number: 128 cores."""
VALUE_WIDTH = 32


class ScanUnit(wiring.Component):
    """Reads rows from ``first`` to ``last``, one or two words each, and stops at the first key below the threshold.

    ``value`` is what the processor stores; strobes say where it goes: ``set_threshold``, ``set_last``, ``set_mode``
    (bit 0 dot, bit 1 two words a row, from bit 8 on the elements that count), ``set_operand`` (a bit for each word of
    the query) and ``start`` (the first row). While ``busy``, ``addr`` asks for a word of the memory in each cycle;
    ``data`` is that of the cycle before. For n rows of w words ``busy`` lasts 4 + w n cycles; then ``found``, ``row``
    and ``key`` stay until the next start. Mode, query and start come three cycles after ``busy`` at the earliest.

    Query and elements that count lie in two halves that change places with every word of a row of two: no multiplexer
    chooses between them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "value": In(VALUE_WIDTH),
                "set_threshold": In(1),
                "set_last": In(1),
                "set_mode": In(1),
                "set_operand": In(MAX_DIMS * config.element_width // VALUE_WIDTH),
                "start": In(1),
                "data": In(config.row_width),
                "busy": Out(1),
                "addr": Out(ROW_WIDTH + 1),
                "found": Out(1),
                "row": Out(ROW_WIDTH),
                "key": Out(signed(config.key_width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self.config.lanes
        m.submodules.distance = distance = Distance(self.config, holds=True)
        dot, two, mask = Signal(), Signal(), Signal(MAX_DIMS)
        reading, chunk, issue_row = Signal(), Signal(), Signal(ROW_WIDTH)
        # Complements, which is what subtractions and comparisons add.
        kept, last_kept = Signal(VALUE_WIDTH), Signal(ROW_WIDTH)
        query = [Signal(VALUE_WIDTH, name=f"query{word}", reset_less=True) for word in range(len(self.set_operand))]

        # Issue. Four words too many are read: an even number, so that the halves end where they began.
        m.d.comb += self.addr.eq(Cat(chunk, issue_row))
        m.d.sync += [chunk.eq(two & self.busy & ~chunk), reading.eq(self.busy)]
        swaps = Signal()
        m.d.comb += swaps.eq(reading & two)
        with m.If(self.set_mode):
            m.d.sync += [dot.eq(self.value[0]), two.eq(self.value[1])]
        with m.If(self.set_mode | swaps):
            m.d.sync += mask.eq(Mux(self.set_mode, self.value[8:], Cat(mask[lanes:], mask[:lanes])))
        for word, (operand, sets) in enumerate(zip(query, self.set_operand, strict=True)):
            with m.If(sets | swaps):
                m.d.sync += operand.eq(Mux(swaps, query[word ^ len(query) // 2], ~self.value))

        # Data, a cycle later: `chunk` is the other one now.
        m.d.comb += [
            distance.valid.eq(reading),
            distance.first.eq(~two | chunk),
            distance.last.eq(~two | ~chunk),
            distance.mode.eq(dot),
            distance.lane_mask.eq(mask[:lanes]),
            distance.query.eq(~Cat(query[: len(query) // 2])),
            distance.row.eq(self.data),
            self.key.eq(distance.distance),
        ]

        # Keys, four cycles after a row's last word was asked for.
        number = Signal(VALUE_WIDTH)
        ends, above, below, arrived, stops = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            number.eq(self.key),
            # The sign bit is kept complemented as well.
            below.eq(Mux(number[-1] == ~kept[-1], ~above, number[-1])),
            arrived.eq(distance.out_valid & self.busy),
            stops.eq(arrived & (below | ends)),
            distance.hold.eq(stops | ~self.busy),
        ]
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), self.found.eq(0)]
        with m.Elif(stops):
            m.d.sync += [self.busy.eq(0), self.found.eq(below)]

        kept_next, last_next = self._compare(m, platform, number[:-1], kept[:-1], last_kept, above, ends)
        with m.If(self.set_threshold):
            m.d.sync += kept.eq(Cat(kept_next, ~self.value[-1]))
        with m.If(self.set_last):
            m.d.sync += last_kept.eq(last_next)
        for name, count, step in (("issue", issue_row, ~two | chunk), ("row", self.row, arrived & ~stops)):
            if on_up5k(platform):
                following = counted_or_loaded(m, name, count, carry=step, load=self.start, value=self.value)
            else:
                following = Mux(self.start, self.value, count + step)
            m.d.sync += count.eq(following)
        return m

    def _compare(
        self, m: Module, platform: object, number: Value, kept: Value, last_kept: Value, above: Value, ends: Value
    ) -> tuple[Value, Value]:
        """Drives ``above`` (the key's lower bits are not below the threshold's) and ``ends`` (the row is the last).

        Returns what ``kept`` (but for the sign) and ``last_kept`` take when they are set.
        """
        if not on_up5k(platform):
            m.d.comb += [above.eq(number >= ~kept), ends.eq(self.row >= ~last_kept)]
            return ~self.value[:-1], ~self.value[:ROW_WIDTH]
        kept_next, carry = kept_and_compared(m, "threshold", number, kept, value=self.value)
        last_next, last_carry = kept_and_compared(m, "last", self.row, last_kept, value=self.value)
        for out, source in ((above, carry), (ends, last_carry)):
            m.d.comb += out.eq(source)
        return kept_next, last_next
