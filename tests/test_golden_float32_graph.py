"""The graph: reachability after every insertion, the shape of the lists, and what the beam makes of it."""

from collections import deque

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.float32 import Core, Graph
from golden.spec.commands import Metric


def reachable(links, start=0):
    """Nodes found from ``start`` by following the lists."""
    seen, queue = {start}, deque([start])
    while queue:
        for j in links[queue.popleft()]:
            if j not in seen:
                seen.add(j)
                queue.append(j)
    return seen


def check_invariants(graph):
    n = len(graph)
    assert reachable(graph.links) == set(range(n))
    pinned = [links[:p] for links, p in zip(graph.links, graph.n_pinned, strict=True)]
    assert reachable(pinned) == set(range(n))
    assert sum(graph.n_pinned) == 2 * (n - 1)  # with reachability: a tree
    for i, links in enumerate(graph.links):
        assert len(links) <= 6
        assert len(set(links)) == len(links)
        assert i not in links
        assert 0 <= graph.n_pinned[i] <= len(links)
        assert all(i in pinned[j] for j in pinned[i])


@settings(max_examples=300, deadline=None)
@given(
    metric=st.sampled_from(list(Metric)),
    dims=st.integers(1, 16),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["gaussian", "small integers", "duplicates", "all equal", "zeros", "line", "clusters"]),
)
def test_everything_is_reachable_after_every_insertion(metric, dims, seed, kind):
    rng = np.random.default_rng(seed)
    vectors = {
        "gaussian": lambda: rng.normal(size=(32, dims)),
        "small integers": lambda: rng.integers(-1, 2, (32, dims)),
        "duplicates": lambda: rng.normal(size=(4, dims))[rng.integers(0, 4, 32)],
        "all equal": lambda: np.ones((32, dims)),
        "zeros": lambda: np.zeros((32, dims)),
        "line": lambda: np.linspace(0, 1, 32)[rng.permutation(32), None] * np.ones(dims),
        "clusters": lambda: (
            (rng.normal(size=(3, dims)) * 50)[np.sort(rng.integers(0, 3, 32))] + rng.normal(size=(32, dims))
        ),
    }[kind]()
    core = Core(dims, metric)
    for i, vector in enumerate(vectors):
        assert core.insert(vector) == i
        check_invariants(core.graph)


def test_reachable_for_thousands_of_arbitrary_rankings():
    # A ranking that no metric would give is the harder case: the proof does not lean on distances.
    rng = np.random.default_rng(1)
    for order in range(2000):
        graph = Graph()
        for n in range(32):
            graph.insert(rng.permutation(n).tolist())
            if order < 200 or n == 31:
                check_invariants(graph)


def test_hubs_fill_up_and_the_parent_moves_on():
    # Every new node prefers the lowest index: nodes fill in turn, ten of them at most.
    graph = Graph()
    for n in range(32):
        graph.insert(list(range(n)))
        check_invariants(graph)
    full = [i for i in range(32) if graph.n_pinned[i] == 6]
    assert full == list(range(6))
    assert graph.links[0][:6] == [1, 2, 3, 4, 5, 6]
    assert graph.links[7][0] == 1


def test_insertion_step_by_step():
    graph = Graph()
    assert graph.insert([]) == 0
    assert graph.links == [[]]
    graph.insert([0])
    assert graph.links == [[1], [0]]
    graph.insert([1, 0])  # parent 1; 0 gets a back link that is not pinned
    assert graph.links == [[1, 2], [0, 2], [1, 0]]
    assert graph.n_pinned == [1, 2, 1]
    graph.insert([0, 1, 2])  # parent 0: 3 takes slot 1, the 2 that stood there moves to the end
    assert graph.links == [[1, 3, 2], [0, 2, 3], [1, 0, 3], [0, 1, 2]]
    assert graph.n_pinned == [2, 2, 1, 1]
    for _ in range(3):
        graph.insert([0, 1, 2, 3, 4, 5][: len(graph)])
    # node 0 took 4, 5 and 6 as children: pinned 1, 3, 4, 5, 6, and the 2 moved behind each of them
    assert graph.links[0] == [1, 3, 4, 5, 6, 2]
    assert graph.links[6] == [0, 1, 2, 3, 4, 5]
    assert graph.links[1] == [0, 2, 3, 4, 5, 6]
    assert graph.n_pinned[:2] == [5, 2]
    graph.insert([0, 1, 2, 3, 4, 5, 6])
    assert graph.links[0] == [1, 3, 4, 5, 6, 7]  # full: the 2 is dropped for the child
    assert graph.links[1] == [0, 2, 4, 5, 6, 7]  # full: the oldest link that is not pinned, 3, goes
    graph.insert([0, 1, 2, 3, 4, 5, 6, 7])
    assert graph.links[0] == [1, 3, 4, 5, 6, 7]  # all pinned: nothing changes, the parent is node 1
    assert graph.links[8] == [1, 0, 2, 3, 4, 5]
    assert graph.links[1] == [0, 2, 8, 5, 6, 7]


def naive_beam(core, k, mask):
    """Beam search from the description, written another way: distances one by one, counted."""
    distance = {}

    def visit(i):
        distance[i] = float(core.distances()[i])

    visit(0)
    beam = [0]
    for _ in range(max(min(k, 16, core.count), 3)):
        fresh = []
        for i in beam:
            for j in core.neighbours(i):
                if j not in distance:
                    visit(j)
                    fresh.append((distance[j], j))
        if not fresh:
            break
        beam = [j for _, j in sorted(fresh)[:3]]
    ranked = [i for _, i in sorted((d, i) for i, d in distance.items()) if core.type_matches(i, mask)]
    return ranked[: min(k, 16, core.count)], len(distance)


@pytest.mark.parametrize("metric", Metric)
def test_beam_search_follows_its_description(metric):
    rng = np.random.default_rng(metric)
    core = Core(6, metric)
    for n in range(1, 33):
        core.insert(rng.integers(-2, 3, 6))
        core.set_node_type(n - 1, n % 16)
        core.set_query(rng.integers(-2, 3, 6))
        for k in (0, 1, 2, 5, 10, 16, 255):
            for mask in (0xFFFF, 0x5555):
                found = core.search(k, mask)
                expected, n_distances = naive_beam(core, k, mask)
                assert found["index"].tolist() == expected
                assert found["distance"].tolist() == core.distances()[expected].tolist()
                assert core.statistics.n_distances == n_distances
                assert core.statistics.n_rounds <= max(min(k, n, 16), 3)


def recall_at_10(metric, cores, queries):
    """Mean share of the exact ten that the beam finds, in cores filled with the given vectors."""
    hits = total = 0
    for vectors in cores:
        core = Core(16, metric)
        for vector in vectors:
            core.insert(vector)
        for query in queries:
            core.set_query(query)
            hits += len(set(core.search(10)["index"].tolist()) & set(core.search_exact(10)["index"].tolist()))
            total += 10
    return hits / total


@pytest.mark.parametrize("metric", Metric)
def test_beam_recall_on_full_gaussian_cores(metric):
    rng = np.random.default_rng(11)
    assert recall_at_10(metric, rng.normal(size=(60, 32, 16)), rng.normal(size=(30, 16))) >= 0.985


@pytest.mark.parametrize("metric", Metric)
def test_beam_recall_on_digits(metric):
    digits = datasets.digits()
    cores = digits.base[: 46 * 32].reshape(46, 32, 16)
    assert recall_at_10(metric, cores, digits.queries[::2]) >= 0.99
