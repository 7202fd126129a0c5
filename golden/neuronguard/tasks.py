"""Two small tasks on the event engine: the rhythm tracker and the mixture-of-experts router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.neuronguard.classifier import MAGNITUDE, START_WEIGHT, THRESHOLD, class_field, class_potentials, feedback_of
from golden.neuronguard.engine import EventEngine
from golden.neuronguard.field import NO_TARGET, NeuronField

__all__ = ["EXPERTS", "ROUTER_WORDS", "Rhythm", "Router", "route", "train_rhythm", "train_router"]

RHYTHM_REWARD = 0.05
RHYTHM_PUNISHMENT = -0.20
RHYTHM_EPOCHS = 50

ROUTER_EPOCHS = 20
ROUTER_SENTENCES = 50
"""Sentences an epoch."""

EXPERTS = ("technical", "greeting", "financial", "medical", "legal")
_WORDS = """
code compiler bug memory pointer thread kernel server network database
software driver register cache processor binary parser firmware algorithm debug

hello welcome friend hey morning evening pleasure meet smile happy
cheers thanks goodbye greetings dear buddy howdy congratulations please sorry

buy stock market price invoice budget money trade investment bank
cash profit loss revenue share dividend bond asset debt loan

patient doctor medicine health hospital nurse clinic disease cure drug
pain surgery therapy virus vaccine blood heart diagnosis fever cough

court judge lawyer contract statute verdict plaintiff trial jury appeal
lawsuit testimony defence witness patent trademark copyright clause attorney guilty
"""
ROUTER_WORDS = tuple(tuple(paragraph.split()) for paragraph in _WORDS.split("\n\n"))
"""The router's vocabulary: 20 words for each of ``EXPERTS``."""


@dataclass(frozen=True)
class Rhythm:
    """The trained tracker: ``field`` (good input 0, bad input 1, output 2), the weights after each epoch, [n, 2].

    ``epoch`` is the first one after which the good weight was >= 1 and the bad one < 1; None when there was none.
    """

    field: NeuronField
    weights: NDArray[np.float32]
    epoch: int | None


def train_rhythm(epochs: int = RHYTHM_EPOCHS) -> Rhythm:
    """Alternates the good input (rewarded) and the bad one (punished) until only the good one still reaches the output.

    Stops when it has converged, or after ``epochs``. Raises ValueError unless ``epochs`` >= 1.
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, not {epochs}")
    field = NeuronField(3)
    field.set([0, 1], threshold=THRESHOLD, target=2, weight=START_WEIGHT)
    engine = EventEngine(field)
    weights: list[NDArray[np.float32]] = []
    converged = False
    while not converged and len(weights) < epochs:
        engine.train(0, MAGNITUDE, RHYTHM_REWARD)
        engine.train(1, MAGNITUDE, RHYTHM_PUNISHMENT)
        weights.append(field.weight[:2].copy())
        converged = bool(field.weight[0] >= 1 and field.weight[1] < 1)
    return Rhythm(field, np.array(weights), len(weights) if converged else None)


@dataclass(frozen=True)
class Router:
    """The router: ``field`` of 100 words and 5 experts, and its mean word weight after each epoch, [epochs]."""

    field: NeuronField
    mean_weights: NDArray[np.float64]


def train_router(epochs: int = ROUTER_EPOCHS, seed: int = 0) -> Router:
    """Trains the router, event by event, with 50 random sentences an epoch: 3 to 5 words of one expert.

    Raises ValueError when ``epochs`` or ``seed`` is negative.
    """
    if epochs < 0 or seed < 0:
        raise ValueError(f"epochs and seed must not be negative, not {epochs} and {seed}")
    n_words = len(ROUTER_WORDS[0])
    field = class_field(np.repeat(np.arange(len(EXPERTS)), n_words), len(EXPERTS))
    engine = EventEngine(field)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(epochs):
        for expert in rng.integers(len(EXPERTS), size=ROUTER_SENTENCES):
            words = expert * n_words + rng.integers(n_words, size=rng.integers(3, 6))
            feedback = feedback_of(field, len(EXPERTS), words, np.full(len(words), expert))
            for word, value in zip(words.tolist(), feedback.tolist(), strict=True):
                engine.train(word, MAGNITUDE, value)
        means.append(float(field.weight[field.target != NO_TARGET].mean(dtype=np.float64)))
    return Router(field, np.array(means))


def route(field: NeuronField, words: Sequence[str]) -> NDArray[np.float32]:
    """Potentials of the experts, [5], for a sentence; words that the router does not know do nothing."""
    known = {word: number for number, word in enumerate(word for group in ROUTER_WORDS for word in group)}
    ids = np.array([known[word] for word in words if word in known], np.int64)
    return class_potentials(field, len(EXPERTS), ids, np.zeros(len(ids), np.int64), 1)[0]
