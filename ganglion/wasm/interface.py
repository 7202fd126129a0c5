"""The functions that the module exports, with the types of their arguments, as a C header would declare them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARRAY_FUNCTIONS", "MORE_FUNCTIONS", "SEED_FUNCTIONS", "Function"]

WASM_TYPES = {"u8": "i32", "u16": "i32", "u32": "i32", "pointer": "i32", "f32": "f32"}


@dataclass(frozen=True)
class Function:
    """An export: its name, its parameters as (type, name), the type of its result (None: nothing)."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    result: str | None

    @property
    def wasm_parameters(self) -> list[str]:
        """The parameters' WebAssembly types."""
        return [WASM_TYPES[kind] for kind, _ in self.parameters]

    @property
    def wasm_results(self) -> list[str]:
        """The results' WebAssembly types."""
        return [WASM_TYPES[self.result]] if self.result else []


def _parsed(text: str) -> dict[str, Function]:
    functions = {}
    for line in text.strip().splitlines():
        head, _, result = line.partition(" -> ")
        name, _, inside = head.rstrip(")").partition("(")
        pairs = (parameter.split(" ") for parameter in inside.split(", ") if parameter)
        functions[name] = Function(name, tuple((kind, called) for kind, called in pairs), result or None)
    return functions


SEED_FUNCTIONS = _parsed("""
init(u8 dims, u8 metric, u8 core_id)
get_insert_ptr() -> pointer
get_query_ptr() -> pointer
get_result_ptr() -> pointer
get_global_ptr() -> pointer
insert() -> u8
search(u8 k) -> u8
merge(pointer results, u8 count) -> u8
clear_global()
count() -> u8
get_core_id() -> u8
get_metric() -> u8
get_dims() -> u8
get_capacity() -> u8
set_node_type(u8 index, u8 type)
get_node_type(u8 index) -> u8
type_matches(u8 index, u16 type_mask) -> u8
set_edge_weight(u8 index, u8 weight)
get_edge_weight(u8 index) -> u8
aggregate_neighbors(u8 index)
get_delta_ptr() -> pointer
set_delta_ptr() -> pointer
update_vector(u8 index, f32 alpha)
snn_reset()
snn_set_membrane(u8 index, f32 potential)
snn_get_membrane(u8 index) -> f32
snn_set_threshold(u8 index, f32 threshold)
snn_inject(u8 index, f32 current)
snn_spiked(u8 index) -> u8
snn_get_spikes() -> u32
snn_step(f32 dt) -> u8
snn_propagate(f32 gain)
snn_stdp()
snn_tick(f32 dt, f32 gain, u8 learn) -> u8
snn_get_time() -> f32
hnsw_to_snn(u8 k, f32 gain) -> u8
encode_vector_to_spikes(u8 index) -> u32
spike_timing_similarity(u32 a, u32 b) -> f32
spike_search(u32 query_pattern, u8 k) -> u8
homeostatic_update(f32 dt)
get_spike_rate(u8 index) -> f32
oscillator_step(f32 dt)
oscillator_get_phase() -> f32
compute_resonance(u8 index) -> f32
resonance_search(u8 k, f32 weight) -> u8
wta_reset()
wta_compete() -> u8
wta_soft()
dendrite_reset()
dendrite_inject(u8 index, u8 branch, f32 current)
dendrite_integrate(u8 index) -> f32
dendrite_propagate(f32 gain)
pattern_record()
get_pattern(u8 index) -> u32
pattern_match(u32 target) -> u8
pattern_correlate(u8 index, u8 most) -> u32
neuromorphic_search(u8 k, f32 dt, u8 iterations) -> u8
get_network_activity() -> f32
""")
"""The 58 functions of the interface that this module stands in for."""

MORE_FUNCTIONS = _parsed("""
search_exact(u8 k) -> u8
type_filter_search(u8 k, u16 type_mask) -> u8
get_snapshot_ptr() -> pointer
snapshot() -> u32
restore() -> u8
""")
"""What every variant has beyond."""

ARRAY_FUNCTIONS = _parsed("""
core_select(u8 core_id)
search_all(u8 k) -> u8
search_all_exact(u8 k) -> u8
""")
"""What the array variants have beyond."""
