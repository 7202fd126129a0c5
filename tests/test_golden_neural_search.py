"""The fixed-point neuromorphic search against the float32 pipeline, and its arithmetic against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from golden.fixed.array import ArrayModel
from golden.fixed.fabric_state import FabricSettings
from golden.fixed.graph_store import links, n_links
from golden.fixed.neural_search import join_sequence, late_activity, scores
from golden.float32.neuromorphic import NeuromorphicSearch
from golden.float32.state import SpikingState
from golden.spec import Config, Metric, encode
from golden.spec.neural import GAIN, RESET_TIME_STEP
from golden.spec.neural_commands import NeuralOpcode

RECORD_ONE = 1 << 15
SETTINGS = FabricSettings(gain_raw=int(GAIN.to_raw(0.5)))
SCORE_ERROR = 2.0**-10
"""Largest difference of two scores; three glimpses of a trace in steps of 2**-11 make the most of it."""


class Both:
    """The same stored vectors, sequence of glimpses and neurons in float32 and in fixed point."""

    def __init__(self, rng: np.random.Generator, metric: Metric, width: int, *, clustered: bool) -> None:
        self.array = ArrayModel(Config(cores=1, contexts=1, element_width=width))
        self.array.init(16, metric)
        self.top = (1 << width - 1) - 1
        rows = rng.integers(-self.top, self.top + 1, (32, 16))
        if clustered:
            centres = rng.integers(-self.top // 2, self.top // 2, (4, 16))
            spread = rng.normal(0, self.top / 12, (32, 16))
            rows = np.clip(centres[rng.integers(0, 4, 32)] + spread, -self.top, self.top).astype(int)
        self.array.insert_batch(np.zeros(32, int), rows)
        self.rows = rows
        words = self.array.words[0]
        self.lists = [row[:n] for row, n in zip(links(words).tolist(), n_links(words).tolist(), strict=True)]
        self.real = NeuromorphicSearch(SpikingState())

    def search(self, query: np.ndarray, iterations: int) -> tuple[list[int], list[int], float]:
        """The 16 best of both (float32 first), and the largest difference of their scores."""
        self.array.query[:] = query
        word = encode(NeuralOpcode.NEURO_SEARCH, index=iterations, value=16)
        self.array.execute(word, settings=SETTINGS)
        vectors = self.rows.astype(float)
        is_l2 = self.array.metric is Metric.L2
        distance = ((vectors - query) ** 2).sum(axis=1) if is_l2 else -(vectors @ query)
        record = self.real.run(distance.astype(np.float32), self.lists, np.float32(1), iterations)
        order = np.lexsort((np.arange(32), record))[:16]
        error = max(abs(key / RECORD_ONE - float(record[i])) for key, _, i in self.array.results)
        return order.tolist(), [i for _, _, i in self.array.results], error


@pytest.mark.parametrize("metric", [Metric.L2, Metric.DOT])
@pytest.mark.parametrize(("width", "iterations"), [(8, 1), (8, 5), (8, 20), (16, 20)])
def test_results_are_those_of_float32(metric: Metric, width: int, iterations: int) -> None:
    """100 searches in 20 sequences: the best five are always the same, all 16 mostly in the same order."""
    n_same = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        both = Both(rng, metric, width, clustered=bool(seed % 2))
        base = both.rows[rng.integers(0, 32)]
        for _ in range(5):
            query = np.clip(base + rng.normal(0, both.top / 12, 16), -both.top, both.top).astype(int)
            expected, found, error = both.search(query, iterations)
            assert set(found[:5]) == set(expected[:5])
            assert error <= SCORE_ERROR
            n_same += found == expected
        fabric = both.array.fabric
        assert fabric is not None
        assert fabric.of(0).glimpses == both.real.state.n_glimpses
        trace = fabric.of(0).state.trace / 2048
        assert np.abs(trace - both.real.state.trace).max() <= 2.0**-9
        assert fabric.phase == both.real.state.phase
    assert n_same >= 85


def test_rates_of_recall_are_kept() -> None:
    """Five of five nearly always, under every metric, after 20 iterations on clusters."""
    for metric in Metric:
        found = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            both = Both(rng, metric, 8, clustered=True)
            query = both.rows[3]
            both.array.query[:] = query
            both.array.execute(encode(NeuralOpcode.NEURO_SEARCH, index=20, value=5), settings=SETTINGS)
            exact = both.array.search_batch(query[None], 5).indices[0].tolist()
            found += len({i for _, _, i in both.array.results} & set(exact))
        assert found >= 0.97 * 5 * 20


def test_late_activity_by_fractions() -> None:
    rng = np.random.default_rng(0)
    v, history = rng.integers(-(1 << 25), 1 << 25, 500), rng.integers(0, 3, 500)
    for t in range(1, 12):
        exact = [
            floor((min(Fraction(int(x)), Fraction(2 << 20)) + (h > 0) * (1 << 20)) / 8**t) if t < 8 else 0
            for x, h in zip(v.tolist(), history.tolist(), strict=True)
        ]
        assert late_activity(t, v, history).tolist() == exact


def nearest(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def test_scores_by_fractions() -> None:
    rng = np.random.default_rng(1)
    first, late = rng.integers(0, 1 << 22, 300), rng.integers(0, 1 << 21, 300)
    for volley in range(33):
        exact = [int(f) + nearest(Fraction(int(x) * volley, 32)) for f, x in zip(first, late, strict=True)]
        assert scores(first, late, volley).tolist() == exact


@pytest.mark.parametrize("seed", range(20))
def test_sequences_by_fractions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([1, 2, 5, 31, 32]))
    score = rng.integers(0, 1 << 23, n)
    trace = np.clip(score // 1024 + rng.integers(-300, 300, n), 0, 65535) if seed % 3 else rng.integers(0, 65536, n)
    resonance, volley = rng.integers(0, 819_201, n), int(rng.integers(0, n + 1))
    for glimpses in range(4):
        made = join_sequence(score, trace, glimpses, volley, resonance)
        mean_s, mean_t = Fraction(int(score.sum()), 32), Fraction(int(trace.sum()), 1)
        above_s = [nearest(Fraction(int(s) * n, 32)) > floor(mean_s) for s in score]
        above_t = [int(t) * n > mean_t for t in trace]
        n_agree = sum(a == b for a, b in zip(above_s, above_t, strict=True))
        continues = glimpses > 0 and 16 * n_agree + 4 * volley >= (11 + glimpses) * n
        assert made.glimpses == (min(glimpses + 1, 3) if continues else 1)
        for i in range(n):
            s, t = Fraction(int(score[i]), 1 << 20), Fraction(int(trace[i]), 1 << 11)
            final = s + (t * Fraction(2) ** (glimpses - 3) if continues else 0)
            final = Fraction(floor(final * (1 << 20)) + (int(resonance[i]) >> 16), 1 << 20)
            assert made.keys[i] == -floor(final * RECORD_ONE)
            kept = (s + (t if continues else 0)) * Fraction(7, 8)
            assert made.trace[i] == min(65535, nearest(kept * 2048))


def test_an_empty_core_and_iterations_without_end() -> None:
    """Nothing stored: no results, but the oscillator moves on. 255 iterations: membranes and scores stay in range."""
    array = ArrayModel(Config(cores=2, contexts=2))
    done = array.execute(encode(NeuralOpcode.NEURO_SEARCH, index=7, value=16), settings=SETTINGS)
    assert done.answer == 0 and array.results == []
    assert array.fabric is not None and array.fabric.phase == 7 * RESET_TIME_STEP.phase_step
    assert [phase for _, phase in done.phases] == [n * RESET_TIME_STEP.phase_step for n in range(1, 8)]
    rng = np.random.default_rng(3)
    array.insert_batch(np.ones(32, int), rng.integers(-128, 128, (32, 16)))
    for gain_raw in (GAIN.max_raw, GAIN.min_raw):
        word = encode(NeuralOpcode.NEURO_SEARCH, core=1, index=255, value=16)
        assert array.execute(word, settings=FabricSettings(gain_raw=gain_raw)).answer == 16
        assert array.results == sorted(array.results)
        s = array.fabric.of(1).state
        assert s.membrane.min() >= 0 and s.trace.max() <= 65535
