"""What an array remembers: the memories of all cores, the buffers, the settings and the result list.

Memories survive a reset. A command records each of its memory writes with the busy cycle in which the hardware makes
it, so that a reset in the middle of the command can take back those that had not happened yet.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import I64Array, mask
from golden.spec import Config, Metric
from golden.spec.constants import (
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    LINKS_WIDTH,
    MAX_DIMS,
    MAX_NEIGHBOURS,
    VECTORS_PER_CORE,
)
from golden.spec.registers import REGION_DELTA, REGION_QUERY, REGION_VECTOR

LINK_SHIFTS = np.arange(MAX_NEIGHBOURS) * INDEX_WIDTH
N_LINKS_SHIFT = LINKS_WIDTH
N_PINNED_SHIFT = LINKS_WIDTH + LINK_COUNT_WIDTH
LINK_COUNT_MASK = mask(LINK_COUNT_WIDTH)

Entry = tuple[int, int, int]
"""A result: raw distance, core, index. Entries are ordered like tuples."""


@dataclass(frozen=True, slots=True)
class Write:
    """A memory write in busy cycle ``cycle`` of a command, and what stood at ``memory[place]`` before."""

    cycle: int
    memory: npt.NDArray[Any]
    place: Any
    old: Any


class ArrayState:
    """The state of ``config.cores`` cores.

    Attributes:
        vectors: stored rows, int32 ``[cores, 32, 16]``; rows at or beyond the count hold what was left there.
        words: graph words of 36 bits (six links of 5 bits, n_links, n_pinned), int64 ``[cores, 32]``.
        types, weights: int64 ``[cores, 32]``.
        counts: vectors of each core, int64 ``[cores]``.
        buffers: QUERY, VECTOR and DELTA, int64 ``[3, 16]``.
        dims, metric: what INIT set; 16 and L2 after reset.
        results: the result list, nearest first; ``n_unread`` of its last entries are not read yet.
        writes: memory writes of the last command, in the order in which they happen.
    """

    def __init__(self, config: Config) -> None:
        shape = (config.cores, VECTORS_PER_CORE)
        self.config = config
        self.vectors = np.zeros((*shape, MAX_DIMS), np.int32)
        self.words = np.zeros(shape, np.int64)
        self.types = np.zeros(shape, np.int64)
        self.weights = np.zeros(shape, np.int64)
        self.counts = np.zeros(config.cores, np.int64)
        self.buffers = np.zeros((3, MAX_DIMS), np.int64)
        self.writes: list[Write] = []
        self.reset()

    def reset(self) -> None:
        """The state when the array has emptied itself after a reset; memories other than the counts stay."""
        self.counts[:] = 0
        self.dims = MAX_DIMS
        self.metric = Metric.L2
        self.results: list[Entry] = []
        self.n_unread = 0
        self.writes = []

    @property
    def query(self) -> I64Array:
        """The QUERY buffer, ``[16]``."""
        return self.buffers[REGION_QUERY]

    @property
    def vector(self) -> I64Array:
        """The VECTOR buffer, ``[16]``."""
        return self.buffers[REGION_VECTOR]

    @property
    def delta(self) -> I64Array:
        """The DELTA buffer, ``[16]``."""
        return self.buffers[REGION_DELTA]

    @property
    def n_row_words(self) -> int:
        """Words of a row that a search reads (last_chunk + 1)."""
        return -(-self.dims // self.config.lanes)

    def write(self, cycle: int, memory: npt.NDArray[Any], place: Any, value: Any) -> None:
        """Put ``value`` to ``memory[place]`` and note that busy cycle ``cycle`` does it."""
        old = memory[place]
        self.writes.append(Write(cycle, memory, place, old.copy() if isinstance(old, np.ndarray) else old))
        memory[place] = value

    def write_row(self, first_cycle: int, core: int, index: int, row: npt.ArrayLike) -> None:
        """Store a row ``[16]``, one memory word a cycle from ``first_cycle`` on."""
        values, lanes = np.asarray(row), self.config.lanes
        for chunk in range(self.config.n_chunks):
            part = slice(chunk * lanes, (chunk + 1) * lanes)
            self.write(first_cycle + chunk, self.vectors, (core, index, part), values[part])

    def interrupt(self, last_cycle: int) -> None:
        """A reset in busy cycle ``last_cycle`` of the last command: its later writes do not happen."""
        for write in reversed(self.writes):
            if write.cycle > last_cycle:
                write.memory[write.place] = write.old
        self.reset()


def unpack_word(word: int) -> tuple[list[int], int, int]:
    """Links (all six slots), n_links and n_pinned of a graph word, as they stand (counts 0..7)."""
    links = [(word >> (INDEX_WIDTH * slot)) & mask(INDEX_WIDTH) for slot in range(MAX_NEIGHBOURS)]
    return links, (word >> N_LINKS_SHIFT) & LINK_COUNT_MASK, (word >> N_PINNED_SHIFT) & LINK_COUNT_MASK


def pack_word(links: list[int], n_links: int, n_pinned: int) -> int:
    """The graph word of six links and the two counts."""
    word = n_links << N_LINKS_SHIFT | n_pinned << N_PINNED_SHIFT
    for slot, link in enumerate(links):
        word |= link << (INDEX_WIDTH * slot)
    return word
