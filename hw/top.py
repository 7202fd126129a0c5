"""The top level: bus front end and array, with flat port names."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.registers import ADDR_WIDTH, DATA_WIDTH
from golden.spec.sequential_program import PROGRAM
from hw.array import VectorArray
from hw.axi import AxiLiteFrontEnd
from hw.fabric_ports import PIN_PORTS
from hw.reset_sync import ResetSync
from hw.sequential_array import SequentialArray

__all__ = ["Ganglion", "Top"]

BUS_PORTS = {
    "s_axil_awaddr": In(ADDR_WIDTH),
    "s_axil_awprot": In(3),
    "s_axil_awvalid": In(1),
    "s_axil_awready": Out(1),
    "s_axil_wdata": In(DATA_WIDTH),
    "s_axil_wstrb": In(DATA_WIDTH // 8),
    "s_axil_wvalid": In(1),
    "s_axil_wready": Out(1),
    "s_axil_bresp": Out(2),
    "s_axil_bvalid": Out(1),
    "s_axil_bready": In(1),
    "s_axil_araddr": In(ADDR_WIDTH),
    "s_axil_arprot": In(3),
    "s_axil_arvalid": In(1),
    "s_axil_arready": Out(1),
    "s_axil_rdata": Out(DATA_WIDTH),
    "s_axil_rresp": Out(2),
    "s_axil_rvalid": Out(1),
    "s_axil_rready": In(1),
    "irq": Out(1),
}


def top_ports(config: Config) -> dict[str, wiring.Member]:
    """The bus, and the pins of time and spikes where there are contexts."""
    return BUS_PORTS | (PIN_PORTS if config.contexts else {})


class Ganglion(wiring.Component):
    """An array behind AXI4-Lite, in the clock domain ``sync``. ``irq`` is level, active high."""

    def __init__(self, config: Config, *, separate_slice: bool = False) -> None:
        self.config = config
        self.separate_slice = separate_slice
        super().__init__(top_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.front = front = AxiLiteFrontEnd(self.config)
        m.submodules.array = array = (
            SequentialArray(self.config, PROGRAM)
            if self.config.sequential
            else VectorArray(self.config, separate_slice=self.separate_slice)
        )
        for name, member in BUS_PORTS.items():
            own, inner = getattr(self, name), getattr(front, name.removeprefix("s_axil_"))
            m.d.comb += inner.eq(own) if member.flow is In else own.eq(inner)
        for name, member in array.signature.members.items():
            if name in PIN_PORTS:
                own, inner = getattr(self, name), getattr(array, name)
                m.d.comb += inner.eq(own) if member.flow is In else own.eq(inner)
                continue
            inner, outer = getattr(array, name), getattr(front, name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        return m


class Top(wiring.Component):
    """``Ganglion`` with its clock and an asynchronous, active-low reset as pins: what a design instantiates."""

    def __init__(self, config: Config, *, separate_slice: bool = False) -> None:
        self.config = config
        self.separate_slice = separate_slice
        super().__init__({"clk": In(1), "rst_n": In(1)} | top_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain("sync")
        m.submodules.reset = reset = ResetSync()
        m.submodules.ganglion = ganglion = Ganglion(self.config, separate_slice=self.separate_slice)
        m.d.comb += [
            ClockSignal("sync").eq(self.clk),
            reset.rst_n.eq(self.rst_n),
            ResetSignal("sync").eq(reset.rst),
        ]
        for name, member in top_ports(self.config).items():
            own, inner = getattr(self, name), getattr(ganglion, name)
            if member.flow is In:
                m.d.comb += inner.eq(own)
            elif name.endswith("ready"):
                # The synchroniser holds the reset two cycles longer than the pin: nothing is accepted in them.
                m.d.comb += own.eq(inner & ~reset.rst)
            else:
                m.d.comb += own.eq(inner)
        return m
