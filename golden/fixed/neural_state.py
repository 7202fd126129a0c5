"""What the neurons of one core remember, as raw integers, and the words in which memory holds it."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from golden.fixed.bits import I64Array, U64Array, mask, pack_fields, to_signed, unpack_fields
from golden.spec.constants import INDEX_NONE, MAX_NEIGHBOURS, MAX_WEIGHT, VECTORS_PER_CORE
from golden.spec.neural import (
    BRANCH,
    ELAPSED_NEVER,
    FACTOR_ONE,
    MEMBRANE,
    RATE,
    STATE_FIELDS,
    STATE_WIDTH,
    THRESHOLD_INITIAL_RAW,
    factor_value,
)

LIMB_WIDTH = 2
"""Every field of the state word begins and ends at a multiple of this many bits."""
SIGNED_WIDTHS = {"membrane": MEMBRANE.width, "branches": BRANCH.width}


def _full(value: int, *more_axes: int) -> I64Array:
    return np.full((VECTORS_PER_CORE, *more_axes), value, dtype=np.int64)


@dataclass(eq=False)
class NeuralState:
    """The state of 32 neurons after ``init``: int64 arrays ``[32]``, ``branches`` ``[32, 6]``.

    ``weight`` (bytes, in the node store), ``spikes`` (bits of the last step), ``phase`` and ``winner`` are not part
    of the state words.
    """

    branches: I64Array = field(default_factory=lambda: _full(0, MAX_NEIGHBOURS))
    history: I64Array = field(default_factory=lambda: _full(0))
    membrane: I64Array = field(default_factory=lambda: _full(0))
    elapsed: I64Array = field(default_factory=lambda: _full(ELAPSED_NEVER))
    rate: I64Array = field(default_factory=lambda: _full(0))
    threshold: I64Array = field(default_factory=lambda: _full(THRESHOLD_INITIAL_RAW))
    residue: I64Array = field(default_factory=lambda: _full(0))
    trace: I64Array = field(default_factory=lambda: _full(0))
    weight: I64Array = field(default_factory=lambda: _full(MAX_WEIGHT))
    spikes: int = 0
    phase: int = 0
    winner: int = INDEX_NONE

    def copy(self) -> "NeuralState":
        """An independent copy."""
        return deepcopy(self)

    def reset_network(self) -> None:
        """``snn_reset``: membranes, elapsed times, thresholds and spikes."""
        self.membrane[:], self.elapsed[:], self.threshold[:] = 0, ELAPSED_NEVER, THRESHOLD_INITIAL_RAW
        self.spikes = 0

    def fired(self) -> list[int]:
        """Indices of the neurons that fired in the last step, ascending."""
        return [i for i in range(VECTORS_PER_CORE) if self.spikes >> i & 1]

    def spike_flags(self) -> np.ndarray:
        """Whether each of the 32 neurons fired in the last step."""
        return (self.spikes >> np.arange(VECTORS_PER_CORE) & 1).astype(bool)

    def words(self) -> U64Array:
        """The state words ``[32, 5]``, least significant 64 bits first."""
        limbs = np.zeros((VECTORS_PER_CORE, STATE_WIDTH // LIMB_WIDTH), dtype=np.int64)
        for place in STATE_FIELDS:
            values = getattr(self, place.name)
            if values.ndim > 1:
                parts = pack_fields(values, BRANCH.width)
                packed = unpack_fields(parts, place.width // LIMB_WIDTH, LIMB_WIDTH)
            else:
                shifts = LIMB_WIDTH * np.arange(place.width // LIMB_WIDTH)
                packed = values[:, None] >> shifts & mask(LIMB_WIDTH)
            first = place.low // LIMB_WIDTH
            limbs[:, first : first + packed.shape[1]] = packed
        return pack_fields(limbs, LIMB_WIDTH)

    def load_words(self, words: U64Array) -> None:
        """Take over state words ``[32, 5]``."""
        limbs = unpack_fields(words, STATE_WIDTH // LIMB_WIDTH, LIMB_WIDTH)
        for place in STATE_FIELDS:
            first, n = place.low // LIMB_WIDTH, place.width // LIMB_WIDTH
            part = limbs[:, first : first + n]
            if place.name == "branches":
                per_branch = part.reshape(VECTORS_PER_CORE, MAX_NEIGHBOURS, -1)
                raw = (per_branch << LIMB_WIDTH * np.arange(per_branch.shape[2])).sum(axis=2)
            else:
                raw = (part << LIMB_WIDTH * np.arange(n)).sum(axis=1)
            width = SIGNED_WIDTHS.get(place.name)
            getattr(self, place.name)[...] = raw if width is None else to_signed(raw, width)


def rates(stored: I64Array, rate_factor: int) -> np.ndarray:
    """Spike rates in spikes/ms of stored ones, which have been decayed by 1 - a for the step that follows.

    With a factor of 1 (steps of 1000 ms) nothing is left of the rate but what is stored.
    """
    share = 1.0 if rate_factor == FACTOR_ONE else 1.0 - float(factor_value(rate_factor))
    return RATE.from_raw(stored) / share
