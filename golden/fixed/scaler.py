"""The scaler: one shared multiplier with rounding shift, three pipeline stages."""

import numpy as np

from golden.fixed.bits import I64Array, to_signed, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH

MODE_RAW, MODE_UNIT, MODE_COSINE, MODE_MEAN, MODE_UPDATE = range(5)
N_MODES = 8
SPLIT = 20
"""The product of up to 71 bits is computed in two halves, split at this bit of x."""


def scale_shifts(config: Config) -> tuple[int, ...]:
    """The right shift n of every mode."""
    shifts = (0, config.unit_shift, config.cosine_shift, 2 * config.element_width, 20)
    return (*shifts, *(0,) * (N_MODES - len(shifts)))


def tag_width(config: Config) -> int:
    """Bits of the tag that travels with a value."""
    return max(config.element_width, CORE_WIDTH + INDEX_WIDTH + 1)


COSINE = 2
"""The mode whose value counts from ``cosine_one``."""


class Scaler(Unit):
    """``value = floor((x * 2**shift * y + half) / 2**n)``, n by ``mode`` (plus cosine_one for cosine);
    x * 2**shift and value wrap at key_width.

    Latency 3 cycles with ``enable`` 1, throughput one value a cycle; nothing moves while ``enable`` is 0. ``clear``
    makes every stage invalid, whatever ``enable`` is.

    Inputs: ``clear``, ``enable``, ``valid`` (1), ``x`` (key_width, signed), ``shift`` (5), ``y``
    (factor_width, signed), ``mode`` (3), ``tag``. Outputs: ``out_valid`` (1), ``value`` and ``key``
    (key_width, signed; key: the value in raw and cosine mode, else product plus half, wrapped), ``out_tag``,
    ``occupied`` (1).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._shifts = np.array(scale_shifts(config))
        self._stages: list[tuple[np.ndarray, ...]] = [
            (self._flags(), *(self._zeros() for _ in range(3))) for _ in range(3)
        ]

    def step(self, inputs: Inputs) -> Outputs:
        width = self.config.key_width
        valid, value, key, tag = self._stages[-1]
        outputs = {
            "out_valid": bit(valid),
            "value": to_unsigned(value, width),
            "key": to_unsigned(key, width),
            "out_tag": tag.astype(np.uint64),
            "occupied": bit(self._stages[0][0] | self._stages[1][0] | valid),
        }
        enable = flag(inputs, "enable")
        x = to_signed(signed(inputs, "x", width) << unsigned(inputs, "shift", 5), width)
        y = signed(inputs, "y", self.config.factor_width)
        mode = unsigned(inputs, "mode", 3)
        value_in = self._scaled(x, y, mode)
        new = (
            flag(inputs, "valid"),
            value_in,
            np.where(mode == COSINE, value_in, to_signed(x * y + self._half(mode), width)),
            unsigned(inputs, "tag", tag_width(self.config)),
        )
        moved = [new, *self._stages[:-1]]
        self._stages = [
            tuple(np.where(enable, new_field, old_field) for new_field, old_field in zip(after, before, strict=True))
            for before, after in zip(self._stages, moved, strict=True)
        ]
        clear = flag(inputs, "clear")
        self._stages = [(valid & ~clear, *data) for valid, *data in self._stages]
        return outputs

    def _half(self, mode: I64Array) -> I64Array:
        n = self._shifts[mode]
        return np.where(n > 0, np.int64(1) << np.maximum(n - 1, 0), 0)

    def _scaled(self, x: I64Array, y: I64Array, mode: I64Array) -> I64Array:
        """``floor((x * y + half) / 2**n)`` modulo ``2**key_width``; intermediate wrap-around is above those bits."""
        n, half = self._shifts[mode], self._half(mode)
        low = (x & ((1 << SPLIT) - 1)) * y + half
        high = (x >> SPLIT) * y + (low >> SPLIT)
        low &= (1 << SPLIT) - 1
        far = high >> np.maximum(n - SPLIT, 0)
        near = (high << np.maximum(SPLIT - n, 0)) | (low >> np.minimum(n, SPLIT))
        one = np.where(mode == COSINE, self.config.cosine_one, 0)
        return to_signed(np.where(n >= SPLIT, far, near) + one, self.config.key_width)
