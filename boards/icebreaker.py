"""iCEBreaker (iCE40 UP5K): 128 cores behind a UART."""

from amaranth.hdl import ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, ResetSignal, Signal
from amaranth_boards.icebreaker import ICEBreakerPlatform

from golden.spec import Config, preset
from hw.reset_sync import ResetSync
from hw.top import BUS_PORTS, Ganglion
from hw.uart_bridge import UartBridge

__all__ = ["BAUD", "CLOCK_HZ", "CONFIG", "Icebreaker", "platform"]

CONFIG: Config = preset("up5k")
CLOCK_HZ = 24_000_000
BAUD = 1_000_000


def platform() -> ICEBreakerPlatform:
    """The board's pins."""
    return ICEBreakerPlatform()


class Icebreaker(Elaboratable):
    """The whole design: 12 MHz crystal -> PLL -> 24 MHz; UART -> bus bridge -> array; LEDs for busy and interrupt.

    The green LED is the interrupt, the red one lights while the array is in reset.
    """

    def __init__(self, config: Config = CONFIG) -> None:
        self.config = config

    def elaborate(self, platform: ICEBreakerPlatform) -> Module:
        m = Module()
        clk12 = platform.request("clk12", dir="-")
        uart = platform.request("uart")
        clk, locked = Signal(), Signal()
        # 12 MHz * 64 = 768 MHz in the oscillator, / 32 = 24 MHz.
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(0, 4),
            p_DIVF=Const(63, 7),
            p_DIVQ=Const(5, 3),
            p_FILTER_RANGE=Const(1, 3),
            i_PACKAGEPIN=clk12.io,
            i_RESETB=Const(1, 1),
            i_BYPASS=Const(0, 1),
            o_PLLOUTGLOBAL=clk,
            o_LOCK=locked,
        )
        m.domains.sync = ClockDomain("sync")
        m.submodules.reset = reset = ResetSync()
        platform.add_clock_constraint(clk, CLOCK_HZ)
        m.d.comb += [
            ClockSignal("sync").eq(clk),
            reset.rst_n.eq(locked),
            ResetSignal("sync").eq(reset.rst),
        ]

        m.submodules.bridge = bridge = UartBridge(divisor=CLOCK_HZ // BAUD)
        m.submodules.ganglion = ganglion = Ganglion(self.config)
        for name, member in BUS_PORTS.items():
            if not name.startswith("s_axil_"):
                continue
            subordinate, manager = getattr(ganglion, name), getattr(bridge, "m" + name[1:])
            m.d.comb += subordinate.eq(manager) if member.flow.name == "In" else manager.eq(subordinate)

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
