"""What a register is: address, access rules, fields."""

from dataclasses import dataclass
from enum import Enum

ADDR_WIDTH = 12
"""Bits of a byte address; the two low bits are ignored."""
DATA_WIDTH = 32


class Access(Enum):
    """What the bus may do with a register."""

    RO = "read only"
    RW = "read and write"
    W1C = "read; writing a 1 clears a bit"
    WO = "write only; reads give 0"


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits ``low`` .. ``low + width - 1`` of a register."""

    name: str
    low: int
    width: int
    description: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit register.

    ``width`` bits are implemented (the others read 0 and ignore writes). ``busy_read`` and ``busy_write`` tell
    whether the bus may read and write it while a command runs.
    """

    name: str
    addr: int
    access: Access
    description: str
    reset: int = 0
    width: int = 32
    busy_read: bool = True
    busy_write: bool = False
    fields: tuple[Field, ...] = ()

    @property
    def writable(self) -> bool:
        """Whether writes do anything but fail."""
        return self.access is not Access.RO


def field(name: str, low: int, width: int, description: str) -> Field:
    return Field(name=name, low=low, width=width, description=description)
