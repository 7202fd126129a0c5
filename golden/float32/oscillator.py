"""The 40 Hz gamma oscillator.

The phase is an integer: 2**-16 ms of a 25 ms turn. So it never drifts, resonance is exact to one rounding, and the
order of additions does not matter; a phase in radians that is added up in float32 would be off by a tenth of a turn
after an hour.
"""

import numpy as np

from golden.float32.math32 import sin_cos
from golden.float32.neural_constants import (
    PHASE_PERIOD,
    PHASE_UNITS_PER_MS,
    PREFERRED_PHASE_STEP,
    RADIANS_PER_PHASE_UNIT,
)
from golden.float32.state import SpikingState

HALF_TURN = PHASE_PERIOD // 2


class GammaOscillator:
    """Moves ``state.phase``, 0 .. PHASE_PERIOD - 1."""

    def __init__(self, state: SpikingState) -> None:
        self.state = state

    def step(self, dt: np.float32) -> None:
        """phase = (phase + floor(dt * 65536 + 0.5)) mod PHASE_PERIOD; ``dt`` 0..1000 ms.

        The product is exact (a power of two) and the sum is one float32 addition. Steps below 2**-17 ms do nothing.
        """
        units = int(np.floor(dt * np.float32(PHASE_UNITS_PER_MS) + np.float32(0.5)))
        self.state.phase = (self.state.phase + units) % PHASE_PERIOD

    def radians(self) -> np.float32:
        """The phase in 0 <= p < 2 pi: float32(phase) * float32(2 pi / PHASE_PERIOD), one product."""
        return np.float32(self.state.phase) * RADIANS_PER_PHASE_UNIT

    def sine_cosine(self) -> tuple[np.float32, np.float32]:
        """Sine and cosine of :meth:`radians`, by ``math32.sin_cos``."""
        sine, cosine = sin_cos(self.radians())
        return np.float32(sine), np.float32(cosine)

    def resonance(self, index: int) -> np.float32:
        """1 - |circular difference to 2 pi index / 32| / pi, in 0..1: exact integers and one float32 division."""
        difference = abs(self.state.phase - index * PREFERRED_PHASE_STEP)
        difference = min(difference, PHASE_PERIOD - difference)
        return np.float32(HALF_TURN - difference) / np.float32(HALF_TURN)
