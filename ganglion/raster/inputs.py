"""What goes into a network over time: currents, Poisson spikes, searches, spikes from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ganglion.raster.values import Fields
from ganglion.raster.vectors import LARGEST, SEED_LIMIT, Vectors
from golden.spec.constants import MAX_NEIGHBOURS, MAX_RESULTS
from golden.spec.neural import BRANCH, GAIN, MEMBRANE

__all__ = ["Action", "Drive", "Fire", "Inject", "Input", "Look", "Network", "read_inputs"]


@dataclass(frozen=True)
class Network:
    """What inputs have to know of the network that they go into."""

    n_ticks: int
    dt: float
    vectors: Vectors


# ---------------------------------------------------------------- what happens at a tick


@dataclass(frozen=True, eq=False)
class Inject:
    """Currents float64 [n] into the membranes, or into branch ``branch`` of each neuron."""

    currents: NDArray[np.float64]
    branch: int | None


@dataclass(frozen=True, eq=False)
class Look:
    """A search for ``query`` [dims]: each of the ``k`` results gets the current gain / (1 + distance / unit).

    ``where``: what messages call the input.
    """

    where: str
    query: NDArray[np.float64]
    k: int
    gain: float
    unit: float


@dataclass(frozen=True, eq=False)
class Fire:
    """Neurons [n, bool] whose spikes come from outside: they go to the neighbours, the neurons stay as they are."""

    fired: NDArray[np.bool_]


Action: TypeAlias = Inject | Look | Fire


# ---------------------------------------------------------------- what a description says


@dataclass(frozen=True, eq=False)
class CurrentInput:
    """A current into each of ``neurons`` at each of ``ticks``; with a ``rate`` (spikes/ms) as often as Poisson says."""

    name: str
    ticks: NDArray[np.bool_]
    neurons: tuple[int, ...]
    current: float
    branch: int | None
    rate: float | None
    seed: int

    def actions(self, network: Network) -> Iterator[Action | None]:
        """The action of each tick."""
        rng = np.random.default_rng(self.seed)
        rows = list(self.neurons)
        for active in self.ticks:
            if not active:
                yield None
                continue
            currents = np.zeros(len(network.vectors.rows))
            n_spikes = 1 if self.rate is None else rng.poisson(self.rate * network.dt, len(rows))
            currents[rows] = self.current * n_spikes
            yield Inject(currents, self.branch)


@dataclass(frozen=True, eq=False)
class SearchInput:
    """A search for ``query`` at each of ``ticks``; each one gets noise of its own, of deviation ``noise``."""

    name: str
    where: str
    ticks: NDArray[np.bool_]
    query: NDArray[np.float64]
    noise: float
    k: int
    gain: float
    unit: float
    seed: int

    def actions(self, network: Network) -> Iterator[Action | None]:
        """The action of each tick."""
        rng = np.random.default_rng(self.seed)
        for active in self.ticks:
            seen = self.query + self.noise * rng.normal(size=len(self.query)) if active else self.query
            yield Look(self.where, seen, self.k, self.gain, self.unit) if active else None


@dataclass(frozen=True, eq=False)
class SpikeInput:
    """Spikes from outside of ``neurons`` at each of ``ticks``."""

    name: str
    ticks: NDArray[np.bool_]
    neurons: tuple[int, ...]

    def actions(self, network: Network) -> Iterator[Action | None]:
        """The action of each tick."""
        fired = np.zeros(len(network.vectors.rows), bool)
        fired[list(self.neurons)] = True
        for active in self.ticks:
            yield Fire(fired) if active else None


Input: TypeAlias = CurrentInput | SearchInput | SpikeInput


class Drive:
    """All inputs of a network, tick after tick; the same each time it is made."""

    def __init__(self, inputs: Sequence[Input], network: Network) -> None:
        self._streams = [each.actions(network) for each in inputs]

    def next(self) -> list[Action]:
        """What happens in the next tick, in the order of the description."""
        return [action for stream in self._streams if (action := next(stream)) is not None]


# ---------------------------------------------------------------- reading


def read_inputs(tables: Sequence[Fields], network: Network, seed: int) -> tuple[Input, ...]:
    """The inputs that the tables ``input`` describe; ``seed`` for those without. Raises DescriptionError."""
    found: list[Input] = []
    for number, fields in enumerate(tables):
        kind = fields.choice("kind", READERS)
        found.append(READERS[kind](fields, network, seed + number))
        fields.done()
    return tuple(found)


def _ticks(fields: Fields, network: Network) -> NDArray[np.bool_]:
    """The ticks of an input: those of ``at``, or every so many from one to another."""
    ticks = np.zeros(network.n_ticks, bool)
    if fields.has("at"):
        ticks[list(fields.indices("at", network.n_ticks))] = True
        return ticks
    first = fields.integer("from", 0, network.n_ticks - 1, 0)
    until = fields.integer("until", first + 1, network.n_ticks, network.n_ticks)
    ticks[first : until : fields.integer("every", 1, network.n_ticks, 1)] = True
    return ticks


def _seed(fields: Fields, seed: int) -> int:
    return fields.integer("seed", 0, SEED_LIMIT, min(seed, SEED_LIMIT))


def _current(fields: Fields, network: Network, seed: int) -> CurrentInput:
    return _injection(fields, network, seed, None)


def _poisson(fields: Fields, network: Network, seed: int) -> CurrentInput:
    # More than a thousand spikes a tick are not spikes any more.
    rate = fields.number("rate", 0, 1000 / max(1.0, network.dt))
    return _injection(fields, network, _seed(fields, seed), rate)


def _injection(fields: Fields, network: Network, seed: int, rate: float | None) -> CurrentInput:
    name = fields.text("name", "")
    neurons = fields.indices("neurons", len(network.vectors.rows), "all")
    branch = fields.integer("branch", 0, MAX_NEIGHBOURS - 1) if fields.has("branch") else None
    reach = MEMBRANE if branch is None else BRANCH
    current = fields.number("current", reach.from_raw(reach.min_raw).item(), reach.from_raw(reach.max_raw).item())
    return CurrentInput(name, _ticks(fields, network), neurons, current, branch, rate, seed)


def _search(fields: Fields, network: Network, seed: int) -> SearchInput:
    vectors = network.vectors
    ways = [key for key in ("query", "row", "digit") if fields.has(key)]
    if len(ways) != 1:
        raise fields.refuse("query", f"must be given once: as query, row or digit, got {', '.join(ways) or 'none'}")
    if ways == ["query"]:
        query = np.array(fields.numbers("query", -LARGEST, LARGEST, vectors.dims))
    elif ways == ["row"]:
        query = vectors.rows[fields.integer("row", 0, len(vectors.rows) - 1)]
    elif vectors.digits is None:
        raise fields.refuse("digit", "needs vectors of source digits")
    else:
        query = vectors.digits[fields.integer("digit", 0, len(vectors.digits) - 1)]
    return SearchInput(
        name=fields.text("name", ""),
        where=fields.where,
        query=query,
        noise=fields.number("noise", 0, LARGEST, 0.0),
        k=fields.integer("k", 1, MAX_RESULTS, 5),
        gain=fields.number("gain", GAIN.from_raw(GAIN.min_raw).item(), GAIN.from_raw(GAIN.max_raw).item()),
        unit=fields.number("unit", 1 / LARGEST, LARGEST, 1.0),
        seed=_seed(fields, seed),
        ticks=_ticks(fields, network),
    )


def _spikes(fields: Fields, network: Network, seed: int) -> SpikeInput:
    neurons = fields.indices("neurons", len(network.vectors.rows))
    return SpikeInput(fields.text("name", ""), _ticks(fields, network), neurons)


Reader: TypeAlias = Callable[[Fields, Network, int], Input]
READERS: dict[str, Reader] = {"current": _current, "poisson": _poisson, "search": _search, "spikes": _spikes}
