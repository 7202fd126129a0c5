"""One core in float32: up to 32 vectors, their graph, searches, node types, edge weights and GNN updates.

Conventions of every operation: an index at or beyond ``count`` is out of range: writes do nothing, reads give 0.
Values a byte-wide register could not hold, wrong shapes and numbers that are not finite raise TypeError or
ValueError (see ``checks.py``); a core is unchanged after an error.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32 import checks
from golden.float32.distance import Floats, distances, norms
from golden.float32.graph import Graph
from golden.float32.results import ALL_TYPES, RESULT_DTYPE, empty_results, order_keys
from golden.spec.commands import Metric
from golden.spec.constants import (
    BEAM_WIDTH,
    INDEX_NONE,
    MAX_DIMS,
    MAX_RESULTS,
    MAX_WEIGHT,
    MIN_BEAM_ROUNDS,
    N_NODE_TYPES,
    VECTORS_PER_CORE,
)


@dataclass(frozen=True)
class SearchStatistics:
    """Cost of a search: distances evaluated, and rounds in which a beam search visited something (exact: 0)."""

    n_distances: int = 0
    n_rounds: int = 0


class Core:
    """One core: 32 vectors of up to 16 dimensions and the operations on them.

    State worth reading: ``dims``, ``metric`` (a :class:`Metric`), ``core_id``, ``vectors`` [count, dims] and ``norms``
    [count] (copies), ``query`` [dims], ``delta`` [dims], ``graph``, ``global_results`` (16 records, sorted),
    ``statistics`` of the last search.
    """

    def __init__(
        self,
        dims: int = MAX_DIMS,
        metric: int = Metric.L2,
        core_id: int = 0,
        *,
        storage: tuple[Floats, Floats] | None = None,
    ) -> None:
        """See :meth:`init`. ``storage``: where an array of cores keeps this one's vectors [32, 16] and norms [32]."""
        if storage is None:
            storage = np.zeros((VECTORS_PER_CORE, MAX_DIMS), np.float32), np.zeros(VECTORS_PER_CORE, np.float32)
        self._vectors, self._norms = storage
        self.init(dims, metric, core_id)

    # ---------------------------------------------------------------- set-up

    def init(self, dims: int, metric: int, core_id: int) -> None:
        """Empty the core: no vectors, types 0, edge weights 255, query and delta 0, global list empty.

        ``dims`` 1..255 is clamped to 16; 0 is refused. ``metric`` 0..255: 1 cosine, 2 dot, anything else L2.
        ``core_id`` 0..255.
        """
        dims = checks.as_integer("dims", dims, 1, 255)
        metric = checks.as_integer("metric", metric, 0, 255)
        self.core_id = checks.as_integer("core_id", core_id, 0, 255)
        self.dims = min(dims, MAX_DIMS)
        self.metric = Metric(metric) if metric in (Metric.COSINE, Metric.DOT) else Metric.L2
        self.graph = Graph()
        self.query: Floats = np.zeros(self.dims, np.float32)
        self.delta: Floats = np.zeros(self.dims, np.float32)
        self._query_norm: Floats = np.zeros((), np.float32)
        self._vectors[:] = 0
        self._norms[:] = 0
        self._node_types = [0] * VECTORS_PER_CORE
        self._edge_weights = [MAX_WEIGHT] * VECTORS_PER_CORE
        self.statistics = SearchStatistics()
        self.clear_global()

    @property
    def count(self) -> int:
        """Number of vectors held, 0..32."""
        return len(self.graph)

    @property
    def vectors(self) -> Floats:
        """A copy of the vectors held, float32 [count, dims]."""
        return self._vectors[: self.count, : self.dims].copy()

    @property
    def norms(self) -> Floats:
        """A copy of their Euclidean lengths, float32 [count]."""
        return self._norms[: self.count].copy()

    def neighbours(self, index: int) -> tuple[int, ...]:
        """Node ``index``'s links in slot order, at most 6; empty when out of range."""
        return tuple(self.graph.links[index]) if self._holds(index) else ()

    # ---------------------------------------------------------------- vectors

    def insert(self, vector: Any) -> int:
        """Add a vector [dims]; its index, or 255 when 32 are held (then nothing changes)."""
        new = checks.as_vectors("vector", vector, self.dims, 1)
        if self.count == VECTORS_PER_CORE:
            return INDEX_NONE
        new_norm = norms(new)
        ranking = np.argsort(self._distances_to(new, new_norm), kind="stable")
        index = self.graph.insert(ranking.tolist())
        self._vectors[index, : self.dims] = new
        self._norms[index] = new_norm
        return index

    def set_query(self, vector: Any) -> None:
        """Put ``vector`` [dims] into the query buffer, where the searches read it."""
        self.query = checks.as_vectors("query", vector, self.dims, 1)
        self._query_norm = norms(self.query)

    def distances(self) -> Floats:
        """The distance of the query to every vector held, float32 [count]."""
        return self._distances_to(self.query, self._query_norm)

    # ---------------------------------------------------------------- searches

    def search(self, k: int, type_mask: int = ALL_TYPES) -> NDArray[np.void]:
        """Beam search over the graph from node 0 for the query; records sorted by (distance, index).

        ``k`` 0..255 is clamped to 16 and to ``count``; 0 gives no records. Each round visits the unvisited
        neighbours of the beam nodes; the best 3 of them are the next beam; at most max(k, 3) rounds with the clamped
        k. Nodes whose type has no bit in ``type_mask`` (0..65535) are walked through, not returned. The model
        evaluates all distances at once; ``statistics`` counts those that the walk needs.
        """
        k, type_mask = self._check_search(k, type_mask)
        if not self.count:
            return self._finish(np.zeros(0, np.float32), [], 0, type_mask, 0)
        distance = self.distances()
        place = np.empty(self.count, np.intp)  # rank of each node by (distance, index)
        place[np.argsort(distance, kind="stable")] = np.arange(self.count)
        rank = place.tolist()
        links = self.graph.links
        visited, beam, n_rounds = {0}, [0], 0
        while n_rounds < max(k, MIN_BEAM_ROUNDS):
            candidates = {j for i in beam for j in links[i]} - visited
            if not candidates:
                break
            visited |= candidates
            beam = sorted(candidates, key=rank.__getitem__)[:BEAM_WIDTH]
            n_rounds += 1
        return self._finish(distance, sorted(visited, key=rank.__getitem__), k, type_mask, n_rounds)

    def search_exact(self, k: int, type_mask: int = ALL_TYPES) -> NDArray[np.void]:
        """The nearest of all vectors held; arguments and result as in :meth:`search`."""
        k, type_mask = self._check_search(k, type_mask)
        distance = self.distances()
        return self._finish(distance, np.argsort(distance, kind="stable").tolist(), k, type_mask, 0)

    def _check_search(self, k: int, type_mask: int) -> tuple[int, int]:
        k = checks.as_integer("k", k, 0, 255)
        return min(k, MAX_RESULTS, self.count), checks.as_integer("type_mask", type_mask, 0, ALL_TYPES)

    def _finish(self, distance: Floats, ranking: list[int], k: int, type_mask: int, n_rounds: int) -> NDArray[np.void]:
        self.statistics = SearchStatistics(len(ranking), n_rounds)
        indices = [i for i in ranking if self.type_matches(i, type_mask)][:k]
        records = np.zeros(len(indices), RESULT_DTYPE)
        records["index"] = indices
        records["core"] = self.core_id
        records["distance"] = distance[indices]
        return records

    # ---------------------------------------------------------------- global list

    def clear_global(self) -> None:
        """Empty the global list: 16 records of index 255, core 255, distance +inf."""
        self.global_results = empty_results(MAX_RESULTS)

    def merge(self, results: NDArray[np.void]) -> None:
        """Fold result records (of any core, in any order) into the global list, sorted by (distance, core, index).

        Records of index 255 are passed over. Raises TypeError for another dtype, ValueError for a NaN distance.
        """
        if not isinstance(results, np.ndarray) or results.dtype != RESULT_DTYPE:
            raise TypeError(f"results must be an array of RESULT_DTYPE, not {getattr(results, 'dtype', results)!r}")
        if results.ndim != 1:
            raise ValueError(f"results must be one-dimensional, not of shape {results.shape}")
        used = results[results["index"] != INDEX_NONE]
        if np.isnan(used["distance"]).any():
            raise ValueError(f"results hold a NaN distance at record {int(np.argmax(np.isnan(results['distance'])))}")
        together = np.concatenate([self.global_results, used])
        self.global_results = together[np.argsort(order_keys(together), kind="stable")][:MAX_RESULTS]

    # ---------------------------------------------------------------- types and weights

    def set_node_type(self, index: int, node_type: int) -> None:
        """Give node ``index`` a type: the low 4 bits of ``node_type``, 0..255."""
        node_type = checks.as_integer("node_type", node_type, 0, 255)
        if self._holds(index):
            self._node_types[index] = node_type % N_NODE_TYPES

    def get_node_type(self, index: int) -> int:
        """Node ``index``'s type, 0..15."""
        return self._node_types[index] if self._holds(index) else 0

    def type_matches(self, index: int, type_mask: int) -> bool:
        """Whether the bit of node ``index``'s type is set in ``type_mask``; False when out of range."""
        type_mask = checks.as_integer("type_mask", type_mask, 0, ALL_TYPES)
        return self._holds(index) and bool(type_mask >> self._node_types[index] & 1)

    def set_edge_weight(self, index: int, weight: int) -> None:
        """Set node ``index``'s outgoing weight, 0..255; weight w acts as w/255."""
        weight = checks.as_integer("weight", weight, 0, MAX_WEIGHT)
        if self._holds(index):
            self._edge_weights[index] = weight

    def get_edge_weight(self, index: int) -> int:
        """Node ``index``'s outgoing weight, 0..255; 255 unless set, 0 when out of range."""
        return self._edge_weights[index] if self._holds(index) else 0

    # ---------------------------------------------------------------- GNN operations

    def aggregate_neighbors(self, index: int) -> Floats:
        """delta = mean over node ``index``'s neighbours n of (w_n / 255) v_n; kept in ``delta`` and returned, [dims].

        In float32, a neighbour at a time in slot order: ``acc = acc + (w_n / 255) * v_n`` from +0, then
        ``delta = acc / number of neighbours``. 0 without neighbours and when out of range.
        """
        total = np.zeros(self.dims, np.float32)
        links = self.neighbours(index)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for j in links:
                share = np.float32(self._edge_weights[j]) / np.float32(MAX_WEIGHT)
                total = total + share * self._vectors[j, : self.dims]
            if links:
                total = total / np.float32(len(links))
        self.delta = total
        return total.copy()

    def set_delta(self, delta: Any) -> None:
        """Put a vector [dims] of the caller's into the delta buffer."""
        self.delta = checks.as_vectors("delta", delta, self.dims, 1)

    def update_vector(self, index: int, alpha: float) -> None:
        """v = v + alpha * delta, with the delta buffer as :meth:`aggregate_neighbors` left it; the norm follows.

        One product and one sum an element, in float32. The graph is not rebuilt. Raises ValueError, and changes
        nothing, when an element would leave the float32 range.
        """
        factor = checks.as_float32("alpha", alpha)
        if not self._holds(index):
            return
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            updated = self._vectors[index, : self.dims] + factor * self.delta
        if not np.isfinite(updated).all():
            raise ValueError(f"update of vector {index} with alpha {alpha} leaves the float32 range")
        self._vectors[index, : self.dims] = updated
        self._norms[index] = norms(updated)

    # ---------------------------------------------------------------- helpers

    def _holds(self, index: int) -> bool:
        return checks.as_integer("index", index, 0, 255) < self.count

    def _distances_to(self, vector: Floats, norm: Floats) -> Floats:
        n = self.count
        return distances(self.metric, vector, self._vectors[:n, : self.dims], norm, self._norms[:n])
