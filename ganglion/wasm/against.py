"""The same commands to the WASM module and to the array (in simulation, or its model): how far are their answers apart?

The array computes with integers, the module with float32 on the same integers. What may differ, and by how much:

| answer | 8-bit elements, L2 and dot | otherwise |
|---|---|---|
| counts, types, weights, indices of insertions | equal | equal |
| results and distances of both searches, graph | equal: float32 holds the integers | exact search: distances |
| distance under cosine | | sqrt(dims) / (2 U) + 2^-e: stored unit vectors are rounded to 1 / U |
| distance of 16-bit elements | | float32's rounding: (dims + 2) 2^-24 of the sum of the terms |
| delta of AGGREGATE | 2 / 256: floor, and the rounded factor | the same, not under cosine |
| element after UPDATE | 1/2 + abs(alpha) 2 / 256: rounding | the same, not under cosine |

e is the element width, U = 2^(e-1) - 1. Under cosine the array stores unit vectors, whose mean is another; graphs that
are built on rounded distances differ, so that only exact searches are compared, rank by rank. After an UPDATE the
module takes over the array's rounded vector, so that errors do not add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import Backend, RawResults
from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from golden.spec import Config, Metric
from golden.spec.constants import (
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    LINKS_WIDTH,
    MAX_RESULTS,
    N_NODE_TYPES,
    VECTORS_PER_CORE,
)

__all__ = ["Comparison", "Difference", "compare_with_wasm"]

DELTA_ONE, ALPHA_ONE = 256, 4096
DELTA_BOUND = 2 / DELTA_ONE
OPERATIONS_A_LIFE = 200
COMMANDS = ("insert", "search", "exact", "type", "weight", "aggregate", "update")
WEIGHTS = (6, 3, 3, 1, 1, 2, 1)


@dataclass(frozen=True)
class Difference:
    """The first answer that is further apart than it may be."""

    operation: int
    what: str
    array: float
    module: float
    bound: float

    def __str__(self) -> str:
        return (
            f"operation {self.operation}, {self.what}: {self.array} from the array, {self.module} from the module, "
            f"{self.bound} apart at most"
        )


@dataclass
class Comparison:
    """``n_values`` answers compared, ``mismatches`` of them too far apart; ``largest`` difference of each kind, and the
    ``bounds`` that held for it (the greatest, where they vary)."""

    operations: int = 0
    n_values: int = 0
    mismatches: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    first: Difference | None = None

    def note(self, what: str, array: object, module: object, bound: object = 0.0) -> None:
        """Compare answers, one number or many; ``bound`` is one for all, or one each."""
        a, b = np.atleast_1d(np.asarray(array, np.float64)), np.atleast_1d(np.asarray(module, np.float64))
        limit = np.broadcast_to(np.asarray(bound, np.float64), a.shape)
        if a.shape != b.shape:
            a, b, limit = np.array([float(a.size)]), np.array([float(b.size)]), np.zeros(1)
            what = f"number of {what}"
        apart = np.abs(a - b)
        self.n_values += a.size
        if a.size:
            self.largest[what] = max(self.largest.get(what, 0.0), float(apart.max()))
            self.bounds[what] = max(self.bounds.get(what, 0.0), float(limit.max()))
        wrong = ~(apart <= limit)
        self.mismatches += int(wrong.sum())
        if wrong.any() and self.first is None:
            i = int(np.flatnonzero(wrong)[0])
            self.first = Difference(self.operations, what, a.flat[i], b.flat[i], limit.flat[i])


def compare_with_wasm(
    backend: Backend, operations: int, seed: int, *, progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Run ``operations`` random commands on ``backend`` and on the array variant of the module.

    Raises ImportError without wasmtime, BackendError when the array does not answer.
    """
    pair = _Pair(backend, np.random.default_rng(seed))
    for operation in range(operations):
        pair.report.operations = operation
        if operation % OPERATIONS_A_LIFE == 0:
            pair.start()
        pair.step()
        if operation % OPERATIONS_A_LIFE == OPERATIONS_A_LIFE - 1 or operation == operations - 1:
            pair.compare_everything()
        if progress is not None:
            progress(operation + 1, operations)
    pair.report.operations = operations
    return pair.report


class _Pair:
    """The array and the module."""

    def __init__(self, backend: Backend, rng: np.random.Generator) -> None:
        self.backend, self.rng = backend, rng
        self.config: Config = backend.config
        self.report = Comparison()
        self.module = Instance((FOLDER / VARIANTS["array"].file).read_bytes())
        self.largest_element = (1 << self.config.element_width - 1) - 1

    # ---------------------------------------------------------------- commands

    def start(self) -> None:
        """Empty both, with other dimensions and another metric."""
        self.dims = int(self.rng.choice([1, 3, 8, 13, 16]))
        self.metric = Metric(int(self.rng.integers(0, 3)))
        self.is_exact = self.config.element_width == 8 and self.metric is not Metric.COSINE
        self.counts = np.zeros(self.config.cores, np.int64)
        self.backend.init(self.dims, self.metric)
        for core in range(self.config.cores):
            self.module.call("init", self.dims, int(self.metric), core)

    def step(self) -> None:
        """One random command to both."""
        name = str(self.rng.choice(COMMANDS, p=np.array(WEIGHTS) / sum(WEIGHTS)))
        if name == "insert" or not self.counts.any():
            self.insert()
        elif name == "search" and self.is_exact:
            self.search_by_beam()
        elif name in ("search", "exact"):
            self.search_exactly()
        else:
            cores = np.flatnonzero(self.counts)
            core = int(self.rng.choice(cores))
            index = int(self.rng.integers(0, self.counts[core]))
            self.module.call("core_select", core)
            getattr(self, f"on_{name}")(np.array([core]), np.array([index]), index)

    def vector(self) -> NDArray[np.int64]:
        """Random elements, short ones and zeros among them."""
        high = int(self.rng.choice([0, 2, self.largest_element], p=[0.05, 0.25, 0.7]))
        return self.rng.integers(-high, high + 1, self.dims)

    def insert(self) -> None:
        """INSERT into a random core, full ones included."""
        core, vector = int(self.rng.integers(0, self.config.cores)), self.vector()
        indices, _cycles = self.backend.insert(np.array([core]), vector[None])
        self.module.call("core_select", core)
        self.module.insert_buffer[: self.dims] = vector
        self.report.note("index of an insertion", indices[0], self.module.call("insert"))
        self.counts[core] = min(self.counts[core] + 1, VECTORS_PER_CORE)

    def search_by_beam(self) -> None:
        """SEARCH by beam with a type mask: records and distances must be equal."""
        k, mask = self.some_k(), int(self.rng.choice([0xFFFF, 0xFFFF, 0x00FF, 0x5555]))
        query = self.ask()
        found = self.backend.search(query[None], k, exact=False, type_mask=mask)
        self.module.call("clear_global")
        for core in np.flatnonzero(self.counts).tolist():
            self.module.call("core_select", core)
            n = self.module.call("type_filter_search", k, mask)
            self.module.call("merge", self.module.call("get_result_ptr"), n)
        n = min(k, int((self.module.global_results["index"] < VECTORS_PER_CORE).sum()))
        self.compare_records(found.count[0], found, self.module.global_results[:n])

    def search_exactly(self) -> None:
        """SEARCH of all vectors: equal, or distances within the bound rank by rank."""
        k, query = self.some_k(), self.ask()
        found = self.backend.search(query[None], k, exact=True, type_mask=0xFFFF)
        n = self.module.call("search_all_exact", k)
        if self.is_exact:
            self.compare_records(found.count[0], found, self.module.results[:n])
            return
        self.report.note("number of results", found.count[0], n)
        one = self.config.cosine_one if self.metric is Metric.COSINE else 1
        name = f"distance, {self.metric.name.lower()}, {self.config.element_width} bits"
        distances = found.distance[0, : found.count[0]] / one
        self.report.note(name, distances, self.module.results["distance"][:n], self.distance_bound(query))

    def on_type(self, cores: NDArray[np.int64], indices: NDArray[np.int64], index: int) -> None:
        """SET_TYPE and GET_TYPE."""
        node_type = int(self.rng.integers(0, N_NODE_TYPES))
        self.backend.set_types(cores, indices, np.array([node_type]))
        self.module.call("set_node_type", index, node_type)
        self.report.note("type", self.backend.get_types(cores, indices), self.module.call("get_node_type", index))

    def on_weight(self, cores: NDArray[np.int64], indices: NDArray[np.int64], index: int) -> None:
        """SET_WEIGHT and GET_WEIGHT."""
        weight = int(self.rng.integers(0, 256))
        self.backend.set_weights(cores, indices, np.array([weight]))
        self.module.call("set_edge_weight", index, weight)
        self.report.note("weight", self.backend.get_weights(cores, indices), self.module.call("get_edge_weight", index))

    def on_aggregate(self, cores: NDArray[np.int64], indices: NDArray[np.int64], index: int) -> None:
        """AGGREGATE, where the graphs are the same."""
        if self.is_exact:
            deltas, _cycles = self.backend.aggregate(cores, indices)
            self.module.call("aggregate_neighbors", index)
            self.report.note("delta, elements", deltas[0] / DELTA_ONE, self.module.delta_buffer, DELTA_BOUND)

    def on_update(self, cores: NDArray[np.int64], indices: NDArray[np.int64], index: int) -> None:
        """AGGREGATE and UPDATE; then the module takes the array's vector."""
        if not self.is_exact:
            return
        alpha_raw = int(self.rng.integers(-ALPHA_ONE, ALPHA_ONE))
        alpha = alpha_raw / ALPHA_ONE
        self.backend.update(cores, indices, alpha_raw)
        row = self.backend.read_vectors(cores, indices)[0]
        self.module.call("aggregate_neighbors", index)
        self.module.call("update_vector", index, alpha)
        inside = np.clip(self.stored(index), -self.largest_element - 1, self.largest_element)
        self.report.note("element after an update", row, inside, 0.5 + abs(alpha) * DELTA_BOUND)
        for _ in range(3):  # a rounded difference needs a second step
            self.module.delta_buffer[:] = row - self.stored(index)
            self.module.call("update_vector", index, 1.0)
        self.report.note("element taken over", row, self.stored(index))

    # ---------------------------------------------------------------- comparing

    def compare_everything(self) -> None:
        """Counts and, where they must be equal, vectors and graph."""
        state = self.backend.read_state()
        for core in range(self.config.cores):
            self.module.call("core_select", core)
            n = self.module.call("count")
            self.report.note("count", state.counts[core], n)
            if self.is_exact:
                kept = self.module.state()
                self.report.note("vector", state.vectors[core, :n], kept["vectors"].T[:n])
                words = [_graph_word(neuron) for neuron in kept["neurons"][:n]]
                self.report.note("graph word", state.links[core, :n], words)

    def compare_records(self, n: int, found: RawResults, records: NDArray[np.void]) -> None:
        """Core, index and distance of every result, all equal."""
        for name in ("core", "index", "distance"):
            self.report.note(f"{name} of a result", getattr(found, name)[0, :n], records[name])

    def distance_bound(self, query: NDArray[np.int64]) -> float:
        """How far a distance may be off, see the table above."""
        if self.metric is Metric.COSINE:
            return float(np.sqrt(self.dims) / (2 * self.largest_element) + 2.0**-self.config.element_width)
        terms = np.abs(query) + (self.largest_element if self.metric is Metric.L2 else 0)
        other = terms if self.metric is Metric.L2 else self.largest_element
        return float((self.dims + 2) * 2.0**-24 * (terms * other).sum())

    # ---------------------------------------------------------------- helpers

    def some_k(self) -> int:
        return int(self.rng.integers(1, MAX_RESULTS + 1))

    def ask(self) -> NDArray[np.int64]:
        """A query; the module has it."""
        query = self.vector()
        self.module.query_buffer[: self.dims] = query
        return query

    def stored(self, index: int) -> NDArray[np.float32]:
        """Vector ``index`` of the module's selected core, [16], zeros behind ``dims``."""
        vector: NDArray[np.float32] = self.module.state()["vectors"].T[index]
        return vector


def _graph_word(neuron: np.void) -> int:
    """A node's links as the array's graph memory holds them."""
    n = int(neuron["n_links"])
    word = sum(int(link) << INDEX_WIDTH * slot for slot, link in enumerate(neuron["links"][:n]))
    return word | n << LINKS_WIDTH | int(neuron["n_pinned"]) << LINKS_WIDTH + LINK_COUNT_WIDTH
