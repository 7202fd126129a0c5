"""The processor of the sequential engine: every instruction, whole programs, and the cycles of what they do."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from riscv_programs import Board, words_of

from golden.fixed.processor import Processor, ProcessorError, Program
from golden.spec.sequential_ports import PROGRAM_BASE

WORD = (1 << 32) - 1
CORNERS = (0, 1, 2, 31, 32, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFF8000, 0x00010000)


STOP = 0x000_02_003 | 1 << 15
"""lw x0, 0(x1): with x1 at port 0 the end of a test's program."""


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 & 1 else value


# ---------------------------------------------------------------- single instructions

REGISTER_FORMS: dict[str, tuple[int, int, Callable[[int, int], int]]] = {
    "add": (0, 0, lambda a, b: a + b),
    "sub": (0x20, 0, lambda a, b: a - b),
    "sll": (0, 1, lambda a, b: a * 2 ** (b % 32)),
    "slt": (0, 2, lambda a, b: 1 if signed(a) < signed(b) else 0),
    "sltu": (0, 3, lambda a, b: 1 if a < b else 0),
    "xor": (0, 4, lambda a, b: (a | b) - (a & b)),
    "srl": (0, 5, lambda a, b: a // 2 ** (b % 32)),
    "sra": (0x20, 5, lambda a, b: signed(a) // 2 ** (b % 32)),
    "or": (0, 6, lambda a, b: a + b - (a & b)),
    "and": (0, 7, lambda a, b: WORD - ((WORD - a) | (WORD - b))),
    "mul": (1, 0, lambda a, b: a * b),
    "mulhsu": (1, 2, lambda a, b: signed(a) * b // 2**32),
}
BRANCH_FORMS: dict[str, tuple[int, Callable[[int, int], bool]]] = {
    "beq": (0, lambda a, b: a == b),
    "bne": (1, lambda a, b: a != b),
    "blt": (4, lambda a, b: signed(a) < signed(b)),
    "bge": (5, lambda a, b: signed(a) >= signed(b)),
    "bltu": (6, lambda a, b: a < b),
    "bgeu": (7, lambda a, b: a >= b),
}


def register_form(funct7: int, funct3: int, rd: int, rs1: int, rs2: int) -> int:
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x33


def immediate_form(opcode: int, funct3: int, rd: int, rs1: int, immediate: int) -> int:
    return (immediate & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def store_form(funct3: int, rs1: int, rs2: int, immediate: int) -> int:
    high, low = immediate >> 5 & 0x7F, immediate & 31
    return high << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | low << 7 | 0x23


def branch_form(funct3: int, rs1: int, rs2: int, offset: int) -> int:
    high = (offset >> 12 & 1) << 6 | offset >> 5 & 0x3F
    low = (offset >> 1 & 15) << 1 | offset >> 11 & 1
    return high << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | low << 7 | 0x63


def operands(rng: random.Random) -> tuple[int, int]:
    a, b = (rng.choice(CORNERS) if rng.random() < 0.4 else rng.getrandbits(32) for _ in range(2))
    return a, b


def started(words: list[int], registers: dict[int, int], memory: dict[int, int] | None = None) -> Processor:
    """A processor that has run a program up to STOP; x1 points to the ports."""
    processor = Processor(Program([*words, STOP]), Board())
    processor.registers[1] = 0x20000
    for register, value in registers.items():
        processor.registers[register] = value
    for address, value in (memory or {}).items():
        processor.memory[address] = value
    assert processor.run()
    return processor


@pytest.mark.parametrize("name", REGISTER_FORMS)
def test_register_instructions(name: str) -> None:
    funct7, funct3, meaning = REGISTER_FORMS[name]
    rng = random.Random(name)
    word = register_form(funct7, funct3, 7, 5, 6)
    for _ in range(300):
        a, b = operands(rng)
        assert started([word], {5: a, 6: b}).registers[7] == meaning(a, b) & WORD
    a, b = operands(rng)
    x = started(
        [register_form(funct7, funct3, 5, 5, 5), register_form(funct7, funct3, 0, 5, 6)], {5: a, 6: b}
    ).registers
    assert (x[5], x[0]) == (meaning(a, a) & WORD, 0)
    assert started([register_form(funct7, funct3, 7, 0, 6)], {6: b}).registers[7] == meaning(0, b) & WORD
    assert started([register_form(funct7, funct3, 7, 5, 0)], {5: a}).registers[7] == meaning(a, 0) & WORD


@pytest.mark.parametrize("name", ["add", "slt", "sltu", "xor", "or", "and", "sll", "srl", "sra"])
def test_immediate_instructions(name: str) -> None:
    funct7, funct3, meaning = REGISTER_FORMS[name]
    rng = random.Random(name)
    for _ in range(300):
        a, _ = operands(rng)
        immediate = rng.randrange(32) if funct3 in (1, 5) else rng.choice((-2048, -1, 0, 1, 2047, rng.randrange(2048)))
        word = immediate_form(0x13, funct3, 7, 5, funct7 << 5 | immediate if funct3 in (1, 5) else immediate)
        assert started([word], {5: a}).registers[7] == meaning(a, immediate & WORD) & WORD


def test_lui_and_constants_from_it() -> None:
    words = [0xABCDE << 12 | 7 << 7 | 0x37, immediate_form(0x13, 0, 8, 7, -1), immediate_form(0x13, 0, 9, 8, 2047)]
    x = started([*words, 0x80000037], {}).registers
    assert (x[7], x[8], x[9], x[0]) == (0xABCDE000, 0xABCDDFFF, 0xABCDE7FE, 0)


@pytest.mark.parametrize("name", BRANCH_FORMS)
def test_branches(name: str) -> None:
    funct3, meaning = BRANCH_FORMS[name]
    rng = random.Random(name)
    for _ in range(200):
        a, b = operands(rng)
        b = a if rng.random() < 0.2 else b
        words = [branch_form(funct3, 5, 6, 8), immediate_form(0x13, 0, 7, 0, 1)]
        processor = started(words, {5: a, 6: b, 7: 0})
        assert processor.registers[7] == (0 if meaning(a, b) else 1)
        # F, or the ADDI instead.
        assert processor.cycle == (3 if meaning(a, b) else 4)
    assert started([branch_form(funct3, 5, 0, 8), immediate_form(0x13, 0, 7, 0, 1)], {5: 3, 7: 0}).registers[7] == (
        0 if meaning(3, 0) else 1
    )


@pytest.mark.parametrize(
    ("funct3", "size", "extends"), [(0, 1, True), (1, 2, True), (2, 4, False), (4, 1, False), (5, 2, False)]
)
def test_loads(funct3: int, size: int, extends: bool) -> None:
    rng = random.Random(funct3)
    for _ in range(200):
        address = rng.randrange(0, 0x20000, size) if rng.random() < 0.8 else 0x20000 - size
        offset = rng.randrange(-2048, 2048)
        value = rng.getrandbits(8 * size)
        memory = dict(zip(range(address, address + size), value.to_bytes(size, "little"), strict=True))
        x = started([immediate_form(0x03, funct3, 7, 5, offset)], {5: address - offset & WORD}, memory).registers
        if extends and value >> (8 * size - 1):
            value -= 1 << 8 * size
        assert x[7] == value & WORD


@pytest.mark.parametrize(("funct3", "size"), [(0, 1), (1, 2), (2, 4)])
def test_stores(funct3: int, size: int) -> None:
    rng = random.Random(funct3)
    for _ in range(200):
        address, offset, value = rng.randrange(0, 0x20000, size), rng.randrange(-2048, 2048), rng.getrandbits(32)
        memory = started([store_form(funct3, 5, 6, offset)], {5: address - offset & WORD, 6: value}).memory
        assert int.from_bytes(memory[address : address + size], "little") == value % (1 << 8 * size)
        assert sum(map(bool, memory)) == sum(map(bool, memory[address : address + size]))


def test_loads_read_the_program_too() -> None:
    loads = [immediate_form(0x03, funct3, 10 + funct3, 8, 4 * 8) for funct3 in (0, 1, 2, 4, 5)]
    x = started([0x00030437, *loads, branch_form(0, 0, 0, 12), 0, 0x89ABCDEF], {}).registers
    assert (x[10], x[11], x[12], x[14], x[15]) == (0xFFFFFFEF, 0xFFFFCDEF, 0x89ABCDEF, 0xEF, 0xCDEF)


@pytest.mark.parametrize(
    "word",
    [
        0,
        0xFFFFFFFF,
        0x00000073,
        0x0000000F,
        0x00000017,
        0x02001033,
        0x02003033,
        0x02004033,
        0x40001013,
        0x00003003,
        0x00003023,
        0x00002063,
        0x00001067,
        0x40002033,
    ],
)
def test_other_words_are_refused(word: int) -> None:
    with pytest.raises(ProcessorError, match=f"{word:#010x}"):
        Processor(Program([word]), Board()).run()


def test_what_a_program_must_not_do() -> None:
    with pytest.raises(ProcessorError, match="no instruction at 0x30004"):
        Processor(Program([immediate_form(0x13, 0, 7, 0, 1)]), Board()).run()
    with pytest.raises(ProcessorError, match="a store to 0x30000"):
        started([store_form(2, 5, 6, 0)], {5: 0x30000})
    with pytest.raises(ProcessorError, match="an address that there is not"):
        started([immediate_form(0x03, 2, 7, 5, 0)], {5: 0x40000})
    for word in (immediate_form(0x03, 2, 7, 5, 0), store_form(1, 5, 6, 0), immediate_form(0x03, 5, 7, 0, 0x101)):
        processor = Processor(Program([word, STOP]), Board(), strict=True)
        processor.registers[5] = 0x103
        with pytest.raises(ProcessorError, match="misaligned access to 0x10"):
            processor.run()


def random_program(rng: random.Random) -> list[int]:
    """Instructions of every kind, with branches ahead; a loop around them that counts x3 down."""
    words: list[int] = []
    n = rng.randrange(5, 160)
    for at in range(n):
        kind, rd, rs1, rs2 = rng.randrange(10), rng.randrange(4, 16), rng.randrange(16), rng.randrange(16)
        if kind < 4:
            funct7, funct3, _ = rng.choice(list(REGISTER_FORMS.values()))
            words.append(register_form(funct7, funct3, rd, rs1, rs2))
        elif kind < 6:
            words.append(immediate_form(0x13, rng.choice((0, 2, 3, 4, 6, 7)), rd, rs1, rng.randrange(-2048, 2048)))
        elif kind == 6:
            words.append(immediate_form(0x03, rng.choice((0, 1, 2, 4, 5)), rd, 2, 4 * rng.randrange(-256, 256)))
        elif kind == 7:
            words.append(store_form(rng.choice((0, 1, 2)), 2, rs2, 4 * rng.randrange(-256, 256)))
        elif kind == 8:
            words.append(store_form(2, 1, rs2, 4 * rng.randrange(1, 64)))
        else:
            offset = 4 * rng.randrange(1, n - at + 1)
            words.append(branch_form(rng.choice((0, 1, 4, 5, 6, 7)), rs1, rs2, offset))
    words += [immediate_form(0x13, 0, 3, 3, -1), branch_form(1, 3, 0, -4 * len(words) - 4)]
    return [*words, STOP]


def test_long_and_short_traces_do_the_same_in_the_same_cycles() -> None:
    rng = random.Random(4)
    for _ in range(25):
        program = Program(random_program(rng))
        values = [rng.getrandbits(32) for _ in range(16)]
        runs = []
        for single in (False, True):
            board = Board()
            processor = Processor(program, board)
            processor.registers[4:16] = values[4:]
            processor.registers[1:4] = [0x20000, 0x8000, 5]
            if single:
                # run_to goes an instruction at a time near its end.
                processor.run_to(1 << 40)
                while processor._step(1 << 50):
                    pass
            else:
                assert processor.run()
            runs.append((board.stores, processor.registers, bytes(processor.memory), processor.pc, processor.cycle))
        assert runs[0] == runs[1]


# ---------------------------------------------------------------- cycles

CYCLES = """
    .section .start, "ax"
    .globl _start
_start:
    lui a0, 0x20            # 0: R 0, X 1
    sw a0, 4(a0)            # R 2, X 3: the port sees it in 4
    mul a1, a0, a0          # R 4
    sw a1, 8(a0)            # R 4 + 2 + 3 = 9: 11
    mulhsu a1, a0, a0       # R 11
    sw a1, 12(a0)           # R 11 + 2 + 4 = 17: 19
    beq a0, a0, over        # R 19, taken: F 21
    sw zero, 16(a0)
over:
    sw a0, 20(a0)           # R 22: 24
    bne a0, a0, over        # R 24, not taken
    sw a0, 24(a0)           # R 26: 28
    jal ra, function        # R 28, F 30
    sw a3, 32(a0)           # back in R 41: 43
    lw a4, 40(a0)           # R 43, M 45, 7 stalls, and one to take it over
    sw a4, 44(a0)           # R 47 + 7 = 54: 56
    lw a4, 48(a0)           # R 56, M 58
    li a5, 3                # 60
loop:
    addi a5, a5, -1         # R 62, 67, 72
    bnez a5, loop           # taken: 5 cycles a round, in the end 4
    sw a5, 52(a0)           # R 62 + 5 + 5 + 4 = 76: 78
    lw zero, 0(a0)          # R 78, M 80: no value yet
    sw a5, 56(a0)
    lw zero, 0(a0)
function:
    sw a0, 28(a0)           # R 31: 33
    li a3, 5                # 33
    lw a2, 0(zero)          # R 35, M 37: memory
    ret                     # R 38, F 40
"""


def test_cycles_by_hand() -> None:
    board = Board({10: [(77, 7)], 12: [(5, 0)], 0: []})
    processor = Processor(Program(words_of(CYCLES, ".S")), board)
    processor.reset(999)
    assert processor.run()
    cycles = [(number, cycle - 1000) for number, _, cycle in board.stores]
    assert cycles == [(1, 4), (2, 11), (3, 19), (5, 24), (6, 28), (7, 33), (8, 43), (11, 56), (13, 78)]
    assert board.loads == [(10, 1045), (12, 1058)]
    values = [value for _, value, _ in board.stores]
    assert values == [0x20000, 0, 4, 0x20000, 0x20000, 0x20000, 5, 77, 0]
    assert (processor.pc - PROGRAM_BASE, processor.cycle) == (4 * 20, 1078)
    # It asks again, and goes on: M 80, 9 stalls, a cycle to take it over; the next instruction's R is 91.
    board.answers[0] = [(1, 9)]
    assert processor.run()
    assert board.stores[-1] == (14, 0, 1093)


def test_a_run_to_a_cycle_leaves_what_is_written_by_then() -> None:
    text = """
    .section .start, "ax"
    .globl _start
_start:
    li a1, 7                # R 0, X 1
    sw a1, 0x100(zero)      # R 2, X 3
    lui a0, 0x20            # R 4, X 5
    sw a1, 4(a0)            # R 6: 8
    mul a1, a1, a1          # R 8, X 9, and 3
    lw a2, 0x100(zero)      # R 13, M 15
    lw a3, 8(a0)            # R 16, M 18 and 4 stalls, taken over in 23
    sb a3, 0x104(zero)      # R 24, X 25
    lw zero, 0(a0)
    """
    program = Program(words_of(text, ".S"))
    for last in range(30):
        board = Board({2: [(9, 4)] * 3, 0: []})
        processor = Processor(program, board)
        processor.run_to(last)
        x, memory = processor.registers, processor.memory
        assert x[11] == (0 if last < 1 else 7 if last < 12 else 49)
        assert memory[0x100] == (7 if last >= 3 else 0)
        assert x[10] == (0x20000 if last >= 5 else 0)
        assert board.stores == ([(1, 7, 8)] if last >= 8 else [])
        assert x[12] == (7 if last >= 15 else 0)
        assert x[13] == (9 if last >= 23 else 0)
        assert memory[0x104] == (9 if last >= 25 else 0)
