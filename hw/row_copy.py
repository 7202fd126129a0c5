"""Row copy: moves the insert operand into the vector memory."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config

__all__ = ["RowCopy"]


class RowCopy(wiring.Component):
    """Reads the operand's chunks one a cycle and writes each a cycle later: n_chunks + 1 cycles after ``start``."""

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "read": Out(1),
                "read_chunk": Out(4),
                "write": Out(1),
                "write_chunk": Out(4),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.busy.eq(self.read | self.write)
        m.d.sync += [self.write.eq(self.read), self.write_chunk.eq(self.read_chunk)]
        with m.If(self.read):
            with m.If(self.read_chunk == self.config.n_chunks - 1):
                m.d.sync += [self.read.eq(0), self.read_chunk.eq(0)]
            with m.Else():
                m.d.sync += self.read_chunk.eq(self.read_chunk + 1)
        with m.Elif(self.start):
            m.d.sync += self.read.eq(1)
        return m
