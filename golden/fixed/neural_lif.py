"""The neuron pipeline: leaky integrate-and-fire neurons, one a cycle; and what a factor word does to a number."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.neural import (
    DT_WIDTH,
    ELAPSED,
    ELAPSED_NEVER,
    FACTOR_MANTISSA_WIDTH,
    FACTOR_POINT,
    FACTOR_WIDTH,
    MEMBRANE,
    REFRACTORY_RAW,
    THRESHOLD,
)

OP_STEP, OP_SCALE, OP_INJECT = range(3)
THRESHOLD_SHIFT = THRESHOLD.fraction_bits - MEMBRANE.fraction_bits


def mantissa(factor: I64Array) -> I64Array:
    """The mantissa of factor words."""
    return factor & ((1 << FACTOR_MANTISSA_WIDTH) - 1)


def doubled_product(x: I64Array, factor: I64Array, shift: int = 0) -> I64Array:
    """``floor(2 * x * 2**shift * factor)``: the rounded product is ``(this + 1) >> 1``."""
    exponent = factor >> FACTOR_MANTISSA_WIDTH
    return (x * mantissa(factor)) >> (exponent + FACTOR_POINT - 1 - shift)


def apply_factor(x: I64Array, factor: I64Array) -> I64Array:
    """``x`` times a factor word, rounded to the nearest integer, halves up."""
    return (doubled_product(x, factor) + 1) >> 1


def scale(x: I64Array, factor: I64Array) -> I64Array:
    """A membrane times a factor word, as the pipeline's scale operation has it: saturating."""
    return MEMBRANE.saturate(apply_factor(x, factor))


def advance(elapsed: I64Array, dt: I64Array) -> I64Array:
    """Elapsed times after a step of ``dt`` without a spike."""
    return np.minimum(elapsed + dt, ELAPSED_NEVER)


def leaky_step(x: I64Array, leaked: I64Array, threshold: I64Array, elapsed: I64Array) -> tuple[I64Array, BoolArray]:
    """Membranes and spikes after a step: ``x`` as it was, ``leaked`` after the leak, elapsed before the step."""
    waiting = elapsed < REFRACTORY_RAW
    spike = ~waiting & (leaked << THRESHOLD_SHIFT >= threshold)
    return np.where(waiting, x, np.where(spike, 0, leaked)), spike


class LifPipeline(Unit):
    """V = sat(V + current); V -= V * factor; fires at the threshold, unless it fired less than 2 ms ago.

    Latency 2 cycles from ``membrane`` to the outputs, which are combinational in ``threshold`` and ``elapsed`` of that
    cycle; throughput one neuron a cycle.

    Inputs: ``valid`` (1), ``op`` (2: 0 step, 1 scale: V = (V + current) * factor, 2 and 3 inject), ``membrane``,
    ``current`` (26, signed); a cycle later ``factor`` (20); two cycles later ``threshold`` (30), ``elapsed`` (24),
    ``dt`` (26). Outputs: ``out_valid``, ``spike`` (1), ``out_membrane`` (26, signed), ``out_elapsed`` (24).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._x, self._op, self._x2, self._u, self._op2 = (self._zeros() for _ in range(5))
        self._valid, self._valid2 = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        threshold = unsigned(inputs, "threshold", THRESHOLD.width)
        elapsed = unsigned(inputs, "elapsed", ELAPSED.width)
        product = (self._u + 1) >> 1
        leaked = MEMBRANE.saturate(self._x2 - product)
        stepped, fires = leaky_step(self._x2, leaked, threshold, elapsed)
        stepping = self._op2 == OP_STEP
        spike = fires & stepping & self._valid2
        scaled = np.where(self._op2 == OP_SCALE, MEMBRANE.saturate(product), self._x2)
        later = np.where(spike, 0, advance(elapsed, unsigned(inputs, "dt", DT_WIDTH)))
        # A bubble shows what its registers would give: only the spike itself depends on valid.
        shown = np.where(fires & ~spike, leaked, stepped)
        outputs = {
            "out_valid": bit(self._valid2),
            "spike": bit(spike),
            "out_membrane": to_unsigned(np.where(stepping, shown, scaled), MEMBRANE.width),
            "out_elapsed": to_unsigned(np.where(stepping, later, elapsed), ELAPSED.width),
        }
        self._u = doubled_product(self._x, unsigned(inputs, "factor", FACTOR_WIDTH))
        self._x2, self._op2, self._valid2 = self._x, self._op, self._valid
        total = signed(inputs, "membrane", MEMBRANE.width) + signed(inputs, "current", MEMBRANE.width)
        self._x, self._op = MEMBRANE.saturate(total), unsigned(inputs, "op", 2)
        self._valid = flag(inputs, "valid")
        return outputs
