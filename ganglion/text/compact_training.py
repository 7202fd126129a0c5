"""Training the compact classifier: which words and pairs it holds, where, and with which weights.

1. A linear classifier of all words and pairs that occur often enough, then of fewer and fewer of them: the ones whose
   weights count most stay, as many as there is room for.
2. Each gets a place in the table (cuckoo hashing: a key may lie in any of four banks).
3. From here on every text is what the table makes of it: a word that the fingerprints mistake for another one is such
   an event in training too. A linear classifier of the slots, its weights as codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganglion.text.features import Keys
from ganglion.text.linear import Batches, Counts, SquaredHinge, descend
from ganglion.text.quantise import quantised
from ganglion.text.words import WordTable
from golden.neuronguard import N_BANKS, UNKNOWN, CompactTable
from golden.neuronguard.compact import fingerprints_of, slots_of

__all__ = ["MAX_WEIGHTS", "Recipe", "choose_keys", "distribute", "train_table", "with_spare_codes"]

Progress = Callable[[str], None]
MAX_MOVES = 500
EMPTY = -1
MAX_WEIGHTS = 1 << 24
"""Weights (features times classes) that training holds at most: 64 MB, a few times over."""
SPARE_WEIGHTS = (64, 32, 96, 16)
"""What a spare code gives its class."""


@dataclass(frozen=True)
class Recipe:
    """Settings of the training, chosen on a part of the training rows that was held out.

    ``least``: how often a word or pair must occur. ``steps``: how many are kept after each round of the choice.
    ``frequency``: a feature counts for its largest weight times (texts that have it) ** frequency. ``epochs``, ``rate``
    and ``decay``: of training. ``load``: the share of the table that is filled.
    """

    least: int = 2
    steps: tuple[int, ...] = (40_000, 25_000)
    frequency: float = 0.1
    choice_epochs: int = 4
    epochs: int = 12
    rate: float = 0.1
    decay: float = 5e-5
    load: float = 0.96


def choose_keys(
    keys: Keys, labels: NDArray[np.integer], n_classes: int, n_keys: int, recipe: Recipe, rng: np.random.Generator
) -> NDArray[np.uint64]:
    """The keys that decide most, most important first; at most ``n_keys``."""
    most = max(MAX_WEIGHTS // n_classes, n_keys)
    distinct = _frequent(keys.keys, recipe.least, most)
    if len(distinct) < min(n_keys, 2 * n_classes):
        distinct = _frequent(keys.keys, 1, most)
    numbers = WordTable(distinct).numbers(keys.keys)
    known = numbers != WordTable.MISSING
    counts = Counts(numbers[known], keys.texts[known], keys.n_texts, len(distinct))
    matrix, often = counts.scaled(), counts.in_texts.astype(np.float64) ** recipe.frequency
    loss = SquaredHinge(labels)
    for n_kept in (*recipe.steps, n_keys):
        weights = descend(
            Batches(matrix),
            loss,
            np.zeros((len(distinct), n_classes), np.float32),
            n_epochs=recipe.choice_epochs,
            rate=recipe.rate,
            decay=recipe.decay,
            rng=rng,
        )
        kept = np.argsort(-np.abs(weights).max(1) * often, kind="stable")[: max(n_kept, n_keys)]
        distinct, often = distinct[kept], often[kept]
        if n_kept != n_keys:
            matrix = matrix[:, kept]
    return distinct


def _frequent(keys: NDArray[np.uint64], least: int, most: int) -> NDArray[np.uint64]:
    """The distinct keys that occur at least so often, sorted; more often where there are more than ``most`` of them."""
    ordered = np.sort(keys)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    often = np.diff(starts, append=len(ordered))
    while np.count_nonzero(often >= least) > most:
        least += 1
    return ordered[starts][often >= least]


def distribute(keys: NDArray[np.uint64], n_rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Gives each key one of its four slots; returns the key in each slot, [4 n_rows], ``EMPTY`` where none is.

    A key that finds no place makes another one move. After ``MAX_MOVES`` moves whoever is left is left out.
    """
    choices = slots_of(keys, n_rows).T.tolist()
    owners = [EMPTY] * (N_BANKS * n_rows)
    draws = rng.integers(N_BANKS, size=MAX_MOVES * 64).tolist()
    n_draws = 0
    for key in range(len(choices)):
        homeless, left = key, EMPTY
        for _ in range(MAX_MOVES):
            own = choices[homeless]
            free = next((slot for slot in own if owners[slot] == EMPTY), None)
            if free is not None:
                owners[free] = homeless
                break
            bank = draws[n_draws % len(draws)]
            n_draws += 1
            slot = own[bank] if own[bank] != left else own[(bank + 1) % N_BANKS]
            owners[slot], homeless, left = homeless, owners[slot], slot
    return np.array(owners, np.int64)


def train_table(
    keys: Keys,
    labels: NDArray[np.integer],
    n_classes: int,
    n_rows: int,
    n_codes: int,
    seed: int,
    recipe: Recipe,
    rng: np.random.Generator,
    say: Progress,
) -> CompactTable:
    """The trained table of ``n_rows`` rows a bank. ``keys`` are under ``seed``."""
    n_slots = N_BANKS * n_rows
    say(f"choosing from {len(keys.keys):,} words and pairs")
    chosen = choose_keys(keys, labels, n_classes, round(recipe.load * n_slots), recipe, rng)
    say(f"placing {len(chosen):,} of them")
    owners = distribute(chosen, n_rows, rng)
    taken = np.flatnonzero(owners != EMPTY)
    words = np.zeros(n_slots, np.uint16)
    code_width = n_codes.bit_length() - 1
    words[taken] = fingerprints_of(chosen[owners[taken]], code_width) << np.uint16(code_width)
    blank = CompactTable(words.reshape(N_BANKS, n_rows), np.zeros((n_codes, n_classes), np.int8), seed)
    say(f"training {len(taken):,} neurons")
    slots = blank.slots(keys.keys)
    known = slots != UNKNOWN
    known[known] = owners[slots[known]] != EMPTY
    counts = Counts(slots[known], keys.texts[known], keys.n_texts, n_slots)
    batches = Batches(counts.scaled())
    start = np.zeros((n_slots, n_classes), np.float32)
    weights = descend(
        batches, SquaredHinge(labels), start, n_epochs=recipe.epochs, rate=recipe.rate, decay=recipe.decay, rng=rng
    )
    codes, book = quantised(batches, weights, counts.rarity, counts.in_texts, n_codes, rng)
    words[taken] |= codes[taken].astype(np.uint16)
    return CompactTable(words.reshape(N_BANKS, n_rows), with_spare_codes(book.integers()), seed)


def with_spare_codes(codebook: NDArray[np.int8]) -> NDArray[np.int8]:
    """Codes that few rows left without weight each speak for one class instead, so that on-line learning can use them.

    No word has such a code: of equal codewords the first one is taken, and that is code 0.
    """
    result, n_classes = codebook.copy(), codebook.shape[1]
    for number, code in enumerate(np.flatnonzero(~codebook.any(1))[1:].tolist()):
        weight = SPARE_WEIGHTS[number // n_classes % len(SPARE_WEIGHTS)]
        result[code] = -(weight // (n_classes - 1))
        result[code, number % n_classes] = weight
    return result
