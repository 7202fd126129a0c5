"""The spike encoder: larger elements fire in earlier slots."""

import numpy as np

from golden.fixed.bits import I64Array, mask
from golden.fixed.unit import Inputs, Outputs, Unit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.neural import ENCODING_SLOTS, HISTORY_WIDTH


def time_slot(element: I64Array, largest: I64Array) -> I64Array:
    """floor((1 - (v + m) / (2m)) * 8) for m > 0, without a division: how many k of 1..8 have 4 (m - v) >= k m."""
    multiples = np.arange(1, ENCODING_SLOTS + 1) * largest[..., None]
    return (ENCODING_SLOTS // 2 * (largest - element)[..., None] >= multiples).sum(axis=-1)


def encode(elements: I64Array) -> int:
    """The pattern of a vector's ``dims`` elements: bit d + slot * (dims div 8) for each; 0 where all are 0."""
    largest = np.abs(elements).max(initial=0)
    if not largest:
        return 0
    place = np.arange(len(elements)) + time_slot(elements, largest) * (len(elements) // ENCODING_SLOTS)
    return int(np.bitwise_or.reduce(np.int64(1) << (place & (HISTORY_WIDTH - 1))))


class SpikeEncoder(Unit):
    """The 32-bit spike pattern of a vector, in two passes over its elements.

    Latency one cycle from ``scan`` to ``largest`` and from ``encode`` to ``pattern``; throughput one element a cycle.

    Inputs: ``clear``, ``scan``, ``encode`` (1), ``element`` (element_width, signed), ``index`` (4), ``stride`` (2).
    Outputs: ``largest`` (element_width, unsigned), ``pattern`` (32).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._largest, self._pattern = self._zeros(), self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {"largest": self._largest.astype(np.uint64), "pattern": self._pattern.astype(np.uint64)}
        element = signed(inputs, "element", self.config.element_width)
        place = unsigned(inputs, "index", 4) + time_slot(element, self._largest) * unsigned(inputs, "stride", 2)
        sets = flag(inputs, "encode") & (self._largest > 0)
        clear = flag(inputs, "clear")
        self._pattern = np.where(clear, 0, self._pattern | np.where(sets, 1 << (place & mask(5)), 0))
        self._pattern &= mask(HISTORY_WIDTH)
        seen = np.where(flag(inputs, "scan"), np.maximum(self._largest, np.abs(element)), self._largest)
        self._largest = np.where(clear, 0, seen)
        return outputs
