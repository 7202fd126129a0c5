"""The simulation backend: the RTL compiled with CXXRTL, every access a transaction on its AXI4-Lite bus."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import ArrayState, Backend, BackendError, Ints, RawResults, SpikingSettings
from ganglion.backends.bus import AxiLiteBus, Transfer, read, write
from ganglion.engine import Progress
from ganglion.engine.top import array_engine
from golden.spec import Buffer, Config, Metric, Opcode, buffers, encode
from golden.spec.commands import SEARCH_EXACT
from golden.spec.constants import MAX_DIMS, MAX_RESULTS
from golden.spec.neural_commands import command_name

__all__ = ["SimulationBackend"]


class SimulationBackend(Backend):
    """The array of ``config`` in simulation; building it for the first time takes up to a few minutes.

    ``progress`` is called with a line of text before each slow step.
    """

    name = "sim"

    def __init__(self, config: Config, *, progress: Progress | None = None) -> None:
        super().__init__(config)
        self._engine = array_engine(config, progress=progress)
        self.bus = AxiLiteBus(self._engine, config)
        self.seconds = 0.0
        """Wall-clock seconds spent in the simulator and its bus driver."""
        self._dims = MAX_DIMS
        self._addr = {name: register.addr for name, register in self.bus.registers.items()}
        self._buffers = {buffer.name: buffer for buffer in buffers(config)}
        self._wide = config.key_width > 32
        self._identify()
        self.bus.wait_until_idle()
        self.bus.transfer([write(self._addr["IRQ_STATUS"], 1), write(self._addr["IRQ_ENABLE"], 1)])

    @property
    def n_cycles(self) -> int:
        """Clock cycles simulated so far, bus traffic and all."""
        return self.bus.n_cycles

    def close(self) -> None:
        self._engine.close()

    def _identify(self) -> None:
        names = ("ID", "VERSION", "CONFIG", "CONFIG_HASH")
        found = self.bus.transfer([read(self._addr[name]) for name in names])
        for name, value in zip(names, found, strict=True):
            expected = self.bus.registers[name].reset
            if value != expected:
                raise BackendError(f"register {name} holds {value:#x}, this configuration's is {expected:#x}")

    def _command(
        self,
        opcode: Opcode,
        *,
        core: int = 0,
        index: int = 0,
        value: int = 0,
        before: Sequence[Transfer] = (),
        after: Sequence[str] = (),
        then: Sequence[Transfer] = (),
    ) -> tuple[int, list[int]]:
        """Runs a command; returns its CYCLES, and the registers named in ``after`` followed by what ``then`` reads."""
        word = encode(opcode, core=core, index=index, value=value)
        reads = [read(self._addr[name]) for name in ("CYCLES", *after)]
        started = time.perf_counter()
        cycles, *values = self.bus.command(word, before, [*reads, *then])
        self.seconds += time.perf_counter() - started
        self.totals.note(opcode.name, np.array([cycles]))
        return cycles, values

    def _fill(self, buffer: Buffer, elements: NDArray[np.integer]) -> list[Transfer]:
        """Writes of elements [n <= 16] to a buffer."""
        words = _to_words(elements, buffer.slot_width)
        return [write(buffer.addr + 4 * i, word) for i, word in enumerate(words)]

    def _drain(self, buffer: Buffer) -> list[Transfer]:
        return [read(buffer.addr + 4 * i) for i in range(buffer.n_words)]

    def init(self, dims: int, metric: Metric) -> int:
        self._dims = dims
        cycles, _values = self._command(Opcode.INIT, index=int(metric), value=dims)
        return cycles

    def insert(self, cores: Ints, vectors: Ints) -> tuple[Ints, Ints]:
        indices, cycles = np.zeros(len(cores), np.int64), np.zeros(len(cores), np.int64)
        for i, (core, vector) in enumerate(zip(cores.tolist(), vectors, strict=True)):
            before = self._fill(self._buffers["VECTOR"], vector)
            cycles[i], (indices[i],) = self._command(Opcode.INSERT, core=core, before=before, after=("RETURN0",))
        return indices, cycles

    def search(self, queries: Ints, k: int, *, exact: bool, type_mask: int) -> RawResults:
        found = RawResults.empty(len(queries), k)
        low, high, record = (self._addr[n] for n in ("RESULT_DISTANCE_LO", "RESULT_DISTANCE_HI", "RESULT_RECORD"))
        entry = [read(low), read(high), read(record)] if self._wide else [read(low), read(record)]
        value = k | (SEARCH_EXACT if exact else 0)
        mask = [write(self._addr["TYPE_MASK"], type_mask)]
        for i, query in enumerate(queries):
            before = [*mask, *self._fill(self._buffers["QUERY"], query)]
            mask = []
            found.cycles[i], values = self._command(
                Opcode.SEARCH, value=value, before=before, after=("RETURN0",), then=entry * k
            )
            count, rows = values[0], np.array(values[1:], np.int64).reshape(k, len(entry))[: values[0]]
            found.count[i] = count
            found.core[i, :count] = rows[:, -1] >> 8 & 0xFF
            found.index[i, :count] = rows[:, -1] & 0xFF
            if not (rows[:, -1] >> 16 & 1).all():
                raise BackendError(f"the result list ended before its {count} entries were read")
            raw = rows[:, 0] | (rows[:, 1] << 32 if self._wide else 0)
            found.distance[i, :count] = raw if self._wide else raw.astype(np.uint32).view(np.int32)
        return found

    def _nodes(
        self, opcode: Opcode, cores: Ints, indices: Ints, values: Iterable[int] | None = None
    ) -> NDArray[np.int64]:
        """RETURN0 of a command for every node, [n]."""
        returned = [
            self._command(opcode, core=core, index=index, value=value, after=("RETURN0",))[1][0]
            for core, index, value in zip(
                cores.tolist(), indices.tolist(), [0] * len(cores) if values is None else values, strict=True
            )
        ]
        return np.array(returned, np.int64)

    def set_types(self, cores: Ints, indices: Ints, types: Ints) -> None:
        self._nodes(Opcode.SET_TYPE, cores, indices, types.tolist())

    def get_types(self, cores: Ints, indices: Ints) -> Ints:
        return self._nodes(Opcode.GET_TYPE, cores, indices)

    def set_weights(self, cores: Ints, indices: Ints, weights: Ints) -> None:
        self._nodes(Opcode.SET_WEIGHT, cores, indices, weights.tolist())

    def get_weights(self, cores: Ints, indices: Ints) -> Ints:
        return self._nodes(Opcode.GET_WEIGHT, cores, indices)

    def aggregate(self, cores: Ints, indices: Ints) -> tuple[Ints, Ints]:
        deltas, cycles = np.zeros((len(cores), MAX_DIMS), np.int64), np.zeros(len(cores), np.int64)
        buffer = self._buffers["DELTA"]
        for i, (core, index) in enumerate(zip(cores.tolist(), indices.tolist(), strict=True)):
            cycles[i], words = self._command(Opcode.AGGREGATE, core=core, index=index, then=self._drain(buffer))
            deltas[i] = _from_words(words, buffer.slot_width)
        return deltas, cycles

    def update(self, cores: Ints, indices: Ints, alpha_raw: int) -> Ints:
        cycles = np.zeros(len(cores), np.int64)
        before = [write(self._addr["ALPHA"], alpha_raw & 0xFFFF)]
        for i, (core, index) in enumerate(zip(cores.tolist(), indices.tolist(), strict=True)):
            first, _values = self._command(Opcode.AGGREGATE, core=core, index=index, before=before)
            second, _values = self._command(Opcode.UPDATE, core=core, index=index)
            cycles[i] = first + second
        return cycles

    def read_vectors(self, cores: Ints, indices: Ints) -> Ints:
        vectors = np.zeros((len(cores), MAX_DIMS), np.int64)
        buffer = self._buffers["VECTOR"]
        for i, (core, index) in enumerate(zip(cores.tolist(), indices.tolist(), strict=True)):
            _cycles, words = self._command(Opcode.READ_VECTOR, core=core, index=index, then=self._drain(buffer))
            vectors[i] = _from_words(words, buffer.slot_width)
        return vectors

    def read_state(self) -> ArrayState:
        state = ArrayState.empty(self.config.cores)
        for core in range(self.config.cores):
            state.counts[core] = self._command(Opcode.COUNT, core=core, after=("RETURN0",))[1][0]
        cores, indices = state.places()
        state.vectors[cores, indices] = self.read_vectors(cores, indices)
        state.types[cores, indices] = self.get_types(cores, indices)
        state.weights[cores, indices] = self.get_weights(cores, indices)
        for core, index in zip(cores.tolist(), indices.tolist(), strict=True):
            _cycles, (low, high) = self._command(
                Opcode.READ_LINKS, core=core, index=index, after=("RETURN0", "RETURN1")
            )
            state.links[core, index] = low | high << 32
        return state

    def write_state(self, state: ArrayState) -> None:
        for core, count in enumerate(state.counts.tolist()):
            self._command(Opcode.SET_COUNT, core=core, value=count)
        cores, indices = state.places()
        data0, data1 = self._addr["DATA0"], self._addr["DATA1"]
        for core, index in zip(cores.tolist(), indices.tolist(), strict=True):
            before = self._fill(self._buffers["VECTOR"], state.vectors[core, index, : self._dims])
            self._command(Opcode.WRITE_VECTOR, core=core, index=index, before=before)
            links = int(state.links[core, index])
            before = [write(data0, links), write(data1, links >> 32)]
            self._command(Opcode.WRITE_LINKS, core=core, index=index, before=before)
        self.set_types(cores, indices, state.types[cores, indices].astype(np.int64))
        self.set_weights(cores, indices, state.weights[cores, indices].astype(np.int64))

    def spiking_settings(self, settings: SpikingSettings) -> None:
        step = settings.time_step
        values = {
            "DT": step.dt_raw,
            "LEAK": step.leak,
            "RATE_FACTOR": step.rate_factor,
            "TARGET_STEP": step.target_step,
            "PHASE_STEP": step.phase_step,
            "GAIN": settings.gain_raw,
            "DISTANCE_ONE": settings.distance_one,
        }
        self.bus.transfer([write(self._addr[name], value) for name, value in values.items()])

    def spiking(self, word: int, *, data: int = 0, query: Ints | None = None) -> tuple[int, int]:
        cycles, (low, high) = self._spiking(word, data, query, [])
        return low | high << 32, cycles

    def spiking_search(
        self, word: int, *, data: int = 0, query: Ints | None = None
    ) -> tuple[list[tuple[int, int, int]], int]:
        names = ("RESULT_DISTANCE_LO", "RESULT_DISTANCE_HI", "RESULT_RECORD")
        drained = [read(self._addr[name]) for name in names] * MAX_RESULTS
        cycles, (count, _high, *words) = self._spiking(word, data, query, drained)
        rows = np.array(words, np.int64).reshape(MAX_RESULTS, len(names))[:count]
        keys = (rows[:, 0] | rows[:, 1] << 32).tolist()
        return [
            (key, record >> 8 & 0xFF, record & 0xFF) for key, record in zip(keys, rows[:, 2].tolist(), strict=True)
        ], cycles

    def _spiking(self, word: int, data: int, query: Ints | None, then: list[Transfer]) -> tuple[int, list[int]]:
        before = [write(self._addr["DATA0"], data), write(self._addr["DATA1"], data >> 32)]
        if query is not None:
            before += self._fill(self._buffers["QUERY"], query)
        reads = [read(self._addr[name]) for name in ("CYCLES", "RETURN0", "RETURN1")]
        started = time.perf_counter()
        cycles, *values = self.bus.command(word, before, [*reads, *then])
        self.seconds += time.perf_counter() - started
        self.totals.note(command_name(word), np.array([cycles]))
        return cycles, values

    @property
    def phase(self) -> int:
        return self.bus.transfer([read(self._addr["PHASE"])])[0]

    @phase.setter
    def phase(self, raw: int) -> None:
        self.bus.transfer([write(self._addr["PHASE"], raw)])


def _to_words(elements: NDArray[np.integer], slot_width: int) -> list[int]:
    """Elements packed into 32-bit words, first element in the low bits; the last word is filled up with zeros."""
    per_word = 32 // slot_width
    padded = np.zeros(-(-len(elements) // per_word) * per_word, f"<i{slot_width // 8}")
    padded[: len(elements)] = elements
    return [int(word) for word in padded.view("<u4")]


def _from_words(words: Sequence[int], slot_width: int) -> Ints:
    """The elements of 32-bit words, [len(words) * 32 / slot_width]."""
    return np.array(words, "<u4").view(f"<i{slot_width // 8}").astype(np.int64)
