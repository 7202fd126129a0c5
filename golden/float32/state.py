"""The state of a core's spiking network: plain arrays, to be read, saved and restored."""

from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32.neural_constants import (
    INITIAL_THRESHOLD,
    MAX_GLIMPSES,
    NEVER,
    PHASE_PERIOD,
    THRESHOLD_MAX,
    THRESHOLD_MIN,
)
from golden.spec.constants import INDEX_NONE, MAX_NEIGHBOURS, MAX_WEIGHT, VECTORS_PER_CORE

Floats = NDArray[np.float32]
ALL_NEURONS = (1 << VECTORS_PER_CORE) - 1


def _full(value: Any, *more_axes: int) -> Floats:
    return np.full((VECTORS_PER_CORE, *more_axes), value, np.float32)


@dataclass(eq=False)
class SpikingState:
    """Everything that the spiking network and the neuromorphic units of one core remember.

    ``membrane``, ``threshold`` float32 [32]; ``last_spike`` [32] in ms, negative when the neuron never fired;
    ``refractory`` [32] ms left; ``rate`` [32] spikes/ms; ``weight`` [32] the outgoing weights with their fractions of
    a byte, 0..255; ``branches`` [32, 6] the dendrites; ``patterns`` uint32 [32], newest step in bit 0; ``spikes`` the
    bits of those that fired in the last step; ``time`` ms; ``phase`` of the oscillator, 0 .. PHASE_PERIOD - 1;
    ``winner`` of the last hard competition, 255 for none; ``trace`` float32 [32] what the neuromorphic searches of
    one sequence found, ``n_glimpses`` how many they were (0 none, held at 3).
    """

    membrane: Floats = field(default_factory=partial(_full, 0))
    threshold: Floats = field(default_factory=partial(_full, INITIAL_THRESHOLD))
    last_spike: Floats = field(default_factory=partial(_full, NEVER))
    refractory: Floats = field(default_factory=partial(_full, 0))
    rate: Floats = field(default_factory=partial(_full, 0))
    weight: Floats = field(default_factory=partial(_full, MAX_WEIGHT))
    branches: Floats = field(default_factory=partial(_full, 0, MAX_NEIGHBOURS))
    trace: Floats = field(default_factory=partial(_full, 0))
    patterns: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(VECTORS_PER_CORE, np.uint32))
    spikes: int = 0
    time: np.float32 = np.float32(0)  # noqa: RUF009  (a NumPy scalar is immutable)
    phase: int = 0
    winner: int = INDEX_NONE
    n_glimpses: int = 0

    def copy(self) -> "SpikingState":
        """An independent copy."""
        return SpikingState(**{f.name: _copied(getattr(self, f.name)) for f in fields(self)})

    def assign(self, other: "SpikingState") -> None:
        """Take over a copy of ``other``'s values; ValueError, and no change, when one cannot be a state."""
        other.check()
        for f in fields(self):
            value = getattr(other, f.name)
            if isinstance(value, np.ndarray):
                getattr(self, f.name)[...] = value
            else:
                setattr(self, f.name, value)

    def check(self) -> None:
        """Raise ValueError, naming the field and the value, unless every invariant of a state holds."""
        for f, fresh in ((f, getattr(_FRESH, f.name)) for f in fields(self)):
            value = getattr(self, f.name)
            if isinstance(fresh, np.ndarray):
                if not isinstance(value, np.ndarray) or value.shape != fresh.shape or value.dtype != fresh.dtype:
                    raise ValueError(f"{f.name} must be {fresh.dtype} {list(fresh.shape)}, not {value!r}")
                if not np.isfinite(value).all():
                    raise ValueError(f"{f.name} must be finite, not {value[~np.isfinite(value)].flat[0]}")
        ranges: dict[str, tuple[Any, float, float]] = {
            "threshold": (self.threshold, float(THRESHOLD_MIN), float(THRESHOLD_MAX)),
            "refractory": (self.refractory, 0, np.inf),
            "rate": (self.rate, 0, np.inf),
            "weight": (self.weight, 0, MAX_WEIGHT),
            "spikes": (self.spikes, 0, ALL_NEURONS),
            "time": (self.time, 0, float(np.finfo(np.float32).max)),
            "phase": (self.phase, 0, PHASE_PERIOD - 1),
            "winner": (self.winner, 0, INDEX_NONE),
            "n_glimpses": (self.n_glimpses, 0, MAX_GLIMPSES),
        }
        for name, (value, low, high) in ranges.items():
            values = np.atleast_1d(value)
            outside = ~((values >= low) & (values <= high))
            if outside.any():
                raise ValueError(f"{name} must be within {low}..{high}, not {values[outside][0]}")

    def fired(self) -> list[int]:
        """Indices of the neurons that fired in the last step, ascending."""
        return [i for i in range(VECTORS_PER_CORE) if self.spikes >> i & 1]

    def spike_flags(self, n: int = VECTORS_PER_CORE) -> NDArray[np.bool_]:
        """Whether each of the first ``n`` neurons fired in the last step."""
        return (np.uint32(self.spikes) >> np.arange(n, dtype=np.uint32) & np.uint32(1)).astype(bool)

    def weight_bytes(self) -> list[int]:
        """The weights as the propagation and the readers see them: floor(weight + 0.5), 0..255."""
        weights: list[int] = np.floor(self.weight + np.float32(0.5)).astype(np.intp).tolist()
        return weights

    def share(self, index: int) -> np.float32:
        """Neuron ``index``'s outgoing weight byte / 255, one float32 division."""
        return np.floor(self.weight[index] + np.float32(0.5)) / np.float32(MAX_WEIGHT)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


_FRESH = SpikingState()
