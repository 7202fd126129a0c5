"""Searches over all cores at once: keys by matrix product, exact lists, beam walks, for one query or many.

A distance key and the place of its row (core * 32 + index) are one integer, ``key << 13 | place``, which sorts like
(key, core, index). Matrix products run in float64: with 16 elements of 16 bits every partial sum stays below 2**53, so
they are exact whatever order BLAS adds in.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.fixed.array_state import LINK_COUNT_MASK, LINK_SHIFTS, N_LINKS_SHIFT, ArrayState
from golden.fixed.bits import TAG_WIDTH, BoolArray, I64Array
from golden.spec import Metric
from golden.spec.constants import BEAM_WIDTH, MAX_NEIGHBOURS, MAX_RESULTS, MIN_BEAM_ROUNDS, VECTORS_PER_CORE

F64Array = npt.NDArray[np.float64]

NO_ENTRY = np.iinfo(np.int64).max
"""Sorts behind every packed entry."""
EXACT_BLOCK = 1 << 22
"""Distances that an exact batch search holds at a time."""
BEAM_BLOCK = 1 << 19
_SLOTS = np.arange(MAX_NEIGHBOURS)
_ONE = np.uint32(1)


@dataclass(frozen=True, slots=True)
class Walk:
    """A beam search of n queries over m cores.

    ``visited`` bool [n, m, 32]; ``cycles`` [n, m]: the cycles that each core takes (its CORE state included).
    """

    visited: BoolArray
    cycles: I64Array


def packed_keys(state: ArrayState, queries: I64Array, cores: slice) -> I64Array:
    """Packed entries of every row, stored or left over, of ``cores`` for ``queries`` [n, 16]: int64 [n, m, 32]."""
    rows = state.vectors[cores, :, : state.dims].reshape(-1, state.dims).astype(np.float64)
    place = np.arange(len(rows)) + cores.start * VECTORS_PER_CORE
    entries = _products(state, rows, queries.astype(np.float64)).astype(np.int64) << TAG_WIDTH
    entries |= place
    return entries.reshape(len(queries), -1, VECTORS_PER_CORE)


def _products(state: ArrayState, rows: F64Array, queries: F64Array) -> F64Array:
    """Distance keys [n_queries, n_rows] as exact float64 integers."""
    part = queries[:, : state.dims]
    if state.metric is not Metric.L2:
        return -(part @ rows.T)
    lengths = np.einsum("nd,nd->n", part, part)[:, None] + np.einsum("nd,nd->n", rows, rows)
    return lengths - 2 * (part @ rows.T)


def selectable(state: ArrayState, type_mask: int, cores: slice) -> BoolArray:
    """Rows whose type has its bit in ``type_mask``, bool [m, 32]."""
    return (type_mask >> state.types[cores]) & 1 != 0


def held(state: ArrayState, cores: slice) -> BoolArray:
    """Rows below their core's count, bool [m, 32]."""
    return np.arange(VECTORS_PER_CORE) < state.counts[cores, None]


def smallest(entries: I64Array, n_entries: int = MAX_RESULTS) -> I64Array:
    """The ``n_entries`` smallest of each row [n, m], sorted; rows that are shorter are filled with NO_ENTRY."""
    if entries.shape[1] > n_entries:
        entries = np.partition(entries, n_entries - 1, axis=1)[:, :n_entries]
    found = np.full((len(entries), n_entries), NO_ENTRY)
    found[:, : entries.shape[1]] = np.sort(entries, axis=1)
    return found


def exact_entries(state: ArrayState, queries: I64Array, type_mask: int, cores: slice) -> I64Array:
    """The 16 nearest of all rows held by ``cores``: packed entries [n, 16], NO_ENTRY behind the last."""
    found = np.full((len(queries), MAX_RESULTS), NO_ENTRY)
    place = np.flatnonzero((held(state, cores) & selectable(state, type_mask, cores)).reshape(-1))
    if not len(place):
        return found
    rows = state.vectors[cores, :, : state.dims].reshape(-1, state.dims)[place].astype(np.float64)
    # The place rides along in the product: key * 2**13 + place, without the query's own length, is one more column.
    scale, part = float(1 << TAG_WIDTH), queries[:, : state.dims].astype(np.float64)
    offset = place + cores.start * VECTORS_PER_CORE + 0.0
    factor, own = -scale, np.zeros(len(queries), np.int64)
    if state.metric is Metric.L2:
        offset += scale * np.einsum("nd,nd->n", rows, rows)
        factor, own = -2 * scale, np.einsum("nd,nd->n", part, part).astype(np.int64) << TAG_WIDTH
    columns = np.concatenate([rows * factor, offset[:, None]], axis=1).T.copy()
    block = max(1, EXACT_BLOCK // len(place))
    for start in range(0, len(queries), block):
        some = part[start : start + block]
        sums = np.concatenate([some, np.ones((len(some), 1))], axis=1) @ columns
        n_kept = min(MAX_RESULTS, len(place))
        if n_kept < len(place):
            sums = np.partition(sums, n_kept - 1, axis=1)[:, :n_kept]
        found[start : start + block, :n_kept] = (
            np.sort(sums, axis=1).astype(np.int64) + own[start : start + block, None]
        )
    return found


def beam_entries(
    state: ArrayState, queries: I64Array, k: int, type_mask: int, cores: slice
) -> tuple[I64Array, I64Array, I64Array]:
    """Beam search of every core: packed entries [n, 16], cycles of each core [n, m], distances evaluated [n]."""
    n, m = len(queries), len(state.counts[cores])
    entries, cycles = np.full((n, MAX_RESULTS), NO_ENTRY), np.zeros((n, m), np.int64)
    n_distances = np.zeros(n, np.int64)
    wanted = selectable(state, type_mask, cores)
    block = max(1, BEAM_BLOCK // (m * VECTORS_PER_CORE))
    for start in range(0, n, block):
        part = slice(start, start + block)
        keys = packed_keys(state, queries[part], cores)
        walked = walk(state, keys, max(k, MIN_BEAM_ROUNDS), cores)
        cycles[part], n_distances[part] = walked.cycles, walked.visited.sum(axis=(1, 2))
        offered = np.where(walked.visited & wanted, keys, NO_ENTRY).reshape(len(keys), -1)
        entries[part] = smallest(offered)
    return entries, cycles, n_distances


def walk(state: ArrayState, keys: I64Array, limit: int, cores: slice) -> Walk:
    """The walks of the beam search over ``keys`` [n, m, 32] of :func:`packed_keys`, at most ``limit`` rounds each.

    Node sets are 32-bit words over the *ranks* of the nodes by key, so that the best of a set are its lowest bits.
    """
    n, m = keys.shape[:2]
    n_row_words = state.n_row_words
    words = state.words[cores]
    ordered = np.sort(keys, axis=2)
    node_of_rank = (ordered & (VECTORS_PER_CORE - 1)).reshape(n * m, VECTORS_PER_CORE)
    rank_of_node = np.empty_like(node_of_rank)
    np.put_along_axis(rank_of_node, node_of_rank, np.arange(VECTORS_PER_CORE)[None, :], axis=1)
    cycles = np.ones(n * m, np.int64)
    visited = np.zeros(n * m, np.uint32)
    walks = np.flatnonzero(np.broadcast_to(state.counts[cores] > 0, (n, m)).reshape(-1))
    candidates = _ONE << rank_of_node[walks, 0].astype(np.uint32)
    for round_ in range(limit + 1):
        visited[walks] |= candidates
        n_candidates = np.bitwise_count(candidates).astype(np.int64)
        cycles[walks] += n_candidates * n_row_words + 4
        if round_ == limit:
            break
        cycles[walks] += np.minimum(n_candidates, BEAM_WIDTH) + 1
        core = walks % m
        reached, rest = np.zeros(len(walks), np.uint32), candidates
        for _ in range(BEAM_WIDTH):
            lowest = rest & (~rest + _ONE)
            rest = rest ^ lowest
            rank = np.bitwise_count(lowest - _ONE).astype(np.int64) & (VECTORS_PER_CORE - 1)
            word = words[core, node_of_rank[walks, rank]]
            n_links = np.where(lowest != 0, (word >> N_LINKS_SHIFT) & LINK_COUNT_MASK, 0)
            links = (word[:, None] >> LINK_SHIFTS) & (VECTORS_PER_CORE - 1)
            bits = _ONE << rank_of_node[walks[:, None], links].astype(np.uint32)
            bits[n_links[:, None] <= _SLOTS] = 0
            reached |= np.bitwise_or.reduce(bits, axis=1)
        candidates = reached & ~visited[walks]
        goes_on = candidates != 0
        cycles[walks[~goes_on]] += 1  # ISSUE finds nothing to issue
        walks, candidates = walks[goes_on], candidates[goes_on]
        if not len(walks):
            break
    by_rank = (visited[:, None] >> np.arange(VECTORS_PER_CORE, dtype=np.uint32)) & _ONE
    by_node = np.take_along_axis(by_rank, rank_of_node, axis=1) != 0
    return Walk(by_node.reshape(n, m, VECTORS_PER_CORE), cycles.reshape(n, m))
