"""NeuronGuard as a text classifier: the most frequent words, each aimed at one class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ganglion.text.datasets import checked_labels
from ganglion.text.model_file import Model, ModelFileError, model_bytes
from ganglion.text.vocabulary import frequent_words, word_hashes
from ganglion.text.words import LETTERS, Words, WordTable, split_texts
from golden.neuronguard import MAGNITUDE, RECORD, NeuronField, class_field, class_potentials, train_words

__all__ = ["NeuronGuardClassifier"]

N_WORDS = 1000
MAX_WORDS = 1 << 20
Progress = Callable[[str], None]


class NeuronGuardClassifier:
    """A vocabulary and its field: neuron i is word i, the neurons behind them are the classes.

    ``classes`` are the names of the classes, ``words`` those of the vocabulary.
    """

    method: ClassVar[str] = "neuronguard"

    def __init__(self, classes: Sequence[str], words: Sequence[str], field: NeuronField) -> None:
        n_words, n_classes = len(words), len(classes)
        if n_classes < 2 or len(field) != n_words + n_classes:
            raise ValueError(f"{n_words} words and {n_classes} classes do not make {len(field)} neurons")
        aims = field.target[:n_words]
        wrong = aims[(aims < n_words) | (aims >= len(field))]
        if wrong.size:
            raise ValueError(f"a word is aimed at neuron {wrong[0]}, which is no class")
        if field.potential.any() or not (field.threshold[:n_words] <= MAGNITUDE).all():
            raise ValueError("a neuron is not at rest, or a word does not fire at once")
        self.classes, self.words, self.field = tuple(classes), tuple(words), field
        self._lock = Lock()

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        labels: NDArray[np.integer],
        classes: Sequence[str],
        *,
        progress: Progress | None = None,
        n_words: int = N_WORDS,
        stop_words: Collection[str] = (),
        workers: int = 1,
    ) -> Self:
        """Chooses the ``n_words`` most frequent words and trains one pass over texts [n] with ``labels`` [n].

        Raises ValueError when no text holds a word.
        """
        if not 1 <= n_words <= MAX_WORDS:
            raise ValueError(f"a vocabulary has 1 to {MAX_WORDS:,} words, not {n_words}")
        numbers = checked_labels(labels, len(texts), len(classes))
        say = progress if progress is not None else _silent
        say(f"building the vocabulary from {len(texts):,} training texts")
        blocks = split_texts(texts)
        words = frequent_words(blocks, n_words, stop_words)
        if not words:
            raise ValueError("no training text holds a word of three letters or more")
        say(f"training {len(words) + len(classes):,} neurons")
        ids, of_texts = known_words(WordTable(word_hashes(words)), blocks)
        del blocks  # the largest part of what is held; training has its own needs
        of_words = numbers.astype(np.int32)[of_texts]
        n_classes = len(classes)
        counts = np.bincount(ids * np.int64(n_classes) + of_words, minlength=len(words) * n_classes)
        field = class_field(counts.reshape(len(words), n_classes).argmax(1), n_classes)
        train_words(field, n_classes, ids, of_words, workers=workers)
        return cls(classes, words, field)

    def update(self, texts: Sequence[str], labels: NDArray[np.integer], *, workers: int = 1) -> None:
        """Trains on with further texts, as if they had followed the ones before; the vocabulary stays.

        ``workers`` threads train; their number does not show in the result. Calls from several threads wait for each
        other. Raises ValueError or TypeError, and then nothing has changed.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        numbers = checked_labels(labels, len(texts), len(self.classes))
        ids, of_texts = known_words(self.table, split_texts(texts))
        with self._lock:
            # A copy: the field may lie in a mapped file, and whoever predicts meanwhile sees all these texts or none.
            field = self.field.copy()
            train_words(field, len(self.classes), ids, numbers[of_texts], workers=workers)
            self.field = field

    def learning_arrays(self) -> dict[str, NDArray[Any]]:
        """Nothing: all that updates go on from is in the field."""
        return {}

    def resume(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes what ``learning_arrays`` gave. Raises ValueError for anything else."""
        if arrays:
            raise ValueError(f"a {self.method} model has no learning state, not {', '.join(arrays)}")

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Potentials of the class neurons, [n, n_classes]; all 0 for a text without a known word."""
        ids, of_texts = known_words(self.table, split_texts(texts))
        return class_potentials(self.field, len(self.classes), ids, of_texts, len(texts))

    def predict(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The class of each text, [n]: the largest potential, the first on ties (so 0 without a known word)."""
        return self.scores(texts).argmax(1)

    def explain(self, text: str) -> list[tuple[str, list[float]]]:
        """The known words and what each adds to the classes' potentials."""
        ids, _of_texts = known_words(self.table, split_texts([text]))
        found = []
        for word in ids.tolist():
            weights = [0.0] * len(self.classes)
            weights[int(self.field.target[word]) - len(self.words)] = float(self.field.weight[word])
            found.append((self.words[word], weights))
        return found

    @cached_property
    def table(self) -> WordTable:
        """Finds the numbers of the vocabulary's words."""
        return WordTable(word_hashes(self.words))

    @property
    def n_neurons(self) -> int:
        """Words and classes."""
        return len(self.field)

    def facts(self) -> dict[str, Any]:
        """What there is to say about the model, for tables and JSON."""
        return {"neurons": self.n_neurons, "field_bytes": self.field.nbytes, "words": len(self.words)}

    def to_bytes(self) -> bytes:
        """The model's file: everything that classifying needs."""
        arrays = {
            "field": self.field.records,
            "words": np.frombuffer("\n".join(self.words).encode("utf-8"), np.uint8),
        }
        return model_bytes(self.method, {"classes": self.classes, "tokeniser": LETTERS.settings}, arrays)

    @classmethod
    def of_model(cls, model: Model) -> Self:
        """The classifier in a model's file; its field stays where it is mapped. Raises ModelFileError."""
        try:
            if model.settings["tokeniser"] != LETTERS.settings:
                raise ValueError(f"the tokeniser {model.settings['tokeniser']} is not {LETTERS.settings}")
            records = model.arrays["field"]
            if records.dtype != RECORD:
                raise ValueError(f"neurons of type {records.dtype}")
            words = model.arrays["words"].tobytes().decode("utf-8").split("\n")
            return cls([str(name) for name in model.settings["classes"]], words, NeuronField.over(records))
        except (KeyError, TypeError, ValueError) as problem:
            raise ModelFileError(f"a {cls.method} model that makes no sense: {problem}") from problem


def _silent(_text: str) -> None:
    pass


def known_words(table: WordTable, blocks: Sequence[Words]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The vocabulary's words among those of some texts, in order: their numbers, and the texts they are in."""
    ids, of_texts, n_before = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
    for block in blocks:
        numbers = table.numbers(block.hashes)
        known = np.flatnonzero(numbers != WordTable.MISSING)
        texts = np.repeat(np.arange(n_before, n_before + block.n_texts, dtype=np.int32), block.counts)
        ids.append(numbers[known])
        of_texts.append(texts[known])
        n_before += block.n_texts
    return np.concatenate(ids), np.concatenate(of_texts)
