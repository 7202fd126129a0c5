"""The gather unit: the elements of a node's neighbours, dimension by dimension."""

import numpy as np

from golden.fixed.graph_store import links, n_links
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, MAX_DIMS, MAX_NEIGHBOURS, NODE_WIDTH

IDLE, LOOKUP, LATCH, ISSUE = range(4)


class Gather(Unit):
    """Issues element d of every neighbour of a node (or of the node itself), for d = 0 .. 15.

    The first issue is 3 cycles after ``start``; 16 * m issue cycles without a gap, m = rows summed.

    Inputs: ``start``, ``own``, ``absent`` (1), ``index`` (5), ``word`` (36: the graph word of ``index``, in the second
    cycle after start). Outputs: ``active``, ``graph_read``, ``issue`` (1), ``row`` (5), ``chunk``, ``lane`` (4),
    ``first``, ``last``, ``fixed`` (1), ``factor`` (8), ``n_links`` (3).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._state, self._d, self._i, self._index = (self._zeros() for _ in range(4))
        self._n_rows, self._n_links = self._zeros(), self._zeros()
        self._rows = np.zeros((n_streams, MAX_NEIGHBOURS), dtype=np.int64)
        self._own, self._absent, self._fixed, self._factor = (self._flags() for _ in range(4))

    def step(self, inputs: Inputs) -> Outputs:
        state, streams = self._state.copy(), np.arange(self.n_streams)
        itself = self._own | self._absent
        last = self._i == self._n_rows - 1
        outputs = {
            "active": bit(state != IDLE),
            "graph_read": bit(state == LOOKUP),
            "issue": bit(state == ISSUE),
            "row": self._rows[streams, self._i].astype(np.uint64),
            "chunk": (self._d // self.config.lanes).astype(np.uint64),
            "lane": (self._d % self.config.lanes).astype(np.uint64),
            "first": bit(self._i == 0),
            "last": bit(last),
            "fixed": bit(self._fixed),
            "factor": bit(self._factor),
            "n_links": self._n_links.astype(np.uint64),
        }

        word = unsigned(inputs, "word", NODE_WIDTH)
        latches, issues = state == LATCH, state == ISSUE
        linked = np.where(itself, 0, np.minimum(n_links(word), MAX_NEIGHBOURS))
        one = np.where(np.arange(MAX_NEIGHBOURS) == 0, self._index[:, None], 0)
        rows = np.where((linked == 0)[:, None], one, links(word))
        self._rows = np.where(latches[:, None], rows, self._rows)
        self._n_rows = np.where(latches, np.maximum(linked, 1), self._n_rows)
        self._n_links = np.where(latches, linked, self._n_links)
        self._fixed = np.where(latches, linked == 0, self._fixed)
        self._factor = np.where(latches, self._own & ~self._absent, self._factor)

        ends = issues & last & (self._d == MAX_DIMS - 1)
        self._i = np.where(issues, np.where(last, 0, self._i + 1), self._i)
        self._d = (self._d + (issues & last)) % MAX_DIMS

        starts = (state == IDLE) & flag(inputs, "start")
        self._index = np.where(starts, unsigned(inputs, "index", INDEX_WIDTH), self._index)
        self._own = np.where(starts, flag(inputs, "own"), self._own)
        self._absent = np.where(starts, flag(inputs, "absent"), self._absent)
        self._state[starts] = LOOKUP
        self._state[state == LOOKUP] = LATCH
        self._state[latches] = ISSUE
        self._state[ends] = IDLE
        return outputs
