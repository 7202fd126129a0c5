"""What a host sees of an array over the bus, transaction by transaction: registers around the golden array model."""

from __future__ import annotations

from golden.fixed.array import ArrayModel, Execution
from golden.fixed.bus_fabric import DONE, SPIKES, fabric_settings
from golden.spec import Access, Buffer, Config, Error, Register, buffers, registers
from golden.spec.registers import DATA_WIDTH

WORD = (1 << DATA_WIDTH) - 1
STROBES_ALL = 0b1111
RESULT_NAMES = ("RESULT_DISTANCE_LO", "RESULT_DISTANCE_HI", "RESULT_RECORD")
UNPREDICTED = ("COUNTER_LO", "COUNTER_HI")
"""Registers that depend on when they are read, not only on what was done before."""


class BusModel:
    """The registers of an array and its :class:`ArrayModel`; a command ends at once (:attr:`busy` holds it open).

    ``read`` and ``write`` give what the bus must answer; ``last`` is what the model says of the last command. Of an
    array with contexts: time stands still, and nothing reads the outlet.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.array = ArrayModel(config)
        self.table: dict[int, Register] = {register.addr: register for register in registers(config)}
        self.buffers: tuple[Buffer, ...] = buffers(config)
        self.busy = False
        self.reset()

    def reset(self) -> None:
        """After a reset, when the array has emptied itself. The array model is reset or interrupted by the caller."""
        self.values = {register.name: register.reset for register in self.table.values()}
        self.last = Execution(0)

    def addr(self, name: str) -> int:
        """The byte address of a register or buffer."""
        return next(part.addr for part in (*self.table.values(), *self.buffers) if part.name == name)

    def _buffer_at(self, addr: int) -> Buffer | None:
        return next((buffer for buffer in self.buffers if buffer.addr <= addr < buffer.end), None)

    def _refuse(self, reason: Error) -> Error:
        if reason is not Error.NONE:
            self.values["ERROR"] = int(reason)
        return reason

    def read(self, addr: int) -> tuple[int, Error]:
        """Data and reason of refusal of a read; the data of an unpredicted register are 0."""
        addr &= ~3
        register, buffer = self.table.get(addr), self._buffer_at(addr)
        if register is None and buffer is None:
            return 0, self._refuse(Error.BAD_ADDRESS)
        if self.busy and (buffer is not None or not (register is not None and register.busy_read)):
            return 0, self._refuse(Error.BUSY)
        if buffer is not None:
            return self._read_buffer(buffer, addr), Error.NONE
        assert register is not None
        value = 0 if register.access is Access.WO else self._register(register.name)
        if register.name == "RESULT_RECORD" and self.array.n_unread:
            self.array.n_unread -= 1
        return value, Error.NONE

    def _read_buffer(self, buffer: Buffer, addr: int) -> int:
        first = (addr - buffer.addr) // 4 * buffer.n_per_word
        slot = (1 << buffer.slot_width) - 1
        elements = self.array.buffers[buffer.region, first : first + buffer.n_per_word]
        return sum((int(element) & slot) << (buffer.slot_width * i) for i, element in enumerate(elements))

    def _register(self, name: str) -> int:
        array = self.array
        if name in RESULT_NAMES:
            if not array.n_unread:
                return 0xFF if name == "RESULT_RECORD" else 0
            key, core, index = array.results[-array.n_unread]
            return {
                "RESULT_DISTANCE_LO": key & WORD,
                "RESULT_DISTANCE_HI": key >> DATA_WIDTH & WORD,
                "RESULT_RECORD": index | core << 8 | 1 << 16,
            }[name]
        if name == "STATUS":
            return int(self.busy) | int(self.irq) << 1 | (0 if self.busy else array.n_unread) << 4
        if name == "PHASE" and array.fabric is not None:
            return array.fabric.phase
        if name == "SETTINGS":
            return array.dims | int(array.metric) << 8
        return 0 if name in UNPREDICTED else self.values[name]

    @property
    def irq(self) -> bool:
        """Level of the interrupt pin."""
        return bool(self.values["IRQ_STATUS"] & self.values["IRQ_ENABLE"])

    def write(self, addr: int, data: int, strobes: int = STROBES_ALL) -> Error:
        """Performs a write; the reason if it is refused. A command has ended when this returns."""
        addr &= ~3
        register, buffer = self.table.get(addr), self._buffer_at(addr)
        if buffer is not None:
            if self.busy:
                return self._refuse(Error.BUSY)
            self._write_buffer(buffer, addr, data, strobes)
            return Error.NONE
        if register is None:
            return self._refuse(Error.BAD_ADDRESS)
        if not register.writable:
            return self._refuse(Error.READ_ONLY)
        if strobes != STROBES_ALL:
            return self._refuse(Error.PARTIAL_WRITE)
        if self.busy and not register.busy_write:
            return self._refuse(Error.BUSY)
        if register.name == "COMMAND":
            return self._command(data)
        if register.access is Access.W1C:
            self.values[register.name] &= ~data
        else:
            self.values[register.name] = data & ((1 << register.width) - 1)
        if register.name == "PHASE" and self.array.fabric is not None:
            self.array.fabric.phase = self.values["PHASE"]
        return Error.NONE

    def _write_buffer(self, buffer: Buffer, addr: int, data: int, strobes: int) -> None:
        first = (addr - buffer.addr) // 4 * buffer.n_per_word
        for i in range(buffer.n_per_word):
            if strobes >> (i * buffer.slot_width // 8) & 1:
                raw = data >> (i * buffer.slot_width) & ((1 << buffer.width) - 1)
                sign = 1 << (buffer.width - 1)
                self.array.buffers[buffer.region, first + i] = (raw ^ sign) - sign

    def _command(self, word: int) -> Error:
        reason = self.array.refusal(word)
        if reason is not Error.NONE:
            return self._refuse(reason)
        alpha = self.values["ALPHA"]
        data = self.values["DATA1"] << DATA_WIDTH | self.values["DATA0"]
        sign = 1 << (self.array.config.data_width - 1)
        operands = ((data ^ sign) - sign) & ((1 << 64) - 1), self.values["TYPE_MASK"]
        signed_alpha = alpha - (1 << 16) if alpha >> 15 else alpha
        if self.array.fabric is None:
            self.last = self.array.execute(word, *operands, signed_alpha)
        else:
            settings = fabric_settings(self.values)
            self.last = self.array.execute(word, *operands, signed_alpha, settings=settings)
        answer = self.last.answer & ((1 << 64) - 1)
        self.values |= {
            "COMMAND": word,
            "RETURN0": answer & WORD,
            "RETURN1": answer >> DATA_WIDTH,
            "CYCLES": self.last.cycles,
            "IRQ_STATUS": self.values["IRQ_STATUS"] | DONE | (SPIKES if self.last.reports else 0),
        }
        return Error.NONE
