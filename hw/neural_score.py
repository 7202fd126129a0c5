"""Score of the neuromorphic search: what is driven into the neurons, what is heard from them, and the sequence."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import COUNT_WIDTH, INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import (
    FACTOR_POINT,
    MEMBRANE,
    RATE,
    RATIO_BITS,
    RESONANCE_WIDTH,
    TRACE,
)
from hw.bits import saturate
from hw.divider import divider_width
from hw.neuron_store import context_width

__all__ = ["SHARE_SHIFT", "TRACE_SHIFT", "SearchScore"]

ONE = 1 << MEMBRANE.fraction_bits
LATE_WIDTH = 24
FIRST_SHIFT = 5
"""A drive's quotient is a membrane of twice its value."""
SHARE_SHIFT = FACTOR_POINT - INDEX_WIDTH
"""A count over 32 as a factor word."""
TRACE_SHIFT = MEMBRANE.fraction_bits - TRACE.fraction_bits
SUM_WIDTH = max(LATE_WIDTH, RATE.width + 1) + INDEX_WIDTH
WEIGHT_STEP = 3
"""Each iteration counts an eighth of the one before."""
N_HEARD = LATE_WIDTH // WEIGHT_STEP
"""Later iterations count nothing."""
MAX_GLIMPSES = 3
GLIMPSES_WIDTH = 2
RESONANCE_SHIFT = 16
KEY_SHIFT = 5
KEPT_SHIFT = TRACE_SHIFT + 3
"""Seven eighths of a trace stay."""


class SearchScore(wiring.Component):
    """Memories and arithmetic of the neuromorphic search; when what happens is up to the neuron unit.

    ``late`` of ``node`` (while listening: of ``ahead_index``) and ``glimpses`` of ``context`` are there a cycle after
    them. ``share`` is the drive's numerator in the cycle of ``look``, its denominator otherwise. ``iteration`` is the
    number of the one that runs or comes next. Formulas: docs/contract_fabric.md.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        size = divider_width(config)
        flags = (
            *("restart", "captured", "take_least", "take_fifth", "look", "begin", "drive", "listen", "next_iteration"),
            *("tap_valid", "tap_active", "fired", "clear_sums", "add_rate", "store_score", "compare_score"),
            *("compare_trace", "settle", "forget", "write_glimpses"),
        )
        super().__init__(
            {name: In(1) for name in flags}
            | {
                "context": In(context_width(config.contexts_per_slice)),
                "count": In(COUNT_WIDTH),
                "node": In(INDEX_WIDTH),
                "captured_key": In(signed(config.key_width)),
                "captured_index": In(INDEX_WIDTH),
                "near_key": In(signed(config.key_width)),
                "quotient": In(RATIO_BITS + 1),
                "tap_index": In(INDEX_WIDTH),
                "ahead_index": In(INDEX_WIDTH),
                "tap_membrane": In(signed(MEMBRANE.width)),
                "lif_result": In(signed(MEMBRANE.width)),
                "rate": In(RATE.width),
                "trace": In(TRACE.width),
                "resonance": In(RESONANCE_WIDTH),
                "glimpses_value": In(GLIMPSES_WIDTH),
                "iteration": Out(8),
                "share": Out(size),
                "late": Out(signed(LATE_WIDTH)),
                "volley": Out(COUNT_WIDTH),
                "sum_score": Out(signed(SUM_WIDTH)),
                "glimpses": Out(GLIMPSES_WIDTH),
                "final_key": Out(signed(config.key_width)),
                "new_trace": Out(TRACE.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._drive(m)
        self._remember(m)
        self._sum(m)
        self._finish(m)
        return m

    def _drive(self, m: Module) -> None:
        """The unit of distance, and a neuron's share of it."""
        key = signed(self.config.key_width)
        # The list's outputs come late in a cycle: they are looked at in the next.
        near, least = (Signal(key, name=name, reset_less=True) for name in ("near", "least"))
        m.d.sync += near.eq(self.near_key)
        # Until the fifth distance is seen, the greatest one.
        unit, greatest, wants_greatest = Signal(self.config.key_width + 1, reset_less=True), Signal(key), Signal()
        m.submodules.distances = distances = memory.Memory(shape=key, depth=VECTORS_PER_CORE, init=[])
        read, write = distances.read_port(), distances.write_port()
        m.d.comb += [
            read.addr.eq(self.node),
            write.addr.eq(self.captured_index),
            write.data.eq(self.captured_key),
            write.en.eq(self.captured),
        ]
        # One subtraction: what lies between the least distance, if that is negative, and some other one.
        below, other, spread = Signal(key), Signal(key), Signal(unit.shape())
        m.d.comb += [
            greatest.eq(unit),
            below.eq(least & least[-1].replicate(len(least))),
            other.eq(read.data),
            spread.eq(other - below),
            self.share.eq(unit + (spread << 2)),
        ]
        with m.If(self.take_fifth):
            m.d.comb += other.eq(near)
        with m.Elif(wants_greatest):
            m.d.comb += other.eq(greatest)
        with m.Elif(self.look):
            m.d.comb += other.eq(least)
        m.d.sync += wants_greatest.eq(self.take_fifth & ~spread.any())
        with m.If(self.restart):
            m.d.sync += unit.eq(1 << (key.width - 1))
        with m.Elif(self.captured & (self.captured_key > greatest)):
            m.d.sync += unit.eq(self.captured_key)
        with m.If(self.take_least):
            m.d.sync += least.eq(near)
        with m.If((self.take_fifth & spread.any()) | wants_greatest):
            m.d.sync += unit.eq(spread)

    def _remember(self, m: Module) -> None:
        """What neurons are heard to do after the first volley, and what they began with."""
        m.submodules.late = late = memory.Memory(shape=signed(LATE_WIDTH), depth=VECTORS_PER_CORE, init=[])
        m.submodules.first = first = memory.Memory(shape=RATIO_BITS + 1, depth=VECTORS_PER_CORE, init=[])
        late_read, late_write = late.read_port(), late.write_port()
        first_read, first_write = first.read_port(), first.write_port()
        capped = Signal(signed(MEMBRANE.width))
        heard = Signal(signed(MEMBRANE.width + 1))
        self._score = Signal(signed(LATE_WIDTH))
        hears = Signal()
        m.d.comb += [
            capped.eq(Mux(~self.tap_membrane[-1] & (self.tap_membrane >= 2 * ONE), 2 * ONE, self.tap_membrane)),
            heard.eq(capped + Mux(self.tap_active, ONE, 0)),
            hears.eq(self.listen & self.tap_valid & (self.iteration != 0) & (self.iteration < N_HEARD)),
            self.late.eq(late_read.data),
            self._score.eq((first_read.data << FIRST_SHIFT) + self.lif_result),
            late_read.addr.eq(Mux(self.listen, self.ahead_index, self.node)),
            first_read.addr.eq(self.node),
            first_write.addr.eq(self.node),
            first_write.data.eq(self.quotient),
            first_write.en.eq(self.drive),
            late_write.addr.eq(Mux(self.listen, self.tap_index, self.node)),
            late_write.en.eq(hears | self.drive | self.store_score),
        ]
        faded = heard
        for bit in range((N_HEARD - 1).bit_length()):
            stage = Signal(heard.shape(), name=f"faded{bit}")
            m.d.comb += stage.eq(Mux(self.iteration[bit], faded >> (WEIGHT_STEP << bit), faded))
            faded = stage
        m.d.comb += late_write.data.eq(Mux(self.listen, self.late + faded, Mux(self.store_score, self._score, 0)))
        with m.If(self.begin):
            m.d.sync += [self.iteration.eq(0), self.volley.eq(0)]
        with m.Elif(self.listen):
            m.d.sync += [
                self.iteration.eq(self.iteration + self.next_iteration),
                self.volley.eq(self.volley + (self.fired & (self.iteration == 0))),
            ]

    def _sum(self, m: Module) -> None:
        """Sums, what lies above the means, and whether a sequence goes on."""
        sum_trace, agree = Signal(TRACE.width + INDEX_WIDTH, reset_less=True), Signal(COUNT_WIDTH, reset_less=True)
        sum_score = Signal(self.sum_score.shape(), name="sum", reset_less=True)
        m.d.comb += self.sum_score.eq(sum_score)
        mean, above, exceeds, agrees = Signal(signed(MEMBRANE.width)), Signal(), Signal(), Signal()
        addend = Signal(signed(max(LATE_WIDTH, RATE.width + 1)))
        m.d.comb += [
            addend.eq(Mux(self.add_rate, self.rate, self._score)),
            mean.eq(Mux(self.compare_trace, sum_trace << (TRACE_SHIFT - INDEX_WIDTH), self.sum_score >> INDEX_WIDTH)),
            exceeds.eq(self.lif_result > mean),
            agrees.eq(above == exceeds),
        ]
        m.d.sync += above.eq(exceeds)
        with m.If(self.clear_sums):
            m.d.sync += [sum_score.eq(0), sum_trace.eq(0), agree.eq(0)]
        with m.Elif(self.add_rate | self.store_score):
            m.d.sync += [sum_score.eq(sum_score + addend), sum_trace.eq(sum_trace + self.trace)]
        with m.If(self.compare_trace):
            m.d.sync += agree.eq(agree + agrees)

        m.submodules.glimpses = glimpses = memory.Memory(
            shape=GLIMPSES_WIDTH, depth=self.config.contexts_per_slice, init=[]
        )
        read, write = glimpses.read_port(), glimpses.write_port()
        known, needed = Signal(COUNT_WIDTH + 5), Signal(COUNT_WIDTH + 5)
        self._past, self._continues, continues = Signal(GLIMPSES_WIDTH), Signal(), Signal()
        m.d.comb += [
            self.glimpses.eq(read.data),
            known.eq((agree << 4) + (self.volley << 2)),
            # 12, 13 or 14 for 1, 2 or 3 glimpses.
            needed.eq((self.count << 3) + (self.count << 2) + Mux(read.data[1], self.count << read.data[0], 0)),
            continues.eq((read.data != 0) & (known >= needed)),
            read.addr.eq(self.context),
            write.addr.eq(self.context),
            write.en.eq(self.settle | self.forget | self.write_glimpses),
            write.data.eq(self.glimpses_value),
        ]
        with m.If(self.forget):
            m.d.comb += write.data.eq(0)
        with m.Elif(self.settle):
            m.d.comb += write.data.eq(Mux(continues, Mux(read.data.all(), MAX_GLIMPSES, read.data + 1), 1))
            m.d.sync += [self._past.eq(read.data), self._continues.eq(continues)]

    def _finish(self, m: Module) -> None:
        """A neuron's final score as a distance, and its trace."""
        trace = Signal(TRACE.width + TRACE_SHIFT)
        share = Signal(trace.shape())
        kept, farther = Signal(signed(len(trace) + 2)), Signal(signed(len(trace) + 3))
        left = Signal(signed(len(kept) + 3 - KEPT_SHIFT))
        m.d.comb += [
            trace.eq(Mux(self._continues, self.trace << TRACE_SHIFT, 0)),
            share.eq(Mux(self._past[1], Mux(self._past[0], trace, trace >> 1), trace >> 2)),
            kept.eq(self.late + trace),
            # -(final >> s) = (2**s - 1 - final) >> s, and -x = ~x + 1.
            farther.eq(
                ~self.late
                + (~Cat(share, Const(0, 1))).as_signed()
                + ((1 << KEY_SHIFT) + 1 - (self.resonance >> RESONANCE_SHIFT))
            ),
            self.final_key.eq(saturate(farther >> KEY_SHIFT, self.config.key_width)),
            left.eq(((kept << 3) - kept + (1 << (KEPT_SHIFT - 1))) >> KEPT_SHIFT),
            self.new_trace.eq(left[: TRACE.width]),
        ]
        with m.If(left[-1]):
            m.d.comb += self.new_trace.eq(0)
        with m.Elif(left[TRACE.width :].any()):
            m.d.comb += self.new_trace.eq(TRACE.max_raw)
