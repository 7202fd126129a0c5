"""The counts of a slice's cores, and the types and weights of their nodes."""

import numpy as np

from golden.fixed.unit import Inputs, Outputs, Unit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import COUNT_WIDTH, INDEX_WIDTH, TYPE_WIDTH, VECTORS_PER_CORE, WEIGHT_WIDTH


class NodeStore(Unit):
    """Three memories with synchronous reads: counts by place, types and weights by place * 32 + node.

    Latency one cycle from address to data; a read in the cycle of a write to the same address gives the old data.
    Addresses must be below the depth of the memory.

    Inputs: ``count_addr`` (place_width), ``count_write`` (1), ``count_write_addr`` (place_width),
    ``count_write_value`` (6), ``addr`` (place_width + 5), ``type_write``, ``weight_write`` (1), ``type_value`` (4),
    ``weight_value`` (8). Outputs: ``count`` (6), ``node_type`` (4), ``weight`` (8).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        n_places = config.cores_per_slice
        self._counts = np.zeros((n_streams, n_places), dtype=np.uint8)
        self._types = np.zeros((n_streams, n_places * VECTORS_PER_CORE), dtype=np.uint8)
        self._weights = np.zeros_like(self._types)
        self._count, self._type, self._weight = (np.zeros(n_streams, dtype=np.uint8) for _ in range(3))

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {
            "count": self._count.astype(np.uint64),
            "node_type": self._type.astype(np.uint64),
            "weight": self._weight.astype(np.uint64),
        }
        place_width = self.config.place_width
        count_addr = unsigned(inputs, "count_addr", place_width)
        count_write_addr = unsigned(inputs, "count_write_addr", place_width)
        addr = unsigned(inputs, "addr", place_width + INDEX_WIDTH)
        self._count = _read(self._counts, count_addr)
        self._type = _read(self._types, addr)
        self._weight = _read(self._weights, addr)
        values = unsigned(inputs, "count_write_value", COUNT_WIDTH)
        _write(self._counts, flag(inputs, "count_write"), count_write_addr, values)
        _write(self._types, flag(inputs, "type_write"), addr, unsigned(inputs, "type_value", TYPE_WIDTH))
        _write(self._weights, flag(inputs, "weight_write"), addr, unsigned(inputs, "weight_value", WEIGHT_WIDTH))
        return outputs


def _read(memory: np.ndarray, addr: np.ndarray) -> np.ndarray:
    return memory[np.arange(len(memory)), addr]


def _write(memory: np.ndarray, enable: np.ndarray, addr: np.ndarray, values: np.ndarray) -> None:
    streams = np.flatnonzero(enable)
    memory[streams, addr[streams]] = values[streams]
