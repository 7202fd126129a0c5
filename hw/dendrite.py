"""Dendritic tree: the saturating response of a branch, and the sum of six of them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import LINK_COUNT_WIDTH, MAX_NEIGHBOURS
from golden.spec.neural import (
    BRANCH,
    MEMBRANE,
    RECIPROCAL_BASES,
    RECIPROCAL_FALLS,
    RESPONSE_BASE_BITS,
    RESPONSE_FRACTION_BITS,
    RESPONSE_OFFSET_BITS,
    RESPONSE_SEGMENTS,
    RESPONSE_SLOPE_BITS,
    RESPONSE_WIDTH,
)
from hw.bits import parts, select

__all__ = ["BranchResponse", "DendriteTree"]

TOTAL_WIDTH = (MAX_NEIGHBOURS * 3 << RESPONSE_FRACTION_BITS).bit_length()
DISTANCE_WIDTH = RESPONSE_BASE_BITS - 1
"""1 - 1/m for 1 <= m < 2 is below a half."""
SEGMENT_BITS = (RESPONSE_SEGMENTS - 1).bit_length()
FALL_WIDTH = max(RECIPROCAL_FALLS).bit_length()
CUT = RESPONSE_SLOPE_BITS + RESPONSE_OFFSET_BITS - RESPONSE_BASE_BITS
"""Fraction bits of a fall times an offset beyond those of a base."""


class DendriteTree(wiring.Component):
    """``current`` = the sum of the first ``n_links`` responses.

    ``responses``: six numbers of 16 bits, slot 0 lowest, of which the highest bit is not looked at. ``n_links``: 0..6
    (7 acts as 6). ``current``: Q6.20, a register, as is ``out_valid``. Latency 1 cycle, throughput one neuron a cycle.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": In(1),
                "responses": In(MAX_NEIGHBOURS * BRANCH.width),
                "n_links": In(LINK_COUNT_WIDTH),
                "out_valid": Out(1),
                "current": Out(signed(MEMBRANE.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        used = [
            response[:RESPONSE_WIDTH] & (self.n_links > slot).replicate(RESPONSE_WIDTH)
            for slot, response in enumerate(parts(self.responses, BRANCH.width))
        ]
        total = Signal(TOTAL_WIDTH)
        m.d.sync += [self.out_valid.eq(self.valid), total.eq(sum(used, Const(0)))]
        m.d.comb += self.current.eq(total << (MEMBRANE.fraction_bits - RESPONSE_FRACTION_BITS))
        return m


class BranchResponse(wiring.Component):
    """``response`` = f(b) of ``branch``, a signed Q4.12 number: 0 below 0, b below 1, and 3 - 4/(1 + b) from there on.

    Combinational, in 2**-13.
    """

    def __init__(self) -> None:
        super().__init__({"branch": In(signed(BRANCH.width)), "response": Out(RESPONSE_WIDTH)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.response.eq(Mux(self.branch[-1], 0, self._response(m, self.branch)))
        return m

    def _response(self, m: Module, branch: Value) -> Value:
        """f of a branch that is not negative.

        With 1 + b = m 2**o' and 1 <= m < 2, 3 - 4/(1 + b) = 3 - 4/2**o' + (1 - 1/m) 4/2**o'. The contract's rounding
        of the whole is that of the last term, whose bits then follow those of the constant: no addition is left.
        """
        one = BRANCH.fraction_bits
        above = branch[one:-1]
        linear, octave2, octave3 = (Signal(name=name) for name in ("linear", "octave_two", "octave_three"))
        whole = Signal(3)
        m.d.comb += [
            linear.eq(above == 0),
            octave3.eq(above == 7),
            octave2.eq((above >= 3) & ~octave3),
            whole.eq(above + 1),
        ]
        mantissa = Signal(one + 1)
        u = Cat(branch[:one], whole)
        m.d.comb += mantissa.eq(Mux(octave3, u[2:], Mux(octave2, u[1:], u)))
        offset, segment = mantissa[:RESPONSE_OFFSET_BITS], mantissa[RESPONSE_OFFSET_BITS:]
        start, fall = Signal(DISTANCE_WIDTH), Signal(FALL_WIDTH)
        starts = [Const((1 << RESPONSE_BASE_BITS) - base, DISTANCE_WIDTH) for base in RECIPROCAL_BASES]
        falls = [Const(value, FALL_WIDTH) for value in RECIPROCAL_FALLS]
        m.d.comb += [start.eq(select(starts, segment)), fall.eq(select(falls, segment))]

        # 1 - 1/m, and one half of what is cut off. (Rounded down, 4q / 2**3 gives the third octave one unit more. It
        # never counts: that octave reaches the first segments only, whose falls are even.)
        terms = [Mux(bit, offset, 0) << place for place, bit in enumerate(fall)]
        halves = Cat(~octave2 & ~octave3, octave2, octave3) << CUT - 1
        distance = Signal(CUT + DISTANCE_WIDTH)
        m.d.comb += distance.eq(sum(terms, Cat(halves[:CUT], start)) + (halves[CUT:] << CUT))
        d = distance[CUT:]
        saturating = Mux(
            octave3,
            Cat(d[2:], Const(0b101 << 1, 4)),
            Mux(octave2, Cat(d[1:], Const(0b100, 3)), Cat(d, Const(0b01, 2))),
        )
        return Mux(linear, branch[:one] << 1, saturating)
