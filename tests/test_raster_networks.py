"""Described networks against closed forms, brute force, each other, and the hardware's units."""

from pathlib import Path

import numpy as np
import pytest

from ganglion.raster import load_description, read_description, run_network
from ganglion.raster.engines import Float32Network

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((PROJECT / "docs" / "examples").glob("*.toml"))
MODELS = ("golden", "float32")
ALONE = {"source": "random", "count": 1, "dims": 2}
TWENTY = {"source": "random", "count": 20, "dims": 4, "clusters": 4, "seed": 3}
STILL = {"step": False, "to_membrane": False}


def described(**values):
    """A description of one neuron without neighbours unless told otherwise."""
    return read_description({"ticks": 50, "vectors": ALONE} | values, "x.toml", Path())


# ---------------------------------------------------------------- what a network does


@pytest.mark.parametrize("engine", MODELS)
@pytest.mark.parametrize(("current", "dt"), [(0.06, 1.0), (0.1, 1.0), (0.3, 0.5), (1.5, 2.0), (0.04, 1.0)])
def test_one_neuron_is_a_leaky_integrator(engine, current, dt):
    d = described(ticks=200, dt=dt, input=[{"kind": "current", "current": current}])
    expected, v, refractory = [], 0.0, 0.0
    for _ in range(d.n_ticks):
        v += current
        fires = False
        if refractory > 0:
            refractory -= dt
        else:
            v *= 1 - dt / 20
            fires = v >= 1
        if fires:
            v, refractory = 0.0, 2.0
        expected.append(fires)
    found = run_network(d, engine)
    assert found.spikes[:, 0].tolist() == expected
    assert found.figures()["spikes"] == sum(expected)
    assert found.rates[0] == pytest.approx(sum(expected) / (200 * dt))


@pytest.mark.parametrize("engine", MODELS)
def test_a_silent_neuron_learns_to_fire(engine):
    d = described(ticks=100, tick={"homeostasis": True}, record={"traces": ["threshold", "rate"]})
    found = run_network(d, engine)
    # Every millisecond the threshold falls by 0.1 / 1000.
    assert np.allclose(found.traces["threshold"][:, 0], 1 - 1e-4 * np.arange(1, 101), atol=1e-6)
    assert not found.traces["rate"].any()


@pytest.mark.parametrize("engine", MODELS)
def test_a_spike_from_outside_reaches_the_neighbours(engine):
    weights = [255] * 20
    weights[3] = 102
    d = described(
        ticks=4,
        gain=0.5,
        vectors=TWENTY,
        tick={"step": False},
        neurons={"weight": weights},
        record={"traces": ["membrane"]},
        input=[{"kind": "spikes", "neurons": 3, "at": 1}],
    )
    neighbours = list(Float32Network(d).cores[0].neighbours(3))
    found = run_network(d, engine).traces["membrane"]
    expected = np.zeros(20)
    expected[neighbours] = 0.2
    assert not found[0].any()
    # Without steps the spikes stay and are delivered again by each tick.
    assert np.allclose(found[1], expected, atol=1e-5)
    assert np.allclose(found[2], 2 * expected, atol=1e-5)


@pytest.mark.parametrize("engine", MODELS)
def test_a_spike_from_outside_leaves_the_neuron_as_it_is_and_is_learned_from(engine):
    ticks = {"homeostasis": True, "learn": True}
    inputs = [
        {"kind": "current", "neurons": 3, "current": 2.0, "at": 0},
        {"kind": "spikes", "neurons": "all", "at": 10},
    ]
    record = {"traces": ["membrane", "threshold", "weight", "rate"]}
    d = described(ticks=11, vectors=TWENTY, tick=ticks, neurons={"weight": 200}, record=record, input=inputs)
    found = run_network(d, engine)
    assert found.spikes[0].sum() == 1
    assert not found.spikes[1:10].any()
    # What comes from outside shows among the spikes.
    assert found.spikes[10].all()
    # It moves no threshold and no rate, and with gain 0 no membrane.
    assert np.allclose(found.traces["threshold"][10, 0], 1 - 11e-4, atol=1e-6)
    assert not found.traces["rate"][10, [i for i in range(20) if i != 3]].any()
    assert not found.traces["membrane"][10].any()
    # Neuron 3 fired 10 ms before its neighbours, as they see it: it gains from each, they lose.
    links = Float32Network(d).cores[0].graph.links
    facing = sum(3 in each for each in links)
    assert found.traces["weight"][10, 3] == pytest.approx(200 + 2.55 * np.exp(-0.5) * facing, abs=0.01)
    losing = [200 - 3.06 * np.exp(-0.5) * (3 in each) for each in links]
    others = [i for i in range(20) if i != 3]
    assert found.traces["weight"][10, others] == pytest.approx(np.array(losing)[others], abs=0.01)


@pytest.mark.parametrize("engine", MODELS)
def test_branches_answer_as_dendrites_do(engine):
    tick = {"step": False, "dendrites": True, "clear": True}
    inputs = [{"kind": "current", "neurons": [0, 1], "branch": 0, "current": 3.0, "at": 2}]
    d = described(ticks=5, vectors=TWENTY, tick=tick, record={"traces": ["membrane"]}, input=inputs)
    found = run_network(d, engine).traces["membrane"]
    assert not found[:2].any()
    # b = 3: x = 2, 1 + 2 / (1 + 1) = 2
    assert np.allclose(found[2:, :2], 2.0, atol=1e-3)
    assert not found[:, 2:].any()


@pytest.mark.parametrize("engine", MODELS)
@pytest.mark.parametrize("metric", ["l2", "cosine", "dot"])
def test_a_search_drives_what_it_finds(engine, metric):
    d = described(
        ticks=1,
        contexts=2,
        metric=metric,
        element_width=16,
        vectors={"source": "digits", "labels": [1, 2, 3], "count": 40},
        tick=STILL,
        record={"traces": ["membrane"]},
        input=[{"kind": "search", "row": 35, "k": 4, "gain": 2.0, "unit": 0.25 if metric == "cosine" else 50.0}],
    )
    rows = d.vectors.rows
    query = rows[35]
    if metric == "l2":
        distance = ((rows - query) ** 2).sum(axis=1) / 50
    elif metric == "dot":
        distance = np.maximum(-(rows @ query), 0) / 50
    else:
        distance = (1 - rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)) / 0.25
    order = np.argsort(-(rows @ query) if metric == "dot" else distance, kind="stable")[:4]
    expected = np.zeros(40)
    expected[order] = 2 / (1 + distance[order])
    assert {int(i) // 32 for i in order} == {0, 1} or metric != "l2"
    assert np.allclose(run_network(d, engine).traces["membrane"][0], expected, atol=2e-3)


@pytest.mark.parametrize("engine", MODELS)
def test_competition_once_a_turn(engine):
    inputs = [{"kind": "current", "current": 0.02 + 0.001 * i, "neurons": i} for i in range(8)]
    tick = {"compete": "hard", "compete_every": "gamma", "to_membrane": False}
    vectors = TWENTY | {"count": 8}
    d = described(ticks=60, vectors=vectors, tick=tick, record={"traces": ["membrane"]}, input=inputs)
    found = run_network(d, engine)
    turns = np.flatnonzero(np.diff(found.turns, prepend=0) < 0)
    assert turns.tolist() == [24, 49]
    v = found.traces["membrane"]
    falls = np.flatnonzero(np.diff(v[:, 0], prepend=0) < 0)
    assert falls.tolist() == [24, 49]
    for turn in turns:
        assert np.argmax(v[turn]) == 7
        assert np.all(v[turn, :7] < 0.35 * v[turn, 7])


def test_soft_competition_every_tick_keeps_the_largest():
    inputs = [{"kind": "current", "current": 0.2 + 0.1 * i, "neurons": i, "at": 0} for i in range(8)]
    tick = {"compete": "soft", "to_membrane": False, "step": False}
    d = described(ticks=1, vectors=TWENTY | {"count": 8}, tick=tick, record={"traces": ["membrane"]}, input=inputs)
    for engine in MODELS:
        v = run_network(d, engine).traces["membrane"][0]
        start = 0.2 + 0.1 * np.arange(8)
        assert np.allclose(v, start * (start / 0.9) ** 2, atol=1e-4)


def test_poisson_spikes_are_as_many_as_said_and_the_same_again():
    def total(seed, **more):
        inputs = [{"kind": "poisson", "rate": 0.2, "current": 0.001, "seed": seed, **more}]
        d = described(ticks=3000, tick=STILL, record={"traces": ["membrane"]}, input=inputs)
        return float(run_network(d).traces["membrane"][-1, 0]) / 0.001

    assert abs(total(1) - 600) < 5 * 600**0.5
    assert total(1) == total(1)
    assert total(1) != total(2)
    assert abs(total(1, **{"from": 1000, "until": 2000}) - 200) < 5 * 200**0.5
    assert total(5, rate=0) == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_and_both_models_agree(path):
    d = load_description(path)
    found = {engine: run_network(d, engine) for engine in MODELS}
    assert found["golden"].spikes.sum() > 50
    assert (found["golden"].spikes == found["float32"].spikes).mean() > 0.97


def test_the_glimpses_are_recognised():
    """Most spikes come from neurons of the digit that is seen."""
    d = load_description(PROJECT / "docs" / "examples" / "glimpses.toml")
    spikes = run_network(d).spikes
    labels = np.array(d.vectors.labels)
    own = sum(int(spikes[each.ticks][:, labels == each.name.split()[1]].sum()) for each in d.inputs)
    assert own > 0.9 * spikes.sum()
    seen = np.concatenate([each.query[np.newaxis] for each in d.inputs])
    assert not (d.vectors.rows[:, np.newaxis] == seen).all(axis=2).any()


def test_more_neurons_than_one_context_holds():
    d = described(ticks=30, contexts=3, vectors=TWENTY | {"count": 70}, input=[{"kind": "current", "current": 0.3}])
    assert d.counts() == [32, 32, 6]
    for engine in MODELS:
        found = run_network(d, engine)
        # All neurons get the same; without weights they could not differ.
        assert found.spikes.shape == (30, 70)
        assert (found.spikes == found.spikes[:, :1]).all()
        assert found.spikes.any()


# ---------------------------------------------------------------- the hardware's units

EVERYTHING = {
    "ticks": 40,
    "contexts": 2,
    "gain": 0.4,
    "vectors": {"source": "random", "count": 40, "dims": 5, "clusters": 6, "seed": 2},
    "neurons": {"weight": [6 * i for i in range(40)]},
    "tick": {
        **{"dendrites": True, "clear": True, "homeostasis": True, "record": True, "to_branch": True, "learn": True},
        **{"compete": "soft", "compete_every": "gamma"},
    },
    "input": [
        {"kind": "poisson", "rate": 0.3, "current": 0.5},
        {"kind": "poisson", "rate": 0.2, "current": 0.8, "branch": 2, "neurons": [1, 2, 33]},
        {"kind": "search", "row": 7, "noise": 0.2, "k": 9, "gain": 1.5, "every": 3},
        {"kind": "spikes", "neurons": [0, 5, 39], "at": [4, 9, 30]},
        {"kind": "current", "neurons": 4, "current": -3.0, "at": [5, 25]},
    ],
}
VARIANTS = {
    "everything": {},
    "hard": {"tick": EVERYTHING["tick"] | {"compete": "hard", "compete_every": "tick"}, "gain": -0.7},
    "no steps": {"tick": {"step": False, "homeostasis": True, "record": True, "learn": True}},
    "dot": {"metric": "dot", "dt": 0.7, "tick": EVERYTHING["tick"] | {"compete_every": "tick"}},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_hardware_does_what_the_golden_network_does(name):
    d = described(**EVERYTHING | VARIANTS[name])
    found, golden = run_network(d, "sim"), run_network(d)
    assert found.mismatches == 0, found.first_mismatch
    # Eight fields with six branches, the weights, three numbers and the cycles of each of the two contexts.
    assert found.compared == 40 * 2 * (32 * 14 + 3 + 1)
    assert (found.spikes == golden.spikes).all()
    assert found.spikes.sum() > 100
    for trace, values in golden.traces.items():
        assert (found.traces[trace] == values).all()
    assert found.cycles == golden.cycles >= 40 * 2 * 38
