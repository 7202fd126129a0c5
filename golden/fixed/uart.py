"""The serial line of the UART bridge."""

import numpy as np

from golden.fixed.bits import BoolArray
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag
from golden.spec import Config
from golden.spec.uart import check_uart

START, STOP = 0, 9
"""Bits of a byte: the start bit, 8 data bits, the stop bit."""


class UartLine(Unit):
    """Receives or sends 8N1, a bit every ``divisor`` cycles.

    Inputs: ``rx``, ``send``, ``hold``, ``bit_out`` (1). Outputs: ``tx``, ``level``, ``bit``, ``byte``, ``timeout``,
    ``receiving`` (1). ``config`` has no influence.
    """

    def __init__(self, config: Config, n_streams: int = 1, *, divisor: int, timeout_width: int) -> None:
        super().__init__(config, n_streams)
        check_uart(divisor, timeout_width)
        self.divisor, self.timeout_width = divisor, timeout_width
        self.level, self._meta, self.tx = ~self._flags(), ~self._flags(), ~self._flags()
        self.receiving = self._flags()
        self._phase, self._ticks = self._zeros(), self._zeros()

    def settle(self, send: BoolArray, hold: BoolArray) -> tuple[BoolArray, BoolArray, BoolArray]:
        """What these inputs show in this cycle: ``bit``, ``byte``, ``timeout``."""
        middle, tick = self._phase == self.divisor // 2 - 1, self._ticks % 16
        active = self.receiving | send
        first, last = tick == START, (tick & STOP) == STOP
        silent = self._ticks == (1 << self.timeout_width) - 1
        return (
            middle & active & ~first & ~last,
            middle & active & last,
            middle & ~active & ~hold & self.level & silent,
        )

    def advance(self, rx: BoolArray, send: BoolArray, hold: BoolArray, bit_out: BoolArray) -> None:
        """The clock edge."""
        _, byte, _ = self.settle(send, hold)
        middle, tick = self._phase == self.divisor // 2 - 1, self._ticks % 16
        first, last = tick == START, (tick & STOP) == STOP
        start = ~self.receiving & ~send & ~hold & ~self.level
        self.tx = np.where(middle & send, last | (bit_out & ~first), self.tx)
        self.receiving = (self.receiving | start) & ~(middle & (last | (first & self.level)))
        ticks = (self._ticks + middle) % (1 << self.timeout_width)
        self._ticks = np.where(start | hold | byte, 0, ticks)
        self._phase = np.where(start | (self._phase == self.divisor - 1), 0, self._phase + 1)
        self.level, self._meta = self._meta, rx

    def step(self, inputs: Inputs) -> Outputs:
        rx, send, hold, bit_out = (flag(inputs, name) for name in ("rx", "send", "hold", "bit_out"))
        shown = self.settle(send, hold)
        outputs = {name: bit(value) for name, value in zip(("bit", "byte", "timeout"), shown, strict=True)}
        outputs |= {name: bit(getattr(self, name)) for name in ("tx", "level", "receiving")}
        self.advance(rx, send, hold, bit_out)
        return outputs
