"""A host on the bus inside the cocotb simulation: does everything to the hardware and to the model, and compares."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from bus_model import STROBES_ALL, UNPREDICTED, WORD, BusModel
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, Timer
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from golden.spec import Error, Opcode, encode, preset

CONFIG = preset("tiny")
PERIOD_NS = 10
NODE_OPCODES = [o for o in Opcode if o not in (Opcode.INIT, Opcode.CLEAR, Opcode.CLEAR_RESULTS, Opcode.SET_COUNT)]


def bursts(rng: random.Random) -> Iterator[bool]:
    """A pause signal whose rate changes every now and then, from never to nearly always."""
    while True:
        rate = rng.choice((0.0, 0.2, 0.5, 0.9))
        for _ in range(rng.randint(5, 60)):
            yield rng.random() < rate


class Host:
    """A host and the model beside it: does the same to both and compares the answers."""

    def __init__(self, dut: Any, seed: int) -> None:
        self.dut = dut
        self.rng = random.Random(seed)
        self.model = BusModel(CONFIG)
        self.clock = Clock(dut.clk, PERIOD_NS, "ns")

    async def start(self) -> None:
        """Power-on with a reset, up to the idle array."""
        self.dut.rst_n.value = 1
        bus = AxiLiteBus.from_prefix(self.dut, "s_axil")
        self.master = AxiLiteMaster(bus, self.dut.clk, self.dut.rst_n, reset_active_level=False)
        self.clock.start()
        await ClockCycles(self.dut.clk, 2)
        await self.reset()

    async def reset(self, n_cycles: int = 3) -> None:
        """A pulse at ``rst_n``, away from the clock edges, and then the wait for the array to empty itself."""
        await Timer(3, "ns")
        self.dut.rst_n.value = 0
        await ClockCycles(self.dut.clk, n_cycles)
        await Timer(3, "ns")
        self.dut.rst_n.value = 1
        await ClockCycles(self.dut.clk, 4 + CONFIG.cores_per_slice)
        self.model.reset()

    def stall(self) -> None:
        """Random stalls on all five channels from now on."""
        write, read = self.master.write_if, self.master.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
            channel.set_pause_generator(bursts(random.Random(self.rng.random())))

    async def raw_read(self, addr: int) -> tuple[int, bool]:
        """Data of a read, and whether it was OKAY (it was SLVERR otherwise)."""
        answer = await self.master.read(addr & ~3, 4)
        assert answer.resp in (AxiResp.OKAY, AxiResp.SLVERR), f"read {addr:#05x}: {answer.resp!r}"
        return int.from_bytes(answer.data, "little"), answer.resp == AxiResp.OKAY

    async def raw_write(self, addr: int, data: int, strobes: int = STROBES_ALL) -> bool:
        """Whether a write was OKAY; the strobes must be a run of ones."""
        low = (strobes & -strobes).bit_length() - 1
        part = data.to_bytes(4, "little")[low : strobes.bit_length()]
        answer = await self.master.write((addr & ~3) + low, part)
        assert answer.resp in (AxiResp.OKAY, AxiResp.SLVERR), f"write {addr:#05x}: {answer.resp!r}"
        return answer.resp == AxiResp.OKAY

    async def read(self, addr: int) -> int:
        """A read, compared with the model."""
        value, okay = await self.raw_read(addr)
        expected, reason = self.model.read(addr)
        assert okay == (reason is Error.NONE), f"read {addr:#05x}: okay = {okay}, expected {reason.name}"
        name = getattr(self.model.table.get(addr & ~3), "name", "")
        if name not in UNPREDICTED or reason is not Error.NONE:
            assert value == expected, f"read {addr:#05x} {name}: {value:#x}, expected {expected:#x}"
        return value

    async def write(self, addr: int, data: int, strobes: int = STROBES_ALL) -> Error:
        """A write, compared with the model. The bytes without strobe are 0 on the bus."""
        data &= sum(0xFF << (8 * byte) for byte in range(4) if strobes >> byte & 1)
        okay = await self.raw_write(addr, data, strobes)
        reason = self.model.write(addr, data, strobes)
        assert okay == (reason is Error.NONE), f"write {addr:#05x} {data:#x}: okay = {okay}, expected {reason.name}"
        return reason

    async def get(self, name: str) -> int:
        """A register by name, compared."""
        return await self.read(self.model.addr(name))

    async def put(self, name: str, data: int, strobes: int = STROBES_ALL) -> Error:
        """Writes a register by name, compared."""
        return await self.write(self.model.addr(name), data, strobes)

    async def read_all(self) -> None:
        """Every register and buffer word, the result list to its end, the interrupt pin."""
        assert self.dut.irq.value == self.model.irq
        for addr in self.model.table:
            await self.read(addr)
        for buffer in self.model.buffers:
            for addr in range(buffer.addr, buffer.end, 4):
                await self.read(addr)
        while self.model.array.n_unread:
            for name in ("RESULT_DISTANCE_LO", "RESULT_DISTANCE_HI", "RESULT_RECORD"):
                await self.get(name)
        await self.get("RESULT_RECORD")

    async def fill_buffer(self, name: str, limit: int = 1 << 31) -> None:
        """Random elements, small ones if ``limit`` says so, in a buffer."""
        buffer = next(b for b in self.model.buffers if b.name == name)
        size = min(limit, (1 << (buffer.width - 1)) - 1)
        for addr in range(buffer.addr, buffer.end, 4):
            elements = [self.rng.randint(-size, size) for _ in range(buffer.n_per_word)]
            slot = (1 << buffer.slot_width) - 1
            word = sum((element & slot) << (i * buffer.slot_width) for i, element in enumerate(elements))
            assert await self.write(addr, word) is Error.NONE

    async def settle(self) -> None:
        """Waits for the end of a command, then compares what it left."""
        while (await self.raw_read(self.model.addr("STATUS")))[0] & 1:
            pass
        for name in ("STATUS", "CYCLES", "RETURN0", "RETURN1", "COMMAND", "ERROR"):
            await self.get(name)

    async def command(self, opcode: int, core: int = 0, index: int = 0, value: int = 0) -> Error:
        """Runs a command to its end, compared."""
        reason = await self.put("COMMAND", encode(opcode, core=core, index=index, value=value))
        await self.settle()
        return reason

    async def random_command(self) -> tuple[int, Error]:
        """One command with random arguments; opcode and reason of refusal."""
        rng = self.rng
        opcode = rng.choice([Opcode.INSERT, Opcode.SEARCH, *NODE_OPCODES, *NODE_OPCODES, *Opcode, rng.randrange(256)])
        core = rng.choice((*range(CONFIG.cores), rng.randrange(256))) if rng.random() < 0.1 else rng.randrange(2)
        index = rng.randrange(256) if rng.random() < 0.1 else rng.randrange(12)
        value = rng.randrange(256)
        small = rng.choice((1 << 31, 20, 1, 0))
        match opcode:
            case Opcode.INIT | Opcode.CLEAR | Opcode.SET_COUNT if rng.random() < 0.8:
                opcode = Opcode.INSERT  # these would keep the cores empty
            case Opcode.SEARCH:
                await self.fill_buffer("QUERY", small)
                await self.put("TYPE_MASK", rng.choice((0xFFFF, rng.randrange(1 << 16))))
            case Opcode.UPDATE:
                await self.fill_buffer("DELTA", small)
                await self.put("ALPHA", rng.randrange(1 << 16))
            case Opcode.MERGE:
                await self.put("DATA0", rng.randrange(1 << 32))
                await self.put("DATA1", rng.choice((0, WORD, rng.randrange(1 << 32))))
            case Opcode.WRITE_LINKS:
                await self.put("DATA0", rng.randrange(1 << 32))
                await self.put("DATA1", rng.randrange(16))
        if opcode in (Opcode.INSERT, Opcode.WRITE_VECTOR):
            await self.fill_buffer("VECTOR", small)
        if opcode == Opcode.INIT:
            index, value = rng.randrange(4), rng.choice((0, 1, 5, 16, 200))
        return int(opcode), await self.command(opcode, core, index, value)

    async def random_commands(self, n: int) -> None:
        """Random commands until ``n`` have run, every opcode and every reason of refusal among them."""
        opcodes, reasons, n_run = set(), set(), 0
        wanted = {int(o) for o in Opcode}, {Error.NONE, Error.BAD_OPCODE, Error.BAD_CORE, Error.BAD_ARGUMENT}
        while n_run < n or not (wanted[0] <= opcodes and wanted[1] <= reasons):
            opcode, reason = await self.random_command()
            reasons.add(reason)
            if reason is Error.NONE:
                opcodes.add(opcode)
            if opcode in (Opcode.READ_VECTOR, Opcode.AGGREGATE, Opcode.SEARCH, Opcode.MERGE) or n_run % 50 == 0:
                await self.read_all()
            n_run += 1
        await self.read_all()


async def started(dut: Any, seed: int = 1) -> Host:
    """A host at an idle array that has just been reset."""
    host = Host(dut, seed)
    await host.start()
    return host


async def fill(host: Host, n: int) -> None:
    """Inserts ``n`` random vectors, in turn into all cores."""
    for i in range(n):
        await host.fill_buffer("VECTOR")
        assert await host.command(Opcode.INSERT, core=i % CONFIG.cores) is Error.NONE


async def read_memories(host: Host) -> None:
    """Brings every row of every core to light and compares vector, links, type and weight."""
    for core in range(CONFIG.cores):
        await host.command(Opcode.SET_COUNT, core=core, value=32)
        for index in range(32):
            for opcode in (Opcode.READ_LINKS, Opcode.GET_TYPE, Opcode.GET_WEIGHT, Opcode.READ_VECTOR):
                await host.command(opcode, core=core, index=index)
            for addr in range(host.model.addr("VECTOR"), host.model.addr("VECTOR") + 16, 4):
                await host.read(addr)


async def reset_in(host: Host, word: int, choose: Callable[[int], int]) -> None:
    """Starts a command and resets in busy cycle ``choose(N)``; the model takes back what had not happened yet."""
    addr = host.model.addr("COMMAND")
    host.master.init_write(addr, word.to_bytes(4, "little"))
    # The answer is valid in busy cycle 1.
    await RisingEdge(host.dut.s_axil_bvalid)
    assert host.model.write(addr, word) is Error.NONE
    cycle = choose(host.model.last.cycles)
    if cycle > 1:
        await ClockCycles(host.dut.clk, cycle - 1)
    await host.reset()
    host.model.array.interrupt(cycle)
