"""The event unit, text classifiers on the bus: its parameters, modes, commands and errors."""

from dataclasses import dataclass
from dataclasses import field as default
from enum import IntEnum

from golden.spec.compact import CompactShape
from golden.spec.events import EventShape

EVENT_ID = 0x474E4745
"""Value of the ID register: "GNGE" in ASCII."""
ROW_STRIDE = 12
"""Bits between the rows of an event in EVENT_LOW and EVENT_HIGH."""
COUNT_WIDTH = 16
"""Bits of the counters that stop at their largest value."""


class Mode(IntEnum):
    """Which classifier has the memory and takes events."""

    COMPACT = 0
    NEURONGUARD = 1


class EventCommand(IntEnum):
    """Words to write to COMMAND."""

    CLEAR = 1
    FINISH = 2


class EventError(IntEnum):
    """Why a transaction was refused: values of ERROR, the first that applies."""

    NONE = 0
    BAD_ADDRESS = 1
    READ_ONLY = 2
    PARTIAL_WRITE = 3
    WRONG_MODE = 4
    BUSY = 5
    BAD_COMMAND = 6
    BAD_ARGUMENT = 7
    BAD_NEURON = 8
    FINISHED = 9
    FULL = 10


EVENT_ERROR_TEXTS = {
    EventError.NONE: "nothing was refused since the last write of 0",
    EventError.BAD_ADDRESS: "no register there",
    EventError.READ_ONLY: "a write to a read-only register",
    EventError.PARTIAL_WRITE: "a write with byte strobes other than 1111",
    EventError.WRONG_MODE: "a register of the other classifier",
    EventError.BUSY: "not while events wait or are worked on",
    EventError.BAD_COMMAND: "no such command",
    EventError.BAD_ARGUMENT: "a number that the hardware has no room for; FINISH without class neurons",
    EventError.BAD_NEURON: "a neuron or target beyond LAST_NEURON",
    EventError.FINISHED: "an event or FINISH between FINISH and CLEAR",
    EventError.FULL: "an event for which there is no room; LOST counts it",
}
EVENT_COMMAND_TEXTS = {
    EventCommand.CLEAR: "Begins a text: waiting events are dropped, the scores (class potentials) become 0.",
    EventCommand.FINISH: "Ends a text: when all its events have been worked off, the winner is found; then DONE is 1.",
}


@dataclass(frozen=True, kw_only=True)
class EventUnitShape:
    """Parameters of the event unit: those of its two classifiers. ``compact.row_width`` is at most 12."""

    compact: CompactShape = default(default_factory=CompactShape)
    engine: EventShape = default(default_factory=EventShape)

    def __post_init__(self) -> None:
        for name, kind in (("compact", CompactShape), ("engine", EventShape)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be of {kind.__name__}, got {getattr(self, name)!r}")
        if self.compact.row_width > ROW_STRIDE:
            raise ValueError(f"row_width must be 1 to {ROW_STRIDE} on the bus, got {self.compact.row_width}")

    @property
    def queue_width(self) -> int:
        """Bits of a place in either event queue."""
        return self.engine.queue_width

    @property
    def config_word(self) -> int:
        """Value of the CONFIG register."""
        compact, engine = self.compact, self.engine
        return (
            compact.row_width
            | compact.group_width << 4
            | (compact.score_width - 1) << 8
            | engine.neuron_width << 16
            | engine.queue_width << 20
            | engine.guard_width << 24
        )


EVENT_PRESETS = {
    "icebreaker-events": EventUnitShape(compact=CompactShape(group_width=2)),
    "tiny-events": EventUnitShape(
        compact=CompactShape(row_width=3, group_width=1, score_width=12),
        engine=EventShape(neuron_width=5, queue_width=3, guard_width=2),
    ),
}
"""Named event units: the one of the iCEBreaker, and one for tests."""
