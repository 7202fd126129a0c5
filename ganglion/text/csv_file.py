"""Labelled texts from CSV files: gzip or plain, with a header or without, in blocks of rows.

Fields are separated by commas and may be quoted with ``"`` (doubled inside). Text is UTF-8. Every error names file and
line.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain, islice
from pathlib import Path

__all__ = ["MAX_FIELD_CHARACTERS", "Columns", "CsvError", "Rows", "read_rows", "row_blocks", "text_lines"]

MAX_FIELD_CHARACTERS = 1 << 24
BLOCK_BYTES = 1 << 22
BLOCK_ROWS = 1 << 13
MAX_LINE_BYTES = 1 << 26
NEWLINE = b"\n"
GZIP_MAGIC = b"\x1f\x8b"

LABEL_NAMES = ("label", "class index", "class", "category")
TEXT_NAMES = (("title", "description"), ("title", "content"), ("title", "text"), ("text",), ("description",))


class CsvError(ValueError):
    """A file that is no such table; the message names file, line and what is wrong."""


@dataclass(frozen=True)
class Columns:
    """Names of the column of the label and of those of the text.

    None: found by itself. In a file without a header (its first field is an integer) the label comes first and the text
    is everything behind it.
    """

    label: str | None = None
    text: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of a file: ``labels`` and ``texts`` (its text columns joined by a space), both [n].

    ``header``: the column names, None when the file has none. ``n_before``: rows of the file before these ones.
    """

    name: str
    header: tuple[str, ...] | None
    labels: list[str]
    texts: list[str]
    n_before: int = 0

    def place(self, row: int) -> str:
        """File and line of a row, for messages. Reads the file again, if it is one."""
        return _place(self.name, self.n_before + row + (self.header is not None))


def read_rows(source: Path | BufferedIOBase, columns: Columns | None = None) -> Rows:
    """All rows of a file or of a binary stream. Raises CsvError, or OSError."""
    blocks = list(row_blocks(source, columns))
    labels = list(chain.from_iterable(block.labels for block in blocks))
    texts = list(chain.from_iterable(block.texts for block in blocks))
    return Rows(blocks[0].name, blocks[0].header, labels, texts)


def row_blocks(
    source: Path | BufferedIOBase, columns: Columns | None = None, *, n_rows: int = BLOCK_ROWS, labelled: bool = True
) -> Iterator[Rows]:
    """The rows of a file or of a binary stream, at most ``n_rows`` at a time: one row at least, else CsvError.

    They are handed on as they come, except those of a labelled file. Without ``labelled`` a column of labels need not
    be there; ``labels`` is empty where it is not.
    """
    limit = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        with _opened(source) as (name, file):
            yield from _blocks(name, file, Columns() if columns is None else columns, n_rows, labelled)
    finally:
        csv.field_size_limit(limit)


def text_lines(source: Path | BufferedIOBase) -> Iterator[list[str]]:
    """The lines of a file or of a binary stream without their ends, each a text, some at a time. Raises CsvError."""
    with _opened(source) as (name, file):
        n_before = 0
        for text in filter(None, _whole_lines(name, file)):
            lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
            if max(map(len, lines)) > MAX_FIELD_CHARACTERS:
                number = next(number for number, line in enumerate(lines, 1) if len(line) > MAX_FIELD_CHARACTERS)
                raise CsvError(f"{name}, line {n_before + number}: longer than {MAX_FIELD_CHARACTERS:,} characters")
            n_before += len(lines)
            yield lines


@contextmanager
def _opened(source: Path | BufferedIOBase) -> Iterator[tuple[str, BufferedIOBase]]:
    """The name of a source and the file; a stream stays open afterwards."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield str(source), file
    else:
        name = getattr(source, "name", None)
        yield name if isinstance(name, str) and name != "<stdin>" else "standard input", source


def _blocks(name: str, file: BufferedIOBase, columns: Columns, n_rows: int, labelled: bool) -> Iterator[Rows]:
    # What has labels is wanted as a whole and comes from files: larger blocks are faster then.
    lines = None if labelled and Path(name).is_file() else _Lines(name, file)
    records = _records(name, _lines(name, file) if lines is None else lines)
    first = next(records, None)
    if first is None:
        raise CsvError(f"{name} is empty")
    header, label, text = _layout(name, first, columns, labelled)
    if header is None:
        records = chain([first], records)
    n_before = 0
    while block := _next_rows(records, lines, n_rows):
        if set(map(len, block)) != {len(first)}:
            row = next(number for number, record in enumerate(block) if len(record) != len(first))
            place = _place(name, n_before + row + (header is not None))
            raise CsvError(f"{place}: {len(block[row])} columns, {len(first)} before")
        sides = list(zip(*block, strict=True))
        texts = (
            list(sides[text[0]]) if len(text) == 1 else list(map(" ".join, zip(*(sides[i] for i in text), strict=True)))
        )
        yield Rows(name, header, [] if label is None else list(map(sys.intern, sides[label])), texts, n_before)
        n_before += len(block)
    if not n_before:
        raise CsvError(f"{name} has a header and no rows")


def _layout(
    name: str, first: Sequence[str], columns: Columns, labelled: bool
) -> tuple[tuple[str, ...] | None, int | None, tuple[int, ...]]:
    """Header, place of the label and places of the texts, from a file's first row."""
    header = tuple(field.strip() for field in first)
    if columns.label is None and columns.text is None and header[0].isdecimal():
        if len(first) < 2:
            raise CsvError(f"{name}, line 1: a class and no text")
        return None, 0, tuple(range(1, len(first)))
    folded = [field.casefold() for field in header]
    shown = ", ".join(header)[:200]

    def place(wanted: str) -> int:
        if (times := folded.count(wanted.casefold())) != 1:
            raise CsvError(f"{name}, line 1: {'more than one' if times else 'no'} column {wanted!r} among {shown}")
        return folded.index(wanted.casefold())

    known = [candidate for candidate in LABEL_NAMES if candidate in folded]
    label: int | None = None
    if columns.label is not None:
        label = place(columns.label)
    elif known:
        label = place(known[0])
    elif labelled:
        raise CsvError(f"{name}, line 1: no column {' or '.join(map(repr, LABEL_NAMES))} among {shown}")
    if columns.text is not None:
        places = tuple(place(wanted) for wanted in columns.text)
        for number, wanted in enumerate(columns.text):
            if places[number] in places[:number]:
                raise CsvError(f"{name}, line 1: the text column {wanted!r} is named twice")
            if labelled and places[number] == label:
                raise CsvError(f"{name}, line 1: the column {wanted!r} is the label, and cannot be text as well")
        return header, label, places
    for candidate in TEXT_NAMES:
        if all(wanted in folded for wanted in candidate):
            return header, label, tuple(place(wanted) for wanted in candidate)
    raise CsvError(f"{name}, line 1: no column for the text ({_names()}) among {shown}")


def _names() -> str:
    return "; ".join(" and ".join(candidate) for candidate in TEXT_NAMES)


def _place(name: str, number: int) -> str:
    """File and line of its record ``number`` (from 0, header included)."""
    if Path(name).is_file():
        with Path(name).open("rb") as file:
            reader = csv.reader(_lines(name, file), strict=True)
            next(islice(filter(None, reader), number, None), None)
            return f"{name}, line {reader.line_num}"
    return f"{name}, record {number + 1}"


def _next_rows(records: Iterator[list[str]], lines: _Lines | None, n_rows: int) -> list[list[str]]:
    """Up to ``n_rows`` records; of ``lines`` fewer where the next one would have to be read or waited for."""
    if lines is None:
        return list(islice(records, n_rows))
    block = list(islice(records, 1))
    while block and len(block) < n_rows and lines.n_ready > 0:
        block += islice(records, 1)
    return block


def _records(name: str, lines: Iterator[str]) -> Iterator[list[str]]:
    """The records of a file, blank lines left out."""
    reader = csv.reader(lines, strict=True)
    try:
        yield from filter(None, reader)
    except csv.Error as problem:
        raise CsvError(f"{name}, line {reader.line_num}: {problem}") from problem


def _lines(name: str, file: BufferedIOBase) -> Iterator[str]:
    """The lines of a file with their ends, as the csv module wants them."""
    for text in _whole_lines(name, file):
        yield from io.StringIO(text, newline="")


class _Lines(Iterator[str]):
    """The same, one by one. ``n_ready``: lines that are there already, up to the last one not blank."""

    def __init__(self, name: str, file: BufferedIOBase) -> None:
        self.n_ready = 0
        self._parts = _whole_lines(name, file)
        self._part: list[str] = []

    def __next__(self) -> str:
        while not self._part:
            self._part = io.StringIO(next(self._parts), newline="").readlines()[::-1]
            blank = next((number for number, line in enumerate(self._part) if line.strip()), len(self._part))
            self.n_ready = len(self._part) - blank
        self.n_ready -= 1
        return self._part.pop()


def _whole_lines(name: str, file: BufferedIOBase) -> Iterator[str]:
    """The text of a file or stream in parts that end with a line, as soon as they are there."""
    n_lines, pieces, n_waiting = 0, [], 0
    blocks = _blocks_of_bytes(file)
    while True:
        try:
            block = next(blocks, b"")
        except (gzip.BadGzipFile, zlib.error, EOFError) as problem:
            raise CsvError(f"{name}, line {n_lines + 1}: broken gzip: {problem}") from problem
        if not block:
            break
        end = block.rfind(NEWLINE) + 1
        pieces.append(block[:end] if end else block)
        if end:
            content = b"".join(pieces)
            yield _decoded(name, content, n_lines)
            n_lines += content.count(NEWLINE)
            pieces, n_waiting = [block[end:]], 0
        n_waiting += len(block) - end
        if n_waiting > MAX_LINE_BYTES:
            raise CsvError(f"{name}, line {n_lines + 1}: longer than {MAX_LINE_BYTES:,} bytes")
    yield _decoded(name, b"".join(pieces), n_lines)


def _decoded(name: str, content: bytes, n_before: int) -> str:
    if not n_before:
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = n_before + content.count(NEWLINE, 0, problem.start) + 1
        raise CsvError(f"{name}, line {line}: byte {content[problem.start]:#04x} is not UTF-8") from problem


def _blocks_of_bytes(file: BufferedIOBase) -> Iterator[bytes]:
    """The content of a file or stream, unpacked when it is gzip, as it comes. Raises what the gzip module does."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)
    opened: BufferedIOBase = buffered
    if buffered.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)] == GZIP_MAGIC:
        opened = gzip.GzipFile(fileobj=buffered, mode="rb")
    while block := opened.read1(BLOCK_BYTES):
        yield block
