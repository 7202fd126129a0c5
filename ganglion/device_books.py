"""The host's books of a device: which key lies where, and what the user gave for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import Ints
from golden.spec import Config
from golden.spec.constants import VECTORS_PER_CORE

__all__ = ["Books"]


class Books:
    """Keys and places of the vectors of an array of ``config``, rows in the order in which they were added.

    ``keys`` uint64 [n], ``cores`` and ``indices`` [n], ``vectors`` [n, dims]: as the user gave them, or as an update
    left them. ``row_at`` [cores, 32]: the row of a place, -1 for a free one.
    """

    def __init__(self, config: Config, dims: int) -> None:
        self._config = config
        self._rows: dict[int, int] = {}
        self.keys = np.zeros(0, np.uint64)
        self.cores: Ints = np.zeros(0, np.int64)
        self.indices: Ints = np.zeros(0, np.int64)
        self.vectors = np.zeros((0, dims))
        self.row_at = np.full((config.cores, VECTORS_PER_CORE), -1, np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int | np.integer) and not isinstance(key, bool) and int(key) in self._rows

    @property
    def next_key(self) -> int:
        """One more than the largest key; 0 without keys."""
        return max(self._rows, default=-1) + 1

    @property
    def fill(self) -> Ints:
        """Vectors in each core, [cores]."""
        return np.asarray((self.row_at >= 0).sum(axis=1))

    def check_new(self, keys: NDArray[np.uint64]) -> None:
        """Raises ValueError for a key that is there already or comes twice, and when there is no room for all."""
        fresh: set[int] = set()
        for key in keys.tolist():
            if key in self._rows or key in fresh:
                raise ValueError(f"duplicate key {key}")
            fresh.add(key)
        free = self._config.capacity - len(self)
        if len(keys) > free:
            raise ValueError(f"{len(keys)} vectors do not fit: {free} of {self._config.capacity} places are free")

    def next_places(self, n: int, placement: str) -> tuple[Ints, Ints]:
        """Core and index [n] of the next n vectors. ``placement``: "spread" or "pack"."""
        cores, indices = np.nonzero(self.row_at < 0)
        # Cores count through the slices, so both orders keep the slices balanced.
        place = cores // self._config.slices
        order = np.lexsort((cores, indices) if placement == "spread" else (cores, indices, place))[:n]
        return cores[order].astype(np.int64), indices[order].astype(np.int64)

    def enter(self, keys: NDArray[np.uint64], cores: Ints, indices: Ints, vectors: NDArray[np.float64]) -> None:
        """Notes vectors that were stored."""
        first = len(self)
        self.row_at[cores, indices] = np.arange(first, first + len(keys))
        self._rows |= {key: first + i for i, key in enumerate(keys.tolist())}
        self.keys = np.concatenate([self.keys, keys])
        self.cores = np.concatenate([self.cores, cores])
        self.indices = np.concatenate([self.indices, indices])
        self.vectors = np.concatenate([self.vectors, vectors])

    def find(self, keys: NDArray[np.uint64]) -> Ints:
        """Rows of the keys, [n]. Raises ValueError for a key that is not there."""
        missing = next((key for key in keys.tolist() if key not in self._rows), None)
        if missing is not None:
            raise ValueError(f"unknown key {missing}")
        return np.array([self._rows[key] for key in keys.tolist()], np.int64)
