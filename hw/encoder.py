"""Spike encoder: a vector as a pattern of 32 spike times."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import MAX_DIMS
from golden.spec.neural import HISTORY_WIDTH

__all__ = ["SpikeEncoder"]


class SpikeEncoder(wiring.Component):
    """Two passes over the elements v: ``scan`` finds m, the largest \\|v\\|, ``encode`` sets a bit for each element.

    Bit ``index`` + s ``stride`` (mod 32) of ``pattern``, s = floor(8 (m - v) / 2m) = 0..8; none if m = 0. ``clear``
    empties both registers and wins. Latency 1 cycle, throughput one element a cycle; ``largest`` is in element units.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "scan": In(1),
                "encode": In(1),
                "element": In(signed(config.element_width)),
                "index": In(range(MAX_DIMS)),
                "stride": In(2),
                "largest": Out(config.element_width),
                "pattern": Out(HISTORY_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.config.element_width
        magnitude, room = Signal(width), Signal(signed(width + 1))
        negative, positive, beyond = Signal(), Signal(), Signal()
        m.d.comb += [
            negative.eq(self.element[-1]),
            positive.eq(~negative & self.element.any()),
            magnitude.eq((self.element ^ negative.replicate(width)) + negative),
            # One subtraction tells whether the magnitude is the largest and what is left of m - v.
            room.eq(self.largest - magnitude),
            beyond.eq(room[-1]),
        ]

        # 4 (m - v) / m, digit by digit: v <= 0 takes off m and leaves -v; v = -m takes off twice m.
        rest2, trial2 = Signal(width), Signal(signed(width + 2))
        rest1, trial1 = Signal(width), Signal(signed(width + 2))
        slot = Signal(4)
        all_of_it, nothing = Signal(), Signal()
        m.d.comb += [
            rest2.eq(Mux(positive, room, magnitude)),
            trial2.eq((rest2 << 1) - self.largest),
            rest1.eq(Mux(trial2[-1], rest2 << 1, trial2)),
            trial1.eq((rest1 << 1) - self.largest),
            all_of_it.eq(~positive & (room <= 0)),
            nothing.eq(positive & beyond),
            slot.eq(
                Mux(all_of_it, 8, Mux(nothing, 0, Cat(~trial1[-1], ~trial2[-1], ~positive))),
            ),
        ]
        place = Signal(range(HISTORY_WIDTH))
        m.d.comb += place.eq(self.index + Mux(self.stride[0], slot, 0) + (Mux(self.stride[1], slot, 0) << 1))
        spikes = Signal()
        m.d.comb += spikes.eq(self.encode & self.largest.any())
        m.d.sync += self.pattern.eq(Mux(self.clear, 0, self.pattern | (Const(1) << place) & spikes.replicate(32)))
        with m.If(self.clear):
            m.d.sync += self.largest.eq(0)
        with m.Elif(self.scan & beyond):
            m.d.sync += self.largest.eq(magnitude)
        return m
