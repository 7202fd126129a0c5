"""``ganglion update``: rows from files, standard input and the command line; streams, signals and bad input."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ganglion.cli import main
from ganglion.text import CompactClassifier, load_model

POOLS = {"bills": "invoice payment due bank", "fun": "party beach music dance", "work": "meeting report deadline team"}
MORE = {"bills": "rent payment tax", "fun": "concert party film", "work": "agenda meeting office"}
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def files(tmp_path, monkeypatch, capsys):
    """A trained model, more rows, and nothing else, in the current folder."""
    rng = np.random.default_rng(3)
    names = sorted(POOLS)
    lines = []
    for number in range(300):
        name = names[rng.integers(3)]
        pool = POOLS[name] if number < 60 else MORE[name]
        lines.append(f"{name},{' '.join(rng.choice(pool.split(), 3))}")
    (tmp_path / "train.csv").write_text("\n".join(["label,text", *lines[:60]]) + "\n")
    (tmp_path / "more.csv").write_text("\n".join(["label,text", *lines[60:]]) + "\n")
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "train", "--train", "train.csv", "-o", "m.gang", "--size", 4096)[0] == 0
    return tmp_path


def test_help(capsys):
    status, out, _err = run(capsys, "update", "--help")
    assert status == 0
    for text in ("Example", "ganglion update model.gang", "--label", "--workers", "--json"):
        assert text in out


def test_rows_of_a_file(files, capsys, monkeypatch):
    expected = load_model(files / "m.gang")
    assert isinstance(expected, CompactClassifier)
    rows = [line.split(",", 1) for line in (files / "more.csv").read_text().splitlines()[1:]]
    numbers = [expected.classes.index(label) for label, _text in rows]
    expected.update([text for _label, text in rows], numbers)
    before = (files / "m.gang").read_bytes()
    status, out, err = run(capsys, "update", "m.gang", "more.csv", "--json", "--workers", 3)
    assert status == 0
    found = json.loads(out)
    assert (found["rows"], found["model_bytes"], found["method"]) == (240, len(before), "compact")
    assert found["classes"] == sorted(POOLS)
    assert found["correct_after"] == (expected.predict([text for _label, text in rows]) == numbers).sum()
    assert "learning 240 texts" in err
    assert (files / "m.gang").read_bytes() == expected.to_bytes() != before
    # The same from standard input.
    (files / "m.gang").write_bytes(before)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((files / "more.csv").read_bytes())))
    status, out, _err = run(capsys, "update", "m.gang")
    assert (status, "240" in out) == (0, True)
    assert (files / "m.gang").read_bytes() == expected.to_bytes()


def test_texts_of_the_command_line(files, capsys):
    for _ in range(5):
        given = ("update", "m.gang", "--label", "Fun", "--text", "quagga zebra", "--text", "the zebra", "--json")
        status, out, _err = run(capsys, *given)
        assert status == 0
    assert json.loads(out)["correct_after"] == 2
    assert run(capsys, "predict", "m.gang", "--text", "zebra", "--explain")[1].startswith("fun\n    zebra: ")


def test_a_model_that_other_rows_made_wrong_is_put_right(files, capsys):
    """Labels changed places: three times the rows, and the model follows."""
    text = (files / "more.csv").read_text()
    swapped = text.replace("bills,", "x,").replace("fun,", "bills,").replace("x,", "fun,")
    (files / "swapped.csv").write_text(swapped)
    assert run(capsys, "update", "m.gang", "more.csv")[0] == 0
    for _ in range(3):
        status, out, _err = run(capsys, "update", "m.gang", "swapped.csv", "--json")
        assert status == 0
    assert json.loads(out)["correct_after"] > 230


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("m.gang", "--text", "a"), "--text and --label belong together"),
        (("m.gang", "--label", "fun"), "--text and --label belong together"),
        (("m.gang", "--label", "1", "--text", "a"), "--label '1' is none of bills, fun, work"),
        (("m.gang", "more.csv", "--label", "fun", "--text", "a"), "--text excludes a file"),
        (("m.gang", "more.csv", "--workers", 0), "workers must be at least 1, not 0"),
        (("m.gang", "no.csv"), "no.csv: No such file"),
        (("m.gang", "other.csv"), "other.csv, line 3: label 'new' is none of 0 to 2 or bills, fun, work"),
        (("m.gang", "cut.csv"), "cut.csv, line 3: 1 columns, 2 before"),
        (("m.gang", "more.csv", "--label-column", "folder"), "no column 'folder'"),
        (("no.gang", "more.csv"), "no.gang: No such file"),
        (("more.csv", "more.csv"), "more.csv: no text model"),
        ((os.devnull, "more.csv"), f"{os.devnull}: no regular file, which a model is"),
        ((".", "more.csv"), ".: Is a directory"),
    ],
)
def test_bad_input_leaves_the_model_alone(files, capsys, arguments, message):
    (files / "other.csv").write_text("label,text\nfun,beach\nnew,beach\n")
    (files / "cut.csv").write_text("label,text\nfun,beach\nfun\n")
    before = (files / "m.gang").read_bytes()
    status, out, err = run(capsys, "update", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert (files / "m.gang").read_bytes() == before
    assert not (files / "m.gang.learning").exists()


@pytest.mark.parametrize("verb", ["train", "classify"])
def test_the_training_file_is_not_overwritten(files, capsys, verb):
    before = (files / "train.csv").read_bytes()
    if verb == "train":
        status, _out, err = run(capsys, "train", "--train", "train.csv", "-o", "./train.csv")
    else:
        given = ("--train", "train.csv", "--test", "more.csv", "-o", "more.csv")
        status, _out, err = run(capsys, "classify", "ag_news", *given)
    assert status == 2
    assert "is the file that is read" in err
    assert (files / "train.csv").read_bytes() == before


def test_csv_of_a_pipe_is_answered_while_it_is_open(files):
    command = [sys.executable, "-m", "ganglion", "predict", "m.gang"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"text\n")
        for text, expected in (("music dance", b"fun\n"), ('"deadline, ""report"""', b"work\n")):
            process.stdin.write(text.encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == expected
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("verb", ["train", "update"])
def test_a_signal_leaves_nothing_half_written(files, verb, number, status):
    """Stopped while it waits for the end of its input, and while it works."""
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    if verb == "train":
        # Enough rows that training takes some seconds.
        rng = np.random.default_rng(0)
        words = [f"w{rank}" for rank in range(2000)]
        rows = (f"{rng.integers(2)},{' '.join(rng.choice(words, 20))}" for _ in range(2000))
        before["big.csv"] = ("label,text\n" + "\n".join(rows) + "\n").encode()
        (files / "big.csv").write_bytes(before["big.csv"])
        arguments = ["train", "--train", "big.csv", "-o", "m.gang"]
    else:
        arguments = ["update", "m.gang"]
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with subprocess.Popen(command, stdin=pipe, stderr=pipe, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith((b"choosing", b"reading standard")):
            assert line
        time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(20) == status
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


# As a shell does for a job in the foreground: a background job's children ignore SIGINT.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from ganglion.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_signal_while_the_file_is_written_leaves_the_old_one(files, monkeypatch, capsys):
    """SIGTERM between the temporary file and its renaming."""
    before = (files / "m.gang").read_bytes()

    def stopped(_descriptor):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("os.fsync", stopped)
    assert run(capsys, "update", "m.gang", "more.csv")[0] == 143
    assert (files / "m.gang").read_bytes() == before
    assert {path.name for path in files.iterdir()} == {"m.gang", "train.csv", "more.csv"}
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
