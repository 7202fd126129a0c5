"""The golden backend: the bit- and cycle-exact model, many vectors at a time."""

from __future__ import annotations

import numpy as np

from ganglion.backends.base import ArrayState, Backend, Ints, RawResults, SpikingSettings
from golden.fixed.array import ArrayModel
from golden.fixed.fabric import Fabric
from golden.fixed.fabric_state import FabricSettings
from golden.spec import Config, Metric, Opcode, encode
from golden.spec.constants import MAX_DIMS
from golden.spec.neural_commands import command_name

__all__ = ["GoldenBackend"]


class GoldenBackend(Backend):
    """The array of ``config`` as a NumPy model: what the hardware answers, and after how many cycles."""

    name = "golden"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.model = ArrayModel(config)
        self._settings = FabricSettings()

    def init(self, dims: int, metric: Metric) -> int:
        cycles = self.model.execute(encode(Opcode.INIT, index=int(metric), value=dims)).cycles
        self.totals.note("INIT", np.array([cycles]))
        return cycles

    def insert(self, cores: Ints, vectors: Ints) -> tuple[Ints, Ints]:
        indices, cycles = self.model.insert_batch(cores, vectors)
        self.totals.note("INSERT", cycles)
        return indices, cycles

    def search(self, queries: Ints, k: int, *, exact: bool, type_mask: int) -> RawResults:
        found = self.model.search_batch(queries, k, "exact" if exact else "beam", type_mask)
        self.totals.note("SEARCH", found.cycles)
        return RawResults(found.cores, found.indices, found.distances, found.n_results, found.cycles)

    def set_types(self, cores: Ints, indices: Ints, types: Ints) -> None:
        self.model.types[cores, indices] = types

    def get_types(self, cores: Ints, indices: Ints) -> Ints:
        return self.model.types[cores, indices]

    def set_weights(self, cores: Ints, indices: Ints, weights: Ints) -> None:
        self.model.weights[cores, indices] = weights

    def get_weights(self, cores: Ints, indices: Ints) -> Ints:
        return self.model.weights[cores, indices]

    def _run(self, opcode: Opcode, core: int, index: int, alpha_raw: int = 0) -> int:
        cycles = self.model.execute(encode(opcode, core=core, index=index), alpha_raw=alpha_raw).cycles
        self.totals.note(opcode.name, np.array([cycles]))
        return cycles

    def aggregate(self, cores: Ints, indices: Ints) -> tuple[Ints, Ints]:
        deltas, cycles = np.zeros((len(cores), MAX_DIMS), np.int64), np.zeros(len(cores), np.int64)
        for i, (core, index) in enumerate(zip(cores.tolist(), indices.tolist(), strict=True)):
            cycles[i] = self._run(Opcode.AGGREGATE, core, index)
            deltas[i] = self.model.delta
        return deltas, cycles

    def update(self, cores: Ints, indices: Ints, alpha_raw: int) -> Ints:
        cycles = np.zeros(len(cores), np.int64)
        for i, (core, index) in enumerate(zip(cores.tolist(), indices.tolist(), strict=True)):
            cycles[i] = self._run(Opcode.AGGREGATE, core, index)
            cycles[i] += self._run(Opcode.UPDATE, core, index, alpha_raw)
        return cycles

    def read_vectors(self, cores: Ints, indices: Ints) -> Ints:
        rows = np.zeros((len(cores), MAX_DIMS), np.int64)
        rows[:, : self.model.dims] = self.model.vectors[cores, indices, : self.model.dims]
        return rows

    def read_state(self) -> ArrayState:
        state = ArrayState.empty(self.config.cores)
        state.counts[:] = self.model.counts
        cores, indices = state.places()
        state.vectors[cores, indices] = self.read_vectors(cores, indices)
        state.links[cores, indices] = self.model.words[cores, indices]
        state.types[cores, indices] = self.model.types[cores, indices]
        state.weights[cores, indices] = self.model.weights[cores, indices]
        return state

    def write_state(self, state: ArrayState) -> None:
        cores, indices = state.places()
        self.model.counts[:] = state.counts
        self.model.vectors[cores, indices] = state.vectors[cores, indices]
        self.model.words[cores, indices] = state.links[cores, indices]
        self.model.types[cores, indices] = state.types[cores, indices]
        self.model.weights[cores, indices] = state.weights[cores, indices]

    def spiking_settings(self, settings: SpikingSettings) -> None:
        self._settings = FabricSettings(
            time_step=settings.time_step, gain_raw=settings.gain_raw, distance_one=settings.distance_one
        )

    def spiking(self, word: int, *, data: int = 0, query: Ints | None = None) -> tuple[int, int]:
        if query is not None:
            self.model.query[: len(query)] = query
        done = self.model.execute(word, data=data, settings=self._settings)
        self.totals.note(command_name(word), np.array([done.cycles]))
        return done.answer, done.cycles

    def spiking_search(
        self, word: int, *, data: int = 0, query: Ints | None = None
    ) -> tuple[list[tuple[int, int, int]], int]:
        _n_results, cycles = self.spiking(word, data=data, query=query)
        return [(key, core, index) for key, core, index in self.model.results], cycles

    @property
    def phase(self) -> int:
        return self._fabric.phase

    @phase.setter
    def phase(self, raw: int) -> None:
        self._fabric.phase = raw

    @property
    def _fabric(self) -> Fabric:
        assert self.model.fabric is not None, "the array has no contexts"
        return self.model.fabric
