"""A core with its spiking network and neuromorphic units: every function of the module's interface by its name.

Conventions, beyond those of :class:`Core`:

- an index at or beyond ``count``, or a branch beyond 5: writes do nothing, reads give 0; "none" is 255;
- indices, branches, k and iterations are bytes, patterns 32-bit words: other values raise, as in ``Core``;
- floats may be anything: NaN and infinities have a defined effect (``math32.py``), and a dt is held to 0..1000 ms
  (``math32.time_step``). No call leaves a NaN or an infinity in the state;
- on an empty core steps still move the time, searches return nothing, competitions and matches return 255.

The units (``lif``, ``stdp``, ``oscillator`` ...) state the arithmetic.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32 import checks, encoder
from golden.float32.core import Core
from golden.float32.distance import Floats
from golden.float32.math32 import ONE, TWO, ZERO, amount, as_float32, ieee, saturate, time_step
from golden.float32.neuromorphic import NeuromorphicSearch
from golden.float32.results import RESULT_DTYPE, order_keys
from golden.float32.state import SpikingState
from golden.float32.stdp import Stdp
from golden.spec.commands import Metric
from golden.spec.constants import MAX_DIMS, MAX_NEIGHBOURS, MAX_RESULTS

WORD = (1 << 32) - 1


class SpikingCore(Core):
    """A :class:`Core` whose vectors are neurons. ``state`` is what they remember (see :class:`SpikingState`)."""

    def __init__(
        self,
        dims: int = MAX_DIMS,
        metric: int = Metric.L2,
        core_id: int = 0,
        *,
        storage: tuple[Floats, Floats] | None = None,
    ) -> None:
        """As :class:`Core`."""
        self.state = SpikingState()
        self.stdp = Stdp(self.state)
        self.pipeline = NeuromorphicSearch(self.state)
        self.lif = self.pipeline.lif
        self.homeostasis = self.pipeline.homeostasis
        self.oscillator = self.pipeline.oscillator
        self.wta = self.pipeline.wta
        self.dendrites = self.pipeline.dendrites
        self.patterns = self.pipeline.patterns
        super().__init__(dims, metric, core_id, storage=storage)

    def init(self, dims: int, metric: int, core_id: int) -> None:
        """As :meth:`Core.init`; the spiking state starts afresh, all of it."""
        super().init(dims, metric, core_id)
        self.state.assign(SpikingState())

    # ---------------------------------------------------------------- state

    def save_state(self) -> SpikingState:
        """A copy of the spiking state (the vectors and the graph are not part of it)."""
        return self.state.copy()

    def restore_state(self, saved: SpikingState) -> None:
        """Take over a saved state, edge weights included; ValueError, and no change, when it cannot be one."""
        self.state.assign(saved)
        self._edge_weights = self.state.weight_bytes()

    def set_edge_weight(self, index: int, weight: int) -> None:
        """As :meth:`Core.set_edge_weight`; a fraction of a byte that STDP had left is gone."""
        super().set_edge_weight(index, weight)
        if self._holds(index):
            self.state.weight[index] = weight

    def insert(self, vector: Any) -> int:
        """As :meth:`Core.insert`; a sequence of neuromorphic searches ends."""
        before = self.count
        index = super().insert(vector)
        if self.count > before:
            self.pipeline.forget()
        return index

    # ---------------------------------------------------------------- spiking network

    def snn_reset(self) -> None:
        """Reset the neurons and the time; rates, patterns, oscillator, dendrites and edge weights stay.

        It also ends a sequence of neuromorphic searches: the next one stands alone.
        """
        self.lif.reset()
        self.pipeline.forget()

    def snn_set_membrane(self, index: int, potential: float) -> None:
        """V = potential. NaN is not written."""
        self._write(self.state.membrane, index, potential)

    def snn_get_membrane(self, index: int) -> np.float32:
        """V of neuron ``index``."""
        return self._read(self.state.membrane, index)

    def snn_set_threshold(self, index: int, threshold: float) -> None:
        """Set the threshold, held to 0.1..10. NaN is not written."""
        if not np.isnan(as_float32("threshold", threshold)):
            self._write(self.state.threshold, index, self.homeostasis.bounded(amount("threshold", threshold)))

    def snn_get_threshold(self, index: int) -> np.float32:
        """Threshold of neuron ``index`` (beyond the seed's interface)."""
        return self._read(self.state.threshold, index)

    def snn_inject(self, index: int, current: float) -> None:
        """V = V + current, saturating."""
        added = amount("current", current)
        if self._holds(index):
            self.lif.add(index, added)

    def snn_spiked(self, index: int) -> bool:
        """Whether neuron ``index`` fired in the last step."""
        return self._holds(index) and bool(self.state.spikes >> index & 1)

    def snn_get_spikes(self) -> int:
        """Bit i: neuron i fired in the last step."""
        return self.state.spikes

    def snn_get_time(self) -> np.float32:
        """Time since the last reset, ms."""
        return self.state.time

    def snn_step(self, dt: float) -> int:
        """One step of the neurons, see :meth:`LifNeurons.step`; returns the number of spikes."""
        return self.lif.step(self.count, time_step(dt))

    def snn_propagate(self, gain: float) -> None:
        """Spikes of the last step to the neighbours' membranes, see :meth:`LifNeurons.propagate`."""
        self.lif.propagate(self.graph.links, amount("gain", gain))

    def snn_stdp(self) -> None:
        """Learn from the spikes of the last step, see :meth:`Stdp.update`."""
        self.stdp.update(self.graph.links)
        self._edge_weights = self.state.weight_bytes()

    def snn_tick(self, dt: float, gain: float, learn: int) -> int:
        """Step, propagate, and STDP when ``learn`` (a byte) is not 0; returns the number of spikes."""
        learn = checks.as_integer("learn", int(learn), 0, 255)
        as_float32("gain", gain)  # a TypeError comes before anything has changed
        n_spikes = self.snn_step(dt)
        self.snn_propagate(gain)
        if learn:
            self.snn_stdp()
        return n_spikes

    @ieee()
    def hnsw_to_snn(self, k: int, gain: float) -> NDArray[np.void]:
        """search(k), then V_i = saturate(V_i + gain / (1 + max(distance, 0))) for each result; returns the results.

        One sum, one quotient, one sum. The maximum matters to the dot metric, and to cosine by a rounding error.
        """
        strength = amount("gain", gain)
        results = self.search(k)
        for record in results:
            self.lif.add(int(record["index"]), strength / (ONE + np.maximum(record["distance"], ZERO)))
        return results

    # ---------------------------------------------------------------- spike encoder

    def encode_vector_to_spikes(self, index: int) -> int:
        """The spike pattern of vector ``index`` (``encoder.encode``), also stored as its history; 0 out of range."""
        if not self._holds(index):
            return 0
        pattern = encoder.encode(self._vectors[index, : self.dims])
        self.state.patterns[index] = pattern
        return pattern

    def spike_timing_similarity(self, a: int, b: int) -> np.float32:
        """Common spikes / all spikes of two 32-bit patterns, 0..1; 1 when both are empty."""
        return encoder.similarity(checks.as_integer("a", a, 0, WORD), checks.as_integer("b", b, 0, WORD))

    def spike_search(self, query_pattern: int, k: int) -> NDArray[np.void]:
        """The ``k`` neurons whose histories are most similar; distance = 1 - similarity, one float32 difference."""
        target = checks.as_integer("query_pattern", query_pattern, 0, WORD)
        distance = [ONE - encoder.similarity(target, int(p)) for p in self.state.patterns[: self.count]]
        return self._nearest(np.array(distance, np.float32), k)

    # ---------------------------------------------------------------- homeostasis

    def homeostatic_update(self, dt: float) -> None:
        """Rates and thresholds after a step of ``dt`` ms, see :meth:`Homeostasis.update`."""
        self.homeostasis.update(self.count, time_step(dt))

    def get_spike_rate(self, index: int) -> np.float32:
        """Running spike rate of neuron ``index``, spikes/ms."""
        return self._read(self.state.rate, index)

    def get_network_activity(self) -> np.float32:
        """The sum of all rates, see :meth:`Homeostasis.activity`."""
        return self.homeostasis.activity(self.count)

    # ---------------------------------------------------------------- gamma oscillator

    def oscillator_step(self, dt: float) -> None:
        """Move the phase on by ``dt`` ms, see :meth:`GammaOscillator.step`."""
        self.oscillator.step(time_step(dt))

    def oscillator_get_phase(self) -> np.float32:
        """The phase, 0 <= p < 2 pi."""
        return self.oscillator.radians()

    def oscillator_sine_cosine(self) -> tuple[np.float32, np.float32]:
        """Sine and cosine of the phase (beyond the seed's interface)."""
        return self.oscillator.sine_cosine()

    def compute_resonance(self, index: int) -> np.float32:
        """How near the phase is to neuron ``index``'s preferred one, 0..1; 0 out of range."""
        return self.oscillator.resonance(index) if self._holds(index) else ZERO

    @ieee()
    def resonance_search(self, k: int, weight: float) -> NDArray[np.void]:
        """search(k), each distance * (2 - weight * resonance), sorted again by (distance, index).

        Two products and a difference; a distance that becomes NaN (infinity * 0) becomes +inf, a -0 becomes +0.
        """
        share = amount("weight", weight)
        results = self.search(k)
        for record in results:
            factor = saturate(TWO - saturate(share * self.oscillator.resonance(int(record["index"]))))
            distance = record["distance"] * factor + ZERO
            record["distance"] = np.inf if np.isnan(distance) else distance
        return results[np.argsort(order_keys(results), kind="stable")]

    # ---------------------------------------------------------------- winner take all

    def wta_reset(self) -> None:
        """Forget the winner of the last competition."""
        self.wta.reset()

    def wta_compete(self) -> int:
        """Hard competition, see :meth:`WinnerTakeAll.compete`; the winner, or 255."""
        return self.wta.compete(self.count)

    def wta_soft(self) -> None:
        """Soft competition, see :meth:`WinnerTakeAll.soften`."""
        self.wta.soften(self.count)

    # ---------------------------------------------------------------- dendrites

    def dendrite_reset(self) -> None:
        """Clear all branches."""
        self.dendrites.reset()

    def dendrite_inject(self, index: int, branch: int, current: float) -> None:
        """Add to a branch, saturating; nothing for a branch beyond 5."""
        added = amount("current", current)
        if checks.as_integer("branch", branch, 0, 255) < MAX_NEIGHBOURS and self._holds(index):
            self.dendrites.inject(index, branch, added)

    def dendrite_integrate(self, index: int) -> np.float32:
        """Sum of the branches' responses, added to V and returned, see :meth:`Dendrites.integrate`."""
        if not self._holds(index):
            return ZERO
        n_links = np.array([len(self.graph.links[index])])
        return np.float32(self.dendrites.integrate(slice(index, index + 1), n_links)[0])

    def dendrite_propagate(self, gain: float) -> None:
        """Spikes of the last step to the neighbours' branches, see :meth:`Dendrites.propagate`."""
        self.dendrites.propagate(self.graph.links, amount("gain", gain))

    # ---------------------------------------------------------------- patterns

    def pattern_record(self) -> None:
        """Shift the spikes of the last step into the histories."""
        self.patterns.record()

    def get_pattern(self, index: int) -> int:
        """Neuron ``index``'s history, newest step in bit 0."""
        return int(self.state.patterns[index]) if self._holds(index) else 0

    def pattern_match(self, target: int) -> int:
        """The neuron whose history is nearest to ``target``, 255 when there is none."""
        return self.patterns.match(self.count, checks.as_integer("target", target, 0, WORD))

    def pattern_correlate(self, index: int, most: int) -> int:
        """Bits of the other neurons whose histories differ in at most ``most`` bits; 0 out of range."""
        most = checks.as_integer("most", most, 0, 255)
        return self.patterns.correlate(self.count, index, most) if self._holds(index) else 0

    # ---------------------------------------------------------------- neuromorphic search

    def neuromorphic_search(self, k: int, dt: float, iterations: int) -> NDArray[np.void]:
        """The ``k`` best of the whole pipeline for the query (``neuromorphic.py``); ``iterations`` a byte.

        Distances of the records are minus the score, comparable within one call only. Searches in a row that look
        for the same thing join into a sequence and get better; :meth:`snn_reset` and :meth:`insert` end it.
        """
        iterations = checks.as_integer("iterations", iterations, 0, 255)
        step = time_step(dt)
        checks.as_integer("k", k, 0, 255)
        return self._nearest(self.pipeline.run(self.distances(), self.graph.links, step, iterations), k)

    # ---------------------------------------------------------------- helpers

    def _write(self, values: Floats, index: int, value: Any) -> None:
        number = as_float32("value", value)
        if self._holds(index) and not np.isnan(number):
            values[index] = saturate(number)

    def _read(self, values: Floats, index: int) -> np.float32:
        return np.float32(values[index]) if self._holds(index) else ZERO

    def _nearest(self, distance: Floats, k: int) -> NDArray[np.void]:
        """Records of the ``k`` least distances (clamped to 16 and count), lower index first on ties."""
        k = min(checks.as_integer("k", k, 0, 255), MAX_RESULTS, self.count)
        order = np.argsort(distance, kind="stable")[:k]
        records = np.zeros(k, RESULT_DTYPE)
        records["index"], records["core"], records["distance"] = order, self.core_id, distance[order]
        return records
