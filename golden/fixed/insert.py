"""The insert engine: links a new vector into the graph of its core."""

import numpy as np

from golden.fixed.bits import mask
from golden.fixed.graph_store import OP_LINK_BACK, OP_NONE, OP_PIN, OP_WRITE, graph_word, n_pinned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import (
    COUNT_WIDTH,
    INDEX_NONE,
    INDEX_WIDTH,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    RESULT_COUNT_WIDTH,
    VECTORS_PER_CORE,
)

IDLE, CHECK, SCAN, READ, LINK, SETTLE, STORE = range(7)
MAX_OTHERS = MAX_NEIGHBOURS - 1
RANK_WIDTH = 4


class InsertEngine(Unit):
    """Scans the core for the new vector's nearest, pins it to the first with a free pin and links up to 5 others.

    Cycles from ``start`` to the end of ``busy``: 1 when full, 2 into an empty core, else 2 + scan + 3 a linked node.

    Inputs: ``start``, ``scan_busy`` (1), ``count`` (6), ``near_count``, ``near_index`` (5: the scan's list, at
    ``rank``), ``word`` (36). Outputs: ``busy``, ``scan_start`` (1), ``rank`` (4), ``graph_read`` (1), ``graph_op`` (2),
    ``graph_row``, ``graph_node`` (5), ``graph_word`` (36), ``store``, ``copy_start`` (1), ``result`` (8).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._state, self._rank, self._n_others, self._result = (self._zeros() for _ in range(4))
        self._slots = np.zeros((n_streams, MAX_NEIGHBOURS), dtype=np.int64)
        self._parent_found, self._scanned = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        state = self._state.copy()
        count = unsigned(inputs, "count", COUNT_WIDTH)
        near_index = unsigned(inputs, "near_index", INDEX_WIDTH)
        check, link, settle, store = state == CHECK, state == LINK, state == SETTLE, state == STORE
        full = check & (count >= VECTORS_PER_CORE)
        begins = check & ~full
        scans = begins & (count > 0)
        pins = link & ~self._parent_found & (n_pinned(unsigned(inputs, "word", NODE_WIDTH)) < MAX_NEIGHBOURS)
        links_back = link & ~pins & (self._n_others < MAX_OTHERS)
        node = self._result & mask(INDEX_WIDTH)
        op = np.select([pins, links_back, store], [OP_PIN, OP_LINK_BACK, OP_WRITE], OP_NONE)
        parent = self._parent_found.astype(np.int64)
        outputs = {
            "busy": bit(state != IDLE),
            "scan_start": bit(scans),
            "rank": self._rank.astype(np.uint64),
            "graph_read": bit(state == READ),
            "graph_op": op.astype(np.uint64),
            "graph_row": np.where((state == READ) | link | settle, near_index, node).astype(np.uint64),
            "graph_node": node.astype(np.uint64),
            "graph_word": graph_word(self._slots, parent + self._n_others, parent).astype(np.uint64),
            "store": bit(store),
            "copy_start": bit(store),
            "result": self._result.astype(np.uint64),
        }

        self._slots[pins, 0] = near_index[pins]
        others = np.flatnonzero(links_back)
        self._slots[others, 1 + self._n_others[others]] = near_index[others]
        self._slots[check] = 0
        self._parent_found = (self._parent_found | pins) & ~check
        self._n_others = np.where(check, 0, self._n_others + links_back)
        at_end = self._rank + 1 == unsigned(inputs, "near_count", RESULT_COUNT_WIDTH)
        complete = self._parent_found & (self._n_others == MAX_OTHERS)
        self._rank = np.where(check, 0, (self._rank + settle) & mask(RANK_WIDTH))
        self._result = np.where(full, INDEX_NONE, np.where(begins, count, self._result))

        scan_ends = (state == SCAN) & self._scanned & ~flag(inputs, "scan_busy")
        self._scanned = state == SCAN
        self._state[(state == IDLE) & flag(inputs, "start")] = CHECK
        self._state[full | store] = IDLE
        self._state[scans] = SCAN
        self._state[begins & ~scans] = STORE
        self._state[scan_ends] = READ
        self._state[state == READ] = LINK
        self._state[link] = SETTLE
        self._state[settle] = np.where(at_end | complete, STORE, READ)[settle]
        return outputs
