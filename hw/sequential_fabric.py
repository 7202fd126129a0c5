"""The sequential engine's way to time, pins and events: what the processor does not do itself."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import PHASE_WIDTH
from hw.fabric_ports import PIN_PORTS, fabric_ports
from hw.fabric_time import attach_inlet, attach_outlet, attach_time
from hw.reporter import SpikeReporter

__all__ = ["SequentialFabric"]


class SequentialFabric(wiring.Component):
    """Time base, inlet, reporter and the phase register.

    A tick by time starts with ``timed_start`` while the array is ``idle``, and is ``timed`` until ``finish``. The
    inlet's entry (``inlet_valid``: ``inlet_core``, ``admitted``) goes with ``inlet_pop``. ``report`` (while not
    ``reporting``) takes ``spikes`` of ``core``. ``phase_due`` until ``restart``; ``set_phase`` takes ``value``.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            PIN_PORTS
            | fabric_ports()
            | {
                "idle": In(1),
                "finish": In(1),
                "timed_start": Out(1),
                "timed_command": Out(32),
                "timed": Out(1),
                "inlet_pop": In(1),
                "inlet_valid": Out(1),
                "inlet_core": Out(CORE_WIDTH),
                "admitted": Out(VECTORS_PER_CORE),
                "report": In(1),
                "core": In(CORE_WIDTH),
                "spikes": In(VECTORS_PER_CORE),
                "reporting": Out(1),
                "restart": In(1),
                "phase_due": Out(1),
                "set_phase": In(1),
                "value": In(PHASE_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reporter = reporter = SpikeReporter()
        time = attach_time(m, self)
        inlet = attach_inlet(m, self, self.config.cores)
        attach_outlet(m, self, reporter)
        m.d.comb += [
            inlet.pop.eq(self.inlet_pop),
            self.inlet_valid.eq(inlet.valid),
            self.inlet_core.eq(inlet.out_value[VECTORS_PER_CORE:]),
            reporter.take.eq(self.report),
            self.reporting.eq(reporter.busy),
            time.restarted.eq(self.restart),
            self.phase_due.eq(time.phase_due),
        ]
        # The bus writes the phase only while nothing runs.
        with m.If(self.set_phase):
            m.d.sync += self.phase.eq(self.value)
        with m.Elif(self.write_phase):
            m.d.sync += self.phase.eq(self.new_phase)
        return m
