"""The whole array as an engine."""

from __future__ import annotations

from golden.spec import Config
from hw.array import SLICE_MODULE
from hw.slice import Slice
from hw.top import Ganglion

from . import EngineKind, check_kind, make_engine
from .base import Engine, Progress

__all__ = ["array_engine"]


def array_engine(config: Config, kind: EngineKind = "cxxrtl", *, progress: Progress | None = None) -> Engine:
    """A simulator of the top level of ``config``, in the state of power-up.

    One slice is compiled and instantiated as often as there are slices: quicker to build, and to run, than describing
    each. Raises ValueError for an unknown kind, EngineError if a tool is missing or fails.
    """
    check_kind(kind)
    if config.slices == 1:
        return make_engine(Ganglion(config), kind=kind, progress=progress)
    top = Ganglion(config, separate_slice=True)
    return make_engine(top, kind=kind, submodules={SLICE_MODULE: Slice(config)}, progress=progress)
