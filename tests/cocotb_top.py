"""Bus tests of the top level's Verilog, run by cocotb inside the simulator; test_cosim_cocotb.py starts them.

A cocotbext-axi manager drives the bus as a host would; every answer is compared with the transaction-level model.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import cocotb
from bus_model import UNPREDICTED, WORD
from cocotb.triggers import ClockCycles, Combine, ReadOnly, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotb_host import CONFIG, PERIOD_NS, fill, read_memories, reset_in, started

from golden.spec import Error, Opcode, encode
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP, SEARCH_ONE
from golden.spec.registers import ADDR_WIDTH

N_WORDS = 1 << (ADDR_WIDTH - 2)
TESTS: list[str] = []
"""Names of the tests below."""


def bus_test(function: Callable[[Any], Coroutine]) -> Any:
    """A cocotb test that is listed in TESTS; 20 ms of simulated time are more than any of them needs."""
    TESTS.append(function.__name__)
    return cocotb.test(timeout_time=20, timeout_unit="ms")(function)


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
    data = list(range(1, 151))

    async def writes() -> None:
        for value in data:
            assert await host.raw_write(scratch, value)
            assert not await host.raw_write(identity, value)

    async def reads() -> None:
        last = 0
        for i in range(150):
            value, okay = await host.raw_read(scratch)
            assert okay
            assert value in (0, *data) and value >= last, f"read {i}: {value} after {last}"
            last = value
            assert await host.raw_read(identity) == (host.model.table[identity].reset, True)
            assert await host.raw_read(0xFFC) == (0, False)

    await Combine(cocotb.start_soon(writes()), cocotb.start_soon(reads()))
    assert await host.raw_read(scratch) == (data[-1], True)


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
