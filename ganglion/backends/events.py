"""The bus of a simulated event unit: long scripts of AXI4-Lite transactions, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganglion.backends.bus import FULL_STROBE, OKAY, RESPONSE_CYCLES, BusError
from ganglion.engine import Engine
from ganglion.engine.ports import U64Array
from golden.spec.event_registers import event_registers_by_name
from golden.spec.event_unit import EventError, EventUnitShape

__all__ = ["Answers", "EventBus", "Script"]

IDLE, WRITE, READ = range(3)
WORD = (1 << 32) - 1


class Script:
    """Transactions and pauses, one after the other; methods return the script."""

    def __init__(self, shape: EventUnitShape) -> None:
        self._addr = {name: register.addr for name, register in event_registers_by_name(shape).items()}
        self._rows: list[NDArray[np.int64]] = []

    def _add(self, kind: ArrayLike, addr: ArrayLike, data: ArrayLike) -> Script:
        kinds, addrs, values = np.broadcast_arrays(kind, np.atleast_1d(addr), data)
        self._rows.append(np.stack([kinds, addrs, values], axis=1).astype(np.int64))
        return self

    def write(self, name: str, data: ArrayLike, *, pause: int = 0) -> Script:
        """Writes [n] or one word to a register, one after the other, with ``pause`` cycles after each."""
        words = np.atleast_1d(np.asarray(data, np.int64)) & WORD
        if not pause:
            return self._add(WRITE, self._addr[name], words)
        kinds, addrs = np.tile([WRITE, IDLE], len(words)), np.tile([self._addr[name], 0], len(words))
        return self._add(kinds, addrs, np.stack([words, np.full_like(words, pause)], axis=1).ravel())

    def write_all(self, names: list[str], data: ArrayLike) -> Script:
        """Writes ``data`` [n, len(names)] row by row, each column to its register."""
        rows = np.asarray(data, np.int64).reshape(-1, len(names)) & WORD
        addrs = np.broadcast_to([self._addr[name] for name in names], rows.shape)
        return self._add(WRITE, addrs.ravel(), rows.ravel())

    def read(self, *names: str) -> Script:
        """Reads registers."""
        return self._add(READ, [self._addr[name] for name in names], 0)

    def idle(self, n_cycles: int) -> Script:
        """Lets cycles pass."""
        return self._add(IDLE, 0, n_cycles)

    def at(self, kind: int, addr: int, data: int = 0) -> Script:
        """A read (2) or write (1) of any address."""
        return self._add(kind, addr, data)

    def table(self) -> NDArray[np.int64]:
        """Kind, address and data (cycles of a pause), [n, 3]."""
        return np.concatenate([np.zeros((0, 3), np.int64), *self._rows])


@dataclass(frozen=True)
class Answers:
    """``data`` [n_reads] u32; ``refused`` [n_transfers], in order; ``trace`` of all outputs, [n_cycles, n_words]."""

    data: NDArray[np.uint32]
    refused: NDArray[np.bool_]
    trace: U64Array


class EventBus:
    """The manager on the bus of a simulated :class:`hw.event_unit.EventUnit`. Responses are taken at once."""

    def __init__(self, engine: Engine, shape: EventUnitShape) -> None:
        self.engine, self.shape = engine, shape
        inputs = {port.name.removeprefix("s_axil_"): port.word_offset for port in engine.ports.inputs}
        self._in, self._out = (
            inputs,
            {port.name.removeprefix("s_axil_"): port.word_offset for port in engine.ports.outputs},
        )
        self.n_cycles = 0
        """Clock cycles simulated so far."""

    def script(self) -> Script:
        """An empty script."""
        return Script(self.shape)

    def run(self, script: Script) -> NDArray[np.uint32]:
        """Runs a script; the data of its reads. Raises BusError at the first transaction that is refused."""
        answers = self.try_run(script)
        if answers.refused.any():
            table = script.table()
            kind, addr, data = table[table[:, 0] != IDLE][int(answers.refused.argmax())].tolist()
            last = int(self.try_run(self.script().read("ERROR")).data[0])
            what = f"write of {data:#010x} to" if kind == WRITE else "read of"
            raise BusError(f"{what} {addr:#05x} was refused; ERROR is {EventError(last).name}")
        return answers.data

    def try_run(self, script: Script) -> Answers:
        """Runs a script, whatever is refused. Raises BusError if the bus breaks its protocol."""
        table = script.table()
        kind, addr, data = table.T
        cycles = np.where(kind == IDLE, data, RESPONSE_CYCLES)
        starts = np.cumsum(cycles) - cycles
        stimulus = np.zeros((int(cycles.sum()) + 1, self.engine.ports.n_in_words), np.uint64)
        i, o = self._in, self._out
        stimulus[:, [i["bready"], i["rready"]]] = 1
        writes, reads = kind == WRITE, kind == READ
        at = starts[writes]
        for name, values in (("awaddr", addr), ("wdata", data)):
            stimulus[at, i[name]] = values[writes].astype(np.uint64)
        stimulus[at, i["awvalid"]] = stimulus[at, i["wvalid"]] = 1
        stimulus[at, i["wstrb"]] = FULL_STROBE
        stimulus[starts[reads], i["arvalid"]] = 1
        stimulus[starts[reads], i["araddr"]] = addr[reads].astype(np.uint64)
        trace = self.engine.run(stimulus)
        self.n_cycles += len(stimulus)
        answered = starts + RESPONSE_CYCLES
        refused = np.zeros(len(kind), np.bool_)
        for chosen, valid, response in ((writes, "bvalid", "bresp"), (reads, "rvalid", "rresp")):
            if not np.array_equal(np.flatnonzero(trace[:, o[valid]]), answered[chosen]):
                raise BusError(f"{valid} did not come {RESPONSE_CYCLES} cycles after each transfer")
            refused[chosen] = trace[answered[chosen], o[response]] != OKAY
        return Answers(trace[answered[reads], o["rdata"]].astype(np.uint32), refused[kind != IDLE], trace)
