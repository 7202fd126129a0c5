"""Recall against brute force: what counts as found, and numbers at the ends of the range."""

import numpy as np
import pytest

from ganglion.recall import brute_force, recall, recall_of_truth


class Found:
    """As much of a search's answer as the recall looks at."""

    def __init__(self, keys):
        self.keys = np.array(keys, np.uint64)
        self.counts = np.full(len(keys), self.keys.shape[1])

    def __getitem__(self, row):
        return self.keys[row], None


def test_recall_counts_equal_distances_as_found():
    base = np.array([[0.0], [1.0], [-1.0], [5.0]])
    query = np.array([[0.0]])
    assert recall(Found([[0, 1]]), base, query, "l2", 2) == 1.0
    assert recall(Found([[0, 2]]), base, query, "l2", 2) == 1.0
    assert recall(Found([[0, 3]]), base, query, "l2", 2) == 0.5
    assert recall(Found(np.zeros((0, 2))), base, query[:0], "l2", 2) == 1.0
    assert recall_of_truth(Found([[0, 2]]), np.array([[0, 1]]), 2) == 0.5


def test_brute_force_follows_the_definitions():
    base, queries = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[1.0, 0.0]])
    assert brute_force(base, queries, "l2").tolist() == [[20.0, 1.0]]
    assert brute_force(base, queries, "dot").tolist() == [[-3.0, 0.0]]
    assert brute_force(base, queries, "cosine").tolist() == [[1 - 0.6, 1.0]]


@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e200, 1e307])
@pytest.mark.parametrize("metric", ["l2", "dot", "cosine"])
def test_recall_of_very_large_and_very_small_numbers(metric, factor):
    rng = np.random.default_rng(5)
    base, queries = rng.normal(size=(30, 4)), rng.normal(size=(6, 4))
    order = np.argsort(brute_force(base, queries, metric), axis=1)
    for keys, share in ((order[:, :3], 1.0), (order[:, -3:], 0.0), (order[:, 1:4], 2 / 3)):
        assert recall(Found(keys), base * factor, queries * factor, metric, 3) == pytest.approx(share)
