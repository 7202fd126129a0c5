"""Processor of the sequential engine: random programs on the hardware and on the model, access by access."""

import random

import numpy as np
import numpy.typing as npt
import pytest
from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from hw_units import bursts, never_made

from ganglion.engine import make_engine
from golden.fixed.processor import NEAR, Program
from golden.fixed.processor import Processor as Model
from hw.processor import Processor

N_WORDS = 4096
PORTS, MEMORY, HERE = 1, 2, 4
"""Registers that a random program keeps: x1 points to the ports, x2 into the memory, x4 to the program's middle."""
MEMORY_BASE, HERE_BASE = 0x1000, 0x30000 + 0x1000
FREE = [n for n in range(32) if n not in (PORTS, MEMORY, HERE)]
REGION = 0x800
"""Bytes on either side of the pointers that an offset reaches."""


class Board(wiring.Component):
    """The processor with 4 KiB of memory; its ports are those of the test."""

    def __init__(self, program: list[int]) -> None:
        self.program = program
        outputs = {"write": 1, "read": 1, "address": 18, "mask": 4, "write_data": 32, "port_read": 1}
        outputs |= {"port_write": 1, "port_addr": 8, "port_value": 32}
        self.names = tuple(outputs)
        super().__init__({name: Out(width) for name, width in outputs.items()} | {"stall": In(1), "value": In(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.processor = processor = Processor(self.program)
        m.submodules.words = words = memory.Memory(shape=32, depth=1024, init=[])
        read, write = words.read_port(), words.write_port(granularity=8)
        m.d.comb += [getattr(self, name).eq(getattr(processor, name)) for name in self.names]
        m.d.comb += [
            read.en.eq(processor.read),
            read.addr.eq(processor.address[2:]),
            processor.data.eq(read.data),
            write.en.eq(processor.mask & processor.write.replicate(4)),
            write.addr.eq(processor.address[2:]),
            write.data.eq(processor.write_data),
            processor.port_stall.eq(self.stall),
            processor.port_data.eq(self.value),
        ]
        return m


def instruction(opcode: int, *, rd: int = 0, funct3: int = 0, rs1: int = 0, rs2: int = 0, high: int = 0) -> int:
    return high << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode << 2 | 3


def with_immediate(opcode: int, value: int, *, rd: int = 0, funct3: int = 0, rs1: int = 0) -> int:
    return instruction(opcode, rd=rd, funct3=funct3, rs1=rs1) | (value & 0xFFF) << 20


def store_of(funct3: int, base: int, source: int, offset: int) -> int:
    return instruction(0b01000, rd=offset & 31, funct3=funct3, rs1=base, rs2=source, high=offset >> 5 & 0x7F)


def branch(funct3: int, a: int, b: int, offset: int) -> int:
    low = (offset >> 1 & 15) << 1 | (offset >> 11 & 1)
    return instruction(0b11000, rd=low, funct3=funct3, rs1=a, rs2=b, high=(offset >> 12 & 1) << 6 | offset >> 5 & 0x3F)


def jump(rd: int, offset: int) -> int:
    bits = (offset >> 20 & 1) << 19 | (offset >> 1 & 0x3FF) << 9 | (offset >> 11 & 1) << 8 | offset >> 12 & 0xFF
    return instruction(0b11011, rd=rd) | bits << 12


def upper(rd: int, value: int) -> int:
    return instruction(0b01101, rd=rd) | value & 0xFFFFF000


def random_program(rng: random.Random) -> list[int]:
    """Registers come from ports, then everything that there is, with jumps forward; registers go to ports; again."""
    head = [upper(PORTS, 0x20000), upper(MEMORY, MEMORY_BASE), upper(HERE, HERE_BASE)]
    head += [with_immediate(0, 4 * n, rd=n, funct3=2, rs1=PORTS) for n in FREE]
    tail = [store_of(2, PORTS, n, 4 * n) for n in range(32)]
    n_body = N_WORDS - len(head) - len(tail) - 1
    body: list[int] = []
    while len(body) < n_body:
        left = n_body - len(body)
        ahead = 4 * rng.randint(1, min(4, left))
        rd, a, b = rng.choice(FREE), rng.randrange(32), rng.randrange(32)
        kind, small = rng.random(), rng.randrange(-REGION, REGION)
        if kind < 0.25:
            funct3 = rng.randrange(8)
            high = 0x20 if funct3 in (0, 5) and rng.random() < 0.5 else 0
            body.append(instruction(0b01100, rd=rd, funct3=funct3, rs1=a, rs2=b, high=high))
        elif kind < 0.33:
            body.append(instruction(0b01100, rd=rd, funct3=rng.choice((0, 2)), rs1=a, rs2=b, high=1))
        elif kind < 0.5:
            funct3 = rng.randrange(8)
            if funct3 in (1, 5):
                small = rng.randrange(32) | (0x400 if funct3 == 5 and rng.random() < 0.5 else 0)
            body.append(with_immediate(0b00100, small, rd=rd, funct3=funct3, rs1=a))
        elif kind < 0.54:
            body.append(upper(rd, rng.getrandbits(32)))
        elif kind < 0.7:
            size, base = rng.randrange(3), rng.choice((MEMORY, MEMORY, HERE))
            offset = small >> size << size
            funct3 = size | (4 if size < 2 and rng.random() < 0.5 else 0)
            body.append(with_immediate(0, offset, rd=rd, funct3=funct3, rs1=base))
        elif kind < 0.78:
            size = rng.randrange(3)
            body.append(store_of(size, MEMORY, b, small >> size << size))
        elif kind < 0.82:
            body.append(with_immediate(0, 4 * rng.randrange(192), rd=rd, funct3=2, rs1=PORTS))
        elif kind < 0.86:
            body.append(store_of(2, PORTS, b, 4 * rng.randrange(192)))
        elif kind < 0.96:
            body.append(branch(rng.choice((0, 1, 4, 5, 6, 7)), a, b if rng.random() < 0.8 else a, ahead))
        elif kind < 0.98:
            body.append(jump(rng.choice([0, rd]), ahead))
        else:
            target = 0x30000 + 4 * (len(head) + len(body)) + ahead - HERE_BASE
            if -REGION <= target < REGION:
                body.append(with_immediate(0b11001, target, rd=rng.choice([0, rd]), rs1=HERE))
    return [*head, *body, *tail, jump(0, -4 * (N_WORDS - 1))]


class Answers:
    """Ports whose values and stalls are those of the hardware's inputs, cycle by cycle."""

    def __init__(self, stall: npt.NDArray[np.uint64], value: npt.NDArray[np.uint64]) -> None:
        self.value = value.tolist()
        free = np.where(stall == 0, np.arange(len(stall)), len(stall))
        self.next_free = np.minimum.accumulate(free[::-1])[::-1].tolist()
        self.loads: list[tuple[int, int]] = []
        self.stores: list[tuple[int, int, int]] = []

    def load(self, number: int, cycle: int) -> tuple[int, int] | None:
        if cycle >= len(self.value) or self.next_free[cycle] >= len(self.value):
            return None
        taken = self.next_free[cycle]
        self.loads.append((taken, number))
        return self.value[taken], taken - cycle

    def store(self, number: int, value: int, cycle: int) -> None:
        self.stores.append((cycle, number, value))


@pytest.mark.parametrize("seed", range(3))
def test_random_programs(seed: int) -> None:
    """400,000 cycles each: every port access in its cycle with its value, and the memory that is left."""
    n_cycles = 400_000
    rng = random.Random(seed)
    program = random_program(rng)
    numbers = np.random.default_rng(seed)
    stall = bursts(numbers, (1, n_cycles))[0]
    value = numbers.integers(0, 1 << 32, n_cycles, dtype=np.uint64)
    value[numbers.random(n_cycles) < 0.1] = 0
    value[numbers.random(n_cycles) < 0.1] = 0x80000000
    with make_engine(Board(program)) as engine:
        trace = engine.run_ports({"stall": stall, "value": value})

    answers = Answers(stall, value)
    model = Model(Program(program), answers, strict=True)
    model.reset(0)
    model.run(n_cycles - NEAR)
    end = model.cycle

    taken = np.flatnonzero((trace["port_read"] == 1) & (stall == 0))
    hardware_loads = list(zip(taken.tolist(), trace["port_addr"][taken].tolist(), strict=True))
    stored = np.flatnonzero(trace["port_write"])
    hardware_stores = list(
        zip(stored.tolist(), trace["port_addr"][stored].tolist(), trace["port_value"][stored].tolist(), strict=True)
    )
    assert n_cycles - NEAR < end < n_cycles
    for ours, theirs in ((hardware_loads, answers.loads), (hardware_stores, answers.stores)):
        assert [each for each in ours if each[0] < end] == [each for each in theirs if each[0] < end]
    assert len(hardware_stores) > 4_000 and len(hardware_loads) > 4_000

    image = np.zeros(1 << 17, np.uint8)
    for cycle in np.flatnonzero(trace["write"][:end]).tolist():
        address = int(trace["address"][cycle]) & ~3
        for lane in range(4):
            if int(trace["mask"][cycle]) >> lane & 1:
                image[address + lane] = int(trace["write_data"][cycle]) >> 8 * lane & 0xFF
    assert np.array_equal(image, np.frombuffer(model.memory, np.uint8))


@pytest.mark.parametrize("n_words", [0, 4097])
def test_a_program_has_its_size(n_words: int) -> None:
    made = never_made(Processor)
    with pytest.raises(ValueError, match=f"1 to 4096 words, got {n_words}"):
        made.__init__([0] * n_words)
