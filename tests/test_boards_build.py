"""A board's build: its tools, what they print and leave behind, their failures; and the folder it makes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from boards import build as building
from boards import tools
from boards.build import FILES, build
from boards.tools import BuildError, Progress, run_tool
from ganglion.cli import main

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


@pytest.mark.parametrize("folder", ["file", "file/below", "file/far/below"])
def test_a_folder_that_cannot_be_created_is_named(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(["build", "icebreaker", "-o", folder]) == 2
    assert capsys.readouterr().err == f"ganglion: {folder}: cannot build into this folder: Not a directory\n"


FACTS = {
    **{"board": "icebreaker", "cores": 2, "vectors": 64, "fmax_mhz": 25.5, "target_mhz": 24.0, "seed": 1},
    **{"lc": 1, "lc_total": 2, "spram": 3, "spram_total": 4, "ebr": 5, "ebr_total": 6, "dsp": 7, "dsp_total": 8},
}


@pytest.mark.parametrize("exists", [False, True])
def test_a_build_leaves_its_files_alone_and_a_failure_nothing(
    exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tools do is told; everything around them is as it is."""

    def made(board: str, work: Path, say: Progress) -> dict[str, object]:
        for name in (*FILES, "try1.asc"):
            (work / name).write_text(f"{name} of {board}")
        return dict(FACTS)

    def fails(board: str, work: Path, say: Progress) -> dict[str, object]:
        made(board, work, say)
        raise BuildError("no luck")

    monkeypatch.setattr(building, "sources", lambda board: {"top.il": "", "top.pcf": ""})
    out = tmp_path / "new" / "folder"
    if exists:
        out.mkdir(parents=True)
        (out / "other").touch()
    monkeypatch.setattr(building, "_make", fails)
    with pytest.raises(BuildError, match="no luck"):
        build("icebreaker", out, cache=False)
    assert out.exists() == exists
    assert [path.name for path in tmp_path.rglob("*") if path.name not in ("new", "folder")] == ["other"] * exists
    monkeypatch.setattr(building, "_make", made)
    report = build("icebreaker", out, cache=False)
    assert (report.bitstream, report.fmax_mhz) == (out / "top.bin", 25.5)
    assert report.bitstream.read_text() == "top.bin of icebreaker"
    assert {path.name for path in out.iterdir()} == {*FILES, *["other"] * exists}
    assert list(tmp_path.iterdir()) == [tmp_path / "new"] and list((tmp_path / "new").iterdir()) == [out]
