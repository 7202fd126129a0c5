"""Updating a model's file: locked, whole or not at all, and what learning goes on from in a file beside it.

``model.gang.learning`` has the layout of a model's file, of kind ``learning``; its setting ``model`` is the CRC-32 of
the model that it belongs to. Without it, or with that of another model, learning starts from the model alone.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganglion.text.methods import TextClassifier, load_model
from ganglion.text.model_file import ModelFileError, model_bytes, read_model, write_model

__all__ = ["learning_path", "load_learner", "save_learner", "update_file"]

KIND = "learning"


def learning_path(path: Path) -> Path:
    """Where the learning state of a model's file lies."""
    return path.with_name(f"{path.name}.{KIND}")


def load_learner(path: Path) -> TextClassifier:
    """The classifier in a file, ready to be taught on. Raises ModelFileError or OSError."""
    model, beside = load_model(path), learning_path(path)
    try:
        learning = read_model(beside)
    except FileNotFoundError:
        return model
    if learning.kind != KIND:
        raise ModelFileError(f"{beside}: a model of kind {learning.kind!r}, where the learning state of {path} belongs")
    if learning.settings.get("model") == zlib.crc32(path.read_bytes()):
        try:
            model.resume(learning.arrays)
        except ValueError as problem:
            raise ModelFileError(f"{beside}: {problem}") from problem
    return model


def save_learner(path: Path, model: TextClassifier) -> int:
    """Writes a model's file and its learning state, each whole or not at all; the model's bytes. Raises OSError."""
    content, arrays = model.to_bytes(), model.learning_arrays()
    if arrays:
        # First: a model that an interruption leaves without it has only lost what is below a step of its codes.
        write_model(learning_path(path), model_bytes(KIND, {"model": zlib.crc32(content)}, arrays))
    write_model(path, content)
    return len(content)


def update_file(
    path: Path,
    texts: Sequence[str],
    labels: NDArray[np.integer],
    *,
    workers: int = 1,
    classes: Sequence[str] | None = None,
) -> TextClassifier:
    """Teaches the model in a file and saves it; updates of other processes wait, none is lost. Returns the model.

    ``classes``: what the labels are numbers of; ValueError when the file by now holds a model with others.
    """
    path = path.resolve()
    with _locked(path):
        model = load_learner(path)
        if classes is not None and list(classes) != list(model.classes):
            raise ValueError(f"{path} holds a model with other classes by now: {', '.join(model.classes)}")
        model.update(texts, labels, workers=workers)
        save_learner(path, model)
    return model


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps the file for this process alone. Writing replaces it, so what was locked may not be the file any more."""
    import fcntl  # POSIX alone has it; all but updates works without

    while True:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield
                return
