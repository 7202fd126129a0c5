"""What a search of :class:`ganglion.Device` returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_KEY", "Matches"]

NO_KEY = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""What ``Matches.keys`` holds in a place without a result. It is a legal key too: ask ``counts`` or the distance."""


@dataclass(frozen=True)
class Matches:
    """The neighbours of n queries, nearest first, k places a query.

    ``keys`` [n, k] uint64; ``distances`` [n, k] float64 in the user's units: squared L2, 1 - cosine, or minus the dot
    product. ``counts`` [n]: places in use; behind them (fewer vectors than k, a type filter, a beam that saw less) keys
    are ``NO_KEY`` and distances NaN. ``cycles`` [n]: clock cycles of each search. ``saturated`` [n]: the query has an
    element outside the collection's range, so its distances are those of the clipped query.
    """

    keys: NDArray[np.uint64]
    distances: NDArray[np.float64]
    counts: NDArray[np.int64]
    cycles: NDArray[np.int64]
    saturated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, query: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Keys and distances of one query, without the empty places."""
        count = int(self.counts[query])
        return self.keys[query, :count], self.distances[query, :count]

    @property
    def cycles_per_query(self) -> float:
        """Mean of ``cycles``; 0 without queries."""
        return float(self.cycles.mean()) if len(self) else 0.0
