"""Multiplier of the sequential engine: 32 x 32 bits in four steps of 16 x 16."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.ice40 import mac16, on_up5k

__all__ = ["MULTIPLY_STEPS", "Multiplier"]

MULTIPLY_STEPS = 4
"""Cycles from the first step to the last; the low word is there after the third, the high one after the fourth."""


class Multiplier(wiring.Component):
    """``a`` (signed) times ``b`` (unsigned), both steady while ``step`` counts 0, 1, 2, 3 in consecutive cycles.

    ``low`` is valid in the cycle of step 3 and after, ``high`` in the cycle after step 3, until the next step 0.
    """

    def __init__(self) -> None:
        super().__init__({"a": In(32), "b": In(32), "step": In(2), "low": Out(32), "high": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        half = Signal(16)
        late = self.step[1]
        low_low = Signal(16)
        from_low, from_high = Signal(32), Signal(signed(32))
        low_addend, high_addend = Signal(16), Signal(signed(32))
        m.d.comb += [
            half.eq(Mux(late, self.b[16:], self.b[:16])),
            # Step 0: a_low b_low; 1: a_high b_low + high half of that; 2: a_low b_high + low half of that.
            low_addend.eq(Mux(late, from_high[:16], 0)),
            # Step 3: a_high b_high + what the two middle products carry.
            high_addend.eq(Mux(late, from_high[16:].as_signed(), 0) + from_low[16:]),
            self.low.eq(Cat(low_low, from_low[:16])),
            self.high.eq(from_high),
        ]
        with m.If(self.step == 1):
            m.d.sync += low_low.eq(from_low[:16])
        # What counts of each: from_low of the steps 0 and 2, from_high of 1 and 3.
        low_turn, high_turn = ~self.step[0], self.step[0]
        if on_up5k(platform):
            choices = {"TOPADDSUB_LOWERINPUT": 2, "TOPADDSUB_UPPERINPUT": 1, "TOPADDSUB_CARRYSELECT": 2}
            choices |= {"BOTADDSUB_LOWERINPUT": 2, "BOTADDSUB_UPPERINPUT": 1, "TOPOUTPUT_SELECT": 1}
            choices |= {"BOTOUTPUT_SELECT": 1}
            low_out, _ = mac16(
                m, "low_half", a=self.a[:16], b=half, c=Const(0, 16), d=low_addend, enable=low_turn, **choices
            )
            high_out, _ = mac16(
                m,
                "high_half",
                a=self.a[16:].as_signed(),
                b=half,
                c=high_addend[16:],
                d=high_addend[:16],
                enable=high_turn,
                A_SIGNED=1,
                **choices,
            )
            m.d.comb += [from_low.eq(low_out), from_high.eq(high_out)]
        else:
            with m.If(low_turn):
                m.d.sync += from_low.eq(self.a[:16] * half + low_addend)
            with m.If(high_turn):
                m.d.sync += from_high.eq(self.a[16:].as_signed() * half + high_addend)
        return m
