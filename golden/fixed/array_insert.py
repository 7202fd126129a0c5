"""Insertion into the graph: one vector into one core, or one vector into each of many cores at the same time."""

from dataclasses import dataclass

import numpy as np

from golden.fixed.array_cycles import LINK_CYCLES
from golden.fixed.array_search import NO_ENTRY, smallest
from golden.fixed.array_state import LINK_COUNT_MASK, N_LINKS_SHIFT, N_PINNED_SHIFT, ArrayState, pack_word, unpack_word
from golden.fixed.bits import I64Array
from golden.spec import Metric
from golden.spec.constants import INDEX_WIDTH, MAX_NEIGHBOURS, MAX_RESULTS, MAX_WEIGHT

NODE_MASK = (1 << INDEX_WIDTH) - 1
MAX_OTHERS = MAX_NEIGHBOURS - 1


@dataclass(frozen=True, slots=True)
class Linking:
    """What an insertion does to the graph: words of list entries in the order they are worked off, and the new word."""

    worked: list[tuple[int, int]]
    """Node and its new word; entries that change nothing included."""
    new_word: int


def pin(word: int, node: int) -> int:
    """The graph word with ``node`` pinned; unchanged when 6 links are."""
    links, n_links, n_pinned = unpack_word(word)
    if n_pinned >= MAX_NEIGHBOURS:
        return word
    if n_links < MAX_NEIGHBOURS:
        links[n_links] = links[n_pinned]
        n_links += 1
    links[n_pinned] = node
    return pack_word(links, n_links, n_pinned + 1)


def link_back(word: int, node: int) -> int:
    """The graph word with ``node`` as its last link, instead of the oldest that is not pinned when it is full."""
    links, n_links, n_pinned = unpack_word(word)
    if n_links < MAX_NEIGHBOURS:
        links[n_links] = node
        n_links += 1
    elif n_pinned < MAX_NEIGHBOURS:
        del links[n_pinned]
        links.append(node)
    return pack_word(links, n_links, n_pinned)


def link(words: I64Array, near: list[int], node: int) -> Linking:
    """The links of the new ``node`` with the ``near`` list (at most 16, nearest first) of a core's ``words`` [32]."""
    worked: list[tuple[int, int]] = []
    slots = [0] * MAX_NEIGHBOURS
    parent_found, n_others = 0, 0
    for other in near:
        word = int(words[other])
        if not parent_found and (word >> N_PINNED_SHIFT) & LINK_COUNT_MASK < MAX_NEIGHBOURS:
            word = pin(word, node)
            parent_found = 1
            slots[0] = other
        elif n_others < MAX_OTHERS:
            word = link_back(word, node)
            n_others += 1
            slots[n_others] = other
        worked.append((other, word))
        if parent_found and n_others == MAX_OTHERS:
            break
    return Linking(worked, pack_word(slots, parent_found + n_others, parent_found))


def nearest(state: ArrayState, core: int, row: I64Array) -> list[int]:
    """The up to 16 stored rows of a core nearest to ``row`` [16], by (key, index)."""
    count = int(state.counts[core])
    rows, part = state.vectors[core, :count, : state.dims].astype(np.int64), row[: state.dims].astype(np.int64)
    if state.metric is Metric.L2:
        rows -= part
        keys = np.einsum("nd,nd->n", rows, rows)
    else:
        keys = -(rows @ part)
    order = np.argsort(keys, kind="stable")
    return [int(i) for i in order[:MAX_RESULTS]]


def insert_row(state: ArrayState, core: int, row: I64Array, store_cycle: int, linking: Linking) -> None:
    """The memory writes of INSERT; ``store_cycle`` is the cycle of STORE, which the links come before."""
    index = int(state.counts[core])
    first = store_cycle - LINK_CYCLES * len(linking.worked) + LINK_CYCLES - 1
    for position, (node, word) in enumerate(linking.worked):
        state.write(first + LINK_CYCLES * position, state.words, (core, node), word)
    state.write(store_cycle, state.words, (core, index), linking.new_word)
    state.write(store_cycle, state.types, (core, index), 0)
    state.write(store_cycle, state.weights, (core, index), MAX_WEIGHT)
    state.write_row(store_cycle + 2, core, index, row)
    state.counts[core] = index + 1


def insert_one_each(state: ArrayState, cores: I64Array, rows: I64Array) -> I64Array:
    """Insert ``rows`` [m, 16] into ``cores`` [m] (distinct, none full); the list entries worked off, ``[m]``.

    The same as :func:`link` and :func:`insert_row` one core after the other. The writes are not recorded.
    """
    n_cores, lines = len(cores), np.arange(len(cores))
    counts = state.counts[cores]
    near = _nearest_each(state, cores, rows)
    n_near = np.minimum(counts, MAX_RESULTS)
    words = state.words[cores]
    slots = np.zeros((n_cores, MAX_NEIGHBOURS), np.int64)
    parent_found, n_others = np.zeros(n_cores, bool), np.zeros(n_cores, np.int64)
    n_worked = np.zeros(n_cores, np.int64)
    for rank in range(int(n_near.max(initial=0))):
        works = (rank < n_near) & ~(parent_found & (n_others == MAX_OTHERS))
        other = near[:, rank]
        word = words[lines, other]
        pins = works & ~parent_found & ((word >> N_PINNED_SHIFT) & LINK_COUNT_MASK < MAX_NEIGHBOURS)
        links = works & ~pins & (n_others < MAX_OTHERS)
        slots[pins, 0] = other[pins]
        n_others += links
        slots[lines[links], n_others[links]] = other[links]
        words[lines[pins], other[pins]] = _pin_each(word[pins], counts[pins])
        words[lines[links], other[links]] = _link_back_each(word[links], counts[links])
        parent_found |= pins
        n_worked += works
    words[lines, counts] = _pack_each(slots, parent_found + n_others, parent_found.astype(np.int64))
    state.words[cores] = words
    state.vectors[cores, counts] = rows
    state.types[cores, counts] = 0
    state.weights[cores, counts] = MAX_WEIGHT
    state.counts[cores] = counts + 1
    return n_worked


def _nearest_each(state: ArrayState, cores: I64Array, rows: I64Array) -> I64Array:
    """The 16 nearest stored rows of each core to its row, int64 [m, 16]; what lies behind the core's count is junk."""
    n_rows = int(state.counts[cores].max(initial=0))
    stored = state.vectors[cores, :n_rows, : state.dims].astype(np.float64)
    part = rows[:, None, : state.dims].astype(np.float64)
    if state.metric is Metric.L2:
        stored -= part
        keys = np.einsum("mnd,mnd->mn", stored, stored)
    else:
        keys = -np.einsum("mnd,mnd->mn", stored, np.broadcast_to(part, stored.shape))
    entries = keys.astype(np.int64) << INDEX_WIDTH | np.arange(n_rows)
    entries[np.arange(n_rows) >= state.counts[cores, None]] = NO_ENTRY
    return smallest(entries) & NODE_MASK


def _unpack_each(words: I64Array) -> tuple[I64Array, I64Array, I64Array]:
    links = (words[:, None] >> (np.arange(MAX_NEIGHBOURS) * INDEX_WIDTH)) & NODE_MASK
    return links, (words >> N_LINKS_SHIFT) & LINK_COUNT_MASK, (words >> N_PINNED_SHIFT) & LINK_COUNT_MASK


def _pack_each(links: I64Array, n_links: I64Array, n_pinned: I64Array) -> I64Array:
    packed = (links << (np.arange(MAX_NEIGHBOURS) * INDEX_WIDTH)).sum(axis=1)
    return np.asarray(packed | n_links << N_LINKS_SHIFT | n_pinned << N_PINNED_SHIFT)


def _pin_each(words: I64Array, nodes: I64Array) -> I64Array:
    """:func:`pin` for many words, none of which has 6 pinned links."""
    links, n_links, n_pinned = _unpack_each(words)
    lines = np.arange(len(words))
    moves = n_links < MAX_NEIGHBOURS
    links[lines[moves], n_links[moves]] = links[lines[moves], n_pinned[moves]]
    links[lines, n_pinned] = nodes
    return _pack_each(links, n_links + moves, n_pinned + 1)


def _link_back_each(words: I64Array, nodes: I64Array) -> I64Array:
    """:func:`link_back` for many words."""
    links, n_links, n_pinned = _unpack_each(words)
    lines, slots = np.arange(len(words)), np.arange(MAX_NEIGHBOURS)
    has_room = n_links < MAX_NEIGHBOURS
    links[lines[has_room], n_links[has_room]] = nodes[has_room]
    drops = ~has_room & (n_pinned < MAX_NEIGHBOURS)
    down = drops[:, None] & (slots >= n_pinned[:, None])
    moved = np.concatenate([links[:, 1:], nodes[:, None]], axis=1)
    return _pack_each(np.where(down, moved, links), n_links + has_room, n_pinned)
