"""Comparing a unit with its golden twin, cycle by cycle, on every output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
from amaranth.lib import wiring

from .base import Engine, Progress
from .ports import RESET, PortMap, PortSpec, U64Array, pack, port_map, unpack

__all__ = ["Twin", "check_twin", "run_twin"]


class Twin(Protocol):
    """A golden model of a unit: ``n_streams`` independent copies advance by one clock cycle a call."""

    def step(self, inputs: dict[str, U64Array], /) -> Mapping[str, npt.NDArray[np.uint64]]:
        """Inputs and outputs by port name, ``[n_streams]``, or ``[n_streams, n_words]`` for ports over 64 bits."""
        ...


def run_twin(ports: PortMap, twin: Twin, rows: U64Array, *, with_reset: bool = False) -> U64Array:
    """The trace ``[n_streams, n_cycles, n_out_words]`` of ``twin`` for the stimulus rows of the same kind.

    ``with_reset`` hands the input ``rst`` to the twin as well.

    Raises:
        ValueError: the twin's outputs are not those of the unit, or have a wrong shape.
        TypeError: an output does not hold integers.
    """
    n_streams, n_cycles = rows.shape[:2]
    by_cycle = np.ascontiguousarray(rows.transpose(1, 2, 0))  # [n_cycles, n_in_words, n_streams]
    trace = np.zeros((n_cycles, ports.n_out_words, n_streams), dtype=np.uint64)
    inputs = [port for port in ports.inputs if with_reset or port.name != RESET]
    for cycle in range(n_cycles):
        now = by_cycle[cycle]
        applied = {p.name: now[p.word_offset] if p.n_words == 1 else now[p.words].T for p in inputs}
        made = twin.step(applied)
        if made.keys() != {port.name for port in ports.outputs}:
            wanted = ", ".join(port.name for port in ports.outputs)
            raise ValueError(f"{type(twin).__name__}.step returned {', '.join(made)}; the unit's outputs are {wanted}")
        for port in ports.outputs:
            _store(trace[cycle], port, np.asarray(made[port.name]), n_streams)
    return trace.transpose(2, 0, 1)


def check_twin(
    component: wiring.Component,
    twin: Twin,
    stimulus: Mapping[str, npt.ArrayLike],
    *,
    engine: Engine | None = None,
    submodules: Mapping[str, wiring.Component] | None = None,
    progress: Progress | None = None,
) -> dict[str, U64Array]:
    """Run ``component`` and ``twin`` on the same stimulus and compare every output in every cycle.

    Args:
        component: the unit; every stream starts from its state at power-on.
        twin: its golden model, fresh, made for as many streams as the stimulus has.
        stimulus: by input name ``[n_streams, n_cycles]``, or ``[n_streams, n_cycles, n_words]`` for ports over 64
            bits. Inputs that are left out are 0. ``rst``, the unit's synchronous reset, may be given as well; only
            then the twin gets it too.
        engine: an engine of this component to use; CXXRTL when None.
        submodules: see :func:`ganglion.engine.rtl.convert`.
        progress: see :class:`ganglion.engine.cxxrtl.CxxrtlEngine`.

    Returns:
        The outputs by name, ``[n_streams, n_cycles(, n_words)]``, for further assertions.

    Raises:
        AssertionError: the first mismatch, by cycle, then stream: with stream, cycle, signal and both values.
    """
    ports = port_map(component)
    rows = pack(ports.inputs, stimulus)
    if rows.ndim != 3:
        raise ValueError(f"stimulus arrays need the shape (n_streams, n_cycles), got {rows.shape[:-1]}")
    expected = run_twin(ports, twin, rows, with_reset=RESET in stimulus)
    if engine is None:
        from . import make_engine

        with make_engine(component, submodules=submodules, progress=progress) as own:
            actual = own.run_streams(rows)
    else:
        actual = engine.run_streams(rows)
    if not np.array_equal(actual, expected):
        raise AssertionError(_first_mismatch(ports, rows, expected, actual))
    return unpack(ports.outputs, actual)


def _store(row: U64Array, port: PortSpec, values: npt.NDArray[np.uint64], n_streams: int) -> None:
    wanted = (n_streams,) if port.n_words == 1 else (n_streams, port.n_words)
    if values.shape != wanted:
        raise ValueError(f"the twin's output {port.name!r} has shape {values.shape}, expected {wanted}")
    if values.dtype.kind not in "iub":
        raise TypeError(f"the twin's output {port.name!r} must hold integers, not {values.dtype}")
    row[port.words] = values.astype(np.uint64, copy=False).T


def _first_mismatch(ports: PortMap, rows: U64Array, expected: U64Array, actual: U64Array) -> str:
    differs = expected != actual
    cycle = int(np.argmax(differs.any(axis=(0, 2))))
    stream, word = (int(i) for i in np.argwhere(differs[:, cycle])[0])
    port = ports.output_of_word(word)
    golden, rtl = (port.to_int(trace[stream, cycle, port.words].tolist()) for trace in (expected, actual))
    applied = ", ".join(f"{p.name}={p.to_int(rows[stream, cycle, p.words].tolist()):#x}" for p in ports.inputs)
    return (
        f"stream {stream}, cycle {cycle}, output {port.name!r}: expected {golden} ({golden:#x}) by the golden model, "
        f"got {rtl} ({rtl:#x}) from the hardware; {np.count_nonzero(differs.any(axis=2))} of {differs[..., 0].size} "
        f"cycles differ; inputs of that cycle: {applied}"
    )
