"""A host on the bus of the golden model: plays transfers with random stalls and records the waveform of its pins."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from golden.fixed.bits import U64Array
from golden.fixed.bus import OUTPUTS, Ganglion, Inputs

from .spikes import SpikePins

__all__ = ["Host", "Segments", "Transfer"]

AWREADY, WREADY, BRESP, BVALID, ARREADY, RDATA, RRESP, RVALID, IRQ = range(len(OUTPUTS))
FULL = 0b1111


@dataclass(slots=True)
class Transfer:
    """One write or read; ``response`` and, of a read, ``data`` are filled in when it has been played."""

    addr: int
    data: int = 0
    strobe: int = FULL
    is_write: bool = False
    response: int = -1

    @classmethod
    def write(cls, addr: int, data: int, strobe: int = FULL) -> Transfer:
        """A write of 32 bits."""
        return cls(addr, data, strobe, True)

    @classmethod
    def read(cls, addr: int) -> Transfer:
        """A read of 32 bits."""
        return cls(addr)


@dataclass(frozen=True)
class Segments:
    """A run-length coded input waveform: row ``values[i]`` is held for ``counts[i]`` cycles."""

    counts: U64Array
    values: U64Array

    @property
    def n_cycles(self) -> int:
        """Its length."""
        return int(self.counts.sum())


class Host:
    """Drives the five channels independently: each valid and each ready comes after a random stall of its own.

    ``stall`` is the largest stall in cycles; half of the stalls are none. 0 drives without any. ``spikes`` drives the
    other pins of an array with contexts; without it they stay 0.
    """

    def __init__(self, model: Ganglion, rng: Random) -> None:
        self.model = model
        self.rng = rng
        self.stall = 0
        self.pins = Inputs()
        self.spikes: SpikePins | None = None
        self._counts: list[int] = []
        self._rows: list[tuple[int, ...]] = []
        self._b_at = self._r_at = 0

    def take_segments(self) -> Segments:
        """The waveform since the last call."""
        counts = np.array(self._counts, dtype=np.uint64)
        values = np.array(self._rows, dtype=np.uint64).reshape(len(counts), len(self.model.input_words(Inputs())))
        self._counts, self._rows = [], []
        return Segments(counts, values)

    def hold(self, n_cycles: int) -> int:
        """Hold the pins for up to ``n_cycles``, until an output changes; the cycles that passed."""
        if self.spikes is not None and n_cycles > 0:
            n_cycles = min(n_cycles, self.spikes.drive(self.pins, self.model.cycle) - self.model.cycle)
        ran = self.model.run(self.pins, n_cycles)
        row = self.model.input_words(self.pins)
        if self._rows and self._rows[-1] == row:
            self._counts[-1] += ran
        elif ran:
            self._rows.append(row)
            self._counts.append(ran)
        return ran

    def _pause(self) -> int:
        """The cycle at which the next pin may rise."""
        now = self.model.cycle
        return now if not self.stall or self.rng.random() < 0.5 else now + self.rng.randint(1, self.stall)

    def wait(self, n_cycles: int) -> None:
        """Leave the bus alone."""
        while n_cycles > 0:
            n_cycles -= self.hold(n_cycles)

    def wait_irq(self, n_cycles: int) -> bool:
        """Leave the bus alone until the interrupt pin is up, at most for ``n_cycles``; whether it is."""
        end = self.model.cycle + n_cycles
        while not self.model.outputs[IRQ] and self.model.cycle < end:
            self.hold(end - self.model.cycle)
        return bool(self.model.outputs[IRQ])

    def reset(self, n_cycles: int) -> None:
        """Hold ``rst`` for ``n_cycles`` with the other pins as they are, then start with all pins 0."""
        self.pins.rst = 1
        self.wait(n_cycles)
        self.pins = Inputs()
        self._b_at = self._r_at = 0

    def play(self, transfers: list[Transfer], *, until: int | None = None) -> bool:
        """Play all transfers, reads and writes overlapping, each kind in its order.

        ``until``: a cycle at which to stop, whatever is under way. Returns whether all transfers ended.
        """
        writes = [t for t in transfers if t.is_write]
        reads = [t for t in transfers if not t.is_write]
        n_aw = n_w = n_b = n_ar = n_r = 0
        aw_at, w_at, ar_at = self._pause(), self._pause(), self._pause()
        pins, model = self.pins, self.model
        while n_b < len(writes) or n_r < len(reads):
            now, out = model.cycle, model.outputs
            if until is not None and now >= until:
                return False
            limit = now + 1000 if until is None else until
            for wanted, at in (
                (n_aw < len(writes), aw_at),
                (n_w < len(writes), w_at),
                (n_ar < len(reads), ar_at),
                (True, self._b_at),
                (True, self._r_at),
            ):
                if wanted and now < at < limit:
                    limit = at
            pins.awvalid = pins.wvalid = pins.arvalid = 0
            if n_aw < len(writes) and now >= aw_at:
                pins.awvalid, pins.awaddr, pins.awprot = 1, writes[n_aw].addr, n_aw & 7
            if n_w < len(writes) and now >= w_at:
                pins.wvalid, pins.wdata, pins.wstrb = 1, writes[n_w].data, writes[n_w].strobe
            if n_ar < len(reads) and now >= ar_at:
                pins.arvalid, pins.araddr, pins.arprot = 1, reads[n_ar].addr, n_ar & 7
            pins.bready, pins.rready = int(now >= self._b_at), int(now >= self._r_at)
            self.hold(limit - now)
            if pins.awvalid and out[AWREADY]:
                n_aw, aw_at = n_aw + 1, self._pause()
            if pins.wvalid and out[WREADY]:
                n_w, w_at = n_w + 1, self._pause()
            if pins.arvalid and out[ARREADY]:
                n_ar, ar_at = n_ar + 1, self._pause()
            if pins.bready and out[BVALID]:
                writes[n_b].response = out[BRESP]
                n_b += 1
                self._b_at = self._pause()
            if pins.rready and out[RVALID]:
                reads[n_r].data, reads[n_r].response = out[RDATA], out[RRESP]
                n_r += 1
                self._r_at = self._pause()
            if self.stall and self.rng.random() < 0.02:
                self._b_at, self._r_at = self._pause(), self._pause()  # a ready may fall again without a transfer
        pins.awvalid = pins.wvalid = pins.arvalid = 0
        return True
