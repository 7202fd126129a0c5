"""Splitting texts into words, and their 64-bit hashes: specified to the byte, vectorised.

- A text is its UTF-8 bytes. A-Z become a-z. Letters are a-z, every byte >= 0x80 and, if the tokeniser says so, the
  digits; all other bytes separate words. So do the code points U+0080..U+00BF, U+2000..U+206F and U+3000..U+303F:
  spaces, dashes, quotation marks.
- A word is a longest run of letters of at least ``min_letters`` characters (bytes that do not continue a code point)
  and at most 64 bytes; other runs are none.
- Hash: h = 0; for each 8 bytes of the word (little endian, the last ones filled up with zeros):
  h = (h ^ chunk) * 0x9E3779B97F4A7C15 mod 2**64, then h ^= h >> 32. No two words of up to 8 bytes share a hash; longer
  ones that do are the same word.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHANUMERIC", "LETTERS", "MAX_BYTES", "Tokeniser", "WordTable", "Words", "split_texts", "split_words"]

MAX_BYTES = 64
MULTIPLIER = 0x9E37_79B9_7F4A_7C15
BLOCK_CHARACTERS = 1 << 19
CHUNK = 8
SEPARATOR = 0
MASKS = np.array([(1 << 8 * n) - 1 for n in range(CHUNK + 1)], np.uint64)
"""The first n bytes of a chunk."""


@dataclass(frozen=True)
class Tokeniser:
    """What a word is: at least ``min_letters`` letters; ``digits`` are letters too or separate words."""

    name: str
    min_letters: int
    digits: bool

    @property
    def settings(self) -> dict[str, Any]:
        """As a model's file holds it."""
        return {"name": self.name, "min_letters": self.min_letters, "max_bytes": MAX_BYTES}

    @cached_property
    def fold(self) -> bytes:
        """What each byte becomes: its letter in lower case, or a separator."""

        def folded(code: int) -> int:
            letter = chr(code)
            kept = code >= 0x80 or letter.islower() or (self.digits and letter.isdecimal())
            return code if kept else code + 32 if letter.isupper() else SEPARATOR

        return bytes(map(folded, range(256)))


LETTERS = Tokeniser("letters", min_letters=3, digits=False)
ALPHANUMERIC = Tokeniser("alphanumeric", min_letters=1, digits=True)


@dataclass(frozen=True)
class Words:
    """The words of ``n_texts`` texts, in their order.

    ``hashes`` [n] u64; ``counts`` [n_texts] words a text. ``starts``, ``lengths`` [n]: where they are in ``letters``,
    the bytes of all texts in lower case.
    """

    n_texts: int
    hashes: NDArray[np.uint64]
    counts: NDArray[np.int64]
    starts: NDArray[np.int32]
    lengths: NDArray[np.uint8]
    letters: NDArray[np.uint8]

    def word(self, number: int) -> str:
        """One word as text."""
        start = int(self.starts[number])
        return self.letters[start : start + int(self.lengths[number])].tobytes().decode("utf-8")


def split_texts(texts: Sequence[str], tokeniser: Tokeniser = LETTERS) -> list[Words]:
    """The words of some texts, in blocks that fit the cache. TypeError for anything but a sequence of strings."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"texts must be a sequence of strings, not the single text {texts[:40]!r}")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"text {number} must be a string, not {text!r:.60}")
    ends = list(accumulate(map(len, texts)))
    blocks, start = [], 0
    while start < len(texts):
        size = BLOCK_CHARACTERS + (ends[start - 1] if start else 0)
        end = max(start + 1, bisect_right(ends, size, start))
        blocks.append(split_words(texts[start:end], tokeniser))
        start = end
    return blocks


def split_words(texts: Sequence[str], tokeniser: Tokeniser = LETTERS) -> Words:
    """The words of some texts. A lone surrogate, which UTF-8 cannot hold, separates words."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    # Padding: the last chunk may be read beyond the end.
    folded = b"\n".join([b"", *encoded, bytes(CHUNK)]).translate(tokeniser.fold)
    letters = np.frombuffer(folded, np.uint8)
    is_ascii = folded.isascii()
    if not is_ascii:
        letters = _separate_punctuation(letters)
    is_letter = letters != SEPARATOR
    edges = np.flatnonzero(is_letter[1:] != is_letter[:-1])
    edges += 1
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    wanted = (lengths >= tokeniser.min_letters) & (lengths <= MAX_BYTES)
    if not is_ascii and tokeniser.min_letters > 1:
        n_letters = np.cumsum((letters & 0xC0) != 0x80)
        wanted &= n_letters[starts + lengths - 1] - n_letters[starts] >= tokeniser.min_letters - 1
    starts, lengths = starts[wanted], lengths[wanted]
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)) + 1)
    counts = np.diff(np.searchsorted(starts, ends), prepend=0)
    hashes = _hashes(letters, starts, lengths)
    return Words(len(encoded), hashes, counts, starts.astype(np.int32), lengths.astype(np.uint8), letters)


def _separate_punctuation(letters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes with the code points beyond ASCII that separate words made separators."""
    first, second = letters[:-2], letters[1:-1]
    two = first == 0xC2
    three = ((first == 0xE2) & ((second == 0x80) | ((second == 0x81) & (letters[2:] <= 0xAF)))) | (
        (first == 0xE3) & (second == 0x80)
    )
    result = letters.copy()
    for width, found in ((2, np.flatnonzero(two)), (3, np.flatnonzero(three))):
        for offset in range(width):
            result[found + offset] = SEPARATOR
    return result


def _hashes(letters: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The hash of each word."""
    # A chunk at every byte: an overlapping view, which indexing copies from.
    chunks: NDArray[np.uint64] = np.ndarray(len(letters) - CHUNK + 1, "<u8", letters, strides=(1,))
    hashes = chunks[starts] & MASKS[np.minimum(lengths, CHUNK)]
    _mix(hashes)
    for offset in range(CHUNK, MAX_BYTES, CHUNK):
        longer = np.flatnonzero(lengths > offset)
        if not len(longer):
            break
        more = hashes[longer]
        more ^= chunks[starts[longer] + offset] & MASKS[np.minimum(lengths[longer] - offset, CHUNK)]
        _mix(more)
        hashes[longer] = more
    return hashes


def _mix(hashes: NDArray[np.uint64]) -> None:
    hashes *= np.uint64(MULTIPLIER)
    hashes ^= hashes >> np.uint64(32)


class WordTable:
    """Numbers of words by their hash, looked up for many at once: open addressing, linear probing.

    ``hashes`` [n], all different: word i has the number i.
    """

    MISSING = -1

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        if len(np.unique(hashes)) != len(hashes):
            raise ValueError("a word stands twice in the vocabulary")
        # At most one slot in eight is taken, so that nearly every look-up ends at its first.
        width = max(4, (8 * len(hashes) - 1).bit_length())
        self._shift = np.uint64(64 - width)
        self._hashes = np.zeros(1 << width, np.uint64)
        self._numbers = np.full(1 << width, self.MISSING, np.int32)
        waiting = np.arange(len(hashes), dtype=np.int32)
        slots = self._slots(hashes)
        while len(waiting):
            # Of several words at one free slot the last one written gets it; the others go on.
            free = self._numbers[slots] == self.MISSING
            self._numbers[slots[free]] = waiting[free]
            settled = self._numbers[slots] == waiting
            self._hashes[slots[settled]] = hashes[waiting[settled]]
            waiting, slots = waiting[~settled], self._next(slots[~settled])

    def _slots(self, hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
        return (hashes >> self._shift).astype(np.intp)

    def _next(self, slots: NDArray[np.intp]) -> NDArray[np.intp]:
        return (slots + 1) & (len(self._numbers) - 1)

    def numbers(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The number of each word [n], ``MISSING`` where it is none of them."""
        slots = self._slots(hashes)
        found = self._numbers[slots]
        unsettled = np.flatnonzero((self._hashes[slots] != hashes) & (found != self.MISSING))
        slots = slots[unsettled]
        while len(unsettled):
            slots = self._next(slots)
            numbers = self._numbers[slots]
            found[unsettled] = numbers
            still = (self._hashes[slots] != hashes[unsettled]) & (numbers != self.MISSING)
            unsettled, slots = unsettled[still], slots[still]
        return found
