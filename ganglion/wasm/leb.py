"""Numbers and names as WebAssembly binaries hold them."""

from __future__ import annotations

__all__ = ["Reader", "WasmError", "signed", "unsigned"]


class WasmError(ValueError):
    """The bytes are not a module, or hold an instruction that this package does not know."""


class Reader:
    """Reads ``data`` from ``at`` on."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        if self.at + n > len(self.data):
            raise WasmError(f"the module ends within its byte {self.at}")
        self.at += n
        return self.data[self.at - n : self.at]

    def unsigned(self) -> int:
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        """A signed LEB128 number."""
        start = self.at
        value = self.unsigned()
        width = 7 * (self.at - start)
        return value - (1 << width) if value >> (width - 1) else value

    def text(self) -> str:
        """A name."""
        return self.take(self.unsigned()).decode()


def unsigned(value: int) -> bytes:
    """``value`` as the shortest unsigned LEB128 number."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def signed(value: int) -> bytes:
    """``value`` as the shortest signed LEB128 number."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])
