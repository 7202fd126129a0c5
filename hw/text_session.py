"""Begin and end of a text: what CLEAR and FINISH set off in the two classifiers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["TextSession"]


class TextSession(wiring.Component):
    """Turns ``clear`` and ``finish`` (commands in order) into the classifiers' inputs, and tells when a text is done.

    ``guard_mode``: 0 compact, 1 NeuronGuard. ``switch``: MODE is written. ``waits``: events wait in the queue of the
    mode's classifier. ``finished`` is 1 in the one cycle in which a winner is found. Contract:
    ``docs/contract_event_unit.md``, Text.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "guard_mode": In(1),
                "clear": In(1),
                "finish": In(1),
                "switch": In(1),
                "run": In(1),
                "has_classes": In(1),
                "waits": In(1),
                "compact_done": In(1),
                "engine_busy": In(1),
                "scan_end": In(1),
                "compact_clear": Out(1),
                "compact_finish": Out(1),
                "engine_flush": Out(1),
                "engine_go": Out(1),
                "scan": Out(1),
                "scan_clear": Out(1),
                "closed": Out(1),
                "done": Out(1),
                "busy": Out(1),
                "finished": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        finishing, clearing, scanning, scan_clears, done_guard = (Signal(), Signal(), Signal(), Signal(), Signal())
        guard = self.guard_mode
        found = Signal()
        m.d.comb += [
            self.compact_clear.eq((self.clear & ~guard) | self.switch),
            self.compact_finish.eq(finishing & ~self.waits & ~guard),
            self.engine_flush.eq(self.clear & guard),
            self.engine_go.eq(self.run & guard & ~clearing),
            self.scan.eq(guard & ~scanning & ~self.engine_busy & (clearing | (finishing & ~self.waits))),
            self.scan_clear.eq(clearing),
            self.done.eq(Mux(guard, done_guard, self.compact_done)),
            self.closed.eq(finishing | self.done),
            self.busy.eq(finishing | self.waits | (guard & (clearing | self.engine_busy))),
            # A scan of the text before, which a CLEAR has ended, finds nothing for the next one.
            found.eq(Mux(guard, self.scan_end & ~scan_clears & ~clearing, self.compact_done)),
            self.finished.eq(finishing & found & ~self.clear),
        ]
        with m.If(self.scan):
            m.d.sync += [scanning.eq(1), scan_clears.eq(clearing)]
        with m.If(self.scan_end):
            m.d.sync += scanning.eq(0)
            with m.If(scan_clears):
                m.d.sync += clearing.eq(0)
        with m.If(self.finished):
            m.d.sync += [finishing.eq(0), done_guard.eq(guard)]
        with m.If(self.finish):
            m.d.sync += finishing.eq(1)
        with m.If(self.clear | self.switch):
            m.d.sync += [finishing.eq(0), done_guard.eq(0)]
        with m.If(self.clear & guard & self.has_classes):
            m.d.sync += clearing.eq(1)
        return m
