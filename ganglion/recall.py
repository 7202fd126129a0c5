"""How many of the true neighbours a search found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganglion.device_matches import Matches

__all__ = ["brute_force", "recall", "recall_of_truth"]

BLOCK = 1 << 22  # distances computed at a time


def brute_force(base: NDArray[np.float64], queries: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Distances [m, n] of queries [m, dims] to base [n, dims] in float64, by the definition of the metric."""
    if metric == "l2":
        found = np.empty((len(queries), len(base)))
        for row, query in zip(found, queries, strict=True):
            difference = base - query
            row[:] = np.einsum("nd,nd->n", difference, difference)
        return found
    products = np.einsum("md,nd->mn", queries, base)
    if metric == "dot":
        return np.asarray(-products)
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(base, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(lengths > 0, 1 - products / lengths, 1.0))


def _tamed(
    base: NDArray[np.float64], queries: NDArray[np.float64], metric: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Base and queries scaled by powers of two to magnitudes whose products neither overflow nor vanish.

    Exact (but for what is smaller than the largest by hundreds of binary digits), and without effect on the order.
    """
    if metric == "cosine":
        return np.ldexp(base, -_exponent(base, axis=1)), np.ldexp(queries, -_exponent(queries, axis=1))
    of_base, of_queries = _exponent(base), _exponent(queries)
    if metric == "l2":
        of_base = of_queries = np.maximum(of_base, of_queries)
    return np.ldexp(base, -of_base), np.ldexp(queries, -of_queries)


def _exponent(rows: NDArray[np.float64], axis: int | None = None) -> NDArray[np.int32]:
    """The binary exponent of the largest magnitude (of each row, if ``axis`` is 1)."""
    return np.asarray(np.frexp(np.abs(rows).max(axis=axis, keepdims=True, initial=0.0))[1])


def recall(found: Matches, base: NDArray[np.float64], queries: NDArray[np.float64], metric: str, k: int) -> float:
    """Share of the k nearest that were found, keys being rows of ``base``; 1.0 without queries.

    A result counts when its float64 distance is not beyond that of the k-th nearest: among equally distant vectors
    any will do.
    """
    wanted = min(k, len(base))
    base, queries = _tamed(base, queries, metric)
    hits, step = 0, max(1, BLOCK // max(1, len(base)))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        distances = brute_force(base, queries[part], metric)
        limit = np.partition(distances, wanted - 1, axis=1)[:, wanted - 1 : wanted] if wanted else None
        valid = np.arange(found.keys.shape[1]) < np.minimum(found.counts[part, None], wanted)
        rows = np.where(valid, found.keys[part], 0).astype(np.intp)
        if limit is not None:
            hits += int((np.take_along_axis(distances, rows, axis=1) <= limit)[valid].sum())
    total = wanted * len(queries)
    return hits / total if total else 1.0


def recall_of_truth(found: Matches, truth: NDArray[np.int64], k: int) -> float:
    """Share of the true neighbours ``truth`` [m, k'] (rows of the base, which are the keys) that were found."""
    hits = sum(
        len(set(np.asarray(found[i][0][:k], np.int64).tolist()) & set(row)) for i, row in enumerate(truth.tolist())
    )
    return hits / truth.size if truth.size else 1.0
