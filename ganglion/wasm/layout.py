"""What a core of the WASM module keeps in memory: one table for the C source, for snapshots and for readers of them."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from golden.spec.constants import MAX_DIMS, MAX_NEIGHBOURS, VECTORS_PER_CORE

__all__ = [
    "CORE_DTYPE",
    "CORE_FIELDS",
    "NEURON_DTYPE",
    "NEURON_FIELDS",
    "N_FINITE",
    "SNAPSHOT_DTYPE",
    "SNAPSHOT_MAGIC",
    "Field",
]

C_TYPES = {"f4": "float", "u4": "uint32_t", "u1": "uint8_t", "neuron": "struct neuron"}


@dataclass(frozen=True)
class Field:
    """One field: its name, element type (a NumPy code, or neuron), shape, and what it holds."""

    name: str
    code: str
    shape: tuple[int, ...]
    text: str

    def c_declaration(self) -> str:
        """The member of the C structure."""
        return f"{C_TYPES[self.code]} {self.name}{''.join(f'[{n}]' for n in self.shape)};"


NEURON_FIELDS = (
    Field("membrane", "f4", (), "potential"),
    Field("threshold", "f4", (), "firing threshold"),
    Field("last_spike", "f4", (), "ms; negative: never"),
    Field("refractory", "f4", (), "ms left"),
    Field("rate", "f4", (), "running spike rate, spikes/ms"),
    Field("weight", "f4", (), "outgoing edge weight with its fraction of a byte, 0..255"),
    Field("trace", "f4", (), "what the neuromorphic searches of one sequence found"),
    Field("branches", "f4", (MAX_NEIGHBOURS,), "dendrites, one branch a link"),
    Field("score", "f4", (), "of the last neuromorphic search"),
    Field("late", "f4", (), "activity late in it"),
    Field("norm", "f4", (), "length of the vector; may be infinite"),
    Field("pattern", "u4", (), "spike history, newest step in bit 0"),
    Field("linked", "u4", (), "bit j: j is in the list of links"),
    Field("links", "u1", (MAX_NEIGHBOURS,), "neighbours in slot order"),
    Field("n_links", "u1", (), "links in use"),
    Field("n_pinned", "u1", (), "how many of them, from slot 0 on, are pinned"),
    Field("type", "u1", (), "node type, 0..15"),
    Field("spare", "u1", (3,), "0"),
)
"""What belongs to one vector, in order; all before ``norm`` is finite."""
CORE_FIELDS = (
    Field("vectors", "f4", (MAX_DIMS, VECTORS_PER_CORE), "dimension by dimension; column i is vector i"),
    Field("neurons", "neuron", (VECTORS_PER_CORE,), "one a vector"),
    Field("time", "f4", (), "ms since the last reset"),
    Field("spikes", "u4", (), "bit i: neuron i fired in the last step"),
    Field("phase", "u4", (), "of the oscillator, in 2^-16 ms"),
    Field("count", "u1", (), "vectors held"),
    Field("n_unused_dims", "u1", (), "16 - dims: zeros mean 16 dimensions"),
    Field("metric", "u1", (), "0 squared L2, 1 cosine, 2 dot"),
    Field("n_glimpses", "u1", (), "searches in the trace, at most 3"),
    Field("winner_from_1", "u1", (), "1 + the winner of the last hard competition, 0 for none"),
    Field("reserved", "u1", (15,), "0"),
)
"""The members of a core in order. What belongs to a vector at or beyond ``count`` is of no meaning."""

NEURON_DTYPE = np.dtype([(f.name, f"<{f.code}", f.shape) for f in NEURON_FIELDS])
CORE_DTYPE = np.dtype(
    [(f.name, NEURON_DTYPE if f.code == "neuron" else np.dtype(f"<{f.code}"), f.shape) for f in CORE_FIELDS]
)
"""A core as it lies in memory."""

N_FINITE = sum(math.prod(f.shape) for f in NEURON_FIELDS[: [f.name for f in NEURON_FIELDS].index("norm")])
"""How many words of a neuron, from the first on, are numbers that are finite."""

SNAPSHOT_MAGIC = zlib.crc32("; ".join(f"{f.name} {f.code} {f.shape}" for f in NEURON_FIELDS + CORE_FIELDS).encode())
"""First word of a snapshot: it changes when the layout does."""

SNAPSHOT_DTYPE = np.dtype([("magic", "<u4"), ("checksum", "<u4"), *CORE_DTYPE.descr])
"""A snapshot: magic, checksum over the words of the core, the core."""
