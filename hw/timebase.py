"""Time base: edges of the millisecond and gamma clocks, or of a counter, and the ticks that are due."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.neural_registers import GAMMA, RUN, TIME_BASE_WIDTH, TIMER

__all__ = ["TimeBase"]


class TimeBase(wiring.Component):
    """``due`` until ``started``: a tick that time has asked for; ``overrun``: it asked again before that.

    The pins are slow signals of another clock: two flip-flops each, and a third one for the edge. With CONTROL.TIMER
    the tick comes every ``period`` cycles instead. ``phase_due`` until ``restarted``: the oscillator is to begin anew.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clk_snn": In(1),
                "clk_gamma": In(1),
                "control": In(4),
                "period": In(TIME_BASE_WIDTH),
                "started": In(1),
                "restarted": In(1),
                "due": Out(1),
                "phase_due": Out(1),
                "overrun": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        run, timer, gamma = ((self.control & bit).any() for bit in (RUN, TIMER, GAMMA))
        counts, ends, edge, turn = Signal(), Signal(), Signal(), Signal()
        count, following = Signal(TIME_BASE_WIDTH), Signal(TIME_BASE_WIDTH + 1)
        m.d.comb += [
            counts.eq(run & timer & self.period.any()),
            following.eq(count + 1),
            ends.eq(following >= self.period),
            edge.eq(Mux(timer, counts & ends, self._edge(m, "snn", self.clk_snn))),
            turn.eq(self._edge(m, "gamma", self.clk_gamma)),
            self.overrun.eq(run & edge & self.due & ~self.started),
        ]
        m.d.sync += [
            count.eq(Mux(counts & ~ends, following, 0)),
            self.due.eq(run & (edge | (self.due & ~self.started))),
            self.phase_due.eq(gamma & (turn | (self.phase_due & ~self.restarted))),
        ]
        return m

    def _edge(self, m: Module, name: str, pin: Value) -> Value:
        """A rising edge of a pin. High after reset: a clock that rests high makes no edge."""
        stages = [pin]
        for stage in range(3):
            stages.append(Signal(name=f"{name}{stage}", init=1))
            m.d.sync += stages[-1].eq(stages[-2])
        return stages[2] & ~stages[3]
