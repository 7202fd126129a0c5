"""The event unit's register map as tables for many streams at once: where a register stands, and who may touch it."""

import numpy as np

from golden.fixed.axi_channels import WORD_ADDR_WIDTH
from golden.fixed.bits import BoolArray, I64Array, mask
from golden.spec.event_registers import event_registers
from golden.spec.event_unit import EventError, EventUnitShape
from golden.spec.register import Access


class RegisterTable:
    """Rules of all registers, by *slot*: the place of a register in the order of addresses; the last slot is none.

    Attributes: ``slots`` (by word address), ``slot`` (by name), ``widths_mask`` (bits that a slot has), ``reset``
    (values after reset), ``readable`` (reads give the value), ``stored`` (writes replace the value).
    """

    def __init__(self, shape: EventUnitShape) -> None:
        registers = event_registers(shape)
        none = len(registers)
        self.slot = {register.name: place for place, register in enumerate(registers)}
        self.slots = np.full(1 << WORD_ADDR_WIDTH, none)
        self.slots[[register.addr >> 2 for register in registers]] = np.arange(none)
        self.reset = np.array([*(register.reset for register in registers), 0])
        self.widths_mask = np.array([*(mask(register.width) for register in registers), 0])
        self.readable = np.array([*(register.access is not Access.WO for register in registers), False])
        self.stored = np.array([*(register.access in (Access.RW, Access.WO) for register in registers), False])
        self._exists = np.arange(none + 1) != none
        self._writable = np.array([*(register.writable for register in registers), False])
        self._in_mode = np.array(
            [[register.mode in (None, mode) for register in registers] + [False] for mode in (0, 1)]
        )
        self._busy_read = np.array([*(register.busy_read for register in registers), False])
        self._busy_write = np.array([*(register.busy_write for register in registers), False])

    def why_not_read(self, slot: I64Array, mode: I64Array, busy: BoolArray) -> I64Array:
        """Why slots ``[n]`` may not be read (``EventError``, 0: they may)."""
        return np.select(
            [~self._exists[slot], ~self._in_mode[mode, slot], busy & ~self._busy_read[slot]],
            [int(EventError.BAD_ADDRESS), int(EventError.WRONG_MODE), int(EventError.BUSY)],
            int(EventError.NONE),
        )

    def why_not_written(self, slot: I64Array, mode: I64Array, busy: BoolArray, whole: BoolArray) -> I64Array:
        """Why slots ``[n]`` may not be written, as far as the rules that hold for every register tell."""
        return np.select(
            [
                ~self._exists[slot],
                ~self._writable[slot],
                ~whole,
                ~self._in_mode[mode, slot],
                busy & ~self._busy_write[slot],
            ],
            [
                int(EventError.BAD_ADDRESS),
                int(EventError.READ_ONLY),
                int(EventError.PARTIAL_WRITE),
                int(EventError.WRONG_MODE),
                int(EventError.BUSY),
            ],
            int(EventError.NONE),
        )
