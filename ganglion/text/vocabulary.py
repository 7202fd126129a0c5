"""The vocabulary: the most frequent words of the training texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ganglion.text.words import Words, WordTable, split_words

__all__ = ["frequent_words", "word_hashes"]


def word_hashes(words: Sequence[str]) -> NDArray[np.uint64]:
    """The hash of each word, [n]. Raises ValueError naming one that the tokeniser would not leave as it is."""
    split = split_words(words)
    if len(split.hashes) != len(words) or (split.counts != 1).any():
        wrong = next(word for word, count in zip(words, split.counts, strict=True) if count != 1)
        raise ValueError(f"{wrong!r} is not one word")
    return split.hashes


def frequent_words(blocks: Sequence[Words], n_words: int, stop_words: Collection[str]) -> list[str]:
    """The ``n_words`` most frequent words (fewer when there are no more), most frequent first, ties by alphabet."""
    hashes = np.concatenate([block.hashes for block in blocks])
    hashes.sort()
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    counts = np.diff(starts, append=len(hashes))
    distinct = hashes[starts]
    # Words of fewer than three letters are none anyway.
    stops = split_words(sorted(stop_words)).hashes
    kept = ~np.isin(distinct, stops)
    counts, distinct = counts[kept], distinct[kept]
    if len(counts) > n_words:
        # All that are as frequent as the last one wanted: which of them it is, the alphabet says.
        least = np.partition(counts, len(counts) - n_words)[len(counts) - n_words]
        counts, distinct = counts[counts >= least], distinct[counts >= least]
    spelled = _spelled(blocks, distinct)
    ranked = sorted(zip((-counts).tolist(), spelled, strict=True))
    return [word for _count, word in ranked[:n_words]]


def _spelled(blocks: Sequence[Words], hashes: NDArray[np.uint64]) -> list[str]:
    """The words of some hashes, all of which are in the blocks."""
    table = WordTable(hashes)
    result: list[str | None] = [None] * len(hashes)
    n_missing = len(hashes)
    for block in blocks:
        if not n_missing:
            break
        numbers = table.numbers(block.hashes)
        found, places = np.unique(numbers, return_index=True)
        for number, place in zip(found.tolist(), places.tolist(), strict=True):
            if number != WordTable.MISSING and result[number] is None:
                result[number] = block.word(place)
                n_missing -= 1
    return [word for word in result if word is not None]
