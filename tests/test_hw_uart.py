"""The UART bridge: hardware against golden twins, and end to end through the host's codec."""

from collections.abc import Iterator

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hw_units import TINY, WithReset, bursts, chance, never_made, random_bits

import golden.fixed.uart
import golden.fixed.uart_bridge
import hw.uart
import hw.uart_bridge
from boards.uart_host import (
    BridgeError,
    Refused,
    Reply,
    ReplyDecoder,
    ReplyError,
    UartHost,
    crc8,
    decode_reply,
    encode_request,
)
from ganglion.engine import Engine, check_twin, make_engine
from golden.fixed.array import ArrayModel
from golden.spec import Opcode, buffers, encode, registers
from golden.spec.uart import SYNC
from hw.top import Ganglion

DIVISOR = 4


def frame(byte: int, divisor: int, stop: int = 1) -> list[int]:
    """The line's levels, a cycle each, for one byte."""
    bits = [0, *(byte >> i & 1 for i in range(8)), stop]
    return [bit for bit in bits for _ in range(divisor)]


def levels(data: bytes, divisor: int) -> list[int]:
    return [level for byte in data for level in frame(byte, divisor)]


def received(tx: np.ndarray, divisor: int) -> bytes:
    """The bytes on a line, sampled in the middle of each bit; every stop bit must be there."""
    found, cycle = [], 0
    while cycle < len(tx):
        if tx[cycle]:
            cycle += 1
            continue
        bits = tx[cycle + divisor // 2 :: divisor][:10]
        assert len(bits) == 10, "the trace ends within a byte"
        assert bits[0] == 0 and bits[9] == 1, f"cycle {cycle}: no start or stop bit"
        found.append(sum(int(bit) << i for i, bit in enumerate(bits[1:9])))
        cycle += 9 * divisor + divisor // 2
    return bytes(found)


def request(rng: np.random.Generator) -> bytes:
    """An intact request; one in six with a command that does not exist."""
    head = int(rng.integers(0, 1 << 12)) | int(rng.choice([5, 10, 5, 10, 5, int(rng.integers(0, 16))])) << 12
    data = rng.bytes(4) if head >> 15 else b""
    body = head.to_bytes(2, "little") + data
    return bytes([SYNC]) + body + bytes([crc8(body)])


def traffic(rng: np.random.Generator, n_cycles: int, divisor: int, timeout_width: int) -> np.ndarray:
    """A line with requests, most of them intact, some damaged in every way, and noise in between."""
    line: list[int] = []
    reply = 80 * divisor
    while len(line) < n_cycles:
        packet = bytearray(request(rng))
        gap = int(rng.choice([0, 1, divisor, reply, reply, 2 * reply]))
        kind = rng.integers(0, 16)
        if kind == 0:
            packet[int(rng.integers(0, len(packet)))] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            packet = bytearray(rng.bytes(int(rng.integers(1, 6))))
        elif kind == 2:
            packet = packet[: int(rng.integers(1, len(packet)))]
            gap = (1 << timeout_width) * divisor + reply
        elif kind == 3:
            at = int(rng.integers(0, len(packet)))
            line += levels(packet[:at], divisor) + frame(packet[at], divisor, stop=0)
            packet = packet[at + 1 :]
        elif kind == 4:
            line += rng.integers(0, 2, 40).tolist()
        elif kind == 5:
            line += [0] * int(rng.integers(1, 30 * divisor))
        elif kind == 6:
            line += [1] * int(rng.integers(1, 5 * divisor)) + [0] * int(rng.integers(1, divisor))
        pause = int(rng.choice([0, 0, 1, 3, divisor]))
        for byte in packet:
            line += frame(byte, divisor) + [1] * pause
        line += [1] * gap
    return np.array(line[:n_cycles])


def bus_stimulus(rng: np.random.Generator, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Any timing of the subordinate's outputs, also such as no subordinate has."""
    stimulus = {f"m_axil_{name}": bursts(rng, shape, 300) for name in ("awready", "wready", "arready")}
    stimulus |= {f"m_axil_{name}": bursts(rng, shape, 100) for name in ("bvalid", "rvalid")}
    stimulus |= {f"m_axil_{name}": random_bits(rng, shape, 2) * chance(rng, shape, 0.5) for name in ("bresp", "rresp")}
    return stimulus | {"m_axil_rdata": random_bits(rng, shape, 32)}


@pytest.mark.parametrize(("divisor", "timeout_width"), [(4, 5), (5, 6), (7, 5), (8, 7)])
def test_line(divisor: int, timeout_width: int) -> None:
    rng, shape = np.random.default_rng(divisor), (60, 2000)
    stimulus = {
        "rx": np.stack([traffic(rng, shape[1], divisor, timeout_width) for _ in range(shape[0])]),
        "send": bursts(rng, shape, 700),
        "hold": bursts(rng, shape, 300) * chance(rng, (shape[0], 1), 0.5).astype(np.uint64),
        "bit_out": random_bits(rng, shape, 1),
    }
    # Half of the streams only listen.
    stimulus["send"][::2] = 0
    unit = hw.uart.UartLine(divisor, timeout_width=timeout_width)
    twin = golden.fixed.uart.UartLine(TINY, shape[0], divisor=divisor, timeout_width=timeout_width)
    outputs = check_twin(unit, twin, stimulus)
    assert all(values.any() and not values.all() for values in outputs.values())


@pytest.mark.parametrize(("divisor", "timeout_width"), [(4, 5), (5, 6), (6, 5), (8, 6)])
def test_bridge(divisor: int, timeout_width: int) -> None:
    """4 x 280,000 cycles; every status must have been sent."""
    rng, shape = np.random.default_rng(100 + divisor), (80, 3500)
    stimulus = bus_stimulus(rng, shape)
    stimulus["rx"] = np.stack([traffic(rng, shape[1], divisor, timeout_width) for _ in range(shape[0])])
    unit = hw.uart_bridge.UartBridge(divisor, timeout_width=timeout_width)
    twin = golden.fixed.uart_bridge.UartBridge(TINY, shape[0], divisor=divisor, timeout_width=timeout_width)
    outputs = check_twin(unit, twin, stimulus)
    seen = set()
    for tx in outputs["tx"]:
        # A reply that the end of the trace cuts off does not count.
        idle = np.flatnonzero(np.convolve(tx, np.ones(11 * divisor), "valid") == 11 * divisor)
        seen |= {reply.status for reply in ReplyDecoder().feed(received(tx[: idle[-1] + 11 * divisor], divisor))}
    assert seen == {0x00, 0x01, 0x02, 0x03, 0x80, 0x81, 0x04, 0x08, 0x10, 0x20}


def test_bridge_reset_at_any_time() -> None:
    rng, shape = np.random.default_rng(9), (40, 2500)
    stimulus = bus_stimulus(rng, shape) | {"rst": chance(rng, shape, 0.002)}
    stimulus["rx"] = np.stack([traffic(rng, shape[1], DIVISOR, 5) for _ in range(shape[0])])
    twin = golden.fixed.uart_bridge.UartBridge(TINY, shape[0], divisor=DIVISOR, timeout_width=5)
    check_twin(hw.uart_bridge.UartBridge(DIVISOR, timeout_width=5), WithReset(twin), stimulus)


@pytest.mark.parametrize("skew", [-0.035, -0.01, 0.01, 0.035])
def test_a_host_whose_clock_is_off(skew: float) -> None:
    """Bytes without a pause, from a host that is slower or faster; the bus answers at once."""
    divisor, packet = 26, encode_request(0x5A5, 0x00FF55A5)
    edges = np.cumsum(np.full(len(packet) * 10, divisor * (1 + skew)))
    bits = levels(packet, 1)
    line = [bits[int(np.searchsorted(edges, cycle, side="right"))] for cycle in range(int(edges[-1]))]
    rx = np.array([1] * 7 + line + [1] * (40 * divisor))
    with make_engine(hw.uart_bridge.UartBridge(divisor, timeout_width=6)) as engine:
        ready = {f"m_axil_{name}": np.ones_like(rx) for name in ("awready", "wready", "bvalid")}
        trace = engine.run_ports({"rx": rx} | ready)
    goes = np.flatnonzero(trace["m_axil_wvalid"])
    assert len(goes) == 1
    assert trace["m_axil_awaddr"][goes[0]] == 0x5A5 and trace["m_axil_wdata"][goes[0]] == 0x00FF55A5
    assert received(trace["tx"], divisor) == bytes([SYNC, 0, 0])


# ------------------------------------------------------------------ end to end


class Board(wiring.Component):
    """Bridge and array: a serial line is all there is outside."""

    def __init__(self) -> None:
        super().__init__({"rx": In(1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = hw.uart_bridge.UartBridge(DIVISOR, timeout_width=6)
        m.submodules.ganglion = ganglion = Ganglion(TINY)
        m.d.comb += [bridge.rx.eq(self.rx), self.tx.eq(bridge.tx)]
        for name, member in bridge.signature.members.items():
            if name.startswith("m_axil_"):
                inner, outer = getattr(bridge, name), getattr(ganglion, f"s_{name.removeprefix('m_')}")
                m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        return m


class Line:
    """A byte stream to the simulated board: what is written goes over the line bit by bit, then the board has time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._arrived = b""

    def drive(self, rx: list[int]) -> None:
        trace = self._engine.run_ports({"rx": np.array(rx + [1] * (100 * DIVISOR))})
        self._arrived += received(trace["tx"], DIVISOR)

    def write(self, data: bytes) -> None:
        self.drive(levels(data, DIVISOR))

    def read(self, size: int) -> bytes:
        data, self._arrived = self._arrived[:size], self._arrived[size:]
        return data


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with make_engine(Board()) as engine:
        yield engine


@pytest.fixture
def line(engine: Engine) -> Line:
    engine.reset()
    return Line(engine)


def addr_of(name: str) -> int:
    return next(entry.addr for entry in (*registers(TINY), *buffers(TINY)) if entry.name == name)


def test_end_to_end_search(line: Line) -> None:
    """Identify, INIT, INSERT until a core is full, SEARCH: all answers those of the golden model."""
    host, model, rng = UartHost(line), ArrayModel(TINY), np.random.default_rng(5)

    def run(opcode: Opcode, **fields: int) -> int:
        word = encode(opcode, **fields)
        host.write(addr_of("COMMAND"), word)
        while host.read(addr_of("STATUS")) & 1:
            pass
        execution = model.execute(word)
        assert host.read(addr_of("RETURN0")) == execution.answer
        assert host.read(addr_of("CYCLES")) == execution.cycles
        return execution.answer

    def fill(name: str, values: np.ndarray) -> None:
        for at, word in enumerate(values.astype(np.int8).view("<u4").tolist()):
            host.write(addr_of(name) + 4 * at, word)

    assert host.read(addr_of("ID")).to_bytes(4, "big") == b"GNGL"
    run(Opcode.INIT, value=16)
    stored = 0
    for core in (0, 1, 1, 2, 3, *[3] * 33):
        vector = rng.integers(-128, 128, 16)
        model.vector[:] = vector
        fill("VECTOR", vector)
        stored += run(Opcode.INSERT, core=core) != 255
    assert stored == 36
    for value in (10, 16 | 0x20, 3 | 0x20):
        query = rng.integers(-128, 128, 16)
        model.query[:] = query
        fill("QUERY", query)
        count = run(Opcode.SEARCH, value=value)
        found = []
        for _ in range(count):
            low, high = host.read(addr_of("RESULT_DISTANCE_LO")), host.read(addr_of("RESULT_DISTANCE_HI"))
            record = host.read(addr_of("RESULT_RECORD"))
            found.append((high << 32 | low, record >> 8 & 0xFF, record & 0xFF))
        assert found == [(key, core, index) for key, core, index in model.results]


def test_end_to_end_errors(line: Line) -> None:
    """What is damaged gets its error reply and changes nothing; the next request is fine."""
    host, scratch = UartHost(line), addr_of("SCRATCH")
    host.write(scratch, 0x11)
    packet = encode_request(scratch, 0x22)

    def answer(rx: list[int], status: int) -> None:
        line.drive(rx)
        assert line.read(100) == bytes([SYNC, status, crc8(bytes([status]))])
        assert host.read(scratch) == 0x11

    for at in range(1, len(packet)):
        for flip in range(8):
            damaged = bytearray(packet)
            damaged[at] ^= 1 << flip
            if (at, flip) == (2, 7):
                continue  # the bit that tells the length: see below
            answer(levels(damaged, DIVISOR), 0x04)
        answer(levels(packet[:at], DIVISOR) + frame(packet[at], DIVISOR, stop=0) + [1] * 4, 0x10)
        answer(levels(packet[:at], DIVISOR) + [1] * (66 * DIVISOR), 0x20)
    body = (0x7000 | scratch).to_bytes(2, "little")
    answer(levels(bytes([SYNC]) + body + bytes([crc8(body)]), DIVISOR), 0x08)

    # Taken for a read: refused at its fourth byte, and what follows is noise.
    damaged = bytearray(packet)
    damaged[2] ^= 0x80
    answer(levels(damaged, DIVISOR), 0x04)
    with pytest.raises(BridgeError, match=r"checksum of the request was wrong \(status 0x04\)") as caught:
        UartHost(Damaging(line)).write(scratch, 0x22)
    assert caught.value.status == 0x04

    # Noise without a sync byte, and a break, are skipped in silence.
    line.drive(levels(bytes(value for value in range(256) if value != SYNC), DIVISOR) + [0] * 200 + [1] * 40)
    assert line.read(1) == b""
    host.write(scratch, 0x33)
    assert host.read(scratch) == 0x33


class Damaging(Line):
    """Flips a bit of the data on its way to the board."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        self._line.write(data[:3] + bytes([data[3] ^ 1]) + data[4:])

    def read(self, size: int) -> bytes:
        return self._line.read(size)


def test_end_to_end_refusals(line: Line) -> None:
    host = UartHost(line)
    for transfer in (lambda: host.read(0x7FC), lambda: host.write(addr_of("ID"), 0)):
        with pytest.raises(Refused, match="SLVERR") as caught:
            transfer()
        assert caught.value.status == 2
    assert host.read(addr_of("ERROR")) == 2


def test_requests_during_a_reply_are_lost(line: Line) -> None:
    scratch = addr_of("SCRATCH")
    line.drive(levels(encode_request(scratch, 1) + encode_request(scratch, 2)[:3], DIVISOR))
    assert line.read(100) == bytes([SYNC, 0, 0])
    assert UartHost(line).read(scratch) == 1


# ------------------------------------------------------------------ the codec


def test_checksum_against_the_published_value() -> None:
    assert crc8(b"123456789") == 0xA1
    body = encode_request(0x123, 0x456789AB)[1:]
    assert crc8(body) == 0


def test_requests_as_documented() -> None:
    assert encode_request(0).hex(" ") == "a5 00 50 db"
    assert encode_request(0x48, 0x5A).hex(" ") == "a5 48 a0 5a 00 00 00 24"
    for addr, data, text in ((0x1000, None, "0x1000"), (-4, 0, "-0x4"), (0, 1 << 32, "0x100000000"), (0, -1, "-0x1")):
        with pytest.raises(ValueError, match=text):
            encode_request(addr, data)


def test_replies() -> None:
    read = bytes.fromhex("a5 80 4c 47 4e 47")
    packet = read + bytes([crc8(read[1:])])
    assert decode_reply(packet) == Reply(0x80, 0x474E474C)
    for damaged in (packet[:-1], packet + b"\0", b"\xa4" + packet[1:], packet[:-1] + b"\xff", b""):
        with pytest.raises(ReplyError):
            decode_reply(damaged)
    decoder = ReplyDecoder()
    stream = b"\x01\xa5\xa5" + packet + packet[:3] + b"\xa5\x00\x00" + packet + b"\x07"
    found = [reply for byte in stream for reply in decoder.feed(bytes([byte]))]
    assert found[0] == found[-1] == Reply(0x80, 0x474E474C) and Reply(0, None) in found


class Canned:
    """A stream that answers what it was told to."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def write(self, data: bytes) -> None:
        assert data[0] == SYNC

    def read(self, size: int) -> bytes:
        data, self._answer = self._answer[:size], self._answer[size:]
        return data


def test_host_names_what_is_wrong() -> None:
    def reply(status: int) -> bytes:
        return bytes([SYNC, status, crc8(bytes([status]))])

    for answer, error, text in (
        (b"", ReplyError, "no reply"),
        (b"\xa5", ReplyError, "incomplete"),
        (b"\xa5\x80\x01", ReplyError, "incomplete"),
        (b"\xa5\x00\x01", ReplyError, "checksum"),
        (b"\0" * 100, ReplyError, "is this a UART bridge"),
        (reply(0), ReplyError, "no data"),
        (reply(0x10), BridgeError, "baud rate"),
        (reply(0x08), BridgeError, "command"),
        (reply(0x20), BridgeError, "halt"),
        (reply(0x03), Refused, "DECERR"),
    ):
        with pytest.raises(error, match=text):
            UartHost(Canned(answer)).read(0)
    with pytest.raises(ReplyError, match="has data"):
        UartHost(Canned(b"\xa5\x80\0\0\0\0" + bytes([crc8(b"\x80\0\0\0\0")]))).write(0, 0)


def test_host_skips_noise_and_flushes() -> None:
    assert UartHost(Canned(b"\0\x01\xa5\x80\x07\0\0\0" + bytes([crc8(b"\x80\x07\0\0\0")]))).read(0) == 7
    stream = Canned(b"\0" * 1000)
    UartHost(stream).flush()
    assert stream.read(1) == b""


@pytest.mark.parametrize(
    ("divisor", "width", "error", "text"),
    [
        (3, 10, ValueError, "divisor must be 4 to .*, got 3"),
        (4.0, 10, TypeError, "divisor must be an integer, got 4.0"),
        (8, 4, ValueError, "timeout_width must be 5 to 24, got 4"),
        (8, True, TypeError, "timeout_width must be an integer, got True"),
    ],
)
def test_parameters(divisor: int, width: int, error: type[Exception], text: str) -> None:
    for unit in (hw.uart_bridge.UartBridge, hw.uart.UartLine):
        made = never_made(unit)
        with pytest.raises(error, match=text):
            made.__init__(divisor, timeout_width=width)
    with pytest.raises(error, match=text):
        golden.fixed.uart_bridge.UartBridge(TINY, 1, divisor=divisor, timeout_width=width)
