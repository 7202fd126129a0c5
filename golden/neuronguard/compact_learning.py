"""On-line learning for the compact classifier, in integers: one labelled text at a time changes codes of its table.

Beside every word of the table there is **learning state**: for each class a weight in 64ths of a code book unit (16
bits, signed), and how often the word was taught (16 bits, saturating). A table without state gets one: its codewords
times 64; ``N_TRAINED`` times for a word that is there, 0 for an empty one.

One text of class y, after its events ran as always:

1. The rival is the class of largest potential beside y (the lower one on ties); m is the potential of y less that of
   the rival, e the number of events whose code is not 0. If m > 0 and m * m >= ``MARGIN``**2 * e nothing changes.
2. Every different word of the table that answered (empty ones do not) is taught once: with n the times it was taught
   already, its weight of y grows by ``STEP`` >> (bits of n) // 2, that of the rival falls by as much; both stay within
   +-``LARGEST``. n grows by one. Its code becomes that of the nearest codeword (squared distance, the lower on ties).
3. Every different key that is unknown, in the order of the events, looks for a word on trial among its four: one of
   code 0 that this text has neither taught nor brought; the one taught least often, the lower bank on ties. If its n is
   above 0, that falls by one and the key goes away. Otherwise the key takes the word: its fingerprint, weights
   +``STEP`` for y and -``STEP`` for the rival, 0 for the others, n = 1, and the nearest code. A key of fingerprint 0
   never does (an empty word has that).

``CompactLearner`` does this event by event; ``learn_texts`` gives the same bits for many texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.neuronguard.compact import N_BANKS, UNKNOWN, WORD_WIDTH, CompactEngine, CompactTable, fingerprints_of

__all__ = ["LARGEST", "MARGIN", "N_TRAINED", "STEP", "CompactLearner", "LearningState", "learn_texts"]

FRACTION_WIDTH = 6
"""Bits of a weight behind the code book's unit."""
STEP = 7 << FRACTION_WIDTH
MARGIN = 45
LARGEST = 127 << FRACTION_WIDTH
N_TRAINED = 3
MOST_TAUGHT = (1 << 16) - 1


@dataclass(frozen=True)
class LearningState:
    """What a table is taught with; all arrays are changed in place.

    ``words`` [n_slots] u16: the table itself, flat. ``weights`` [n_slots, n_classes] i16 and ``n_taught`` [n_slots] u16
    are the state.
    """

    table: CompactTable
    words: NDArray[np.uint16]
    weights: NDArray[np.int16]
    n_taught: NDArray[np.uint16]

    @classmethod
    def of(
        cls,
        table: CompactTable,
        weights: NDArray[np.int16] | None = None,
        n_taught: NDArray[np.uint16] | None = None,
    ) -> LearningState:
        """State for a copy of ``table``: new, or copies of what is given. Raises ValueError for what does not fit."""
        words = table.words.copy()
        flat = words.reshape(-1)
        if weights is None or n_taught is None:
            codes = table.codes(np.arange(len(flat)))
            weights = (table.codebook[codes].astype(np.int16) << FRACTION_WIDTH).clip(-LARGEST, LARGEST)
            n_taught = np.where(flat != 0, N_TRAINED, 0).astype(np.uint16)
        shape = (len(flat), table.n_classes)
        if weights.dtype != np.int16 or weights.shape != shape:
            raise ValueError(f"weights are {list(shape)} of int16, not {list(weights.shape)} of {weights.dtype}")
        if n_taught.dtype != np.uint16 or n_taught.shape != shape[:1]:
            raise ValueError(f"n_taught is [{len(flat)}] of uint16, not {list(n_taught.shape)} of {n_taught.dtype}")
        return cls(CompactTable(words, table.codebook, table.seed), flat, weights.copy(), n_taught.copy())


class CompactLearner:
    """One event at a time, in Python's integers: the authority."""

    def __init__(self, state: LearningState) -> None:
        self.state = state
        self.engine = CompactEngine(state.table)

    def learn(self, keys: Sequence[int], label: int) -> bool:
        """Learns one text, given by its keys in their order; whether anything was taught."""
        engine, table = self.engine, self.state.table
        engine.reset()
        engine.post(keys)
        potentials = engine.potentials
        rival = max((k for k in range(table.n_classes) if k != label), key=lambda k: (potentials[k], -k))
        margin = potentials[label] - potentials[rival]
        n_events = sum(engine.code(key) != 0 for key in keys)
        if margin > 0 and margin * margin >= MARGIN * MARGIN * n_events:
            return False
        answers = {key: self._answer(key) for key in keys}
        taught = {slot for slot in answers.values() if slot is not None}
        for slot in taught:
            self._teach(slot, label, rival)
        self._bring((key for key, slot in answers.items() if slot is None), taught, label, rival)
        return True

    def _places(self, key: int) -> list[int]:
        n_rows = self.state.table.n_rows
        return [
            bank * n_rows + (((key >> WORD_WIDTH * bank) % (1 << WORD_WIDTH)) * n_rows >> WORD_WIDTH)
            for bank in range(N_BANKS)
        ]

    def _fingerprint(self, key: int) -> int:
        return (key ^ key >> 16 ^ key >> 32 ^ key >> 48) % (1 << WORD_WIDTH - self.state.table.code_width)

    def _answer(self, key: int) -> int | None:
        """The word that answers, if it is not an empty one."""
        words, width = self.state.words, self.state.table.code_width
        for slot in self._places(key):
            if int(words[slot]) >> width == self._fingerprint(key):
                return slot if words[slot] else None
        return None

    def _teach(self, slot: int, label: int, rival: int) -> None:
        state = self.state
        n_taught = int(state.n_taught[slot])
        step = STEP >> n_taught.bit_length() // 2
        state.weights[slot, label] = min(int(state.weights[slot, label]) + step, LARGEST)
        state.weights[slot, rival] = max(int(state.weights[slot, rival]) - step, -LARGEST)
        state.n_taught[slot] = min(n_taught + 1, MOST_TAUGHT)
        fingerprint = int(state.words[slot]) >> state.table.code_width
        state.words[slot] = fingerprint << state.table.code_width | self._nearest(slot)

    def _nearest(self, slot: int) -> int:
        weights = self.state.weights[slot].tolist()
        distances = [
            sum(((unit << FRACTION_WIDTH) - weight) ** 2 for unit, weight in zip(row, weights, strict=True))
            for row in self.state.table.codebook.tolist()
        ]
        return distances.index(min(distances))

    def _bring(self, keys: Iterable[int], used: set[int], label: int, rival: int) -> None:
        """Unknown keys; ``used`` are the words that this text has taught."""
        state, width = self.state, self.state.table.code_width
        for key in keys:
            on_trial = [slot for slot in self._places(key) if not int(state.words[slot]) % (1 << width)]
            free = [slot for slot in on_trial if slot not in used]
            if not free or not self._fingerprint(key):
                continue
            slot = min(free, key=lambda slot: int(state.n_taught[slot]))
            if state.n_taught[slot]:
                state.n_taught[slot] -= 1
                continue
            state.weights[slot] = 0
            state.weights[slot, label], state.weights[slot, rival] = STEP, -STEP
            state.n_taught[slot] = 1
            state.words[slot] = self._fingerprint(key) << width | self._nearest(slot)
            used.add(slot)


def learn_texts(
    state: LearningState,
    keys: NDArray[np.uint64],
    ends: NDArray[np.integer],
    labels: NDArray[np.integer],
) -> int:
    """Learns n texts one after the other; how many of them taught anything.

    ``keys``: those of all texts, in their order; ``ends`` [n]: where those of each text end; ``labels`` [n]: their
    classes.
    """
    table, words, width = state.table, state.words, state.table.code_width
    code_mask, brought = np.uint16((1 << width) - 1), np.zeros(len(words), np.bool_)
    codebook = table.codebook.astype(np.int64)
    book = _Book(table)
    slots, places = table.slots(keys), table.places(keys)
    n_taught, start, any_brought = 0, 0, False
    for end, label in zip(ends.tolist(), labels.tolist(), strict=True):
        here = slice(start, end)
        start = end
        if any_brought and brought[places[:, here]].any():
            # A word that an earlier text brought may answer now, or one that answered is gone.
            slots[here] = table.slots(keys[here])
        answers = slots[here]
        codes = words[answers[answers != UNKNOWN]] & code_mask
        potentials = codebook[codes].sum(0)
        own = int(potentials[label])
        potentials[label] = np.iinfo(np.int64).min
        rival = int(potentials.argmax())
        margin = own - int(potentials[rival])
        if margin > 0 and margin * margin >= MARGIN * MARGIN * int(np.count_nonzero(codes)):
            continue
        n_taught += 1
        known = (answers != UNKNOWN) & (words[answers] != 0)
        taught = np.unique(answers[known])
        _teach(state, book, taught, label, rival)
        found = _bring(state, book, keys[here][~known], places[:, here][:, ~known], taught, label, rival)
        if found:
            brought[found] = any_brought = True
    return n_taught


class _Book:
    """Nearest codewords: in float64, where integers of this size are exact."""

    def __init__(self, table: CompactTable) -> None:
        self._turned = table.codebook.T.astype(np.float64) * (-2 << FRACTION_WIDTH)
        self._sizes = (table.codebook.astype(np.float64) ** 2).sum(1) * (1 << 2 * FRACTION_WIDTH)

    def nearest(self, weights: NDArray[np.int16]) -> NDArray[np.intp]:
        """The code of each row of weights [n, n_classes], [n]."""
        return (weights.astype(np.float64) @ self._turned + self._sizes).argmin(1)


_STEPS = np.array([STEP >> n.bit_length() // 2 for n in range(MOST_TAUGHT + 1)], np.int16)


def _teach(state: LearningState, book: _Book, slots: NDArray[np.int64], label: int, rival: int) -> None:
    """Teaches different words."""
    width = np.uint16(state.table.code_width)
    times, steps = state.n_taught[slots], _STEPS[state.n_taught[slots]]
    weights = state.weights[slots]
    weights[:, label] = np.minimum(weights[:, label] + steps, LARGEST)
    weights[:, rival] = np.maximum(weights[:, rival] - steps, -LARGEST)
    state.weights[slots] = weights
    state.n_taught[slots] = times + (times != MOST_TAUGHT)
    state.words[slots] = (state.words[slots] >> width << width) | book.nearest(weights).astype(np.uint16)


def _bring(
    state: LearningState,
    book: _Book,
    keys: NDArray[np.uint64],
    places: NDArray[np.int64],
    taught: NDArray[np.int64],
    label: int,
    rival: int,
) -> list[int]:
    """Unknown keys of one text with their ``places`` [4, n]; the slots of the words that they took."""
    code_mask = np.uint16((1 << state.table.code_width) - 1)
    on_trial = (state.words[places] & code_mask) == 0
    hopeful = np.flatnonzero(on_trial.any(0))
    if not len(hopeful):
        return []
    weights = np.zeros((1, state.table.n_classes), np.int16)
    weights[0, label], weights[0, rival] = STEP, -STEP
    code = int(book.nearest(weights)[0])
    fingerprints = fingerprints_of(keys[hopeful], state.table.code_width).tolist()
    used, seen, found = set(taught.tolist()), set(), []
    rows = zip(keys[hopeful].tolist(), fingerprints, places[:, hopeful].T.tolist(), on_trial[:, hopeful].T, strict=True)
    for key, fingerprint, own, trial in rows:
        free = [slot for slot, there in zip(own, trial.tolist(), strict=True) if there and slot not in used]
        if key in seen or not free or not fingerprint:
            continue
        seen.add(key)
        slot = min(free, key=lambda slot: int(state.n_taught[slot]))
        if state.n_taught[slot]:
            state.n_taught[slot] -= 1
            continue
        state.weights[slot] = weights[0]
        state.n_taught[slot] = 1
        state.words[slot] = fingerprint << state.table.code_width | code
        used.add(slot)
        found.append(slot)
    return found
