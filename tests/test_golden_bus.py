"""The golden top level on its bus: timing worked out by hand from the contract, refusals, resets, and skipping."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from ganglion.cosim.host import Host, Transfer
from ganglion.cosim.program import RandomProgram
from golden.fixed.bus import OUTPUTS, Ganglion, Inputs
from golden.spec import Config, Error, Opcode, by_name, encode
from golden.spec.commands import SEARCH_EXACT

CONFIG = Config(cores=4, slices=2, lanes=4)
REGS = {name: register.addr for name, register in by_name(CONFIG).items()}
OKAY, SLVERR = 0, 2
PLACE = {name.removeprefix("s_axil_"): i for i, name in enumerate(OUTPUTS)}


def row(model: Ganglion, **inputs: int) -> dict[str, int]:
    """The outputs of this cycle; then the clock edge with these inputs."""
    outputs = {name: model.outputs[i] for name, i in PLACE.items()}
    model.run(Inputs(**inputs), 1)
    return outputs


def ready(config: Config = CONFIG) -> tuple[Ganglion, Host]:
    """An array that has emptied itself, and a host without stalls."""
    model = Ganglion(config)
    host = Host(model, Random(0))
    host.wait(config.cores_per_slice)
    return model, host


def write(host: Host, addr: int, data: int, strobe: int = 15) -> int:
    transfer = Transfer.write(addr, data, strobe)
    assert host.play([transfer])
    return transfer.response


def read(host: Host, addr: int) -> tuple[int, int]:
    transfer = Transfer.read(addr)
    assert host.play([transfer])
    return transfer.data, transfer.response


def error(host: Host) -> Error:
    return Error(read(host, REGS["ERROR"])[0])


def test_after_reset_only_the_readies_are_up() -> None:
    first = row(Ganglion(CONFIG))
    assert {name for name, value in first.items() if value} == {"awready", "wready", "arready"}


def test_read_of_a_register_cycle_by_cycle() -> None:
    model, _ = ready()
    rows = [row(model, arvalid=1, araddr=REGS["ID"])] + [row(model, rready=int(t >= 4)) for t in range(1, 6)]
    assert [r["arready"] for r in rows] == [1, 0, 1, 1, 1, 1]
    assert [r["rvalid"] for r in rows] == [0, 0, 1, 1, 1, 0]
    assert [r["rdata"] for r in rows] == [0, 0] + [0x474E474C] * 4
    assert all(r["rresp"] == OKAY for r in rows)


def test_read_of_a_buffer_word_shifts_its_elements_in() -> None:
    model, host = ready()
    write(host, 0x140, 0x44332211)
    rows = [row(model, arvalid=1, araddr=0x140)] + [row(model) for _ in range(7)]
    assert [r["rvalid"] for r in rows] == [0, 0, 0, 0, 0, 0, 1, 1]
    assert [r["rdata"] for r in rows[2:7]] == [0, 0x11000000, 0x22110000, 0x33221100, 0x44332211]


def test_write_cycle_by_cycle_in_either_order_of_address_and_data() -> None:
    for first in ("aw", "w"):
        model, host = ready()
        a = {"awvalid": 1, "awaddr": REGS["SCRATCH"]}
        w = {"wvalid": 1, "wdata": 0x5A, "wstrb": 15}
        rows = [row(model, **(a if first == "aw" else w)), row(model, **(w if first == "aw" else a))]
        rows += [row(model, bready=int(t >= 4)) for t in range(2, 7)]
        assert [r["bvalid"] for r in rows] == [0, 0, 0, 1, 1, 0, 0]
        early, late = ("awready", "wready") if first == "aw" else ("wready", "awready")
        assert [r[early] for r in rows] == [1, 0, 0, 1, 1, 1, 1]
        assert [r[late] for r in rows] == [1, 1, 0, 1, 1, 1, 1]
        assert read(host, REGS["SCRATCH"]) == (0x5A, OKAY)


def test_a_read_goes_before_a_write() -> None:
    model, _ = ready()
    both = {"awvalid": 1, "awaddr": REGS["SCRATCH"], "wvalid": 1, "wdata": 7, "wstrb": 15}
    rows = [row(model, arvalid=1, araddr=REGS["SCRATCH"], **both)] + [row(model, rready=1) for _ in range(4)]
    assert [r["rvalid"] for r in rows] == [0, 0, 1, 0, 0]
    assert [r["bvalid"] for r in rows] == [0, 0, 0, 1, 1]
    assert rows[2]["rdata"] == 0


def test_refusals_and_their_order() -> None:
    model, host = ready()
    command = REGS["COMMAND"]
    cases = [
        ((0xFFC, 0, 0), Error.BAD_ADDRESS),
        ((0x400, 1, 15), Error.BAD_ADDRESS),
        ((REGS["ID"], 0, 0), Error.READ_ONLY),
        ((REGS["SCRATCH"], 0, 7), Error.PARTIAL_WRITE),
        ((command, encode(0x7F), 3), Error.PARTIAL_WRITE),
        ((command, encode(0x7F, core=9), 15), Error.BAD_OPCODE),
        ((command, encode(Opcode.COUNT, core=4), 15), Error.BAD_CORE),
        ((command, encode(Opcode.INIT), 15), Error.BAD_ARGUMENT),
    ]
    for access, reason in cases:
        assert write(host, *access) == SLVERR
        assert error(host) is reason
    assert write(host, REGS["ERROR"], 0) == OKAY and error(host) is Error.NONE
    assert read(host, 0x7FC) == (0, SLVERR) and error(host) is Error.BAD_ADDRESS
    assert not model.commands
    write(host, command, encode(Opcode.INIT, index=0, value=16))
    busy = [
        (Transfer.write(command, encode(Opcode.COUNT)), Error.BUSY),
        (Transfer.write(command, encode(0x7F)), Error.BUSY),
        (Transfer.write(0x100, 1), Error.BUSY),
        (Transfer.write(REGS["TYPE_MASK"], 1, 1), Error.PARTIAL_WRITE),
        (Transfer.read(REGS["RESULT_RECORD"]), Error.BUSY),
        (Transfer.read(0x140), Error.BUSY),
    ]
    for transfer, reason in busy:
        host.wait(200)
        write(host, REGS["IRQ_STATUS"], 1)
        for core in range(4):
            write(host, command, encode(Opcode.SET_COUNT, core=core, value=32))
        write(host, command, encode(Opcode.SEARCH, value=16 | SEARCH_EXACT))
        assert host.play([transfer]) and (transfer.response, transfer.data * (not transfer.is_write)) == (SLVERR, 0)
        assert error(host) is reason


def test_time_of_a_command_on_the_bus() -> None:
    """INIT: F = 2, so N = 3. Accepted in cycle 0; busy 1..3; CYCLES 0, 1, 2 then 3; DONE in 4; SETTINGS from 2."""
    for delay in range(1, 8):
        model, host = ready()
        write(host, REGS["IRQ_ENABLE"], 1)
        row(model, awvalid=1, awaddr=REGS["COMMAND"], wvalid=1, wdata=encode(Opcode.INIT, index=2, value=9), wstrb=15)
        start = model.cycle  # the write goes in this cycle
        reads = {}
        for name in ("STATUS", "CYCLES", "SETTINGS"):
            copy, other = ready()
            write(other, REGS["IRQ_ENABLE"], 1)
            word = encode(Opcode.INIT, index=2, value=9)
            row(copy, awvalid=1, awaddr=REGS["COMMAND"], wvalid=1, wdata=word, wstrb=15)
            other.wait(delay - 1)
            row(copy, arvalid=1, araddr=REGS[name])
            row(copy)
            reads[name] = row(copy)["rdata"]
        irq = []
        while len(irq) < 7:
            irq.append(row(model)["irq"])
        assert irq == [0, 0, 0, 0, 1, 1, 1]
        assert model.commands == [(start, encode(Opcode.INIT, index=2, value=9))]
        assert reads["STATUS"] & 1 == (delay <= 3)
        assert reads["STATUS"] >> 1 & 1 == (delay >= 4)
        assert reads["CYCLES"] == min(delay - 1, 3)
        assert reads["SETTINGS"] == (16 if delay < 2 else 9 | 2 << 8)


def test_done_wins_over_clearing_it() -> None:
    """A clearing write that goes in the cycle of ``done`` is lost, one cycle later it clears."""
    for late in (0, 1):
        model, host = ready()
        row(model, awvalid=1, awaddr=REGS["COMMAND"], wvalid=1, wdata=encode(Opcode.INIT, value=16), wstrb=15)
        start = model.cycle
        host.pins.bready = 1
        host.wait(start + 3 - 1 + late - model.cycle)
        row(model, awvalid=1, awaddr=REGS["IRQ_STATUS"], wvalid=1, wdata=1, wstrb=15)
        assert model.cycle == start + 3 + late
        host.wait(3)
        assert read(host, REGS["IRQ_STATUS"]) == (1 - late, OKAY)


def test_results_come_off_the_list_one_a_record() -> None:
    _, host = ready()
    write(host, REGS["COMMAND"], encode(Opcode.INIT, value=4))
    for index in range(3):
        host.wait(100)
        write(host, 0x140, 0x01010101 * (3 - index))
        write(host, REGS["COMMAND"], encode(Opcode.INSERT, core=index))
    host.wait(100)
    write(host, REGS["COMMAND"], encode(Opcode.SEARCH, value=10 | SEARCH_EXACT))
    host.wait(100)
    assert read(host, REGS["RETURN0"]) == (3, OKAY)
    for core, element in ((2, 1), (1, 2), (0, 3)):
        assert read(host, REGS["STATUS"])[0] >> 4 == core + 1
        assert read(host, REGS["RESULT_DISTANCE_LO"]) == (4 * element * element, OKAY)
        assert read(host, REGS["RESULT_RECORD"]) == (1 << 16 | core << 8, OKAY)
    assert read(host, REGS["RESULT_RECORD"]) == (255, OKAY)
    assert read(host, REGS["RESULT_DISTANCE_HI"]) == (0, OKAY)


def test_strobes_write_whole_elements() -> None:
    _, host = ready(Config(cores=1, lanes=1, element_width=16))
    write(host, 0x104, 0x44332211, 0b0110)
    assert read(host, 0x104) == (0x44330000, OKAY)
    write(host, 0x104, 0x88776655, 0b1001)
    assert read(host, 0x104) == (0x44336655, OKAY)
    write(host, 0x184, 0x12F45678, 0b0001)  # DELTA: 24 bits, sign-extended
    assert read(host, 0x184) == (0xFFF45678, OKAY)


def test_reset_in_the_middle_of_a_buffer_write() -> None:
    """The element of the cycle of the reset is written, the next one is not."""
    for n_written in range(5):
        model, host = ready()
        row(model, awvalid=1, awaddr=0x140, wvalid=1, wdata=0x04030201, wstrb=15)
        host.wait(n_written)
        host.reset(1)
        host.wait(2)
        expected = int.from_bytes(bytes(i + 1 if i < n_written else 0 for i in range(4)), "little")
        assert read(host, 0x140) == (expected, OKAY)


def test_counter_counts_from_the_reset() -> None:
    model, host = ready()
    host.wait(1000)
    host.reset(3)
    after = model.cycle
    host.wait(50)
    assert read(host, REGS["COUNTER_LO"])[0] == 50 + 1  # goes in the cycle after its handshake
    assert model.cycle == after + 50 + 3


def test_events_do_not_depend_on_how_the_cycles_are_taken() -> None:
    """A random run replayed one cycle a call gives the same waveform as the run that skips: nothing hides in a skip."""
    for config in (CONFIG, Config(cores=2, slices=1, lanes=1, element_width=16)):
        model = Ganglion(config)
        host = Host(model, Random(7))
        program = RandomProgram(config, host, Random(8))
        for _ in range(400):
            program.operation()
        segments, events = host.take_segments(), model.take_events()
        assert segments.n_cycles == model.cycle
        slow = Ganglion(config)
        replayed = slow.run_segments(
            np.ones(segments.n_cycles, int), np.repeat(segments.values, segments.counts.astype(int), axis=0)
        )
        whole = Ganglion(config).run_segments(segments.counts, segments.values)
        for a, b, c in zip(events, replayed, whole, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, c)
        assert len({word & 0xFF for _, word in model.commands}) == len(Opcode)


@pytest.mark.parametrize("stall", [0, 1, 5])
def test_stalls_change_the_waveform_but_not_the_answers(stall: int) -> None:
    model, host = ready()
    host.stall = stall
    transfers = [Transfer.write(REGS["SCRATCH"], n) for n in range(50)] + [Transfer.read(REGS["ID"])] * 1
    reads = [Transfer.read(0x140 + 4 * (n % 4)) for n in range(50)]
    begin = model.cycle
    assert host.play(transfers + reads)
    assert all(t.response == OKAY for t in transfers + reads)
    assert read(host, REGS["SCRATCH"]) == (49, OKAY)
    assert model.cycle - begin >= 50 * 6
