"""Simulation engines: run a hardware unit on stimulus arrays and get trace arrays back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from amaranth.lib import wiring

from .base import ChangeEvents, Engine, EngineError, Progress
from .cxxrtl import CxxrtlEngine
from .ports import PortMap, PortSpec, pack, port_map, unpack
from .reference import AmaranthEngine
from .twin import check_twin

__all__ = [
    "AmaranthEngine",
    "ChangeEvents",
    "CxxrtlEngine",
    "Engine",
    "EngineError",
    "EngineKind",
    "PortMap",
    "PortSpec",
    "Progress",
    "check_twin",
    "make_engine",
    "pack",
    "port_map",
    "unpack",
]

EngineKind = Literal["cxxrtl", "amaranth"]


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
        kind: ``cxxrtl`` (fast, compiled) or ``amaranth`` (slow, nothing to build).
        submodules: components for the ``Instance(name, ...)`` cells of the design, by name.
        progress: called with a line of text before each slow step.

    Raises:
        ValueError: an unknown kind, or ports that are not flat.
        EngineError: a tool is missing or failed.
    """
    if kind == "cxxrtl":
        return CxxrtlEngine(component, submodules=submodules, progress=progress)
    if kind == "amaranth":
        return AmaranthEngine(component, submodules=submodules)
    raise ValueError(f"unknown engine {kind!r}: expected cxxrtl or amaranth")
