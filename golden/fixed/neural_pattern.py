"""The pattern unit: spike histories recorded, matched and correlated by Hamming distance."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, mask
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_NONE, INDEX_WIDTH
from golden.spec.neural import HISTORY_WIDTH

NONE_YET = 63


def record(history: I64Array, spike: BoolArray) -> I64Array:
    """Histories one step on: the newest step is bit 0, the oldest falls out."""
    return (history << 1 | spike) & mask(HISTORY_WIDTH)


def popcount(words: I64Array) -> I64Array:
    """Ones in each word."""
    return np.bitwise_count(words).astype(np.int64)


class PatternUnit(Unit):
    """Shifts a spike into a history; measures histories against a target, keeps the nearest and marks the near ones.

    ``recorded`` is combinational. Latency one cycle to ``distance`` and ``total``, two to ``best`` and ``mask``;
    throughput one neuron a cycle.

    Inputs: ``clear``, ``valid``, ``spike`` (1), ``index`` (5), ``history``, ``target`` (32), ``own`` (6; 32 and more:
    no neuron is left out of the mask), ``most`` (8). Outputs: ``recorded`` (32), ``out_valid`` (1), ``distance``,
    ``total`` (6), ``best`` (8; 255 none), ``mask`` (32).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._distance, self._total, self._index, self._mask = (self._zeros() for _ in range(4))
        self._valid = self._flags()
        self._best, self._least = np.full(n_streams, INDEX_NONE), np.full(n_streams, NONE_YET)

    def step(self, inputs: Inputs) -> Outputs:
        history = unsigned(inputs, "history", HISTORY_WIDTH)
        target = unsigned(inputs, "target", HISTORY_WIDTH)
        outputs = {
            "recorded": record(history, flag(inputs, "spike")).astype(np.uint64),
            "out_valid": bit(self._valid),
            "distance": self._distance.astype(np.uint64),
            "total": self._total.astype(np.uint64),
            "best": self._best.astype(np.uint64),
            "mask": self._mask.astype(np.uint64),
        }
        near = self._valid & (self._index != unsigned(inputs, "own", INDEX_WIDTH + 1))
        near &= self._distance <= unsigned(inputs, "most", 8)
        better = self._valid & (self._distance < self._least)
        clear = flag(inputs, "clear")
        self._mask = np.where(clear, 0, self._mask | np.where(near, 1 << self._index, 0))
        self._best = np.where(clear, INDEX_NONE, np.where(better, self._index, self._best))
        self._least = np.where(clear, NONE_YET, np.where(better, self._distance, self._least))
        self._distance, self._total = popcount(history ^ target), popcount(history | target)
        self._index, self._valid = unsigned(inputs, "index", INDEX_WIDTH), flag(inputs, "valid")
        return outputs
