"""The five channels of the event unit's AXI4-Lite port: ``axi_channels`` of ``docs/contract_event_unit.md``."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, U64Array, mask
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.register import ADDR_WIDTH, DATA_WIDTH

OKAY, SLVERR = 0, 2
WORD_ADDR_WIDTH = ADDR_WIDTH - 2
"""Bits of the address of a register."""
STROBE_WIDTH = DATA_WIDTH // 8


class AxiChannels(Unit):
    """One transfer held in each incoming channel, one answer in each outgoing one.

    Ports as in the contract. An owner may read ``read_addr``, ``write_addr``, ``write_data``, ``write_whole`` as
    attributes, ask :meth:`going` and :meth:`bus_outputs` and call :meth:`advance` instead of :meth:`step`.
    """

    def __init__(self, n_streams: int = 1) -> None:
        super().__init__(Config(), n_streams)
        self._aw_full, self._w_full, self._ar_full, self._bvalid, self._rvalid = (self._flags() for _ in range(5))
        self.read_addr, self.write_addr, self.write_data = (self._zeros() for _ in range(3))
        self.write_whole = self._flags()
        self._bresp, self._rresp, self._rdata = (self._zeros() for _ in range(3))

    def step(self, inputs: Inputs) -> Outputs:
        read_goes, write_goes = self.going(flag(inputs, "hold"))
        outputs = self.bus_outputs() | {
            "read_goes": bit(read_goes),
            "read_addr": self.read_addr.astype(np.uint64),
            "write_goes": bit(write_goes),
            "write_addr": self.write_addr.astype(np.uint64),
            "write_data": self.write_data.astype(np.uint64),
            "write_whole": bit(self.write_whole),
        }
        self.advance(
            inputs,
            unsigned(inputs, "read_value", DATA_WIDTH),
            np.where(read_goes, flag(inputs, "read_refused"), False),
            np.where(write_goes, flag(inputs, "write_refused"), False),
            read_goes,
            write_goes,
        )
        return outputs

    def bus_outputs(self) -> dict[str, U64Array]:
        """The output ports of the bus in this cycle."""
        return {
            "awready": bit(~self._aw_full),
            "wready": bit(~self._w_full),
            "bresp": self._bresp.astype(np.uint64),
            "bvalid": bit(self._bvalid),
            "arready": bit(~self._ar_full),
            "rdata": self._rdata.astype(np.uint64),
            "rresp": self._rresp.astype(np.uint64),
            "rvalid": bit(self._rvalid),
        }

    def going(self, hold: BoolArray) -> tuple[BoolArray, BoolArray]:
        """``read_goes`` and ``write_goes`` of this cycle."""
        read_goes = self._ar_full & ~self._rvalid & ~hold
        return read_goes, self._aw_full & self._w_full & ~self._bvalid & ~hold & ~read_goes

    def advance(
        self,
        inputs: Inputs,
        read_value: I64Array,
        read_refused: BoolArray,
        write_refused: BoolArray,
        read_goes: BoolArray,
        write_goes: BoolArray,
    ) -> None:
        """One clock edge, with the answers to what :meth:`going` said."""
        takes_aw = flag(inputs, "awvalid") & ~self._aw_full
        takes_w = flag(inputs, "wvalid") & ~self._w_full
        takes_ar = flag(inputs, "arvalid") & ~self._ar_full
        write_addr = unsigned(inputs, "awaddr", ADDR_WIDTH) >> 2
        read_addr = unsigned(inputs, "araddr", ADDR_WIDTH) >> 2
        whole = unsigned(inputs, "wstrb", STROBE_WIDTH) == mask(STROBE_WIDTH)
        self.write_addr = np.where(takes_aw, write_addr, self.write_addr)
        self.write_data = np.where(takes_w, unsigned(inputs, "wdata", DATA_WIDTH), self.write_data)
        self.write_whole = np.where(takes_w, whole, self.write_whole)
        self.read_addr = np.where(takes_ar, read_addr, self.read_addr)
        self._rdata = np.where(read_goes, np.where(read_refused, 0, read_value), self._rdata)
        self._rresp = np.where(read_goes, np.where(read_refused, SLVERR, OKAY), self._rresp)
        self._bresp = np.where(write_goes, np.where(write_refused, SLVERR, OKAY), self._bresp)
        self._bvalid = write_goes | (self._bvalid & ~flag(inputs, "bready"))
        self._rvalid = read_goes | (self._rvalid & ~flag(inputs, "rready"))
        self._aw_full = takes_aw | (self._aw_full & ~write_goes)
        self._w_full = takes_w | (self._w_full & ~write_goes)
        self._ar_full = takes_ar | (self._ar_full & ~read_goes)
