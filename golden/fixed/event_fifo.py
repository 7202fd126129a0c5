"""The event FIFO: words that wait to be taken; what finds it full is dropped."""

import numpy as np

from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config


class EventFifo(Unit):
    """Latency two cycles from ``push`` to ``valid``; one push and one pop a cycle. ``width`` is 62 at most.

    Inputs: ``push`` (1), ``value`` (width), ``pop`` (1). Outputs: ``dropped``, ``valid`` (1), ``out_value`` (width),
    ``level`` (0..depth).
    """

    def __init__(self, config: Config, n_streams: int = 1, *, width: int, depth: int) -> None:
        super().__init__(config, n_streams)
        self._width, self._depth = width, depth
        # Counts of words since the reset; hardware keeps them modulo twice the depth.
        self._written, self._visible, self._read = (self._zeros() for _ in range(3))
        self._memory = np.zeros((n_streams, depth), np.int64)

    def step(self, inputs: Inputs) -> Outputs:
        streams = np.arange(self.n_streams)
        level, valid = self._written - self._read, self._read != self._visible
        push = flag(inputs, "push")
        takes = push & (level < self._depth)
        outputs = {
            "dropped": bit(push & ~takes),
            "valid": bit(valid),
            "out_value": np.where(valid, self._memory[streams, self._read % self._depth], 0).astype(np.uint64),
            "level": level.astype(np.uint64),
        }
        value = unsigned(inputs, "value", self._width)
        self._memory[streams[takes], self._written[takes] % self._depth] = value[takes]
        self._visible = self._written
        self._written = self._written + takes
        self._read = self._read + (valid & flag(inputs, "pop"))
        return outputs
