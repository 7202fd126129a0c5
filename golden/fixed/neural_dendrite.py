"""The dendritic tree: six branches a neuron, each through a saturating response, summed."""

import numpy as np

from golden.fixed.bits import I64Array, mask, to_unsigned, unpack_fields
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import LINK_COUNT_WIDTH, MAX_NEIGHBOURS
from golden.spec.neural import (
    BRANCH,
    MEMBRANE,
    RECIPROCAL_BASES,
    RECIPROCAL_FALLS,
    RESPONSE_BASE_BITS,
    RESPONSE_FRACTION_BITS,
    RESPONSE_OFFSET_BITS,
    RESPONSE_SEGMENTS,
    RESPONSE_SLOPE_BITS,
    RESPONSE_WIDTH,
)

ONE = 1 << BRANCH.fraction_bits
PRODUCT_BITS = RESPONSE_SLOPE_BITS + RESPONSE_OFFSET_BITS
ROUNDING_BITS = PRODUCT_BITS - RESPONSE_FRACTION_BITS
MANTISSA_BITS = (RESPONSE_SEGMENTS - 1).bit_length() + RESPONSE_OFFSET_BITS
BASES, FALLS = np.array(RECIPROCAL_BASES), np.array(RECIPROCAL_FALLS)


def response(branch: I64Array) -> I64Array:
    """f(b) of raw branches, in 2**-13: 0 below 0, b up to 1, then 3 - 4/(1 + b) by linear interpolation of 1/m.

    1 + b = m * 2**octave with 1 <= m < 2. Never decreasing; at most 1.62 * 2**-12 from the real number.
    """
    u = np.maximum(branch, ONE) + ONE
    octave = 1 + (u >= 4 * ONE) + (u >= 8 * ONE)
    place = (u >> (octave - 1)) & ((1 << MANTISSA_BITS) - 1)
    segment, offset = place >> RESPONSE_OFFSET_BITS, place & ((1 << RESPONSE_OFFSET_BITS) - 1)
    reciprocal = (BASES[segment] << (PRODUCT_BITS - RESPONSE_BASE_BITS)) - FALLS[segment] * offset
    beyond = ((3 << PRODUCT_BITS) + (1 << (ROUNDING_BITS - 1)) - ((reciprocal << 2) >> octave)) >> ROUNDING_BITS
    linear = np.maximum(branch, 0) << (RESPONSE_FRACTION_BITS - BRANCH.fraction_bits)
    return np.where(branch < ONE, linear, beyond)


def tree_current(branches: I64Array, n_links: I64Array) -> I64Array:
    """The raw current of the branches ``[..., 6]`` in slots below ``n_links`` ``[...]``."""
    return summed(response(branches), n_links)


def summed(responses: I64Array, n_links: I64Array) -> I64Array:
    """The raw current of the responses ``[..., 6]`` in slots below ``n_links`` ``[...]``."""
    used = np.arange(MAX_NEIGHBOURS) < n_links[..., None]
    total = np.where(used, responses, 0).sum(axis=-1)
    return total << (MEMBRANE.fraction_bits - RESPONSE_FRACTION_BITS)


class BranchResponse(Unit):
    """f(b) of a branch. Combinational.

    Inputs: ``branch`` (16, signed). Outputs: ``response`` (15, in 2**-13).
    """

    def step(self, inputs: Inputs) -> Outputs:
        return {"response": response(signed(inputs, "branch", BRANCH.width)).astype(np.uint64)}


class DendriteTree(Unit):
    """The sum of the responses of the branches in use, as a current.

    Latency one cycle, throughput one neuron a cycle.

    Inputs: ``valid`` (1), ``responses`` (96: 16 bits a branch, slot 0 lowest; the highest bit of each is not looked
    at), ``n_links`` (3; 7 acts as 6). Outputs: ``out_valid`` (1), ``current`` (26, signed; never negative).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._valid, self._current = self._flags(), self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        outputs = {"out_valid": bit(self._valid), "current": to_unsigned(self._current, MEMBRANE.width)}
        words = unpack_fields(inputs["responses"], MAX_NEIGHBOURS, BRANCH.width)
        self._current = summed(words & mask(RESPONSE_WIDTH), unsigned(inputs, "n_links", LINK_COUNT_WIDTH))
        self._valid = flag(inputs, "valid")
        return outputs
