"""Gate counts: gate equivalents, memory bits, flip-flops and logic depth of every block, for any cell library."""

from .count import block_of, count_gates, flat_slice_gates, slice_blocks, unit_gates
from .liberty import Library, LibraryError, load_library
from .netlist import NetlistError
from .report import Block, GateReport

__all__ = [
    "Block",
    "GateReport",
    "Library",
    "LibraryError",
    "NetlistError",
    "block_of",
    "count_gates",
    "flat_slice_gates",
    "load_library",
    "slice_blocks",
    "unit_gates",
]
