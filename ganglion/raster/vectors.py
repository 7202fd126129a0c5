"""The vectors of a described network: from a file, at random, or from the digits that come with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganglion.digits import load_digits
from ganglion.raster.values import Fields
from golden.quantise import as_rows
from golden.spec.constants import MAX_DIMS

__all__ = ["Vectors", "read_vectors"]

SOURCES = ("digits", "random", "file")
SEED_LIMIT = (1 << 63) - 1
LARGEST = 1e15
"""Largest magnitude of vectors, queries, noise and units of distance: squares stay far inside float32."""
CLUSTER_SPREAD = 0.15
"""Standard deviation inside a cluster; the centres are within -1..1."""


@dataclass(frozen=True)
class Vectors:
    """``rows`` float64 [n, dims]; ``labels`` a text a row, or none; ``digits`` the rows of all digits, or none."""

    rows: NDArray[np.float64]
    labels: tuple[str, ...]
    digits: NDArray[np.float64] | None = None

    @property
    def dims(self) -> int:
        """Elements of a vector."""
        return self.rows.shape[1]


def read_vectors(fields: Fields, folder: Path, capacity: int) -> Vectors:
    """The vectors that the table ``vectors`` describes: 1 to ``capacity`` of them.

    Relative names of files begin at ``folder``. Raises DescriptionError, or OSError for a file that cannot be read.
    """
    source = fields.choice("source", SOURCES)
    made = {"digits": _digits, "random": _random}[source](fields, capacity) if source != "file" else None
    if made is None:
        made = _from_file(fields, folder, capacity)
    fields.done()
    return made


def _digits(fields: Fields, capacity: int) -> Vectors:
    wanted = fields.indices("labels", 10, "all")
    if not wanted:
        raise fields.refuse("labels", "is empty")
    digits = load_digits()
    count = fields.integer("count", 1, capacity, capacity)
    # The first ones of each label, as many of each as can be: neurons of one label stand together.
    shares = [count // len(wanted) + (i < count % len(wanted)) for i in range(len(wanted))]
    rows = [np.flatnonzero(digits.labels == label)[:n] for label, n in zip(wanted, shares, strict=True)]
    chosen = np.concatenate(rows)
    if len(chosen) < count:
        raise fields.refuse("count", f"is {count}, the digits {list(wanted)} are only {len(chosen)}")
    return Vectors(digits.vectors[chosen], tuple(str(label) for label in digits.labels[chosen]), digits.vectors)


def _random(fields: Fields, capacity: int) -> Vectors:
    count = fields.integer("count", 1, capacity, capacity)
    dims = fields.integer("dims", 1, MAX_DIMS, MAX_DIMS)
    clusters = fields.integer("clusters", 0, count, 0)
    rng = np.random.default_rng(fields.integer("seed", 0, SEED_LIMIT, 0))
    if not clusters:
        return Vectors(rng.normal(size=(count, dims)), ())
    centres = rng.uniform(-1, 1, (clusters, dims))
    members = np.sort(np.arange(count) % clusters)
    rows = centres[members] + CLUSTER_SPREAD * rng.normal(size=(count, dims))
    return Vectors(rows, tuple(f"cluster {i}" for i in members))


def _from_file(fields: Fields, folder: Path, capacity: int) -> Vectors:
    name = fields.text("file")
    if "\0" in name:
        raise fields.refuse("file", f"is no name of a file: {name!r}")
    path = folder / name
    what = f"{fields.name('file')} {path}"
    try:
        numbers = _read_npy(what, path) if path.suffix == ".npy" else _read_csv(what, path)
        rows = as_rows(what, numbers)
    except (TypeError, ValueError) as problem:
        raise fields.refuse("file", str(problem).removeprefix(f"{fields.name('file')} ")) from problem
    except OSError as problem:
        raise fields.refuse("file", f"{path}: {problem.strerror}") from problem
    if np.abs(rows).max(initial=0.0) > LARGEST:
        raise fields.refuse("file", f"{path} holds {np.abs(rows).max():g}; {LARGEST:g} is the most")
    if not 1 <= len(rows) <= capacity:
        raise fields.refuse("file", f"{path} holds {len(rows)} vectors; 1 to {capacity} fit (contexts times 32)")
    return Vectors(rows, ())


def _read_npy(what: str, path: Path) -> NDArray[np.float64]:
    try:
        array = np.load(path, allow_pickle=False)
    except (EOFError, ValueError) as problem:
        raise ValueError(f"{what} is no .npy file of numbers: {problem}") from problem
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{what} is an archive of arrays; a .npy file is needed")
    return array


def _read_csv(what: str, path: Path) -> NDArray[np.float64]:
    """Numbers separated by commas, a vector a line; empty lines and lines that begin with # say nothing."""
    rows: list[list[float]] = []
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError as problem:
        raise ValueError(f"{what} is no text: {problem.reason} at byte {problem.start}") from problem
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        row = []
        for cell in line.split(","):
            try:
                row.append(float(cell))
            except ValueError:
                raise ValueError(f"{what}, line {number}: {cell.strip()!r} is no number") from None
        if rows and len(row) != len(rows[0]):
            raise ValueError(f"{what}, line {number} has {len(row)} numbers, those before it {len(rows[0])}")
        rows.append(row)
    if not rows:
        raise ValueError(f"{what} holds no numbers")
    return np.array(rows)
