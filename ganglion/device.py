"""The host library: a store of vectors with keys on an array of cores, whatever the array is made of."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganglion.backends import BACKENDS, ArrayState, Backend, BackendError, make_backend
from ganglion.backends.base import Progress
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
from ganglion.device_file import DeviceFileError, read_device_file, write_device_file
from ganglion.device_matches import NO_KEY, Matches
from golden.quantise import Quantiser, choose_quantiser
from golden.spec import Config, Metric
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_RESULTS, MAX_WEIGHT, N_NODE_TYPES, VECTORS_PER_CORE

__all__ = ["Device"]

REQUANTISE_HEADROOM = 1.25
"""Range gained beyond the data when vectors do not fit the old one, so that slow growth does not requantise often."""
DELTA_FRACTION_BITS = 8


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

    The quantisation is chosen by the first :meth:`add`, or by :meth:`fit`. Vectors that lie outside its range later
    make the device choose a wider one and store everything again (the graph is then built again, too).
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
        self.insert_cycles = np.zeros(0, np.int64)
        """Clock cycles of each INSERT of the last :meth:`add` (or of storing everything again), [n]."""
        self._forget()

    def _forget(self) -> None:
        """The host's books of an empty array."""
        self._rows: dict[int, int] = {}
        self._keys = np.zeros(0, np.uint64)
        self._cores, self._indices = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._vectors = np.zeros((0, self.dims))  # as the user gave them, for a later quantisation
        self._row_at = np.full((self.config.cores, VECTORS_PER_CORE), -1, np.int64)

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
        return self._keys.copy()

    @property
    def quantiser(self) -> Quantiser | None:
        """How vectors become integers; None before the first :meth:`add` or :meth:`fit`."""
        return self._quantiser

    @property
    def fill(self) -> NDArray[np.int64]:
        """Vectors in each core, [cores]."""
        return (self._row_at >= 0).sum(axis=1)

    @property
    def backend(self) -> Backend:
        """The array itself, for its raw state and its counters."""
        return self._backend

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int | np.integer) and int(key) in self._rows

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
        return np.array([key in self._rows for key in as_keys(keys).tolist()], bool)

    # Filling.

    def fit(self, sample: Any, *, headroom: float = 1.0) -> None:
        """Chooses the quantisation from a sample [n, dims] of what will come (and from what is held already).

        ``headroom`` >= 1 widens the range that many times. Vectors already held are stored again.
        """
        rows = as_vectors("sample", sample, self.dims)
        self._requantise(np.concatenate([self._vectors, rows]), headroom)

    def add(self, keys: Any, vectors: Any, types: Any = 0) -> NDArray[np.uint64]:
        """Stores vectors [n, dims] under keys [n]; None as keys goes on counting from the largest key.

        ``types``: a node type 0..15 for all, or one a vector. Returns the keys. Everything is checked before anything
        is stored; refused are duplicate keys and more vectors than there is room for.
        """
        rows = as_vectors("vectors", vectors, self.dims)
        first = max(self._rows, default=-1) + 1
        names = as_keys(range(first, first + len(rows)) if keys is None else keys)
        node_types = as_node_values("types", types, len(rows), N_NODE_TYPES - 1)
        if len(names) != len(rows):
            raise ValueError(f"{len(names)} keys were given for {len(rows)} vectors")
        fresh: set[int] = set()
        for key in names.tolist():
            if key in self._rows or key in fresh:
                raise ValueError(f"duplicate key {key}")
            fresh.add(key)
        free = self.capacity - len(self)
        if len(rows) > free:
            raise ValueError(f"{len(rows)} vectors do not fit: {free} of {self.capacity} places are free")
        if not len(rows):
            return names
        if self._quantiser is None:
            self._requantise(rows, 1.0)
        elif self._quantiser.saturates(rows).any():
            self._requantise(np.concatenate([self._vectors, rows]), REQUANTISE_HEADROOM)
        cores, indices = self._next_places(len(rows))
        self._insert(cores, indices, rows)
        typed = node_types != 0
        self._backend.set_types(cores[typed], indices[typed], node_types[typed])
        self._row_at[cores, indices] = np.arange(len(self), len(self) + len(rows))
        self._rows |= {key: len(self) + i for i, key in enumerate(names.tolist())}
        self._keys = np.concatenate([self._keys, names])
        self._cores = np.concatenate([self._cores, cores])
        self._indices = np.concatenate([self._indices, indices])
        self._vectors = np.concatenate([self._vectors, rows])
        return names

    def clear(self) -> None:
        """Forgets all vectors, and the quantisation."""
        self._guard()
        self._backend.init(self.dims, self._run)
        self._quantiser = None
        self._forget()

    def _next_places(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Core and index of the next n vectors, in order."""
        cores, indices = np.nonzero(self._row_at < 0)
        # Cores count through the slices, so both orders keep the slices balanced.
        place = cores // self.config.slices
        order = np.lexsort((cores, indices) if self._placement == "spread" else (cores, indices, place))[:n]
        return cores[order].astype(np.int64), indices[order].astype(np.int64)

    def _insert(self, cores: NDArray[np.int64], indices: NDArray[np.int64], rows: NDArray[np.float64]) -> None:
        assert self._quantiser is not None
        raw = self._quantiser.quantise(rows).astype(np.int64)
        self._guard()
        self._failed = True  # until everything is in: an interrupted array holds who knows what
        stored, self.insert_cycles = self._backend.insert(cores, raw)
        if not np.array_equal(stored, indices):
            wrong = int(np.argmax(stored != indices))
            raise BackendError(f"core {cores[wrong]} gave index {stored[wrong]}, expected {indices[wrong]}")
        self._failed = False

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
            self._guard()
            types = self._backend.get_types(self._cores, self._indices)
            weights = self._backend.get_weights(self._cores, self._indices)
            self._backend.init(self.dims, self._run)
            self._quantiser = quantiser
            self._insert(self._cores, self._indices, self._vectors)
            self._backend.set_types(self._cores, self._indices, types)
            self._backend.set_weights(self._cores, self._indices, weights)
        self._quantiser = quantiser

    def _guard(self) -> None:
        if self._failed:
            raise BackendError("the device is closed, or an interrupted add left it unusable: make a new one")

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
        keys[held] = self._keys[self._row_at[found.core[held], found.index[held]]]
        if self._quantiser is not None:
            distances[held] = self._quantiser.distance(found.distance, scales)[held]
        return Matches(keys, distances, found.count, found.cycles, saturated)

    def get(self, keys: Any) -> NDArray[np.float64]:
        """The stored vectors of the keys in the user's units, [n, dims], as exact as their quantisation.

        Under cosine they have length 1 (zero vectors: 0).
        """
        cores, indices = self._find(keys)
        return self._in_user_units(self._backend.read_vectors(cores, indices)[:, : self.dims])

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
        self._backend.update(cores, indices, int(fmt.to_raw(alpha)))
        changed = self._row_at[cores, indices]
        self._vectors[changed] = self._in_user_units(self._backend.read_vectors(cores, indices)[:, : self.dims])

    @property
    def _step(self) -> float:
        """User's units of one step of a stored element."""
        if self._run is Metric.COSINE:
            return 1.0 / self.config.unit
        return 1.0 if self._quantiser is None else self._quantiser.scale

    def _in_user_units(self, raw: NDArray[np.int64]) -> NDArray[np.float64]:
        offset = np.zeros(self.dims) if self._quantiser is None else np.array(self._quantiser.offset)
        return np.asarray(raw * self._step + offset, np.float64)

    def _find(self, keys: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        names = as_keys(keys).tolist()
        self._guard()
        missing = next((key for key in names if key not in self._rows), None)
        if missing is not None:
            raise ValueError(f"unknown key {missing}")
        rows = np.array([self._rows[key] for key in names], np.int64)
        return self._cores[rows], self._indices[rows]

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
            "quantiser": None
            if self._quantiser is None
            else {"scale": self._quantiser.scale, "offset": list(self._quantiser.offset)},
        }
        state = self._backend.read_state()
        arrays = {name: getattr(state, name) for name in ArrayState.__dataclass_fields__}
        books = {"keys": self._keys, "cores": self._cores, "indices": self._indices, "originals": self._vectors}
        write_device_file(Path(path), header, arrays | books)

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
        state = ArrayState(**{name: arrays[name] for name in ArrayState.__dataclass_fields__})
        empty = ArrayState.empty(self.config.cores)
        for name in ArrayState.__dataclass_fields__:
            found, wanted = getattr(state, name), getattr(empty, name)
            if found.shape != wanted.shape or found.dtype != wanted.dtype:
                raise ValueError(f"array {name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}")
        n = int(state.counts.sum())
        keys, cores, indices, originals = (arrays[name] for name in ("keys", "cores", "indices", "originals"))
        shapes = (keys.shape, cores.shape, indices.shape, originals.shape)
        if state.counts.max() > VECTORS_PER_CORE or shapes != ((n,), (n,), (n,), (n, self.dims)):
            raise ValueError(f"{n} vectors in the cores, keys and places of shapes {shapes}")
        held = sorted(zip(cores.tolist(), indices.tolist(), strict=True))
        if held != list(zip(*(axis.tolist() for axis in state.places()), strict=True)) or len(set(keys.tolist())) != n:
            raise ValueError("keys and places do not belong together")
        if header["quantiser"] is not None:
            self._quantiser = Quantiser(
                metric=self._metric,
                element_width=self.config.element_width,
                scale=header["quantiser"]["scale"],
                offset=tuple(header["quantiser"]["offset"]),
                hardware_metric=self._run,
            )
        elif n:
            raise ValueError(f"{n} vectors without a quantisation")
        self._backend.write_state(state)
        self._keys, self._cores, self._indices, self._vectors = keys, cores, indices, originals
        self._rows = {key: row for row, key in enumerate(keys.tolist())}
        self._row_at[cores, indices] = np.arange(n)
