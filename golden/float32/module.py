"""The module's interface in float32: a :class:`SpikingCore` behind buffers, with an answer to every argument.

A :class:`SpikingCore` raises where an argument cannot be meant. A WASM module cannot: its functions take 32-bit words
and floats, and its callers write to its memory whenever they like. What it answers, beyond the rules of the core:

- before ``init`` it behaves as after ``init(16, 0, 0)``; ``init`` with 0 dimensions does nothing;
- words are unsigned. Indices and branches from ``count`` (6) on are out of range, so are 256 and -1 (2**32 - 1): they
  are not cut to a byte. k, iterations, weights and Hamming distances beyond a byte count as 255; a metric beyond 2 is
  L2; of a node type the low 4 bits count, of a core id the low 8, of a type mask the low 16;
- ``insert`` of a vector that is not finite: 255, and nothing changes;
- a search for a query that is not finite: no results, and nothing else changes;
- ``update_vector`` that would leave the finite numbers: nothing changes;
- ``merge`` reads at most 16 records, passes over those with a NaN distance, returns the length of the global list;
- only the first ``dims`` elements of a buffer are read; ``aggregate_neighbors`` writes zeros behind them;
- after a search the free places of the result buffer say "none" (index 255, core 255, distance +inf).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32.distance import Floats
from golden.float32.results import ALL_TYPES, RESULT_DTYPE, empty_results
from golden.float32.spiking import WORD, SpikingCore
from golden.spec.commands import Metric
from golden.spec.constants import INDEX_NONE, MAX_DIMS, MAX_RESULTS, N_NODE_TYPES, VECTORS_PER_CORE

BYTE = 255


class Module:
    """One instance. Functions have the names, the argument order and the meaning of the module's exports.

    ``insert_buffer``, ``query_buffer``, ``delta_buffer`` float32 [16] and ``results`` (16 records) are its memory;
    ``core`` is what it computes with. Word arguments may be any Python integers, of which the low 32 bits count.
    """

    def __init__(self) -> None:
        self.core = SpikingCore(MAX_DIMS, Metric.L2, 0)
        self.insert_buffer: Floats = np.zeros(MAX_DIMS, np.float32)
        self.query_buffer: Floats = np.zeros(MAX_DIMS, np.float32)
        self.delta_buffer: Floats = np.zeros(MAX_DIMS, np.float32)
        self.results = empty_results(MAX_RESULTS)

    # ---------------------------------------------------------------- set-up and vectors

    def init(self, dims: int, metric: int, core_id: int) -> None:
        """Empty the core; the buffers become 0, both lists empty."""
        if not dims & WORD:
            return
        self.core.init(as_byte(dims), as_byte(metric), core_id & BYTE)
        for buffer in (self.insert_buffer, self.query_buffer, self.delta_buffer):
            buffer[:] = 0
        self.results = empty_results(MAX_RESULTS)

    def insert(self) -> int:
        """Add the vector in the insert buffer; its index or 255."""
        vector = self._used(self.insert_buffer)
        return self.core.insert(vector) if np.isfinite(vector).all() else INDEX_NONE

    def count(self) -> int:
        """Vectors held."""
        return self.core.count

    def get_core_id(self) -> int:
        """The id in this core's records."""
        return self.core.core_id

    def get_metric(self) -> int:
        """0 squared L2, 1 cosine, 2 dot."""
        return int(self.core.metric)

    def get_dims(self) -> int:
        """Elements of a vector."""
        return self.core.dims

    def get_capacity(self) -> int:
        """Vectors that a core can hold."""
        return VECTORS_PER_CORE

    # ---------------------------------------------------------------- searches

    def search(self, k: int) -> int:
        """Beam search; the number of results."""
        return self.type_filter_search(k, ALL_TYPES)

    def search_exact(self, k: int) -> int:
        """Search of all vectors."""
        return self._store(self.core.search_exact(as_byte(k)) if self.takes_query() else None)

    def type_filter_search(self, k: int, type_mask: int) -> int:
        """Beam search that returns only nodes whose type has its bit in the mask."""
        return self._store(self.core.search(as_byte(k), type_mask & ALL_TYPES) if self.takes_query() else None)

    def hnsw_to_snn(self, k: int, gain: float) -> int:
        """Beam search whose results become currents."""
        return self._store(self.core.hnsw_to_snn(as_byte(k), gain) if self.takes_query() else None)

    def spike_search(self, query_pattern: int, k: int) -> int:
        """The nodes with the most similar histories."""
        return self._store(self.core.spike_search(query_pattern & WORD, as_byte(k)))

    def resonance_search(self, k: int, weight: float) -> int:
        """Beam search, distances scaled by resonance."""
        return self._store(self.core.resonance_search(as_byte(k), weight) if self.takes_query() else None)

    def neuromorphic_search(self, k: int, dt: float, iterations: int) -> int:
        """The whole pipeline."""
        found = self.core.neuromorphic_search(as_byte(k), dt, as_byte(iterations)) if self.takes_query() else None
        return self._store(found)

    # ---------------------------------------------------------------- global list

    def merge(self, records: NDArray[np.void]) -> int:
        """Fold records (what lies at the address given, as far as memory reaches) into the global list."""
        records = records[:MAX_RESULTS]
        self.core.merge(records[~np.isnan(records["distance"])])
        return int((self.core.global_results["index"] != INDEX_NONE).sum())

    def clear_global(self) -> None:
        """Empty the global list."""
        self.core.clear_global()

    # ---------------------------------------------------------------- types, weights, GNN operations

    def set_node_type(self, index: int, node_type: int) -> None:
        """Give a node a type."""
        self.core.set_node_type(as_byte(index), node_type % N_NODE_TYPES)

    def get_node_type(self, index: int) -> int:
        """A node's type."""
        return self.core.get_node_type(as_byte(index))

    def type_matches(self, index: int, type_mask: int) -> int:
        """Whether the type's bit is in the mask."""
        return int(self.core.type_matches(as_byte(index), type_mask & ALL_TYPES))

    def set_edge_weight(self, index: int, weight: int) -> None:
        """Set a node's outgoing weight."""
        self.core.set_edge_weight(as_byte(index), as_byte(weight))

    def get_edge_weight(self, index: int) -> int:
        """A node's outgoing weight."""
        return self.core.get_edge_weight(as_byte(index))

    def aggregate_neighbors(self, index: int) -> None:
        """Mean of the neighbours, into the delta buffer."""
        self.delta_buffer[:] = 0
        self.delta_buffer[: self.core.dims] = self.core.aggregate_neighbors(as_byte(index))

    def update_vector(self, index: int, alpha: float) -> None:
        """v += alpha * delta, with whatever the delta buffer holds."""
        self.core.delta = self._used(self.delta_buffer).copy()
        try:
            self.core.update_vector(as_byte(index), alpha)
        except ValueError:  # it would leave the finite numbers: the core has refused, unchanged
            return

    # ---------------------------------------------------------------- spiking network

    def snn_reset(self) -> None:
        """Neurons and time as at the start."""
        self.core.snn_reset()

    def snn_set_membrane(self, index: int, potential: float) -> None:
        """V = potential."""
        self.core.snn_set_membrane(as_byte(index), potential)

    def snn_get_membrane(self, index: int) -> np.float32:
        """V."""
        return self.core.snn_get_membrane(as_byte(index))

    def snn_set_threshold(self, index: int, threshold: float) -> None:
        """Set a threshold."""
        self.core.snn_set_threshold(as_byte(index), threshold)

    def snn_inject(self, index: int, current: float) -> None:
        """V += current."""
        self.core.snn_inject(as_byte(index), current)

    def snn_spiked(self, index: int) -> int:
        """Whether a neuron fired in the last step."""
        return int(self.core.snn_spiked(as_byte(index)))

    def snn_get_spikes(self) -> int:
        """Bit i: neuron i fired in the last step."""
        return self.core.snn_get_spikes()

    def snn_step(self, dt: float) -> int:
        """One step; the number of spikes."""
        return self.core.snn_step(dt)

    def snn_propagate(self, gain: float) -> None:
        """Spikes to the neighbours' membranes."""
        self.core.snn_propagate(gain)

    def snn_stdp(self) -> None:
        """Learn from the last step."""
        self.core.snn_stdp()

    def snn_tick(self, dt: float, gain: float, learn: int) -> int:
        """Step, propagate and, unless ``learn`` is 0, learn."""
        return self.core.snn_tick(dt, gain, int(learn & WORD != 0))

    def snn_get_time(self) -> np.float32:
        """ms since the last reset."""
        return self.core.snn_get_time()

    # ---------------------------------------------------------------- neuromorphic units

    def encode_vector_to_spikes(self, index: int) -> int:
        """A vector's spike pattern, also stored as its history."""
        return self.core.encode_vector_to_spikes(as_byte(index))

    def spike_timing_similarity(self, a: int, b: int) -> np.float32:
        """Common spikes / all spikes."""
        return self.core.spike_timing_similarity(a & WORD, b & WORD)

    def homeostatic_update(self, dt: float) -> None:
        """Rates and thresholds after a step."""
        self.core.homeostatic_update(dt)

    def get_spike_rate(self, index: int) -> np.float32:
        """A running spike rate."""
        return self.core.get_spike_rate(as_byte(index))

    def get_network_activity(self) -> np.float32:
        """The sum of the rates."""
        return self.core.get_network_activity()

    def oscillator_step(self, dt: float) -> None:
        """Move the phase on."""
        self.core.oscillator_step(dt)

    def oscillator_get_phase(self) -> np.float32:
        """The phase in radians."""
        return self.core.oscillator_get_phase()

    def compute_resonance(self, index: int) -> np.float32:
        """Nearness of the phase to a neuron's preferred one."""
        return self.core.compute_resonance(as_byte(index))

    def wta_reset(self) -> None:
        """Forget the last winner."""
        self.core.wta_reset()

    def wta_compete(self) -> int:
        """Hard competition; the winner or 255."""
        return self.core.wta_compete()

    def wta_soft(self) -> None:
        """Soft competition."""
        self.core.wta_soft()

    def dendrite_reset(self) -> None:
        """Clear all branches."""
        self.core.dendrite_reset()

    def dendrite_inject(self, index: int, branch: int, current: float) -> None:
        """Add to a branch."""
        self.core.dendrite_inject(as_byte(index), as_byte(branch), current)

    def dendrite_integrate(self, index: int) -> np.float32:
        """Sum of the branches' responses, added to V."""
        return self.core.dendrite_integrate(as_byte(index))

    def dendrite_propagate(self, gain: float) -> None:
        """Spikes to the neighbours' branches."""
        self.core.dendrite_propagate(gain)

    def pattern_record(self) -> None:
        """Shift the spikes into the histories."""
        self.core.pattern_record()

    def get_pattern(self, index: int) -> int:
        """A history."""
        return self.core.get_pattern(as_byte(index))

    def pattern_match(self, target: int) -> int:
        """The neuron of the nearest history or 255."""
        return self.core.pattern_match(target & WORD)

    def pattern_correlate(self, index: int, most: int) -> int:
        """Bits of the neurons with near histories."""
        return self.core.pattern_correlate(as_byte(index), as_byte(most))

    # ---------------------------------------------------------------- helpers

    def _used(self, buffer: Floats) -> Floats:
        return buffer[: self.core.dims]

    def takes_query(self) -> bool:
        """Whether the query can be searched for; then the core has it."""
        query = self._used(self.query_buffer)
        if not np.isfinite(query).all():
            return False
        self.core.set_query(query)
        return True

    def _store(self, found: NDArray[np.void] | None) -> int:
        self.results = empty_results(MAX_RESULTS)
        if found is None:
            return 0
        assert found.dtype == RESULT_DTYPE
        self.results[: len(found)] = found
        return len(found)


def as_byte(word: Any) -> int:
    """A 32-bit word as the byte that means the same: everything beyond a byte as 255."""
    return min(int(word) & WORD, BYTE)
