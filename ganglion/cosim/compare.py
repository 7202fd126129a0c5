"""Comparing two lists of output changes: every output port in every cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganglion.engine import ChangeEvents
from golden.fixed.bits import U64Array

__all__ = ["Difference", "EventComparer", "value_at"]


@dataclass(frozen=True)
class Difference:
    """Where two waveforms differ: the first place, and the number of (cycle, output) pairs in the stretch looked at."""

    cycle: int
    word: int
    expected: int
    actual: int
    n_places: int


class EventComparer:
    """Compares consecutive stretches of two event lists; remembers the row before the stretch."""

    def __init__(self, n_words: int) -> None:
        self.row: U64Array = np.zeros(n_words, np.uint64)

    def compare(self, expected: ChangeEvents, actual: ChangeEvents, end: int) -> Difference | None:
        """None if both lists, events of cycles below ``end`` in the order of (cycle, word), say the same.

        After a difference the comparer must not be used any more.
        """
        if (
            np.array_equal(expected.cycle, actual.cycle)
            and np.array_equal(expected.word, actual.word)
            and np.array_equal(expected.value, actual.value)
        ):
            # Of several values for one word NumPy keeps the last.
            self.row[expected.word] = expected.value
            return None
        first: tuple[int, int] | None = None
        n_places = 0
        for word in range(len(self.row)):
            at, length = self._differing(expected, actual, word, end)
            n_places += int(length.sum())
            if len(at) and (first is None or (int(at[0]), word) < first):
                first = int(at[0]), word
        if first is None:  # the same waveform in different words, for instance an event that changes nothing
            self.row[expected.word] = expected.value
            return None
        cycle, word = first
        before = int(self.row[word])
        return Difference(
            cycle, word, value_at(expected, word, cycle, before), value_at(actual, word, cycle, before), n_places
        )

    def _differing(
        self, expected: ChangeEvents, actual: ChangeEvents, word: int, end: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First cycles and lengths of the stretches in which the word differs."""
        sides = [(e.cycle[e.word == word].astype(np.int64), e.value[e.word == word]) for e in (expected, actual)]
        cycles = np.union1d(sides[0][0], sides[1][0])
        if not len(cycles):
            return cycles, cycles
        seen = []
        for at, values in sides:
            known = np.concatenate([self.row[word : word + 1], values])
            seen.append(known[np.searchsorted(at, cycles, side="right")])
        differs = seen[0] != seen[1]
        lengths = np.diff(np.concatenate([cycles, [end]]))
        return cycles[differs], lengths[differs]


def value_at(events: ChangeEvents, word: int, cycle: int, before: int) -> int:
    """The value of a word in ``cycle``; ``before`` is the one before the first event."""
    mine = (events.word == word) & (events.cycle <= cycle)
    return int(events.value[mine][-1]) if mine.any() else before
