"""The compact text classifier: words and word pairs with a few bits each, everything in one small file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ganglion.text.compact_training import MAX_WEIGHTS, Recipe, train_table
from ganglion.text.datasets import checked_labels
from ganglion.text.features import TOKENISER, key_blocks, ordered_keys, text_keys
from ganglion.text.model_file import Model, ModelFileError, model_bytes
from golden.neuronguard import N_BANKS, UNKNOWN, CompactTable, LearningState, learn_texts

__all__ = ["MAX_SIZE", "MIN_SIZE", "CompactClassifier"]

MIN_SIZE, MAX_SIZE = 1 << 12, 1 << 18
SIZE = 1 << 15
MIN_CODES, MAX_CODES = 16, 256
BOOK_SHARE = 8
"""The code book may take one part in so many of a model."""
SEEDS = 0x9E37_79B9_7F4A_7C15
MAX_SCORES = 1 << 27
"""Texts times classes that training takes at most: 512 MB."""
N_TEXTS = 2048
"""Texts that a worker splits at a time."""
Progress = Callable[[str], None]


class CompactClassifier:
    """A table of words and pairs (``golden.neuronguard.compact``) and the names of its classes."""

    method: ClassVar[str] = "compact"

    def __init__(self, classes: Sequence[str], table: CompactTable) -> None:
        if len(classes) != table.n_classes:
            raise ValueError(f"{len(classes)} classes and weights for {table.n_classes}")
        self.classes, self.table = tuple(classes), table
        self._learning: LearningState | None = None
        self._lock = Lock()

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        labels: NDArray[np.integer],
        classes: Sequence[str],
        *,
        progress: Progress | None = None,
        size: int = SIZE,
        seed: int = 0,
        recipe: Recipe | None = None,
    ) -> Self:
        """Trains on texts [n] with ``labels`` [n]; the model's file has at most ``size`` bytes.

        The same ``seed`` gives the same model. Raises ValueError for a size out of range, or when no text holds a word.
        """
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError(f"a model has {MIN_SIZE:,} to {MAX_SIZE:,} bytes, not {size:,}")
        if not 0 <= seed < 1 << 32:
            raise ValueError(f"a seed is 0 to {(1 << 32) - 1:,}, not {seed}")
        numbers = checked_labels(labels, len(texts), len(classes))
        say = progress if progress is not None else _silent
        hash_seed = seed * SEEDS % (1 << 64)
        n_codes, n_rows = _shape(classes, size, hash_seed)
        if (n_weights := N_BANKS * n_rows * len(classes)) > MAX_WEIGHTS:
            raise ValueError(
                f"{len(classes):,} classes are too many for {size:,} bytes: "
                f"training would hold {n_weights:,} weights, more than {MAX_WEIGHTS:,}"
            )
        if len(texts) * len(classes) > MAX_SCORES:
            raise ValueError(f"{len(texts):,} texts of {len(classes):,} classes are more than fit into memory")
        say(f"splitting {len(texts):,} training texts")
        keys = text_keys(texts, hash_seed)
        if not len(keys.keys):
            raise ValueError("no training text holds a word")
        with threadpool_limits(1, "blas"):  # the order of its sums must not depend on the machine's cores
            table = train_table(
                keys,
                numbers,
                len(classes),
                n_rows,
                n_codes,
                hash_seed,
                Recipe() if recipe is None else recipe,
                np.random.default_rng(seed),
                say,
            )
        return cls(classes, table)

    def update(self, texts: Sequence[str], labels: NDArray[np.integer], *, workers: int = 1) -> None:
        """Learns texts [n] with ``labels`` [n] on-line, one after the other (``golden.neuronguard.compact_learning``).

        The file keeps its size. ``workers`` threads split and hash; their number, and how texts are spread over calls,
        do not show in the result. Calls from several threads wait for each other. Raises ValueError or TypeError.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        numbers = checked_labels(labels, len(texts), len(self.classes))
        with self._lock, ThreadPoolExecutor(workers) as pool:
            state = LearningState.of(self.table) if self._learning is None else self._learning
            starts = range(0, len(texts), N_TEXTS)
            for turn in range(0, len(starts), workers):
                parts = [texts[start : start + N_TEXTS] for start in starts[turn : turn + workers]]
                split = pool.map(ordered_keys, parts, [self.table.seed] * len(parts))
                for start, (keys, ends) in zip(starts[turn : turn + workers], split, strict=True):
                    learn_texts(state, keys, ends, numbers[start : start + N_TEXTS])
            self._learning = state
            # A copy, so that whoever predicts meanwhile sees all of these texts or none.
            self.table = CompactTable(state.table.words.copy(), self.table.codebook, self.table.seed)

    def learning_arrays(self) -> dict[str, NDArray[Any]]:
        """What updates go on from, beside the model itself; nothing before the first one."""
        if self._learning is None:
            return {}
        return {"weights": self._learning.weights, "n_taught": self._learning.n_taught}

    def resume(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes what ``learning_arrays`` of this very model gave. Raises ValueError for what is none of it."""
        if set(arrays) != {"weights", "n_taught"}:
            raise ValueError(f"learning state has weights and n_taught, not {', '.join(arrays) or 'nothing'}")
        self._learning = LearningState.of(self.table, arrays["weights"], arrays["n_taught"])

    def scores(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Potentials of the class neurons, [n, n_classes]; all 0 for a text without a known word."""
        parts = [
            self.table.potentials(self.table.slots(block.keys), block.texts, block.n_texts)
            for _words, block in key_blocks(texts, self.table.seed)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.int64)

    def predict(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The class of each text, [n]: the largest potential, the first on ties (so 0 without a known word)."""
        return self.scores(texts).argmax(1)

    def explain(self, text: str) -> list[tuple[str, list[int]]]:
        """The words, then the pairs, that count for any class, and what each adds to the potentials."""
        found = []
        for words, block in key_blocks([text], self.table.seed):
            slots = self.table.slots(block.keys).tolist()
            n_words = len(words.hashes)
            for number, slot in enumerate(slots):
                weights = self.table.codebook[self.table.codes(np.array([slot]))[0]]
                if slot != UNKNOWN and weights.any():
                    # One text: its pairs are those of each word with the next.
                    places = [number] if number < n_words else [number - n_words, number - n_words + 1]
                    found.append((" ".join(map(words.word, places)), weights.tolist()))
        return found

    def facts(self) -> dict[str, Any]:
        """What there is to say about the model, for tables and JSON."""
        table = self.table
        return {"neurons": int(np.count_nonzero(table.words)) + table.n_classes, "codes": len(table.codebook)}

    def to_bytes(self) -> bytes:
        """The model's file: everything that classifying needs."""
        return _content(self.classes, self.table)

    @classmethod
    def of_model(cls, model: Model) -> Self:
        """The classifier in a model's file; its table stays where it is mapped. Raises ModelFileError."""
        try:
            if model.settings["tokeniser"] != TOKENISER.settings:
                raise ValueError(f"the tokeniser {model.settings['tokeniser']} is not {TOKENISER.settings}")
            table = CompactTable(model.arrays["table"], model.arrays["codes"], int(model.settings["seed"]))
            return cls([str(name) for name in model.settings["classes"]], table)
        except (KeyError, TypeError, ValueError) as problem:
            raise ModelFileError(f"a {cls.method} model that makes no sense: {problem}") from problem


def _silent(_text: str) -> None:
    pass


def _content(classes: Sequence[str], table: CompactTable) -> bytes:
    settings = {"classes": list(classes), "tokeniser": TOKENISER.settings, "seed": table.seed}
    return model_bytes(CompactClassifier.method, settings, {"codes": table.codebook, "table": table.words})


def _shape(classes: Sequence[str], size: int, hash_seed: int) -> tuple[int, int]:
    """Codes and rows of the largest table whose file has at most ``size`` bytes. Raises ValueError if there is none."""
    n_codes = MAX_CODES
    while n_codes > MIN_CODES and n_codes * len(classes) > size // BOOK_SHARE:
        n_codes //= 2
    codebook = np.zeros((n_codes, len(classes)), np.int8)
    n_rows = size // (2 * N_BANKS)
    while n_rows > 0:
        excess = (
            len(_content(classes, CompactTable(np.zeros((N_BANKS, n_rows), np.uint16), codebook, hash_seed))) - size
        )
        if excess <= 0:
            return n_codes, n_rows
        n_rows -= -(-excess // (2 * N_BANKS))
    raise ValueError(f"{len(classes):,} classes do not fit into {size:,} bytes")
