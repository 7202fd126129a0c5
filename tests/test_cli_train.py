"""``ganglion train``, ``predict`` and ``evaluate``: what they print, JSON, streams, exit status, bad input."""

import gzip
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ganglion.cli import main
from ganglion.text import load_model

POOLS = {"bills": "invoice payment due bank", "fun": "party beach music dance", "work": "meeting report deadline team"}


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def one_object(text):
    """The one JSON object that is all of the text."""
    assert text.count("\n") == 1
    return json.loads(text)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Mails with folders to train with and to test with, in the current folder."""
    rng = np.random.default_rng(3)
    names = sorted(POOLS)
    lines = ["id,subject,body,folder"]
    for number in range(300):
        name = names[rng.integers(3)]
        words = rng.choice(POOLS[name].split(), 4)
        lines.append(f'{number},"{words[0]}, {words[1]}",{words[2]} the {words[3]},{name}')
    (tmp_path / "train.csv").write_text("\n".join(lines[:201]) + "\n")
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[201:]]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COLUMNS = ("--text-columns", "subject, body", "--label-column", "folder")


def train(capsys, *arguments):
    return run(capsys, "train", "--train", "train.csv", *COLUMNS, "-o", "m.gang", *arguments)


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
def test_train_and_evaluate(files, capsys, method):
    status, out, err = train(capsys, "--method", method, "--json")
    assert status == 0
    found = one_object(out)
    assert found["classes"] == ["bills", "fun", "work"]
    assert (found["train_rows"], found["n_classes"], found["method"]) == (200, 3, method)
    assert found["model_bytes"] == (files / "m.gang").stat().st_size
    assert "reading train.csv" in err
    status, out, _err = run(capsys, "evaluate", "m.gang", "test.csv", *COLUMNS, "--json")
    assert status == 0
    found = one_object(out)
    assert (found["total"], found["correct"]) == (100, sum(found["confusion"][i][i] for i in range(3)))
    assert found["accuracy"] == found["correct"] / 100 > 0.95
    assert found["method"] == method
    status, out, _err = run(capsys, "evaluate", "m.gang", "test.csv", *COLUMNS)
    assert status == 0
    assert "actual (rows)" in out
    assert "m.gang on test.csv" in out


def test_train_prints_a_table_and_knows_sizes(files, capsys):
    status, out, _err = train(capsys, "--size", 5000, "--seed", 3)
    assert status == 0
    assert "trained on train.csv" in out
    assert 4980 < (files / "m.gang").stat().st_size <= 5000


def test_labels_that_are_numbers_are_the_classes(files, capsys):
    """Labels 3, 10 and 20 are names, in the order of their size; a test file with two of them means the same ones."""
    numbers = {"bills": "20", "fun": "3", "work": "10"}
    for name in ("train.csv", "test.csv"):
        text = (files / name).read_text()
        for word, number in numbers.items():
            text = text.replace(f",{word}\n", f",{number}\n")
        (files / name).write_text(text)
    assert one_object(train(capsys, "--json")[1])["classes"] == ["3", "10", "20"]
    lines = (files / "test.csv").read_text().splitlines()
    kept = [lines[0], *(line for line in lines[1:] if not line.endswith(",20"))]
    (files / "test.csv").write_text("\n".join(kept))
    found = one_object(run(capsys, "evaluate", "m.gang", "test.csv", *COLUMNS, "--json")[1])
    assert found["accuracy"] > 0.95
    assert sum(found["confusion"][2]) == 0


def test_predict_a_file(files, capsys):
    train(capsys)
    status, out, _err = run(capsys, "predict", "m.gang", "test.csv", "--text-columns", "subject,body")
    assert status == 0
    names = out.splitlines()
    assert len(names) == 100
    expected = [line.rsplit(",", 1)[1] for line in (files / "test.csv").read_text().splitlines()[1:]]
    assert np.mean(np.array(names) == np.array(expected)) > 0.95
    (files / "test.csv.gz").write_bytes(gzip.compress((files / "test.csv").read_bytes()))
    assert run(capsys, "predict", "m.gang", "test.csv.gz", "--text-columns", "subject,body")[1] == out


def test_predict_standard_input(files, capsys, monkeypatch):
    train(capsys)
    lines = "beach party\r\n\npayment due\nno such w\u00f6rd"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    status, out, _err = run(capsys, "predict", "m.gang", "--lines")
    assert (status, out) == (0, "fun\nbills\nbills\nbills\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"text\nbeach\n\nteam report\n")))
    status, out, _err = run(capsys, "predict", "m.gang", "-")
    assert (status, out) == (0, "fun\nwork\n")


def test_predict_answers_while_its_input_is_open(files, capsys):
    train(capsys)
    command = [sys.executable, "-m", "ganglion", "predict", "m.gang", "--lines"]
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, expected in (("music dance", b"fun\n"), ("deadline", b"work\n")):
            process.stdin.write(text.encode() + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == expected
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("method", ["compact", "neuronguard"])
def test_predict_explains(files, capsys, method):
    train(capsys, "--method", method)
    texts = ("beach party with the bank", "unheard")
    given = ["--text", texts[0], "--text", texts[1], "--explain"]
    status, out, _err = run(capsys, "predict", "m.gang", *given, "--json")
    assert status == 0
    found = one_object(out)
    assert found["classes"] == ["bills", "fun", "work"]
    first, second = found["predictions"]
    assert first["class"] == "fun"
    sums = np.sum([entry["weights"] for entry in first["explain"]], axis=0)
    assert sums.tolist() == pytest.approx(first["scores"])
    assert {"beach", "party", "bank"} <= {entry["text"] for entry in first["explain"]}
    assert (second["class"], second["explain"], second["scores"]) == ("bills", [], [0, 0, 0])
    model = load_model(files / "m.gang")
    assert first["scores"] == model.scores(texts[:1])[0].tolist()
    status, out, _err = run(capsys, "predict", "m.gang", *given)
    lines = out.splitlines()
    assert (status, lines[0], lines[-1]) == (0, "fun", "bills")
    assert any(line.startswith("    beach: ") and "fun +" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "train.csv is empty"),
        ("a,folder\nx,y\n", "no column 'subject' among a, folder"),
        ("subject,body,folder\nx,y,z\n", "train.csv: all 1 rows are of class z"),
        ("subject,body,folder\nx,y,z\nx,y, \n", "train.csv, line 3: no label"),
        ("subject,body,folder\n.,-,a\n.,-,b\n", "no training text holds a word"),
        ("subject,body,folder\nx,y\n", "train.csv, line 2: 2 columns, 3 before"),
    ],
)
def test_bad_training_files_exit_with_2(files, capsys, content, message):
    (files / "train.csv").write_text(content)
    status, out, err = train(capsys, "--json")
    assert (status, out) == (2, "")
    assert message in err
    assert not (files / "m.gang").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--train", "train.csv"), "Missing option '--output'"),
        (("train", "--train", "no.csv", "-o", "x.gang"), "no.csv: No such file"),
        (("train", "--train", "train.csv", *COLUMNS, "-o", "no/x.gang"), "there is no folder no"),
        (("train", "--train", "train.csv", "-o", "x.gang"), "no column 'label'"),
        (("train", "--train", "train.csv", *COLUMNS, "-o", "x.gang", "--size", 100), "4,096 to 262,144 bytes, not 100"),
        (("train", "--train", "train.csv", *COLUMNS, "-o", "x.gang", "--method", "magic"), "method 'magic' is none of"),
        (
            ("train", "--train", "train.csv", *COLUMNS, "-o", "x.gang", "--method", "neuronguard", "--seed", 1),
            "--seed is for the method compact, not neuronguard",
        ),
        (("train", "--train", "train.csv", "-o", "x", "--text-columns", "a,,b"), "'a,,b' has an empty name"),
        (("predict", "train.csv"), "train.csv: no text model"),
        (("predict", "none.gang"), "none.gang: No such file"),
        (("predict", "m.gang", "none.csv"), "none.csv: No such file"),
        (("predict", "m.gang", "test.csv"), "no column for the text"),
        (("predict", "m.gang", "test.csv", "--text", "word"), "--text and the file test.csv exclude each other"),
        (("predict", "m.gang", "test.csv", "--lines", "--text-columns", "a"), "exclude each other"),
        (("predict", "m.gang", "bytes.txt", "--lines"), "bytes.txt, line 2: byte 0xff is not UTF-8"),
        (("evaluate", "m.gang", "test.csv", "--label-column", "id", "--text-columns", "body"), "label"),
    ],
)
def test_bad_arguments_exit_with_2(files, capsys, arguments, message):
    train(capsys)
    (files / "bytes.txt").write_bytes(b"fine\nnot \xff\n")
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (files / "x.gang").exists()
