"""The STDP engine: weights that learn from the time between spikes."""

import numpy as np

from golden.fixed.bits import I64Array, mask, to_signed, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, WEIGHT_WIDTH
from golden.spec.neural import (
    AGE_FRACTION_BITS,
    ELAPSED,
    WEIGHT_MAX_RAW,
    WEIGHT_ONE,
    WEIGHT_RESIDUE,
    WINDOW_BASES,
    WINDOW_FALLS,
    WINDOW_OFFSET_BITS,
    WINDOW_SEGMENTS,
)

DROPPED_BITS = 8
"""Low bits of an elapsed time that the window does not see: it counts in 2**-8 ms."""
BASE_SHIFT = 6
PLACE_BITS = (WINDOW_SEGMENTS - 1).bit_length() + WINDOW_OFFSET_BITS
BASES, FALLS = np.array(WINDOW_BASES), np.array(WINDOW_FALLS)


def potentiation(elapsed: I64Array) -> I64Array:
    """2.55 exp(-elapsed / 20 ms) in 2**-12 of a weight byte; 0 for an elapsed time of 0 (it fired now).

    The age is elapsed / 20 * log2(e), log2(e) / 20 being taken as (4 + 1/2 + 1/8 - 1/128 - 1/2048) / 64.
    """
    time = elapsed >> DROPPED_BITS
    age = (time << 2) + (time >> 1) + (time >> 3) - (time >> 7) - (time >> 11)
    place = (age >> (AGE_FRACTION_BITS - PLACE_BITS)) & mask(PLACE_BITS)
    segment, offset = place >> WINDOW_OFFSET_BITS, place & mask(WINDOW_OFFSET_BITS)
    value = ((BASES[segment] << BASE_SHIFT) - FALLS[segment] * offset) >> BASE_SHIFT
    return np.where(elapsed > 0, ((value >> (age >> AGE_FRACTION_BITS)) + 1) >> 1, 0)


def depression(total: I64Array) -> I64Array:
    """1.2 times a sum of potentiations: what the spike's own weight loses."""
    y = 3 * total
    y = y + (y >> 4)
    y = y + (y >> 8)
    return total + ((y + 8) >> 4)


def join_weight(weight: I64Array, residue: I64Array) -> I64Array:
    """A weight in 2**-12 of a byte from its byte and its residue (12 bits, two's complement)."""
    return weight * WEIGHT_ONE + to_signed(residue, WEIGHT_RESIDUE.width)


def split_weight(total: I64Array) -> tuple[I64Array, I64Array]:
    """Byte (the nearest) and residue bits of a weight."""
    return (total + WEIGHT_ONE // 2) >> WEIGHT_RESIDUE.fraction_bits, total & mask(WEIGHT_RESIDUE.width)


def learned(total: I64Array, change: I64Array) -> I64Array:
    """A weight after a change, held to 0..255."""
    return np.clip(total + change, 0, WEIGHT_MAX_RAW)


class StdpEngine(Unit):
    """w_j += 2.55 e for each neighbour j of a spike i, w_i -= 3.06 e, e = exp(-elapsed_j / 20 ms).

    Latency 4 cycles from an issue to the write of its target's weight; throughput one a cycle.

    Inputs: ``issue``, ``own`` (1; own wins), ``target`` (5); a cycle later ``elapsed`` (24) of the target; four cycles
    later ``weight`` (8), ``residue`` (12) of ``read_target``. Outputs: ``read_target`` (5; three cycles after the
    issue); ``write`` (1), ``write_target`` (5), ``write_weight`` (8), ``write_residue`` (12).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._issues, self._owns = ([self._flags() for _ in range(4)] for _ in range(2))
        self._targets = [self._zeros() for _ in range(4)]
        self._delayed, self._delta, self._sum, self._change = (self._zeros() for _ in range(4))
        self._wrote, self._last_target, self._last_weight = self._flags(), self._zeros(), self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        target, write = self._targets[3], self._issues[3] | self._owns[3]
        held = join_weight(unsigned(inputs, "weight", WEIGHT_WIDTH), unsigned(inputs, "residue", WEIGHT_RESIDUE.width))
        again = self._wrote & (self._last_target == target)
        total = learned(np.where(again, self._last_weight, held), self._change)
        weight, residue = split_weight(total)
        outputs = {
            "read_target": self._targets[2].astype(np.uint64),
            "write": bit(write),
            "write_target": target.astype(np.uint64),
            "write_weight": to_unsigned(weight, WEIGHT_WIDTH),
            "write_residue": to_unsigned(residue, WEIGHT_RESIDUE.width),
        }
        self._wrote, self._last_target, self._last_weight = write, target, total

        own, link = self._owns[2], self._issues[2] & ~self._owns[2]
        self._change = np.where(own, -depression(self._sum), np.where(link, self._delta, 0))
        self._sum = np.where(own, 0, (self._sum + np.where(link, self._delta, 0)) & mask(17))
        self._delta = np.where(self._issues[1], self._delayed, 0)
        self._delayed = potentiation(unsigned(inputs, "elapsed", ELAPSED.width))
        self._issues = [flag(inputs, "issue"), *self._issues[:3]]
        self._owns = [flag(inputs, "own"), *self._owns[:3]]
        self._targets = [unsigned(inputs, "target", INDEX_WIDTH), *self._targets[:3]]
        return outputs
