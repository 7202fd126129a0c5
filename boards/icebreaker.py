"""iCEBreaker (iCE40 UP5K): 128 cores behind a UART."""

from amaranth.build import Pins, Resource
from amaranth.hdl import ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth_boards.icebreaker import ICEBreakerPlatform

from golden.spec import Config, preset
from hw.reset_sync import ResetSync
from hw.top import BUS_PORTS, Ganglion
from hw.uart_bridge import UartBridge

__all__ = ["BAUD", "CLOCK_HZ", "CONFIG", "FACTS", "SEEDS", "Icebreaker", "design", "platform"]

CONFIG: Config = preset("up5k")
CRYSTAL_HZ = 12_000_000
DIVQ = 5
"""The PLL's output is its oscillator's clock divided by 2**DIVQ."""
CLOCK_HZ = 24_000_000
BAUD = 1_000_000
SEEDS = (9, 8, 6, 4, 7, 5)
"""Placements tried in this order until one is fast enough; always the same, so builds can be repeated."""
TIME_PINS = [
    Resource(name, 0, Pins(str(pin), dir="i", conn=("pmod", 2))) for name, pin in (("clk_snn", 1), ("clk_gamma", 2))
]
FACTS = {"cores": CONFIG.cores, "vectors": CONFIG.capacity}
"""What the design holds, for the report."""


def platform() -> ICEBreakerPlatform:
    """The board's pins."""
    return ICEBreakerPlatform()


def design() -> "Icebreaker":
    """The whole design."""
    return Icebreaker(Ganglion(CONFIG))


class Icebreaker(Elaboratable):
    """The whole design: 12 MHz crystal -> PLL -> ``clock_hz``; UART -> bus bridge -> ``core``; LEDs.

    ``core`` has the ports of :class:`hw.top.Ganglion`. The green LED is the interrupt, the red one lights while the
    core is in reset. The clock is a multiple of 375 kHz between 16.7 and 33.3 MHz, and one of the baud rate.
    """

    def __init__(self, core: wiring.Component, clock_hz: int = CLOCK_HZ) -> None:
        self.core, self.clock_hz = core, clock_hz

    def elaborate(self, platform: ICEBreakerPlatform) -> Module:
        m = Module()
        clk12 = platform.request("clk12", dir="-")
        uart = platform.request("uart")
        clk, locked = Signal(), Signal()
        # 24 MHz: 12 MHz * 64 = 768 MHz in the oscillator, / 32.
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(0, 4),
            p_DIVF=Const((self.clock_hz << DIVQ) // CRYSTAL_HZ - 1, 7),
            p_DIVQ=Const(DIVQ, 3),
            p_FILTER_RANGE=Const(1, 3),
            i_PACKAGEPIN=clk12.io,
            i_RESETB=Const(1, 1),
            i_BYPASS=Const(0, 1),
            o_PLLOUTGLOBAL=clk,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain("sync")
        m.submodules.reset = reset = ResetSync()
        platform.add_clock_constraint(clk, self.clock_hz)
        m.d.comb += [
            ClockSignal("sync").eq(clk),
            reset.rst_n.eq(locked),
            ResetSignal("sync").eq(reset.rst),
        ]

        m.submodules.bridge = bridge = UartBridge(divisor=self.clock_hz // BAUD)
        m.submodules.ganglion = ganglion = self.core
        for name, member in BUS_PORTS.items():
            if not name.startswith("s_axil_"):
                continue
            subordinate, manager = getattr(ganglion, name), getattr(bridge, "m" + name[1:])
            m.d.comb += subordinate.eq(manager) if member.flow.name == "In" else manager.eq(subordinate)

        if hasattr(ganglion, "clk_snn"):
            # Their edges are taken into this clock where they are used.
            platform.add_resources(TIME_PINS)
            m.d.comb += [getattr(ganglion, name).eq(platform.request(name).i) for name in ("clk_snn", "clk_gamma")]

        # The pin is not in step with the clock.
        received, rx = Signal(init=1), Signal(init=1)
        m.d.sync += [received.eq(uart.rx.i), rx.eq(received)]
        m.d.comb += [
            bridge.rx.eq(rx),
            uart.tx.o.eq(bridge.tx),
            platform.request("led_g").o.eq(ganglion.irq),
            platform.request("led_r").o.eq(reset.rst),
        ]
        return m
