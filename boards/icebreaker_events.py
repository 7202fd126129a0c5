"""iCEBreaker (iCE40 UP5K): the two text classifiers behind a UART, a 32 KB model in the single-port memories."""

from boards.icebreaker import Icebreaker, platform
from golden.spec.compact import N_BANKS
from golden.spec.event_unit import EVENT_PRESETS
from hw.event_unit import EventUnit

__all__ = ["CLOCK_HZ", "FACTS", "SEEDS", "SHAPE", "design", "platform"]

SHAPE = EVENT_PRESETS["icebreaker-events"]
CLOCK_HZ = 18_000_000
SEEDS = (1, 2, 3, 4, 5, 6)
FACTS = {"table_words": N_BANKS * SHAPE.compact.max_rows, "neurons": SHAPE.engine.max_neurons}
"""What the design holds, for the report."""


def design() -> Icebreaker:
    """The whole design: UART -> bus bridge -> event unit."""
    return Icebreaker(EventUnit(SHAPE), CLOCK_HZ)
