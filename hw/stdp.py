"""STDP engine: learning from spikes, beside the router."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import INDEX_WIDTH, WEIGHT_WIDTH
from golden.spec.neural import (
    AGE_FRACTION_BITS,
    ELAPSED,
    WEIGHT_MAX_RAW,
    WEIGHT_ONE,
    WEIGHT_RESIDUE,
    WINDOW_BASES,
    WINDOW_FALLS,
    WINDOW_OFFSET_BITS,
    WINDOW_SEGMENTS,
)
from hw.bits import select
from hw.fixed_point import add_with_carry

__all__ = ["StdpEngine"]

ELAPSED_DROP = 8
"""Bits of an elapsed time that an age leaves out."""
OCTAVE_BITS = 4
"""After 16 octaves nothing is left of the window."""
AGE_DROP = AGE_FRACTION_BITS - WINDOW_OFFSET_BITS - (WINDOW_SEGMENTS - 1).bit_length()
"""Bits of an age that do not count."""
WINDOW_WIDTH = max(WINDOW_BASES).bit_length()
FALL_WIDTH = max(WINDOW_FALLS).bit_length()
FALL_SHIFT = 6
"""Fraction bits of a fall times an offset beyond those of a base."""
SUM_WIDTH = 17
TOTAL_WIDTH = SUM_WIDTH + 1
WEIGHT_RAW_WIDTH = WEIGHT_WIDTH + WEIGHT_RESIDUE.width
HALF = WEIGHT_ONE // 2


class StdpEngine(wiring.Component):
    """Potentiates the weights of a spike's targets by 2.55 exp(-elapsed/20 ms), then depresses the spike's own.

    ``issue`` with a ``target``: the target's weight grows by the window of its ``elapsed`` (UQ8.16 ms, a cycle later;
    not when that is 0). ``own`` with the spike's index: its weight falls by 1.2 times the sum of those increments.
    A weight, 0..255, is a byte and a signed residue in 2**-12 (``weight`` and ``residue`` of ``read_target``). Latency
    4 cycles from ``issue`` or ``own`` to ``write``, throughput one a cycle; the same target may come again at once.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "issue": In(1),
                "own": In(1),
                "target": In(INDEX_WIDTH),
                "elapsed": In(ELAPSED.width),
                "weight": In(WEIGHT_WIDTH),
                "residue": In(WEIGHT_RESIDUE.width),
                "read_target": Out(INDEX_WIDTH),
                "write": Out(1),
                "write_target": Out(INDEX_WIDTH),
                "write_weight": Out(WEIGHT_WIDTH),
                "write_residue": Out(WEIGHT_RESIDUE.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        targets = [Signal(INDEX_WIDTH, name=f"target{stage}", reset_less=True) for stage in (1, 2, 3, 4)]
        m.d.comb += [self.read_target.eq(targets[2]), self.write_target.eq(targets[3])]
        active = [Signal(name=f"active{stage}") for stage in (1, 2, 3)]
        own = [Signal(name=f"own{stage}") for stage in (1, 2, 3)]
        m.d.sync += [
            after.eq(before)
            for chain in (
                [self.target, *targets],
                [self.issue | self.own, *active, self.write],
                [self.own, *own],
            )
            for before, after in pairwise(chain)
        ]
        doubled = self._window(m, active[0])
        change, carry, lowers = self._change(m, own[2], doubled)
        self._weight(m, change, carry, lowers)
        return m

    def _window(self, m: Module, active: Signal) -> Signal:
        """Stages 1 and 2: twice the increment of a link, rounded down; 0 if nothing is there."""
        time = self.elapsed[ELAPSED_DROP:]
        age = Signal(AGE_FRACTION_BITS + OCTAVE_BITS + 1)
        # elapsed / 20 ms * log2(e), the logarithm of how much the window has fallen.
        m.d.comb += age.eq((time << 2) + (time >> 1) + (time >> 3) - (time >> 7) - (time >> 11))
        place, pair = Signal(len(age) - AGE_DROP - 1, reset_less=True), Signal()
        m.d.sync += [place.eq(age[AGE_DROP:-1]), pair.eq(active & self.elapsed.any() & ~age[-1])]
        offset = place[:WINDOW_OFFSET_BITS]
        segment, octaves = place[WINDOW_OFFSET_BITS:-OCTAVE_BITS], place[-OCTAVE_BITS:]
        base, fall = Signal(WINDOW_WIDTH), Signal(FALL_WIDTH)
        product, value = Signal(FALL_WIDTH + WINDOW_OFFSET_BITS), Signal(WINDOW_WIDTH)
        m.d.comb += [
            base.eq(select([Const(number, WINDOW_WIDTH) for number in WINDOW_BASES], segment)),
            fall.eq(select([Const(number, FALL_WIDTH) for number in WINDOW_FALLS], segment)),
            product.eq(sum((Mux(bit, fall, 0) << number for number, bit in enumerate(offset)), Const(0))),
            # base - product / 2**6, rounded down.
            value.eq(~add_with_carry(~base, product[FALL_SHIFT:], product[:FALL_SHIFT].any())[:WINDOW_WIDTH]),
        ]
        for number, octave_bit in enumerate(octaves):
            stage = Signal(WINDOW_WIDTH, name=f"shifted{number}")
            m.d.comb += stage.eq(Mux(octave_bit, value >> (1 << number), value))
            value = stage
        doubled = Signal(WINDOW_WIDTH)
        m.d.sync += doubled.eq(Mux(pair, value, 0))
        return doubled

    def _change(self, m: Module, own: Signal, doubled: Signal) -> tuple[Signal, Signal, Signal]:
        """Stage 3: what the weight changes by, as a number, a carry to be added to it, and its sign.

        One addition makes the new sum of a link and 1.2 times the sum for the spike's own weight.
        """
        total = Signal(SUM_WIDTH)
        y = [Signal(SUM_WIDTH + 2, name=f"fifth{step}") for step in range(3)]
        m.d.comb += [
            y[0].eq((total << 1) + total),
            y[1].eq(y[0] + (y[0] >> 4)),
            y[2].eq(y[1] + (y[1] >> 8)),
        ]
        more, result = Signal(TOTAL_WIDTH), Signal(TOTAL_WIDTH)
        carry_in = Signal()
        m.d.comb += [
            more.eq(Mux(own, y[2] >> 4, doubled >> 1)),
            carry_in.eq(Mux(own, y[2][3], doubled[0])),
            result.eq(add_with_carry(total, more, carry_in)),
        ]
        change = Signal(TOTAL_WIDTH, reset_less=True)
        carry, lowers = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            total.eq(Mux(own, 0, result)),
            # Minus the result is its complement and one.
            change.eq(Mux(own, ~result, doubled >> 1)),
            carry.eq(own | doubled[0]),
            lowers.eq(own),
        ]
        return change, carry, lowers

    def _weight(self, m: Module, change: Signal, carry: Signal, lowers: Signal) -> None:
        """Stage 4: the new weight. Raised by half a byte throughout, so that its byte is the rounded one."""
        top = WEIGHT_RESIDUE.width - 1
        forward, written = Signal(), Signal(WEIGHT_RAW_WIDTH, reset_less=True)
        before, after = Signal(WEIGHT_RAW_WIDTH), Signal(WEIGHT_RAW_WIDTH)
        total = Signal(signed(WEIGHT_RAW_WIDTH + 1))
        below, above = Signal(), Signal()
        m.d.comb += [
            before.eq(Mux(forward, written, Cat(self.residue[:top], ~self.residue[top], self.weight))),
            total.eq(add_with_carry(before, Cat(change, lowers).as_signed(), carry)),
            # A fall is less than 2**18 and an increment less than 2**14: beyond the range, the direction tells the end.
            below.eq(Mux(total[-1], lowers, ~total[top:-1].any())),
            above.eq(Mux(total[-1], ~lowers, total[top:-1].all())),
            after.eq(Mux(below, HALF, Mux(above, WEIGHT_MAX_RAW + HALF, total))),
            self.write_weight.eq(after[top + 1 :]),
            self.write_residue.eq(Cat(after[:top], ~after[top])),
        ]
        m.d.sync += [written.eq(after), forward.eq(self.write & (self.read_target == self.write_target))]
