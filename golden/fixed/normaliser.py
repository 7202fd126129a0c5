"""The normaliser: squared length of a vector, its alignment and its reciprocal square root."""

from math import isqrt

import numpy as np

from golden.fixed.bits import to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config

IDLE, SQUARE, DRAIN, ALIGN, ROOT = range(5)
DRAIN_CYCLES = 4


def reciprocal_root(config: Config, n2: int) -> int:
    """``floor(2**F / sqrt(n2))`` of an aligned squared norm (``2**(W-2) <= n2 < 2**W``)."""
    return isqrt((1 << (2 * config.unit_shift)) // n2)


class Normaliser(Unit):
    """Shift s and root that scale a vector to unit length: ``v * 2**s * root / 2**F`` (F = ``unit_shift``).

    Latency dims + 4 + (1 .. about W/2) + R + 2 cycles from ``start`` to ``ready``; one vector at a time.

    Inputs: ``start`` (1), ``dims`` (5; 0 acts as 1; steady from start to the end of SQUARE), ``element`` (unused here,
    it goes to the scaler), ``scaler_valid`` (1), ``scaler_value`` (key_width). Outputs: ``read_addr`` (4),
    ``multiply``, ``busy``, ``ready`` (1), ``shift`` (5), ``root`` (2 element_width + 1).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._state, self._d, self._n2, self._shift, self._timer = (self._zeros() for _ in range(5))
        self._root, self._whole_root = self._zeros(), self._zeros()
        self._multiply, self._ready = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {
            "read_addr": to_unsigned(self._d, 4),
            "multiply": bit(self._multiply),
            "busy": bit(self._state != IDLE),
            "ready": bit(self._ready),
            "shift": to_unsigned(self._shift, 5),
            "root": to_unsigned(self._root, self.config.root_bits + 1),
        }
        state, n2 = self._state.copy(), self._n2.copy()
        self._multiply = state == SQUARE
        summing = flag(inputs, "scaler_valid") & ((state == SQUARE) | (state == DRAIN))
        total = n2 + signed(inputs, "scaler_value", self.config.key_width)
        self._n2 = np.where(summing, total & ((1 << self.config.norm_width) - 1), n2)
        self._square(state == SQUARE, unsigned(inputs, "dims", 5))
        self._drain(state == DRAIN)
        self._align(state == ALIGN, n2)
        self._take_root(state == ROOT)
        start = flag(inputs, "start")
        self._state[start] = SQUARE
        self._ready[start] = False
        self._d[start] = 0
        self._n2[start] = 0
        self._shift[start] = 0
        return outputs

    def _square(self, here: np.ndarray, dims: np.ndarray) -> None:
        self._d = self._d + here
        ends = here & (self._d >= dims)
        self._state[ends] = DRAIN
        self._timer[ends] = 1

    def _drain(self, here: np.ndarray) -> None:
        ends = here & (self._timer == DRAIN_CYCLES)
        self._timer = self._timer + here
        self._state[ends] = ALIGN

    def _align(self, here: np.ndarray, n2: np.ndarray) -> None:
        width = self.config.norm_width
        zero = here & (n2 == 0)
        by_four = here & ~zero & (n2 < 1 << (width - 8))
        by_one = here & ~zero & ~by_four & (n2 < 1 << (width - 2))
        aligned = here & (n2 >= 1 << (width - 2))
        self._n2 = np.where(by_four, n2 << 8, np.where(by_one, n2 << 2, self._n2))
        self._shift = self._shift + 4 * by_four + by_one
        self._shift[zero] = 0
        self._ready[zero] = True
        self._state[zero] = IDLE
        self._root[zero | aligned] = 0
        self._state[aligned] = ROOT
        self._timer[aligned] = 1
        for stream in np.flatnonzero(aligned):
            self._whole_root[stream] = reciprocal_root(self.config, int(n2[stream]))

    def _take_root(self, here: np.ndarray) -> None:
        """After i steps the partial root is the i top bits of the whole one, of R + 1."""
        n_bits = self.config.root_bits + 1
        partial = self._whole_root >> np.maximum(n_bits - self._timer, 0)
        self._root = np.where(here, partial, self._root)
        ends = here & (self._timer == n_bits)
        self._timer = self._timer + here
        self._state[ends] = IDLE
        self._ready[ends] = True
