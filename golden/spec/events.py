"""Sizes and number formats of the NeuronGuard event engine; ``docs/contract_guard.md`` has the use."""

from dataclasses import dataclass
from enum import IntEnum

from golden.spec.qformat import QFormat
from golden.spec.ranges import check_ranges

FRACTION_BITS = 15
"""Of every number here: 0.05 and 0.15 round down, and stop the words that float32 stops."""
POTENTIAL = QFormat(integer_bits=17, fraction_bits=FRACTION_BITS)
THRESHOLD = QFormat(integer_bits=9, fraction_bits=FRACTION_BITS)
WEIGHT = QFormat(integer_bits=13, fraction_bits=FRACTION_BITS)
"""Weights and the magnitudes of events."""
FEEDBACK = QFormat(integer_bits=9, fraction_bits=FRACTION_BITS)
UNIT_MAGNITUDE = 1 << FRACTION_BITS
"""The raw magnitude 1, with which the signal on a chain is the weight itself."""

ID_WIDTH = 12
"""Bits of a neuron's number."""
TARGET_NONE = (1 << ID_WIDTH) - 1
"""The target that ends a chain."""
WEIGHT_LOW, TARGET_LOW, THRESHOLD_LOW = 0, WEIGHT.width, WEIGHT.width + ID_WIDTH
"""Lowest bits of the parts of a record."""
RECORD_WIDTH = THRESHOLD_LOW + THRESHOLD.width
"""Bits of what a neuron keeps beside its potential: 64."""
PRODUCT_CYCLES = WEIGHT.width
"""Cycles that a signal takes whose magnitude is not 1."""


class Fault(IntEnum):
    """Why an event of the engine came to nothing."""

    NONE = 0
    TARGET = 1
    """A neuron that fired has a target outside the field."""
    GUARDS = 2
    """The chain is longer than the guard memory."""
    CIRCLE = 3
    """The chain comes back to a neuron that it has leased."""


_RANGES = {"neuron_width": (1, ID_WIDTH), "queue_width": (1, 15), "guard_width": (1, 4)}


@dataclass(frozen=True, kw_only=True)
class EventShape:
    """Parameters of the event engine.

    Parameters
    ----------
    neuron_width
        Bits of a neuron's address, 1 to 12: the field has ``2**neuron_width`` records.
    queue_width
        The event queue holds ``2**queue_width`` events, 2 to 32,768.
    guard_width
        A chain has at most ``2**guard_width`` neurons, 2 to 16.
    """

    neuron_width: int = 11
    queue_width: int = 8
    guard_width: int = 4

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    @property
    def max_neurons(self) -> int:
        """Records of the field memory."""
        return 1 << self.neuron_width

    @property
    def queue_depth(self) -> int:
        """Events that may wait."""
        return 1 << self.queue_width

    @property
    def max_guards(self) -> int:
        """Neurons of a chain, at most."""
        return 1 << self.guard_width
