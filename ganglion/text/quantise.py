"""Weights of a linear classifier as codes of a small code book of integers, trained on so that it costs little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganglion.text.linear import Batches, Reconstruction, descend

__all__ = ["Codebook", "quantised"]

Floats = NDArray[np.float32]
STAGES = (0.3, 0.55, 0.75, 0.9, 1.0)
"""Share of the features that is fixed to its codes after each stage."""
N_EPOCHS = 2
RATE = 0.01
FIRST_ROUNDS = 12
ROUNDS = 2
LARGEST = 127
BLOCK = 512


class Codebook:
    """Codewords [n_codes, n_classes] for rows of weights; codeword 0 is 0 and stays so."""

    def __init__(self, rows: Floats, importance: NDArray[np.float64], n_codes: int, rng: np.random.Generator) -> None:
        """Chooses the first codewords among the rows, far apart (as k-means++), and fits them."""
        self.words: Floats = np.zeros((n_codes, rows.shape[1]), np.float32)
        distance = (rows**2).sum(1).astype(np.float64)
        for number in range(1, n_codes):
            chance = np.cumsum(np.sqrt(importance) * distance)
            if not chance[-1] > 0:
                break
            row = rows[np.searchsorted(chance, rng.random() * chance[-1], side="right")]
            self.words[number] = row
            np.minimum(distance, ((rows - row) ** 2).sum(1), out=distance)
        self.fit(rows, importance, FIRST_ROUNDS)

    def fit(self, rows: Floats, importance: NDArray[np.float64], n_rounds: int = ROUNDS) -> None:
        """Moves each codeword to the mean of the rows nearest to it."""
        for _ in range(n_rounds):
            codes = self.encode(rows)
            mass = np.bincount(codes, importance, minlength=len(self.words))
            used = mass > 0
            used[0] = False
            for number in range(rows.shape[1]):
                total = np.bincount(codes, importance * rows[:, number], minlength=len(self.words))
                self.words[used, number] = total[used] / mass[used]

    def encode(self, rows: Floats) -> NDArray[np.intp]:
        """The nearest codeword of each row, [n]."""
        turned, size = self.words.T.copy(), (self.words**2).sum(1)
        parts = [(size - 2 * (rows[start : start + BLOCK] @ turned)).argmin(1) for start in range(0, len(rows), BLOCK)]
        return np.concatenate(parts)

    def integers(self) -> NDArray[np.int8]:
        """The codewords, the largest weight at 127."""
        largest = np.abs(self.words).max()
        return np.round(self.words * (LARGEST / largest if largest else 0)).astype(np.int8)


def quantised(
    batches: Batches,
    weights: Floats,
    rarity: Floats,
    in_texts: NDArray[np.integer],
    n_codes: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], Codebook]:
    """Codes [n_features] and code book of ``weights`` [n_features, n_classes], which are for scaled counts.

    A growing share of the features is fixed to its codewords, while the others learn to restore the scores that
    the float weights gave. What all classes have in common decides nothing and is left out.
    """
    loss = Reconstruction(batches.scores(weights))
    scale = rarity[:, None]
    importance = in_texts.astype(np.float64)
    unused = in_texts == 0
    weights = weights - weights.mean(1, keepdims=True)
    weights[unused] = 0

    def rows() -> Floats:
        return (weights - weights.mean(1, keepdims=True)) * scale

    book = Codebook(rows(), importance, n_codes, rng)
    order = rng.permutation(len(weights))
    free = np.ones(len(weights), np.bool_)
    codes = np.zeros(len(weights), np.intp)
    for share in STAGES:
        free[order[: round(share * len(weights))]] = False
        codes = book.encode(rows())
        codes[unused] = 0
        fixed = ~free
        weights[fixed] = book.words[codes[fixed]] / scale[fixed]
        if free.any():
            weights = descend(batches, loss, weights, n_epochs=N_EPOCHS, rate=RATE, decay=0, rng=rng, free=free)
            book.fit(rows(), importance)
    return codes, book
