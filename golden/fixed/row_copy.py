"""The row copy: steps through the chunks of a row, reading one place and writing another a cycle later."""

import numpy as np

from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag
from golden.spec import Config


class RowCopy(Unit):
    """Reads chunks 0 .. n_chunks-1 in the cycles after ``start`` and writes each in the cycle after its read.

    ``busy`` for n_chunks + 1 cycles; ``start`` is only given while it is 0.

    Inputs: ``start`` (1). Outputs: ``busy``, ``read`` (1), ``read_chunk`` (4), ``write`` (1), ``write_chunk`` (4).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._read, self._write = self._flags(), self._flags()
        self._read_chunk, self._write_chunk = self._zeros(), self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {
            "busy": bit(self._read | self._write),
            "read": bit(self._read),
            "read_chunk": self._read_chunk.astype(np.uint64),
            "write": bit(self._write),
            "write_chunk": self._write_chunk.astype(np.uint64),
        }
        chunk, last = self._read_chunk, self._read_chunk == self.config.n_chunks - 1
        self._write, self._write_chunk = self._read, chunk
        self._read_chunk = np.where(self._read, np.where(last, 0, chunk + 1), chunk)
        self._read = flag(inputs, "start") | (self._read & ~last)
        return outputs
