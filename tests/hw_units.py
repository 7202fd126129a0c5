"""Stimulus and recording for the comparisons of hardware units with their golden twins."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.lib import wiring

from ganglion.engine import AmaranthEngine, check_twin
from golden.fixed.bits import n_words
from golden.fixed.unit import Unit
from golden.spec import Config

TINY = Config(cores=4, slices=2, lanes=4)
CORE16 = Config(cores=1, slices=1, lanes=16)
FOLDED8 = Config(cores=8, slices=1, lanes=8)
NARROW16 = Config(cores=3, slices=1, lanes=1, element_width=16)
PAIR16 = Config(cores=10, slices=2, lanes=2, element_width=16)
WIDE16 = Config(cores=2, slices=2, lanes=16, element_width=16)
"""Together: every number of lanes but one, both element widths, 1, 2, 3, 5 and 8 cores a slice."""

U64Array = npt.NDArray[np.uint64]


def never_made(kind: type[Any]) -> Any:
    """A unit before ``__init__``, of which Amaranth will not say that nobody used it: for parameters it refuses."""
    made = kind.__new__(kind)
    vars(made)["_MustUse__used"] = True
    return made


def name_of(config: Config) -> str:
    """A readable test id."""
    return f"C{config.cores}S{config.slices}L{config.lanes}e{config.element_width}"


def random_bits(rng: np.random.Generator, shape: tuple[int, ...], width: int) -> U64Array:
    """Uniform values of a port of ``width`` bits, with all-zeros and all-ones values thrown in."""
    words = rng.integers(0, 1 << 64, size=(*shape, n_words(width)), dtype=np.uint64)
    corner = rng.integers(0, 16, size=(*shape, 1))
    words = np.where(corner == 0, np.uint64(0), np.where(corner == 1, ~np.uint64(0), words))
    if width % 64:
        words[..., -1] &= np.uint64((1 << (width % 64)) - 1)
    return words[..., 0] if words.shape[-1] == 1 else words


def bursts(rng: np.random.Generator, shape: tuple[int, int], block: int = 40) -> U64Array:
    """A one-bit waveform ``[n_streams, n_cycles]`` whose rate changes from block to block: 0, 0.1, 0.5, 0.9 or 1."""
    n_streams, n_cycles = shape
    rates = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0], size=(n_streams, -(-n_cycles // block) + 1))
    phase = rng.integers(0, block, size=(n_streams, 1))
    rate = np.take_along_axis(rates, (np.arange(n_cycles) + phase) // block, axis=1)
    return (rng.random(shape) < rate).astype(np.uint64)


def chance(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> U64Array:
    """A one-bit value that is 1 at that rate."""
    return (rng.random(shape) < rate).astype(np.uint64)


def random_keys(rng: np.random.Generator, shape: tuple[int, int], width: int) -> U64Array:
    """Signed keys as bits: by stream either few values (many ties) or the whole range with its corners."""
    n_streams, _ = shape
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    near = rng.integers(-3, 4, size=shape)
    wide = np.where(
        rng.random(shape) < 0.1, rng.choice([low, high], size=shape), rng.integers(low, high + 1, size=shape)
    )
    keys = np.where(rng.random((n_streams, 1)) < 0.5, near, wide)
    return keys.astype(np.uint64) & np.uint64((1 << width) - 1)


class Recorder:
    """Steps a twin and keeps what it was given, so that the hardware can be run on the same inputs afterwards.

    This makes closed loops: the inputs of a cycle may depend on the outputs of the cycles before.
    """

    def __init__(self, twin: Unit) -> None:
        self.twin = twin
        self._inputs: list[dict[str, U64Array]] = []

    def step(self, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, np.ndarray]:
        """One cycle of the twin; outputs as int64, except those of more than one word."""
        row = {name: np.asarray(values).astype(np.uint64) for name, values in inputs.items()}
        self._inputs.append(row)
        outputs = self.twin.step(row)
        return {name: values.astype(np.int64) if values.ndim == 1 else values for name, values in outputs.items()}

    def stimulus(self) -> dict[str, U64Array]:
        """Everything the twin was given, by name: ``[n_streams, n_cycles(, n_words)]``."""
        return {name: np.stack([row[name] for row in self._inputs], axis=1) for name in self._inputs[0]}


class WithReset:
    """A twin with the synchronous reset ``rst``: a stream's registers go back to 0, its memories stay."""

    def __init__(self, twin: Unit, *memories: str) -> None:
        self.twin = twin
        self._memories = memories
        self._initial = copy.deepcopy(twin)

    def step(self, inputs: Mapping[str, U64Array]) -> dict[str, U64Array]:
        """One cycle; ``rst`` acts at its end."""
        outputs = self.twin.step(inputs)
        if inputs["rst"].any():
            self._reset(self.twin, self._initial, inputs["rst"] == 1)
        return outputs

    def _reset(self, unit: Unit, initial: Unit, streams: npt.NDArray[np.bool_]) -> None:
        for name, value in vars(unit).items():
            if name not in self._memories:
                setattr(unit, name, self._restored(value, getattr(initial, name), streams))

    def _restored(self, value: object, initial: object, streams: npt.NDArray[np.bool_]) -> object:
        if isinstance(value, Unit) and isinstance(initial, Unit):
            self._reset(value, initial, streams)
        elif isinstance(value, list | tuple) and isinstance(initial, list | tuple):
            pairs = zip(value, initial, strict=True)
            return type(value)(self._restored(now, at_first, streams) for now, at_first in pairs)
        elif isinstance(value, np.ndarray) and isinstance(initial, np.ndarray) and len(value) == len(streams):
            return np.where(streams.reshape(-1, *[1] * (value.ndim - 1)), initial, value)
        return value


def check_resets(
    component: wiring.Component,
    twin: type[Unit],
    make: Callable[[np.random.Generator, tuple[int, int]], dict[str, U64Array]],
    shape: tuple[int, int],
    *memories: str,
) -> None:
    """Hardware and twin agree with resets at any time; ``make`` gives a stimulus of ``shape``.

    ``memories`` are the twin's attributes that a reset leaves: data that no flag calls valid.
    """
    rng = np.random.default_rng(7)
    stimulus = make(rng, shape)
    stimulus["rst"] = chance(rng, shape, 0.03) | (bursts(rng, shape) & chance(rng, shape, 0.02))
    check_twin(component, WithReset(twin(TINY, shape[0]), *memories), stimulus)


def check_interpreted(
    component: wiring.Component,
    twin: type[Unit],
    make: Callable[[np.random.Generator, tuple[int, int]], dict[str, U64Array]],
) -> None:
    """The interpreted simulator, too, gives the twin's waveform (a short run: it is slow)."""
    with AmaranthEngine(component) as engine:
        check_twin(component, twin(TINY, 2), make(np.random.default_rng(8), (2, 150)), engine=engine)
