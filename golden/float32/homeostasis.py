"""Homeostasis: running spike rates, and thresholds that pull them towards 0.1 spikes/ms."""

from typing import Any

import numpy as np

from golden.float32.math32 import ONE, ZERO, ieee
from golden.float32.neural_constants import SPIKE_RATE_STEP, TARGET_RATE, TAU_HOMEOSTASIS, THRESHOLD_MAX, THRESHOLD_MIN
from golden.float32.state import SpikingState


class Homeostasis:
    """Works on ``state.rate`` and ``state.threshold``; ``n`` is the number of vectors."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    @ieee()
    def update(self, n: int, dt: np.float32) -> None:
        """a = dt / 1000; rate = rate * (1 - a) + (0.001 if it fired else 0); threshold += a * (rate - 0.1), 0.1..10.

        ``dt`` 0..1000 ms; 0 changes nothing. The spike's share is a * (1 / dt) = 0.001 whatever dt is.
        """
        if dt == 0:
            return
        s = self.state
        a = dt / TAU_HOMEOSTASIS
        rate, threshold = s.rate[:n], s.threshold[:n]
        rate[...] = rate * (ONE - a) + np.where(s.spike_flags(n), SPIKE_RATE_STEP, ZERO)
        threshold[...] = self.bounded(threshold + a * (rate - TARGET_RATE))

    @staticmethod
    def bounded(threshold: Any) -> Any:
        """``threshold`` held to 0.1..10."""
        return np.minimum(np.maximum(threshold, THRESHOLD_MIN), THRESHOLD_MAX)

    @ieee()
    def activity(self, n: int) -> np.float32:
        """The sum of all rates, neuron 0 upwards from +0."""
        total = ZERO
        for rate in self.state.rate[:n]:
            total = total + rate
        return total
