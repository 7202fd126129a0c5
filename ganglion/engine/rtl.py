"""Amaranth component -> RTLIL, with black-box instances filled in by other components."""

from __future__ import annotations

import re
from collections.abc import Mapping

from amaranth.back import rtlil
from amaranth.lib import wiring

from .ports import port_map

__all__ = ["TOP", "convert"]

TOP = "top"
"""Name of the top module in converted RTLIL."""


def convert(component: wiring.Component, submodules: Mapping[str, wiring.Component] | None = None) -> str:
    """RTLIL of ``component`` as module ``top``, with its ports plus ``clk`` and ``rst`` of the domain ``sync``.

    Args:
        component: a unit with flat ports.
        submodules: what ``Instance(name, ...)`` cells in the design stand for. Each component becomes a module called
            exactly ``name``; the modules below it are called ``name.<submodule>``. Its clock and reset ports are
            ``clk`` and ``rst``.

    Returns:
        Text that depends on the design only: source locations are left out.

    Raises:
        ValueError: a name of ``submodules`` is not an identifier or is ``top``; a component's ports are not flat.
    """
    port_map(component)
    text = rtlil.convert(component, name=TOP, emit_src=False)
    for name, submodule in (submodules or {}).items():
        if name == TOP or not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"submodule name {name!r} must be an identifier other than {TOP!r}")
        port_map(submodule)
        below = rtlil.convert(submodule, name=name, emit_src=False)
        # Only the outermost module may carry the attribute: Yosys takes the last one marked for the design's top.
        text += "\n" + re.sub(r"^attribute \\top 1\n", "", below, flags=re.MULTILINE)
    return text


def top_has_port(rtlil_text: str, name: str) -> bool:
    """Whether the top module has an input called ``name`` (a design without registers has no ``clk``)."""
    top = rtlil_text[rtlil_text.index(f"module \\{TOP}\n") :].split("\nend\n", 1)[0]
    return re.search(rf"^  wire .*\binput \d+ .*\\{re.escape(name)}$", top, flags=re.MULTILINE) is not None
