"""UART to AXI4-Lite: checksummed packets on a serial line become single bus transactions."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.registers import ADDR_WIDTH, DATA_WIDTH
from golden.spec.uart import CRC_POLY, SYNC, UartCommand, check_uart
from hw.uart import UartLine

__all__ = ["UartBridge"]

HEAD_WIDTH = 16


BRIDGE_PORTS = {
    "rx": In(1),
    "tx": Out(1, init=1),
    "m_axil_awaddr": Out(ADDR_WIDTH),
    "m_axil_awprot": Out(3),
    "m_axil_awvalid": Out(1),
    "m_axil_awready": In(1),
    "m_axil_wdata": Out(DATA_WIDTH),
    "m_axil_wstrb": Out(DATA_WIDTH // 8),
    "m_axil_wvalid": Out(1),
    "m_axil_wready": In(1),
    "m_axil_bresp": In(2),
    "m_axil_bvalid": In(1),
    "m_axil_bready": Out(1),
    "m_axil_araddr": Out(ADDR_WIDTH),
    "m_axil_arprot": Out(3),
    "m_axil_arvalid": Out(1),
    "m_axil_arready": In(1),
    "m_axil_rdata": In(DATA_WIDTH),
    "m_axil_rresp": In(2),
    "m_axil_rvalid": In(1),
    "m_axil_rready": Out(1),
}


class UartBridge(wiring.Component):
    """One packet at a time: request in, checksum verified, bus transaction, reply out (``docs/uart.md``).

    The line is half duplex: what arrives during the transaction and its reply is ignored. A transaction starts in the
    cycle after the middle of the request's last stop bit, and only if nothing was wrong with the packet.

    Parameters:
        divisor: clock cycles a bit, at least 4.
        timeout_width: a silence of 2**timeout_width bits inside a packet ends it.

    Ports: ``rx``, ``tx``: the serial line, idle 1; ``m_axil_*``: an AXI4-Lite manager.
    """

    def __init__(self, divisor: int, *, timeout_width: int = 10) -> None:
        check_uart(divisor, timeout_width)
        self.divisor = divisor
        self.timeout_width = timeout_width
        super().__init__(BRIDGE_PORTS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.line = line = UartLine(self.divisor, timeout_width=self.timeout_width)
        # Where in the packet: 0 hunting for sync, 1 and 2 head, 3 to 6 data, 7 checksum. Replies have sync at 1,
        # the status at 2.
        place = Signal(3)
        sending, on_bus = Signal(), Signal()
        head, data, crc = Signal(HEAD_WIDTH), Signal(DATA_WIDTH), Signal(8, init=SYNC)
        m.d.comb += [line.rx.eq(self.rx), self.tx.eq(line.tx), line.send.eq(sending), line.hold.eq(on_bus)]

        # The bus.
        write, done, response = Signal(), Signal(), Signal(2)
        m.d.comb += [
            write.eq(head[-1]),
            self.m_axil_awaddr.eq(head),
            self.m_axil_araddr.eq(head),
            self.m_axil_wdata.eq(data),
            self.m_axil_wstrb.eq(~0),
            self.m_axil_bready.eq(on_bus),
            self.m_axil_rready.eq(on_bus),
            done.eq(on_bus & Mux(write, self.m_axil_bvalid, self.m_axil_rvalid)),
            response.eq(Mux(write, self.m_axil_bresp, self.m_axil_rresp)),
        ]
        for channel in ("aw", "w", "ar"):
            with m.If(getattr(self, f"m_axil_{channel}ready")):
                m.d.sync += getattr(self, f"m_axil_{channel}valid").eq(0)

        # The end of a received byte.
        ends, intact, known, at_last = Signal(), Signal(), Signal(), Signal()
        bad_frame, bad_crc, bad_command, too_late, reply = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            ends.eq(line.byte & ~sending),
            # After the sync byte, and after the checksum of an intact packet, the register is 0.
            intact.eq(crc == 0),
            known.eq((head[12:] == UartCommand.READ) | (head[12:] == UartCommand.WRITE)),
            at_last.eq(ends & line.level & (place == 7)),
            bad_frame.eq(ends & ~line.level & (place != 0)),
            bad_crc.eq(at_last & ~intact),
            bad_command.eq(at_last & intact & ~known),
            too_late.eq(line.timeout & (place != 0)),
            reply.eq(bad_frame | bad_crc | bad_command | too_late | done),
        ]
        with m.If(at_last & intact & known):
            m.d.sync += on_bus.eq(1)
            with m.If(write):
                m.d.sync += [self.m_axil_awvalid.eq(1), self.m_axil_wvalid.eq(1)]
            with m.Else():
                m.d.sync += self.m_axil_arvalid.eq(1)

        # The last bit of byte 2 tells whether data follow: bit 15 of the head, bit 7 of the status.
        with_data = Signal()
        m.d.comb += with_data.eq(Mux(sending, line.tx, head[-1]))
        with m.If(line.byte):
            with m.If((place == 2) & ~with_data):
                m.d.sync += place.eq(7)
            with m.Elif((place != 0) | (line.level & intact)):
                m.d.sync += place.eq(place + 1)
            with m.If(place == 7):
                m.d.sync += sending.eq(0)

        # Bits in and out.
        bit_out, bit = Signal(), Signal()
        feedback = Signal()
        m.d.comb += [
            bit_out.eq(Mux(place == 7, crc[0], head[0])),
            line.bit_out.eq(bit_out),
            bit.eq(Mux(sending, bit_out, line.level)),
            feedback.eq(bit ^ crc[0]),
        ]
        with m.If(line.bit):
            m.d.sync += crc.eq(crc[1:] ^ (feedback.replicate(8) & CRC_POLY))
            with m.If(sending | (place < 3)):
                m.d.sync += head.eq(Cat(head[1:], Mux(sending, data[0], line.level)))
            with m.If(sending | ((place >= 3) & (place < 7))):
                m.d.sync += data.eq(Cat(data[1:], line.level))
        with m.If(~line.receiving & (place == 0)):
            m.d.sync += crc.eq(SYNC)

        with m.If(done):
            m.d.sync += [data.eq(self.m_axil_rdata), on_bus.eq(0)]
        with m.If(reply):
            status = Cat(
                response & done.replicate(2),
                bad_crc,
                bad_command,
                bad_frame,
                too_late,
                Const(0, 1),
                done & ~write & ~response[1],
            )
            m.d.sync += [head.eq(Cat(Const(SYNC, 8), status)), sending.eq(1), place.eq(1), crc.eq(SYNC)]
        return m
