"""The event queue of ``docs/contract_guard.md``: first in, first out."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, mask, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config


class EventQueue(Unit):
    """``2**depth_width`` entries of ``width`` (at most 62) bits; one pushed into an empty queue is out in 2 cycles.

    Inputs: ``push``, ``push_data``, ``pop``, ``flush``. Outputs: ``valid``, ``data``, ``level``. An owner may read the
    three as attributes and call :meth:`advance` instead of :meth:`step`.
    """

    def __init__(self, width: int, depth_width: int, n_streams: int = 1) -> None:
        super().__init__(Config(), n_streams)
        self.width, self.depth_width = width, depth_width
        self.valid, self.level, self.data = self._flags(), self._zeros(), self._zeros()
        self._read_place, self._write_place = self._zeros(), self._zeros()
        self._entries = np.zeros((n_streams, 1 << depth_width), np.int64)

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {
            "valid": bit(self.valid),
            "data": to_unsigned(self.data, self.width),
            "level": self.level.astype(np.uint64),
        }
        push_data = unsigned(inputs, "push_data", self.width)
        self.advance(flag(inputs, "push"), push_data, flag(inputs, "pop"), flag(inputs, "flush"))
        return outputs

    def advance(self, push: BoolArray, push_data: I64Array, pop: BoolArray, flush: BoolArray) -> None:
        """One clock edge."""
        places, streams = mask(self.depth_width), np.arange(self.n_streams)
        popping = pop & self.valid
        pushing = push & (self.level != 1 << self.depth_width) & ~flush
        read_place = (self._read_place + popping) & places
        self.data = self._entries[streams, read_place]
        at = np.flatnonzero(pushing)
        self._entries[at, self._write_place[at]] = push_data[at]
        self.valid = (self.level - popping != 0) & ~flush
        self.level = np.where(flush, 0, self.level + pushing - popping)
        self._read_place = np.where(flush, self._write_place, read_place)
        self._write_place = (self._write_place + pushing) & places
