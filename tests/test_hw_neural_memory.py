"""The memories around the spiking units, spike queue and neuron store, against their golden twins."""

import numpy as np
import pytest
from hw_units import TINY, bursts, chance, random_bits

import hw.neuron_store
import hw.spike_queue
from ganglion.engine import check_twin
from golden.fixed.neural_queue import SpikeQueue
from golden.fixed.neural_store import NeuronStore
from golden.spec.neural import SLOTTED, STORE_COLUMNS


def test_spike_queue() -> None:
    rng, shape = np.random.default_rng(3), (2550, 400)
    add = np.where(chance(rng, shape, 0.05) == 1, random_bits(rng, shape, 32), 0).astype(np.uint64)
    single = np.where(chance(rng, shape, 0.3) == 1, np.uint64(1) << random_bits(rng, shape, 5), 0).astype(np.uint64)
    stimulus = {
        "add": add | single & bursts(rng, shape) * np.uint64(0xFFFF_FFFF),
        "weight_write": bursts(rng, shape),
        "weight_index": random_bits(rng, shape, 5),
        "weight": random_bits(rng, shape, 8),
        "go": bursts(rng, shape),
        "blocked": bursts(rng, shape),
        "word": random_bits(rng, shape, 36),
        "take": bursts(rng, shape),
    }
    outputs = check_twin(hw.spike_queue.SpikeQueue(), SpikeQueue(TINY, shape[0]), stimulus)
    assert len(np.unique(outputs["entry_index"])) == 32
    both = outputs["fetch"][:, 1:] & outputs["fetch"][:, :-1]
    assert both.any(), "a spike a cycle"
    assert outputs["empty"].any()


@pytest.mark.parametrize("n_contexts", [1, 3])
def test_neuron_store(n_contexts: int) -> None:
    rng, shape = np.random.default_rng(4), (1300, 400)
    # Few neurons, so that what is written is read soon, and often in the same cycle.
    places = np.array([0, 1, 31, 32 * n_contexts - 1])
    stimulus = {}
    for field in STORE_COLUMNS:
        stimulus[f"{field.name}_read_addr"] = rng.choice(places, shape).astype(np.uint64)
        stimulus[f"{field.name}_write_addr"] = rng.choice(places, shape).astype(np.uint64)
        stimulus[f"{field.name}_write"] = random_bits(rng, shape, 6 if field.name in SLOTTED else 1)
        stimulus[f"{field.name}_value"] = random_bits(rng, shape, field.width)
    twin = NeuronStore(TINY, shape[0], n_contexts=n_contexts)
    outputs = check_twin(hw.neuron_store.NeuronStore(n_contexts), twin, stimulus)
    assert len(np.unique(outputs["membrane_data"])) > 1000
