"""Spike-timing code of a vector: larger values fire in earlier slots."""

import numpy as np
from numpy.typing import NDArray

from golden.float32.math32 import ONE, ieee
from golden.float32.neural_constants import ENCODING_SLOTS
from golden.spec.constants import VECTORS_PER_CORE

HALF_SLOTS = np.float32(ENCODING_SLOTS // 2)


@ieee()
def encode(vector: NDArray[np.float32]) -> int:
    """The 32-bit spike pattern of ``vector`` [dims]; 0 for the zero vector.

    m = max |v|; slot = floor((1 - v / m) * 4), one division, one difference, one product (the same as
    floor((1 - (v + m) / (2 m)) * 8) in real numbers, and no sum that could overflow); slot is 0 for v = m and 8 for
    v = -m. Bit d + slot * (dims div 8) is set when below 32.
    """
    m = np.max(np.abs(vector))
    if m == 0:
        return 0
    slots = np.floor((ONE - vector / m) * HALF_SLOTS).astype(np.intp)
    stride = len(vector) // ENCODING_SLOTS
    pattern = 0
    for d, slot in enumerate(slots.tolist()):
        bit = d + slot * stride
        if bit < VECTORS_PER_CORE:
            pattern |= 1 << bit
    return pattern


def similarity(a: int, b: int) -> np.float32:
    """popcount(a & b) / popcount(a | b), one float32 division; 1 when both patterns are 0."""
    union = (a | b).bit_count()
    return np.float32((a & b).bit_count()) / np.float32(union) if union else ONE
