"""Commands: the word written to the COMMAND register, its fields, and what each command does."""

from dataclasses import dataclass
from enum import IntEnum


class Metric(IntEnum):
    """Distances (smaller is nearer); any other value means L2."""

    L2 = 0
    COSINE = 1
    DOT = 2


class Error(IntEnum):
    """Why a bus transaction was refused (ERROR register)."""

    NONE = 0
    BAD_ADDRESS = 1
    READ_ONLY = 2
    BUSY = 3
    BAD_OPCODE = 4
    BAD_CORE = 5
    BAD_ARGUMENT = 6
    PARTIAL_WRITE = 7


class Opcode(IntEnum):
    """Operation codes, bits 7..0 of the command word."""

    INIT = 0x01
    CLEAR = 0x02
    INSERT = 0x03
    SEARCH = 0x04
    CLEAR_RESULTS = 0x05
    MERGE = 0x06
    AGGREGATE = 0x07
    UPDATE = 0x08
    SET_TYPE = 0x10
    GET_TYPE = 0x11
    TYPE_MATCHES = 0x12
    SET_WEIGHT = 0x13
    GET_WEIGHT = 0x14
    COUNT = 0x15
    READ_VECTOR = 0x18
    WRITE_VECTOR = 0x19
    READ_LINKS = 0x1A
    WRITE_LINKS = 0x1B
    SET_COUNT = 0x1C


SEARCH_K_MASK = 0x1F
SEARCH_EXACT = 0x20
SEARCH_ONE = 0x40
SEARCH_KEEP = 0x80
"""Bits of SEARCH's value field: k (clamped to 16), exact instead of beam, one core only, merge into the old list."""


PEEKING = (
    Opcode.SET_TYPE,
    Opcode.GET_TYPE,
    Opcode.TYPE_MATCHES,
    Opcode.SET_WEIGHT,
    Opcode.GET_WEIGHT,
    Opcode.COUNT,
    Opcode.READ_LINKS,
    Opcode.WRITE_LINKS,
    Opcode.READ_VECTOR,
    Opcode.WRITE_VECTOR,
    Opcode.AGGREGATE,
    Opcode.UPDATE,
)
"""Opcodes that look at a node or core first (PEEK) and go on with what they saw."""


@dataclass(frozen=True, kw_only=True)
class CommandInfo:
    """What the documentation, the drivers and the front end need to know of a command."""

    opcode: IntEnum
    checks_core: bool
    index: str
    value: str
    returns: str
    description: str


def encode(opcode: int, *, core: int = 0, index: int = 0, value: int = 0) -> int:
    """The command word: opcode, core, index and value, one byte each from the low end.

    Raises ValueError, naming the field, for a value outside 0..255.
    """
    word = 0
    for position, (name, field) in enumerate(
        (("opcode", int(opcode)), ("core", core), ("index", index), ("value", value))
    ):
        if not 0 <= field <= 255:
            raise ValueError(f"command field {name} must be 0 to 255, got {field}")
        word |= field << (8 * position)
    return word


def command_info(opcode: IntEnum, description: str, *, core: bool = True, **texts: str) -> CommandInfo:
    """A command that checks its core unless ``core`` is False; ``texts``: index, value, returns."""
    return CommandInfo(
        opcode=opcode,
        checks_core=core,
        index=texts.get("index", ""),
        value=texts.get("value", ""),
        returns=texts.get("returns", ""),
        description=description,
    )


COMMANDS: tuple[CommandInfo, ...] = (
    command_info(
        Opcode.INIT,
        "Empties every core and sets metric and dimensions.",
        core=False,
        index="metric: 0 squared L2, 1 cosine, 2 dot; anything else is L2",
        value="dims, clamped to 16; 0 is refused",
    ),
    command_info(Opcode.CLEAR, "Empties one core."),
    command_info(
        Opcode.INSERT, "Inserts the VECTOR buffer into a core.", returns="index, or 255 when the core is full"
    ),
    command_info(
        Opcode.SEARCH,
        "Searches the QUERY buffer's nearest vectors, all cores or one; only types in TYPE_MASK are returned.",
        core=True,
        value="bits 4..0 k (clamped to 16), bit 5 exact, bit 6 one core only, bit 7 merge into the old result list",
        returns="number of results",
    ),
    command_info(Opcode.CLEAR_RESULTS, "Empties the result list.", core=False),
    command_info(
        Opcode.MERGE,
        "Folds one record (DATA distance, core, index) into the result list.",
        core=False,
        index="index of the record, low 5 bits",
        returns="number of results",
    ),
    command_info(
        Opcode.AGGREGATE,
        "DELTA = mean over the node's neighbours of weight/255 times their vector; 0 without neighbours.",
        index="node",
        returns="1, or 0 when the node does not exist (DELTA is 0 then)",
    ),
    command_info(
        Opcode.UPDATE,
        "Adds ALPHA times DELTA to the node's vector, saturating; renormalises under the cosine metric.",
        index="node",
        returns="1, or 0 when the node does not exist",
    ),
    command_info(Opcode.SET_TYPE, "Sets a node's type.", index="node", value="type, low 4 bits", returns="1, or 0"),
    command_info(Opcode.GET_TYPE, "Reads a node's type.", index="node", returns="type, 0 when the node does not exist"),
    command_info(
        Opcode.TYPE_MATCHES,
        "Tells whether the bit of TYPE_MASK at the node's type is set.",
        index="node",
        returns="1 or 0; 0 when the node does not exist",
    ),
    command_info(Opcode.SET_WEIGHT, "Sets a node's edge weight.", index="node", value="weight", returns="1, or 0"),
    command_info(Opcode.GET_WEIGHT, "Reads a node's edge weight.", index="node", returns="weight, or 0"),
    command_info(Opcode.COUNT, "Counts a core's vectors.", returns="count"),
    command_info(
        Opcode.READ_VECTOR,
        "Copies a stored vector to the VECTOR buffer; zeros if absent.",
        index="node",
        returns="1, or 0 when the node does not exist",
    ),
    command_info(
        Opcode.WRITE_VECTOR,
        "Overwrites a stored vector with the VECTOR buffer as it is (to restore a saved array).",
        index="node",
        returns="1, or 0 when the node does not exist",
    ),
    command_info(
        Opcode.READ_LINKS,
        "Reads a node's graph word.",
        index="node",
        returns="36 bits: six 5-bit links, n_links, n_pinned; 0 when the node does not exist",
    ),
    command_info(
        Opcode.WRITE_LINKS,
        "Overwrites a node's graph word with DATA (to restore a saved array).",
        index="node",
        returns="1, or 0 when the node does not exist",
    ),
    command_info(Opcode.SET_COUNT, "Sets a core's count (to restore a saved array).", value="count, clamped to 32"),
)
"""Every command, in the order of the opcodes. An index that does not exist: writes do nothing, reads give 0."""
