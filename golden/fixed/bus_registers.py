"""The register file as the bus sees it in a given clock cycle: values, refusals, and the progress of a command.

Nothing here steps through cycles. A command is run to its end when it is accepted (its effects cannot be seen while the
array is busy), and registers that move while it runs are computed from the cycle in which they are read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from golden.fixed.array import ArrayModel
from golden.fixed.array_command import NEVER, Execution
from golden.fixed.array_cycles import emptying_cycles
from golden.fixed.bits import mask
from golden.spec import Access, Config, Error, Register, registers
from golden.spec.constants import INDEX_NONE

FULL_STROBE = 0b1111
LONG_AGO = -(1 << 62)


@dataclass(frozen=True, slots=True)
class Settings:
    """DIMS and METRIC."""

    dims: int
    metric: int


class RegisterFile:
    """All registers of an array and the command that runs; ``cycle`` is always the current cycle since power-up.

    Attributes: ``array``; ``busy_until``: the last cycle in which the array is busy; ``done_cycle``: the cycle in which
    ``done`` is 1, NEVER if no command runs; ``irq``: the interrupt pin; ``by_word``: registers by word address.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.array = ArrayModel(config)
        self.by_word: dict[int, Register] = {register.addr >> 2: register for register in registers(config)}
        self._plain = {r.name: r.reset & mask(r.width) for r in self.by_word.values()}
        self._widths = {r.name: mask(r.width) for r in self.by_word.values()}
        self._reads: dict[str, Callable[[int], int]] = {
            name.removeprefix("_read_").upper(): getattr(self, name) for name in dir(self) if name.startswith("_read_")
        }
        self.reset(0)

    def reset(self, first_cycle: int) -> None:
        """The state in ``first_cycle``, the first one after a reset: the array empties itself for F cycles."""
        self._values = dict(self._plain)
        self.busy_until = first_cycle + emptying_cycles(self.config) - 1
        self.done_cycle = NEVER
        self.irq = 0
        self._first_cycle = first_cycle
        self._start = self._busy_from = LONG_AGO
        self._running = Execution(0)
        self._old_answer = self._old_unread = 0
        self._old_settings = self._settings()

    def interrupt(self, cycle: int) -> None:
        """A reset in ``cycle``: memory writes of later cycles are lost."""
        if cycle <= self.busy_until and self._busy_from != LONG_AGO:
            self.array.interrupt(cycle - self._busy_from)
        else:
            self.array.reset()
        self.reset(cycle + 1)

    def finish(self) -> None:
        """The end of the cycle in which ``done`` is 1."""
        self._values["IRQ_STATUS"] |= 1
        self.done_cycle = NEVER
        self._update_irq()

    def _update_irq(self) -> None:
        self.irq = int(bool(self._values["IRQ_STATUS"] & self._values["IRQ_ENABLE"]))

    def refuse(self, reason: Error) -> None:
        """Note why a transaction was refused."""
        self._values["ERROR"] = int(reason)

    # ---------------------------------------------------------------- reads

    def read(self, register: Register, cycle: int) -> int:
        """The value of a register that may be read in ``cycle``, and what reading it does."""
        if register.access is Access.WO:
            return 0
        special = self._reads.get(register.name)
        return special(cycle) if special else self._values[register.name]

    def may_read(self, register: Register, cycle: int) -> Error:
        """NONE, or why a read is refused."""
        return Error.BUSY if cycle <= self.busy_until and not register.busy_read else Error.NONE

    def _read_status(self, cycle: int) -> int:
        return (cycle <= self.busy_until) | self.irq << 1 | self._unread(cycle) << 4

    def _unread(self, cycle: int) -> int:
        """Results left to read."""
        if cycle > self.busy_until or self._start == LONG_AGO:
            return self.array.n_unread
        hidden = self._running.list_hidden
        return 0 if hidden != NEVER and cycle - self._start >= hidden else self._old_unread

    def _answer(self, cycle: int) -> int:
        passed = cycle - self._start
        if passed <= 1:
            return self._old_answer
        return self._running.answer if passed > self._running.answer_cycle else 0

    def _read_return0(self, cycle: int) -> int:
        return self._answer(cycle) & mask(32)

    def _read_return1(self, cycle: int) -> int:
        return self._answer(cycle) >> 32

    def _read_cycles(self, cycle: int) -> int:
        if self._start == LONG_AGO:  # the emptying after reset is no command
            return 0
        return min(cycle - self._start - 1, self._running.cycles)

    def _read_counter_lo(self, cycle: int) -> int:
        counter = cycle - self._first_cycle
        self._values["COUNTER_HI"] = counter >> 32 & self._widths["COUNTER_HI"]
        return counter & mask(32)

    def _read_settings(self, cycle: int) -> int:
        shown = self._old_settings if cycle - self._start <= 1 else self._settings()
        return shown.dims | shown.metric << 8

    def _settings(self) -> Settings:
        return Settings(self.array.dims, int(self.array.metric))

    def _first_unread(self) -> tuple[int, int, int] | None:
        array = self.array
        return array.results[len(array.results) - array.n_unread] if array.n_unread else None

    def _read_result_distance_lo(self, cycle: int) -> int:
        first = self._first_unread()
        return first[0] & mask(32) if first else 0

    def _read_result_distance_hi(self, cycle: int) -> int:
        first = self._first_unread()
        return first[0] >> 32 & mask(32) if first else 0

    def _read_result_record(self, cycle: int) -> int:
        first = self._first_unread()
        if first is None:
            return INDEX_NONE
        self.array.n_unread -= 1
        return first[2] | first[1] << 8 | 1 << 16

    # ---------------------------------------------------------------- writes

    def may_write(self, register: Register, data: int, strobe: int, cycle: int) -> Error:
        """NONE, or why a write is refused: the first reason that applies."""
        if not register.writable:
            return Error.READ_ONLY
        if strobe != FULL_STROBE:
            return Error.PARTIAL_WRITE
        if cycle <= self.busy_until and not register.busy_write:
            return Error.BUSY
        return self.array.refusal(data) if register.name == "COMMAND" else Error.NONE

    def write(self, register: Register, data: int, cycle: int) -> None:
        """A write in ``cycle`` that is not refused."""
        value = data & self._widths[register.name]
        if register.access is Access.W1C:
            value = self._values[register.name] & ~value
        self._values[register.name] = value
        if register.name == "COMMAND":
            self._command(value, cycle)
        self._update_irq()

    def _command(self, word: int, cycle: int) -> None:
        self._old_answer = self._answer(cycle)
        self._old_unread = self.array.n_unread
        self._old_settings = self._settings()
        self._running = self._execute(word)
        self._start = self._busy_from = cycle
        self.busy_until = self.done_cycle = cycle + self._running.cycles

    def _execute(self, word: int) -> Execution:
        """Run a command on the array with the registers as they are."""
        return self.array.execute(word, *self._operands())

    def _operands(self) -> tuple[int, int, int]:
        """DATA (64 bits), TYPE_MASK and ALPHA (signed)."""
        values = self._values
        alpha, data = values["ALPHA"], values["DATA0"] | values["DATA1"] << 32
        sign = 1 << (self.array.config.data_width - 1)
        return ((data ^ sign) - sign) & mask(64), values["TYPE_MASK"], alpha - (alpha >> 15 << 16)
