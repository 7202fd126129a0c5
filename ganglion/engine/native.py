"""An engine in a shared object that was built around ``driver.cc``."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from .base import ChangeEvents, Engine, EngineError
from .ports import PortMap, U64Array

__all__ = ["DRIVER", "NativeEngine"]

DRIVER = Path(__file__).with_name("driver.cc")
CYCLES_A_CALL = 1 << 18
"""Cycles between two looks at pending signals, so that Ctrl-C works during a long run."""

_POINTER = ctypes.c_void_p
_U64 = ctypes.c_uint64
_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "n_in": (_U64, []),
    "n_out": (_U64, []),
    "create": (_POINTER, []),
    "destroy": (None, [_POINTER]),
    "cycle": (_U64, [_POINTER]),
    "restart_count": (None, [_POINTER]),
    "reset": (ctypes.c_int, [_POINTER]),
    "run": (None, [_POINTER, _POINTER, _POINTER, _U64]),
    "run_segments": (
        ctypes.c_int,
        [_POINTER, _POINTER, _POINTER, _U64, ctypes.POINTER(_U64), ctypes.POINTER(_U64), _U64],
    ),
    "n_events": (_U64, [_POINTER]),
    "copy_events": (None, [_POINTER, _POINTER, _POINTER, _POINTER]),
}


class NativeEngine(Engine):
    """Drives one simulated unit of a shared object; several engines may share an object.

    An interrupted call (Ctrl-C) leaves the state somewhere inside the run: reset before going on.
    """

    def __init__(self, library: Path, ports: PortMap) -> None:
        self.ports = ports
        self.library = library
        self._handle: int | None = None
        try:
            shared = ctypes.CDLL(str(library))
        except OSError as error:
            raise EngineError(f"cannot load the simulator {library}: {error}") from error
        self._call = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(shared, f"ganglion_{name}")
            function.restype, function.argtypes = result, arguments
            self._call[name] = function
        built = (self._call["n_in"](), self._call["n_out"]())
        if built != (ports.n_in_words, ports.n_out_words):
            raise EngineError(f"{library} has {built} input and output words, expected those of {ports}")
        self._handle = self._call["create"]()
        if not self._handle:
            raise MemoryError("no memory for the simulated design")

    @property
    def cycle(self) -> int:  # type: ignore[override]
        """Clock cycles since the last reset."""
        return int(self._call["cycle"](self._live()))

    def close(self) -> None:
        if self._handle:
            self._call["destroy"](self._handle)
            self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def reset(self) -> None:
        if self._call["reset"](self._live()):
            raise MemoryError("no memory for the simulated design")

    def _live(self) -> int:
        if not self._handle:
            raise EngineError("the engine is closed")
        return self._handle

    def _restart_count(self) -> None:
        self._call["restart_count"](self._live())

    def _run(self, stimulus: U64Array) -> U64Array:
        trace = np.zeros((len(stimulus), self.ports.n_out_words), dtype=np.uint64)
        handle = self._live()
        for start in range(0, len(stimulus), CYCLES_A_CALL):
            rows, out = stimulus[start : start + CYCLES_A_CALL], trace[start : start + CYCLES_A_CALL]
            self._call["run"](handle, rows.ctypes.data, out.ctypes.data, len(rows))
        return trace

    def _run_segments(self, counts: U64Array, values: U64Array) -> ChangeEvents:
        handle = self._live()
        segment, done = _U64(0), _U64(0)
        parts = []
        while segment.value < len(counts):
            status = self._call["run_segments"](
                handle, counts.ctypes.data, values.ctypes.data, len(counts), segment, done, CYCLES_A_CALL
            )
            if status:
                raise MemoryError("no memory for the change events: run fewer cycles a call")
            n_events = self._call["n_events"](handle)
            part = ChangeEvents(
                np.empty(n_events, np.uint64), np.empty(n_events, np.uint32), np.empty(n_events, np.uint64)
            )
            self._call["copy_events"](handle, part.cycle.ctypes.data, part.word.ctypes.data, part.value.ctypes.data)
            parts.append(part)
        return ChangeEvents.join(parts)
