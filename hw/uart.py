"""The serial line of the UART bridge: one set of counters that either receives or sends 8N1."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.uart import check_uart

__all__ = ["UartLine"]


class UartLine(wiring.Component):
    """A half-duplex 8N1 line, least significant bit first, a bit at a time.

    Everything happens in the middle of a bit, once in ``divisor`` cycles: bits of a received byte are there in the
    cycle in which ``bit`` is 1, and ``bit_out`` goes to the line in that cycle. See the cycle contract.

    Parameters:
        divisor: clock cycles a bit.
        timeout_width: ``timeout`` comes after a silence of 2**timeout_width bits.

    Ports:
        rx, tx: the line, idle 1.
        send: 1 sends bytes back to back, 0 receives.
        hold: neither (only while no byte is under way).
        bit_out: the next bit to send.
        level: the received bit.
        bit: this is the middle of a data bit. byte: of a stop bit. timeout: the line has been silent for too long.
        receiving: a byte is being received.
    """

    def __init__(self, divisor: int, *, timeout_width: int) -> None:
        check_uart(divisor, timeout_width)
        self.divisor = divisor
        self.timeout_width = timeout_width
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1, init=1),
                "send": In(1),
                "hold": In(1),
                "bit_out": In(1),
                "level": Out(1),
                "bit": Out(1),
                "byte": Out(1),
                "timeout": Out(1),
                "receiving": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        meta, level = Signal(init=1), Signal(init=1)
        m.d.sync += [meta.eq(self.rx), level.eq(meta)]

        phase = Signal(range(self.divisor))
        ticks = Signal(self.timeout_width)
        middle, waiting, start, active = Signal(), Signal(), Signal(), Signal()
        first, last = Signal(), Signal()
        m.d.comb += [
            self.level.eq(level),
            middle.eq(phase == self.divisor // 2 - 1),
            active.eq(self.receiving | self.send),
            waiting.eq(~active & ~self.hold),
            start.eq(waiting & ~level),
            # Ticks count the bits of a byte, 0 (start) to 9 (stop), and the silence between bytes.
            first.eq(ticks[:4] == 0),
            last.eq(ticks[0] & ticks[3]),
            self.bit.eq(middle & active & ~first & ~last),
            self.byte.eq(middle & active & last),
            self.timeout.eq(middle & waiting & level & ticks.all()),
        ]
        m.d.sync += phase.eq(phase + 1)
        with m.If(start | (phase == self.divisor - 1)):
            m.d.sync += phase.eq(0)
        with m.If(middle):
            m.d.sync += ticks.eq(ticks + 1)
        with m.If(start | self.hold | self.byte):
            m.d.sync += ticks.eq(0)
        with m.If(start):
            m.d.sync += self.receiving.eq(1)
        # A start bit that is not low in its middle was none.
        with m.If(middle & (last | (first & level))):
            m.d.sync += self.receiving.eq(0)
        with m.If(middle & self.send):
            m.d.sync += self.tx.eq(last | (self.bit_out & ~first))
        return m
