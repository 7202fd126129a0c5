"""Training linear classifiers of texts: counts of features, weighed and scaled, and the squared hinge loss.

Everything is deterministic: one thread, batches in an order that the seed gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

__all__ = ["Batches", "Counts", "Reconstruction", "SquaredHinge", "descend"]

Floats = NDArray[np.float32]
N_STEPS = 36
"""Batches an epoch has at least, where there are rows enough."""
MAX_BATCH = 2048
MOMENTUM, MEMORY, TINY = 0.9, 0.999, 1e-8


class Counts:
    """How often each of ``n_features`` features is in each of ``n_texts`` texts.

    ``matrix`` [n_texts, n_features] counts; ``in_texts`` [n_features] texts that have it; ``rarity`` [n_features]
    1 + log(n_texts / in_texts).
    """

    def __init__(
        self, features: NDArray[np.integer], texts: NDArray[np.integer], n_texts: int, n_features: int
    ) -> None:
        ones = np.ones(len(features), np.float32)
        self.matrix = sparse.csr_matrix((ones, (texts, features)), shape=(n_texts, n_features))
        self._measure()

    def _measure(self) -> None:
        n_texts, n_features = self.matrix.shape
        self.in_texts = np.bincount(self.matrix.indices, minlength=n_features)
        self.rarity: Floats = (1 + np.log(n_texts / np.maximum(self.in_texts, 1))).astype(np.float32)

    def scaled(self) -> sparse.csr_matrix:
        """Counts times rarity, each row of length 1 (0 if it is empty)."""
        result = self.matrix.copy()
        result.data *= self.rarity[result.indices]
        rows = np.repeat(np.arange(result.shape[0]), np.diff(result.indptr))
        lengths = np.sqrt(np.bincount(rows, result.data.astype(np.float64) ** 2, minlength=result.shape[0]))
        result.data /= lengths[rows].astype(np.float32)
        return result


@dataclass(frozen=True)
class SquaredHinge:
    """Each class against the rest: sum over the classes of max(0, 1 - t score)**2, t = 1 for the own class else -1."""

    labels: NDArray[np.integer]

    def slope(self, scores: Floats, start: int) -> Floats:
        """The derivative of the loss by the scores of the rows from ``start`` on."""
        own = np.arange(len(scores)), self.labels[start : start + len(scores)]
        result = np.maximum(0, 1 + scores)
        result[own] = np.minimum(0, scores[own] - 1)
        result *= 2
        return result


@dataclass(frozen=True)
class Reconstruction:
    """The squared distance to ``goal`` [n_texts, n_classes], apart from what is common to all classes of a text."""

    goal: Floats

    def slope(self, scores: Floats, start: int) -> Floats:
        """The derivative of the loss by the scores of the rows from ``start`` on."""
        result = scores - self.goal[start : start + len(scores)]
        result -= result.mean(1, keepdims=True)
        result *= 2
        return result


class Batches:
    """The rows of a matrix in batches, with the transpose of each, which is what training needs."""

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        n_rows = matrix.shape[0]
        size = min(MAX_BATCH, max(1, -(-n_rows // N_STEPS)))
        self.starts = range(0, n_rows, size)
        self.parts = [matrix[start : start + size] for start in self.starts]
        self.turned = [part.T for part in self.parts]

    def scores(self, weights: Floats) -> Floats:
        """Matrix times weights."""
        return np.concatenate([part @ weights for part in self.parts])


def descend(
    batches: Batches,
    loss: SquaredHinge | Reconstruction,
    weights: Floats,
    *,
    n_epochs: int,
    rate: float,
    decay: float,
    rng: np.random.Generator,
    free: NDArray[np.bool_] | None = None,
) -> Floats:
    """Adam on the mean loss + decay/2 |weights|**2, the rate falling to 0; returns the weights [n_features, n_classes].

    Only the features in ``free`` [n_features] change, all of them when None.
    """
    weights = weights.copy()
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    n_steps, step = n_epochs * len(batches.parts), 0
    for _ in range(n_epochs):
        for number in rng.permutation(len(batches.parts)).tolist():
            part = batches.parts[number]
            slope = loss.slope(part @ weights, batches.starts[number])
            slope /= np.float32(part.shape[0])
            gradient = batches.turned[number] @ slope
            gradient += np.float32(decay) * weights
            if free is not None:
                gradient *= free[:, None]
            mean += np.float32(1 - MOMENTUM) * (gradient - mean)
            gradient *= gradient
            square += np.float32(1 - MEMORY) * (gradient - square)
            length = rate * (1 - step / n_steps)
            step += 1
            length *= (1 - MEMORY**step) ** 0.5 / (1 - MOMENTUM**step)
            weights -= np.float32(length) * mean / (np.sqrt(square) + np.float32(TINY))
    return weights
