"""The event unit as what a design instantiates: with its clock and a reset pin."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from golden.spec.event_unit import EventUnitShape
from hw.event_unit import EVENT_PORTS, EventUnit
from hw.reset_sync import ResetSync

__all__ = ["EventTop"]


class EventTop(wiring.Component):
    """:class:`hw.event_unit.EventUnit` with ``clk`` and an asynchronous, active-low ``rst_n``."""

    def __init__(self, shape: EventUnitShape) -> None:
        self.shape = shape
        super().__init__({"clk": In(1), "rst_n": In(1)} | EVENT_PORTS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain("sync")
        m.submodules.reset = reset = ResetSync()
        m.submodules.unit = unit = EventUnit(self.shape)
        m.d.comb += [
            ClockSignal("sync").eq(self.clk),
            reset.rst_n.eq(self.rst_n),
            ResetSignal("sync").eq(reset.rst),
        ]
        for name, member in EVENT_PORTS.items():
            own, inner = getattr(self, name), getattr(unit, name)
            if member.flow is In:
                m.d.comb += inner.eq(own)
            elif name.endswith("ready"):
                # The synchroniser holds the reset two cycles longer than the pin: nothing is accepted in them.
                m.d.comb += own.eq(inner & ~reset.rst)
            else:
                m.d.comb += own.eq(inner)
        return m
