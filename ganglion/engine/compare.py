"""Comparing what the golden model predicts with what the hardware did, and showing the first difference."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vcd import VCDWriter

from ganglion.files import write_atomically

from .base import ChangeEvents
from .ports import PortMap, PortSpec, U64Array

__all__ = ["EventComparer", "Mismatch", "compare_events", "compare_traces", "write_vcd"]

CYCLE_NS = 10
"""Length of a clock cycle in a VCD. Cycle t begins at its rising edge, at ``t * CYCLE_NS``."""


@dataclass(frozen=True)
class Mismatch:
    """The first difference between two traces: the lowest cycle, in it the port that is declared first.

    ``expected`` and ``actual`` are values of the port, sign extended if it is signed.
    """

    cycle: int
    signal: str
    expected: int
    actual: int

    def __str__(self) -> str:
        return (
            f"cycle {self.cycle}, signal {self.signal!r}: "
            f"expected {self.expected} ({self.expected:#x}), got {self.actual} ({self.actual:#x})"
        )


def compare_traces(ports: PortMap, expected: U64Array, actual: U64Array, *, start: int = 0) -> Mismatch | None:
    """The first mismatch of two dense traces ``[n_cycles, n_out_words]`` whose first row is cycle ``start``.

    Raises:
        ValueError: the shapes differ or do not fit the ports.
    """
    for what, trace in (("expected", expected), ("actual", actual)):
        if trace.ndim != 2 or trace.shape[1] != ports.n_out_words:
            raise ValueError(f"the {what} trace has shape {trace.shape}, expected (n_cycles, {ports.n_out_words})")
    if expected.shape != actual.shape:
        raise ValueError(f"the traces differ in length: {len(expected)} cycles expected, {len(actual)} cycles run")
    differs = (expected != actual).any(axis=1)
    if not differs.any():
        return None
    row = int(np.argmax(differs))
    return _at(ports, start + row, expected[row], actual[row])


def compare_events(
    ports: PortMap, expected: ChangeEvents, actual: ChangeEvents, *, previous: U64Array | None = None
) -> Mismatch | None:
    """The first mismatch of two event lists of the same cycles, None if they describe the same trace.

    ``previous`` is the row ``[n_out_words]`` before the lists (zeros when None), the same for both. The order within
    a cycle and events that repeat the value of a word do not matter.
    """
    row = np.zeros(ports.n_out_words, np.uint64) if previous is None else previous
    if _first_difference(expected, actual) is None:
        return None
    expected, actual = _canonical(expected, row), _canonical(actual, row)
    index = _first_difference(expected, actual)
    if index is None:
        return None
    cycle = min(int(events.cycle[index]) for events in (expected, actual) if index < len(events))
    return _at(ports, cycle, _row_at(expected, row, cycle), _row_at(actual, row, cycle))


class EventComparer:
    """Compares two long traces part by part.

    Attributes:
        row: the last row of the parts compared so far, ``[n_out_words]``; valid until the first mismatch.
    """

    def __init__(self, ports: PortMap) -> None:
        self.ports = ports
        self.row: U64Array = np.zeros(ports.n_out_words, np.uint64)

    def feed(self, expected: ChangeEvents, actual: ChangeEvents) -> Mismatch | None:
        """The first mismatch of the next part, None if there is none."""
        mismatch = compare_events(self.ports, expected, actual, previous=self.row)
        if mismatch is None:
            self.row[actual.word] = actual.value
        return mismatch


def write_vcd(
    path: Path,
    ports: PortMap,
    *,
    rtl: U64Array,
    golden: U64Array,
    stimulus: U64Array | None = None,
    start: int = 0,
) -> None:
    """Write a stretch of both traces to a VCD file, which appears complete or not at all.

    Args:
        path: the file, replaced if it exists.
        ports: names and widths.
        rtl: what the hardware did, ``[n_cycles, n_out_words]``, scope ``rtl``.
        golden: what the golden model predicts, same shape, scope ``golden``.
        stimulus: the inputs, ``[n_cycles, n_in_words]``, scope ``stimulus``.
        start: cycle of the first row.
    """
    scopes: dict[str, tuple[tuple[PortSpec, ...], U64Array]] = {
        "rtl": (ports.outputs, rtl),
        "golden": (ports.outputs, golden),
    }
    if stimulus is not None:
        scopes["stimulus"] = (ports.inputs, stimulus)
    lengths = {name: len(rows) for name, (_, rows) in scopes.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the scopes of the VCD differ in their number of cycles: {lengths}")
    text = io.StringIO()
    _write_scopes(text, scopes, lengths["rtl"], start)
    write_atomically(path, text.getvalue().encode())


def _write_scopes(
    file: io.StringIO, scopes: Mapping[str, tuple[tuple[PortSpec, ...], U64Array]], n_cycles: int, start: int
) -> None:
    with VCDWriter(file, timescale="1 ns", init_timestamp=start * CYCLE_NS) as writer:
        clock = writer.register_var("rtl", "clk", "wire", size=1, init=0)
        variables = [
            (writer.register_var(scope, port.name, "wire", size=port.width), rows[:, port.words])
            for scope, (scope_ports, rows) in scopes.items()
            for port in scope_ports
            if port.n_words
        ]
        for row in range(n_cycles):
            now = (start + row) * CYCLE_NS
            writer.change(clock, now, 1)
            for variable, words in variables:
                if row == 0 or (words[row] != words[row - 1]).any():
                    writer.change(variable, now, sum(word << (64 * i) for i, word in enumerate(words[row].tolist())))
            writer.change(clock, now + CYCLE_NS // 2, 0)
        writer.close((start + n_cycles) * CYCLE_NS)


def _at(ports: PortMap, cycle: int, expected: U64Array, actual: U64Array) -> Mismatch:
    port = ports.output_of_word(int(np.argmax(expected != actual)))
    values = (port.to_int(row[port.words].tolist()) for row in (expected, actual))
    return Mismatch(cycle, port.name, *values)


def _first_difference(a: ChangeEvents, b: ChangeEvents) -> int | None:
    """Index of the first entry in which the lists differ."""
    n_common = min(len(a), len(b))
    differs = (
        (a.cycle[:n_common] != b.cycle[:n_common])
        | (a.word[:n_common] != b.word[:n_common])
        | (a.value[:n_common] != b.value[:n_common])
    )
    if differs.any():
        return int(np.argmax(differs))
    return None if len(a) == len(b) else n_common


def _canonical(events: ChangeEvents, previous: U64Array) -> ChangeEvents:
    """Ordered by cycle, then word, without events that leave their word as it was."""
    by_word = np.lexsort((events.cycle, events.word))
    word, value = events.word[by_word], events.value[by_word]
    before = np.concatenate([value[:1], value[:-1]])
    starts = np.concatenate([np.ones(min(1, len(word)), bool), word[1:] != word[:-1]])
    before[starts] = previous[word[starts]]
    kept = by_word[value != before]
    order = kept[np.lexsort((events.word[kept], events.cycle[kept]))]
    return ChangeEvents(events.cycle[order], events.word[order], events.value[order])


def _row_at(events: ChangeEvents, previous: U64Array, cycle: int) -> U64Array:
    """All words in ``cycle``."""
    row = previous.copy()
    n_events = int(np.searchsorted(events.cycle, cycle, side="right"))
    row[events.word[:n_events]] = events.value[:n_events]
    return row
