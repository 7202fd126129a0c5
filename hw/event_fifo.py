"""Event FIFO: words that come when they like and leave when asked for; what does not fit is told."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["EventFifo"]


class EventFifo(wiring.Component):
    """``push`` takes ``value`` unless the FIFO is full (``dropped`` in the same cycle); ``pop`` takes ``out_value``.

    ``depth`` is a power of two. A word pushed in cycle t is at the output (``valid``) from t+2 on. One push and one pop
    a cycle; a pop makes room for the cycle after. ``level`` counts the words held.
    """

    def __init__(self, width: int, depth: int) -> None:
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two of at least 2, got {depth}")
        self.depth = depth
        super().__init__(
            {
                "push": In(1),
                "value": In(width),
                "pop": In(1),
                "dropped": Out(1),
                "valid": Out(1),
                "out_value": Out(width),
                "level": Out(range(depth + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=len(self.value), depth=self.depth, init=[])
        write, read = words.write_port(), words.read_port()
        # Counts of words modulo twice the depth; `visible` are those written long enough ago to be read.
        written, visible, taken, taken_next = (
            Signal(range(2 * self.depth), name=name) for name in ("written", "visible", "taken", "taken_next")
        )
        full = Signal()
        m.d.comb += [
            self.level.eq((written - taken)[: len(written)]),
            full.eq(self.level[-1]),
            self.dropped.eq(self.push & full),
            self.valid.eq(taken != visible),
            taken_next.eq(taken + (self.pop & self.valid)),
            write.addr.eq(written[:-1]),
            write.data.eq(self.value),
            write.en.eq(self.push & ~full),
            read.addr.eq(taken_next[:-1]),
            self.out_value.eq(Mux(self.valid, read.data, 0)),
        ]
        m.d.sync += [written.eq(written + write.en), visible.eq(written), taken.eq(taken_next)]
        return m
