"""Reading labelled texts: layouts, compression, blocks, and messages that name file and line."""

import csv
import gzip
import io

import numpy as np
import pytest

import ganglion.text.csv_file as csv_module
from ganglion.text import Columns, CsvError, class_numbers, data_folder, read_rows, row_blocks, text_lines
from ganglion.text.datasets import DATASETS, as_dataset

AG = DATASETS["ag_news"].classes


def written(folder, content, name="rows.csv"):
    """A file of that content (text or bytes); packed when its name says so."""
    path = folder / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


LAYOUTS = {
    "as in the data folder": ("label,title,description\n", "{label},Some title,and more\n", "Some title and more"),
    "training rows": ("label,form,source,text\n", "{label},desc,a/b,just a text\n", "just a text"),
    "with an empty title": ("label,form,source,title,text\n", "{label},x,y,,a text\n", " a text"),
    "as published": ("", '"{label}","Some ""title""","and, more"\n', 'Some "title" and, more'),
    "published elsewhere": ("Class Index,Title,Description\n", "{label},A,B\n", "A B"),
    "two columns": ("", "{label},a text\n", "a text"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_layouts(tmp_path, layout, name, start):
    header, row, text = LAYOUTS[layout]
    rows = read_rows(written(tmp_path, start + header + "".join(row.format(label=i) for i in (2, 1, 3)), name))
    assert rows.labels == ["2", "1", "3"]
    assert rows.texts == [text] * 3
    assert (rows.header is None) == (not header)


def test_packed_is_seen_by_its_content(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(b"1,a\n"))
    assert read_rows(path).texts == ["a"]


def test_named_columns(tmp_path):
    path = written(tmp_path, "id,Kind,Head,Body\n7,x,one,two\n8,y,three,four\n")
    rows = read_rows(path, Columns("kind", ("body", "Head")))
    assert (rows.labels, rows.texts) == (["x", "y"], ["two one", "four three"])
    with pytest.raises(CsvError, match=r"rows\.csv, line 1: no column 'tail' among id, Kind, Head, Body"):
        read_rows(path, Columns("kind", ("tail",)))
    with pytest.raises(CsvError, match="no column 'label' or 'class index' or 'class' or 'category' among id"):
        read_rows(path, Columns(text=("body",)))
    unlabelled = next(row_blocks(path, Columns(text=("body",)), labelled=False))
    assert (unlabelled.labels, unlabelled.texts) == ([], ["two", "four"])


def test_quoted_line_ends_blank_lines_and_windows_line_ends(tmp_path):
    path = written(tmp_path, 'label,text\r\n1,"two\nlines"\r\n\r\n\n2,next\u2028line\r\n3,last')
    rows = read_rows(path)
    assert rows.labels == ["1", "2", "3"]
    assert rows.texts == ["two\nlines", "next\u2028line", "last"]
    assert [rows.place(row) for row in range(3)] == [f"{path}, line {line}" for line in (3, 6, 7)]


@pytest.mark.parametrize("n_bytes", [1, 7, 64, 1 << 20])
def test_random_tables_in_blocks_of_any_size(tmp_path, monkeypatch, n_bytes):
    rng = np.random.default_rng(4)
    monkeypatch.setattr(csv_module, "BLOCK_BYTES", n_bytes)
    pieces = ["a", "Bé", '"', ",", "\n", " ", "東", "\r\n"]
    rows = [[str(rng.integers(9)), *("x" + "".join(rng.choice(pieces, 5)) for _ in range(2))] for _ in range(60)]
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    path = written(tmp_path, out.getvalue())
    blocks = list(row_blocks(path, n_rows=7))
    assert [len(block.texts) for block in blocks] == [7] * 8 + [4]
    assert [text for block in blocks for text in block.texts] == [f"{row[1]} {row[2]}" for row in rows]
    assert [label for block in blocks for label in block.labels] == [row[0] for row in rows]
    assert blocks[3].place(2) == read_rows(path).place(23)


def test_a_stream_is_read_as_it_comes():
    """A row is there before the next one has been written: a pipe can be answered line by line."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.lines = [b"1,first\n", b"2,second\n", b"3,third\n"]

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.lines:
                return 0
            line = self.lines.pop(0)
            buffer[: len(line)] = line
            return len(line)

    pipe = Pipe()
    blocks = row_blocks(io.BufferedReader(pipe), n_rows=1)
    assert next(blocks).texts == ["first"]
    assert len(pipe.lines) >= 1
    assert [block.texts for block in blocks] == [["second"], ["third"]]


def test_a_stream_is_named_in_messages():
    with pytest.raises(CsvError, match="standard input, record 2: 3 columns, 2 before"):
        list(row_blocks(io.BufferedReader(io.BytesIO(b"1,a\n2,b,c\n"))))


def test_the_limit_of_the_csv_module_is_left_alone(tmp_path):
    before = csv.field_size_limit()
    long = "x" * (before + 10)
    assert read_rows(written(tmp_path, f"1,{long}\n")).texts == [long]
    with pytest.raises(CsvError):
        read_rows(written(tmp_path, "label,text\n1,a,b\n"))
    assert csv.field_size_limit() == before


BAD = {
    "empty": (b"", "rows.csv is empty"),
    "only blank lines": (b"\n\r\n\n", "rows.csv is empty"),
    "header only": (b"label,text\n", "rows.csv has a header and no rows"),
    "too many columns": (b"label,text\n1,a\n2,b,c\n", "rows.csv, line 3: 3 columns, 2 before"),
    "too few columns": (b"1,a\n2\n", "rows.csv, line 2: 1 columns, 2 before"),
    "no text": (b"1\n2\n", "rows.csv, line 1: a class and no text"),
    "no label column": (b"kind,text\n1,a\n", "rows.csv, line 1: no column 'label' or .* among kind, text"),
    "no text column": (b"label,body\n1,a\n", "rows.csv, line 1: no column for the text .* among label, body"),
    "two label columns": (b"label,Label,text\n1,1,a\n", "line 1: more than one column 'label'"),
    "latin-1": (b"label,text\n1,a\n2,caf\xe9\n3,b\n", "rows.csv, line 3: byte 0xe9 is not UTF-8"),
    "utf-16": ("label,text\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    "an open quote": (b'label,text\n1,"a\n2,b\n', "rows.csv, line 3: unexpected end of data"),
    "something behind a quote": (b'label,text\n1,a\n2,"a"b\n', "rows.csv, line 3: ',' expected after '\"'"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("n_bytes", [3, 1 << 22])
def test_bad_files_are_named_with_their_line(tmp_path, monkeypatch, case, n_bytes):
    content, message = BAD[case]
    monkeypatch.setattr(csv_module, "BLOCK_BYTES", n_bytes)
    with pytest.raises(CsvError, match=message):
        read_rows(written(tmp_path, content))


def test_a_field_too_long_and_a_line_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_module, "MAX_FIELD_CHARACTERS", 1000)
    monkeypatch.setattr(csv_module, "BLOCK_BYTES", 500)
    path = written(tmp_path, f"label,text\n1,a\n2,{'x' * 1001}\n")
    with pytest.raises(CsvError, match=r"rows\.csv, line 3: field larger than field limit \(1000\)"):
        read_rows(path)
    monkeypatch.setattr(csv_module, "MAX_LINE_BYTES", 800)
    with pytest.raises(CsvError, match=r"rows\.csv, line 3: longer than 800 bytes"):
        read_rows(path)


def test_a_line_of_100_megabytes_is_refused_before_it_is_held(tmp_path):
    path = tmp_path / "rows.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"label,text\n1,")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    with pytest.raises(CsvError, match=r"line 2: longer than 67,108,864 bytes"):
        read_rows(path)


@pytest.mark.parametrize("kept", [2, 5, 30, -20, -8, -1])
def test_truncated_gzip(tmp_path, kept):
    packed = gzip.compress("".join(f"{i},{i * i} text\n" for i in range(1, 2000)).encode())
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(packed[:kept])
    with pytest.raises(CsvError, match=r"rows\.csv\.gz, line \d+: broken gzip"):
        read_rows(path)


def test_damaged_gzip(tmp_path):
    packed = bytearray(gzip.compress("".join(f"{i},{i * i} text\n" for i in range(1, 2000)).encode()))
    path = tmp_path / "rows.csv.gz"
    for place in (3, len(packed) // 2, len(packed) - 6):
        damaged = bytearray(packed)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(CsvError, match=r"rows\.csv\.gz"):
            read_rows(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_rows(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("label,text\n0,a\n3,b\n1,c\n", [0, 3, 1]),
        ("label,text\n1,a\n4,b\n2,c\n", [0, 3, 1]),
        ("label,text\n1,a\n2,b\n", [1, 2]),
        ("1,a\n2,b\n", [0, 1]),
        ("0,a\n2,b\n", [0, 2]),
        ("Class Index,Title,Description\n1,a,b\n2,c,d\n", [0, 1]),
        ("label,text\nsports,a\n World ,b\nSci/Tech,c\n", [1, 0, 3]),
        ("label,text\n 2 ,a\n4,b\nWorld,c\n", [1, 3, 0]),
    ],
)
def test_labels_count_from_0_or_1_or_are_names(tmp_path, content, expected):
    assert class_numbers(read_rows(written(tmp_path, content)), AG).tolist() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label,text\n0,a\n4,b\n", r"rows\.csv, line 3: label '4' is none of 0 to 3 or World, Sports, Business"),
        ("label,text\n1,a\n4,b\n5,c\n", r"line 4: label '5' is none of 1 to 4 or"),
        ("label,text\n1,a\n\n-1,b\n", r"line 4: label '-1' is none of"),
        ("label,text\n1,a\n1.0,b\n", r"line 3: label '1\.0' is none of"),
        ("label,text\n1,a\nWeather,b\n", r"line 3: label 'Weather' is none of"),
        ("label,text\n1,a\n,b\n", r"line 3: label '' is none of"),
        (f"label,text\n{'9' * 5000},a\n", r"line 2: label '9999"),
    ],
)
def test_unknown_labels_are_named_with_their_line(tmp_path, content, message):
    with pytest.raises(CsvError, match=message):
        class_numbers(read_rows(written(tmp_path, content)), AG)


def test_the_data_folder_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    dataset = as_dataset("ag_news")
    with pytest.raises(FileNotFoundError, match="no train file of ag_news: none of"):
        dataset.find("train")
    (tmp_path / "ag_news_csv").mkdir()
    published = written(tmp_path / "ag_news_csv", "1,a,b\n", "train.csv")
    assert dataset.find("train") == published
    (tmp_path / "ag_news").mkdir()
    packed = written(tmp_path / "ag_news", "label,text\n1,a\n", "train.csv.gz")
    assert dataset.find("train") == packed
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"GANGLION_DATA is no folder: .*nowhere"):
        data_folder()


def test_data_sets_have_their_classes():
    assert [len(DATASETS[name].classes) for name in ("ag_news", "dbpedia")] == [4, 14]
    with pytest.raises(ValueError, match="data set 'imdb' is none of ag_news, dbpedia"):
        as_dataset("imdb")


def test_rows_of_a_stream_are_handed_on_as_they_come():
    """What is there is not kept back for a row that may never come; blank lines and open quotes wait for theirs."""
    parts = [b"text,label\n", b"one,a\n", b"two,b\n\n", b'"three\n', b'four",a\nfive,b\n', b"six,"]

    class Stream(io.BufferedIOBase):
        n_read = 0

        def read(self, _size=-1):
            raise AssertionError("read() waits for everything")

        def read1(self, _size=-1):
            self.n_read += 1
            return (
                parts[self.n_read - 1]
                if self.n_read <= len(parts)
                else b"b\n"
                if self.n_read == len(parts) + 1
                else b""
            )

        def readable(self):
            return True

        def readinto(self, buffer):
            part = self.read1()
            buffer[: len(part)] = part
            return len(part)

    stream = Stream()
    found = [(rows.texts, stream.n_read) for rows in row_blocks(stream)]
    assert found == [(["one"], 2), (["two"], 3), (["three\nfour", "five"], 5), (["six"], 7)]


def test_what_is_held_of_a_file_does_not_grow_with_its_rows(tmp_path, monkeypatch):
    """Rows without labels come a part of the file at a time, however many are asked for."""
    monkeypatch.setattr("ganglion.text.csv_file.BLOCK_BYTES", 100)
    path = tmp_path / "rows.csv"
    path.write_text("text\n" + "".join(f"{number} {'x' * 30}\n" for number in range(50)))
    blocks = [len(rows.texts) for rows in row_blocks(path, n_rows=1000, labelled=False)]
    assert sum(blocks) == 50
    assert max(blocks) <= 4
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert sum(len(rows.texts) for rows in row_blocks(path, labelled=False)) == 50


def test_a_line_that_is_too_long_for_a_text(tmp_path, monkeypatch):
    monkeypatch.setattr("ganglion.text.csv_file.MAX_FIELD_CHARACTERS", 20)
    path = tmp_path / "lines.txt"
    path.write_text("short\n\n" + "x" * 21 + "\n")
    with pytest.raises(CsvError, match=r"lines\.txt, line 3: longer than 20 characters"):
        list(text_lines(path))
    path.write_text("x" * 20 + "\nshort")
    assert list(text_lines(path)) == [["x" * 20], ["short"]]
