"""Result records and their total order: distance, then core, then index."""

import numpy as np
from numpy.typing import NDArray

from golden.float32.constants import NONE_INDEX

RESULT_DTYPE = np.dtype(
    {"names": ["index", "core", "distance"], "formats": ["u1", "u1", "<f4"], "offsets": [0, 1, 4], "itemsize": 8}
)
"""8 bytes: index u8, core u8, two bytes of padding, distance f32 (little endian)."""

EMPTY_RESULT = (NONE_INDEX, NONE_INDEX, np.inf)
"""What a free place holds; it sorts behind every result."""


def empty_results(shape: int | tuple[int, ...]) -> NDArray[np.void]:
    """Records that all say "none": index 255, core 255, distance +inf; the padding is 0."""
    records = np.zeros(shape, RESULT_DTYPE)
    records[...] = EMPTY_RESULT
    return records


def order_keys(records: NDArray[np.void]) -> NDArray[np.uint64]:
    """One unsigned key a record, whose order is (distance, core, index). Distances must not be NaN.

    The bits of a float32 ordered as integers: set the sign bit of the positive ones, invert the negative ones.
    """
    distance = np.ascontiguousarray(records["distance"] + np.float32(0))  # + 0 turns -0 into +0
    bits = distance.view(np.uint32)
    ordered = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(0x80000000)).astype(np.uint64)
    key: NDArray[np.uint64] = (
        (ordered << np.uint64(16)) | (records["core"].astype(np.uint64) << np.uint64(8)) | records["index"]
    )
    return key
