"""Reporter: the spikes of a tick as a word on pins and as address events in a FIFO."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, VECTORS_PER_CORE
from hw.bits import lowest_bit
from hw.event_fifo import EventFifo

__all__ = ["OUTLET_DEPTH", "SpikeReporter"]

OUTLET_DEPTH = 64


class SpikeReporter(wiring.Component):
    """``take`` (while not ``busy``) a word of spikes: a cycle later it is on ``spike_out``, with ``spike_out_valid``.

    From then on one event (core, neuron) a cycle goes into the outlet, lowest first; one that does not fit is
    ``dropped``. The outlet is emptied with ``event_pop``.
    """

    def __init__(self) -> None:
        event = CORE_WIDTH + INDEX_WIDTH
        super().__init__(
            {
                "take": In(1),
                "core": In(CORE_WIDTH),
                "word": In(VECTORS_PER_CORE),
                "event_pop": In(1),
                "busy": Out(1),
                "dropped": Out(1),
                "spike_out_valid": Out(1),
                "spike_out_core": Out(CORE_WIDTH),
                "spike_out": Out(VECTORS_PER_CORE),
                "event_valid": Out(1),
                "event_data": Out(event),
                "event_level": Out(range(OUTLET_DEPTH + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.outlet = outlet = EventFifo(len(self.event_data), OUTLET_DEPTH)
        left = Signal(VECTORS_PER_CORE)
        m.d.comb += [
            self.busy.eq(left.any()),
            outlet.push.eq(self.busy),
            outlet.value.eq(Cat(lowest_bit(left), self.spike_out_core)),
            outlet.pop.eq(self.event_pop),
            self.dropped.eq(outlet.dropped),
            self.event_valid.eq(outlet.valid),
            self.event_data.eq(outlet.out_value),
            self.event_level.eq(outlet.level),
        ]
        m.d.sync += [
            self.spike_out_valid.eq(self.take),
            left.eq(Mux(self.take, self.word, left & (left - 1))),
        ]
        with m.If(self.take):
            m.d.sync += [self.spike_out_core.eq(self.core), self.spike_out.eq(self.word)]
        return m
