"""Many insertions and many searches at once, with the results and the cycle counts of the single commands."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from golden.fixed import array_cycles as timing
from golden.fixed.array_insert import insert_one_each
from golden.fixed.array_scale import norms_of, operand_rows, scale_product
from golden.fixed.array_search import NO_ENTRY, beam_entries, exact_entries
from golden.fixed.array_state import ArrayState
from golden.fixed.bits import BoolArray, I64Array, entry_core, entry_index, entry_key, mask
from golden.spec import Metric
from golden.spec.commands import SEARCH_K_MASK
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_RESULTS, N_NODE_TYPES, VECTORS_PER_CORE

ALL_TYPES = mask(N_NODE_TYPES)
Mode = Literal["exact", "beam"]


@dataclass(frozen=True, slots=True)
class BatchResults:
    """Results of many searches, each row sorted by (distance, core, index).

    ``distances`` int64, ``cores``, ``indices`` [n, k'], with k' = min(k, 16); ``n_results`` [n] of them are valid, the
    others are 0, 255 and 255. ``cycles`` [n]: N of each SEARCH. ``n_distances`` [n]: distances evaluated.
    """

    distances: I64Array
    cores: I64Array
    indices: I64Array
    n_results: I64Array
    cycles: I64Array
    n_distances: I64Array


@dataclass(frozen=True, slots=True)
class QueryNorms:
    """The normaliser's shift, root and cycles for each query, [n] each; zeros where there is nothing to normalise."""

    shift: I64Array
    root: I64Array
    cycles: I64Array


class BatchArray(ArrayState):
    """Operations on many vectors, each as the commands would do it one after the other."""

    def init(self, dims: int, metric: int = Metric.L2) -> None:
        """Empty every core; ``dims`` 1..16. Any ``metric`` other than 1 and 2 is squared L2."""
        if not 1 <= dims <= MAX_DIMS:
            raise ValueError(f"dims must be 1 to {MAX_DIMS}, got {dims}")
        self.dims = int(dims)
        self.metric = Metric(metric) if metric in (Metric.COSINE, Metric.DOT) else Metric.L2
        self.counts[:] = 0

    def insert_batch(self, cores: npt.ArrayLike, vectors: npt.ArrayLike) -> tuple[I64Array, I64Array]:
        """Insert ``vectors`` [n, dims] into ``cores`` [n], as n INSERT commands in this order would.

        The i-th vectors of all cores are inserted together. The VECTOR buffer stays as it is.

        Returns:
            The indices [n] (255 where the core was full) and the cycles [n] of each command.

        Raises:
            ValueError: a core that does not exist, or vectors of a wrong shape or with elements out of range.
        """
        where, rows = self._placed(cores, vectors)
        operands, norm = operand_rows(self.config, rows, self.dims, cosine=self.metric is Metric.COSINE)
        before = self.counts[where] + _occurrence(where)
        full = before >= VECTORS_PER_CORE
        n_worked = np.zeros(len(rows), np.int64)
        for count in range(VECTORS_PER_CORE):
            turn = np.flatnonzero(before == count)
            if len(turn):
                n_worked[turn] = insert_one_each(self, where[turn], operands[turn])
        cycles = timing.insert_cycles(self.config, norm, before, self.n_row_words, n_worked, full=full)
        return np.where(full, INDEX_NONE, before), cycles

    def _placed(self, cores: npt.ArrayLike, vectors: npt.ArrayLike) -> tuple[I64Array, I64Array]:
        """The cores [n] and rows [n, 16] of insertions, checked."""
        rows = self._elements("vectors", vectors)
        where = np.asarray(cores, np.int64)
        if where.shape != (len(rows),):
            raise ValueError(f"cores has shape {where.shape}, expected ({len(rows)},): one a vector")
        if where.size and not (where.min() >= 0 and where.max() < self.config.cores):
            raise ValueError(f"cores must be 0 to {self.config.cores - 1}, got {where.min()} to {where.max()}")
        return where, rows

    def search_batch(
        self,
        queries: npt.ArrayLike,
        k: int,
        mode: Mode = "exact",
        type_mask: int = ALL_TYPES,
    ) -> BatchResults:
        """Search ``queries`` [n, dims] in all cores, as n SEARCH commands would; buffers and result list stay.

        Raises:
            ValueError: ``k`` outside 0..31, an unknown mode, or queries of a wrong shape or out of range.
        """
        if not 0 <= k <= SEARCH_K_MASK:
            raise ValueError(f"k must be 0 to {SEARCH_K_MASK}, got {k}")
        if mode not in ("exact", "beam"):
            raise ValueError(f"mode must be 'exact' or 'beam', got {mode!r}")
        k = min(k, MAX_RESULTS)
        rows = self._elements("queries", queries)
        packed, turn, n_distances = self.scan(rows, k, mode, type_mask, slice(0, self.config.cores))
        n_stream = (packed != NO_ENTRY).sum(axis=1)
        norm, entries = self.query_norms(rows), packed[:, :k]
        valid: BoolArray = entries != NO_ENTRY
        keys = entry_key(np.where(valid, entries, 0))
        if self.metric is Metric.COSINE:
            keys = self.cosine_distances(keys, norm)
        # Without old entries: one cycle a result, and one more to see the end of a short stream or of k = 1.
        collect = np.where((n_stream < k) | (k == 1), np.minimum(n_stream, k) + 1, k)
        feed = timing.first_feed(self.config, turn, norm.cycles)
        return BatchResults(
            distances=np.where(valid, keys, 0),
            cores=np.where(valid, entry_core(entries), INDEX_NONE),
            indices=np.where(valid, entry_index(entries), INDEX_NONE),
            n_results=np.minimum(n_stream, k),
            cycles=feed + 2 + collect if k else turn + 1,
            n_distances=n_distances,
        )

    def _elements(self, name: str, values: npt.ArrayLike) -> I64Array:
        """Integers [n, dims] (or [n, 16]) as [n, 16] in the range of an element."""
        array: npt.NDArray[Any] = np.asarray(values)
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must hold integers, not {array.dtype}")
        if array.ndim != 2 or array.shape[1] not in (self.dims, MAX_DIMS):
            raise ValueError(f"{name} must have shape (n, {self.dims}), not {array.shape}")
        form = self.config.element_format
        if array.size and not (form.min_raw <= array.min() and array.max() <= form.max_raw):
            raise ValueError(f"{name} must be {form.min_raw} to {form.max_raw}, got {array.min()} to {array.max()}")
        rows = np.zeros((len(array), MAX_DIMS), np.int64)
        rows[:, : array.shape[1]] = array
        return rows

    def query_norms(self, queries: I64Array) -> QueryNorms:
        if self.metric is not Metric.COSINE:
            zeros = np.zeros(len(queries), np.int64)
            return QueryNorms(zeros, zeros, zeros)
        return QueryNorms(*norms_of(self.config, queries, self.dims))

    def cosine_distances(self, keys: I64Array, norm: QueryNorms) -> I64Array:
        """Raw cosine distances of minus dot products [n, m]."""
        scaled = scale_product(self.config, keys, norm.shift[:, None], norm.root[:, None], self.config.cosine_shift)
        return self.config.key_format.saturate(self.config.cosine_one + scaled)

    def scan(
        self, queries: I64Array, k: int, mode: Mode, type_mask: int, cores: slice
    ) -> tuple[I64Array, I64Array, I64Array]:
        """The merged streams, packed [n, 16], the turn cycles [n] and the distances evaluated [n]."""
        n, counts = len(queries), self.counts[cores]
        # Core c lives in slice c mod S at place c // S; with one core there is one slice, with one place.
        n_slices = self.config.slices if len(counts) == self.config.cores else 1
        if mode == "exact":
            entries = exact_entries(self, queries, type_mask, cores)
            turn = timing.exact_scan_cycles(counts.reshape(-1, n_slices).T, self.n_row_words)
            return entries, np.full(n, turn), np.full(n, counts.sum())
        entries, cycles, n_distances = beam_entries(self, queries, k, type_mask, cores)
        turns = timing.beam_scan_cycles(cycles.reshape(n, -1, n_slices).transpose(0, 2, 1))
        return entries, turns, n_distances


def _occurrence(values: I64Array) -> I64Array:
    """How often each value stood before it: [3, 5, 3, 3] -> [0, 0, 1, 2]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(values)]]))
    found = np.empty(len(values), np.int64)
    found[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return found
