"""What a core of the WASM module keeps in memory: one table for the C source, for snapshots and for readers of them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from golden.spec.constants import MAX_DIMS, MAX_NEIGHBOURS, VECTORS_PER_CORE

__all__ = ["CORE_DTYPE", "FIELDS", "FINITE_WORDS", "SNAPSHOT_DTYPE", "SNAPSHOT_MAGIC", "Field"]

N = VECTORS_PER_CORE
C_TYPES = {"f4": "float", "u4": "uint32_t", "u1": "uint8_t"}


@dataclass(frozen=True)
class Field:
    """One field: its name, element type (NumPy code), shape, and what it holds."""

    name: str
    code: str
    shape: tuple[int, ...]
    text: str

    def c_declaration(self) -> str:
        """The member of the C structure."""
        return f"{C_TYPES[self.code]} {self.name}{''.join(f'[{n}]' for n in self.shape)};"


FIELDS = (
    Field("vectors", "f4", (MAX_DIMS, N), "dimension by dimension; column i is vector i"),
    Field("membrane", "f4", (N,), "potentials"),
    Field("threshold", "f4", (N,), "firing thresholds"),
    Field("last_spike", "f4", (N,), "ms; negative: never"),
    Field("refractory", "f4", (N,), "ms left"),
    Field("rate", "f4", (N,), "running spike rates, spikes/ms"),
    Field("weight", "f4", (N,), "outgoing edge weights with their fractions of a byte, 0..255"),
    Field("trace", "f4", (N,), "what the neuromorphic searches of one sequence found"),
    Field("branches", "f4", (N, MAX_NEIGHBOURS), "dendrites, one branch a link"),
    Field("time", "f4", (), "ms since the last reset"),
    Field("norms", "f4", (N,), "lengths of the vectors; may be infinite"),
    Field("patterns", "u4", (N,), "spike histories, newest step in bit 0"),
    Field("linked", "u4", (N,), "bit j: j is in the list of links"),
    Field("spikes", "u4", (), "bit i: neuron i fired in the last step"),
    Field("phase", "u4", (), "of the oscillator, in 2^-16 ms"),
    Field("links", "u1", (N, MAX_NEIGHBOURS), "neighbours in slot order"),
    Field("n_links", "u1", (N,), "links in use"),
    Field("n_pinned", "u1", (N,), "how many of them, from slot 0 on, are pinned"),
    Field("types", "u1", (N,), "node types, 0..15"),
    Field("count", "u1", (), "vectors held"),
    Field("n_unused_dims", "u1", (), "16 - dims: zeros mean 16 dimensions"),
    Field("metric", "u1", (), "0 squared L2, 1 cosine, 2 dot"),
    Field("n_glimpses", "u1", (), "searches in the trace, at most 3"),
    Field("winner_from_1", "u1", (), "1 + the winner of the last hard competition, 0 for none"),
    Field("spare", "u1", (15,), "0"),
)
"""The members of a core in order; all before ``norms`` are finite. A place at or beyond ``count`` holds nothing of meaning."""

CORE_DTYPE = np.dtype([(f.name, f"<{f.code}", f.shape) for f in FIELDS])
"""A core as it lies in memory."""

FINITE_WORDS = sum(math.prod(f.shape) for f in FIELDS[: [f.name for f in FIELDS].index("norms")])
"""How many words from the first on are numbers that must be finite."""

SNAPSHOT_MAGIC = zlib.crc32("; ".join(f"{f.name} {f.code} {f.shape}" for f in FIELDS).encode())
"""First word of a snapshot: it changes when the layout does."""

SNAPSHOT_DTYPE = np.dtype([("magic", "<u4"), ("checksum", "<u4"), *CORE_DTYPE.descr])
"""A snapshot: magic, checksum over the words of the core, the core."""
