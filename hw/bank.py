"""Memories with one port: a cycle reads or writes."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.ice40 import on_up5k
from hw.spram import ADDR_WIDTH, WORD_WIDTH, spram_cell

__all__ = ["Bank"]


class Bank(wiring.Component):
    """``2**addr_width`` words of ``width`` bits behind one port.

    A cycle reads (``read``) or writes (``write``, which wins); ``data`` is the word last read, from the cycle after. On
    an UltraPlus a bank that fits (16 bits, up to 16,384 words) is one of its single-port memories.
    """

    def __init__(self, *, width: int, addr_width: int) -> None:
        self.width, self.addr_width = width, addr_width
        super().__init__(
            {
                "addr": In(addr_width),
                "read": In(1),
                "write": In(1),
                "write_data": In(width),
                "data": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if on_up5k(platform) and self.width == WORD_WIDTH and self.addr_width <= ADDR_WIDTH:
            spram_cell(
                m,
                "words",
                addr=self.addr,
                read=self.read,
                write=self.write,
                write_data=self.write_data,
                data=self.data,
            )
            return m
        m.submodules.words = words = memory.Memory(shape=self.width, depth=1 << self.addr_width, init=[])
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
