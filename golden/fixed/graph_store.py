"""The graph memory: one word a node, and the two updates that keep every node reachable."""

import numpy as np

from golden.fixed.bits import I64Array, mask
from golden.fixed.unit import Inputs, Outputs, Unit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import (
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    LINKS_WIDTH,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    VECTORS_PER_CORE,
)

OP_NONE, OP_WRITE, OP_PIN, OP_LINK_BACK = range(4)


def links(word: I64Array) -> I64Array:
    """The six link slots of graph words ``[n]``: ``[n, 6]``."""
    return (word[:, None] >> (INDEX_WIDTH * np.arange(MAX_NEIGHBOURS))) & mask(INDEX_WIDTH)


def n_links(word: I64Array) -> I64Array:
    """The link count of graph words, 0 to 7 as stored."""
    return (word >> LINKS_WIDTH) & mask(LINK_COUNT_WIDTH)


def n_pinned(word: I64Array) -> I64Array:
    """The count of pinned links of graph words, 0 to 7 as stored."""
    return (word >> (LINKS_WIDTH + LINK_COUNT_WIDTH)) & mask(LINK_COUNT_WIDTH)


def graph_word(slots: I64Array, linked: I64Array, pinned: I64Array) -> I64Array:
    """Graph words ``[n]`` of slots ``[n, 6]`` and counts ``[n]``."""
    packed = (slots << (INDEX_WIDTH * np.arange(MAX_NEIGHBOURS))).sum(axis=1)
    return packed | linked << LINKS_WIDTH | pinned << (LINKS_WIDTH + LINK_COUNT_WIDTH)


def pin(word: I64Array, node: I64Array) -> I64Array:
    """``node`` becomes a pinned link: the first unpinned one moves to the end, or is lost when there is no room."""
    slots, linked, pinned = links(word), n_links(word), n_pinned(word)
    fits, room = pinned < MAX_NEIGHBOURS, linked < MAX_NEIGHBOURS
    place = np.minimum(pinned, MAX_NEIGHBOURS - 1)
    moves = np.flatnonzero(fits & room)
    slots[moves, linked[moves]] = slots[moves, place[moves]]
    gets = np.flatnonzero(fits)
    slots[gets, place[gets]] = node[gets]
    return np.where(fits, graph_word(slots, linked + room, pinned + fits), word)


def link_back(word: I64Array, node: I64Array) -> I64Array:
    """``node`` becomes the newest unpinned link; in a full word the oldest unpinned one is dropped for it."""
    slots, linked, pinned = links(word), n_links(word), n_pinned(word)
    room, full = linked < MAX_NEIGHBOURS, linked >= MAX_NEIGHBOURS
    appends = np.flatnonzero(room)
    slots[appends, linked[appends]] = node[appends]
    replaces = full & (pinned < MAX_NEIGHBOURS)
    moved = np.concatenate([slots[:, 1:], node[:, None]], axis=1)
    slots = np.where(replaces[:, None] & (np.arange(MAX_NEIGHBOURS) >= pinned[:, None]), moved, slots)
    return graph_word(slots, linked + room, pinned)


class GraphStore(Unit):
    """A single-port memory of 36-bit words that updates the word it read last.

    Latency one cycle from a read to ``word``, and from an update (pin, link back) to its write; one access a cycle.

    Inputs: ``addr`` (place_width + 5, below the depth), ``read`` (1), ``op`` (2: none, write, pin, link back),
    ``overwrite`` (1), ``node`` (5), ``write_word`` (36). Output: ``word`` (36), the data of the last read.
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._memory = np.zeros((n_streams, config.cores_per_slice * VECTORS_PER_CORE), dtype=np.int64)
        self._word, self._update = self._zeros(), self._zeros()

    @property
    def word(self) -> I64Array:
        """The data of the last read, ``[n_streams]``: what the next cycle shows."""
        return self._word

    def stored(self, addr: int) -> I64Array:
        """The memory's word at an address, ``[n_streams]``."""
        return self._memory[:, addr]

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {"word": self._word.astype(np.uint64)}
        addr = unsigned(inputs, "addr", self.config.place_width + INDEX_WIDTH)
        op = unsigned(inputs, "op", 2)
        op = np.where((op == OP_NONE) & flag(inputs, "overwrite"), OP_WRITE, op)
        pending = self._update != OP_NONE
        node = unsigned(inputs, "node", INDEX_WIDTH)
        updated = np.where(self._update == OP_PIN, pin(self._word, node), link_back(self._word, node))
        written = np.where(pending, updated, unsigned(inputs, "write_word", NODE_WIDTH))
        streams = np.arange(self.n_streams)
        reads = flag(inputs, "read") & (op == OP_NONE) & ~pending
        self._word = np.where(reads, self._memory[streams, addr], self._word)
        writes = np.flatnonzero(pending | (op == OP_WRITE))
        self._memory[writes, addr[writes]] = written[writes]
        self._update = np.where(~pending & (op >= OP_PIN), op, OP_NONE)
        return outputs
