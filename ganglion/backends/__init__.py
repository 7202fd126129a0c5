"""Backends of :class:`ganglion.Device`: what does the work behind one interface."""

from __future__ import annotations

from ganglion.backends.base import ArrayState, Backend, BackendError, Progress, RawResults
from golden.spec import Config

__all__ = ["BACKENDS", "ArrayState", "Backend", "BackendError", "RawResults", "make_backend"]

BACKENDS = ("golden", "sim")


def make_backend(name: str, config: Config, *, progress: Progress | None = None) -> Backend:
    """The backend called ``name``: ``golden`` (the bit- and cycle-exact model) or ``sim`` (the RTL in simulation).

    ``progress`` is called with a line of text before each slow step.

    Raises ValueError for an unknown name, EngineError when the simulator cannot be built.
    """
    if name == "golden":
        from ganglion.backends.model import GoldenBackend

        return GoldenBackend(config)
    if name == "sim":
        from ganglion.backends.sim import SimulationBackend

        return SimulationBackend(config, progress=progress)
    raise ValueError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)}")
