"""The register map of the event unit as data, like ``golden.spec.registers``."""

from dataclasses import dataclass

from golden.spec.compact import CODE_WIDTH, WORD_WIDTH
from golden.spec.constants import VERSION
from golden.spec.event_unit import COUNT_WIDTH, EVENT_ID, EventUnitShape, Mode
from golden.spec.events import (
    FEEDBACK,
    FRACTION_BITS,
    ID_WIDTH,
    POTENTIAL,
    TARGET_NONE,
    THRESHOLD,
    UNIT_MAGNITUDE,
    WEIGHT,
)
from golden.spec.register import Access, Register, field


@dataclass(frozen=True, kw_only=True)
class EventRegister(Register):
    """A register of the event unit; ``mode``: the only one in which it may be used (read or written)."""

    mode: Mode | None = None


_RO, _RW, _WO, _W1C = Access.RO, Access.RW, Access.WO, Access.W1C
_VERSION_WORD = VERSION[0] << 16 | VERSION[1] << 8 | VERSION[2]


_EVENTS = (
    field("DONE", 0, 1, "a winner was found"),
    field("IDLE", 1, 1, "BUSY fell"),
    field("FAULT", 2, 1, "an event or chain came to nothing (see FAULT)"),
    field("LOST", 3, 1, "an event was refused because there was no room"),
)


def event_registers(shape: EventUnitShape) -> tuple[EventRegister, ...]:
    """All registers of an event unit, in the order of their addresses."""
    compact, engine = shape.compact, shape.engine
    point = f"{FRACTION_BITS} fraction bits"
    return (
        EventRegister(name="ID", addr=0x000, access=_RO, reset=EVENT_ID, description='"GNGE": an event unit.'),
        EventRegister(
            name="VERSION",
            addr=0x004,
            access=_RO,
            reset=_VERSION_WORD,
            description="Version of the register interface.",
            fields=(field("PATCH", 0, 8, "patch"), field("MINOR", 8, 8, "minor"), field("MAJOR", 16, 8, "major")),
        ),
        EventRegister(
            name="CONFIG",
            addr=0x008,
            access=_RO,
            width=27,
            reset=shape.config_word,
            description="All parameters of this unit; software refuses a bitstream that has no room for its model.",
            fields=(
                field("ROW_WIDTH", 0, 4, "bits of a row: 4 banks of 2^ROW_WIDTH words"),
                field("GROUP_WIDTH", 4, 3, "4 * 2^GROUP_WIDTH classes"),
                field("SCORE_WIDTH", 8, 5, "bits of a score - 1"),
                field("NEURON_WIDTH", 16, 4, "2^NEURON_WIDTH neurons"),
                field("QUEUE_WIDTH", 20, 4, "2^QUEUE_WIDTH events may wait"),
                field("GUARD_WIDTH", 24, 3, "chains of up to 2^GUARD_WIDTH neurons"),
            ),
        ),
        EventRegister(
            name="STATUS",
            addr=0x00C,
            access=_RO,
            reset=0b1000,
            description="What the unit is doing.",
            fields=(
                field("BUSY", 0, 1, "events wait or are worked on, or a FINISH or CLEAR is"),
                field("IRQ", 1, 1, "level of the interrupt pin"),
                field("DONE", 2, 1, "WINNER and BEST are those of the text"),
                field("READY", 3, 1, "there is room for an event"),
                field("LEVEL", 16, 16, "events that wait"),
            ),
        ),
        EventRegister(
            name="ERROR",
            addr=0x010,
            access=_RW,
            width=4,
            busy_write=True,
            description="Why the last refused transaction was refused (see the error codes); a write sets it.",
        ),
        EventRegister(
            name="COMMAND", addr=0x014, access=_WO, width=2, busy_write=True, description="A write is a command."
        ),
        EventRegister(
            name="MODE",
            addr=0x018,
            access=_RW,
            width=1,
            description="0: the compact classifier, 1: NeuronGuard. A write drops the text: DONE and scores become 0.",
        ),
        EventRegister(
            name="RUN",
            addr=0x01C,
            access=_RW,
            width=1,
            reset=1,
            busy_write=True,
            description="1: NeuronGuard takes events; 0: it stops after the current one, events wait.",
        ),
        EventRegister(
            name="IRQ_STATUS",
            addr=0x020,
            access=_W1C,
            width=4,
            busy_write=True,
            description="What happened since it was cleared.",
            fields=_EVENTS,
        ),
        EventRegister(
            name="IRQ_ENABLE",
            addr=0x024,
            access=_RW,
            width=4,
            busy_write=True,
            description="What raises the interrupt pin.",
            fields=_EVENTS,
        ),
        EventRegister(
            name="CYCLES", addr=0x028, access=_RO, description="Clock cycles with BUSY since the last CLEAR or MODE."
        ),
        EventRegister(name="EVENTS", addr=0x02C, access=_RO, description="Events worked on since reset, modulo 2^32."),
        EventRegister(
            name="LOST",
            addr=0x030,
            access=_RW,
            width=COUNT_WIDTH,
            busy_write=True,
            description="Events refused because there was no room, up to 65,535; a write sets it.",
        ),
        EventRegister(
            name="WINNER",
            addr=0x034,
            access=_RO,
            width=ID_WIDTH,
            description="The class of the largest score, the lowest on ties; NeuronGuard: 0 is neuron FIRST_CLASS.",
        ),
        EventRegister(name="BEST", addr=0x038, access=_RO, description="Its score or potential, signed."),
        EventRegister(
            name="SCORE_INDEX",
            addr=0x03C,
            access=_RW,
            width=compact.class_width,
            description="Which class SCORE shows.",
        ),
        EventRegister(
            name="SCORE",
            addr=0x040,
            access=_RO,
            busy_read=False,
            mode=Mode.COMPACT,
            description="Score of class SCORE_INDEX, signed; reading it moves SCORE_INDEX on.",
        ),
        EventRegister(
            name="CODE_MASK",
            addr=0x044,
            access=_RW,
            width=CODE_WIDTH,
            reset=(1 << CODE_WIDTH) - 1,
            description="Compact: ones where a word of the table holds its code.",
        ),
        EventRegister(
            name="LAST_CLASS",
            addr=0x048,
            access=_RW,
            width=compact.class_width,
            reset=compact.max_classes - 1,
            description="Compact: number of classes - 1.",
        ),
        EventRegister(
            name="MODEL_ADDR",
            addr=0x04C,
            access=_RW,
            width=compact.write_addr_width,
            description="Where TABLE_DATA or CODEBOOK_DATA write next. Table: row + 2^ROW_WIDTH * bank; code book: "
            "code * 2^GROUP_WIDTH + group.",
        ),
        EventRegister(
            name="TABLE_DATA",
            addr=0x050,
            access=_WO,
            width=WORD_WIDTH,
            mode=Mode.COMPACT,
            description="Writes a word of the table; MODEL_ADDR moves on.",
        ),
        EventRegister(
            name="CODEBOOK_DATA",
            addr=0x054,
            access=_WO,
            mode=Mode.COMPACT,
            description="Writes four weights of the code book, lowest class in the lowest byte; MODEL_ADDR moves on.",
        ),
        EventRegister(
            name="EVENT_LOW",
            addr=0x058,
            access=_WO,
            busy_write=True,
            description="Compact: bits 31..0 of the next event: its row in bank b at bits 12 b + 11 .. 12 b.",
        ),
        EventRegister(
            name="EVENT_HIGH",
            addr=0x05C,
            access=_WO,
            busy_write=True,
            mode=Mode.COMPACT,
            description="Bits 63..32: more of the rows, and the fingerprint above them. A write sends the event.",
            fields=(
                field("ROWS", 0, 16, "bits 47..32 of the rows"),
                field("TAG", 16, 16, "fingerprint, above the code"),
            ),
        ),
        EventRegister(
            name="LAST_NEURON",
            addr=0x080,
            access=_RW,
            width=ID_WIDTH,
            reset=engine.max_neurons - 1,
            description="NeuronGuard: number of neurons - 1.",
        ),
        EventRegister(
            name="FIRST_CLASS",
            addr=0x084,
            access=_RW,
            width=ID_WIDTH,
            reset=TARGET_NONE,
            description="NeuronGuard: neurons from this one on are classes. Beyond LAST_NEURON: there are none.",
        ),
        EventRegister(
            name="REWARD",
            addr=0x088,
            access=_RW,
            width=FEEDBACK.width,
            reset=int(FEEDBACK.to_raw(0.05)),
            description=f"Feedback of chains without PUNISH, signed, {point}.",
        ),
        EventRegister(
            name="PUNISHMENT",
            addr=0x08C,
            access=_RW,
            width=FEEDBACK.width,
            reset=int(FEEDBACK.to_raw(-0.15)) & ((1 << FEEDBACK.width) - 1),
            description=f"Feedback of chains with PUNISH, signed, {point}.",
        ),
        EventRegister(
            name="MAGNITUDE",
            addr=0x090,
            access=_RW,
            width=WEIGHT.width,
            reset=UNIT_MAGNITUDE,
            busy_write=True,
            description=f"Magnitude of the events posted from now on, signed, {point}.",
        ),
        EventRegister(
            name="POST",
            addr=0x094,
            access=_WO,
            width=18,
            busy_write=True,
            mode=Mode.NEURONGUARD,
            description="Sends an event.",
            fields=(
                field("NEURON", 0, ID_WIDTH, "its neuron"),
                field("TRAIN", 16, 1, "Trainer mode: one chain, with feedback"),
                field("PUNISH", 17, 1, "the feedback is PUNISHMENT, not REWARD"),
            ),
        ),
        EventRegister(
            name="CHAIN",
            addr=0x098,
            access=_RO,
            width=9,
            description="The last chain of Trainer mode.",
            fields=(
                field("LENGTH", 0, 8, "its neurons"),
                field("REACHED", 8, 1, "it reached its end: feedback was given"),
            ),
        ),
        EventRegister(
            name="REACHED", addr=0x09C, access=_RO, description="Chains that reached their end since reset, mod 2^32."
        ),
        EventRegister(
            name="POTENTIAL",
            addr=0x0A0,
            access=_RW,
            width=POTENTIAL.width,
            description=f"Potential of NEURON, signed, {point}.",
        ),
        EventRegister(
            name="THRESHOLD",
            addr=0x0A4,
            access=_RW,
            width=THRESHOLD.width,
            description=f"Threshold of NEURON, signed, {point}.",
        ),
        EventRegister(
            name="TARGET",
            addr=0x0A8,
            access=_RW,
            width=ID_WIDTH,
            description=f"Target of NEURON; {TARGET_NONE} (or 0xFFFFFFFF) for none.",
        ),
        EventRegister(
            name="WEIGHT",
            addr=0x0AC,
            access=_RW,
            width=WEIGHT.width,
            mode=Mode.NEURONGUARD,
            description=f"Weight of NEURON, signed, {point}. A write stores all four; NEURON moves on.",
        ),
        EventRegister(
            name="NEURON",
            addr=0x0B0,
            access=_RW,
            width=ID_WIDTH,
            mode=Mode.NEURONGUARD,
            description="A write reads that neuron into POTENTIAL, THRESHOLD, TARGET and WEIGHT.",
        ),
        EventRegister(
            name="FAULT",
            addr=0x0B4,
            access=_RW,
            width=20,
            busy_write=True,
            description="The first fault since CODE was 0; a write sets it.",
            fields=(
                field("CODE", 0, 2, "0 none, 1 target outside the field, 2 chain too long, 3 chain comes back"),
                field("NEURON", 8, ID_WIDTH, "neuron with the target; last of the chain; where it comes back"),
            ),
        ),
        EventRegister(
            name="FAULTS",
            addr=0x0B8,
            access=_RW,
            width=COUNT_WIDTH,
            busy_write=True,
            description="Faults, up to 65,535; a write sets it.",
        ),
    )


def event_registers_by_name(shape: EventUnitShape) -> dict[str, EventRegister]:
    """Registers keyed by name."""
    return {register.name: register for register in event_registers(shape)}
