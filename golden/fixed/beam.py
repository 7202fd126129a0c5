"""The beam search: rounds of distances over the graph of a core, for every core of a range."""

import numpy as np

from golden.fixed.bits import U64Array, mask
from golden.fixed.exact import CHUNK_WIDTH
from golden.fixed.graph_store import links, n_links
from golden.fixed.topk import TopK
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import (
    BEAM_WIDTH,
    COUNT_WIDTH,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    PIPELINE_LATENCY,
    VECTORS_PER_CORE,
)

IDLE, CORE, ISSUE, DRAIN, FETCH = range(5)


class BeamSearch(Unit):
    """Visits node 0, then round by round the unvisited neighbours of the up to 3 nearest of the round before.

    A core takes 1 cycle, and for every round candidates * (last_chunk + 1) issue cycles without a gap, 4 to drain and
    (unless it was the last) n + 1 to fetch the links of the n nearest; one more if a round has no candidates.

    Inputs: ``start`` (1), ``first_place``, ``last_place`` (place_width), ``last_chunk`` (4), ``limit`` (5; rounds - 1),
    ``count`` (6), ``word`` (36), ``push`` (1), ``key`` (key_width, signed), ``index`` (5). Outputs: ``count_addr``
    (place_width), ``active``, ``issue`` (1), ``place`` (place_width), ``row`` (5), ``chunk`` (4), ``first``, ``last``,
    ``graph_read`` (1), ``graph_row`` (5).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._state, self._place, self._chunk, self._rounds, self._timer, self._fetched = (
            self._zeros() for _ in range(6)
        )
        self._visited = np.zeros((n_streams, VECTORS_PER_CORE), dtype=np.bool_)
        self._candidates = np.zeros_like(self._visited)
        self._nearest = TopK(config, n_streams, entries=BEAM_WIDTH, core_width=0)

    def step(self, inputs: Inputs) -> Outputs:
        place_width, state = self.config.place_width, self._state.copy()
        first_place = unsigned(inputs, "first_place", place_width)
        last_chunk = unsigned(inputs, "last_chunk", CHUNK_WIDTH)
        begins = (state == IDLE) & flag(inputs, "start")
        empty = (state == CORE) & (unsigned(inputs, "count", COUNT_WIDTH) == 0)
        clears = (state == CORE) & ~empty
        issues = (state == ISSUE) & self._candidates.any(axis=1)
        row = self._candidates.argmax(axis=1)
        last = self._chunk == last_chunk
        drained = (state == DRAIN) & (self._timer == PIPELINE_LATENCY)
        limited = drained & (self._rounds == unsigned(inputs, "limit", 5))
        advance = empty | ((state == ISSUE) & ~issues) | limited
        fetches = state == FETCH
        fetched = fetches & (self._fetched == self._nearest.count)

        top = self._nearest.step(self._list_inputs(inputs, clears | fetched))
        next_place = (self._place + 1) & mask(place_width)
        outputs = {
            "count_addr": np.where(begins, first_place, np.where(advance, next_place, self._place)).astype(np.uint64),
            "active": bit(state != IDLE),
            "issue": bit(issues),
            "place": self._place.astype(np.uint64),
            "row": row.astype(np.uint64),
            "chunk": self._chunk.astype(np.uint64),
            "first": bit(self._chunk == 0),
            "last": bit(last),
            "graph_read": bit(fetches & ~fetched),
            "graph_row": top["out_index"],
        }

        self._add_links(fetches & (self._fetched > 0), unsigned(inputs, "word", NODE_WIDTH))
        done = np.flatnonzero(issues & last)
        self._candidates[done, row[done]] = False
        self._visited[done, row[done]] = True
        self._visited[clears] = False
        self._candidates[clears] = np.arange(VECTORS_PER_CORE) == 0
        self._rounds = np.where(clears, 0, self._rounds + fetched)
        self._chunk = np.where(issues, np.where(last, 0, (self._chunk + 1) & mask(CHUNK_WIDTH)), self._chunk)
        self._timer = np.where(state == DRAIN, self._timer + 1, 1)
        self._fetched = np.where(fetches & ~fetched, self._fetched + 1, 0)

        ends = advance & (self._place == unsigned(inputs, "last_place", place_width))
        self._state[clears | fetched] = ISSUE
        self._state[issues & last & ~self._candidates.any(axis=1)] = DRAIN
        self._state[drained] = FETCH
        self._state[begins | advance] = CORE
        self._state[ends] = IDLE
        self._place = np.where(begins, first_place, np.where(advance & ~ends, next_place, self._place))
        return outputs

    def _list_inputs(self, inputs: Inputs, clear: np.ndarray) -> dict[str, U64Array]:
        return {
            "clear": bit(clear),
            "push": inputs["push"],
            "key": inputs["key"],
            "index": inputs["index"],
            "rank": self._fetched.astype(np.uint64),
        }

    def _add_links(self, adds: np.ndarray, word: np.ndarray) -> None:
        used = adds[:, None] & (np.arange(MAX_NEIGHBOURS) < n_links(word)[:, None])
        streams, slots = np.nonzero(used)
        nodes = links(word)[streams, slots]
        fresh = ~self._visited[streams, nodes]
        self._candidates[streams[fresh], nodes[fresh]] = True
