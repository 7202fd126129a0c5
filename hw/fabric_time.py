"""What time and spikes from and to the outside do, whatever the array's neurons are made of."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring

from golden.spec import encode
from golden.spec.constants import CORE_WIDTH, VECTORS_PER_CORE
from golden.spec.neural_commands import ALL_CONTEXTS, STEP_OSCILLATOR, NeuralOpcode
from golden.spec.neural_registers import STREAM
from hw.event_fifo import EventFifo
from hw.reporter import SpikeReporter
from hw.timebase import TimeBase

__all__ = ["INLET_DEPTH", "attach_inlet", "attach_outlet", "attach_time"]

INLET_DEPTH = 16


def attach_time(m: Module, unit: wiring.Component) -> TimeBase:
    """Ticks by time: ``timed_start`` of the command ``timed_command`` when the array is ``idle``, ``timed`` until
    ``finish``. ``unit`` has those ports, and the pins and registers of the fabric.
    """
    m.submodules.timebase = time = TimeBase()
    m.d.comb += [
        time.clk_snn.eq(unit.clk_snn),
        time.clk_gamma.eq(unit.clk_gamma),
        time.control.eq(unit.control),
        time.period.eq(unit.period),
        unit.timed_start.eq(time.due & time.control[0] & unit.idle),
        unit.timed_command.eq(
            encode(NeuralOpcode.TICK, index=ALL_CONTEXTS | STEP_OSCILLATOR) | (unit.tick_parts << 24)
        ),
        time.started.eq(unit.timed_start),
        unit.overrun.eq(time.overrun),
        unit.ticked.eq(unit.finish & unit.timed),
    ]
    with m.If(unit.timed_start):
        m.d.sync += unit.timed.eq(1)
    with m.Elif(unit.finish):
        m.d.sync += unit.timed.eq(0)
    return time


def attach_inlet(m: Module, unit: wiring.Component, n_cores: int) -> EventFifo:
    """Spikes from outside wait in a FIFO; the bits of the word at its end are ``admitted``."""
    m.submodules.inlet = inlet = EventFifo(CORE_WIDTH + VECTORS_PER_CORE, INLET_DEPTH)
    known = Signal()
    m.d.comb += [
        known.eq(unit.spike_in_core < n_cores),
        inlet.push.eq(unit.spike_in_valid & known),
        inlet.value.eq(Cat(unit.spike_in, unit.spike_in_core)),
        unit.dropped_input.eq(inlet.dropped | (unit.spike_in_valid & ~known)),
        unit.admitted.eq(inlet.out_value),
    ]
    return inlet


def attach_outlet(m: Module, unit: wiring.Component, reporter: SpikeReporter) -> None:
    """The reporter's word is ``spikes`` of ``core``; its events go to pins or wait to be read, as CONTROL says."""
    streams = (unit.control & STREAM).any()
    m.d.comb += [
        reporter.core.eq(unit.core),
        reporter.word.eq(unit.spikes),
        reporter.event_pop.eq(Mux(streams, unit.event_ready, unit.event_pop)),
        unit.event_valid.eq(streams & reporter.event_valid),
        unit.event_data.eq(Mux(streams, reporter.event_data, 0)),
        unit.held_valid.eq(~streams & reporter.event_valid),
        unit.held_event.eq(Mux(streams, 0, reporter.event_data)),
        unit.held_level.eq(reporter.event_level),
        unit.dropped_event.eq(reporter.dropped),
        unit.spiked.eq(reporter.take),
    ]
    for name in ("spike_out_valid", "spike_out_core", "spike_out"):
        m.d.comb += getattr(unit, name).eq(getattr(reporter, name))
