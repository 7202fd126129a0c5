"""The scan unit of the sequential engine: the first row whose key is below a threshold, and how long that takes."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import mask, to_signed
from golden.spec import Config
from golden.spec.constants import MAX_DIMS

LATENCY = 4
"""Busy cycles of a scan beside one for each word."""
FIRST_ROWS = 32
"""Rows that the model looks at first; then twice as many each time."""
DOT, TWO_WORDS, FIRST_LANE = 1, 2, 8
"""In SCAN_MODE: bits, and the place of the bits of the elements that count."""


@dataclass
class ScanUnit:
    """What the unit remembers, and what its last scan found.

    Attributes: ``kept``: the register of the threshold, which what is stored to operand and list passes through, too,
    unsigned; ``operand`` [16]; ``last``, ``mode``: as stored. ``key``, ``row`` and ``found`` are the last scan's, as is
    ``idle_at``, the first cycle in which the unit is not busy.
    """

    config: Config
    kept: int = 0
    operand: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(MAX_DIMS, np.int32))
    last: int = 0
    mode: int = 0
    key: int = 0
    row: int = 0
    found: bool = False
    idle_at: int = 0

    def copy(self) -> "ScanUnit":
        """An independent copy."""
        return replace(self, operand=self.operand.copy())

    def set_operand(self, word: int, value: int) -> None:
        """A store to operand word ``word``, which passes through the register."""
        self.kept = value
        self.operand[4 * word : 4 * (word + 1)] = np.frombuffer(value.to_bytes(4, "little"), np.int8)

    def start(self, rows: npt.NDArray[np.int8], first: int, cycle: int) -> None:
        """A scan of ``rows`` [n, 16] from row ``first`` to the last, whose start the unit sees in ``cycle``."""
        n_lanes = self.config.lanes if not self.mode & TWO_WORDS else 2 * self.config.lanes
        counts = np.array([self.mode >> FIRST_LANE + lane & 1 for lane in range(n_lanes)], bool)
        threshold = int(to_signed(self.kept, 32))
        end, step, at = max(first, self.last) + 1, FIRST_ROWS, first
        self.found = False
        while at < end and not self.found:
            some = rows[at : min(at + step, end), :n_lanes].astype(np.int32)
            if self.mode & DOT:
                keys = -(some @ np.where(counts, self.operand[:n_lanes], 0))
            else:
                away = np.where(counts, some - self.operand[:n_lanes], 0)
                keys = np.einsum("rd,rd->r", away, away)
            below = np.flatnonzero(keys < threshold)
            self.found = len(below) > 0
            place = int(below[0]) if self.found else len(keys) - 1
            self.key, self.row = int(keys[place]), at + place
            at, step = at + len(keys), 2 * step
        self.idle_at = cycle + 1 + LATENCY + (self.row + 1 - first) * (2 if self.mode & TWO_WORDS else 1)

    @property
    def row_word(self) -> int:
        """SCAN_ROW as it is loaded: the row where the scan ended, and bit 31 if it is not below the threshold."""
        return self.row | (not self.found) << 31

    @property
    def key_word(self) -> int:
        """SCAN_KEY as it is loaded."""
        return self.key & mask(32)
