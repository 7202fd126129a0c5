"""The exact scan: every row of every core of a range, chunk by chunk."""

import numpy as np

from golden.fixed.bits import mask
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import COUNT_WIDTH, INDEX_WIDTH

CHUNK_WIDTH = 4


class ExactScan(Unit):
    """Issues the chunks of rows 0 .. count-1 of places ``first_place`` .. ``last_place``.

    A place takes max(1, count * (last_chunk + 1)) cycles, the first one beginning in the cycle after ``start``.

    Inputs: ``start`` (1), ``first_place``, ``last_place`` (place_width), ``last_chunk`` (4), ``count`` (6: the count at
    the ``count_addr`` of the previous cycle). Outputs: ``count_addr`` (place_width), ``active``, ``issue`` (1),
    ``place`` (place_width), ``row`` (5), ``chunk`` (4), ``first``, ``last`` (1).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._place, self._row, self._chunk = (self._zeros() for _ in range(3))
        self._active = self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        place_width = self.config.place_width
        start, count = flag(inputs, "start"), unsigned(inputs, "count", COUNT_WIDTH)
        first_place = unsigned(inputs, "first_place", place_width)
        last_chunk = unsigned(inputs, "last_chunk", CHUNK_WIDTH)
        runs = self._active & ~start
        last = self._chunk == last_chunk
        advance = runs & ((count == 0) | (last & (self._row + 1 >= count)))
        next_place = (self._place + 1) & mask(place_width)
        outputs = {
            "count_addr": np.where(start, first_place, np.where(advance, next_place, self._place)).astype(np.uint64),
            "active": bit(self._active),
            "issue": bit(runs & (count > 0)),
            "place": self._place.astype(np.uint64),
            "row": self._row.astype(np.uint64),
            "chunk": self._chunk.astype(np.uint64),
            "first": bit(self._chunk == 0),
            "last": bit(last),
        }
        ends = advance & (self._place == unsigned(inputs, "last_place", place_width))
        chunk = np.where(last, 0, (self._chunk + 1) & mask(CHUNK_WIDTH))
        row = (self._row + last) & mask(INDEX_WIDTH)
        clears = start | advance
        self._chunk = np.where(clears, 0, np.where(runs, chunk, self._chunk))
        self._row = np.where(clears, 0, np.where(runs, row, self._row))
        self._place = np.where(start, first_place, np.where(advance & ~ends, next_place, self._place))
        self._active = start | (self._active & ~ends)
        return outputs
