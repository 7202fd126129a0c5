"""The processor of the sequential engine, instruction by instruction, with the cycle of everything that it does.

``docs/contract_sequential.md`` has instructions, cycles and addresses. Runs of instructions are Python functions
(:mod:`golden.fixed.processor_traces`), so that a second of the host's time is some million instructions. What is behind
the port addresses is an object of the caller's, which is told the cycle of each access.
"""

from collections.abc import Callable
from typing import Any, Protocol

from golden.fixed.bits import mask
from golden.fixed.processor_traces import (
    CYCLES,
    MORE_LOAD,
    MORE_MULTIPLY,
    MORE_PORT_LOAD,
    N_REGISTERS,
    TO_PORT,
    Instruction,
    ProcessorError,
    Program,
    decode,
)
from golden.spec.sequential_ports import MEMORY_BYTES, PORT_BASE, PROGRAM_BASE

__all__ = ["Ports", "Processor", "ProcessorError", "Program"]

WORD = mask(32)
NEAR = 4096
"""More cycles than there are in any trace."""
NO_LIMIT = 1 << 62


class Ports(Protocol):
    """What is behind the port addresses. Numbers count words from 0x20000 on; values are unsigned 32 bits."""

    def load(self, number: int, cycle: int) -> tuple[int, int] | None:
        """The value of a load whose first M is ``cycle``, and the cycles that it stalls; None if that is not known yet.

        A load changes nothing: it may be asked for again.
        """

    def store(self, number: int, value: int, cycle: int) -> None:
        """A store that the port sees in ``cycle``."""


class Processor:
    """One processor with its memory. ``pc`` is the next instruction, ``cycle`` the cycle of its R.

    Attributes: ``registers`` [32], unsigned; ``memory``: 128 KiB, bytes; ``strict``: misaligned accesses are an error.
    """

    def __init__(self, program: Program, ports: Ports, *, strict: bool = False) -> None:
        self.program = program
        self.ports = ports
        self.strict = strict
        self.registers = [0] * N_REGISTERS
        words = b"".join(word.to_bytes(4, "little") for word in program.words)
        # One space, so that loads of the program's tables look like any.
        space = memoryview(bytearray(PROGRAM_BASE) + words)
        self.memory = space[:MEMORY_BYTES]
        self._names: dict[str, Any] = {
            "m_b": space.cast("b"),
            "m_B": space,
            "m_h": space.cast("h"),
            "m_H": space.cast("H"),
            "m_I": space.cast("I"),
            "store": self._store,
            "misaligned": _misaligned,
        }
        self._traces: dict[int, Callable[[list[int], int, int], tuple[int, int]]] = {}
        self.reset(-1)

    def reset(self, first_cycle: int) -> None:
        """The state in ``first_cycle``, an F, the first one after a reset; registers and memory keep what they have.

        A new processor has its first R in cycle 0.
        """
        self.pc, self.cycle = PROGRAM_BASE, first_cycle + 1

    def _store(self, address: int, value: int, cycle: int) -> None:
        if not PORT_BASE <= address < PROGRAM_BASE:
            raise ProcessorError(f"a store to {address:#x}")
        if self.strict and address & 3:
            _misaligned(address)
        self.ports.store(address - PORT_BASE >> 2, value, cycle)

    # ---------------------------------------------------------------- running

    def run(self, limit: int = NO_LIMIT) -> bool:
        """Go on until a port has no value yet (True), or about until cycle ``limit`` (False).

        With False, the next instruction begins after the limit, less than ``NEAR`` cycles, or is a load of a port that
        ends after it.
        """
        registers, traces = self.registers, self._traces
        pc, cycle = self.pc, self.cycle
        try:
            while cycle <= limit:
                trace = traces.get(pc) or self._translate(pc)
                pc, cycle = trace(registers, cycle, limit)
                while pc & 1:
                    instruction = decode(self.program.fetch(pc - 1))
                    loaded = self._load_port(instruction, cycle)
                    if loaded is None:
                        return True
                    ends = cycle + CYCLES + MORE_PORT_LOAD + loaded[1]
                    if ends > limit:
                        return False
                    if instruction.rd:
                        registers[instruction.rd] = loaded[0]
                    pc, cycle = pc + 3, ends
        except IndexError as error:
            raise ProcessorError(f"an address that there is not, in the trace from {pc:#x} on") from error
        finally:
            self.pc, self.cycle = pc & ~1, cycle
        return False

    def _load_port(self, instruction: Instruction, cycle: int) -> tuple[int, int] | None:
        address = self.registers[instruction.rs1] + instruction.immediate & WORD
        if self.strict and address & 3:
            _misaligned(address)
        return self.ports.load(address - PORT_BASE >> 2, cycle + TO_PORT)

    def _translate(self, pc: int) -> Callable[[list[int], int, int], tuple[int, int]]:
        self._traces[pc] = trace = self._function(self.program.code(pc, strict=self.strict))
        return trace

    def _function(self, code: Any) -> Callable[[list[int], int, int], tuple[int, int]]:
        names = dict(self._names)
        exec(code, names)
        trace: Callable[[list[int], int, int], tuple[int, int]] = names["trace"]
        return trace

    def run_to(self, last_cycle: int) -> None:
        """Go on to the end of cycle ``last_cycle``: whatever is written by then has happened, and nothing later.

        All ports must know their values. Then the processor may be reset, but not go on.
        """
        self.run(last_cycle - NEAR)
        while self._step(last_cycle):
            pass

    def _step(self, last_cycle: int) -> bool:
        """One instruction, if its result is written by the end of ``last_cycle``."""
        i = decode(self.program.fetch(self.pc))
        ends = self.cycle + CYCLES - 1 + (MORE_MULTIPLY[i.funct3] if i.is_multiplication else 0)
        if i.is_load or i.is_store:
            address = self.registers[i.rs1] + i.immediate & WORD
            is_port = PORT_BASE <= address < PROGRAM_BASE
            if i.is_load:
                ends += MORE_PORT_LOAD if is_port else MORE_LOAD
            else:
                ends += is_port
            if i.is_load and is_port:
                loaded = self._load_port(i, self.cycle)
                if loaded is None or ends + loaded[1] > last_cycle:
                    return False
                if i.rd:
                    self.registers[i.rd] = loaded[0]
                self.pc, self.cycle = self.pc + 4, ends + loaded[1] + 1
                return True
        if ends > last_cycle:
            return False
        trace = self._function(self.program.code(self.pc, 1, strict=self.strict))
        self.pc, self.cycle = trace(self.registers, self.cycle, NO_LIMIT)
        return True


def _misaligned(address: int) -> None:
    raise ProcessorError(f"a misaligned access to {address:#x}")
