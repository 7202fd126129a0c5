"""Cycle counts of the array's commands, by the formulas of ``docs/contract.md``.

Busy cycles are counted from 1, the first cycle after the one in which the command is accepted.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.fixed.array_state import Entry
from golden.fixed.bits import I64Array
from golden.spec import Config
from golden.spec.constants import (
    MAX_DIMS,
    MAX_NEIGHBOURS,
    MAX_RESULTS,
    PIPELINE_LATENCY,
    SCALER_LATENCY,
    VECTORS_PER_CORE,
)

LOAD_CYCLES = MAX_DIMS + SCALER_LATENCY + 1
GATHER_CYCLES = 2 + 2 + PIPELINE_LATENCY + SCALER_LATENCY + 1
"""Cycles of an AGGREGATE or READ_VECTOR beside its 16 a neighbour: decode, lookup, the way to the buffer, a write."""


LINK_CYCLES = 3
"""Cycles of an INSERT for each list entry it works off: read, link, and the write of the link."""


def emptying_cycles(config: Config) -> int:
    """Cycles in which the array empties itself: counts, and the neurons of the contexts."""
    return config.cores_per_slice * (VECTORS_PER_CORE if config.contexts else 1)


def copy_cycles(config: Config) -> int:
    """From the cycle after a row copy's start to the command's last cycle."""
    return config.n_chunks + 1 + 1


def gather_cycles(n_links: int) -> int:
    """N of AGGREGATE; READ_VECTOR takes as long as one neighbour."""
    return GATHER_CYCLES + MAX_DIMS * max(1, min(n_links, MAX_NEIGHBOURS))


def insert_cycles(
    config: Config,
    norm: npt.ArrayLike,
    n_before: npt.ArrayLike,
    n_row_words: int,
    n_worked: npt.ArrayLike,
    *,
    full: npt.ArrayLike,
) -> I64Array:
    """N of INSERT: cycles of NORMALISE, the core's count before, and the list entries that were linked."""
    scan = np.where(np.asarray(n_before) > 0, np.asarray(n_before) * n_row_words + PIPELINE_LATENCY + 1, 0)
    linking = scan + LINK_CYCLES * np.asarray(n_worked) + 1 + copy_cycles(config) - 1
    return np.asarray(1 + np.asarray(norm) + LOAD_CYCLES + 1 + np.where(full, 0, linking) + 1)


def exact_scan_cycles(counts: I64Array, n_row_words: int) -> int:
    """Cycle of the turn of an exact scan over ``counts`` [n_slices, n_places], places in the order of the scan."""
    taken = np.maximum(1, counts * n_row_words).sum(axis=1)
    ends = np.cumsum(np.maximum(1, counts * n_row_words), axis=1)
    last_issue = np.where(counts > 0, ends, 0).max(axis=1)
    idle = np.where(last_issue > 0, np.maximum(taken, last_issue + PIPELINE_LATENCY), taken)
    return int(idle.max()) + 2


def beam_scan_cycles(cycles: I64Array) -> I64Array:
    """Cycle of the turn of beam searches that keep the cores busy for ``cycles`` [n, n_slices, n_places]: [n].

    A core's last DRAIN state covers the way of its last distance, so the units are idle as soon as the last advances.
    """
    return np.asarray(cycles.sum(axis=2).max(axis=1) + 2)


def first_feed(config: Config, turn: npt.ArrayLike, norm: npt.ArrayLike) -> I64Array:
    """The first cycle that feeds the scaler: merger and, with ``norm`` > 0 cycles from cycle 2 on, normaliser ready."""
    return np.asarray(np.maximum(np.asarray(turn) + max(config.slice_bits, 1), np.asarray(norm) + 1))


@dataclass(frozen=True, slots=True)
class Collection:
    """What the result list made of a stream: the new list, and busy cycles since the stream's first entry came."""

    entries: list[Entry]
    cycles: int


def collect(stream: list[Entry], old: list[Entry], k: int) -> Collection:
    """The result list merging the first ``k`` (at most 16) entries of a sorted stream with ``old``.

    With k = 0 the cycles count from the list's first one instead.
    """
    kept: list[Entry] = []
    n_taken = pointer = cycles = 0
    while True:
        cycles += 1
        ended = n_taken == k or n_taken == len(stream)
        old_here = pointer < len(old)
        if not ended and not (old_here and old[pointer] < stream[n_taken]):
            kept.append(stream[n_taken])
            n_taken += 1
            if len(kept) == MAX_RESULTS or (n_taken == k and not old_here and len(kept) > 1):
                break
        elif old_here:
            kept.append(old[pointer])
            pointer += 1
            if len(kept) == MAX_RESULTS:
                break
        elif ended:
            break
    return Collection(kept, cycles)
