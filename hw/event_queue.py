"""Event queue: first in, first out, over a memory that is read a cycle ahead."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["EventQueue", "queue_ports"]


def queue_ports(*, width: int, depth_width: int) -> dict[str, wiring.Member]:
    """The ports of a queue."""
    return {
        "push": In(1),
        "push_data": In(width),
        "pop": In(1),
        "flush": In(1),
        "valid": Out(1),
        "data": Out(width),
        "level": Out(depth_width + 1),
    }


class EventQueue(wiring.Component):
    """``2**depth_width`` entries of ``width`` bits.

    ``push`` appends ``push_data`` unless ``level`` says that the queue is full; ``data`` is the oldest entry while
    ``valid``, ``pop`` takes it; ``flush`` drops everything. An entry pushed into an empty queue is ``valid`` two cycles
    later; after that one entry a cycle. Contract: ``docs/contract_guard.md``.
    """

    def __init__(self, *, width: int, depth_width: int) -> None:
        if width < 1 or depth_width < 1:
            raise ValueError(f"a queue needs at least 1 bit of data and of address, got {width} and {depth_width}")
        self.width, self.depth_width = width, depth_width
        super().__init__(queue_ports(width=width, depth_width=depth_width))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.entries = entries = memory.Memory(shape=self.width, depth=1 << self.depth_width, init=[])
        read, write = entries.read_port(), entries.write_port()
        read_place, write_place = Signal(self.depth_width), Signal(self.depth_width)
        popping, pushing, left = Signal(), Signal(), Signal(self.depth_width + 1)
        # Whether something is pushed is the last thing known in a cycle: everything else is ready by then.
        more = Signal(self.depth_width + 1)
        m.d.comb += [
            popping.eq(self.pop & self.valid),
            # Full is the one level with the top bit set.
            pushing.eq(self.push & ~self.level[-1] & ~self.flush),
            left.eq(Mux(popping, self.level - 1, self.level)),
            more.eq(Mux(popping, self.level, self.level + 1)),
            read.addr.eq(read_place + popping),
            self.data.eq(read.data),
            write.addr.eq(write_place),
            write.data.eq(self.push_data),
            write.en.eq(pushing),
        ]
        m.d.sync += [
            read_place.eq(Mux(self.flush, write_place, read.addr)),
            self.level.eq(Mux(self.flush, 0, Mux(pushing, more, left))),
            self.valid.eq(~self.flush & left.any()),
        ]
        with m.If(pushing):
            m.d.sync += write_place.eq(write_place + 1)
        return m
