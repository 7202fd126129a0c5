"""What a user of the text classifiers may mix up: refused, with the value in the message."""

from pathlib import Path

import numpy as np
import pytest

from ganglion.cli import main
from ganglion.text import load_model, update_file
from ganglion.text.csv_file import Columns, CsvError, read_rows
from ganglion.text.words import split_texts


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rows = [f"{label},{text} {n}" for n in range(30) for label, text in (("dry", "warm sun"), ("wet", "cold rain"))]
    (tmp_path / "texts.csv").write_text("\n".join(["label,text", *rows]) + "\n")
    assert main(["train", "--train", str(tmp_path / "texts.csv"), "-o", str(tmp_path / "m.gang"), "--json"]) == 0
    return tmp_path / "m.gang"


@pytest.mark.parametrize("texts", ["shares fell", b"shares fell"])
def test_a_single_text_is_no_list_of_letters(texts: object) -> None:
    with pytest.raises(TypeError, match=r"not the single text b?'shares fell'"):
        split_texts(texts)  # type: ignore[arg-type]


def test_a_text_that_is_none_is_named() -> None:
    with pytest.raises(TypeError, match="text 1 must be a string, not None"):
        split_texts(["fell", None])  # type: ignore[list-item]


def test_an_update_for_other_classes_is_refused(model: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(ValueError, match="holds a model with other classes by now: dry, wet"):
        update_file(model, ["cold rain"], np.array([1]), classes=["wet", "dry"])
    assert model.read_bytes() == before
    update_file(model, ["cold rain"], np.array([1]), classes=["dry", "wet"])


def test_a_model_is_found_by_the_name_of_its_file(model: Path) -> None:
    assert load_model(str(model)).classes == ("dry", "wet")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(label="label", text=("label",)), "the column 'label' is the label, and cannot be text as well"),
        (Columns(label="label", text=("text", "text")), "the text column 'text' is named twice"),
    ],
)
def test_columns_have_one_part(tmp_path: Path, columns: Columns, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("label,text\na,b\n")
    with pytest.raises(CsvError, match=message):
        read_rows(path, columns)


def test_options_of_a_file_do_not_go_with_a_text(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--lines"], ["--text-columns", "text"]):
        assert main(["predict", str(model), "--text", "cold rain", *options]) == 2
        assert "--text excludes --lines and --text-columns" in capsys.readouterr().err
