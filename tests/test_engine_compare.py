"""Traces and event lists are compared by meaning, and the first difference is found and drawn."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from vcd.reader import TokenKind, tokenize

from ganglion.engine import ChangeEvents, EventComparer, PortMap, PortSpec, compare_events, compare_traces, write_vcd

PORTS = PortMap(
    inputs=(PortSpec("go", 1, False, "in", 0, 1),),
    outputs=(
        PortSpec("level", 5, True, "out", 0, 1),
        PortSpec("wide", 70, False, "out", 1, 2),
        PortSpec("flag", 1, False, "out", 3, 1),
    ),
)
MASKS = np.array([31, 2**64 - 1, 63, 1], np.uint64)


def random_trace(n_cycles: int, seed: int) -> np.ndarray:
    """Words that change in about one cycle of four."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 1 << 64, (n_cycles, 4), dtype=np.uint64) & MASKS
    for row in range(1, n_cycles):
        rows[row] = np.where(rng.random(4) < 0.25, rows[row], rows[row - 1])
    return rows


def test_equal_traces_have_no_mismatch() -> None:
    trace = random_trace(200, 1)
    assert compare_traces(PORTS, trace, trace.copy()) is None
    assert compare_events(PORTS, ChangeEvents.from_trace(trace), ChangeEvents.from_trace(trace)) is None


def test_both_ways_find_the_same_first_mismatch() -> None:
    rng = np.random.default_rng(2)
    for seed in range(60):
        expected = random_trace(50, seed)
        actual = expected.copy()
        for _ in range(rng.integers(1, 4)):
            cycle, word = rng.integers(50), rng.integers(4)
            actual[cycle, word] ^= np.uint64(1) << np.uint64(rng.integers([5, 64, 6, 1][word]))
        differs = expected != actual
        dense = compare_traces(PORTS, expected, actual)
        assert dense == compare_events(PORTS, ChangeEvents.from_trace(expected), ChangeEvents.from_trace(actual))
        if differs.any():
            cycle = int(np.argmax(differs.any(axis=1)))
            assert dense is not None
            assert dense.cycle == cycle
            assert dense.signal == PORTS.output_of_word(int(np.argmax(differs[cycle]))).name
        else:
            assert dense is None


def test_values_are_those_of_the_port() -> None:
    expected, actual = np.zeros((3, 4), np.uint64), np.zeros((3, 4), np.uint64)
    actual[1, 0] = 0b11110
    found = compare_traces(PORTS, expected, actual, start=40)
    assert str(found) == "cycle 41, signal 'level': expected 0 (0x0), got -2 (-0x2)"
    actual[0, 2], expected[0, 1] = 3, 9
    found = compare_traces(PORTS, expected, actual, start=40)
    assert found is not None
    assert (found.cycle, found.signal, found.expected, found.actual) == (40, "wide", 9, 3 << 64)


def test_order_in_a_cycle_and_repeated_values_do_not_matter() -> None:
    trace = random_trace(80, 3)
    events = ChangeEvents.from_trace(trace)
    order = np.lexsort((-events.word.astype(int), events.cycle))
    messy = ChangeEvents(events.cycle[order], events.word[order], events.value[order])
    extra = ChangeEvents(np.array([79], np.uint64), np.array([3], np.uint32), trace[79:, 3])
    messy = ChangeEvents.join([messy, extra])
    assert compare_events(PORTS, events, messy) is None
    late = ChangeEvents(messy.cycle, messy.word, np.append(messy.value[:-1], trace[79, 3] ^ np.uint64(1)))
    found = compare_events(PORTS, events, late)
    assert found is not None and (found.cycle, found.signal) == (79, "flag")


def test_long_traces_are_compared_part_by_part() -> None:
    trace = random_trace(300, 4)
    other = trace.copy()
    other[217, 3] ^= np.uint64(1)
    cuts = [0, 90, 91, 200, 300]

    def parts(rows: np.ndarray) -> list[ChangeEvents]:
        return [
            ChangeEvents.from_trace(rows[a:b], start=a, previous=rows[a - 1] if a else None) for a, b in pairwise(cuts)
        ]

    comparer = EventComparer(PORTS)
    assert [comparer.feed(a, b) for a, b in zip(parts(trace), parts(trace), strict=True)] == [None] * 4
    assert np.array_equal(comparer.row, trace[-1])
    comparer = EventComparer(PORTS)
    found = [comparer.feed(a, b) for a, b in zip(parts(trace), parts(other), strict=True)]
    assert found[:3] == [None] * 3
    assert found[3] is not None and (found[3].cycle, found[3].signal) == (217, "flag")


def test_events_and_dense_traces_are_the_same() -> None:
    trace = random_trace(120, 5)
    events = ChangeEvents.from_trace(trace)
    assert np.array_equal(events.to_trace(120, 4), trace)
    assert np.array_equal(events.to_trace(30, 4, start=50), trace[50:80])
    tail = ChangeEvents.from_trace(trace[70:], start=70, previous=trace[69])
    assert np.array_equal(tail.to_trace(50, 4, start=70, previous=trace[69]), trace[70:])
    assert len(ChangeEvents.from_trace(trace[:0])) == 0


def test_bad_shapes_are_refused() -> None:
    trace = random_trace(4, 6)
    with pytest.raises(ValueError, match="3 cycles expected, 4 cycles run"):
        compare_traces(PORTS, trace[:3], trace)
    with pytest.raises(ValueError, match=r"expected trace has shape \(4, 3\)"):
        compare_traces(PORTS, trace[:, :3], trace)
    with pytest.raises(ValueError, match="differ in their number of cycles"):
        write_vcd(Path("never.vcd"), PORTS, rtl=trace, golden=trace[:2])
    assert not Path("never.vcd").exists()


def test_vcd_shows_both_sides(tmp_path: Path) -> None:
    rtl, golden = random_trace(12, 7), random_trace(12, 7)
    rtl[5:, 3] ^= np.uint64(1)
    path = tmp_path / "window.vcd"
    write_vcd(path, PORTS, rtl=rtl, golden=golden, stimulus=np.ones((12, 1), np.uint64), start=1000)
    names, scope, now, values = {}, "", 0, {}
    seen: dict[str, list[int]] = {"rtl.flag": [], "golden.flag": [], "rtl.wide": [], "stimulus.go": []}
    with path.open("rb") as file:
        for token in tokenize(file):
            if token.kind is TokenKind.SCOPE:
                scope = token.scope.ident
            elif token.kind is TokenKind.VAR:
                names[token.var.id_code] = f"{scope}.{token.var.reference}"
            elif token.kind is TokenKind.CHANGE_TIME:
                if now % 10 == 0 and 10000 <= now < 10120:
                    for name, history in seen.items():
                        history.append(values[name])
                now = token.time_change
            elif token.kind in (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR):
                change = token.scalar_change if token.kind is TokenKind.CHANGE_SCALAR else token.vector_change
                value = change.value
                values[names[change.id_code]] = int(value, 2) if value in ("0", "1") else value
    assert seen["rtl.flag"] == rtl[:, 3].tolist()
    assert seen["golden.flag"] == golden[:, 3].tolist()
    assert seen["rtl.wide"] == [int(low) + (int(high) << 64) for low, high in rtl[:, 1:3].tolist()]
    assert seen["stimulus.go"] == [1] * 12
    assert [p.name for p in tmp_path.iterdir()] == ["window.vcd"]


def test_a_vcd_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "window.vcd"
    path.write_text("old")
    trace = random_trace(4, 8)
    with pytest.raises(ValueError):
        write_vcd(path, PORTS, rtl=trace | np.uint64(1 << 40), golden=trace)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
