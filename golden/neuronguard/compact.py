"""The compact classifier: a hashed set of words and word pairs, each with a code for its weights, in 16-bit words.

**Keys.** A word with the 64-bit hash h (``ganglion.text.words``) has the key k = (h ^ seed) * 0xBF58476D1CE4E5B9 mod
2**64, then k ^= k >> 32. Two words that follow each other, of hashes h and g, are a pair: p = h * 0x9E3779B97F4A7C15
+ g mod 2**64, p ^= p >> 32, and its key is that of a word of hash p.

**Table.** Four banks of ``n_rows`` 16-bit words (so that one cycle reads all four). A key may lie in one word of each
bank b, in the row ((k >> 16 b) mod 2**16) * n_rows >> 16. A word of the table holds a fingerprint in its upper
16 - ``code_width`` bits and a code in the lower ones; the fingerprint of a key is the lowest bits of
k ^ k >> 16 ^ k >> 32 ^ k >> 48. The first bank whose word has the key's fingerprint is the one; if none has, the key is
unknown. An empty word is 0, and code 0 stands for no weight at all.

**Classes.** Each codeword of the code book holds one signed byte for each class. Every known word or pair of a text, as
often as it stands there, is an event that adds its codeword to the potentials of the class neurons, which start at 0.
The winner is the class of largest potential, the lower one on ties: class 0 for a text without a known word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.spec.compact import N_BANKS, WORD_WIDTH

__all__ = ["N_BANKS", "UNKNOWN", "CompactEngine", "CompactTable", "pair_hashes", "table_keys"]

MAX_ROWS = 1 << WORD_WIDTH
MULTIPLIER = 0x9E37_79B9_7F4A_7C15
MIXER = 0xBF58_476D_1CE4_E5B9
FEW = 256
"""Up to so many events all classes are summed up at once, which is faster then."""
UNKNOWN = -1
"""The slot of a key that is in no bank."""

_SHIFTS = np.arange(0, N_BANKS * WORD_WIDTH, WORD_WIDTH, dtype=np.uint64)[:, None]
_LOW = np.uint64(MAX_ROWS - 1)
_WIDTH = np.uint64(WORD_WIDTH)
_HALF = np.uint64(32)


def pair_hashes(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each pair of words, [n], from the hashes of the words."""
    hashes = first * np.uint64(MULTIPLIER)
    hashes += second
    hashes ^= hashes >> _HALF
    return hashes


def table_keys(hashes: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """The keys of words or pairs, [n], under a table's ``seed`` (64 bits)."""
    keys = hashes ^ np.uint64(seed)
    keys *= np.uint64(MIXER)
    keys ^= keys >> _HALF
    return keys


@dataclass(frozen=True)
class CompactTable:
    """A table ``words`` [4, n_rows] u16 and its ``codebook`` [2**code_width, n_classes] i8; row 0 of it is 0.

    A *slot* is the number of a word of the table: bank * n_rows + row.
    """

    words: NDArray[np.uint16]
    codebook: NDArray[np.int8]
    seed: int

    def __post_init__(self) -> None:
        words, codebook = self.words, self.codebook
        if words.dtype != np.uint16 or words.ndim != 2 or len(words) != N_BANKS or not 0 < words.shape[1] <= MAX_ROWS:
            raise ValueError(f"a table is [{N_BANKS}, 1 to {MAX_ROWS}] of uint16, not {words.shape} of {words.dtype}")
        if codebook.dtype != np.int8 or codebook.ndim != 2 or codebook.shape[1] < 2:
            raise ValueError(f"a code book is [codes, classes] of int8, not {codebook.shape} of {codebook.dtype}")
        n_codes = len(codebook)
        if n_codes & (n_codes - 1) or not 2 <= n_codes < MAX_ROWS:
            raise ValueError(f"a code book has a power of two of codes, 2 to {MAX_ROWS // 2}, not {n_codes}")
        if codebook[0].any():
            raise ValueError(f"code 0 must be without weight, not {codebook[0].tolist()}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"a seed has 64 bits, not {self.seed}")

    @property
    def n_rows(self) -> int:
        """Words of a bank."""
        return self.words.shape[1]

    @property
    def n_classes(self) -> int:
        """Class neurons."""
        return self.codebook.shape[1]

    @property
    def code_width(self) -> int:
        """Bits of a code; the other bits of a word are its fingerprint."""
        return len(self.codebook).bit_length() - 1

    def places(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The slot of each key in each bank, [4, n]."""
        return slots_of(keys, self.n_rows)

    def slots(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The slot that answers to each key, [n]; ``UNKNOWN`` where none does."""
        places = self.places(keys)
        wanted = fingerprints_of(keys, self.code_width)
        hits = (self.words.ravel()[places] >> np.uint16(self.code_width)) == wanted
        slots = places[hits.argmax(0), np.arange(len(keys))]
        return np.where(hits.any(0), slots, UNKNOWN)

    def codes(self, slots: NDArray[np.int64]) -> NDArray[np.intp]:
        """The code in each slot, [n]."""
        return (self.words.ravel()[slots] & np.uint16(len(self.codebook) - 1)).astype(np.intp)

    def potentials(self, slots: NDArray[np.int64], texts: NDArray[np.integer], n_texts: int) -> NDArray[np.int64]:
        """Potentials of the class neurons, [n_texts, n_classes], after an event for each known slot [n].

        ``texts`` [n]: the number of the text of each.
        """
        known = np.flatnonzero(slots != UNKNOWN)
        codes, texts = self.codes(slots[known]), texts[known]
        # Sums of integers far below 2**53: exact in float64, in any order.
        weights, n_classes = self.codebook.astype(np.float64), self.n_classes
        if len(codes) <= FEW:
            places = (texts * n_classes)[:, None] + np.arange(n_classes)
            sums = np.bincount(places.ravel(), weights[codes].ravel(), minlength=n_texts * n_classes)
            return sums.astype(np.int64).reshape(n_texts, n_classes)
        result = np.empty((n_texts, n_classes), np.int64)
        for number in range(n_classes):
            result[:, number] = np.bincount(texts, weights[codes, number], minlength=n_texts)
        return result


def slots_of(keys: NDArray[np.uint64], n_rows: int) -> NDArray[np.int64]:
    """The slot of each key in each bank of ``n_rows`` words, [4, n]."""
    rows = keys >> _SHIFTS
    rows &= _LOW
    rows *= np.uint64(n_rows)
    rows >>= _WIDTH
    rows += np.arange(0, N_BANKS * n_rows, n_rows, dtype=np.uint64)[:, None]
    return rows.view(np.int64)


def fingerprints_of(keys: NDArray[np.uint64], code_width: int) -> NDArray[np.uint16]:
    """The fingerprint of each key, [n], as the upper bits of a word hold it (shifted down)."""
    folded = keys ^ (keys >> _HALF)
    folded ^= folded >> _WIDTH
    folded &= np.uint64((1 << (WORD_WIDTH - code_width)) - 1)
    return folded.astype(np.uint16)


class CompactEngine:
    """The same, one event at a time, in Python's integers: what the hardware does with the keys of one text."""

    def __init__(self, table: CompactTable) -> None:
        self.table = table
        self.potentials = [0] * table.n_classes

    def reset(self) -> None:
        """A new text."""
        self.potentials = [0] * self.table.n_classes

    def code(self, key: int) -> int:
        """The code of a key; 0 when the key is unknown."""
        table, width = self.table, self.table.code_width
        fingerprint = (key ^ key >> 16 ^ key >> 32 ^ key >> 48) & ((1 << (WORD_WIDTH - width)) - 1)
        for bank in range(N_BANKS):
            row = ((key >> WORD_WIDTH * bank) % MAX_ROWS) * table.n_rows >> WORD_WIDTH
            word = int(table.words[bank, row])
            if word >> width == fingerprint:
                return word & ((1 << width) - 1)
        return 0

    def post(self, keys: Iterable[int]) -> None:
        """One event for each key."""
        for key in keys:
            for number, weight in enumerate(self.table.codebook[self.code(key)].tolist()):
                self.potentials[number] += weight

    @property
    def winner(self) -> int:
        """The class of largest potential, the lower one on ties."""
        return self.potentials.index(max(self.potentials))
