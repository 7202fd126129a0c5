"""The command line: what each verb prints, its JSON, its exit status, and what bad input gets."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from ganglion.cli import main
from ganglion.cli.app import VERBS
from ganglion.cli.cosim import ENGINES
from ganglion.cli.options import as_config
from ganglion.engine import EngineKind
from ganglion.recall import brute_force

RNG = np.random.default_rng(5)
BASE, QUERIES = RNG.integers(-60, 61, (90, 6)), RNG.integers(-60, 61, (8, 6))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with base and query vectors, made the current one."""
    monkeypatch.chdir(tmp_path)
    np.save("base.npy", BASE.astype(np.float32))
    np.save("queries.npy", QUERIES.astype(np.float64))
    return tmp_path


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def search(capsys, *arguments):
    given = ["search", "--base", "base.npy", "--queries", "queries.npy", "--preset", "tiny"]
    return run(capsys, *given, *arguments)


def one_object(text):
    """The one JSON object that is all of the text."""
    assert text.count("\n") == 1
    return json.loads(text)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(capsys, verb):
    status, out, err = run(capsys, verb, "--help")
    assert status == 0
    assert f"Example: ganglion {verb}" in out
    assert "--json" in out
    assert not err


def test_help_lists_the_verbs(capsys):
    status, out, _err = run(capsys, "--help")
    assert status == 0
    assert all(verb in out for verb in VERBS)
    assert "Example: ganglion" in out


def test_version(capsys):
    status, out, _err = run(capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"ganglion \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("metric", ["l2", "dot"])
def test_search_finds_what_brute_force_finds(files, capsys, metric):
    status, out, err = search(capsys, "--metric", metric, "--k", 7, "--json", "-o", "found.npz")
    assert status == 0
    found = one_object(out)
    assert found["recall_at_k"] == 1.0
    assert found["cycles_per_query"] > 0
    assert (found["k"], found["n_base"], found["n_queries"], found["dims"]) == (7, 90, 8, 6)
    assert found["config"]["cores"] == 4
    assert "searching 8 queries" in err
    with np.load("found.npz") as arrays:
        distances = np.sort(brute_force(BASE.astype(float), QUERIES.astype(float), metric), axis=1)[:, :7]
        inside = ~np.isnan(arrays["distances"])
        assert inside.all()
        assert np.array_equal(arrays["distances"], distances)


def test_search_on_the_simulation_takes_the_cycles_of_the_model(files, capsys):
    for mode in ("exact", "beam"):
        facts = [one_object(search(capsys, "--backend", b, "--mode", mode, "--json")[1]) for b in ("golden", "sim")]
        for key in ("recall_at_k", "cycles_per_query"):
            assert facts[0][key] == facts[1][key]


def test_search_prints_a_table(files, capsys):
    status, out, _err = search(capsys, "--metric", "cosine", "--element-width", 16)
    assert status == 0
    assert "recall at 10" in out
    assert "cycles per query" in out


def test_search_with_the_truth_given(files, capsys):
    nearest = np.argsort(brute_force(BASE.astype(float), QUERIES.astype(float), "l2"), axis=1, kind="stable")
    np.save("truth.npy", nearest[:, :12])
    found = one_object(search(capsys, "--truth", "truth.npy", "--k", 3, "--json")[1])
    # Rows of equal distance may come in another order, but there are none among these.
    assert found["recall_at_k"] == 1.0
    wrong = nearest.copy()
    wrong[:, 0] = nearest[:, -1]
    np.save("truth.npy", wrong)
    found = one_object(search(capsys, "--truth", "truth.npy", "--k", 2, "--json")[1])
    assert found["recall_at_k"] == 0.5
    assert found["truth"] == "truth.npy"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k", 0], "k must be 1 to 16, got 0"),
        (["--k", 17], "k must be 1 to 16, got 17"),
        (["--metric", "hamming"], "unknown metric 'hamming'"),
        (["--mode", "fast"], "unknown mode 'fast'"),
        (["--backend", "board"], "unknown backend 'board'"),
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--cores", 0], "cores must be 1 to 256, got 0"),
        (["--cores", 257], "cores must be 1 to 256, got 257"),
        (["--slices", 3], "slices must be a power of two that divides cores = 4, got 3"),
        (["--lanes", 5], r"lanes must be one of \(1, 2, 4, 8, 16\), got 5"),
        (["--element-width", 9], r"element_width must be one of \(8, 16\), got 9"),
        (["--preset", "core", "--cores", 2], "90 vectors do not fit: 64 of 64 places are free"),
        (["--base", "none.npy"], "none.npy: No such file or directory"),
        (["--base", "text.npy"], "base text.npy is no .npy file of numbers"),
        (["--base", "empty.npy"], "base empty.npy is no .npy file of numbers"),
        (["--base", "objects.npy"], "base objects.npy is no .npy file of numbers"),
        (["--base", "archive.npz"], "base archive.npz is an archive of arrays"),
        (["--base", "flat.npy"], r"base flat.npy must have two axes, not shape \(5,\)"),
        (["--base", "wide.npy"], r"base wide.npy must have 1 to 16 dimensions, not shape \(5, 17\)"),
        (["--base", "narrow.npy"], r"base narrow.npy must have 1 to 16 dimensions, not shape \(5, 0\)"),
        (["--base", "nan.npy"], "base nan.npy must be finite: row 3, column 1 is nan"),
        (["--base", "words.npy"], "base words.npy must hold real numbers, not dtype <U2"),
        (["--queries", "infinite.npy"], "queries infinite.npy must be finite: row 2, column 5 is inf"),
        (["--queries", "other.npy"], r"queries other.npy must have shape \(n, 6\), not \(5, 4\)"),
        (["--truth", "flat.npy"], r"truth flat.npy must have two axes, not shape \(5,\)"),
        (["--truth", "other.npy"], "truth other.npy must hold integers, not dtype float64"),
        (["--truth", "short.npy"], r"truth short.npy must have shape \(8, 10 or more\), not \(8, 9\)"),
        (["--truth", "far.npy"], "truth far.npy names row 90, base has 90"),
        (["-o", "nowhere/x.npz"], "--output nowhere/x.npz: there is no folder nowhere"),
        (["-o", "."], "cannot write|Is a directory"),
    ],
)
def test_bad_searches_say_why_and_print_nothing(files, capsys, arguments, message):
    Path("text.npy").write_text("hello")
    Path("empty.npy").touch()
    np.save("objects.npy", np.array([[None, 1]]), allow_pickle=True)
    np.savez("archive.npz", BASE)
    np.save("flat.npy", np.arange(5))
    np.save("wide.npy", np.zeros((5, 17)))
    np.save("narrow.npy", np.zeros((5, 0)))
    nan, infinite = BASE.astype(float), QUERIES.astype(float)
    nan[3, 1], infinite[2, 5] = np.nan, np.inf
    np.save("nan.npy", nan)
    np.save("infinite.npy", infinite)
    np.save("words.npy", np.full((5, 6), "ab"))
    np.save("other.npy", np.zeros((5, 4)))
    np.save("short.npy", np.zeros((8, 9), int))
    np.save("far.npy", np.full((8, 10), 90))
    before = sorted(files.iterdir())
    status, out, err = search(capsys, "--json", *arguments)
    assert status == 2
    assert out == ""
    assert re.search(message, err)
    assert "Traceback" not in err
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dance"], "No such command 'dance'"),
        (["search"], "Missing option '--base'"),
        (["search", "--k", "many"], "Invalid value for '--k'"),
        (["search", "--colour", "red"], "No such option: --colour"),
        (["verilog"], "Missing option '--preset'"),
        (["verilog", "--preset", "huge"], "unknown preset 'huge'"),
        (["verilog", "--preset", "tiny-events", "--lanes", "4"], "'--lanes': tiny-events is no array, got 4"),
        (["verilog", "--preset", "tiny-events", "--element-width", "8"], "'--element-width': tiny-events is no array"),
        (["cosim", "--preset", "up5k", "--contexts", "2"], "memory 'spram' holds one context: contexts must be 0 or 1"),
        (["gates", "--preset", "huge"], "unknown preset 'huge'"),
        (["gates", "--preset", "core", "--liberty", "no.lib"], "no.lib: No such file"),
        (["cosim", "--preset", "huge"], "unknown preset 'huge'"),
        (["cosim", "--preset", "tiny", "--operations", "0"], "operations must be 1 to [0-9]+, got 0"),
        (["cosim", "--preset", "tiny", "--seed", "-1"], "seed must be 0 to [0-9]+, got -1"),
        (["cosim", "--preset", "tiny", "--engine", "spice"], "unknown engine 'spice'; choose one of cxxrtl, amaranth"),
        (["build"], "Missing argument 'BOARD'"),
        (["build", "toaster"], "toaster"),
    ],
)
def test_bad_usage(files, capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert re.search(message, err)
    assert "Traceback" not in err


def test_no_arguments_show_the_help(capsys):
    status, out, err = run(capsys)
    assert status == 2
    assert "Usage: ganglion" in out + err


def test_verilog_goes_to_standard_output_file_or_object(files, capsys):
    status, out, _err = run(capsys, "verilog", "--preset", "core")
    assert status == 0
    assert re.search(r"^module ganglion\(", out, flags=re.MULTILINE)
    assert out.rstrip().endswith("endmodule")
    status, nothing, _err = run(capsys, "verilog", "--preset", "core", "-o", "x.v")
    assert (status, nothing) == (0, "")
    assert Path("x.v").read_text() == out
    facts = one_object(run(capsys, "verilog", "--preset", "core", "-o", "y.v", "--json")[1])
    assert facts["output"] == "y.v"
    assert facts["modules"][0] == "ganglion"
    assert one_object(run(capsys, "verilog", "--preset", "core", "--json")[1])["verilog"] == out


def test_verilog_of_many_slices_holds_one_slice(files, capsys):
    out = run(capsys, "verilog", "--preset", "tiny", "--cores", 16, "--slices", 16)[1]
    assert len(re.findall(r"^module ganglion_slice\(", out, flags=re.MULTILINE)) == 1
    assert len(re.findall(r"^  ganglion_slice ", out, flags=re.MULTILINE)) == 16
    few = run(capsys, "verilog", "--preset", "tiny")[1]
    assert "ganglion_slice" not in few


def test_verilog_of_an_event_unit(files, capsys):
    facts = one_object(run(capsys, "verilog", "--preset", "tiny-events", "--json")[1])
    assert facts["modules"][0] == "ganglion_events"
    assert facts["config"]["engine"] == {"neuron_width": 5, "queue_width": 3, "guard_width": 2}


def test_hw_writes_the_same_verilog(files, capsys):
    from hw.__main__ import main as hw_main

    assert hw_main(["verilog", "--preset", "core", "-o", "hw.v"]) == 0
    assert Path("hw.v").read_text() == run(capsys, "verilog", "--preset", "core")[1]
    assert hw_main(["verilog", "--preset", "huge"]) == 2
    assert "unknown preset 'huge'" in capsys.readouterr().err
    assert hw_main(["verilog", "--preset", "core", "-o", "nowhere/hw.v"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert sorted(p.name for p in files.iterdir()) == ["base.npy", "hw.v", "queries.npy"]


def test_cosim_of_a_right_design(files, capsys):
    status, out, _err = run(capsys, "cosim", "--preset", "tiny", "--operations", 40, "--seed", 3, "--json")
    facts = one_object(out)
    assert status == 0
    assert facts["operations"] == 40
    assert facts["mismatches"] == 0
    assert facts["cycles"] > 40
    assert facts["cycles_per_second"] > 0
    assert facts["first_mismatch"] is None
    assert "mismatches" in run(capsys, "cosim", "--preset", "tiny", "--operations", 5)[1]


def test_cosim_knows_the_engines():
    assert set(ENGINES) == set(get_args(EngineKind))


def test_a_mismatch_is_named_and_fails(files, capsys, monkeypatch):
    from golden.fixed.array import ArrayModel, Execution

    def forgets(self, command):
        return Execution(2, int(self.counts[command.core]) ^ 1, 2)

    monkeypatch.setattr(ArrayModel, "_count", forgets)
    status, out, err = run(capsys, "cosim", "--preset", "tiny", "--operations", 3000, "--seed", 1, "--json")
    facts = one_object(out)
    assert status == 1
    assert facts["mismatches"] > 0
    first = facts["first_mismatch"]
    assert first["expected"] != first["actual"]
    assert first["signal"].startswith("s_axil_")
    assert first["command"] in err
    assert first["signal"] in err
    assert str(first["cycle"]) in err
    assert Path(first["vcd"]).is_file()


def test_another_number_of_cores_keeps_neurons_for_all_or_none():
    assert as_config("ecp5", cores=16).contexts == 16
    assert as_config("core-snn", cores=4, slices=2).contexts == 4
    assert as_config("core", cores=4).contexts == 0
    assert as_config("ecp5", cores=16, contexts=8).contexts == 8
    assert as_config("ecp5", slices=2).contexts == as_config("ecp5", cores=256).contexts == 128
    assert as_config("folded256-snn", slices=2).contexts == 256


def test_gates(files, capsys):
    status, out, _err = run(capsys, "gates", "--preset", "tiny", "--json")
    facts = one_object(out)
    assert status == 0
    assert facts["total_gates"] == pytest.approx(sum(block["gates"] for block in facts["blocks"]))
    for block in facts["blocks"]:
        assert {"name", "gates", "memory_bits", "flip_flops"} <= set(block)
    table = run(capsys, "gates", "--preset", "tiny")[1]
    assert all(block["name"] in table for block in facts["blocks"])


def command_line(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "ganglion", *arguments], capture_output=True, text=True, timeout=120, **options
    )


def test_python_m_ganglion(files):
    result = command_line("search", "--base", "base.npy", "--queries", "queries.npy", "--preset", "tiny", "--json")
    assert result.returncode == 0
    assert one_object(result.stdout)["recall_at_k"] == 1.0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk(files):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "ganglion", "--version"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert result.returncode == 2
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(files, capsys):
    files.chmod(0o500)
    try:
        status, out, err = search(capsys, "-o", "found.npz")
    finally:
        files.chmod(0o700)
    assert status == 2
    assert out == ""
    assert "found.npz: cannot write: Permission denied" in err


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="this system has no /proc")
def test_a_file_system_without_room_for_files(files, capsys):
    status, out, err = search(capsys, "-o", "/proc/found.npz")
    assert status == 2
    assert out == ""
    assert "/proc/found.npz: cannot write: " in err


def test_a_closed_pipe_is_no_error_message(files):
    shell = f"{sys.executable} -m ganglion verilog --preset core 2>err | head -1"
    result = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=120)
    assert result.stdout.count("\n") == 1
    assert "Traceback" not in Path("err").read_text()
    assert "Broken" not in Path("err").read_text()


def test_ctrl_c_leaves_a_short_message_and_no_file(files):
    process = subprocess.Popen(
        [sys.executable, "-m", "ganglion", "cosim", "--preset", "tiny", "--operations", str(1 << 32), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A child of a job in the background starts with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    before = sorted(files.iterdir())
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("running 4"):
        assert line
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("ganglion: interrupted\n")
    assert "Traceback" not in err
    assert sorted(files.iterdir()) == before


def test_a_truth_that_names_a_row_twice_is_refused(files, capsys):
    np.save("truth.npy", np.tile([4, 2, 4], (len(QUERIES), 1)))
    status, out, err = search(capsys, "--truth", "truth.npy", "--k", 3)
    assert (status, out) == (2, "")
    assert "truth truth.npy names row 4 twice for query 0" in err


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell is needed")
def test_closed_streams(files):
    verb = f"{sys.executable} -m ganglion search --base base.npy --queries queries.npy --preset tiny --json"
    mute = subprocess.run(f"{verb} 2>&-", shell=True, capture_output=True, text=True, timeout=120)
    assert mute.returncode == 0
    assert one_object(mute.stdout)["recall_at_k"] == 1.0
    deaf = subprocess.run(f"{verb} >&-", shell=True, capture_output=True, text=True, timeout=120)
    assert (deaf.returncode, deaf.stderr) == (2, "ganglion: standard output is closed\n")


def test_ctrl_c_while_the_program_loads(capsys, monkeypatch):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ganglion.cli.app", Interrupted("app"))
    assert main(["--version"]) == 130
    assert capsys.readouterr().err == "ganglion: interrupted\n"


def test_the_package_offers_what_it_says():
    import ganglion

    assert set(ganglion.__all__) <= set(dir(ganglion))
    assert all(getattr(ganglion, name).__name__ == name for name in ganglion.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Devise'"):
        _ = ganglion.Devise
