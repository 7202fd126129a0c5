"""A VCD file of the stretch around a mismatch: inputs, outputs by the golden model, outputs of the hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vcd import VCDWriter

from ganglion.engine import ChangeEvents, PortMap, PortSpec
from golden.fixed.bits import U64Array

from .host import Segments

__all__ = ["write_vcd"]

CLOCK_NS = 10


def write_vcd(
    path: Path,
    ports: PortMap,
    inputs: Segments,
    start: int,
    expected: ChangeEvents,
    actual: ChangeEvents,
    rows_before: tuple[U64Array, U64Array],
    window: range,
) -> None:
    """Write cycles ``window`` as a VCD with one clock cycle every 10 ns; the file appears when it is complete.

    Args:
        inputs: the waveform of the inputs, whose first cycle is ``start``.
        expected, actual: output changes of golden model and hardware since ``start``.
        rows_before: the outputs of the two before ``start``.
    """
    firsts = np.concatenate([[0], np.cumsum(inputs.counts.astype(np.int64))]) + start
    sides = [("golden", expected, rows_before[0]), ("hardware", actual, rows_before[1])]
    changes: list[tuple[int, str, PortSpec, int]] = []
    for port in ports.inputs:
        column = inputs.values[:, port.word_offset]
        changes += [(int(at), "inputs", port, int(v)) for at, v in zip(firsts[:-1], column, strict=True)]
    for scope, events, row in sides:
        for port in ports.outputs:
            mine = events.word == port.word_offset
            changes.append((start, scope, port, int(row[port.word_offset])))
            pairs = zip(events.cycle[mine].tolist(), events.value[mine].tolist(), strict=True)
            changes += [(at, scope, port, value) for at, value in pairs]
    changes.sort(key=lambda change: change[0])
    partial = path.with_name(path.name + ".part")
    try:
        _write(partial, ports, changes, window)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(path: Path, ports: PortMap, changes: list[tuple[int, str, PortSpec, int]], window: range) -> None:
    with path.open("w") as file, VCDWriter(file, timescale="1 ns") as writer:
        clock = writer.register_var("inputs", "clk", "wire", size=1, init=0)
        variables = {
            (scope, port.name): writer.register_var(scope, port.name, "wire", size=port.width, init=0)
            for scope, of in (("inputs", ports.inputs), ("golden", ports.outputs), ("hardware", ports.outputs))
            for port in of
        }
        position = 0
        for cycle in window:
            while position < len(changes) and changes[position][0] <= cycle:
                _, scope, port, value = changes[position]
                writer.change(variables[scope, port.name], (cycle - window.start) * CLOCK_NS, value)
                position += 1
            writer.change(clock, (cycle - window.start) * CLOCK_NS, 0)
            writer.change(clock, (cycle - window.start) * CLOCK_NS + CLOCK_NS // 2, 1)
