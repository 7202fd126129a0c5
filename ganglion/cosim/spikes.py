"""Random waveforms on the pins of the spiking fabric: time, spikes from outside, a stream not always ready."""

from __future__ import annotations

from random import Random

from golden.fixed.bus import Inputs
from golden.spec.constants import VECTORS_PER_CORE

__all__ = ["SpikePins"]

FAR = 1 << 62
PERIODS = (0, 0, 2, 9, 60, 300, 1500, 6000)
"""Cycles between two changes of a clock pin, about; 0: none."""
GAPS = (0, 0, 300, 3000, 30)
"""Cycles between two bursts of spikes, about; 0: none."""
BURSTS = (1, 1, 2, 5, 40)
READY = (0.0, 1.0, 0.5, 0.1)
"""How much of the time the stream's other end is ready."""


class SpikePins:
    """Drives the pins in a manner that :meth:`choose` takes anew; ``n_cores`` is the size of the array."""

    def __init__(self, rng: Random, n_cores: int) -> None:
        self.rng, self.n_cores = rng, n_cores
        self._levels = {"clk_snn": 0, "clk_gamma": 0}
        self._spike, self._ready = (0, 0, 0), 0
        self.choose(0)

    def choose(self, cycle: int) -> None:
        """Another manner, from ``cycle`` on."""
        rng = self.rng
        self._periods = {name: rng.choice(PERIODS) for name in self._levels}
        self._gap, self._burst, self._share = rng.choice(GAPS), rng.choice(BURSTS), rng.choice(READY)
        self._at = {name: cycle + self._time(period) for name, period in self._periods.items()}
        self._spike_at, self._left = cycle + self._time(self._gap), 0
        self._ready_at = cycle

    def _time(self, mean: int) -> int:
        return self.rng.randint(1, 2 * mean) if mean else FAR

    def drive(self, pins: Inputs, cycle: int) -> int:
        """Put the values of ``cycle`` on the pins; the next cycle in which they change."""
        rng = self.rng
        for name, at in self._at.items():
            if cycle >= at:
                self._levels[name] ^= 1
                self._at[name] = cycle + self._time(self._periods[name])
        if cycle >= self._spike_at:
            if not self._left:
                self._left = rng.randint(1, self._burst) + 1
            self._left -= 1
            self._spike = (1, self._core(), self._word()) if self._left else (0, self._core(), self._word())
            self._spike_at = cycle + (1 if self._left else self._time(self._gap))
        if cycle >= self._ready_at:
            self._ready = int(rng.random() < self._share)
            self._ready_at = cycle + (rng.randint(1, 20) if 0 < self._share < 1 else FAR)
        pins.clk_snn, pins.clk_gamma = self._levels["clk_snn"], self._levels["clk_gamma"]
        pins.spike_in_valid, pins.spike_in_core, pins.spike_in = self._spike
        pins.event_ready = self._ready
        return min(*self._at.values(), self._spike_at, self._ready_at)

    def _core(self) -> int:
        return self.rng.randrange(self.n_cores if self.rng.random() < 0.95 else 256)

    def _word(self) -> int:
        rng = self.rng
        bits = rng.getrandbits(VECTORS_PER_CORE)
        return rng.choice(
            (1 << rng.randrange(VECTORS_PER_CORE), bits & rng.getrandbits(VECTORS_PER_CORE), bits, 0, FULL)
        )


FULL = (1 << VECTORS_PER_CORE) - 1
