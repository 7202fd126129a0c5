"""The register map as data: hardware decode, C header, documentation and access rules all come from here."""

from collections.abc import Iterator
from dataclasses import dataclass

from golden.spec.config import Config
from golden.spec.constants import ID, MAX_DIMS, VERSION
from golden.spec.neural_registers import IRQ_FIELDS, neural_registers
from golden.spec.register import ADDR_WIDTH, DATA_WIDTH, Access, Field, Register
from golden.spec.register import field as _f

__all__ = [
    "ADDR_WIDTH",
    "COUNTER_WIDTH",
    "DATA_WIDTH",
    "Access",
    "Buffer",
    "Field",
    "Register",
    "buffers",
    "by_name",
    "registers",
    "word_addresses",
]

COUNTER_WIDTH = 40
"""Bits of the cycle counter: it wraps after 12 hours at 24 MHz."""


def _config_word(config: Config) -> int:
    return (
        (config.cores - 1)
        | config.slice_bits << 8
        | (config.lanes.bit_length() - 1) << 12
        | (config.element_width == 16) << 15
        | config.contexts << 16
    )


_VERSION_WORD = VERSION[0] << 16 | VERSION[1] << 8 | VERSION[2]
_RO, _RW, _WO = Access.RO, Access.RW, Access.WO


def registers(config: Config) -> tuple[Register, ...]:
    """All registers of an array, in the order of their addresses."""
    irq_fields = IRQ_FIELDS if config.contexts else IRQ_FIELDS[:1]
    return (
        Register(name="ID", addr=0x000, access=_RO, reset=ID, description='"GNGL": tells that this is a ganglion.'),
        Register(
            name="VERSION",
            addr=0x004,
            access=_RO,
            reset=_VERSION_WORD,
            description="Version of the register interface.",
            fields=(_f("PATCH", 0, 8, "patch"), _f("MINOR", 8, 8, "minor"), _f("MAJOR", 16, 8, "major")),
        ),
        Register(
            name="CONFIG",
            addr=0x008,
            access=_RO,
            reset=_config_word(config),
            description="The configuration of this array.",
            fields=(
                _f("CORES", 0, 8, "cores - 1"),
                _f("SLICES", 8, 4, "log2 of the slices"),
                _f("LANES", 12, 3, "log2 of the lanes"),
                _f("WIDE", 15, 1, "1: elements of 16 bits, 0: 8 bits"),
                _f("CONTEXTS", 16, 9, "neuron contexts; 0: no spiking units"),
            ),
        ),
        Register(
            name="CONFIG_HASH",
            addr=0x00C,
            access=_RO,
            reset=config.hash,
            description="CRC-32 of the configuration; software refuses a bitstream with another one.",
        ),
        Register(
            name="STATUS",
            addr=0x010,
            access=_RO,
            width=9,
            reset=1,
            description="What the array is doing. After reset the array empties itself and is busy.",
            fields=(
                _f("BUSY", 0, 1, "a command runs"),
                _f("IRQ", 1, 1, "level of the interrupt pin"),
                _f("RESULTS", 4, 5, "results not yet read"),
            ),
        ),
        Register(
            name="ERROR",
            addr=0x014,
            access=_RW,
            width=3,
            busy_write=True,
            description="Why the last refused transaction was refused (see the error codes); a write sets it.",
        ),
        Register(
            name="COMMAND",
            addr=0x018,
            access=_WO,
            description="A write starts a command.",
            fields=(
                _f("OPCODE", 0, 8, "operation"),
                _f("CORE", 8, 8, "core"),
                _f("INDEX", 16, 8, "node, or as the command says"),
                _f("VALUE", 24, 8, "as the command says"),
            ),
        ),
        Register(name="RETURN0", addr=0x01C, access=_RO, description="Answer of the last command, low word."),
        Register(name="RETURN1", addr=0x020, access=_RO, description="Answer of the last command, high word."),
        Register(
            name="DATA0",
            addr=0x024,
            access=_WO,
            description="Argument of MERGE, WRITE_LINKS, spiking commands: low word.",
        ),
        Register(
            name="DATA1",
            addr=0x028,
            access=_WO,
            width=config.data_width - DATA_WIDTH,
            description="The same, high bits, signed.",
        ),
        Register(
            name="TYPE_MASK",
            addr=0x02C,
            access=_RW,
            width=16,
            reset=0xFFFF,
            description="Node types that SEARCH returns and TYPE_MATCHES accepts, a bit a type.",
        ),
        Register(
            name="ALPHA",
            addr=0x030,
            access=_RW,
            width=16,
            description=f"Blending factor of UPDATE, signed {config.alpha_format}.",
        ),
        Register(
            name="IRQ_STATUS",
            addr=0x034,
            access=Access.W1C,
            width=len(irq_fields),
            busy_write=True,
            description="Events since they were cleared.",
            fields=irq_fields,
        ),
        Register(
            name="IRQ_ENABLE",
            addr=0x038,
            access=_RW,
            width=len(irq_fields),
            busy_write=True,
            description="Events that raise the interrupt pin.",
            fields=irq_fields,
        ),
        Register(name="CYCLES", addr=0x03C, access=_RO, description="Clock cycles the last command was busy."),
        Register(
            name="COUNTER_LO",
            addr=0x040,
            access=_RO,
            description="Clock cycles since reset, low word; reading it freezes COUNTER_HI.",
        ),
        Register(
            name="COUNTER_HI",
            addr=0x044,
            access=_RO,
            width=COUNTER_WIDTH - DATA_WIDTH,
            description="High bits, as they were when COUNTER_LO was last read.",
        ),
        Register(name="SCRATCH", addr=0x048, access=_RW, width=8, busy_write=True, description="Free for software."),
        Register(
            name="SETTINGS",
            addr=0x04C,
            access=_RO,
            width=10,
            reset=MAX_DIMS,
            description="What INIT set.",
            fields=(_f("DIMS", 0, 5, "dimensions"), _f("METRIC", 8, 2, "metric")),
        ),
        Register(
            name="RESULT_DISTANCE_LO",
            addr=0x050,
            access=_RO,
            busy_read=False,
            description="Distance of the first result not yet read, signed, low word; 0 when there is none.",
        ),
        Register(
            name="RESULT_DISTANCE_HI",
            addr=0x054,
            access=_RO,
            busy_read=False,
            description="The same, high word (sign extension).",
        ),
        Register(
            name="RESULT_RECORD",
            addr=0x058,
            access=_RO,
            busy_read=False,
            reset=0xFF,
            description="The first result not yet read; reading it moves on to the next.",
            fields=(
                _f("INDEX", 0, 8, "index, 255 when there is none"),
                _f("CORE", 8, 8, "core"),
                _f("VALID", 16, 1, "1: a result, 0: none left"),
            ),
        ),
        *(neural_registers(config) if config.contexts else ()),
    )


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A buffer of 16 elements, packed into 32-bit words, first element in the low bits.

    Each element takes ``slot_width`` bits (8, 16 or 32) and holds a signed number of ``width`` bits; reads
    sign-extend to the slot. Writes honour byte strobes a whole element at a time: an element is written if the
    strobe of its lowest byte is set. Neither read nor written while a command runs.
    """

    name: str
    region: int
    addr: int
    width: int
    slot_width: int
    description: str

    @property
    def n_per_word(self) -> int:
        """Elements in a 32-bit word."""
        return DATA_WIDTH // self.slot_width

    @property
    def n_words(self) -> int:
        """32-bit words the buffer takes."""
        return MAX_DIMS // self.n_per_word

    @property
    def end(self) -> int:
        """First byte address after the buffer."""
        return self.addr + 4 * self.n_words


REGION_QUERY, REGION_VECTOR, REGION_DELTA, REGION_SCRATCH = range(4)
"""Regions of 16 elements of the buffer memory; the last one is not on the bus."""


def buffers(config: Config) -> tuple[Buffer, ...]:
    """The buffers of an array, in the order of their addresses."""

    def slot(width: int) -> int:
        return next(s for s in (8, 16, 32) if s >= width)

    element, delta = config.element_width, config.delta_format.width
    rows = (
        ("QUERY", REGION_QUERY, 0x100, element, "The query of SEARCH."),
        ("VECTOR", REGION_VECTOR, 0x140, element, "The vector of INSERT, READ_VECTOR and WRITE_VECTOR."),
        (
            "DELTA",
            REGION_DELTA,
            0x180,
            delta,
            f"AGGREGATE's result and UPDATE's operand, signed {config.delta_format}.",
        ),
    )
    return tuple(
        Buffer(name=name, region=region, addr=addr, width=width, slot_width=slot(width), description=text)
        for name, region, addr, width, text in rows
    )


def by_name(config: Config) -> dict[str, Register]:
    """Registers keyed by name."""
    return {register.name: register for register in registers(config)}


def word_addresses(config: Config) -> Iterator[int]:
    """Every word address that answers OKAY to a read of an idle array, ascending."""
    words = [register.addr for register in registers(config)]
    for buffer in buffers(config):
        words += range(buffer.addr, buffer.end, 4)
    yield from sorted(words)
