"""What every simulation engine offers, whatever runs underneath."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ports import RESET, PortMap, U64Array, pack, unpack

__all__ = ["ChangeEvents", "Engine", "EngineError", "Progress", "log_progress"]

Progress = Callable[[str], None]
_logger = logging.getLogger("ganglion.engine")


def log_progress(message: str) -> None:
    """The default progress callback: the logger ``ganglion.engine``, level INFO."""
    _logger.info("%s", message)


class EngineError(RuntimeError):
    """A simulator could not be built or run: a tool is missing or failed, or the cache folder is not usable."""


@dataclass(frozen=True)
class ChangeEvents:
    """A trace as the list of its changes, ordered by cycle, then by word.

    ``word[i]`` of the trace takes ``value[i]`` in cycle ``cycle[i]`` and keeps it until its next event. Cycles count
    from the last reset, whose first row (cycle 0) lists all words. Arrays ``[n_events]``: uint64, uint32, uint64.
    """

    cycle: U64Array
    word: npt.NDArray[np.uint32]
    value: U64Array

    def __len__(self) -> int:
        return len(self.cycle)

    @classmethod
    def from_trace(cls, trace: npt.ArrayLike, *, start: int = 0, previous: U64Array | None = None) -> ChangeEvents:
        """The events of a dense trace ``[n_cycles, n_words]`` whose first row is cycle ``start``.

        ``previous`` is the row before the first one; None makes the first row list every word.
        """
        rows = np.asarray(trace, dtype=np.uint64)
        if not len(rows):
            return cls.join([])
        changed = np.empty(rows.shape, dtype=bool)
        changed[0] = True if previous is None else rows[0] != previous
        np.not_equal(rows[1:], rows[:-1], out=changed[1:])
        cycles, words = np.nonzero(changed)
        return cls(cycles.astype(np.uint64) + np.uint64(start), words.astype(np.uint32), rows[changed])

    @classmethod
    def join(cls, parts: list[ChangeEvents]) -> ChangeEvents:
        """The events of consecutive stretches as one list."""
        return cls(
            np.concatenate([np.zeros(0, np.uint64), *(part.cycle for part in parts)]),
            np.concatenate([np.zeros(0, np.uint32), *(part.word for part in parts)]),
            np.concatenate([np.zeros(0, np.uint64), *(part.value for part in parts)]),
        )

    def to_trace(self, n_cycles: int, n_words: int, *, start: int = 0, previous: U64Array | None = None) -> U64Array:
        """The dense trace ``[n_cycles, n_words]`` of cycles ``start .. start + n_cycles - 1``.

        ``previous`` is the row before the first event (zeros when None); events after the stretch are ignored.
        """
        rows = np.zeros((n_cycles, n_words), dtype=np.uint64)
        current = np.zeros(n_words, dtype=np.uint64) if previous is None else previous.astype(np.uint64)
        before = self.cycle < start
        for word in range(n_words):
            mine = self.word == word
            earlier = self.value[mine & before]
            inside = mine & ~before & (self.cycle < start + n_cycles)
            at = (self.cycle[inside] - np.uint64(start)).astype(np.intp)
            bounds = np.concatenate([[0], at, [n_cycles]])
            values = np.concatenate([earlier[-1:] if len(earlier) else current[word : word + 1], self.value[inside]])
            rows[:, word] = np.repeat(values, np.diff(bounds))
        return rows


class Engine(ABC):
    """A simulated unit. In cycle t the inputs of row t are applied, everything settles, the outputs are sampled, then
    comes the rising clock edge. State persists between calls until :meth:`reset`.

    Attributes:
        ports: the ports and their place in the rows.
        cycle: clock cycles since the last reset.
    """

    ports: PortMap
    cycle: int

    @abstractmethod
    def reset(self) -> None:
        """Back to the state at power-on: registers and memories hold their initial contents, ``cycle`` is 0."""

    @abstractmethod
    def _run(self, stimulus: U64Array) -> U64Array:
        """:meth:`run` for a checked stimulus."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing that needs closing
        """Give back what the engine holds outside Python; it cannot be used afterwards."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def run(self, stimulus: npt.ArrayLike) -> U64Array:
        """Run one cycle a row: stimulus ``[n_cycles, n_in_words]`` -> trace ``[n_cycles, n_out_words]``."""
        return self._run(self.ports.check_stimulus(stimulus, 2))

    def run_streams(self, stimulus: npt.ArrayLike) -> U64Array:
        """Run independent streams one after the other, each from a fresh state.

        Stimulus ``[n_streams, n_cycles, n_in_words]`` -> trace ``[n_streams, n_cycles, n_out_words]``. Leaves the
        engine in the state after the last stream.
        """
        rows = self.ports.check_stimulus(stimulus, 3)
        trace = np.zeros((*rows.shape[:2], self.ports.n_out_words), dtype=np.uint64)
        for stream in range(len(rows)):
            self.reset()
            trace[stream] = self._run(rows[stream])
        return trace

    @abstractmethod
    def _run_segments(self, counts: U64Array, values: U64Array) -> ChangeEvents:
        """:meth:`run_segments` for checked arguments."""

    def run_segments(self, counts: npt.ArrayLike, values: npt.ArrayLike) -> ChangeEvents:
        """Run a run-length-coded stimulus: row ``values[i]`` is held for ``counts[i]`` cycles.

        Args:
            counts: cycles of each segment, ``[n_segments]``; 0 skips it.
            values: input words of each segment, ``[n_segments, n_in_words]``.

        Returns:
            The output changes. Consecutive calls give consecutive parts of one list: all words are listed in cycle 0
            after a reset, afterwards only changes against the row before, be it of this call or of an earlier one.
        """
        rows = self.ports.check_stimulus(values, 2)
        lengths = np.asarray(counts)
        if lengths.dtype.kind not in "iu":
            raise TypeError(f"counts must hold integers, not {lengths.dtype}")
        if lengths.shape != (len(rows),):
            raise ValueError(f"counts has shape {lengths.shape}, expected ({len(rows)},): one count a row of values")
        if lengths.size and lengths.min() < 0:
            raise ValueError(f"counts holds the negative value {lengths.min()}")
        return self._run_segments(np.ascontiguousarray(lengths, dtype=np.uint64), rows)

    def reset_pulse(self, n_cycles: int) -> None:
        """Hold ``rst`` at 1, all other inputs at 0, for ``n_cycles``; the next cycle counts as cycle 0."""
        if n_cycles < 0:
            raise ValueError(f"n_cycles must not be negative, got {n_cycles}")
        row = pack(self.ports.inputs, {RESET: 1})
        self._run(np.repeat(row[np.newaxis], n_cycles, axis=0))
        self._restart_count()

    @abstractmethod
    def _restart_count(self) -> None:
        """Let the next cycle be cycle 0, without touching the simulated state."""

    def run_ports(self, stimulus: Mapping[str, npt.ArrayLike], *, n_cycles: int | None = None) -> dict[str, U64Array]:
        """:meth:`run` by port name: arrays ``[n_cycles]`` (``[n_cycles, n_words]`` over 64 bits) in and out.

        Inputs that are left out are 0; ``n_cycles`` is needed only if all are.
        """
        shape = None if n_cycles is None else (n_cycles,)
        return unpack(self.ports.outputs, self.run(pack(self.ports.inputs, stimulus, shape=shape)))
