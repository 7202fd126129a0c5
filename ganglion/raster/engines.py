"""Networks of a description: in float32, and in fixed point as the hardware computes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.device_checks import METRICS
from ganglion.raster.description import Description
from ganglion.raster.inputs import Action, Fire, Inject, Look
from ganglion.raster.values import DescriptionError
from golden.fixed.array import ArrayModel
from golden.fixed.fabric_cycles import engine_schedule
from golden.fixed.fabric_search import link_counts
from golden.fixed.neural_core import NeuralCore
from golden.fixed.neural_state import NeuralState, rates
from golden.fixed.neural_stdp import join_weight
from golden.float32.spiking import SpikingCore
from golden.quantise import choose_quantiser
from golden.spec import Config
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import BRANCH, GAIN, MEMBRANE, PHASE_PERIOD, THRESHOLD, WEIGHT_ONE, time_step

__all__ = ["FixedNetwork", "Float32Network", "GoldenNetwork", "NetworkEngine"]

Ints = NDArray[np.int64]


class NetworkEngine(ABC):
    """A network of ``description`` that is stepped: inputs are applied, then :meth:`tick`, then it is looked at.

    What is read has a value for each of the n neurons of all contexts.
    """

    name: str

    def __init__(self, description: Description) -> None:
        self.description = description
        self.counts = description.counts()
        self.outside = [0] * description.contexts

    def apply(self, action: Action) -> None:
        """An input of this tick."""
        if isinstance(action, Inject):
            self.inject(action)
        elif isinstance(action, Look):
            self.look(action)
        else:
            self.fire(action)

    def split(self, values: NDArray[np.generic]) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """Values of all neurons by context."""
        for context, count in enumerate(self.counts):
            first = context * VECTORS_PER_CORE
            yield context, values[first : first + count]

    @abstractmethod
    def inject(self, action: Inject) -> None:
        """Adds currents to membranes or branches, saturating."""

    @abstractmethod
    def look(self, action: Look) -> None:
        """Searches all contexts and turns the results into currents."""

    def fire(self, action: Fire) -> None:
        """Spikes from outside: the next tick delivers them like those of the neurons named."""
        for context, fired in self.split(action.fired):
            self.outside[context] |= sum(1 << i for i in np.flatnonzero(fired).tolist())

    @abstractmethod
    def tick(self) -> None:
        """The oscillator's step, a tick, and the competition if it is due."""

    @abstractmethod
    def spikes(self) -> NDArray[np.bool_]:
        """The spikes of the last tick [n]."""

    @abstractmethod
    def trace(self, name: str) -> NDArray[np.float64]:
        """One of ``TRACES``, [n], in user's units."""

    @abstractmethod
    def turns(self) -> float:
        """The oscillator's phase, 0 <= p < 1 turn."""

    def checked(self) -> dict[str, Any]:
        """What was compared with another network, as fields of a recording."""
        return {}

    def close(self) -> None:  # noqa: B027 - most hold nothing that needs closing
        """Gives back what is held outside Python."""


class Float32Network(NetworkEngine):
    """The float32 model: a :class:`SpikingCore` a context."""

    name = "float32"

    def __init__(self, description: Description) -> None:
        super().__init__(description)
        d = description
        metric = METRICS[d.metric]
        self.cores = [SpikingCore(d.vectors.dims, metric, context) for context in range(d.contexts)]
        for row, vector in enumerate(d.vectors.rows):
            core, index = self.cores[row // VECTORS_PER_CORE], row % VECTORS_PER_CORE
            core.insert(vector)
            core.snn_set_threshold(index, d.thresholds[row])
            core.set_edge_weight(index, d.weights[row])
        self._step_times = [np.float32(0)] * d.contexts

    def inject(self, action: Inject) -> None:
        for context, currents in self.split(action.currents):
            for index in np.flatnonzero(currents).tolist():
                if action.branch is None:
                    self.cores[context].snn_inject(index, float(currents[index]))
                else:
                    self.cores[context].dendrite_inject(index, action.branch, float(currents[index]))

    def look(self, action: Look) -> None:
        merged = self.cores[0]
        merged.clear_global()
        for core in self.cores:
            core.set_query(action.query)
            merged.merge(core.search(action.k))
        gain, one, unit = np.float32(action.gain), np.float32(1), np.float32(action.unit)
        found = merged.global_results[: min(action.k, self.description.n_neurons)]
        for record in found:
            current = gain / (one + np.maximum(record["distance"], np.float32(0)) / unit)
            self.cores[int(record["core"])].snn_inject(int(record["index"]), float(current))

    def tick(self) -> None:
        d = self.description
        for context, (core, count) in enumerate(zip(self.cores, self.counts, strict=True)):
            before, outside = core.state.phase, self.outside[context]
            core.oscillator_step(d.dt)
            if not d.parts.step:
                core.state.spikes |= outside
            if d.parts.dendrites:
                for index in range(count):
                    core.dendrite_integrate(index)
            if d.parts.clear:
                core.dendrite_reset()
            if d.parts.step:
                self._step_times[context] = core.state.time
                core.snn_step(d.dt)
            if d.parts.homeostasis:
                core.homeostatic_update(d.dt)
            if d.parts.record:
                core.pattern_record()
            self._deliver(core, outside, self._step_times[context])
            self.outside[context] = 0
            if not d.by_turn or before + d.dt_raw >= PHASE_PERIOD:
                if d.compete == "hard":
                    core.wta_compete()
                elif d.compete == "soft":
                    core.wta_soft()

    def _deliver(self, core: SpikingCore, outside: int, now: np.float32) -> None:
        """Spikes to the neighbours, and learning; what comes from outside is learned from as a spike at ``now``."""
        d, state = self.description, core.state
        state.spikes |= outside
        if d.parts.to_membrane:
            core.snn_propagate(d.gain)
        if d.parts.to_branch:
            core.dendrite_propagate(d.gain)
        if d.parts.learn:
            word = state.spikes
            for i in state.fired():
                # Spikes from outside are of this step as well; but no spike of the neuron, to those that learn later.
                kept, state.last_spike[i], state.spikes = state.last_spike[i], now, 1 << i
                core.snn_stdp()
                state.last_spike[i] = kept
            state.spikes = word

    def spikes(self) -> NDArray[np.bool_]:
        return np.concatenate([c.state.spike_flags(n) for c, n in zip(self.cores, self.counts, strict=True)])

    def trace(self, name: str) -> NDArray[np.float64]:
        parts = [getattr(c.state, name)[:n] for c, n in zip(self.cores, self.counts, strict=True)]
        return np.concatenate(parts).astype(np.float64)

    def turns(self) -> float:
        return self.cores[0].state.phase / PHASE_PERIOD


class FixedNetwork(NetworkEngine):
    """What the fixed-point networks share: vectors and graph in a golden array, inputs as raw integers.

    ``states`` is a :class:`NeuralState` a context: of the golden network itself, or as read back from the hardware.
    ``cycles``: those in which the tick engine was busy in the last tick, a number a context; ``total_cycles``: in all.
    """

    states: list[NeuralState]

    def __init__(self, description: Description) -> None:
        super().__init__(description)
        d = description
        self.cycles, self.total_cycles = [0] * d.contexts, 0
        self.time_step = time_step(d.dt_raw)
        self.gain_raw = int(GAIN.to_raw(d.gain))
        metric = METRICS[d.metric]
        self.quantiser = choose_quantiser(d.vectors.rows, metric, d.element_width)
        self.config = Config(cores=d.contexts, element_width=d.element_width)
        self.array = ArrayModel(self.config)
        self.array.init(d.vectors.dims, metric)
        cores = np.arange(d.n_neurons) // VECTORS_PER_CORE
        self.array.insert_batch(cores, self.quantiser.quantise(d.vectors.rows))

    def first_states(self) -> list[NeuralState]:
        """The states in which the contexts begin."""
        d, found = self.description, []
        thresholds, weights = np.array(d.thresholds), np.array(d.weights, np.int64)
        for (_, threshold), (_, weight) in zip(self.split(thresholds), self.split(weights), strict=True):
            state = NeuralState()
            state.threshold[: len(threshold)] = THRESHOLD.to_raw(threshold)
            state.weight[: len(weight)] = weight
            found.append(state)
        return found

    def inject(self, action: Inject) -> None:
        for context, currents in self.split(action.currents):
            if not currents.any():
                continue
            reach = MEMBRANE if action.branch is None else BRANCH
            raw = np.zeros(VECTORS_PER_CORE, np.int64)
            raw[: len(currents)] = reach.to_raw(currents)
            if action.branch is None:
                self.add_currents(context, raw)
            else:
                self.add_to_branches(context, action.branch, raw)

    def look(self, action: Look) -> None:
        queries = action.query[np.newaxis]
        scales = self.quantiser.query_scales(queries)
        one = round(action.unit / float(self.quantiser.distance(np.array([1]), scales)[0]))
        most = (1 << self.config.key_width) - 1
        if not 1 <= one <= most:
            raise DescriptionError(
                f"{action.where}.unit {action.unit:g} is {one:,} steps of the stored distances, not 1 to {most:,}"
            )
        found = self.array.search_batch(self.quantiser.quantise_queries(queries), action.k, "beam")
        n = int(found.n_results[0])
        gain = int(GAIN.to_raw(action.gain))
        for context in range(len(self.counts)):
            mine = np.flatnonzero(found.cores[0, :n] == context)
            if len(mine):
                self.bridge(context, found.indices[0, mine], found.distances[0, mine], one, gain)

    @abstractmethod
    def add_currents(self, context: int, raw: Ints) -> None:
        """V = saturate(V + raw) for the 32 neurons."""

    @abstractmethod
    def add_to_branches(self, context: int, branch: int, raw: Ints) -> None:
        """b = saturate(b + raw) for one branch of the 32 neurons."""

    @abstractmethod
    def bridge(self, context: int, indices: Ints, distances: Ints, one: int, gain: int) -> None:
        """Currents for search results, see :meth:`NeuralCore.bridge`."""

    def took(self, context: int, n_cycles: int) -> None:
        """Notes the cycles of a context's tick."""
        self.cycles[context] = n_cycles
        self.total_cycles += n_cycles

    def checked(self) -> dict[str, Any]:
        return {"cycles": self.total_cycles}

    def competes(self, phase: int) -> bool:
        """Whether the tick that begins at ``phase`` ends with a competition."""
        d = self.description
        return d.compete != "none" and (not d.by_turn or phase + d.dt_raw >= PHASE_PERIOD)

    def spikes(self) -> NDArray[np.bool_]:
        return np.concatenate([s.spike_flags()[:n] for s, n in zip(self.states, self.counts, strict=True)])

    def trace(self, name: str) -> NDArray[np.float64]:
        return np.concatenate([self._values(name, s)[:n] for s, n in zip(self.states, self.counts, strict=True)])

    def _values(self, name: str, state: NeuralState) -> NDArray[np.float64]:
        if name == "membrane":
            return MEMBRANE.from_raw(state.membrane)
        if name == "threshold":
            return THRESHOLD.from_raw(state.threshold)
        if name == "rate":
            return rates(state.rate, self.time_step.rate_factor)
        return np.asarray(join_weight(state.weight, state.residue) / WEIGHT_ONE)

    def turns(self) -> float:
        return self.states[0].phase / PHASE_PERIOD


class GoldenNetwork(FixedNetwork):
    """The golden fixed-point network: a :class:`NeuralCore` a context."""

    name = "golden"

    def __init__(self, description: Description) -> None:
        super().__init__(description)
        self.cores = [NeuralCore(state) for state in self.first_states()]
        for core in self.cores:
            core.time_step = self.time_step
        self.states = [core.state for core in self.cores]

    def add_currents(self, context: int, raw: Ints) -> None:
        membrane = self.states[context].membrane
        membrane[:] = MEMBRANE.saturate(membrane + raw)

    def add_to_branches(self, context: int, branch: int, raw: Ints) -> None:
        branches = self.states[context].branches
        branches[:, branch] = BRANCH.saturate(branches[:, branch] + raw)

    def bridge(self, context: int, indices: Ints, distances: Ints, one: int, gain: int) -> None:
        self.cores[context].bridge(indices, distances, one, gain)

    def tick(self) -> None:
        d = self.description
        for context, (core, count) in enumerate(zip(self.cores, self.counts, strict=True)):
            due = self.competes(core.state.phase)
            core.oscillate()
            self._tick(context, core, count)
            if due and d.compete == "hard":
                core.compete(count)
            elif due:
                core.soften(count)

    def _tick(self, context: int, core: NeuralCore, count: int) -> None:
        words, parts = self.array.words[context], self.description.parts
        own = core.stream(words, count, parts, self.outside[context])
        schedule = engine_schedule(own, core.state.spikes, link_counts(words), parts)
        core.deliver(words, self.gain_raw, parts, schedule.order)
        self.outside[context] = 0
        self.took(context, schedule.n_busy)
