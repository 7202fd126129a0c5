"""The single-port memories of an iCE40 UltraPlus: the primitive on the FPGA, a model of it elsewhere."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Value, ValueLike
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ADDR_WIDTH", "WORD_WIDTH", "Spram", "spram_cell"]

WORD_WIDTH = 16
ADDR_WIDTH = 14
N_BYTES = 8


def spram_cell(
    m: Module,
    name: str,
    *,
    addr: Value,
    read: Value,
    write: Value,
    write_data: Value,
    data: Value,
    mask: ValueLike = 0b1111,
) -> None:
    """One SB_SPRAM256KA, 16K x 16; an address of fewer bits reaches its lower words. ``mask``: a bit four bits."""
    m.submodules[name] = Instance(
        "SB_SPRAM256KA",
        i_ADDRESS=Cat(addr, Const(0, ADDR_WIDTH - len(addr))) if len(addr) < ADDR_WIDTH else addr,
        i_DATAIN=write_data,
        i_MASKWREN=mask,
        i_WREN=write,
        i_CHIPSELECT=read | write,
        i_CLOCK=ClockSignal(),
        i_STANDBY=0,
        i_SLEEP=0,
        i_POWEROFF=1,
        o_DATAOUT=data,
    )


class Spram(wiring.Component):
    """Words of 64 bits from four 16K x 16 memories side by side; a cycle reads or writes.

    Reads take one cycle; the data stay until the next read. ``masked``: with a port ``mask``, a bit for each byte that
    a write changes.
    """

    def __init__(self, *, masked: bool = False) -> None:
        self.masked = masked
        super().__init__(
            {
                "addr": In(ADDR_WIDTH),
                "read": In(1),
                "write": In(1),
                "write_data": In(4 * WORD_WIDTH),
                "data": Out(4 * WORD_WIDTH),
            }
            | ({"mask": In(N_BYTES)} if masked else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if getattr(platform, "device", None) == "iCE40UP5K":
            for bank in range(4):
                part = slice(bank * WORD_WIDTH, (bank + 1) * WORD_WIDTH)
                low, high = self.mask[2 * bank : 2 * bank + 2] if self.masked else (Const(1), Const(1))
                spram_cell(
                    m,
                    f"bank{bank}",
                    addr=self.addr,
                    read=self.read,
                    write=self.write,
                    write_data=self.write_data[part],
                    data=self.data[part],
                    mask=Cat(low, low, high, high),
                )
            return m
        m.submodules.words = words = memory.Memory(shape=4 * WORD_WIDTH, depth=1 << ADDR_WIDTH, init=[])
        read_port, write_port = words.read_port(), words.write_port(granularity=8 if self.masked else None)
        m.d.comb += [
            read_port.addr.eq(self.addr),
            read_port.en.eq(self.read & ~self.write),
            write_port.addr.eq(self.addr),
            write_port.en.eq(Mux(self.write, self.mask, 0) if self.masked else self.write),
            write_port.data.eq(self.write_data),
            self.data.eq(read_port.data),
        ]
        return m
