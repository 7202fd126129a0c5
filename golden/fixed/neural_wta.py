"""Winner take all: the largest membrane, and what the others lose to it."""

import numpy as np

from golden.fixed.bits import I64Array, to_unsigned
from golden.fixed.neural_lif import scale
from golden.fixed.unit import Inputs, Outputs, Unit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_NONE, INDEX_WIDTH
from golden.spec.neural import INHIBITION_FACTOR, MEMBRANE


def inhibition(maximum: I64Array) -> I64Array:
    """0.8 times the largest membrane."""
    return scale(maximum, np.array(INHIBITION_FACTOR))


def inhibited(membrane: I64Array, maximum: I64Array) -> I64Array:
    """What is left of a membrane that lost."""
    return np.maximum(membrane - inhibition(maximum), 0)


class WinnerTakeAll(Unit):
    """The first of the largest eligible membranes above 0, and every membrane after hard competition with it.

    Latency one cycle from ``scan`` to ``winner`` and ``maximum``; ``out_membrane`` is combinational. One a cycle.

    Inputs: ``clear``, ``scan``, ``eligible`` (1), ``index`` (5), ``membrane`` (26, signed), ``inhibition`` (25; what
    losers lose). Outputs: ``winner`` (8; 255 none), ``maximum`` (25), ``out_membrane`` (26, signed).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._maximum, self._winner = self._zeros(), np.full(n_streams, INDEX_NONE)

    def step(self, inputs: Inputs) -> Outputs:
        index = unsigned(inputs, "index", INDEX_WIDTH)
        membrane = signed(inputs, "membrane", MEMBRANE.width)
        lost = unsigned(inputs, "inhibition", MEMBRANE.width - 1)
        left = np.where(index == self._winner, membrane, np.maximum(membrane - lost, 0))
        outputs = {
            "winner": self._winner.astype(np.uint64),
            "maximum": self._maximum.astype(np.uint64),
            "out_membrane": to_unsigned(left, MEMBRANE.width),
        }
        wins = flag(inputs, "scan") & flag(inputs, "eligible") & (membrane > self._maximum)
        clear = flag(inputs, "clear")
        self._maximum = np.where(clear, 0, np.where(wins, membrane, self._maximum))
        self._winner = np.where(clear, INDEX_NONE, np.where(wins, index, self._winner))
        return outputs
