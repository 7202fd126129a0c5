"""The homeostatic controller: spike rates that decay, thresholds that pull them towards the target."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, to_unsigned
from golden.fixed.neural_lif import doubled_product, mantissa
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.neural import (
    FACTOR_WIDTH,
    RATE,
    SPIKE_RATE_STEP_RAW,
    TARGET_STEP_WIDTH,
    THRESHOLD,
    THRESHOLD_MAX_RAW,
    THRESHOLD_MIN_RAW,
)

THRESHOLD_SHIFT = THRESHOLD.fraction_bits - RATE.fraction_bits
DROPPED_BITS = 8
"""Low bits of a rate that its decay does not see."""


def counted(rate: I64Array, spike: BoolArray, factor: I64Array) -> I64Array:
    """Rates with the spike of this step; a factor of 0 (dt = 0) counts none."""
    return np.minimum(rate + np.where(spike & (mantissa(factor) != 0), SPIKE_RATE_STEP_RAW, 0), RATE.max_raw)


def doubled_decay(rate: I64Array, factor: I64Array) -> I64Array:
    """Twice what a rate loses in a step, rounded down."""
    return doubled_product(rate >> DROPPED_BITS, factor, DROPPED_BITS)


def settle(rate: I64Array, decay: I64Array, threshold: I64Array, target_step: I64Array) -> tuple[I64Array, I64Array]:
    """Rates and thresholds after a step: what the rate loses is also what raises the threshold."""
    moved = threshold + (decay << THRESHOLD_SHIFT) - target_step
    return np.maximum(rate - decay, 0), np.clip(moved, THRESHOLD_MIN_RAW, THRESHOLD_MAX_RAW)


class HomeostaticController(Unit):
    """r = rate + 0.001 spike; p = a r; rate = r - p; threshold = held(threshold + p - 0.1 a).

    Latency 2 cycles, the outputs being combinational in ``threshold`` of that cycle; throughput one neuron a cycle.

    Inputs: ``valid``, ``spike`` (1), ``rate`` (24); two cycles later ``threshold`` (30); steady: ``factor`` (20),
    ``target_step`` (23). Outputs: ``out_valid`` (1), ``out_rate`` (24), ``out_threshold`` (30).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._rate, self._rate2, self._decay = (self._zeros() for _ in range(3))
        self._valid, self._valid2 = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        factor = unsigned(inputs, "factor", FACTOR_WIDTH)
        rate, threshold = settle(
            self._rate2,
            self._decay,
            unsigned(inputs, "threshold", THRESHOLD.width),
            unsigned(inputs, "target_step", TARGET_STEP_WIDTH),
        )
        outputs = {
            "out_valid": bit(self._valid2),
            "out_rate": to_unsigned(rate, RATE.width),
            "out_threshold": to_unsigned(threshold, THRESHOLD.width),
        }
        self._decay = (doubled_decay(self._rate, factor) + 1) >> 1
        self._rate2, self._valid2 = self._rate, self._valid
        self._rate = counted(unsigned(inputs, "rate", RATE.width), flag(inputs, "spike"), factor)
        self._valid = flag(inputs, "valid")
        return outputs
