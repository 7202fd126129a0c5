"""What the compact classifier sees of a text: its words and its pairs of neighbouring words, as 64-bit keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganglion.text.words import ALPHANUMERIC, Words, split_texts
from golden.neuronguard import pair_hashes, table_keys

__all__ = ["TOKENISER", "Keys", "key_blocks", "ordered_keys", "text_keys"]

TOKENISER = ALPHANUMERIC


@dataclass(frozen=True)
class Keys:
    """Keys [n] of words and pairs, and the text each is in, ``texts`` [n].

    In each block of texts the ``n_words`` words come first, in their order, then the pairs, in theirs.
    """

    n_texts: int
    keys: NDArray[np.uint64]
    texts: NDArray[np.int32]


def key_blocks(texts: Sequence[str], seed: int) -> Iterator[tuple[Words, Keys]]:
    """Words and keys of some texts, in blocks that fit the cache; texts count from 0 in each block."""
    for words in split_texts(texts, TOKENISER):
        of_texts = np.repeat(np.arange(words.n_texts, dtype=np.int32), words.counts)
        paired = pairs(of_texts)
        hashes = np.concatenate([words.hashes, pair_hashes(words.hashes[paired], words.hashes[paired + 1])])
        yield words, Keys(words.n_texts, table_keys(hashes, seed), np.concatenate([of_texts, of_texts[paired]]))


def pairs(of_texts: NDArray[np.int32]) -> NDArray[np.intp]:
    """The words that have a next one in the same text."""
    return np.flatnonzero(of_texts[1:] == of_texts[:-1])


def text_keys(texts: Sequence[str], seed: int) -> Keys:
    """The keys of all texts together."""
    found, of_texts, n_texts = [np.empty(0, np.uint64)], [np.empty(0, np.int32)], 0
    for _words, block in key_blocks(texts, seed):
        found.append(block.keys)
        of_texts.append(block.texts + np.int32(n_texts))
        n_texts += block.n_texts
    return Keys(n_texts, np.concatenate(found), np.concatenate(of_texts))


def ordered_keys(texts: Sequence[str], seed: int) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """The keys of texts [n], those of a text together (its words, then its pairs), and where each text's end, [n]."""
    keys = text_keys(texts, seed)
    order = np.argsort(keys.texts, kind="stable")
    return keys.keys[order], np.cumsum(np.bincount(keys.texts, minlength=keys.n_texts))
