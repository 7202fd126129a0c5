"""Simulation engines: run a hardware unit on stimulus arrays and get trace arrays back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from amaranth.lib import wiring

from .base import ChangeEvents, Engine, EngineError, Progress
from .compare import EventComparer, Mismatch, compare_events, compare_traces, write_vcd
from .cxxrtl import CxxrtlEngine
from .ports import PortMap, PortSpec, pack, port_map, unpack
from .reference import AmaranthEngine
from .twin import check_twin
from .verilator import VerilatorEngine

__all__ = [
    "AmaranthEngine",
    "ChangeEvents",
    "CxxrtlEngine",
    "Engine",
    "EngineError",
    "EngineKind",
    "EventComparer",
    "Mismatch",
    "PortMap",
    "PortSpec",
    "Progress",
    "VerilatorEngine",
    "check_kind",
    "check_twin",
    "compare_events",
    "compare_traces",
    "make_engine",
    "pack",
    "port_map",
    "unpack",
    "write_vcd",
]

EngineKind = Literal["cxxrtl", "amaranth", "verilator"]


def check_kind(kind: str) -> None:
    """Raises ValueError unless ``kind`` is one of EngineKind."""
    if kind not in get_args(EngineKind):
        raise ValueError(f"unknown engine {kind!r}; choose one of {', '.join(get_args(EngineKind))}")


def make_engine(
    component: wiring.Component,
    *,
    kind: EngineKind = "cxxrtl",
    submodules: Mapping[str, wiring.Component] | None = None,
    progress: Progress | None = None,
) -> Engine:
    """An engine that simulates ``component``, in its state at power-on.

    Args:
        component: a unit with flat ports.
        kind: ``cxxrtl`` (fast, compiled), ``amaranth`` (slow, nothing to build) or ``verilator`` (compiled, optional).
        submodules: components for the ``Instance(name, ...)`` cells of the design, by name.
        progress: called with a line of text before each slow step.

    Raises:
        ValueError: an unknown kind, or ports that are not flat.
        EngineError: a tool is missing or failed.
    """
    port_map(component)
    check_kind(kind)
    if kind == "cxxrtl":
        return CxxrtlEngine(component, submodules=submodules, progress=progress)
    if kind == "amaranth":
        return AmaranthEngine(component, submodules=submodules)
    return VerilatorEngine(component, submodules=submodules, progress=progress)
