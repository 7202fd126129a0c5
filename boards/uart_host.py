"""Host side of the UART bridge: requests and replies as bytes (``docs/uart.md``), over any byte stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from golden.spec.uart import ADDR_BITS, CRC_POLY, DATA_BYTES, SYNC, UartCommand, UartStatus

__all__ = [
    "BridgeError",
    "ByteStream",
    "Refused",
    "Reply",
    "ReplyDecoder",
    "ReplyError",
    "UartHost",
    "crc8",
    "decode_reply",
    "encode_request",
]

MAX_NOISE = 64
"""Bytes before a sync byte that :class:`UartHost` skips before it gives up."""

_FAULTS = {
    UartStatus.CHECKSUM: "the checksum of the request was wrong",
    UartStatus.COMMAND: "the bridge does not know the command",
    UartStatus.FRAMING: "a stop bit of the request was missing (wrong baud rate?)",
    UartStatus.TIMEOUT: "the request came to a halt in its middle",
}
_RESPONSES = {UartStatus.SLVERR: "SLVERR", UartStatus.SLVERR | 1: "DECERR"}


class ReplyError(OSError):
    """No reply, or one that is not intact."""


class BridgeError(OSError):
    """The bridge refused the request before it reached the bus; nothing was changed. ``status``: what it said."""

    def __init__(self, status: int) -> None:
        reasons = [text for fault, text in _FAULTS.items() if status & fault]
        super().__init__(f"UART bridge: {'; '.join(reasons)} (status {status:#04x})")
        self.status = status


class Refused(OSError):
    """The bus answered with an error; nothing was changed. ``status``: the bus response."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the bus answered {_RESPONSES.get(UartStatus(status & 3), 'EXOKAY')}")
        self.status = status


class ByteStream(Protocol):
    """What is needed of a serial port; ``read`` gives fewer bytes than asked for when nothing comes any more."""

    def write(self, data: bytes, /) -> int | None: ...

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Reply:
    """A reply with a good checksum: its status byte, and the data word (None without one)."""

    status: int
    data: int | None


def crc8(data: bytes) -> int:
    """CRC-8/MAXIM-DOW of the bytes after the sync byte. ``crc8(b"123456789") == 0xA1``."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CRC_POLY if crc & 1 else 0)
    return crc


def encode_request(addr: int, data: int | None = None) -> bytes:
    """The packet that reads the word at a byte address, or with ``data`` writes it.

    Raises ValueError, naming the value, for an address over 12 bits or data over 32.
    """
    if not 0 <= addr < 1 << ADDR_BITS:
        raise ValueError(f"address {addr:#x} has more than {ADDR_BITS} bits")
    if data is not None and not 0 <= data < 1 << 8 * DATA_BYTES:
        raise ValueError(f"data must be 0 to {(1 << 8 * DATA_BYTES) - 1:#x}, got {data:#x}")
    command = UartCommand.READ if data is None else UartCommand.WRITE
    body = (command << ADDR_BITS | addr).to_bytes(2, "little")
    if data is not None:
        body += data.to_bytes(DATA_BYTES, "little")
    return bytes([SYNC]) + body + bytes([crc8(body)])


def reply_length(status: int) -> int:
    """Bytes of a reply with this status, sync byte and checksum included."""
    return 3 + (DATA_BYTES if status & UartStatus.DATA else 0)


def decode_reply(packet: bytes) -> Reply:
    """What a whole reply says.

    Raises ReplyError for a wrong length, sync byte or checksum.
    """
    if len(packet) < 3 or len(packet) != reply_length(packet[1]):
        raise ReplyError(f"a reply of {len(packet)} bytes is incomplete: {packet.hex(' ')}")
    if packet[0] != SYNC:
        raise ReplyError(f"a reply starts with {SYNC:#04x}, not {packet[0]:#04x}")
    if crc8(packet[1:-1]) != packet[-1]:
        raise ReplyError(f"the checksum of the reply {packet.hex(' ')} should be {crc8(packet[1:-1]):#04x}")
    data = packet[2:-1]
    return Reply(packet[1], int.from_bytes(data, "little") if data else None)


class ReplyDecoder:
    """Finds replies in bytes as they come; what is not intact is skipped."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that these bytes complete. After a bad checksum the search goes on behind the sync byte."""
        self._pending += data
        found: list[Reply] = []
        while True:
            at = self._pending.find(SYNC)
            self._pending = self._pending[at:] if at >= 0 else b""
            if len(self._pending) < 2 or len(self._pending) < (length := reply_length(self._pending[1])):
                return found
            try:
                found.append(decode_reply(self._pending[:length]))
                self._pending = self._pending[length:]
            except ReplyError:
                self._pending = self._pending[1:]


class UartHost:
    """Reads and writes bus words through a byte stream, one transaction after the other.

    Args:
        stream: a serial port, opened with a read timeout of more than the bridge's.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def read(self, addr: int) -> int:
        """The word at a byte address.

        Raises ReplyError (no intact reply: the transaction may or may not have taken place), BridgeError (the request
        arrived damaged), Refused (the bus said no).
        """
        data = self._transfer(encode_request(addr)).data
        if data is None:
            raise ReplyError("the reply to a read has no data")
        return data

    def write(self, addr: int, data: int) -> None:
        """Writes a word; errors as in :meth:`read`."""
        if self._transfer(encode_request(addr, data)).data is not None:
            raise ReplyError("the reply to a write has data")

    def flush(self) -> None:
        """After an error: reads until the line is silent, so that the next reply belongs to the next request."""
        while self._stream.read(MAX_NOISE):
            pass

    def _transfer(self, request: bytes) -> Reply:
        self._stream.write(request)
        for _ in range(MAX_NOISE):
            sync = self._stream.read(1)
            if not sync:
                raise ReplyError("no reply from the UART bridge")
            if sync[0] == SYNC:
                break
        else:
            raise ReplyError(f"{MAX_NOISE} bytes and no {SYNC:#04x} among them: is this a UART bridge?")
        status = self._stream.read(1)
        rest = self._stream.read(reply_length(status[0]) - 2) if status else b""
        reply = decode_reply(sync + status + rest)
        if reply.status & sum(_FAULTS):
            raise BridgeError(reply.status)
        if reply.status & UartStatus.SLVERR:
            raise Refused(reply.status)
        return reply
