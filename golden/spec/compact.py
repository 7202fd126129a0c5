"""Sizes of the compact classifier's hardware; ``docs/contract_events.md`` has the use."""

from dataclasses import dataclass

from golden.spec.ranges import check_ranges

N_BANKS = 4
"""Banks of the table, all read in one cycle."""
WORD_WIDTH = 16
"""Bits of a word of the table: a code in the lower ones, a fingerprint above."""
CODE_WIDTH = 8
"""Bits that a code has at most."""
N_LANES = 4
"""Classes that a cycle adds to."""
WEIGHT_WIDTH = 8
"""Bits of a class's weight, signed."""
LANE_WIDTH = 2
"""Bits of a class's number within its group."""

_RANGES = {"row_width": (1, WORD_WIDTH), "group_width": (0, 6), "score_width": (WEIGHT_WIDTH, 32)}


@dataclass(frozen=True, kw_only=True)
class CompactShape:
    """Parameters of the compact classifier's hardware.

    Parameters
    ----------
    row_width
        Bits of a row's number, 1 to 16: a bank has ``2**row_width`` words.
    group_width
        Bits of a group's number, 0 to 6: there are weights and scores for ``4 * 2**group_width`` classes.
    score_width
        Bits of a score, 8 to 32, signed; it saturates.
    """

    row_width: int = 12
    group_width: int = 0
    score_width: int = 24

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    @property
    def max_rows(self) -> int:
        """Words of a bank."""
        return 1 << self.row_width

    @property
    def n_groups(self) -> int:
        """Groups of classes."""
        return 1 << self.group_width

    @property
    def max_classes(self) -> int:
        """Classes there is room for."""
        return N_LANES * self.n_groups

    @property
    def class_width(self) -> int:
        """Bits of a class's number."""
        return LANE_WIDTH + self.group_width

    @property
    def codebook_addr_width(self) -> int:
        """Bits of the address of a word of the code book."""
        return CODE_WIDTH + self.group_width

    @property
    def write_addr_width(self) -> int:
        """Bits of the address that a model is written with."""
        return max(self.row_width + (N_BANKS - 1).bit_length(), self.codebook_addr_width)

    @property
    def max_events(self) -> int:
        """Events of which no text can saturate a score."""
        return 1 << (self.score_width - WEIGHT_WIDTH)
