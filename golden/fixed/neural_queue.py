"""The spike queue: the spikes of a tick, lowest neuron first, each with its graph word and weight."""

import numpy as np

from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, NODE_WIDTH, VECTORS_PER_CORE, WEIGHT_WIDTH


class SpikeQueue(Unit):
    """Latency one cycle from ``fetch`` to an entry; a spike a cycle when ``take`` follows every fetch.

    Inputs: ``add`` (32), ``weight_write`` (1), ``weight_index`` (5), ``weight`` (8), ``go``, ``blocked`` (1), ``word``
    (36), ``take`` (1). Outputs: ``fetch`` (1), ``row`` (5), ``entry_valid`` (1), ``entry_index`` (5), ``entry_word``
    (36), ``entry_weight`` (8), ``empty`` (1).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._remaining, self._index, self._word, self._weight = (self._zeros() for _ in range(4))
        self._fetched, self._held = self._flags(), self._flags()
        self._weights = np.zeros((n_streams, VECTORS_PER_CORE), dtype=np.int64)

    def step(self, inputs: Inputs) -> Outputs:
        word, take = unsigned(inputs, "word", NODE_WIDTH), flag(inputs, "take")
        waiting = self._remaining[:, None] >> np.arange(VECTORS_PER_CORE) & 1
        row, some = waiting.argmax(axis=1), waiting.any(axis=1)
        valid = self._fetched | self._held
        fetch = flag(inputs, "go") & some & ~flag(inputs, "blocked") & (~valid | take)
        outputs = {
            "fetch": bit(fetch),
            "row": row.astype(np.uint64),
            "entry_valid": bit(valid),
            "entry_index": self._index.astype(np.uint64),
            "entry_word": np.where(self._held, self._word, word).astype(np.uint64),
            "entry_weight": self._weight.astype(np.uint64),
            "empty": bit(~some & ~valid),
        }
        streams = np.arange(self.n_streams)
        self._word = np.where(self._fetched, word, self._word)
        self._weight = np.where(fetch, self._weights[streams, row], self._weight)
        self._index = np.where(fetch, row, self._index)
        left = np.where(fetch, self._remaining & ~(np.int64(1) << row), self._remaining)
        self._remaining = left | unsigned(inputs, "add", VECTORS_PER_CORE)
        self._fetched, self._held = fetch, valid & ~take
        writes = np.flatnonzero(flag(inputs, "weight_write"))
        index = unsigned(inputs, "weight_index", INDEX_WIDTH)
        self._weights[writes, index[writes]] = unsigned(inputs, "weight", WEIGHT_WIDTH)[writes]
        return outputs
