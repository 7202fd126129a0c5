"""Classification by a neuron field: word neurons aimed at class neurons.

Neurons 0 .. n_words-1 are words, the ``n_classes`` neurons behind them classes. A word is aimed at the class it is most
frequent in. Training: every word of a text, in its order, is an event of magnitude 1; feedback is ``REWARD`` where the
word is aimed at the text's class, else ``PUNISHMENT``. A word whose weight falls below the classes' threshold no longer
reaches the end of its chain and keeps the weight it has. Prediction: the words run as events, the class neurons add up
the weights and never fire; the class of largest potential wins, the first one on ties (so a text without a known word
is of class 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.neuronguard.field import NO_TARGET, NeuronField
from golden.neuronguard.trainer import train_batch

__all__ = ["MAGNITUDE", "class_field", "class_potentials", "feedback_of", "train_words"]

MAGNITUDE = 1.0
THRESHOLD = 1.0
START_WEIGHT = 1.5
REWARD = 0.05
PUNISHMENT = -0.15


def class_field(aims: ArrayLike, n_classes: int) -> NeuronField:
    """An untrained field: word i aimed at class ``aims[i]``. Raises ValueError naming an aim that is no class."""
    classes = np.asarray(aims, np.int64)
    wrong = classes[(classes < 0) | (classes >= n_classes)]
    if wrong.size:
        raise ValueError(f"class {wrong[0]} does not exist: there are {n_classes}")
    n_words = len(classes)
    field = NeuronField(n_words + n_classes)
    field.set(slice(0, n_words), threshold=THRESHOLD, target=n_words + classes, weight=START_WEIGHT)
    field.set(slice(n_words, None), threshold=THRESHOLD, target=NO_TARGET, weight=0)
    return field


def feedback_of(
    field: NeuronField, n_classes: int, words: NDArray[np.integer], labels: NDArray[np.integer]
) -> NDArray[np.float32]:
    """The feedback for each word [n] in a text of class ``labels`` [n]."""
    first = len(field) - n_classes
    aims = (field.target[:first] - np.uint32(first)).astype(np.uint32)
    return np.where(aims[words] == labels.astype(np.uint32), np.float32(REWARD), np.float32(PUNISHMENT))


def train_words(
    field: NeuronField, n_classes: int, words: NDArray[np.integer], labels: NDArray[np.integer], *, workers: int = 1
) -> None:
    """Trains with the words of all texts in their order: ``words`` [n] and the class of the text of each, [n]."""
    train_batch(field, words, MAGNITUDE, feedback_of(field, n_classes, words, labels), workers=workers)


def class_potentials(
    field: NeuronField, n_classes: int, words: NDArray[np.integer], texts: NDArray[np.integer], n_texts: int
) -> NDArray[np.float32]:
    """Potentials of the class neurons, [n_texts, n_classes], after the words of each text ran, in their order.

    ``words`` [n] are word neurons, ``texts`` [n] the number of the text each is in. ``field`` is one of
    ``class_field``, trained or not: quiet, and one event makes a word fire.
    """
    first = len(field) - n_classes
    places = field.target[:first].astype(np.int64) - first
    signals = np.ascontiguousarray(field.weight[:first])
    potentials = np.zeros(n_texts * n_classes, np.float32)
    # at() adds in the order of its indices, so each sum is that of the events one after the other.
    np.add.at(potentials, texts * n_classes + places[words], signals[words])
    return potentials.reshape(n_texts, n_classes)
