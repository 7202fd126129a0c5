"""The single-port memories of an iCE40 UltraPlus: the primitive on the FPGA, a model of it elsewhere."""

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Spram"]

WORD_WIDTH = 16
ADDR_WIDTH = 14


class Spram(wiring.Component):
    """Words of 64 bits from four 16K x 16 memories side by side; a cycle reads or writes.

    Reads take one cycle; the data stay until the next read.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "addr": In(ADDR_WIDTH),
                "read": In(1),
                "write": In(1),
                "write_data": In(4 * WORD_WIDTH),
                "data": Out(4 * WORD_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if getattr(platform, "device", None) == "iCE40UP5K":
            for bank in range(4):
                part = slice(bank * WORD_WIDTH, (bank + 1) * WORD_WIDTH)
                m.submodules[f"bank{bank}"] = Instance(
                    "SB_SPRAM256KA",
                    i_ADDRESS=self.addr,
                    i_DATAIN=self.write_data[part],
                    i_MASKWREN=0b1111,
                    i_WREN=self.write,
                    i_CHIPSELECT=self.read | self.write,
                    i_CLOCK=ClockSignal(),
                    i_STANDBY=0,
                    i_SLEEP=0,
                    i_POWEROFF=1,
                    o_DATAOUT=self.data[part],
                )
            return m
        m.submodules.words = words = memory.Memory(shape=4 * WORD_WIDTH, depth=1 << ADDR_WIDTH, init=[])
        read_port, write_port = words.read_port(), words.write_port()
        m.d.comb += [
            read_port.addr.eq(self.addr),
            read_port.en.eq(self.read & ~self.write),
            write_port.addr.eq(self.addr),
            write_port.en.eq(self.write),
            write_port.data.eq(self.write_data),
            self.data.eq(read_port.data),
        ]
        return m
