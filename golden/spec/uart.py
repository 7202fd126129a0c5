"""The packets of the UART bridge as data (``docs/uart.md``): sync byte, commands, status bits, checksum."""

from enum import IntEnum, IntFlag

SYNC = 0xA5
"""First byte of every packet, in both directions."""

CRC_POLY = 0x8C
"""CRC-8/MAXIM-DOW: x^8 + x^5 + x^4 + 1, least significant bit first; initial value 0; check value 0xA1."""

ADDR_BITS = 12
DATA_BYTES = 4


class UartCommand(IntEnum):
    """Bits 15..12 of the request's head; commands with bit 15 set carry a data word."""

    READ = 0x5
    WRITE = 0xA


class UartStatus(IntFlag):
    """The status byte of a reply; bits 1..0 are the bus response (OKAY 0, SLVERR 2, DECERR 3)."""

    OKAY = 0
    SLVERR = 0x02
    CHECKSUM = 0x04
    COMMAND = 0x08
    FRAMING = 0x10
    TIMEOUT = 0x20
    DATA = 0x80


MIN_DIVISOR = 4
MIN_TIMEOUT_WIDTH, MAX_TIMEOUT_WIDTH = 5, 24


def check_uart(divisor: int, timeout_width: int) -> None:
    """Refuse parameters of the bridge with which it would not work.

    Raises TypeError or ValueError, naming the value.
    """
    for name, value, low, high in (
        ("divisor", divisor, MIN_DIVISOR, 1 << 20),
        ("timeout_width", timeout_width, MIN_TIMEOUT_WIDTH, MAX_TIMEOUT_WIDTH),
    ):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{name} must be {low} to {high}, got {value}")
