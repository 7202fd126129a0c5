"""Addresses of the sequential engine's processor, and its ports by number; see ``docs/contract_sequential.md``."""

from enum import IntEnum

__all__ = [
    "BUFFER_PORT",
    "DATA_BASE",
    "LIST_BASE",
    "MEMORY_BYTES",
    "NODES_BASE",
    "OPERAND_PORT",
    "PORT_BASE",
    "PROGRAM_BASE",
    "SequentialPort",
]

NODES_BASE = 0x10000
"""Nodes lie behind the rows, which begin at 0."""
DATA_BASE = 0x18000
"""The program's own data."""
LIST_BASE = 0x1C000
"""Entries of the result list, 8 bytes each, as the hardware writes them."""
MEMORY_BYTES = 0x20000
PORT_BASE = 0x20000
PROGRAM_BASE = 0x30000


class SequentialPort(IntEnum):
    """What a load gives or a store sets."""

    COMMAND = 0
    DATA_LO = 1
    DATA_HI = 2
    TYPE_MASK = 3
    ALPHA = 4
    DT = 5
    LEAK = 6
    RATE_FACTOR = 7
    TARGET_STEP = 8
    PHASE_STEP = 9
    GAIN = 10
    DISTANCE_ONE = 11
    PHASE = 12
    INLET_WORD = 13
    INLET = 14
    REPORT_CORE = 15
    REPORT_WORD = 16
    SCAN_KEY = 17
    SCAN_ROW = 18
    SCAN_START = 19
    SCAN_MODE = 20
    PHASE_DUE = 21
    SETTINGS = 22
    LIST_KEY = 23
    LIST_ENTRY = 24
    LIST_COUNT = 25
    ANSWER_LO = 26
    ANSWER_HI = 27
    FINISH = 28
    TIMED = 29
    CORES = 30


BUFFER_PORT = 0x40
"""The first of 64 elements of the buffer memory, region * 16 + element."""
OPERAND_PORT = 0x80
"""The first of four operand words."""
