"""The host library: a store of vectors with keys on an array of cores, whatever the array is made of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganglion.backends import BACKENDS, Backend, BackendError, make_backend
from ganglion.backends.base import Progress
from ganglion.device_books import Books
from ganglion.device_checks import (
    METRICS,
    as_choice,
    as_config,
    as_integer,
    as_keys,
    as_metric,
    as_node_values,
    as_type_mask,
    as_vectors,
)
from ganglion.device_file import DeviceFileError, read_device_file, restored, saved_arrays, write_device_file
from ganglion.device_matches import NO_KEY, Matches
from ganglion.network import Network
from golden.quantise import Quantiser, choose_quantiser
from golden.spec import Config, Metric, encode
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_RESULTS, MAX_WEIGHT, N_NODE_TYPES
from golden.spec.neural_commands import ALL_CONTEXTS, NeuralOpcode, ResetPart

__all__ = ["Device"]

REQUANTISE_HEADROOM = 1.25
"""Range gained beyond the data when vectors do not fit the old one, so that slow growth does not requantise often."""
SMALL_SAMPLE = 64
"""So many vectors show the range of a collection; of fewer, queries and further vectors often lie outside."""
DELTA_FRACTION_BITS = 8


def _first_headroom(n: int) -> float:
    """How many times the range of the first n vectors to provide for."""
    return 1.0 if n >= SMALL_SAMPLE else 1.0 + 4.0 / n


class Device:
    """Vectors of ``dims`` (1..16) dimensions under keys of 64 bits, searched by an array of cores.

    Parameters
    ----------
    dims
        Dimensions of every vector and query.
    config
        The array: a :class:`Config` or the name of a preset. 256 cores on one slice by default (8,192 vectors).
    metric
        ``"l2"`` (squared), ``"cosine"`` (1 - cos) or ``"dot"`` (minus the dot product). Smaller is nearer.
    backend
        ``"golden"``: the bit- and cycle-exact model. ``"sim"``: the RTL in simulation, over its bus. Both give the same
        results and the same cycle counts.
    element_width
        8 or 16 bits a stored element; that of ``config`` unless given.
    centre
        Let L2 (and cosine through L2) store vectors relative to the middle of their range. Finer; but the GNN
        operations then work about that middle: pass False for weighted means about zero.
    native_cosine
        Let the array normalise, instead of storing unit vectors under L2. Needed for zero vectors and for
        :meth:`update` under cosine; at 8 bits much coarser (docs/quantisation.md).
    placement
        ``"spread"`` fills all cores evenly, ``"pack"`` one after the other (slices stay balanced).
    progress
        Called with a line of text before each slow step of building a simulator.

    The quantisation is chosen by the first :meth:`add` (with some headroom if it brings few vectors), or by
    :meth:`fit`. Vectors that lie outside its range later make the device choose a wider one and store everything again
    (the graph is then built again, too). Queries outside it are clipped, and marked in the result.
    Errors: ValueError or TypeError naming the value, OSError from files, BackendError from the array.
    """

    def __init__(
        self,
        dims: int,
        *,
        config: Config | str = "folded256",
        metric: str = "l2",
        backend: str = "golden",
        element_width: int | None = None,
        centre: bool = True,
        native_cosine: bool = False,
        placement: Literal["spread", "pack"] = "spread",
        progress: Progress | None = None,
    ) -> None:
        self.dims = as_integer("dims", dims, 1, MAX_DIMS)
        self.config = as_config(config, element_width)
        self._metric = as_metric(metric)
        self._run = Metric.L2 if self._metric is Metric.COSINE and not native_cosine else self._metric
        self._centre = bool(centre)
        self._placement = as_choice("placement", placement, ("spread", "pack"))
        as_choice("backend", backend, BACKENDS)
        self._backend: Backend = make_backend(backend, self.config, progress=progress)
        self._backend.init(self.dims, self._run)
        self._failed = False
        self._quantiser: Quantiser | None = None
        self._range_known = False
        self.insert_cycles = np.zeros(0, np.int64)
        """Clock cycles of each INSERT of the last :meth:`add` (or of storing everything again), [n]."""
        self._books = Books(self.config, self.dims)

    # What there is.

    @property
    def metric(self) -> str:
        """``"l2"``, ``"cosine"`` or ``"dot"``."""
        return next(name for name, metric in METRICS.items() if metric is self._metric)

    @property
    def capacity(self) -> int:
        """Vectors the array holds when full."""
        return self.config.capacity

    @property
    def keys(self) -> NDArray[np.uint64]:
        """All keys in the order in which they were added, [n]."""
        return self._books.keys.copy()

    @property
    def quantiser(self) -> Quantiser | None:
        """How vectors become integers; None before the first :meth:`add` or :meth:`fit`."""
        return self._quantiser

    @property
    def fill(self) -> NDArray[np.int64]:
        """Vectors in each core, [cores]."""
        return self._books.fill

    @property
    def backend(self) -> Backend:
        """The array itself, for its raw state and its counters."""
        return self._backend

    @cached_property
    def network(self) -> Network:
        """The spiking neurons behind the vectors; ValueError for an array without them."""
        return Network(self)

    def __len__(self) -> int:
        return len(self._books)

    def __contains__(self, key: object) -> bool:
        return key in self._books

    def __repr__(self) -> str:
        return (
            f"Device(dims={self.dims}, metric={self.metric!r}, backend={self._backend.name!r}, "
            f"{len(self)} of {self.capacity} vectors, {self.config})"
        )

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the simulator, if there is one; the device cannot be used afterwards."""
        self._failed = True
        self._backend.close()

    def contains(self, keys: Any) -> NDArray[np.bool_]:
        """Which of the keys are held, bool [n]."""
        return np.array([key in self._books for key in as_keys(keys).tolist()], bool)

    # Filling.

    def fit(self, sample: Any, *, headroom: float = 1.0) -> None:
        """Chooses the quantisation from a sample [n, dims] of what will come (and from what is held already).

        ``headroom`` >= 1 widens the range that many times. Vectors already held are stored again.
        """
        rows = as_vectors("sample", sample, self.dims)
        if isinstance(headroom, bool) or not isinstance(headroom, int | float | np.integer | np.floating):
            raise TypeError(f"headroom must be a number, not {headroom!r}")
        self._requantise(np.concatenate([self._books.vectors, rows]), headroom)

    def add(self, keys: Any, vectors: Any, types: Any = 0) -> NDArray[np.uint64]:
        """Stores vectors [n, dims] under keys [n]; None as keys goes on counting from the largest key.

        ``types``: a node type 0..15 for all, or one a vector. Returns the keys. Everything is checked before anything
        is stored; refused are duplicate keys and more vectors than there is room for. A sequence of neuromorphic
        searches ends.
        """
        rows = as_vectors("vectors", vectors, self.dims)
        first = self._books.next_key
        names = as_keys(list(range(first, first + len(rows))) if keys is None else keys)
        node_types = as_node_values("types", types, len(rows), N_NODE_TYPES - 1)
        if len(names) != len(rows):
            raise ValueError(f"{len(names)} keys were given for {len(rows)} vectors")
        self._books.check_new(names)
        if not len(rows):
            return names
        if self._quantiser is None or (not self._range_known and rows.any()):
            together = np.concatenate([self._books.vectors, rows])
            self._requantise(together, _first_headroom(len(together)))
        elif self._quantiser.saturates(rows).any():
            self._requantise(np.concatenate([self._books.vectors, rows]), REQUANTISE_HEADROOM)
        cores, indices = self._books.next_places(len(rows), self._placement)
        with self._changing():
            self._insert(cores, indices, rows)
            typed = node_types != 0
            self._backend.set_types(cores[typed], indices[typed], node_types[typed])
            self._books.enter(names, cores, indices, rows)
        return names

    def clear(self) -> None:
        """Forgets all vectors, and the quantisation."""
        with self._changing():
            self._backend.init(self.dims, self._run)
            self._quantiser = None
            self._range_known = False
            self._books = Books(self.config, self.dims)

    def _insert(self, cores: NDArray[np.int64], indices: NDArray[np.int64], rows: NDArray[np.float64]) -> None:
        assert self._quantiser is not None
        raw = self._quantiser.quantise(rows).astype(np.int64)
        stored, self.insert_cycles = self._backend.insert(cores, raw)
        if not np.array_equal(stored, indices):
            wrong = int(np.argmax(stored != indices))
            raise BackendError(f"core {cores[wrong]} gave index {stored[wrong]}, expected {indices[wrong]}")
        if self.config.contexts:  # a sequence of neuromorphic searches was about the vectors before
            self._backend.spiking(encode(NeuralOpcode.NEURON_RESET, index=ALL_CONTEXTS, value=ResetPart.SEQUENCE))

    def _requantise(self, sample: NDArray[np.float64], headroom: float) -> None:
        quantiser = choose_quantiser(
            sample,
            self._metric,
            self.config.element_width,
            hardware_metric=self._run,
            offset="auto" if self._centre else "none",
            headroom=headroom,
        )
        if len(self):
            cores, indices = self._books.cores, self._books.indices
            with self._changing():
                types, weights = self._backend.get_types(cores, indices), self._backend.get_weights(cores, indices)
                self._backend.init(self.dims, self._run)
                self._quantiser = quantiser
                self._insert(cores, indices, self._books.vectors)
                self._backend.set_types(cores, indices, types)
                self._backend.set_weights(cores, indices, weights)
        self._quantiser = quantiser
        # Zeros alone show no range; unit vectors, which the array makes itself, have that of the format.
        self._range_known = self._run is Metric.COSINE or bool(sample.any())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """What is interrupted or fails in here leaves array and books apart: the device cannot be used any more."""
        self._guard()
        self._failed = True
        yield
        self._failed = False

    def _guard(self) -> None:
        if self._failed:
            raise BackendError("the device is closed, or an interrupted change left it unusable: make a new one")

    # Asking.

    def search(
        self,
        queries: Any,
        k: int = 10,
        *,
        mode: Literal["exact", "beam"] = "exact",
        types: Any = None,
        type_mask: int | None = None,
    ) -> Matches:
        """The k (1..16) nearest vectors of queries [n, dims], or of one query [dims].

        ``mode`` ``"exact"`` looks at every vector; ``"beam"`` follows the graph of each core. ``types`` (one or several
        of 0..15) or ``type_mask`` (16 bits) restrict the results to nodes of these types.
        """
        rows = as_vectors("queries", queries, self.dims)
        k = as_integer("k", k, 1, MAX_RESULTS)
        as_choice("mode", mode, ("exact", "beam"))
        mask = as_type_mask(types, type_mask)
        self._guard()
        if self._quantiser is None:
            raw, scales = np.zeros(rows.shape, np.int64), None
            saturated = np.zeros(len(rows), bool)
        else:
            raw = self._quantiser.quantise_queries(rows).astype(np.int64)
            scales = self._quantiser.query_scales(rows)
            # A dot query has a scale of its own and fits always.
            dot = self._metric is Metric.DOT
            saturated = np.zeros(len(rows), bool) if dot else self._quantiser.saturates(rows)
        found = self._backend.search(raw, k, exact=mode == "exact", type_mask=mask)
        held = found.index != INDEX_NONE
        keys, distances = np.full(held.shape, NO_KEY), np.full(held.shape, np.nan)
        keys[held] = self._books.keys[self._books.row_at[found.core[held], found.index[held]]]
        if self._quantiser is not None:
            distances[held] = self._quantiser.distance(found.distance, scales)[held]
        return Matches(keys, distances, found.count, found.cycles, saturated)

    def get(self, keys: Any) -> NDArray[np.float64]:
        """The stored vectors of the keys in the user's units, [n, dims], as exact as their quantisation.

        Under cosine they have length 1 (zero vectors: 0).
        """
        cores, indices = self._find(keys)
        return self._in_user_units(self._backend.read_vectors(cores, indices))

    def set_types(self, keys: Any, types: Any) -> None:
        """Sets the node types (0..15; one for all, or [n])."""
        cores, indices = self._find(keys)
        self._backend.set_types(cores, indices, as_node_values("types", types, len(cores), N_NODE_TYPES - 1))

    def get_types(self, keys: Any) -> NDArray[np.int64]:
        """Node types, [n]."""
        return self._backend.get_types(*self._find(keys))

    def set_weights(self, keys: Any, weights: Any) -> None:
        """Sets the edge weights (0..255, which acts as w/255; one for all, or [n])."""
        cores, indices = self._find(keys)
        self._backend.set_weights(cores, indices, as_node_values("weights", weights, len(cores), MAX_WEIGHT))

    def get_weights(self, keys: Any) -> NDArray[np.int64]:
        """Edge weights, [n]."""
        return self._backend.get_weights(*self._find(keys))

    # Graph network operations.

    def aggregate(self, keys: Any) -> NDArray[np.float64]:
        """Mean over each node's graph neighbours of weight/255 times their vector, [n, dims] in the user's units.

        Vectors count from the middle of the collection's range, unless ``centre=False`` was given; zeros without
        neighbours. Neighbours are nodes of the same core.
        """
        cores, indices = self._find(keys)
        deltas, _cycles = self._backend.aggregate(cores, indices)
        return np.asarray(deltas[:, : self.dims] * (self._step / (1 << DELTA_FRACTION_BITS)), np.float64)

    def update(self, keys: Any, alpha: float) -> None:
        """Adds ``alpha`` (-8 to just below 8) times its aggregate to each vector, one after the other.

        The graph stays as it is. Under cosine only with ``native_cosine=True``.
        """
        cores, indices = self._find(keys)
        if isinstance(alpha, bool) or not isinstance(alpha, int | float | np.integer | np.floating):
            raise TypeError(f"alpha must be a number, not {alpha!r}")
        fmt = self.config.alpha_format
        low, high = fmt.min_raw * fmt.resolution, fmt.max_raw * fmt.resolution
        if not low <= alpha <= high:
            raise ValueError(f"alpha must be {low} to {high}, got {alpha}")
        if self._run is not self._metric:
            raise ValueError("update under the metric 'cosine' needs native_cosine=True: unit vectors must stay so")
        with self._changing():
            self._backend.update(cores, indices, int(fmt.to_raw(alpha)))
            changed = self._books.row_at[cores, indices]
            self._books.vectors[changed] = self._in_user_units(self._backend.read_vectors(cores, indices))

    @property
    def _step(self) -> float:
        """User's units of one step of a stored element."""
        if self._run is Metric.COSINE:
            return 1.0 / self.config.unit
        return 1.0 if self._quantiser is None else self._quantiser.scale

    def _in_user_units(self, raw: NDArray[np.int64]) -> NDArray[np.float64]:
        offset = np.zeros(self.dims) if self._quantiser is None else np.array(self._quantiser.offset)
        return np.asarray(raw[:, : self.dims] * self._step + offset, np.float64)

    def _find(self, keys: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        names = as_keys(keys)
        self._guard()
        rows = self._books.find(names)
        return self._books.cores[rows], self._books.indices[rows]

    # Files.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to a file, whole or not at all: array, keys, quantisation. Raises OSError."""
        self._guard()
        header = {
            "config": asdict(self.config),
            "dims": self.dims,
            "metric": self.metric,
            "native_cosine": self._run is Metric.COSINE,
            "centre": self._centre,
            "placement": self._placement,
            "scale": None if self._quantiser is None else self._quantiser.scale,
            "offset": None if self._quantiser is None else list(self._quantiser.offset),
        }
        write_device_file(Path(path), header, saved_arrays(self._books, self._backend.read_state()))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backend: str = "golden", progress: Progress | None = None) -> Device:
        """A device with the content of a file, on any backend.

        Raises OSError, or DeviceFileError for a file that is not, or no longer, a saved device.
        """
        path = Path(path)
        as_choice("backend", backend, BACKENDS)
        header, arrays = read_device_file(path)
        try:
            config = Config(**header["config"])
            device = cls(
                header["dims"],
                config=config,
                metric=header["metric"],
                backend=backend,
                centre=header["centre"],
                native_cosine=header["native_cosine"],
                placement=header["placement"],
                progress=progress,
            )
            device._restore(header, arrays)
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise DeviceFileError(f"{path}: its content makes no sense: {problem}") from problem
        return device

    def _restore(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        books, state = restored(self.config, self.dims, arrays)
        if header["scale"] is not None:
            self._quantiser = Quantiser(
                metric=self._metric,
                element_width=self.config.element_width,
                scale=header["scale"],
                offset=tuple(header["offset"]),
                hardware_metric=self._run,
            )
        elif len(books):
            raise ValueError(f"{len(books)} vectors without a quantisation")
        # Zeros under the scale 1.0 are most likely those that showed no range.
        self._range_known = self._quantiser is not None and (
            self._run is Metric.COSINE or self._quantiser.scale != 1.0 or bool(books.vectors.any())
        )
        self._backend.write_state(state)
        self._books = books
