"""What a command is given, what it shows on the bus, and how a stream of entries becomes the result list."""

from dataclasses import dataclass

from golden.fixed import array_cycles as timing
from golden.fixed.array_state import ArrayState, Entry

NEVER = -1


@dataclass(frozen=True, slots=True)
class Execution:
    """What a command shows on the bus, in busy cycles (1 is the first).

    ``cycles``: N, the last busy cycle. ``answer``: RETURN, which is 0 from the end of cycle 1 and ``answer`` from the
    end of ``answer_cycle``. ``list_hidden``: from this cycle to the last one, no results are left to read; NEVER if the
    list stays as it is while the command runs. The new number comes with the cycle after the last.
    ``reports``: (cycle, core, word) of the spikes that the reporter takes. ``phases``: (cycle, phase) of the cycles in
    which the oscillator moves.
    """

    cycles: int
    answer: int = 0
    answer_cycle: int = 1
    list_hidden: int = NEVER
    reports: tuple[tuple[int, int, int], ...] = ()
    phases: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The fields of a command word, and the registers that the command reads."""

    core: int
    index: int
    value: int
    data: int
    type_mask: int
    alpha_raw: int


def collect_results(state: ArrayState, stream: list[Entry], k: int, keep: bool, feed: int, turn: int) -> Execution:
    """The list is started in cycle ``turn``; the stream can be taken from 3 cycles after ``feed`` on."""
    made = timing.collect(stream, state.results if keep else [], k)
    n = (turn if k == 0 else feed + 2) + made.cycles
    state.results = made.entries
    state.n_unread = len(made.entries)
    return Execution(n, state.n_unread, n, turn + 1)


def to_signed64(data: int) -> int:
    """64 bits read as two's complement."""
    return data - (1 << 64) if data >> 63 else data
