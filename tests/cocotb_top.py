"""Bus tests of the top level's Verilog, run by cocotb inside the simulator; test_cosim_cocotb.py starts them.

A cocotbext-axi manager drives the bus as a host would; every answer is compared with the transaction-level model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import cocotb
from bus_model import STROBES_ALL, UNPREDICTED, WORD, BusModel
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Combine, ReadOnly, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from golden.spec import Error, Opcode, encode, preset
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP, SEARCH_ONE
from golden.spec.registers import ADDR_WIDTH

CONFIG = preset("tiny")
PERIOD_NS = 10
N_WORDS = 1 << (ADDR_WIDTH - 2)
NODE_OPCODES = [o for o in Opcode if o not in (Opcode.INIT, Opcode.CLEAR, Opcode.CLEAR_RESULTS, Opcode.SET_COUNT)]

TESTS: list[str] = []
"""Names of the tests below."""


def bus_test(function: Callable[[Any], Coroutine]) -> Any:
    """A cocotb test that is listed in TESTS; 20 ms of simulated time are more than any of them needs."""
    TESTS.append(function.__name__)
    return cocotb.test(timeout_time=20, timeout_unit="ms")(function)


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


@bus_test
async def reset(dut: Any) -> None:
    """Outputs in reset, values after it, and the first transaction right behind it."""
    host = await started(dut)
    for name in ("SCRATCH", "DATA0", "TYPE_MASK", "IRQ_ENABLE"):
        await host.put(name, 0x12345679)
    await host.command(Opcode.INIT, index=2, value=3)
    assert dut.irq.value == 1
    await Timer(3, "ns")
    dut.rst_n.value = 0
    await RisingEdge(dut.clk)
    for _ in range(3):
        await RisingEdge(dut.clk)
        await ReadOnly()
        assert [getattr(dut, f"s_axil_{n}").value for n in ("awready", "wready", "bvalid", "arready", "rvalid")] == [
            0
        ] * 5
        assert dut.irq.value == 0
    await Timer(3, "ns")
    dut.rst_n.value = 1
    status, okay = await host.raw_read(host.model.addr("STATUS"))
    assert okay and status & 1, "the first transaction after a reset meets the array emptying itself"
    host.model.reset()
    host.model.array.reset()
    await ClockCycles(dut.clk, 2 * CONFIG.cores_per_slice)
    await host.read_all()


@bus_test
async def access_rules(dut: Any) -> None:
    """Every register: what it keeps of a write, and what it refuses."""
    host = await started(dut)
    for register in host.model.table.values():
        if register.name == "COMMAND":
            continue
        for data in (WORD, 0, 0x55555555, *(host.rng.randrange(1 << 32) for _ in range(3))):
            reason = await host.write(register.addr | host.rng.randrange(4), data)
            assert reason is (Error.NONE if register.writable else Error.READ_ONLY)
            await host.read(register.addr | host.rng.randrange(4))
            await host.get("ERROR")
        for strobes in (0b0001, 0b1000, 0b0110, 0b1110, 0b0111):
            reason = await host.write(register.addr, WORD, strobes)
            assert reason is (Error.PARTIAL_WRITE if register.writable else Error.READ_ONLY)
            await host.get("ERROR")
            await host.read(register.addr)
        await host.put("ERROR", 0)
    for word in (0, WORD, encode(Opcode.COUNT, core=CONFIG.cores), encode(Opcode.INIT, value=0)):
        assert await host.put("COMMAND", word) is not Error.NONE
        await host.settle()
    assert await host.put("COMMAND", encode(Opcode.COUNT), 0b0111) is Error.PARTIAL_WRITE
    await host.read_all()


@bus_test
async def buffer_strobes(dut: Any) -> None:
    """Buffers: whole words, single elements, parts of elements."""
    host = await started(dut)
    for buffer in host.model.buffers:
        for strobes in (0b1111, 0b0001, 0b0010, 0b0011, 0b0100, 0b0110, 0b1100, 0b1000, 0b1110, 0b0111):
            for addr in range(buffer.addr, buffer.end, 4):
                assert await host.write(addr, host.rng.randrange(1 << 32), strobes) is Error.NONE
            await host.read_all()


@bus_test
async def bad_addresses(dut: Any) -> None:
    """Every word address is read and written once; those where nothing is are refused."""
    host = await started(dut)
    addresses = list(range(0, 4 * N_WORDS, 4))
    host.rng.shuffle(addresses)
    n_bad = 0
    for addr in addresses:
        await host.read(addr)
        await host.get("ERROR")
        if addr != host.model.addr("COMMAND"):
            n_bad += await host.write(addr, host.rng.randrange(1 << 32)) is Error.BAD_ADDRESS
            await host.get("ERROR")
    n_good = len(host.model.table) + sum(buffer.n_words for buffer in host.model.buffers)
    assert n_bad == N_WORDS - n_good
    await host.read_all()


@bus_test
async def commands(dut: Any) -> None:
    """Random commands of every kind, compared with the golden array: answers, cycles, results, buffers."""
    await (await started(dut, seed=2)).random_commands(400)


@bus_test
async def commands_with_stalls(dut: Any) -> None:
    """The same with random stalls on all five channels."""
    host = await started(dut, seed=3)
    host.stall()
    await host.random_commands(250)


@bus_test
async def channels_are_independent(dut: Any) -> None:
    """Reads and writes in flight together, with stalls, each answered in its own order."""
    host = await started(dut, seed=4)
    host.stall()
    scratch, identity = host.model.addr("SCRATCH"), host.model.addr("ID")
    data = [host.rng.randrange(1 << 32) for _ in range(150)]

    async def writes() -> None:
        for value in data:
            assert await host.raw_write(scratch, value)
            assert not await host.raw_write(identity, value)

    async def reads() -> None:
        position = -1
        for i in range(150):
            value, okay = await host.raw_read(scratch)
            assert okay
            if value:
                found = data.index(value)
                assert found >= position, f"read {i} went back from write {position} to {found}"
                position = found
            assert await host.raw_read(identity) == (host.model.table[identity].reset, True)
            assert await host.raw_read(0xFFC) == (0, False)

    await Combine(cocotb.start_soon(writes()), cocotb.start_soon(reads()))
    assert await host.raw_read(scratch) == (data[-1], True)


async def fill(host: Host, n: int) -> None:
    """Inserts ``n`` random vectors, in turn into all cores."""
    for i in range(n):
        await host.fill_buffer("VECTOR")
        assert await host.command(Opcode.INSERT, core=i % CONFIG.cores) is Error.NONE


@bus_test
async def while_busy(dut: Any) -> None:
    """During a long search every register and buffer answers as its rule says, and the search is not disturbed."""
    host = await started(dut, seed=5)
    await fill(host, 4)
    for core in range(CONFIG.cores):
        await host.command(Opcode.SET_COUNT, core=core, value=32)
    await host.fill_buffer("QUERY")
    search = encode(Opcode.SEARCH, value=SEARCH_EXACT | 16)
    places = [*host.model.table, *(buffer.addr for buffer in host.model.buffers), 0x7FC]
    skipped = {host.model.addr(name) for name in ("RETURN0", "RETURN1", "CYCLES", *UNPREDICTED)}
    for addr in places:
        await host.command(Opcode.CLEAR_RESULTS)
        await host.put("IRQ_STATUS", 1)
        await host.put("COMMAND", search)
        after, host.model.busy = dict(host.model.values), True
        # Until it ends, the answer of the command is 0 and nothing has been reported.
        host.model.values |= {"RETURN0": 0, "RETURN1": 0, "IRQ_STATUS": 0}
        for data in (host.rng.randrange(1 << 32), 0):
            await host.write(addr, data)
            await host.get("ERROR")
            if addr not in skipped:
                await host.read(addr)
            await host.get("ERROR")
        assert (await host.raw_read(host.model.addr("STATUS")))[0] & 1, "the search was too short for this test"
        host.model.busy = False
        host.model.values |= {name: after[name] for name in ("RETURN0", "RETURN1", "IRQ_STATUS")}
        await host.settle()
    await host.read_all()


@bus_test
async def interrupt(dut: Any) -> None:
    """The pin follows status and enable; DONE is set at the end of every command and cleared by writing 1."""
    host = await started(dut, seed=6)
    await host.put("IRQ_ENABLE", 1)
    for opcode in (Opcode.COUNT, Opcode.INIT, Opcode.SEARCH, Opcode.READ_VECTOR):
        assert dut.irq.value == 0
        await host.put("COMMAND", encode(opcode, value=1))
        await RisingEdge(dut.irq)
        await host.settle()
        await host.put("IRQ_STATUS", 0)
        assert dut.irq.value == 1
        await host.put("IRQ_ENABLE", 0)
        assert dut.irq.value == 0
        await host.get("IRQ_STATUS")
        await host.put("IRQ_ENABLE", 1)
        assert dut.irq.value == 1
        await host.put("IRQ_STATUS", 1)
        assert dut.irq.value == 0
        await host.read_all()
    assert await host.command(0xEE) is Error.BAD_OPCODE
    assert dut.irq.value == 0


@bus_test
async def cycle_counter(dut: Any) -> None:
    """COUNTER counts clock cycles; without stalls a read takes the same time every time."""
    host = await started(dut, seed=7)
    readings = []
    for n_idle in (1, 0, 5, 100, 0):
        await ClockCycles(dut.clk, 1 + n_idle)
        value = await host.get("COUNTER_LO")
        readings.append((value, round(get_sim_time("ns") / PERIOD_NS)))
        assert await host.get("COUNTER_HI") == 0
    first_value, first_time = readings[0]
    assert [value - first_value for value, _ in readings] == [time - first_time for _, time in readings]


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


@bus_test
async def reset_in_command(dut: Any) -> None:
    """A reset in any cycle of any command leaves an idle, empty array whose memories hold what was written by then."""
    host = await started(dut, seed=8)
    rng = host.rng
    for opcode in Opcode:
        for choose in (lambda n: 1, lambda n: n, lambda n: max(1, n - 1), lambda n: rng.randint(1, n)):
            await host.command(Opcode.INIT, index=rng.randrange(3), value=rng.choice((3, 16)))
            await fill(host, 6)
            await host.fill_buffer("DELTA", 500)
            await host.put("ALPHA", 0x0800)
            await host.put("DATA0", rng.randrange(1 << 32))
            value = {Opcode.INIT: 5, Opcode.SEARCH: rng.choice((10, 10 | SEARCH_EXACT | SEARCH_KEEP, 3 | SEARCH_ONE))}
            core = rng.randrange(CONFIG.cores)
            word = encode(opcode, core=core, index=rng.randrange(2), value=value.get(opcode, rng.randrange(33)))
            await reset_in(host, word, choose)
            await host.read_all()
    await read_memories(host)
