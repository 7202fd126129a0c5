"""The tools of a board's build: what they print, their failures, and what they leave behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from boards import tools
from boards.tools import BuildError, run_tool

PROBE = """\
import pathlib, sys, tempfile

def main(arguments):
    print(pathlib.Path.cwd(), tempfile.gettempdir(), *arguments)
    print(*range(20), sep="\\n", file=sys.stderr)
    return len(arguments)
"""


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder, and a tool ``probe`` that prints where it runs and exits with its number of arguments."""
    (tmp_path / "probe_tool.py").write_text(PROBE)
    monkeypatch.setitem(tools.TOOLS, "probe", ("probe_tool", "main"))
    monkeypatch.syspath_prepend(tmp_path)  # where its parent looks whether it is installed
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    return work


def test_a_tool_runs_in_its_folder_and_keeps_its_temporary_files_there(probe: Path) -> None:
    output = run_tool("probe", [], probe)
    assert set(output.splitlines()) == {f"{probe} {probe}", *map(str, range(20))}
    assert (probe / "probe.log").read_text() == output


def test_a_tool_that_fails_is_told_with_its_last_lines(probe: Path) -> None:
    with pytest.raises(BuildError, match=r"^probe failed with status 2:\n(.*\n){11}.*$"):
        run_tool("probe", ["a", "b"], probe)
    assert f"{probe} a b\n" in (probe / "probe.log").read_text()


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools.TOOLS, "probe", ("no_such_package", "main"))
    with pytest.raises(BuildError, match="probe is not installed: pip install no-such-package"):
        run_tool("probe", [], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def interrupted(process: subprocess.Popen[str], *_: object, **__: object) -> None:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.Popen.communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tools.run_process([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path)
    assert [process.returncode for process in started] == [-signal.SIGKILL]
