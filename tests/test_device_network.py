"""The spiking side of a device: both backends alike, and what a user may get wrong."""

from typing import Any

import numpy as np
import pytest

from ganglion import Device
from ganglion.network import Network
from golden.spec import Config, preset
from golden.spec.neural import MEMBRANE
from golden.spec.neural_commands import NeuralOpcode, NeuronField

CONFIG = preset("tiny-snn")


def made(backend: str = "golden", **options: Any) -> tuple[Device, np.ndarray]:
    device = Device(8, config=CONFIG, backend=backend, **options)
    vectors = np.random.default_rng(5).normal(size=(70, 8))
    keys = np.arange(70) * 3 + 1
    device.add(keys, vectors)
    return device, vectors


def story(backend: str) -> list[np.ndarray]:
    """Everything a network does, as numbers."""
    device, vectors = made(backend)
    net, keys = device.network, device.keys
    told: list[np.ndarray] = []
    net.gain, net.dt = 0.75, 1.0
    net.inject(keys[:20], 1.5)
    for learn in (False, True, False, True):
        done = net.tick(3, learn=learn)
        told += [done.cycles, done.n_spikes, *done.keys]
        net.inject(keys[::7], np.linspace(0, 2, len(keys[::7])))
    told += [net.read(field, keys) for field in ("membrane", "threshold", "rate", "elapsed", "trace")]
    told += [device.get_weights(keys), np.array(net.activity()), net.resonance(keys[:5])]
    saved = net.state()
    told += list(saved.values())
    told.append(net.compete(soft=True))
    told.append(net.compete())
    net.restore(saved)
    again = net.state()
    assert all(np.array_equal(saved[name], again[name]) for name in saved)
    matches = [net.drive(vectors[3], 4), net.search(vectors[9], 5, core=1), net.search(vectors[10], 16, iterations=3)]
    told.append(net.encode(keys[:30]))
    matches.append(net.spike_search(net.encode_query(vectors[4]), 6))
    for found in matches:
        told += [found.keys, found.distances, found.counts, found.cycles]
    net.reset(everything=True)
    told.append(net.read("threshold", keys))
    device.close()
    return told


def test_both_backends_tell_the_same_story() -> None:
    golden, sim = story("golden"), story("sim")
    assert len(golden) == len(sim) > 40
    for ours, theirs in zip(golden, sim, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def searches_and_ticks(backend: str) -> list[np.ndarray]:
    """On a sequential array, whose program has to be back from one command when the next one comes."""
    device = Device(8, config=preset("up5k-snn", cores=1), backend=backend)
    rng = np.random.default_rng(8)
    device.add(np.arange(20), rng.normal(size=(20, 8)))
    net, queries = device.network, rng.normal(size=(6, 8))
    net.gain = 0.5
    told: list[np.ndarray] = []
    for found in (device.search(queries, 5), device.search(queries, 3, mode="beam"), net.search(queries[0], 4)):
        told += [found.keys, found.distances, found.cycles]
    net.inject(device.keys[:7], 1.5)
    for learn in (False, True):
        done = net.tick(6, learn=learn)
        told += [done.cycles, *done.keys]
    told += list(net.state().values())
    device.close()
    return told


def test_a_sequential_array_takes_the_same_cycles_on_both_backends() -> None:
    for ours, theirs in zip(searches_and_ticks("golden"), searches_and_ticks("sim"), strict=True):
        assert np.array_equal(ours, theirs)


def both_ways(backend: str) -> list[np.ndarray]:
    """The last neurons of a full core fire, and spikes of theirs come from outside before they do."""
    device = Device(8, config=CONFIG, backend=backend)
    device.add(np.arange(128), np.random.default_rng(6).normal(size=(128, 8)))
    net, told = device.network, []
    net.gain = 0.25
    for firing, outside in ((30, 1 << 30), (31, 1 << 31), (30, 3 << 30), (31, 1 << 30)):
        net.reset(everything=True)
        at = NeuralOpcode.WRITE_NEURON
        net._run(at, core=0, index=firing, value=NeuronField.MEMBRANE, data=2 << MEMBRANE.fraction_bits)
        net._run(at, core=0, value=NeuronField.EXTERNAL, data=outside)
        done = net.tick()
        told += [done.cycles, *done.keys, *net.state().values()]
    device.close()
    return told


def test_a_spike_from_outside_and_one_s_own_are_delivered_once() -> None:
    for ours, theirs in zip(both_ways("golden"), both_ways("sim"), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_neuron_leaks_fires_and_tells_its_neighbours() -> None:
    device, _vectors = made()
    net, key = device.network, device.keys[:1]
    assert net.read("elapsed", key)[0] == np.inf
    net.inject(key, 0.5)
    net.tick(2)
    assert net.read("membrane", key)[0] == pytest.approx(0.5 * 0.95**2, abs=2**-18)
    net.gain = 0.25
    net.inject(key, 1.0)
    done = net.tick()
    assert [keys.tolist() for keys in done.keys] == [key.tolist()]
    assert done.n_spikes.tolist() == [1]
    assert net.read("membrane", key)[0] == 0
    told = net.read("membrane", device.keys) == 0.25
    assert 1 <= told.sum() <= 6
    assert net.read("elapsed", key)[0] == 0
    assert net.activity() == pytest.approx(0.001, rel=0.01)


def test_the_driven_neurons_are_those_found() -> None:
    device, vectors = made()
    net = device.network
    found = net.drive(vectors[11], 3, gain=2.0)
    membranes = net.read("membrane", found.keys[0])
    expected = 2.0 / (1.0 + found.distances[0])
    assert membranes == pytest.approx(expected, abs=2**-14)
    nearest = device.search(vectors[11], 3)
    assert found.keys.tolist() == nearest.keys.tolist()
    assert found.distances == pytest.approx(nearest.distances, rel=0.01)
    assert np.count_nonzero(net.read("membrane", device.keys)) == 3
    assert net.gain == 0


def test_the_neuromorphic_search_finds_what_is_stored() -> None:
    device, vectors = made()
    net, hits = device.network, 0
    for row, key in enumerate(device.keys[:40]):
        core = int(device._find([key])[0][0])
        hits += net.search(vectors[row], 1, core=core).keys[0, 0] == key
        net.reset()
    assert hits == 40


@pytest.mark.parametrize("backend", ["golden", "sim"])
def test_a_new_vector_ends_the_sequence_of_searches(backend: str) -> None:
    device, vectors = made(backend)
    net, keys = device.network, device.keys
    for core in range(device.config.cores):
        for _glimpse in range(2):
            net.search(vectors[5], core=core)
    net.write("membrane", keys, 0.5)
    before = net.state()
    assert before["glimpses"].tolist() == [2] * device.config.cores and before["trace"].any()
    device.add(None, np.zeros((0, 8)))
    assert np.array_equal(net.state()["trace"], before["trace"]), "nothing was stored"
    device.add([1000], vectors[:1] / 2)
    after = net.state()
    assert not after["glimpses"].any() and not after["trace"].any()
    # The rest of the neurons' state goes on.
    rest = set(before) - {"glimpses", "trace"}
    assert len(rest) == len(before) - 2 and all(np.array_equal(before[name], after[name]) for name in rest)
    device.close()


def test_an_empty_device_answers() -> None:
    net = Device(4, config=CONFIG).network
    assert net.tick(2).n_spikes.tolist() == [0, 0]
    assert net.search(np.zeros(4), 3).counts.tolist() == [0]
    assert net.spike_search(7, 3).counts.tolist() == [0]
    assert len(net.compete()) == len(net.spikes()) == 0
    assert net.activity() == 0
    assert len(net.tick(0).cycles) == 0


@pytest.mark.parametrize("config", ["tiny", Config(cores=4, slices=2, lanes=4, contexts=2)])
def test_arrays_without_a_neuron_for_each_vector_are_refused(config: Any) -> None:
    with pytest.raises(ValueError, match=r"spiking units|a context for each of the 4 cores"):
        Network(Device(4, config=config))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: setattr(net, "dt", -1), ValueError, "dt must be 0 to 1000 ms, not -1"),
        (lambda net: setattr(net, "dt", 1e9), ValueError, "dt must be 0 to 1000 ms, not 1000000000.0"),
        (lambda net: setattr(net, "dt", float("nan")), ValueError, "dt must be finite, not nan"),
        (lambda net: setattr(net, "dt", "1"), TypeError, "dt must be a number, not '1'"),
        (lambda net: setattr(net, "gain", 16.0), ValueError, "gain must be -16 to 15.9999, not 16.0"),
        (lambda net: net.inject([1], 40.0), ValueError, "currents must be -32 to 32, not 40.0"),
        (lambda net: net.inject([1], [1.0, 2.0]), ValueError, "currents must be one number or 1"),
        (lambda net: net.inject([2], 1.0), ValueError, "unknown key 2"),
        (lambda net: net.tick(-1), ValueError, "n must be"),
        (lambda net: net.tick(True), TypeError, "n must be an integer"),
        (lambda net: net.read("colour", [1]), ValueError, "unknown field 'colour'"),
        (lambda net: net.write("rate", [1], 0), ValueError, "'rate' is set by restore"),
        (lambda net: net.search(np.zeros(8), 0), ValueError, "k must be"),
        (lambda net: net.search(np.zeros(8), 17), ValueError, "k must be"),
        (lambda net: net.search(np.zeros(8), iterations=256), ValueError, "iterations must be"),
        (lambda net: net.search(np.zeros(8), core=4), ValueError, "core must be"),
        (lambda net: net.search(np.zeros((2, 8))), ValueError, "query must be one vector"),
        (lambda net: net.spike_search(-1), ValueError, "pattern must be"),
        (lambda net: net.restore({}), ValueError, "branch_0 of a saved network must have shape"),
    ],
)
def test_bad_arguments_change_nothing(call: Any, error: type[Exception], message: str) -> None:
    net = made()[0].network
    before = net.state()
    with pytest.raises(error, match=message):
        call(net)
    after = net.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert (net.dt, net.gain) == (1.0, 0.0)
