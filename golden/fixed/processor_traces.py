"""Programs of the sequential engine's processor, and their translation to Python.

A *trace* is a run of instructions from some address on: it goes on behind branches that are not taken, and follows
jumps whose targets are known. It becomes a function of the registers' list, the cycle of its first instruction's R and
a limit, which returns where the program goes on and in which cycle; registers are local variables inside. A branch back
to a trace's beginning stays inside the function. A load that turns out to be a port's ends the trace; an odd address
says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType

from golden.fixed.bits import mask
from golden.spec.sequential_ports import MEMORY_BYTES, PORT_BASE, PROGRAM_BASE

N_REGISTERS = 32

CYCLES = 2
"""Cycles R and X of every instruction."""
MORE_BRANCH, MORE_LOAD, MORE_PORT_LOAD = 1, 1, 2
MORE_MULTIPLY = {0: 3, 2: 4}
"""MUL and MULHSU, by funct3."""
TO_PORT = 2
"""From an instruction's R to the cycle in which a port sees its store, and to the first M of a load."""
LONGEST_TRACE = 96
"""Instructions of a trace at most."""

WORD, SIGN = mask(32), 1 << 31
BRANCHES = {0: "==", 1: "!=", 4: "<", 5: ">=", 6: "<", 7: ">="}
LOADS = {0: ("b", 0), 1: ("h", 1), 2: ("I", 2), 4: ("B", 0), 5: ("H", 1)}
STORES = {0: ("B", 0), 1: ("H", 1), 2: ("I", 2)}


class ProcessorError(RuntimeError):
    """The program did what a program must not: an unknown instruction, or an address that there is not."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction's fields; ``immediate`` is signed, for LUI shifted, for shifts the distance."""

    opcode: int
    rd: int
    rs1: int
    rs2: int
    funct3: int
    funct7: int
    immediate: int

    @property
    def is_load(self) -> bool:
        return self.opcode == LOAD

    @property
    def is_store(self) -> bool:
        return self.opcode == STORE

    @property
    def is_multiplication(self) -> bool:
        return self.opcode == REGISTER and self.funct7 == MULTIPLY


LUI, JAL, JALR, BRANCH, LOAD, STORE, IMMEDIATE, REGISTER = 0x37, 0x6F, 0x67, 0x63, 0x03, 0x23, 0x13, 0x33
MULTIPLY, ALTERNATE = 1, 0x20
SHIFTS = (1, 5)


def _signed(value: int, width: int) -> int:
    return (value & mask(width)) - ((value >> (width - 1) & 1) << width)


def decode(word: int) -> Instruction:
    """The fields of a word. Raises ProcessorError for one that is no instruction of this processor."""
    opcode, rd, funct3, rs1 = word & 0x7F, word >> 7 & 31, word >> 12 & 7, word >> 15 & 31
    rs2, funct7 = word >> 20 & 31, word >> 25
    immediate, valid = _signed(word >> 20, 12), True
    match opcode:
        case _ if opcode == LUI:
            immediate = word & ~mask(12)
        case _ if opcode == JAL:
            fields = word >> 31 << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
            immediate = _signed(fields, 21)
        case _ if opcode == JALR:
            valid = funct3 == 0
        case _ if opcode == BRANCH:
            fields = word >> 31 << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 0x3F) << 5 | (word >> 8 & 15) << 1
            immediate, valid = _signed(fields, 13), funct3 in BRANCHES
        case _ if opcode == LOAD:
            valid = funct3 in LOADS
        case _ if opcode == STORE:
            immediate, valid = _signed(funct7 << 5 | rd, 12), funct3 in STORES
            rd = 0
        case _ if opcode == IMMEDIATE:
            if funct3 in SHIFTS:
                immediate, valid = rs2, funct7 == 0 or (funct7 == ALTERNATE and funct3 == 5)
        case _ if opcode == REGISTER:
            valid = (
                funct7 == 0
                or (funct7 == ALTERNATE and funct3 in (0, 5))
                or (funct7 == MULTIPLY and funct3 in MORE_MULTIPLY)
            )
        case _:
            valid = False
    if not valid:
        raise ProcessorError(f"{word:#010x} is no instruction of this processor")
    return Instruction(opcode, 0 if opcode == BRANCH else rd, rs1, rs2, funct3, funct7, immediate)


def _name(register: int) -> str:
    return f"x{register}" if register else "0"


def _operation(i: Instruction) -> str:
    """The Python expression of an arithmetic instruction's result."""
    a, b = _name(i.rs1), _name(i.rs2) if i.opcode == REGISTER else str(i.immediate & WORD)
    if i.is_multiplication:
        return f"{a} * {b} & {WORD}" if i.funct3 == 0 else f"(({a} ^ {SIGN}) - {SIGN}) * {b} >> 32 & {WORD}"
    distance = f"({b} & 31)" if i.opcode == REGISTER else str(i.immediate)
    match i.funct3:
        case 0 if i.opcode == REGISTER and i.funct7 == ALTERNATE:
            return f"{a} - {b} & {WORD}"
        case 0:
            if i.opcode == IMMEDIATE and (i.immediate == 0 or i.rs1 == 0):
                return a if i.immediate == 0 else b
            return f"{a} + {b} & {WORD}"
        case 1:
            return f"{a} << {distance} & {WORD}"
        case 2:
            other = f"({b} ^ {SIGN})" if i.opcode == REGISTER else str(i.immediate & WORD ^ SIGN)
            return f"+(({a} ^ {SIGN}) < {other})"
        case 3:
            return f"+({a} < {b})"
        case 4:
            return f"{a} ^ {b}"
        case 5 if i.funct7 == ALTERNATE:
            return f"(({a} ^ {SIGN}) - {SIGN} >> {distance}) & {WORD}"
        case 5:
            return f"{a} >> {distance}"
        case 6:
            return f"{a} | {b}"
        case _:
            return f"{a} & {b}"


class Trace:
    """The source of one trace's function, made instruction by instruction."""

    def __init__(self, program: "Program", first: int, most: int, *, strict: bool) -> None:
        self._lines: list[tuple[int, str]] = []
        self._reads: set[int] = set()
        self._writes: set[int] = set()
        self._known: dict[int, int] = {}
        self._cost = 0
        self._strict = strict
        self._program = program
        self._first = first
        self._loops = False
        self._make(first, most)

    def source(self) -> str:
        """The function's text."""
        inside = 2 if self._loops else 1
        used = sorted(self._reads | self._writes)
        lines = ["def trace(r, c, limit):", *(f" x{i} = r[{i}]" for i in used)]
        if self._loops:
            lines.append(" while True:")
        for depth, text in self._lines:
            if text == "LEAVE":
                lines += [" " * (inside + depth) + f"r[{i}] = x{i}" for i in sorted(self._writes)]
            else:
                lines.append(" " * (inside + depth) + text)
        return "\n".join(lines) + "\n"

    def _add(self, text: str, depth: int = 0) -> None:
        self._lines.append((depth, text))

    def _leave(self, target: str, cost: int, depth: int = 0) -> None:
        """The registers go back to their list, and the program goes on at ``target``."""
        self._add("LEAVE", depth)
        self._add(f"return {target}, c + {cost}", depth)

    def _read(self, *registers: int) -> None:
        self._reads.update(register for register in registers if register)

    def _write(self, register: int, expression: str) -> None:
        if register:
            self._writes.add(register)
            self._known.pop(register, None)
            self._add(f"x{register} = {expression}")

    def _make(self, first: int, most: int) -> None:
        pc, done = first, set[int]()
        while True:
            if pc in done or len(done) == most:
                if pc == first and len(done) < most:
                    self._again(self._cost, 0)
                else:
                    self._leave(str(pc), self._cost)
                return
            try:
                instruction = decode(self._program.fetch(pc))
            except ProcessorError:
                if not done:
                    raise
                # Perhaps the program never comes here.
                self._leave(str(pc), self._cost)
                return
            done.add(pc)
            follows = self._instruction(instruction, pc)
            if follows is None:
                return
            pc = follows

    def _again(self, cost: int, depth: int) -> None:
        """Back to the beginning."""
        self._loops = True
        self._add(f"c += {cost}", depth)
        self._add("if c <= limit: continue", depth)
        self._leave(str(self._first), 0, depth)

    def _instruction(self, i: Instruction, pc: int) -> int | None:
        """Add an instruction; the next one's address, None if the trace ends."""
        match i.opcode:
            case _ if i.opcode == LUI:
                self._constant(i.rd, i.immediate)
            case _ if i.opcode == JAL:
                self._constant(i.rd, pc + 4)
                self._cost += CYCLES + MORE_BRANCH
                return pc + i.immediate & WORD
            case _ if i.opcode == JALR:
                return self._jump(i, pc)
            case _ if i.opcode == BRANCH:
                return self._branch(i, pc)
            case _ if i.opcode == LOAD:
                return pc + 4 if self._load(i, pc) else None
            case _ if i.opcode == STORE:
                self._store(i)
            case _:
                self._arithmetic(i)
        self._cost += CYCLES
        return pc + 4

    def _constant(self, register: int, value: int) -> None:
        self._write(register, str(value))
        if register:
            self._known[register] = value

    def _arithmetic(self, i: Instruction) -> None:
        known = self._known.get(i.rs1) if i.rs1 else 0
        if i.opcode == IMMEDIATE and i.funct3 == 0 and known is not None:
            self._constant(i.rd, known + i.immediate & WORD)
            return
        self._read(i.rs1, i.rs2 if i.opcode == REGISTER else 0)
        self._write(i.rd, _operation(i))
        if i.is_multiplication:
            self._cost += MORE_MULTIPLY[i.funct3]

    def _jump(self, i: Instruction, pc: int) -> int | None:
        self._cost += CYCLES + MORE_BRANCH
        known = self._known.get(i.rs1) if i.rs1 else 0
        if known is not None:
            self._constant(i.rd, pc + 4)
            return known + i.immediate & WORD & ~1
        self._read(i.rs1)
        self._add(f"target = {_name(i.rs1)} + {i.immediate} & {WORD & ~1}")
        self._constant(i.rd, pc + 4)
        self._leave("target", self._cost)
        return None

    def _branch(self, i: Instruction, pc: int) -> int:
        self._read(i.rs1, i.rs2)
        a, b = _name(i.rs1), _name(i.rs2)
        if i.funct3 in (4, 5):
            a, b = (f"({x} ^ {SIGN})" if x != "0" else str(SIGN) for x in (a, b))
        self._add(f"if {a} {BRANCHES[i.funct3]} {b}:")
        self._cost += CYCLES
        target = pc + i.immediate & WORD
        if target == self._first:
            self._again(self._cost + MORE_BRANCH, 1)
        else:
            self._leave(str(target), self._cost + MORE_BRANCH, 1)
        return pc + 4

    def _address(self, i: Instruction, shift: int) -> int | None:
        """The address if it is known; else code that puts it into ``a``."""
        known = self._known.get(i.rs1) if i.rs1 else 0
        if known is not None:
            return known + i.immediate & WORD
        self._read(i.rs1)
        self._add(f"a = x{i.rs1} + {i.immediate} & {WORD}" if i.immediate else f"a = x{i.rs1}")
        if self._strict and shift:
            self._add(f"if a & {mask(shift)}: misaligned(a)")
        return None

    def _load(self, i: Instruction, pc: int) -> bool:
        """Whether the trace goes on: a load that is sure to be a port's ends it."""
        kind, shift = LOADS[i.funct3]
        known = self._address(i, shift)
        place = f"a >> {shift}" if shift else "a"
        if known is not None:
            if PORT_BASE <= known < PROGRAM_BASE:
                self._leave(str(pc | 1), self._cost)
                return False
            if self._strict and known & mask(shift):
                self._add(f"misaligned({known})")
            place = str(known >> shift)
        else:
            self._add(f"if {PORT_BASE} <= a < {PROGRAM_BASE}:")
            self._leave(str(pc | 1), self._cost, 1)
        loaded = f"m_{kind}[{place}]" + (f" & {WORD}" if kind in "bh" else "")
        if i.rd:
            self._write(i.rd, loaded)
        else:
            self._add(loaded)
        self._cost += CYCLES + MORE_LOAD
        return True

    def _store(self, i: Instruction) -> None:
        kind, shift = STORES[i.funct3]
        known = self._address(i, shift)
        self._read(i.rs2)
        value = _name(i.rs2)
        narrow = value if kind == "I" else f"{value} & {mask(8 << shift)}"
        at = f"c + {self._cost + TO_PORT}"
        if known is None:
            self._add(f"if a < {MEMORY_BYTES}:")
            self._add(f"m_{kind}[a >> {shift}] = {narrow}", 1)
            self._add("else:")
            self._add(f"store(a, {value}, {at})", 1)
        elif known < MEMORY_BYTES:
            if self._strict and known & mask(shift):
                self._add(f"misaligned({known})")
            self._add(f"m_{kind}[{known >> shift}] = {narrow}")
        else:
            self._add(f"store({known}, {value}, {at})")


class Program:
    """The words of a program from address 0x30000 on, and what has been translated of it."""

    def __init__(self, words: Sequence[int]) -> None:
        self.words = tuple(words)
        self._codes: dict[tuple[int, int, bool], CodeType] = {}

    def fetch(self, address: int) -> int:
        """The word at an address. Raises ProcessorError where there is none."""
        place = address - PROGRAM_BASE >> 2
        if address & 3 or not 0 <= place < len(self.words):
            raise ProcessorError(f"there is no instruction at {address:#x}")
        return self.words[place]

    def code(self, first: int, most: int = LONGEST_TRACE, *, strict: bool = False) -> CodeType:
        """Code that defines the function ``trace`` of the trace from ``first`` on, of ``most`` instructions at most."""
        key = first, most, strict
        if key not in self._codes:
            source = Trace(self, first, most, strict=strict).source()
            self._codes[key] = compile(source, f"<trace {first:#x}>", "exec")
        return self._codes[key]
