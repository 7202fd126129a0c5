"""The scan unit of the sequential engine: the first row whose key is below a threshold, and how long that takes."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import mask
from golden.spec import Config
from golden.spec.constants import MAX_DIMS

LATENCY = 4
"""Busy cycles of a scan beside one for each word."""
FIRST_ROWS = 32
"""Rows that the model looks at after the first one; then twice as many each time."""
DOT, TWO_WORDS, FIRST_LANE = 1, 2, 8
"""In SCAN_MODE: bits, and the place of the bits of the elements that count."""


@dataclass
class ScanUnit:
    """What the unit remembers, and what its last scan found.

    Attributes: ``operand`` [16]; ``threshold``, signed; ``last``, ``mode``: as stored. ``key``, ``row`` and ``found``
    are the last scan's, as is ``idle_at``, the first cycle in which the unit is not busy.
    """

    config: Config
    operand: list[int] = field(default_factory=lambda: [0] * MAX_DIMS)
    threshold: int = 0
    last: int = 0
    mode: int = 0
    key: int = 0
    row: int = 0
    found: bool = False
    idle_at: int = 0

    def copy(self) -> "ScanUnit":
        """An independent copy."""
        return replace(self, operand=list(self.operand))

    def set_operand(self, word: int, value: int) -> None:
        """A store to operand word ``word``."""
        elements = value.to_bytes(4, "little")
        self.operand[4 * word : 4 * (word + 1)] = [byte - (byte >> 7 << 8) for byte in elements]

    def start(self, rows: npt.NDArray[np.int8], first: int, cycle: int) -> None:
        """A scan of ``rows`` [n, 16] from row ``first`` to the last, whose start the unit sees in ``cycle``."""
        n_words = 2 if self.mode & TWO_WORDS else 1
        lanes = [lane for lane in range(n_words * self.config.lanes) if self.mode >> FIRST_LANE + lane & 1]
        end = max(first, self.last) + 1
        # Many scans are of one row, or find something at once: NumPy would take longer.
        row = rows[first].tolist()
        if self.mode & DOT:
            self.key = -sum([row[lane] * self.operand[lane] for lane in lanes])
        else:
            self.key = sum([(row[lane] - self.operand[lane]) ** 2 for lane in lanes])
        self.row, self.found = first, self.key < self.threshold
        at, step = first + 1, FIRST_ROWS
        operand = np.array([self.operand[lane] for lane in lanes], np.int32)
        while at < end and not self.found:
            some = rows[at : min(at + step, end), lanes].astype(np.int32)
            if self.mode & DOT:
                keys = -(some @ operand)
            else:
                some -= operand
                keys = np.einsum("rd,rd->r", some, some)
            below = np.flatnonzero(keys < self.threshold)
            self.found = len(below) > 0
            place = int(below[0]) if self.found else len(keys) - 1
            self.key, self.row = int(keys[place]), at + place
            at, step = at + len(keys), 2 * step
        self.idle_at = cycle + 1 + LATENCY + (self.row + 1 - first) * n_words

    @property
    def row_word(self) -> int:
        """SCAN_ROW as it is loaded: the row where the scan ended, and bit 31 if it is not below the threshold."""
        return self.row | (not self.found) << 31

    @property
    def key_word(self) -> int:
        """SCAN_KEY as it is loaded."""
        return self.key & mask(32)
