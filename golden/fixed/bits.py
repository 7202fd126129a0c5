"""Bit helpers of the fixed-point models: masks, sign extension, fields of wide ports, packed list entries."""

import numpy as np
import numpy.typing as npt

from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH

I64Array = npt.NDArray[np.int64]
U64Array = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]

WORD_BITS = 64
TAG_WIDTH = CORE_WIDTH + INDEX_WIDTH
"""Bits of core and index behind the key of a packed entry."""


def mask(width: int) -> int:
    """``width`` ones."""
    return (1 << width) - 1


def n_words(width: int) -> int:
    """64-bit words that a port of ``width`` bits takes in a stimulus or trace."""
    return -(-width // WORD_BITS)


def to_unsigned(values: npt.ArrayLike, width: int) -> U64Array:
    """The low ``width`` (at most 64) bits of integers, as they stand in a trace."""
    return np.asarray(values).astype(np.uint64) & np.uint64(mask(width))


def to_signed(values: npt.ArrayLike, width: int) -> I64Array:
    """The low ``width`` (at most 63) bits of integers, read as two's complement."""
    sign = 1 << (width - 1)
    raw = np.asarray(values).astype(np.int64) & mask(width)
    return (raw ^ sign) - sign


def unpack_fields(words: U64Array, n_fields: int, width: int) -> I64Array:
    """The fields of a packed port, first field in the low bits.

    Args:
        words: ``[n]`` for a port of up to 64 bits, else ``[n, n_words]``.
        n_fields, width: number of fields and bits of each (at most 63).

    Returns: ``[n, n_fields]``, unsigned values.
    """
    table = words.reshape(len(words), -1)
    if table.shape[1] != n_words(n_fields * width):
        raise ValueError(
            f"{n_fields} fields of {width} bits take {n_words(n_fields * width)} words, got {table.shape[1]}"
        )
    low_bit = np.arange(n_fields) * width
    word, offset = low_bit // WORD_BITS, (low_bit % WORD_BITS).astype(np.uint64)
    fields = table[:, word] >> offset
    split = np.flatnonzero(low_bit % WORD_BITS + width > WORD_BITS)
    if len(split):
        fields[:, split] |= table[:, word[split] + 1] << (np.uint64(WORD_BITS) - offset[split])
    return (fields & np.uint64(mask(width))).astype(np.int64)


def pack_fields(fields: npt.ArrayLike, width: int) -> U64Array:
    """The inverse of :func:`unpack_fields`, from the low ``width`` bits of ``[n, n_fields]`` integers."""
    values = to_unsigned(fields, width)
    n, n_fields = values.shape
    total = n_words(n_fields * width)
    words = np.zeros((n, total), dtype=np.uint64)
    for i in range(n_fields):
        word, offset = divmod(i * width, WORD_BITS)
        words[:, word] |= values[:, i] << np.uint64(offset)
        if offset + width > WORD_BITS:
            words[:, word + 1] |= values[:, i] >> np.uint64(WORD_BITS - offset)
    return words[:, 0] if total == 1 else words


def pack_entry(key: npt.ArrayLike, core: npt.ArrayLike, index: npt.ArrayLike) -> I64Array:
    """A list entry as one integer that sorts like (signed key, core, index); keys of up to 50 bits fit."""
    tag = (np.asarray(core, dtype=np.int64) << INDEX_WIDTH) | np.asarray(index, dtype=np.int64)
    return (np.asarray(key, dtype=np.int64) << TAG_WIDTH) | tag


def entry_key(entry: I64Array) -> I64Array:
    """The signed key of packed entries."""
    return entry >> TAG_WIDTH


def entry_core(entry: I64Array) -> I64Array:
    """The core of packed entries."""
    return (entry >> INDEX_WIDTH) & mask(CORE_WIDTH)


def entry_index(entry: I64Array) -> I64Array:
    """The index of packed entries."""
    return entry & mask(INDEX_WIDTH)
