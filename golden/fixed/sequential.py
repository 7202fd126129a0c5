"""The sequential engine: a processor with its program, its memory and its ports, from command to command.

What a command does is the program's business here, cycle by cycle; :class:`~golden.fixed.array.ArrayModel` says what it
must do. The engine keeps its own memory, neurons and list.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import I64Array, mask
from golden.fixed.processor import Processor, Program
from golden.fixed.sequential_ports import PortState, Progress, Request, SequentialPorts
from golden.spec import Config
from golden.spec.constants import MAX_DIMS, N_NODE_TYPES, VECTORS_PER_CORE
from golden.spec.sequential_ports import NODES_BASE

MAX_ROWS = 128 * VECTORS_PER_CORE
NODE_WORDS = 2
"""32-bit words of a node."""
TYPE_SHIFT, WEIGHT_SHIFT, COUNTS_WIDTH = 8, 16, 4
"""In a node's second word, whose low bits are bits 35..32 of the graph word."""
LONGEST_BOOT = 1 << 20
LONGEST_COMMAND = 1 << 28
"""Cycles after which a program is taken to hang."""


@cache
def engine_program() -> Program:
    """The program of ``firmware/sequential``."""
    from golden.spec.sequential_program import PROGRAM

    return Program(PROGRAM)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine at some time between two instructions."""

    registers: list[int]
    memory: bytes
    pc: int
    cycle: int
    ports: PortState


class SequentialEngine:
    """One engine from a reset on. Cycles are those of the whole, not of a command.

    Attributes: ``processor``, ``ports``; ``rows`` [4096, 16] and ``nodes`` [4096, 2] are views of its memory.
    """

    def __init__(self, config: Config, program: Program | None = None, *, strict: bool = False) -> None:
        self.config = config
        self.ports: SequentialPorts
        self.processor = Processor(program or engine_program(), self._behind(config), strict=strict)
        space = self.processor.memory
        rows = np.frombuffer(space[:NODES_BASE], np.int8).reshape(MAX_ROWS, MAX_DIMS)
        nodes = np.frombuffer(space[NODES_BASE:], "<u4", MAX_ROWS * NODE_WORDS)
        self.rows: npt.NDArray[np.int8] = rows
        self.nodes: npt.NDArray[np.uint32] = nodes.reshape(MAX_ROWS, NODE_WORDS)
        self.ports.rows = self.rows
        self._before = self._snapshot()
        self._reached = 0
        self.reset(0)

    def _behind(self, config: Config) -> SequentialPorts:
        self.ports = SequentialPorts(config)
        return self.ports

    def reset(self, first_cycle: int) -> None:
        """Begin anew in ``first_cycle``, the first one after a reset, with memory, buffers and registers as they are;
        run until the program waits for a command."""
        self.ports.reset()
        self.processor.reset(first_cycle)
        self._before = self._snapshot()
        self._go(first_cycle + LONGEST_BOOT)

    @property
    def progress(self) -> Progress:
        """What the boot or the last command has shown so far."""
        return self.ports.progress

    @property
    def idle_from(self) -> int:
        """With no command at work: the first cycle in which nothing moves until one is accepted."""
        return self.processor.cycle

    # ---------------------------------------------------------------- commands

    def begin(self, request: Request, cycle: int) -> Progress:
        """A command accepted in ``cycle``: runs to where the program waits for the next one, or for a port whose value
        has to be given (:attr:`wants`). Returns what it has shown, which :meth:`give` goes on with."""
        self._before = self._snapshot()
        self.ports.accept(request, cycle)
        self._go(cycle + LONGEST_COMMAND)
        return self.progress

    @property
    def wants(self) -> tuple[int, int] | None:
        """The port whose value the program waits for, and in which cycle it takes it; None when it needs none."""
        return self.ports.wants

    def give(self, value: int) -> None:
        """The value of the port that the program waits for."""
        assert self.ports.wants is not None, "no port waits for a value"
        self.ports.outside[self.ports.wants] = value
        self._go(self.ports.wants[1] + LONGEST_COMMAND)

    def run(self, request: Request) -> Progress:
        """All of a command that is accepted while the program waits, with nothing in the inlet, no edge pending and the
        reporter idle; its cycles count from the one in which it is accepted."""
        progress = self.begin(request, max(self.processor.cycle + 2, self.ports.state.reporter_idle))
        while self.ports.wants is not None:
            self.give(0)
        return progress.since(self.ports.accepted)

    def wait_since(self, cycle: int, reporter_idle: int) -> None:
        """Take ``cycle`` for :attr:`idle_from`; the reporter is idle from the other one on."""
        self.processor.cycle = self._reached = cycle
        self.ports.state.reporter_idle = reporter_idle
        self.ports.state.scan.idle_at = cycle

    def _go(self, limit: int) -> None:
        if not self.processor.run(limit):
            raise RuntimeError(f"the program does not come to an end: at {self.processor.pc:#x} in cycle {limit:,}")
        self._reached = self.processor.cycle
        if self.ports.wants is None and self.progress.finish is None:
            raise RuntimeError(f"the program waits for a command and has not finished one, at {self.processor.pc:#x}")

    # ---------------------------------------------------------------- memory, and a reset in the middle

    def load_memory(self, rows: npt.ArrayLike, words: I64Array, types: I64Array, weights: I64Array) -> None:
        """Write rows [cores, 32, 16], graph words, types and weights [cores, 32] of the array's cores."""
        n = words.size
        self.rows[:n] = np.asarray(rows).reshape(n, MAX_DIMS)
        self.nodes[:n, 0] = (words & mask(32)).ravel()
        high = words >> 32 | types << TYPE_SHIFT | weights << WEIGHT_SHIFT
        self.nodes[:n, 1] = (self.nodes[:n, 1] & (mask(8) << 24)) | high.ravel().astype(np.uint32)

    def stored(self) -> tuple[I64Array, I64Array, I64Array, I64Array]:
        """Rows, graph words, types and weights of all cores, in the shapes of :meth:`load_memory`."""
        n = self.config.cores * VECTORS_PER_CORE
        low, high = self.nodes[:n].astype(np.int64).T
        shape = self.config.cores, VECTORS_PER_CORE
        columns = (
            low | (high & mask(COUNTS_WIDTH)) << 32,
            high >> TYPE_SHIFT & N_NODE_TYPES - 1,
            high >> WEIGHT_SHIFT & mask(8),
        )
        words, types, weights = (column.reshape(shape) for column in columns)
        return self.rows[:n].astype(np.int64).reshape(*shape, MAX_DIMS), words, types, weights

    def _snapshot(self) -> Snapshot:
        processor = self.processor
        return Snapshot(
            list(processor.registers), bytes(processor.memory), processor.pc, processor.cycle, self.ports.state.copy()
        )

    def interrupt(self, cycle: int) -> None:
        """A reset in ``cycle``: back to what had been written by its end. :meth:`reset` comes next."""
        if cycle >= self._reached:
            return
        before, processor = self._before, self.processor
        processor.registers[:] = before.registers
        processor.memory[:] = before.memory
        processor.pc, processor.cycle = before.pc, before.cycle
        self.ports.state = before.ports.copy()
        self.ports.repeat()
        processor.run_to(cycle)
