"""The configuration of an array: one frozen object makes the hardware and the models."""

import zlib
from dataclasses import dataclass, fields, replace
from typing import Literal

from golden.spec.constants import (
    MAX_CORES,
    MAX_DIMS,
    MAX_NEIGHBOURS,
    MAX_WEIGHT,
    NODE_WIDTH,
    VECTORS_PER_CORE,
)
from golden.spec.qformat import QFormat

LANE_CHOICES = (1, 2, 4, 8, 16)
ELEMENT_WIDTHS = (8, 16)
MEMORY_KINDS = ("block", "spram")


class ConfigError(ValueError):
    """A configuration or preset name that makes no array; the message names the offending value."""


def _check_int(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be an integer, got {value!r}")
    if not low <= value <= high:
        raise ConfigError(f"{name} must be {low} to {high}, got {value}")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Parameters of an array of cores.

    Parameters
    ----------
    cores
        Logical cores C, 1 to 256, of 32 vectors each.
    slices
        Physical slices S: a power of two that divides ``cores``. Core c lives in slice c mod S, at place c // S.
    lanes
        Dimensions a slice handles in one cycle: 1, 2, 4, 8 or 16.
    element_width
        Bits of a vector element: 8 or 16, signed.
    contexts
        Neuron states the array keeps; 0: it has no spiking units. Otherwise a multiple of ``slices``, with
        contexts / slices a power of two or ``cores`` / ``slices``: cores share contexts where there are fewer.
    memory
        Where vectors and graph live: ``"block"`` (inferred block memory) or ``"spram"`` (the four single-port
        memories of an iCE40 UltraPlus, shared by vectors and graph; one slice, 8 lanes, 8 bit, at most one context;
        with a context the array is sequential: a processor does what the units of a slice do).
    """

    cores: int = 1
    slices: int = 1
    lanes: int = 16
    element_width: int = 8
    contexts: int = 0
    memory: Literal["block", "spram"] = "block"

    def __post_init__(self) -> None:
        _check_int("cores", self.cores, 1, MAX_CORES)
        _check_int("slices", self.slices, 1, MAX_CORES)
        _check_int("contexts", self.contexts, 0, self.cores)
        if self.slices & (self.slices - 1) or self.cores % self.slices:
            raise ConfigError(f"slices must be a power of two that divides cores = {self.cores}, got {self.slices}")
        places, rest = divmod(self.contexts, self.slices)
        if rest or (places & (places - 1) and self.contexts != self.cores):
            raise ConfigError(
                f"contexts must be 0, cores = {self.cores}, or slices = {self.slices} times a power of two, "
                f"got {self.contexts}"
            )
        if isinstance(self.lanes, bool) or self.lanes not in LANE_CHOICES:
            raise ConfigError(f"lanes must be one of {LANE_CHOICES}, got {self.lanes!r}")
        if isinstance(self.element_width, bool) or self.element_width not in ELEMENT_WIDTHS:
            raise ConfigError(f"element_width must be one of {ELEMENT_WIDTHS}, got {self.element_width!r}")
        if self.memory not in MEMORY_KINDS:
            raise ConfigError(f"memory must be one of {MEMORY_KINDS}, got {self.memory!r}")
        if self.memory == "spram" and (self.slices, self.lanes, self.element_width) != (1, 8, 8):
            raise ConfigError(
                f"memory 'spram' needs slices = 1, lanes = 8 and element_width = 8, "
                f"got {self.slices}, {self.lanes} and {self.element_width}"
            )
        if self.memory == "spram" and self.contexts > 1:
            raise ConfigError(f"memory 'spram' holds one context: contexts must be 0 or 1, got {self.contexts}")
        if self.memory == "spram" and self.cores > 128:
            raise ConfigError(f"memory 'spram' holds at most 128 cores, got {self.cores}")

    @property
    def sequential(self) -> bool:
        """Whether one processor runs all commands (``docs/contract_sequential.md``)."""
        return self.memory == "spram" and self.contexts > 0

    @property
    def cores_per_slice(self) -> int:
        """Cores folded onto one slice (F = C / S)."""
        return self.cores // self.slices

    @property
    def contexts_per_slice(self) -> int:
        """Neuron contexts of a slice (P)."""
        return self.contexts // self.slices

    @property
    def slice_bits(self) -> int:
        """log2 of the number of slices."""
        return self.slices.bit_length() - 1

    @property
    def place_width(self) -> int:
        """Bits that address a core inside its slice; at least one."""
        return max(1, (self.cores_per_slice - 1).bit_length())

    @property
    def capacity(self) -> int:
        """Vectors the array holds."""
        return self.cores * VECTORS_PER_CORE

    @property
    def n_chunks(self) -> int:
        """Memory words a full row takes (16 / lanes)."""
        return MAX_DIMS // self.lanes

    @property
    def row_width(self) -> int:
        """Bits the vector memory delivers in a cycle (lanes x element_width)."""
        return self.lanes * self.element_width

    @property
    def element_format(self) -> QFormat:
        """Vector elements as stored: signed integers in the collection's own scale."""
        return QFormat(integer_bits=self.element_width, fraction_bits=0)

    @property
    def key_width(self) -> int:
        """Bits of a signed distance: holds 16 squared differences of two elements, and +-2 x cosine_one."""
        return 2 * self.element_width + 5

    @property
    def data_width(self) -> int:
        """Bits of a command's DATA argument, signed: a graph word or a distance."""
        return max(NODE_WIDTH, self.key_width)

    @property
    def key_format(self) -> QFormat:
        """Distances: integers in squared element units (L2, dot) or units of 1/cosine_one (cosine)."""
        return QFormat(integer_bits=self.key_width, fraction_bits=0)

    @property
    def delta_format(self) -> QFormat:
        """Aggregated neighbours: element units with 8 fraction bits."""
        return QFormat(integer_bits=self.element_width, fraction_bits=8)

    @property
    def alpha_format(self) -> QFormat:
        """The blending factor of UPDATE."""
        return QFormat(integer_bits=4, fraction_bits=12)

    @property
    def unit(self) -> int:
        """Length of a stored vector under the cosine metric, in element units."""
        return (1 << (self.element_width - 1)) - 1

    @property
    def cosine_one(self) -> int:
        """The raw distance that means 1.0 under the cosine metric.

        Different dot products never round to the same distance (a unit of the dot product is at least two units), and
        even rows four times as long as a unit vector stay within ``key_width``.
        """
        return self.unit << (self.element_width + 2)

    @property
    def norm_width(self) -> int:
        """Even width that holds a squared norm."""
        return 2 * self.element_width + 4

    @property
    def root_bits(self) -> int:
        """R: a reciprocal root is a number in (2**(R-1), 2**R]."""
        return 2 * self.element_width

    @property
    def unit_shift(self) -> int:
        """F: right shift that normalises an element (reciprocal root scaled by 2**F)."""
        return self.root_bits + self.norm_width // 2 - 1

    @property
    def cosine_shift(self) -> int:
        """G: right shift that turns dot product times reciprocal root into a cosine distance."""
        return self.unit_shift - (self.element_width + 2)

    @property
    def factor_width(self) -> int:
        """Bits of the scaler's signed second operand."""
        return 2 * self.element_width + 2

    @property
    def mean_factors(self) -> tuple[int, ...]:
        """Second operands of the mean over n neighbours, n = 0 .. 6: round(2**(8 + 2 ew) / (255 n)), 0 for n = 0."""
        scale = 1 << (8 + 2 * self.element_width)
        return (0, *((2 * scale + MAX_WEIGHT * n) // (2 * MAX_WEIGHT * n) for n in range(1, MAX_NEIGHBOURS + 1)))

    @property
    def hash(self) -> int:
        """CRC-32 of all fields in the order of their names; the CONFIG_HASH register."""
        text = ";".join(f"{name}={getattr(self, name)}" for name in sorted(f.name for f in fields(self)))
        return zlib.crc32(text.encode())


PRESETS: dict[str, Config] = {
    "tiny": Config(cores=4, slices=2, lanes=4),
    "core": Config(cores=1, slices=1, lanes=16),
    "up5k": Config(cores=128, slices=1, lanes=8, memory="spram"),
    "up5k-snn": Config(cores=128, slices=1, lanes=8, memory="spram", contexts=1),
    "hx8k": Config(cores=16, slices=1, lanes=8),
    "ecp5": Config(cores=256, slices=8, lanes=16, contexts=128),
    "array256": Config(cores=256, slices=256, lanes=16),
    "folded256": Config(cores=256, slices=1, lanes=16),
    "tiny-snn": Config(cores=4, slices=2, lanes=4, contexts=4),
    "core-snn": Config(cores=1, slices=1, lanes=16, contexts=1),
    "array256-snn": Config(cores=256, slices=256, lanes=16, contexts=256),
    "folded256-snn": Config(cores=256, slices=1, lanes=16, contexts=256),
}
"""Named configurations: ``tiny`` for tests, boards by their FPGA, 256 cores on 256 slices or folded onto one; with
``-snn``, every core has its spiking neurons, but for ``up5k-snn``, whose cores share one context."""


def preset(name: str, **changes: object) -> Config:
    """The preset of that name, with fields changed. Raises ConfigError for an unknown name or field."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    unknown = sorted(set(changes) - {f.name for f in fields(Config)})
    if unknown:
        raise ConfigError(f"unknown configuration field {unknown[0]!r}")
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]
