"""The distance unit: squared L2, negated dot product or weighted sum, ``lanes`` dimensions a beat."""

import numpy as np

from golden.fixed.bits import to_signed, to_unsigned, unpack_fields
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config

MODE_L2, MODE_DOT = 0, 1


class Distance(Unit):
    """Accumulates products of operands and rows, a beat of ``lanes`` elements a cycle.

    L2: ``sum (query - row)^2``; dot: ``-sum query * row``; sum (modes 2, 3): ``sum weight * row``; over the lanes whose
    mask bit is set and the beats from ``first`` to ``last``, modulo ``2**key_width``.
    Latency 3 cycles from the last beat to ``out_valid``, throughput one beat a cycle.

    Inputs: ``valid``, ``first``, ``last`` (1), ``mode`` (2), ``lane_mask`` (lanes), ``weight`` (8), ``query``, ``row``
    (lanes * element_width). Outputs: ``out_valid`` (1), ``distance`` (key_width, signed).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._pipeline = [(self._flags(), self._flags(), self._flags(), self._zeros()) for _ in range(2)]
        self._acc = self._zeros()
        self._out_valid = self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        width = self.config.key_width
        outputs = {"out_valid": bit(self._out_valid), "distance": to_unsigned(self._acc, width)}
        valid, first, last, term = self._pipeline.pop()
        acc = to_signed(np.where(first, 0, self._acc) + term, width)
        self._acc = np.where(valid, acc, self._acc)
        self._out_valid = valid & last
        beat = (flag(inputs, "valid"), flag(inputs, "first"), flag(inputs, "last"))
        self._pipeline.insert(0, (*beat, self._term(inputs)))
        return outputs

    def _term(self, inputs: Inputs) -> np.ndarray:
        """What a beat adds to the accumulator, ``[n_streams]``."""
        lanes, width = self.config.lanes, self.config.element_width
        query = to_signed(unpack_fields(inputs["query"], lanes, width), width)
        row = to_signed(unpack_fields(inputs["row"], lanes, width), width)
        used = unpack_fields(inputs["lane_mask"], lanes, 1)
        mode = unsigned(inputs, "mode", 2)
        l2 = (used * (query - row) ** 2).sum(axis=1)
        dot = (used * query * row).sum(axis=1)
        total = unsigned(inputs, "weight", 8) * (used * row).sum(axis=1)
        return np.where(mode == MODE_L2, l2, np.where(mode == MODE_DOT, -dot, total))
