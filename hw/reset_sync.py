"""Reset synchroniser: asserts at once, releases with the clock."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ResetSync"]


class ResetSync(wiring.Component):
    """Turns an asynchronous active-low reset pin into a synchronous active-high reset.

    ``rst`` rises with ``rst_n`` falling, whatever the clock does, and falls at the second rising
    edge after ``rst_n`` has risen.
    """

    def __init__(self) -> None:
        super().__init__({"rst_n": In(1), "rst": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        domain = ClockDomain("release", async_reset=True, local=True)
        m.domains += domain
        m.d.comb += [ClockSignal("release").eq(ClockSignal("sync")), ResetSignal("release").eq(~self.rst_n)]
        stage = Signal(init=1)
        out = Signal(init=1)
        m.d["release"] += [stage.eq(0), out.eq(stage)]
        m.d.comb += self.rst.eq(out)
        return m
