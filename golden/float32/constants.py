"""Sizes of a core and of an array, as the float32 model uses them."""

from enum import IntEnum

MAX_VECTORS = 32  # a core
MAX_DIMS = 16
MAX_LINKS = 6  # neighbours a node (M)
BEAM_WIDTH = 3
MIN_ROUNDS = 3  # a beam search may take max(k, MIN_ROUNDS) rounds
MAX_RESULTS = 16  # results of a search, entries of the global list, nodes considered at an insertion
MAX_CORES = 256
NONE_INDEX = 255  # "no such node"
MAX_EDGE_WEIGHT = 255
N_NODE_TYPES = 16
ALL_TYPES = 0xFFFF


class Metric(IntEnum):
    """Distances; the smaller the nearer. Codes other than these three mean L2."""

    L2 = 0
    COSINE = 1
    DOT = 2

    @classmethod
    def from_code(cls, code: int) -> "Metric":
        """The metric of a register value: 1 cosine, 2 dot, anything else squared L2."""
        return cls(code) if code in (0, 1, 2) else cls.L2
