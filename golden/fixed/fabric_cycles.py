"""Cycle counts of the spiking fabric, by the formulas of ``docs/contract_fabric.md``.

Busy cycles of a command are counted from 1, those of a unit from the one after its start; c is a core's count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from golden.fixed.neural_core import Tick
from golden.spec.constants import VECTORS_PER_CORE

TICK_START = 2
"""The busy cycle in which the engines start when nothing waits in the inlet."""
FIRST_FETCH = 34
"""The engine cycle (0 is the first) of the first fetch of a spike."""
FIRE_DELAY = 5
"""Neuron i has fired in engine cycle i + this, if it does."""
LAST_STREAM_CYCLE = 37
LEARN_DELAY = 4
"""From a link or own turn of the router to the write of a weight."""


def pass_cycles(c: int) -> int:
    """P(c): one pass over the neurons of a core."""
    return max(c, 1) + 1


def reset_cycles(n_contexts: int) -> int:
    """N of NEURON_RESET over this many contexts of a slice."""
    return 1 + VECTORS_PER_CORE * n_contexts


def inject_cycles(*, exists: bool) -> int:
    return 5 if exists else 2


def compete_unit_cycles(c: int, second: int) -> int:
    """The unit's n of COMPETE; ``second``: the cycles of its second pass."""
    return pass_cycles(c) + 1 + second


def hard_pass_cycles(c: int, *, has_winner: bool) -> int:
    """The second pass of hard competition."""
    return pass_cycles(c) if has_winner else 0


def soft_pass_cycles(n_zero: int, n_scaled: int) -> int:
    """The second pass of soft competition: membranes of 0, and those that are scaled."""
    return 2 * n_zero + 24 * n_scaled


def compete_cycles(c: int, second: int) -> int:
    """N of COMPETE."""
    return compete_unit_cycles(c, second) + 2


def compare_cycles(c: int) -> int:
    """N of COMPARE_PATTERNS."""
    return pass_cycles(c) + 3


def activity_cycles(c: int) -> int:
    """N of ACTIVITY."""
    return pass_cycles(c) + 3


def encode_cycles(dims: int, *, exists: bool) -> int:
    """N of ENCODE."""
    return 30 + 2 * dims if exists else 2


def encode_query_cycles(dims: int) -> int:
    """N of ENCODE_QUERY."""
    return 3 + 2 * dims


def similarity_cycles(*, exists: bool) -> int:
    """N of SPIKE_SIMILARITY."""
    return 24 if exists else 2


def spike_search_turn(c: int) -> int:
    """The turn cycle of SPIKE_SEARCH."""
    return max(21 * c, 1) + 2


def walk_cycles(n_passed: int, n_worked: int) -> int:
    """The list walk over entries that are only looked at, and entries that are worked on."""
    return n_passed + 24 * n_worked


def inject_results_cycles(walk: int) -> int:
    """N of INJECT_RESULTS."""
    return 2 + walk


def resonate_turn(walk: int) -> int:
    """The turn cycle of RESONATE."""
    return 3 + walk


# ---------------------------------------------------------------- ticks


@dataclass(frozen=True, slots=True)
class Delivery:
    """When the spikes of a tick go through the router, in engine cycles from 0.

    ``order``: the neurons as they come; ``first_turns``: the router's first cycle of each; ``n_busy``: cycles of the
    whole tick.
    """

    order: list[int]
    first_turns: list[int]
    n_busy: int


def engine_schedule(own: int, spikes: int, degrees: Sequence[int], parts: Tick) -> Delivery:
    """The engine's cycles with ``spikes``, of which ``own`` fired in this tick (a bit a neuron).

    ``degrees``: links of each of the 32 nodes, 6 at most. Of those that are there, the lowest neuron goes first.
    """
    order: list[int] = []
    first_turns: list[int] = []
    taken = last = works = LAST_STREAM_CYCLE - 2
    waiting = [i for i in range(VECTORS_PER_CORE) if spikes >> i & 1]
    if not (parts.to_membrane or parts.to_branch or parts.learn):
        waiting = []
    arrival = {i: i + FIRE_DELAY if own >> i & 1 else 0 for i in waiting}
    extra = int(parts.learn or parts.to_branch)
    issues = range(0)
    while waiting:
        fetch = max(FIRST_FETCH, min(arrival[i] for i in waiting), taken if order else 0)
        if parts.to_branch and fetch in issues:
            fetch = issues.stop
        index = next(i for i in waiting if arrival[i] <= fetch)
        waiting.remove(index)
        taken = max(fetch + 1, last)
        issues = range(taken + 1, taken + 1 + degrees[index])
        last = taken + max(1, degrees[index] + extra)
        works = max(works, last + LEARN_DELAY if degrees[index] + extra else last)
        order.append(index)
        first_turns.append(taken + 1)
    return Delivery(order, first_turns, max(LAST_STREAM_CYCLE, works) + 1)


def learning_cycle(start: int, first_turn: int, position: int) -> int:
    """The busy cycle in which turn ``position`` of a spike writes a weight; the engine started in cycle ``start``."""
    return start + 1 + first_turn + position + LEARN_DELAY


def report_cycle(start: int, n_engine: int) -> int:
    """The first cycle of REPORT of a round that started in cycle ``start``: the cycle before saw the engines idle."""
    return start + n_engine + 2


# ---------------------------------------------------------------- neuromorphic search


def search_scan_start() -> int:
    """The busy cycle in which NEURO_SEARCH starts its scan: the neurons are reset."""
    return reset_cycles(1) + 1


def drive_cycles(c: int) -> int:
    """The unit's cycles before the first iteration."""
    return 2 + max(20 * c, 1)


def iteration_cycles(c: int, tick: int, second: int) -> int:
    """An iteration, of which the first cycle is START: the tick's cycles, the second pass of soft competition."""
    return 2 + tick + compete_unit_cycles(c, second)


def score_cycles(c: int) -> int:
    """The unit's cycles behind the last iteration: score, means, decision, final."""
    return 1 + (11 * c + 1 if c else 1)
