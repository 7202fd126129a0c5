"""What was claimed for the blocks of a core, beside what they take.

The claims are those that the design was started from: they were made without synthesis. The last two are the goal of a
whole core slice, and that slice with what all slices share of the spiking units, the oscillator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganglion.engine import Progress
from ganglion.engine.base import log_progress
from ganglion.engine.rtl import convert
from golden.spec import Config, ConfigError
from hw.slice import Slice

from .count import slice_blocks, unit_gates
from .liberty import load_library
from .report import Block
from .units import SPIKING_UNITS

__all__ = ["ClaimReport", "ClaimRow", "measure_claims"]

BASELINE_CLAIM = 45_000
SLICE_CLAIM = 57_000
TOTAL_CLAIM = 60_000
SIX_CLAIM = sum(unit.claim for unit in SPIKING_UNITS if unit.claim is not None)
BASELINE_UNITS = ("LIF pipeline", "spike queue", "spike router", "STDP engine")
"""Spiking units of the claimed baseline: the others came after it."""
SLICE_UNITS = ("tick engine", "winner take all", "pattern unit", "spike encoder", "divider", "current bridge")
"""What a slice has of the spiking units; the tick engine holds the rest, the oscillator is shared."""


@dataclass(frozen=True)
class ClaimRow:
    """A block, or a sum of blocks, with what was claimed for it (None: nothing). ``gates`` as in a :class:`Block`."""

    name: str
    claim: int | None
    gates: float
    flip_flops: int
    memory_bits: int
    levels: int | None
    is_sum: bool = False

    @property
    def ratio(self) -> float | None:
        """Measured over claimed."""
        return None if self.claim is None else self.gates / self.claim

    @property
    def meets(self) -> bool | None:
        """Whether the block takes no more than was claimed."""
        return None if self.claim is None else self.gates <= self.claim

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "name": self.name,
            "claim": self.claim,
            "gates": self.gates,
            "ratio": self.ratio,
            "meets": self.meets,
            "flip_flops": self.flip_flops,
            "memory_bits": self.memory_bits,
            "levels": self.levels,
            "is_sum": self.is_sum,
        }


@dataclass(frozen=True)
class ClaimReport:
    """The table, for the slice of ``config``. ``joined``: the slice was counted with the spiking units inside it; else
    the rows of the slice with them are sums."""

    config: Config
    library: str
    rows_found: tuple[ClaimRow, ...]
    joined: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        claims = [row.as_dict() for row in self.rows_found]
        return {"library": self.library, "joined": self.joined, "claims": claims}

    def rows(self) -> list[tuple[str, ...]]:
        """The table, a heading first. All cells are text."""
        heading = ("block", "claim", "measured", "ratio", "", "flip-flops", "memory bits", "levels")
        return [heading, *(_cells(row) for row in self.rows_found)]


def _cells(row: ClaimRow) -> tuple[str, ...]:
    return (
        row.name + (" (sum)" if row.is_sum else ""),
        "" if row.claim is None else f"{row.claim:,}",
        f"{row.gates:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        {None: "", True: "meets", False: "MISSES"}[row.meets],
        f"{row.flip_flops:,}",
        f"{row.memory_bits:,}",
        "" if row.levels is None else f"{row.levels}",
    )


def measure_claims(config: Config, *, liberty: Path | None = None, progress: Progress | None = None) -> ClaimReport:
    """Synthesises every spiking unit and the slice of ``config`` (as of one context a slice), each on its own.

    Results are cached by the content of design, library and tools.

    Raises:
        ConfigError: the slice's memory is the UltraPlus's, which has no room for a neuron unit.
        LibraryError, NetlistError, EngineError: as :func:`ganglion.gates.count_gates`.
    """
    if config.memory == "spram":
        raise ConfigError(f"claims are compared with a slice with block memory, got memory {config.memory!r}")
    progress = log_progress if progress is None else progress
    library = load_library(liberty)
    units: dict[str, Block] = {}
    for unit in SPIKING_UNITS:
        progress(f"counting {unit.name}")
        units[unit.name] = unit_gates(unit.make(config), unit.name, liberty=liberty, progress=_quiet)
    bare_config, full_config = replace(config, contexts=0), replace(config, contexts=config.slices)
    progress("counting the slice")
    bare_blocks = slice_blocks(bare_config, liberty=liberty, progress=_quiet)
    bare = _row("slice without spiking units", None, bare_blocks)
    rows = [_row(unit.name, unit.claim, [units[unit.name]], levels=units[unit.name].levels) for unit in SPIKING_UNITS]
    # The response of a branch is the dendritic tree's.
    six = [units[unit.name] for unit in SPIKING_UNITS if unit.claim is not None or unit.name == "branch response"]
    rows += [_row("the six claimed units", SIX_CLAIM, six, is_sum=True), bare]
    baseline = _row("", None, [units[name] for name in BASELINE_UNITS])
    rows.append(_added("slice, LIF, queue, router, STDP (v2.2)", BASELINE_CLAIM, bare, baseline))
    joined = convert(Slice(full_config)) != convert(Slice(bare_config))
    name = "slice with all spiking units"
    if joined:
        progress("counting the slice with spiking units")
        blocks = slice_blocks(full_config, liberty=liberty, progress=_quiet)
        whole = _row(name, SLICE_CLAIM, blocks)
        known = {block.name for block in bare_blocks}
        added = [block for block in blocks if block.name not in known]
        rows += [_row(f"{block.name}, in the slice", None, [block], levels=block.levels) for block in added]
    else:
        whole = _added(name, SLICE_CLAIM, bare, _row("", None, [units[name] for name in SLICE_UNITS]))
    oscillator = _row("", None, [units["gamma oscillator"]])
    rows += [whole, _added("that and the oscillator (v2.3)", TOTAL_CLAIM, whole, oscillator)]
    return ClaimReport(config=config, library=library.name, rows_found=tuple(rows), joined=joined)


def _quiet(_text: str) -> None:
    """Single units take seconds: their steps are not told."""


def _row(
    name: str, claim: int | None, blocks: Sequence[Block], *, levels: int | None = None, is_sum: bool = False
) -> ClaimRow:
    """Blocks together."""
    return ClaimRow(
        name=name,
        claim=claim,
        gates=sum(block.gates for block in blocks),
        flip_flops=sum(block.flip_flops for block in blocks),
        memory_bits=sum(block.memory_bits for block in blocks),
        levels=levels,
        is_sum=is_sum,
    )


def _added(name: str, claim: int, one: ClaimRow, other: ClaimRow) -> ClaimRow:
    """Two rows as one."""
    return ClaimRow(
        name=name,
        claim=claim,
        gates=one.gates + other.gates,
        flip_flops=one.flip_flops + other.flip_flops,
        memory_bits=one.memory_bits + other.memory_bits,
        levels=None,
        is_sum=True,
    )
