"""The time base: edges of slow clocks or of a counter, and the ticks and turns that are due for them."""

import numpy as np

from golden.fixed.bits import BoolArray
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.neural_registers import GAMMA, RUN, TIME_BASE_WIDTH, TIMER

CONTROL_WIDTH = 4


class TimeBase(Unit):
    """A pin's edge is seen in the third cycle of its new level; ``due`` and ``phase_due`` follow a cycle later.

    Inputs: ``clk_snn``, ``clk_gamma`` (1), ``control`` (4), ``period`` (24), ``started``, ``restarted`` (1). Outputs:
    ``due``, ``phase_due``, ``overrun`` (1).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        # Registers of each pin, newest first.
        self._snn = tuple(~self._flags() for _ in range(3))
        self._gamma = tuple(~self._flags() for _ in range(3))
        self._count = self._zeros()
        self._due, self._phase_due = self._flags(), self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        control, period = unsigned(inputs, "control", CONTROL_WIDTH), unsigned(inputs, "period", TIME_BASE_WIDTH)
        started, restarted = flag(inputs, "started"), flag(inputs, "restarted")
        runs, timer, gamma = (control & one != 0 for one in (RUN, TIMER, GAMMA))
        counts = runs & timer & (period > 0)
        ends = counts & (self._count + 1 >= period)
        edge = runs & np.where(timer, ends, _rises(self._snn))
        outputs = {
            "due": bit(self._due),
            "phase_due": bit(self._phase_due),
            "overrun": bit(edge & self._due & ~started),
        }
        self._count = np.where(counts & ~ends, self._count + 1, 0)
        self._due = edge | (self._due & runs & ~started)
        self._phase_due = gamma & (_rises(self._gamma) | (self._phase_due & ~restarted))
        self._snn = (flag(inputs, "clk_snn"), *self._snn[:2])
        self._gamma = (flag(inputs, "clk_gamma"), *self._gamma[:2])
        return outputs


def _rises(seen: tuple[BoolArray, ...]) -> BoolArray:
    return seen[1] & ~seen[2]
