"""The text classifiers by name: to add one, write the class and enter it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ganglion.text.compact import CompactClassifier
from ganglion.text.model_file import Model, ModelFileError, read_model
from ganglion.text.neuronguard import NeuronGuardClassifier

__all__ = ["METHODS", "TextClassifier", "as_method", "fit_options", "load_model"]


class TextClassifier(Protocol):
    """What every method offers. ``method`` is its name, here and in the model file."""

    method: ClassVar[str]
    classes: tuple[str, ...]

    @classmethod
    def fit(cls, *args: Any, **options: Any) -> Self:
        """``fit(texts, labels, classes, *, progress=None, **options)``: trains on texts [n] with labels [n].

        Labels are numbers of ``classes``; ``progress`` is called with what is being done; ``options`` are the method's
        own (a data set's are in ``Dataset.options``).
        """
        ...

    def update(self, texts: Sequence[str], labels: NDArray[np.integer], *, workers: int = 1) -> None:
        """Learns further texts [n] with their labels [n]; the model's file keeps its size.

        The result depends neither on the number of ``workers`` (threads) nor on how texts are spread over calls.
        """
        ...

    def learning_arrays(self) -> dict[str, NDArray[Any]]:
        """What updates go on from beside the model itself, by name; may be nothing."""
        ...

    def resume(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes what ``learning_arrays`` of this model gave before it was saved. Raises ValueError."""
        ...

    def predict(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The class of each text, [n]."""
        ...

    def scores(self, texts: Sequence[str]) -> NDArray[Any]:
        """A number for each text and class, [n, n_classes]: the largest is predicted, the first on ties."""
        ...

    def explain(self, text: str) -> list[tuple[str, list[Any]]]:
        """What of a text counts, in its order, and what each adds to the scores of the classes: they sum up to them."""
        ...

    def facts(self) -> dict[str, Any]:
        """What there is to say about the model: JSON values by name."""
        ...

    def to_bytes(self) -> bytes:
        """The model's file."""
        ...

    @classmethod
    def of_model(cls, model: Model) -> Self:
        """The classifier in a model's file. Raises ModelFileError."""
        ...


METHODS: dict[str, type[TextClassifier]] = {
    method.method: method for method in (CompactClassifier, NeuronGuardClassifier)
}


def as_method(name: str) -> type[TextClassifier]:
    """The method of a name. Raises ValueError naming it."""
    if name not in METHODS:
        raise ValueError(f"method {name!r} is none of {', '.join(METHODS)}")
    return METHODS[name]


def fit_options(method: str, *, size: int | None, seed: int | None) -> dict[str, int]:
    """What ``fit`` is given of the two. Raises ValueError where the method does not have it."""
    given = {name: value for name, value in (("size", size), ("seed", seed)) if value is not None}
    if given and method != CompactClassifier.method:
        raise ValueError(f"--{next(iter(given))} is for the method {CompactClassifier.method}, not {method}")
    return given


def load_model(path: Path) -> TextClassifier:
    """The classifier in a file. Raises ModelFileError, or OSError where there is no readable file."""
    path = Path(path)
    model = read_model(path)
    if model.kind not in METHODS:
        raise ModelFileError(f"{path}: a model of kind {model.kind!r}, none of {', '.join(METHODS)}")
    try:
        return METHODS[model.kind].of_model(model)
    except ModelFileError as problem:
        raise ModelFileError(f"{path}: {problem}") from problem
