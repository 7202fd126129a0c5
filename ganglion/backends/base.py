"""What a backend of :class:`ganglion.Device` offers: the array's commands on raw integers, many at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from golden.spec import Config, Metric
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_WEIGHT, VECTORS_PER_CORE
from golden.spec.neural import TimeStep

__all__ = ["ArrayState", "Backend", "BackendError", "Progress", "RawResults"]

Ints = NDArray[np.int64]
Progress = Callable[[str], None]


class BackendError(RuntimeError):
    """The array did not answer as it should: a refused transaction, a missing interrupt, another configuration."""


@dataclass(frozen=True)
class RawResults:
    """Answers of n searches, int64.

    ``core``, ``index``, ``distance`` [n, k]: places behind a row's ``count`` [n] hold core 255, index 255, distance 0.
    ``cycles`` [n]: clock cycles the command was busy (the CYCLES register).
    """

    core: Ints
    index: Ints
    distance: Ints
    count: Ints
    cycles: Ints

    @classmethod
    def empty(cls, n: int, k: int) -> RawResults:
        """n rows of k places, all of them free."""
        none = np.full((n, k), INDEX_NONE, np.int64)
        zeros = np.zeros(n, np.int64)
        return cls(none, none.copy(), np.zeros((n, k), np.int64), zeros, zeros.copy())


@dataclass(frozen=True)
class ArrayState:
    """Everything an array of C cores holds, as far as the bus can see it; places that hold no vector are 0
    (weights: 255), so that equal arrays have equal states.

    ``counts`` uint8 [C]; ``vectors`` int16 [C, 32, 16]; ``links`` uint64 [C, 32], the graph words; ``types`` and
    ``weights`` uint8 [C, 32].
    """

    counts: NDArray[np.uint8]
    vectors: NDArray[np.int16]
    links: NDArray[np.uint64]
    types: NDArray[np.uint8]
    weights: NDArray[np.uint8]

    @classmethod
    def empty(cls, cores: int) -> ArrayState:
        """The state of an array without vectors."""
        rows = (cores, VECTORS_PER_CORE)
        return cls(
            np.zeros(cores, np.uint8),
            np.zeros((*rows, MAX_DIMS), np.int16),
            np.zeros(rows, np.uint64),
            np.zeros(rows, np.uint8),
            np.full(rows, MAX_WEIGHT, np.uint8),
        )

    def places(self) -> tuple[Ints, Ints]:
        """(core, index) of every vector held, ordered by core, then index: two arrays [n]."""
        held = np.arange(VECTORS_PER_CORE) < self.counts[:, np.newaxis]
        core, index = np.nonzero(held)
        return core.astype(np.int64), index.astype(np.int64)


@dataclass
class Totals:
    """What a backend has spent: busy cycles of its commands by name, and how many of each."""

    cycles: dict[str, int] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, cycles: Ints) -> None:
        """Count commands called ``name`` that took ``cycles`` [n]."""
        self.cycles[name] = self.cycles.get(name, 0) + int(cycles.sum())
        self.commands[name] = self.commands.get(name, 0) + len(cycles)


@dataclass(frozen=True)
class SpikingSettings:
    """Registers of the spiking units: those of a step, GAIN (signed) and DISTANCE_ONE."""

    time_step: TimeStep
    gain_raw: int
    distance_one: int


class Backend(ABC):
    """An array of ``config``. Arguments are checked by the caller: cores and indices exist, elements fit.

    ``cores`` and ``indices`` are integers [n]; every method works through its rows in order.
    """

    name: str

    def __init__(self, config: Config) -> None:
        self.config = config
        self.totals = Totals()

    @abstractmethod
    def init(self, dims: int, metric: Metric) -> int:
        """Empties the array and sets its dimensions and metric; returns the cycles it took."""

    @abstractmethod
    def insert(self, cores: Ints, vectors: Ints) -> tuple[Ints, Ints]:
        """Inserts row i of ``vectors`` [n, dims] into core ``cores[i]``; returns (indices [n], cycles [n])."""

    @abstractmethod
    def search(self, queries: Ints, k: int, *, exact: bool, type_mask: int) -> RawResults:
        """Searches the whole array for every row of ``queries`` [n, dims]; k 1..16."""

    @abstractmethod
    def set_types(self, cores: Ints, indices: Ints, types: Ints) -> None:
        """Sets node types, 0..15 [n]."""

    @abstractmethod
    def get_types(self, cores: Ints, indices: Ints) -> Ints:
        """Node types [n]."""

    @abstractmethod
    def set_weights(self, cores: Ints, indices: Ints, weights: Ints) -> None:
        """Sets edge weights, 0..255 [n]."""

    @abstractmethod
    def get_weights(self, cores: Ints, indices: Ints) -> Ints:
        """Edge weights [n]."""

    @abstractmethod
    def aggregate(self, cores: Ints, indices: Ints) -> tuple[Ints, Ints]:
        """The mean of each node's weighted neighbours: raw deltas [n, 16] (8 fraction bits), cycles [n]."""

    @abstractmethod
    def update(self, cores: Ints, indices: Ints, alpha_raw: int) -> Ints:
        """AGGREGATE and UPDATE with ALPHA (12 fraction bits), node after node; returns the cycles of both [n]."""

    @abstractmethod
    def read_vectors(self, cores: Ints, indices: Ints) -> Ints:
        """Stored vectors [n, 16], zeros beyond ``dims``."""

    @abstractmethod
    def read_state(self) -> ArrayState:
        """The whole state, through the array's own commands."""

    @abstractmethod
    def write_state(self, state: ArrayState) -> None:
        """Restores a state of an array of as many cores; dimensions and metric must be set (:meth:`init`) before."""

    @abstractmethod
    def spiking_settings(self, settings: SpikingSettings) -> None:
        """Sets what the spiking units work with from now on; only for arrays with contexts, like all that follows."""

    @abstractmethod
    def spiking(self, word: int, *, data: int = 0, query: Ints | None = None) -> tuple[int, int]:
        """A command of the spiking units (``query``: the QUERY buffer, [dims]); its RETURN (64 bits) and cycles."""

    @abstractmethod
    def spiking_search(
        self, word: int, *, data: int = 0, query: Ints | None = None
    ) -> tuple[list[tuple[int, int, int]], int]:
        """A command that leaves a result list: its entries (distance, core, index) and cycles."""

    @property
    @abstractmethod
    def phase(self) -> int:
        """Phase of the gamma oscillator, raw."""

    @phase.setter
    @abstractmethod
    def phase(self, raw: int) -> None: ...

    def close(self) -> None:  # noqa: B027 - most backends hold nothing that needs closing
        """Gives back what the backend holds outside Python."""
