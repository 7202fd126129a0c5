"""Random programs for the WASM module, and both sides run side by side: the module and its float32 model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ganglion.wasm.instance import Instance
from ganglion.wasm.layout import SNAPSHOT_DTYPE
from golden.float32.module import Module
from golden.float32.results import RESULT_DTYPE
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_NEIGHBOURS, VECTORS_PER_CORE

Rng = np.random.Generator
FLOATS = [0, -0.0, 1, -1, 0.1, 0.5, 2.5, 20, 21, 1e-45, 1e-30, 1e9, 3e38, -3e38, np.inf, -np.inf, np.nan]


def any_float(rng: Rng) -> float:
    return float(np.float32(rng.choice(FLOATS) if rng.random() < 0.3 else rng.normal(0.3, 1)))


def any_index(rng: Rng) -> int:
    return int(rng.choice([31, 32, 200, 255, 256, -1])) if rng.random() < 0.1 else int(rng.integers(0, 32))


def any_byte(rng: Rng) -> int:
    return int(rng.choice([0, 1, 2, 5, 16, 17, 255, 256, -1]))


def any_word(rng: Rng) -> int:
    return int(rng.integers(0, 1 << 32))


def a_dt(rng: Rng) -> float:
    return any_float(rng) if rng.random() < 0.2 else float(rng.choice([0.5, 1.0, 1.0, 3.0]))


def a_weight(rng: Rng) -> int:
    return int(rng.integers(0, 300))


def few_iterations(rng: Rng) -> int:
    return int(rng.choice([0, 1, 2, 5, 20], p=[0.1, 0.2, 0.3, 0.3, 0.1]))


Draw = Callable[[Rng], Any]
ARGUMENTS: dict[str, tuple[Draw, ...]] = {
    "insert": (),
    "count": (),
    "get_core_id": (),
    "get_metric": (),
    "get_dims": (),
    "get_capacity": (),
    "search": (any_byte,),
    "search_exact": (any_byte,),
    "type_filter_search": (any_byte, any_word),
    "clear_global": (),
    "set_node_type": (any_index, a_weight),
    "get_node_type": (any_index,),
    "type_matches": (any_index, any_word),
    "set_edge_weight": (any_index, a_weight),
    "get_edge_weight": (any_index,),
    "aggregate_neighbors": (any_index,),
    "update_vector": (any_index, lambda rng: any_float(rng) if rng.random() < 0.2 else 0.1),
    "snn_reset": (),
    "snn_set_membrane": (any_index, any_float),
    "snn_get_membrane": (any_index,),
    "snn_set_threshold": (any_index, any_float),
    "snn_inject": (any_index, any_float),
    "snn_spiked": (any_index,),
    "snn_get_spikes": (),
    "snn_get_time": (),
    "snn_step": (a_dt,),
    "snn_propagate": (any_float,),
    "snn_stdp": (),
    "snn_tick": (a_dt, any_float, lambda rng: int(rng.choice([0, 1, 2, 256]))),
    "hnsw_to_snn": (any_byte, any_float),
    "encode_vector_to_spikes": (any_index,),
    "spike_timing_similarity": (any_word, any_word),
    "spike_search": (any_word, any_byte),
    "homeostatic_update": (a_dt,),
    "get_spike_rate": (any_index,),
    "get_network_activity": (),
    "oscillator_step": (a_dt,),
    "oscillator_get_phase": (),
    "compute_resonance": (any_index,),
    "resonance_search": (any_byte, any_float),
    "wta_reset": (),
    "wta_compete": (),
    "wta_soft": (),
    "dendrite_reset": (),
    "dendrite_inject": (any_index, lambda rng: int(rng.integers(0, 8)), any_float),
    "dendrite_integrate": (any_index,),
    "dendrite_propagate": (any_float,),
    "pattern_record": (),
    "get_pattern": (any_index,),
    "pattern_match": (any_word,),
    "pattern_correlate": (any_index, lambda rng: int(rng.integers(0, 34))),
    "neuromorphic_search": (any_byte, a_dt, few_iterations),
}
"""Functions whose arguments are drawn and whose answers are compared as they are. ``init``, ``merge`` and the buffers
have steps of their own, see ``program``; the pointers are compared by what lies there."""
COMMON = ("snn_inject", "snn_tick", "snn_step", "dendrite_propagate", "dendrite_integrate", "homeostatic_update")
Step = tuple[str, tuple[Any, ...]]


def any_vector(rng: Rng, scale: float = 1) -> np.ndarray:
    vector = rng.normal(0, scale, MAX_DIMS).astype(np.float32)
    if rng.random() < 0.1:
        vector[rng.integers(0, MAX_DIMS)] = any_float(rng)
    return vector


def program(rng: Rng, length: int) -> Iterator[Step]:
    """Random steps: (function, arguments), or one of write_query, write_insert, write_delta, merge_*."""
    names = [*ARGUMENTS, *COMMON * 3, *["insert"] * 2]
    for _ in range(length):
        dice = rng.random()
        if dice < 0.10:
            yield "write_query", (any_vector(rng),)
        elif dice < 0.14:
            yield "write_insert", (any_vector(rng),)
        elif dice < 0.15:
            yield "write_delta", (any_vector(rng),)
        elif dice < 0.17:
            yield "merge_results", (any_byte(rng),)
        elif dice < 0.18:
            yield "merge_foreign", (foreign_records(rng), any_byte(rng))
        elif dice < 0.184:
            yield "merge_itself", (any_byte(rng),)
        else:
            name = str(rng.choice(names))
            yield name, tuple(draw(rng) for draw in ARGUMENTS[name])


def foreign_records(rng: Rng) -> np.ndarray:
    """20 records of anything."""
    records = np.zeros(20, RESULT_DTYPE)
    records["index"] = rng.choice([0, 1, 2, 31, INDEX_NONE], 20)
    records["core"] = rng.choice([0, 1, 255], 20)
    records["distance"] = [any_float(rng) if rng.random() < 0.5 else rng.choice([0, 1, 2]) for _ in range(20)]
    return records


class Pair:
    """The module and the model, given the same steps; every difference is an AssertionError."""

    def __init__(self, instance: Instance, model: Module) -> None:
        self.instance, self.model = instance, model
        self.foreign_address = (len(instance.memory) - 20 * RESULT_DTYPE.itemsize) // 16 * 16

    def run(self, step: Step) -> Any:
        """One step on both sides."""
        name, arguments = step
        if name.startswith("write_"):
            for side in (self.instance, self.model):
                getattr(side, f"{name[6:]}_buffer")[:] = arguments[0]
            return None
        answer, expected = self._merge(name, arguments) if name.startswith("merge_") else self._call(name, arguments)
        assert answer == expected or answer is expected is None, f"{name}{arguments}: {answer}, not {expected}"
        if isinstance(expected, np.float32):
            assert np.float32(answer).tobytes() == expected.tobytes(), f"{name}{arguments}: sign of zero"
        return answer

    def _call(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.instance.call(name, *arguments), getattr(self.model, name)(*arguments)

    def _merge(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
        n = arguments[-1]
        if name == "merge_foreign":
            address, records = self.foreign_address, arguments[0]
            self.instance.view(address, RESULT_DTYPE, len(records))[:] = records
        elif name == "merge_results":
            address, records = self.instance.call("get_result_ptr"), self.model.results
        else:
            address, records = self.instance.call("get_global_ptr"), self.model.core.global_results
        return self.instance.call("merge", address, n), self.model.merge(records[: n & 0xFFFFFFFF])

    def compare_lists(self) -> None:
        """Both lists, to the last byte, and the buffers (a NaN is a NaN)."""
        assert self.instance.results.tobytes() == self.model.results.tobytes()
        assert self.instance.global_results.tobytes() == self.model.core.global_results.tobytes()
        for name in ("insert_buffer", "query_buffer", "delta_buffer"):
            same_floats(getattr(self.instance, name), getattr(self.model, name), name)

    def compare_state(self) -> None:
        """All that the core remembers, bit for bit."""
        state, core = self.instance.state(), self.model.core
        n, dims, s = core.count, core.dims, core.state
        assert (state["count"], MAX_DIMS - state["n_unused_dims"], state["metric"]) == (n, dims, core.metric)
        same_floats(state["vectors"].T[:n, :dims], core.vectors, "vectors")
        neurons = state["neurons"][:n]
        same_floats(neurons["norm"], core.norms, "norm")
        for name in ("membrane", "threshold", "last_spike", "refractory", "rate", "weight", "trace", "branches"):
            same_floats(neurons[name], getattr(s, name)[:n], name)
        assert (state["time"], state["spikes"], state["phase"]) == (s.time, s.spikes, s.phase)
        assert neurons["pattern"].tolist() == s.patterns[:n].tolist()
        assert (state["n_glimpses"], (int(state["winner_from_1"]) - 1) % 256) == (s.n_glimpses, s.winner)
        assert neurons["type"].tolist() == core._node_types[:n]
        assert neurons["n_pinned"].tolist() == core.graph.n_pinned
        for neuron, links in zip(neurons, core.graph.links, strict=True):
            assert neuron["links"][: neuron["n_links"]].tolist() == links
            assert neuron["linked"] == sum(1 << j for j in links)
        assert not state["neurons"][n:].tobytes().strip(b"\0")


def same_floats(a: Any, b: Any, name: str) -> None:
    """Equal bits, except that a NaN's bits are not compared: WebAssembly does not fix them."""
    a, b = np.asarray(a), np.asarray(b)
    both_nan = np.isnan(a) & np.isnan(b)
    different = (a.view(np.uint32) != b.view(np.uint32)) & ~both_nan
    assert not different.any(), f"{name}: {a[different]}, not {b[different]}"


assert MAX_NEIGHBOURS < 8 and SNAPSHOT_DTYPE.itemsize % 4 == 0 and VECTORS_PER_CORE == 32
