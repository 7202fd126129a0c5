"""Real vectors for tests and benchmarks: scikit-learn's digits always, larger sets where the data folder exists.

The folder is $GANGLION_DATA, or ``../shared/data`` beside the project. Sets that are not there come back as None.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from ganglion.text.datasets import data_folder

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Collection:
    """Base vectors [n, 16], queries [m, 16] (none of them in the base) and, where known, the labels of both."""

    name: str
    base: NDArray[np.float64]
    queries: NDArray[np.float64]
    base_labels: NDArray[np.int64] | None = None
    query_labels: NDArray[np.int64] | None = None


def digits(n_base: int = 1500) -> Collection:
    """The 1,797 handwritten digits, 8x8 pooled to 4x4 = 16 dimensions (0..16 in quarters); 57 cores hold them all."""
    source = load_digits()
    vectors = source.images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    labels = source.target.astype(np.int64)
    return Collection("digits", vectors[:n_base], vectors[n_base:], labels[:n_base], labels[n_base:])


def pendigits() -> Collection | None:
    """UCI's pen-based digits: 16 integers 0..100; 7,494 training vectors as the base, 3,498 test vectors as queries."""
    loaded = _load("pendigits")
    if loaded is None:
        return None
    x, y = loaded["x"].astype(np.float64), loaded["y"].astype(np.int64)
    return Collection("pendigits", x[:7494], x[7494:], y[:7494], y[7494:])


def sift5k() -> Collection | None:
    """4,800 SIFT descriptors and 200 queries, 128 bytes each, reduced to 16 dimensions by PCA of the centred base."""
    loaded = _load("sift5k")
    if loaded is None:
        return None
    base, queries = loaded["base"].astype(np.float64), loaded["query"].astype(np.float64)
    mean = base.mean(axis=0)
    axes = np.linalg.svd(base - mean, full_matrices=False)[2][:16]
    return Collection("sift5k", (base - mean) @ axes.T, (queries - mean) @ axes.T)


def available() -> list[Collection]:
    """Every set that can be loaded here."""
    return [collection for collection in (digits(), pendigits(), sift5k()) if collection is not None]


def _load(name: str) -> dict[str, NDArray[np.generic]] | None:
    folder = data_folder()
    path = folder / name / f"{name}.npz" if folder else None
    if path is None or not path.is_file():
        return None
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}
