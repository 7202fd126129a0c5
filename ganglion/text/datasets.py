"""The two data sets of the classifiers, where they lie, and class numbers from their labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganglion.text.csv_file import CsvError, Rows

__all__ = ["DATASETS", "Dataset", "as_dataset", "checked_labels", "class_names", "class_numbers", "data_folder"]

PROJECT = Path(__file__).resolve().parents[2]
MAX_DIGITS = 10
STOP_WORDS = """a an and are as at be but by for from has have in is it not of on or that the this to was were will
with"""
MORE_STOP_WORDS = "about also been her his its their they which who"


@dataclass(frozen=True)
class Dataset:
    """A data set: its classes in the order of their numbers, and how each method is set for it.

    ``folders`` and ``files`` are the names under which it is looked for.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def find(self, part: str) -> Path:
        """The file of a part, ``train`` or ``test``. Raises FileNotFoundError saying where it was looked for."""
        folder = data_folder()
        if folder is None:
            raise FileNotFoundError(f"no data folder: set GANGLION_DATA, or give --{part} a file of {self.name}")
        places = [folder / name / f"{part}{ending}" for name in self.folders for ending in (".csv.gz", ".csv")]
        for place in places:
            if place.is_file():
                return place
        raise FileNotFoundError(f"no {part} file of {self.name}: none of {', '.join(map(str, places))}")


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "ag_news",
            "AG News",
            ("World", "Sports", "Business", "Sci/Tech"),
            ("ag_news", "ag_news_csv"),
            {"neuronguard": {"n_words": 1000, "stop_words": frozenset(STOP_WORDS.split())}},
        ),
        Dataset(
            "dbpedia",
            "DBpedia ontology",
            (
                "Company",
                "EducationalInstitution",
                "Artist",
                "Athlete",
                "OfficeHolder",
                "MeanOfTransportation",
                "Building",
                "NaturalPlace",
                "Village",
                "Animal",
                "Plant",
                "Album",
                "Film",
                "WrittenWork",
            ),
            ("dbpedia14", "dbpedia", "dbpedia_csv"),
            {"neuronguard": {"n_words": 2000, "stop_words": frozenset((STOP_WORDS + " " + MORE_STOP_WORDS).split())}},
        ),
    )
}


def as_dataset(name: str) -> Dataset:
    """The data set of a name. Raises ValueError naming it."""
    if name not in DATASETS:
        raise ValueError(f"data set {name!r} is none of {', '.join(DATASETS)}")
    return DATASETS[name]


def data_folder() -> Path | None:
    """$GANGLION_DATA, or ``shared/data`` beside the project, or None. A GANGLION_DATA that is no folder is an error."""
    named = os.environ.get("GANGLION_DATA")
    if named:
        if not Path(named).is_dir():
            raise FileNotFoundError(f"GANGLION_DATA is no folder: {named}")
        return Path(named)
    usual = PROJECT.parent / "shared" / "data"
    return usual if usual.is_dir() else None


def class_names(rows: Rows) -> list[str]:
    """The classes of a file of one's own: its different labels, numbers by size, others by alphabet.

    Raises CsvError when there is only one, or a row without a label.
    """
    labels = {label.strip() for label in rows.labels}
    if "" in labels:
        row = next(number for number, label in enumerate(rows.labels) if not label.strip())
        raise CsvError(f"{rows.place(row)}: no label")
    by_case: dict[str, str] = {}
    for label in sorted(labels):
        by_case.setdefault(label.casefold(), label)
    names = list(by_case.values())
    if len(names) < 2:
        raise CsvError(f"{rows.name}: all {len(rows.labels):,} rows are of class {names[0]}")
    if all(name.isdecimal() and len(name) < MAX_DIGITS for name in names):
        names.sort(key=int)
    return names


def class_numbers(rows: Rows, classes: Sequence[str]) -> NDArray[np.int64]:
    """The class of each row, [n], from 0: labels are names of ``classes`` or their numbers, from 0 or from 1.

    Names are compared without case; where every label is a name, they are names, even if they are numbers.

    Numbers count from 0 if 0 is among them, from 1 if the number of classes is. Where neither is: from 1 in a file as
    published (no header, or ``class index`` for the label), else from 0. Raises CsvError naming file, line and label.
    """
    by_name = {name.casefold(): number for number, name in enumerate(classes)}
    named = {label: by_name.get(label.strip().casefold(), -1) for label in set(rows.labels)}
    if min(named.values(), default=0) >= 0:
        return np.array([named[label] for label in rows.labels], np.int64)
    numbers: dict[str, int] = {}
    for label in set(rows.labels):
        text = label.strip()
        numbers[label] = int(text) if text.isdecimal() and len(text) < MAX_DIGITS else -1
    published = rows.header is None or "class index" in {name.casefold() for name in rows.header}
    seen = set(numbers.values())
    first = 0 if 0 in seen else 1 if len(classes) in seen or published else 0
    chosen: dict[str, int] = {}
    for label, number in numbers.items():
        place = named[label] if number < 0 else number - first
        if not 0 <= place < len(classes):
            expected = f"{first} to {first + len(classes) - 1} or {', '.join(classes)}"
            raise CsvError(f"{rows.place(rows.labels.index(label))}: label {label!r} is none of {expected}")
        chosen[label] = place
    return np.array([chosen[label] for label in rows.labels], np.int64)


def checked_labels(labels: ArrayLike, n_texts: int, n_classes: int) -> NDArray[np.int64]:
    """Numbers of classes, [n_texts]. Raises ValueError naming what is wrong, TypeError for no integers."""
    found = np.asarray(labels)
    if found.shape != (n_texts,):
        raise ValueError(f"{n_texts} texts need labels [{n_texts}], not {list(found.shape)}")
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"labels are integers, not {found.dtype}")
    wrong = found[(found < 0) | (found >= n_classes)]
    if wrong.size:
        raise ValueError(f"label {wrong[0]} is none of the classes 0 to {n_classes - 1}")
    return found.astype(np.int64)
