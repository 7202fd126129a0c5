"""Constants of the architecture, shared by hardware, models, drivers and documentation."""

VECTORS_PER_CORE = 32
"""Vectors (and neurons) of one core."""
MAX_DIMS = 16
"""Largest number of dimensions of a vector."""
MAX_NEIGHBOURS = 6
"""Links a graph node can hold (M of HNSW)."""
BEAM_WIDTH = 3
"""Nodes kept from one round of the beam search to the next."""
MAX_RESULTS = 16
"""Entries of a result list; k is clamped to it."""
MIN_BEAM_ROUNDS = 3
"""A beam search may use max(k, MIN_BEAM_ROUNDS) rounds."""
MAX_CORES = 256
"""Cores an array can have (core ids are one byte)."""
INDEX_NONE = 255
"""The index that means "none"."""
N_NODE_TYPES = 16
"""Node types are 4 bits wide."""
MAX_WEIGHT = 255
"""An edge weight w acts as w / MAX_WEIGHT; nodes start with MAX_WEIGHT."""

INDEX_WIDTH = 5
CORE_WIDTH = 8
COUNT_WIDTH = 6
TYPE_WIDTH = 4
WEIGHT_WIDTH = 8
LINK_COUNT_WIDTH = 3
LINKS_WIDTH = MAX_NEIGHBOURS * INDEX_WIDTH
NODE_WIDTH = LINKS_WIDTH + 2 * LINK_COUNT_WIDTH
"""A graph word: six 5-bit links (slot 0 in the low bits), then n_links, then n_pinned."""
RESULT_COUNT_WIDTH = 5

PIPELINE_LATENCY = 4
"""Cycles from the address of a row's last chunk to the push of its distance into the top-k list."""
SCALER_LATENCY = 3
"""Cycles through the scaler pipeline."""

ID = 0x474E474C
"""Value of the ID register: "GNGL" in ASCII."""
VERSION = (0, 1, 0)
"""Version of the register interface: major, minor, patch; one byte each in the VERSION register."""
