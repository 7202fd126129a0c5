"""Programs written for the interface that the module stands in for run unchanged: here, and in JavaScript in node.

Each is here in Python, against module and float32 model at once, and in wasm_seed.mjs; both must see the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wasm_programs import Pair

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from golden.float32.module import Module
from golden.float32.results import RESULT_DTYPE

JAVASCRIPT = Path(__file__).with_name("wasm_seed.mjs")
MODULES = {name: FOLDER / variant.file for name, variant in VARIANTS.items()}


class Wasm:
    """The exports as JavaScript sees them: wasm.search(5). Every answer has been compared with the model's."""

    def __init__(self, module: bytes) -> None:
        self.pair = Pair(Instance(module), Module())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.pair.run((name, arguments))

    def insert_vector(self, vector: Any, node_type: int = 0) -> int:
        self.pair.run(("write_insert", (padded(vector),)))
        index: int = self.insert()
        self.set_node_type(index, node_type)
        return index

    def set_query(self, vector: Any) -> None:
        self.pair.run(("write_query", (padded(vector),)))

    def results(self, n: int, of_all: bool = False) -> list[list[Any]]:
        self.pair.compare_lists()
        records = self.pair.instance.global_results if of_all else self.pair.instance.results
        return [[r["index"], r["core"], r["distance"]] for r in records[:n]]


def padded(vector: Any) -> np.ndarray:
    return np.pad(np.asarray(vector, np.float32), (0, 16 - len(vector)))


def world_vector(i: int) -> np.ndarray:
    return np.array([((i * 7 + d * 3) % 11 - 5) / 4 + (1 if i < 10 else -1) for d in range(8)])


def world(module: bytes) -> Wasm:
    wasm = Wasm(module)
    wasm.init(8, 0, 0)
    for i in range(20):
        wasm.insert_vector(world_vector(i), i % 4)
    wasm.set_query(world_vector(3) + 0.125)
    return wasm


def quick_start(module: bytes) -> Any:
    wasm = Wasm(module)
    wasm.init(8, 1, 0)
    index = wasm.insert_vector([1, 0, 0, 0, 0, 0, 0, 0], 3)
    wasm.set_query([0.95, 0.05, 0, 0, 0, 0, 0, 0])
    n = wasm.search(5)
    return [index, n, [record for record in wasm.results(n) if wasm.type_matches(int(record[0]), 0b1000)]]


def spiking(module: bytes) -> Any:
    wasm = world(module)
    wasm.snn_reset()
    wasm.snn_inject(0, 1.5)
    wasm.snn_inject(1, 0.8)
    first = wasm.snn_step(1.0)
    wasm.snn_propagate(0.5)
    wasm.snn_stdp()
    second = wasm.snn_tick(1.0, 0.5, 1)
    bits = wasm.snn_get_spikes()
    before = wasm.snn_get_membrane(0)
    wasm.snn_set_membrane(0, 0.5)
    fired = [i for i in range(32) if bits >> i & 1]
    return [first, second, fired, wasm.snn_spiked(0), before, wasm.snn_get_membrane(0), wasm.snn_get_time()]


def similarity_to_spikes(module: bytes) -> Any:
    wasm = world(module)
    found = wasm.hnsw_to_snn(5, 2.0)
    wasm.snn_tick(1.0, 0.5, 1)
    return [found, wasm.snn_get_spikes()]


def spike_timing(module: bytes) -> Any:
    wasm = world(module)
    a, b = wasm.encode_vector_to_spikes(0), wasm.encode_vector_to_spikes(1)
    n = wasm.spike_search(0b10101010101010101010101010101010, 5)
    return [a, b, wasm.spike_timing_similarity(a, b), wasm.results(n)]


def homeostasis(module: bytes) -> Any:
    wasm = world(module)
    for i in range(1000):
        if i % 9 == 0:
            wasm.snn_inject(0, 2.0)
        wasm.snn_step(1.0)
        wasm.homeostatic_update(1.0)
    return [wasm.get_spike_rate(0), wasm.get_spike_rate(1), wasm.get_network_activity()]


def resonance(module: bytes) -> Any:
    wasm = world(module)
    for _ in range(7):
        wasm.oscillator_step(1.0)
    n = wasm.resonance_search(5, 0.5)
    return [wasm.oscillator_get_phase(), wasm.compute_resonance(0), wasm.results(n)]


def winner_take_all(module: bytes) -> Any:
    wasm = world(module)
    wasm.hnsw_to_snn(6, 1.0)
    wasm.wta_reset()
    winner = wasm.wta_compete()
    wasm.wta_soft()
    return [winner, wasm.snn_get_membrane(winner), wasm.snn_get_membrane(0)]


def dendrites(module: bytes) -> Any:
    wasm = world(module)
    wasm.dendrite_reset()
    wasm.dendrite_inject(0, 0, 1.5)
    wasm.dendrite_inject(0, 1, 1.2)
    total = wasm.dendrite_integrate(0)
    wasm.snn_step(1.0)
    wasm.dendrite_propagate(0.5)
    return [total, wasm.snn_get_spikes(), wasm.dendrite_integrate(1)]


def patterns(module: bytes) -> Any:
    wasm = world(module)
    for t in range(32):
        if t % 4 == 0:
            wasm.snn_inject(0, 1.5)
        if t % 8 == 0:
            wasm.snn_inject(2, 1.5)
        wasm.snn_step(1.0)
        wasm.pattern_record()
    pattern = wasm.get_pattern(0)
    return [pattern, wasm.pattern_match(pattern), wasm.pattern_correlate(0, 8)]


def neuromorphic(module: bytes) -> Any:
    wasm = world(module)
    n = wasm.neuromorphic_search(5, 1.0, 20)
    return [n, wasm.results(n), wasm.get_network_activity()]


def graph_network(module: bytes) -> Any:
    wasm = world(module)
    wasm.set_edge_weight(0, 255)
    wasm.set_edge_weight(1, 128)
    for _ in range(3):
        for i in range(wasm.count()):
            wasm.aggregate_neighbors(i)
            wasm.update_vector(i, 0.1)
    delta = wasm.pair.instance.delta_buffer.tolist()
    return [delta, wasm.get_edge_weight(1), wasm.results(wasm.search(5))]


def many_cores(module: bytes) -> Any:
    cores = [ring_core(module, i) for i in range(16)]
    for wasm in cores:
        wasm.set_query(world_vector(42))
    counts = [wasm.search(3) for wasm in cores]
    cores[0].clear_global()
    for wasm, n in zip(cores, counts, strict=True):
        records = np.zeros(20, RESULT_DTYPE)
        records[:16] = wasm.pair.instance.results
        cores[0].merge_foreign(records, n)
    return [counts, cores[0].results(16, of_all=True)]


def foreign_pointers(module: bytes) -> Any:
    cores = [ring_core(module, i) for i in range(4)]
    for wasm in cores:
        wasm.set_query(world_vector(2))
    counts = [wasm.search(3) for wasm in cores]
    cores[0].clear_global()
    for n in counts:  # the pointers of all cores are the same: it is the first one's results, again and again
        cores[0].merge_results(n)
    return cores[0].results(16, of_all=True)


def ring_core(module: bytes, core_id: int) -> Wasm:
    wasm = Wasm(module)
    wasm.init(8, 1, core_id)
    for j in range(5):
        wasm.insert_vector(world_vector(core_id * 5 + j))
    return wasm


def anomalies(module: bytes) -> Any:
    wasm = world(module)
    spikes = []
    for event in range(6):
        wasm.set_query(world_vector(3) if event < 4 else world_vector(100 + event) * 9)
        wasm.hnsw_to_snn(5, 2.0)
        spikes.append(wasm.snn_tick(1.0, 0.5, 1))
    return spikes


def trading(module: bytes) -> Any:
    wasm = Wasm(module)
    wasm.init(8, 0, 0)
    for i in range(4):
        wasm.insert_vector(world_vector(i * 3), i)
    wasm.set_query(world_vector(6))
    wasm.hnsw_to_snn(5, 2.0)
    wasm.snn_tick(0.1, -0.5, 0)
    return wasm.snn_get_spikes()


def sensor_fusion(module: bytes) -> Any:
    wasm = world(module)
    wasm.snn_reset()
    for i in range(8):
        wasm.snn_inject(i, world_vector(1)[i] * 2.0)
        wasm.snn_inject(8 + i, world_vector(2)[i] * 1.5)
        wasm.snn_inject(16 + i, world_vector(3)[i])
    for _ in range(5):
        wasm.snn_tick(1.0, 0.4, 0)
    return wasm.snn_get_spikes()


def attention(module: bytes) -> Any:
    wasm = world(module)
    wasm.snn_reset()
    wasm.hnsw_to_snn(wasm.count(), 3.0)
    spikes = []
    for _ in range(10):
        wasm.snn_tick(1.0, -0.3, 0)
        spikes.append(wasm.snn_get_spikes())
    return spikes


def sequences(module: bytes) -> Any:
    wasm = world(module)
    wasm.snn_reset()
    for pattern in [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]]:
        for neuron in pattern:
            wasm.snn_inject(neuron, 2.0)
        wasm.snn_tick(10.0, 0.5, 1)
    return [wasm.get_edge_weight(i) for i in range(20)]


def big_k(module: bytes) -> Any:
    wasm = world(module)
    return wasm.results(wasm.search(20))


PROGRAMS = {
    "quickStart": quick_start,
    "spiking": spiking,
    "similarityToSpikes": similarity_to_spikes,
    "spikeTiming": spike_timing,
    "homeostasis": homeostasis,
    "resonance": resonance,
    "winnerTakeAll": winner_take_all,
    "dendrites": dendrites,
    "patterns": patterns,
    "neuromorphic": neuromorphic,
    "graphNetwork": graph_network,
    "manyCores": many_cores,
    "foreignPointers": foreign_pointers,
    "anomalies": anomalies,
    "trading": trading,
    "sensorFusion": sensor_fusion,
    "attention": attention,
    "sequences": sequences,
    "bigK": big_k,
}


def as_json(value: Any) -> Any:
    """What JSON makes of it: infinity is null."""
    if isinstance(value, list):
        return [as_json(v) for v in value]
    return float(value) if np.isfinite(value) else None


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_sees_what_the_float32_model_sees(name: str) -> None:
    assert PROGRAMS[name](MODULES["plain"].read_bytes())


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("variant", MODULES)
def test_node_sees_the_same(variant: str) -> None:
    done = subprocess.run(["node", str(JAVASCRIPT), str(MODULES[variant])], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert set(seen) == set(PROGRAMS)
    for name, program in PROGRAMS.items():
        assert seen[name] == as_json(program(MODULES[variant].read_bytes())), name


def test_the_programs_do_what_they_are_about() -> None:
    module = MODULES["plain"].read_bytes()
    assert quick_start(module)[:2] == [0, 1] and len(quick_start(module)[2]) == 1
    assert spiking(module)[2] and similarity_to_spikes(module)[1]
    assert neuromorphic(module)[1][0][0] == winner_take_all(module)[0] == 3
    assert homeostasis(module)[0] > 0.05 > homeostasis(module)[1]
    assert patterns(module)[1] == 0 and min(sequences(module)) < 255
    assert len({core for _, core, _ in many_cores(module)[1]}) > 4
