"""Result records and their total order: distance, then core, then index."""

import numpy as np
from numpy.typing import NDArray

from golden.spec.constants import INDEX_NONE

ALL_TYPES = 0xFFFF
"""The type mask that lets every node through."""

RESULT_DTYPE = np.dtype([("index", "u1"), ("core", "u1"), ("padding", "<u2"), ("distance", "<f4")])
"""8 bytes: index u8, core u8, two bytes that are 0, distance f32 (little endian).

The padding is a field because NumPy does not copy the gaps between fields: so the bytes of a record are defined.
"""

EMPTY_RESULT = (INDEX_NONE, INDEX_NONE, 0, np.inf)
"""What a free place holds; it sorts behind every result."""


def empty_results(shape: int | tuple[int, ...]) -> NDArray[np.void]:
    """Records that all say "none": index 255, core 255, distance +inf."""
    records = np.zeros(shape, RESULT_DTYPE)
    records[...] = EMPTY_RESULT
    return records


def distance_keys(distance: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Unsigned keys below 2**32 in the order of the distances, which must not be NaN; -0 and +0 are equal.

    The bits of a float32 ordered as integers: set the sign bit of the positive ones, invert the negative ones.
    """
    bits = (distance + np.float32(0)).view(np.uint32)  # + 0 turns -0 into +0
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(0x80000000)).astype(np.uint64)


def order_keys(records: NDArray[np.void]) -> NDArray[np.uint64]:
    """One unsigned key a record, whose order is (distance, core, index). Distances must not be NaN."""
    key: NDArray[np.uint64] = distance_keys(records["distance"]) << np.uint64(16)
    key |= records["core"].astype(np.uint64) << np.uint64(8)
    key |= records["index"].astype(np.uint64)
    return key
