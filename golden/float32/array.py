"""Up to 256 float32 cores searched as one."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from golden.float32 import checks
from golden.float32.core import Core, SearchStatistics
from golden.float32.distance import distances, norms
from golden.float32.results import ALL_TYPES, distance_keys, empty_results, order_keys
from golden.spec.commands import Metric
from golden.spec.constants import MAX_CORES, MAX_DIMS, MAX_RESULTS, VECTORS_PER_CORE

QUERY_BLOCK_DISTANCES = 1 << 19  # distances evaluated at a time in an exact search: 2 MB of float32 stay in the cache


class Array:
    """``n_cores`` (1..256) cores with ids 0, 1, 2 ..., one metric and one number of dimensions.

    ``cores[c]`` is the :class:`Core` with id c: types, weights, graph and GNN operations are reached there.
    ``statistics`` adds up the last search's cost over its queries and cores.
    """

    def __init__(self, n_cores: int, dims: int = MAX_DIMS, metric: int = Metric.L2) -> None:
        n_cores = checks.as_integer("n_cores", n_cores, 1, MAX_CORES)
        self._vectors = np.zeros((n_cores, VECTORS_PER_CORE, MAX_DIMS), np.float32)
        self._norms = np.zeros((n_cores, VECTORS_PER_CORE), np.float32)
        self.cores = [Core(dims, metric, c, storage=(self._vectors[c], self._norms[c])) for c in range(n_cores)]
        self.statistics = SearchStatistics()

    def init(self, dims: int, metric: int) -> None:
        """Empty every core; see :meth:`Core.init`."""
        for c, core in enumerate(self.cores):
            core.init(dims, metric, c)

    @property
    def dims(self) -> int:
        """Elements of a vector, 1..16."""
        return self.cores[0].dims

    @property
    def metric(self) -> Metric:
        """The distance of every core."""
        return self.cores[0].metric

    @property
    def n_cores(self) -> int:
        """Number of cores, 1..256."""
        return len(self.cores)

    @property
    def count(self) -> int:
        """Number of vectors held by all cores."""
        return sum(core.count for core in self.cores)

    @property
    def capacity(self) -> int:
        """Number of vectors that fit."""
        return self.n_cores * VECTORS_PER_CORE

    def add(self, vectors: Any) -> NDArray[np.intp]:
        """Insert ``vectors`` [n, dims], each into the first core with room; returns (core, index) pairs, [n, 2].

        Raises ValueError, and inserts nothing, when they do not all fit.
        """
        rows = checks.as_vectors("vectors", vectors, self.dims, 2)
        free = self.capacity - self.count
        if len(rows) > free:
            raise ValueError(f"{len(rows)} vectors do not fit: {free} of {self.capacity} places are free")
        places = np.empty((len(rows), 2), np.intp)
        c = 0
        for i, row in enumerate(rows):
            while self.cores[c].count == VECTORS_PER_CORE:
                c += 1
            places[i] = c, self.cores[c].insert(row)
        return places

    def search(
        self, queries: Any, k: int, type_mask: int = ALL_TYPES, mode: Literal["exact", "beam"] = "exact"
    ) -> NDArray[np.void]:
        """The merged results of all cores for ``queries`` [n, dims]: records [n, min(k, 16, count)].

        Each row is sorted by (distance, core, index). With a type mask, or a beam search that visits too little, a
        row may hold fewer results: the places behind them have index 255. ``k`` 0..255. ``mode`` "exact" or "beam".
        """
        rows = checks.as_vectors("queries", queries, self.dims, 2)
        n_results = min(checks.as_integer("k", k, 0, 255), MAX_RESULTS, self.count)
        type_mask = checks.as_integer("type_mask", type_mask, 0, ALL_TYPES)
        if mode == "exact":
            return self._search_exact(rows, n_results, type_mask)
        if mode == "beam":
            return self._search_beam(rows, k, n_results, type_mask)
        raise ValueError(f"mode must be 'exact' or 'beam', not {mode!r}")

    def _search_exact(self, queries: NDArray[np.float32], n_results: int, type_mask: int) -> NDArray[np.void]:
        held = np.zeros((self.n_cores, VECTORS_PER_CORE), bool)
        matching = np.zeros_like(held)
        for c, core in enumerate(self.cores):
            held[c, : core.count] = True
            matching[c, : core.count] = [core.type_matches(i, type_mask) for i in range(core.count)]
        self.statistics = SearchStatistics(len(queries) * int(held.sum()), 0)
        found = empty_results((len(queries), n_results))
        used_cores, used_indices = np.nonzero(matching)
        n_used = min(n_results, len(used_cores))
        if not n_used:
            return found
        # A dimension's values side by side: the loop of the distance runs over them.
        columns = np.ascontiguousarray(self._vectors[used_cores, used_indices, : self.dims].T).T
        vector_norms = self._norms[used_cores, used_indices]
        candidates = empty_results(len(used_cores))
        candidates["core"], candidates["index"] = used_cores, used_indices
        block = max(1, QUERY_BLOCK_DISTANCES // len(used_cores))
        for start in range(0, len(queries), block):
            part = queries[start : start + block, None, :]
            distance = distances(self.metric, part, columns, norms(part), vector_norms)
            records = np.broadcast_to(candidates, distance.shape)
            found[start : start + block, :n_used] = _nearest(distance, records, n_used)
        return found

    def _search_beam(self, queries: NDArray[np.float32], k: int, n_results: int, type_mask: int) -> NDArray[np.void]:
        found = empty_results((len(queries), n_results))
        n_distances = n_rounds = 0
        for row, query in zip(found, queries, strict=True):
            parts = []
            for core in self.cores:
                core.set_query(query)
                parts.append(core.search(k, type_mask))
                n_distances += core.statistics.n_distances
                n_rounds += core.statistics.n_rounds
            together = np.concatenate(parts)
            best = together[np.argsort(order_keys(together), kind="stable")][:n_results]
            row[: len(best)] = best
        self.statistics = SearchStatistics(n_distances, n_rounds)
        return found


def _nearest(distance: NDArray[np.float32], records: NDArray[np.void], k: int) -> NDArray[np.void]:
    """The ``k`` (>= 1) least of each row by (distance, core, index), sorted. The records' distances are filled in."""
    # Candidates stand in (core, index) order, so a position breaks ties as they do.
    keys = (distance_keys(distance) << np.uint64(32)) | np.arange(distance.shape[1], dtype=np.uint64)
    if k < distance.shape[1]:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    keys = np.sort(keys, axis=1)
    position = (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
    best = np.take_along_axis(records, position, axis=1)
    best["distance"] = np.take_along_axis(distance, position, axis=1)
    return best
