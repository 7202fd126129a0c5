"""A bus functional model: AXI4-Lite transactions on a simulated array, in batches, and commands with their interrupt.

Transactions of a batch are spaced so that each is answered before the next is put on the bus. The spacing follows from
the cycle contract and is checked on the trace, never assumed: every valid must meet a ready, every transaction must get
its one response. All response channels are always ready.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ganglion.backends.base import BackendError
from ganglion.engine import Engine
from ganglion.engine.ports import U64Array
from golden.spec import Config, Error, buffers, by_name

__all__ = ["AxiLiteBus", "BusError", "Transfer", "read", "write"]

FULL_STROBE = 0xF
OKAY = 0
RESPONSE_CYCLES = 2
"""From a transfer's handshake to its response; a buffer word takes one cycle an element more."""
MAX_COMMAND_CYCLES = 1 << 24
"""A command that has not ended after so many cycles never will: the slowest takes a few hundred thousand."""


class BusError(BackendError):
    """A transaction was refused (the message gives address and reason), or the bus broke its protocol."""


@dataclass(frozen=True)
class Transfer:
    """One transaction: a write of ``data``, or a read where ``data`` is None; ``addr`` is a byte address."""

    addr: int
    data: int | None = None


def write(addr: int, data: int) -> Transfer:
    """A write of a whole 32-bit word."""
    return Transfer(addr, data & 0xFFFFFFFF)


def read(addr: int) -> Transfer:
    """A read of a 32-bit word."""
    return Transfer(addr)


class AxiLiteBus:
    """The manager on the bus of a simulated :class:`hw.top.Ganglion` of ``config``.

    ``engine`` must be in its state after power-on or reset.
    """

    def __init__(self, engine: Engine, config: Config) -> None:
        self.engine = engine
        self.registers = by_name(config)
        inputs = {port.name: port.word_offset for port in engine.ports.inputs}
        outputs = {port.name: port.word_offset for port in engine.ports.outputs}
        self._in = {name.removeprefix("s_axil_"): offset for name, offset in inputs.items()}
        self._out = {name.removeprefix("s_axil_"): offset for name, offset in outputs.items()}
        self._idle = np.zeros(engine.ports.n_in_words, np.uint64)
        self._idle[[self._in["bready"], self._in["rready"]]] = 1
        self._elements = {
            addr: buffer.n_per_word for buffer in buffers(config) for addr in range(buffer.addr, buffer.end, 4)
        }
        self._expected: dict[int, int] = {}
        self._interrupted = False
        self.n_cycles = 0
        """Clock cycles simulated so far."""

    def transfer(self, transfers: Sequence[Transfer]) -> list[int]:
        """Runs transactions one after the other; returns the data of the reads.

        Raises BusError for a response that is not OKAY.
        """
        with self._whole():
            values, _trace = self._run(transfers, 0)
        return values

    def command(self, word: int, before: Sequence[Transfer] = (), after: Sequence[Transfer] = ()) -> list[int]:
        """``before``, a write of ``word`` to COMMAND, its interrupt, ``after``: all in one go. Returns all data read.

        The DONE interrupt must be enabled; it is cleared behind ``after``.
        """
        with self._whole():
            opcode = word & 0xFF
            start = [*before, write(self.registers["COMMAND"].addr, word)]
            # A guess from the last command of this kind saves a call; it never cuts the wait short.
            values, trace = self._run(start, self._expected.get(opcode, 0))
            raised = np.flatnonzero(trace[:, self._out["irq"]])
            at = int(raised[0]) if len(raised) else len(trace) + self._wait()
            self._expected[opcode] = max(0, at - self._length(start) + 1)
            more, _trace = self._run([*after, write(self.registers["IRQ_STATUS"].addr, 1)], 0)
        return values + more

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is interrupted in here (Ctrl-C) leaves the bus somewhere inside a transfer: nothing more can be done."""
        if self._interrupted:
            raise BusError("an interrupted transfer left the simulated bus in an unknown state")
        self._interrupted = True
        try:
            yield
        except BusError:
            self._interrupted = False
            raise
        self._interrupted = False

    def idle(self, n_cycles: int) -> None:
        """Lets ``n_cycles`` pass without a transaction."""
        self.engine.run_segments([n_cycles], self._idle[np.newaxis])
        self.n_cycles += n_cycles

    def wait_until_idle(self) -> None:
        """Polls STATUS until no command runs (after a reset, until the array is empty)."""
        status = self.registers["STATUS"].addr
        pause = 1
        while self.transfer([read(status)])[0] & 1:
            if pause > MAX_COMMAND_CYCLES:
                raise BusError(f"the array is still busy after {self.n_cycles} cycles")
            self.idle(pause)
            pause *= 2

    def _wait(self) -> int:
        """Idle cycles until the interrupt is up; returns how many."""
        total, step = 0, 8
        while total < MAX_COMMAND_CYCLES:
            events = self.engine.run_segments([step], self._idle[np.newaxis])
            self.n_cycles += step
            raised = (events.word == self._out["irq"]) & (events.value == 1)
            if raised.any():
                return total + int(events.cycle[raised][0]) - (self.engine.cycle - step)
            total += step
            step = min(step * 2, 1 << 16) if total >= 4 * step else step
        raise BusError(f"no interrupt {total} cycles after a command")

    def _cycles_of(self, transfer: Transfer) -> int:
        return RESPONSE_CYCLES + self._elements.get(transfer.addr & ~3, 0)

    def _length(self, transfers: Sequence[Transfer]) -> int:
        return sum(self._cycles_of(t) for t in transfers) + 1

    def _run(self, transfers: Sequence[Transfer], n_idle: int) -> tuple[list[int], U64Array]:
        """The transactions, then ``n_idle`` more cycles: data of the reads, and the trace."""
        stimulus = np.repeat(self._idle[np.newaxis], self._length(transfers) + n_idle, axis=0)
        row = 0
        reads: list[tuple[int, Transfer]] = []
        writes: list[tuple[int, Transfer]] = []
        i = self._in
        for transfer in transfers:
            if transfer.data is None:
                stimulus[row, [i["arvalid"], i["araddr"]]] = 1, transfer.addr
                reads.append((row, transfer))
            else:
                stimulus[row, [i["awvalid"], i["awaddr"], i["wvalid"], i["wdata"], i["wstrb"]]] = (
                    *(1, transfer.addr, 1, transfer.data),
                    FULL_STROBE,
                )
                writes.append((row, transfer))
            row += self._cycles_of(transfer)
        trace = self.engine.run(stimulus)
        self.n_cycles += len(stimulus)
        self._check(trace, writes, ("awready", "wready"), "bvalid", "bresp")
        answered = self._check(trace, reads, ("arready",), "rvalid", "rresp")
        return trace[answered, self._out["rdata"]].tolist(), trace

    def _check(
        self, trace: U64Array, transfers: list[tuple[int, Transfer]], readies: tuple[str, ...], valid: str, resp: str
    ) -> np.ndarray:
        """Handshakes and responses of the transfers at their rows; returns the rows of the responses."""
        rows = [row for row, _transfer in transfers]
        answered = np.flatnonzero(trace[:, self._out[valid]])
        for ready in readies:
            if not trace[rows, self._out[ready]].all():
                raise BusError(f"{ready} was 0 when a transfer was due")
        expected = [row + self._cycles_of(transfer) for row, transfer in transfers]
        if answered.tolist() == expected and not trace[answered, self._out[resp]].any():
            return answered
        if len(answered) != len(expected):
            raise BusError(f"{len(expected)} transfers got {len(answered)} responses ({valid})")
        for row, (_at, transfer) in zip(answered.tolist(), transfers, strict=True):
            code = int(trace[row, self._out[resp]])
            if code != OKAY:
                self._refused(transfer, code)
        raise BusError(f"responses ({valid}) came in cycles {answered.tolist()}, expected {expected}")

    def _refused(self, transfer: Transfer, code: int) -> None:
        reason, _trace = self._run([read(self.registers["ERROR"].addr)], 0)
        what = "read of" if transfer.data is None else f"write of {transfer.data:#010x} to"
        raise BusError(f"{what} {transfer.addr:#05x} was refused (response {code}): {Error(reason[0]).name}")
