"""Builds the WASM module from ``wasm/src`` with ziglang: the same source and compiler give the same bytes anywhere."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import boards.tools
from ganglion.engine.build import run_tool
from ganglion.wasm.binary import minimise
from ganglion.wasm.header import header_text

__all__ = ["COMPILER", "FOLDER", "HEADER", "PAGE_BYTES", "VARIANTS", "Variant", "build", "compiler", "sources"]

FOLDER = Path(__file__).resolve().parents[2] / "wasm"
"""The project's folder of C sources and built modules."""
HEADER = "constants.h"
"""The generated header among the sources."""
MAIN = "module.c"
PAGE_BYTES = 65536
COMPILER = "0.17.1"
"""The version of ziglang that the committed modules were built with: another may choose other instructions."""
FEATURES = ("bulk_memory", "sign_ext", "nontrapping_fptoint", "mutable_globals")
FLAGS = (
    *(
        "-std=c11",
        "-target",
        "wasm32-freestanding",
        "-ffreestanding",
        "-nostdlib",
        "-g0",
        "-Wall",
        "-Wextra",
        "-Werror",
    ),
    *("-ffp-contract=off", "-fno-sanitize=undefined", "-fno-strict-aliasing"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=2048"),
)

SMALL = ("-Oz", "-fno-inline-functions", "-mllvm", "-disable-lsr")
FAST = ("-O2", "-fno-inline-functions", "-mllvm", "-disable-lsr")


@dataclass(frozen=True)
class Variant:
    """One module: ``file`` it is kept in, compiler ``flags``, memory ``pages`` of 64 KiB, more CPU ``features``."""

    file: str
    flags: tuple[str, ...]
    pages: int
    features: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """The compiler's command line, in the folder of the sources."""
        limits = [f"-Wl,--initial-memory={self.pages * PAGE_BYTES}", f"-Wl,--max-memory={self.pages * PAGE_BYTES}"]
        cpu = "-mcpu=" + "+".join(("mvp", *FEATURES, *self.features))
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        return [*compiler, *FLAGS, cpu, *self.flags, *limits, MAIN, "-o", self.file]


VARIANTS = {
    "plain": Variant("ganglion.wasm", SMALL, 1),
    "simd": Variant("ganglion-simd.wasm", FAST, 1, ("simd128",)),
    "array": Variant("ganglion-array.wasm", (*SMALL, "-DGANGLION_ARRAY"), 19),
    "array-simd": Variant("ganglion-array-simd.wasm", (*FAST, "-DGANGLION_ARRAY"), 19, ("simd128",)),
}
"""Every module that is built, by the name that ``ganglion wasm`` calls it."""


def compiler() -> str:
    """The version of ziglang that is installed. Raises ImportError when none is."""
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError("the WASM module is compiled by ziglang: pip install ziglang") from None


def sources() -> dict[str, str]:
    """The C sources by name, the header as it must be.

    Raises:
        FileNotFoundError: the project's ``wasm/src`` is not there (an installation without the source tree).
    """
    folder = FOLDER / "src"
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.[ch]"))}
    if MAIN not in texts:
        raise FileNotFoundError(f"no C sources in {folder}: the module is built from the project's source tree")
    return texts | {HEADER: header_text()}


def build(variant: Variant) -> bytes:
    """The module: compiled in a folder of its own, then made smaller (``binary.minimise``).

    Raises:
        ImportError: see :func:`compiler`.
        FileNotFoundError: see :func:`sources`.
        EngineError: the compiler could not be started or refused the source; the message is its last lines.
    """
    compiler()
    cache = boards.tools.cache_folder("wasm")
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="build-", dir=cache))
    try:
        for name, text in sources().items():
            (work / name).write_bytes(text.encode())
        run_tool(variant.command(), "the WASM compiler", cwd=work)
        return minimise((work / variant.file).read_bytes())
    finally:
        shutil.rmtree(work, ignore_errors=True)
