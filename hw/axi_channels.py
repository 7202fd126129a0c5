"""The five channels of an AXI4-Lite subordinate, for units whose every access takes one cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.register import ADDR_WIDTH, DATA_WIDTH

__all__ = ["AXI_LITE", "AxiLiteChannels"]

OKAY, SLVERR = 0b00, 0b10

AXI_LITE = {
    "awaddr": In(ADDR_WIDTH),
    "awprot": In(3),
    "awvalid": In(1),
    "awready": Out(1),
    "wdata": In(DATA_WIDTH),
    "wstrb": In(DATA_WIDTH // 8),
    "wvalid": In(1),
    "wready": Out(1),
    "bresp": Out(2),
    "bvalid": Out(1),
    "bready": In(1),
    "araddr": In(ADDR_WIDTH),
    "arprot": In(3),
    "arvalid": In(1),
    "arready": Out(1),
    "rdata": Out(DATA_WIDTH),
    "rresp": Out(2),
    "rvalid": Out(1),
    "rready": In(1),
}
"""The ports of a subordinate."""


class AxiLiteChannels(wiring.Component):
    """Holds one transfer on each incoming channel and works on one a cycle, reads first.

    In a cycle with ``read_goes`` the unit gives the value for ``read_addr`` (a word's), in one with ``write_goes`` it
    takes ``write_data``; either may be refused, which the bus sees as SLVERR. Nothing goes while ``hold``. An answer
    stands in the cycle after. Contract: ``docs/contract_event_unit.md``.
    """

    def __init__(self) -> None:
        super().__init__(
            AXI_LITE
            | {
                "hold": In(1),
                "read_goes": Out(1),
                "read_addr": Out(ADDR_WIDTH - 2),
                "read_value": In(DATA_WIDTH),
                "read_refused": In(1),
                "write_goes": Out(1),
                "write_addr": Out(ADDR_WIDTH - 2),
                "write_data": Out(DATA_WIDTH),
                "write_whole": Out(1),
                "write_refused": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        aw_full, w_full, ar_full = Signal(), Signal(), Signal()
        m.d.comb += [
            self.awready.eq(~aw_full),
            self.wready.eq(~w_full),
            self.arready.eq(~ar_full),
            self.read_goes.eq(ar_full & ~self.rvalid & ~self.hold),
            self.write_goes.eq(aw_full & w_full & ~self.bvalid & ~self.hold & ~self.read_goes),
        ]
        with m.If(self.awvalid & self.awready):
            m.d.sync += [aw_full.eq(1), self.write_addr.eq(self.awaddr[2:])]
        with m.If(self.wvalid & self.wready):
            m.d.sync += [w_full.eq(1), self.write_data.eq(self.wdata), self.write_whole.eq(self.wstrb.all())]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [ar_full.eq(1), self.read_addr.eq(self.araddr[2:])]
        with m.If(self.rvalid & self.rready):
            m.d.sync += self.rvalid.eq(0)
        with m.If(self.bvalid & self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(self.read_goes):
            m.d.sync += [
                ar_full.eq(0),
                self.rvalid.eq(1),
                self.rresp.eq(Mux(self.read_refused, SLVERR, OKAY)),
                self.rdata.eq(Mux(self.read_refused, 0, self.read_value)),
            ]
        with m.If(self.write_goes):
            m.d.sync += [
                aw_full.eq(0),
                w_full.eq(0),
                self.bvalid.eq(1),
                self.bresp.eq(Mux(self.write_refused, SLVERR, OKAY)),
            ]
        return m
