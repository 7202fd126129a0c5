"""The spiking side of a device: a leaky integrate-and-fire neuron behind every stored vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import SpikingSettings
from ganglion.device_checks import as_integer, as_vectors
from ganglion.device_matches import NO_KEY, Matches
from golden.fixed.neural_state import rates
from golden.spec import Opcode, encode
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP
from golden.spec.constants import INDEX_NONE, MAX_RESULTS, VECTORS_PER_CORE
from golden.spec.neural import (
    DT_FRACTION_BITS,
    DT_MAX_RAW,
    ELAPSED,
    ELAPSED_NEVER,
    GAIN,
    HISTORY_WIDTH,
    MEMBRANE,
    RATE,
    RESONANCE_ONE,
    THRESHOLD,
    TRACE,
    time_step,
)
from golden.spec.neural_commands import (
    ALL_CONTEXTS,
    STEP_OSCILLATOR,
    NeuralOpcode,
    NeuronField,
    ResetPart,
    TickPart,
)
from golden.spec.qformat import QFormat

if TYPE_CHECKING:
    from ganglion.device import Device

__all__ = ["Network", "Ticks"]

PLAIN = TickPart.STEP | TickPart.HOMEOSTASIS | TickPart.RECORD | TickPart.TO_MEMBRANE
"""What a tick does unless told otherwise: step, homeostasis, record, propagate."""
SEARCH_COUPLING = 0.5
SCORE_FRACTION_BITS = 15
SIMILARITY_FRACTION_BITS = 16
FIELDS: dict[str, tuple[NeuronField, QFormat]] = {
    "membrane": (NeuronField.MEMBRANE, MEMBRANE),
    "elapsed": (NeuronField.ELAPSED, ELAPSED),
    "rate": (NeuronField.RATE, RATE),
    "threshold": (NeuronField.THRESHOLD, THRESHOLD),
    "trace": (NeuronField.TRACE, TRACE),
}
"""Fields in units: membranes and thresholds as they are, elapsed time in ms, rates in spikes/ms."""
PER_NEURON = tuple(field for field in NeuronField if field <= NeuronField.TRACE)
PER_CONTEXT = (NeuronField.SPIKES, NeuronField.EXTERNAL, NeuronField.GLIMPSES)


@dataclass(frozen=True)
class Ticks:
    """What n ticks did. ``keys``: an array of the keys that fired for each tick; ``cycles`` [n]: clock cycles."""

    keys: list[NDArray[np.uint64]]
    cycles: NDArray[np.int64]

    @property
    def n_spikes(self) -> NDArray[np.int64]:
        """Spikes of each tick, [n]."""
        return np.array([len(keys) for keys in self.keys], np.int64)


class Network:
    """The neurons of a :class:`Device` whose array has spiking units and a context for every core.

    Neurons are called by the keys of their vectors. Times are in ms, rates in spikes/ms; membranes and thresholds are
    numbers (threshold 1 after a reset). Everything is held in the fixed point of docs/design/spiking.md: what is read
    back is what the array works with. Every :meth:`Device.add` that stores vectors anew also resets the neurons.

    Errors: TypeError and ValueError naming the value or the key.
    """

    def __init__(self, device: Device) -> None:
        config = device.config
        if not config.contexts:
            raise ValueError("this array has no spiking units: make the device with a preset such as 'folded256-snn'")
        if config.contexts != config.cores:
            raise ValueError(
                f"a network needs a context for each of the {config.cores} cores, not {config.contexts}: "
                f"make the device with cores={config.contexts}"
            )
        self._device = device
        self._dt_raw = 1 << DT_FRACTION_BITS
        self._gain_raw = 0
        self._set()

    # ---------------------------------------------------------------- settings

    @property
    def dt(self) -> float:
        """Length of a step, 0..1000 ms; rounded to 2^-16 ms."""
        return self._dt_raw / (1 << DT_FRACTION_BITS)

    @dt.setter
    def dt(self, value: float) -> None:
        raw = _number("dt", value) * (1 << DT_FRACTION_BITS)
        if not 0 <= raw <= DT_MAX_RAW:
            raise ValueError(f"dt must be 0 to {DT_MAX_RAW >> DT_FRACTION_BITS} ms, not {value!r}")
        self._dt_raw = round(Fraction(raw))
        self._set()

    @property
    def gain(self) -> float:
        """What a spike brings a neighbour over an edge of full weight; negative gains inhibit. -16..16, steps 2^-13."""
        return float(GAIN.from_raw(np.int64(self._gain_raw)))

    @gain.setter
    def gain(self, value: float) -> None:
        self._gain_raw = _raw("gain", value, GAIN)
        self._set()

    def _set(self, *, gain_raw: int | None = None) -> None:
        gain = self._gain_raw if gain_raw is None else gain_raw
        self._backend.spiking_settings(SpikingSettings(time_step(self._dt_raw), gain, self._distance_one()))

    def _distance_one(self) -> int:
        """The raw distance that is 1 in the user's units, as near as integers come."""
        quantiser = self._device.quantiser
        if quantiser is None:
            return 1
        # A difference, as some distances have an offset.
        steps = quantiser.distance(np.array([[0, 1]]), np.ones(1))[0]
        unit = float(steps[1] - steps[0])
        largest = (1 << self._device.config.key_width) - 1
        return largest if unit <= 0 else int(min(max(round(1 / unit), 1), largest))

    @property
    def _backend(self) -> Any:
        self._device._guard()
        return self._device.backend

    # ---------------------------------------------------------------- neurons

    def reset(self, *, everything: bool = False) -> None:
        """Membranes, thresholds, elapsed times and spikes start anew; with ``everything`` all but the weights."""
        parts = ResetPart.NETWORK | ResetPart.SEQUENCE
        if everything:
            parts |= ResetPart.BRANCHES | ResetPart.HISTORIES | ResetPart.RATES
        self._run(NeuralOpcode.NEURON_RESET, index=ALL_CONTEXTS, value=parts)

    def inject(self, keys: Any, currents: Any) -> None:
        """Adds currents [n] (or one for all) to the membranes of the keys' neurons, saturating at +-32."""
        cores, indices = self._device._find(keys)
        for core, index, raw in zip(
            cores, indices, self._raws("currents", currents, len(cores), MEMBRANE), strict=True
        ):
            self._run(NeuralOpcode.INJECT, core=core, index=index, data=raw)

    def read(self, field: str, keys: Any) -> NDArray[np.float64]:
        """``"membrane"``, ``"threshold"``, ``"rate"``, ``"elapsed"`` (inf: never fired) or ``"trace"`` by key, [n]."""
        number, form = _field(field)
        cores, indices = self._device._find(keys)
        bits = [self._read(core, index, number, form) for core, index in zip(cores, indices, strict=True)]
        raw = np.array(bits, np.int64)
        if field == "rate":
            return np.asarray(rates(raw, time_step(self._dt_raw).rate_factor), np.float64)
        values = np.asarray(form.from_raw(raw), np.float64)
        return np.where(raw == ELAPSED_NEVER, np.inf, values) if field == "elapsed" else values

    def write(self, field: str, keys: Any, values: Any) -> None:
        """Sets ``"membrane"``, ``"threshold"`` or ``"trace"`` of the keys' neurons: values [n] or one for all."""
        number, form = _field(field)
        if field in ("rate", "elapsed"):
            raise ValueError(f"{field!r} is set by restore() only; write membrane, threshold or trace")
        cores, indices = self._device._find(keys)
        for core, index, raw in zip(cores, indices, self._raws("values", values, len(cores), form), strict=True):
            self._run(NeuralOpcode.WRITE_NEURON, core=core, index=index, value=number, data=raw)

    def _read(self, core: int, index: int, number: int, form: QFormat | None = None) -> int:
        bits = self._run(NeuralOpcode.READ_NEURON, core=core, index=index, value=number)[0] & 0xFFFF_FFFF
        return bits - (bits >> (form.width - 1) << form.width) if form is not None and form.signed else bits

    # ---------------------------------------------------------------- time

    def tick(self, n: int = 1, *, learn: bool = False, parts: TickPart | None = None, oscillate: bool = True) -> Ticks:
        """n steps of all neurons: step, homeostasis, record, propagate with :attr:`gain`, and STDP if ``learn``.

        ``parts`` chooses others (dendrites, branches as targets); ``oscillate`` moves the gamma oscillator as well.
        """
        n = as_integer("n", n, 0, 1 << 30)
        chosen = (PLAIN if parts is None else TickPart(parts)) | (TickPart.LEARN if learn else TickPart(0))
        index = ALL_CONTEXTS | (STEP_OSCILLATOR if oscillate else 0)
        fired, cycles = [], np.zeros(n, np.int64)
        for i in range(n):
            n_spikes, cycles[i] = self._run(NeuralOpcode.TICK, index=index, value=chosen)
            fired.append(self.spikes() if n_spikes else np.zeros(0, np.uint64))
        return Ticks(fired, cycles)

    def spikes(self) -> NDArray[np.uint64]:
        """The keys whose neurons fired in the last tick."""
        places = []
        for core in self._occupied():
            word = self._read(core, 0, NeuronField.SPIKES)
            places += [(core, index) for index in range(VECTORS_PER_CORE) if word >> index & 1]
        return self._keys(places)

    def activity(self) -> float:
        """The sum of all spike rates, in spikes/ms."""
        total = sum(self._run(NeuralOpcode.ACTIVITY, core=core)[0] for core in self._occupied())
        return float(rates(np.array([total], np.int64), time_step(self._dt_raw).rate_factor)[0])

    def resonance(self, keys: Any) -> NDArray[np.float64]:
        """How near the oscillator is to the preferred phase of each key's neuron: 0..1, [n]."""
        _cores, indices = self._device._find(keys)
        found = [self._run(NeuralOpcode.RESONANCE, index=index)[0] & 0xFFFF_FFFF for index in indices]
        return np.array(found, np.float64) / RESONANCE_ONE

    def compete(self, *, soft: bool = False) -> NDArray[np.uint64]:
        """Winner take all in every core: the winners' keys. The others lose 0.8 of the largest membrane; if ``soft``,
        every membrane V becomes V (V/V_max)^2."""
        found = [(core, self._run(NeuralOpcode.COMPETE, core=core, value=int(soft))[0]) for core in self._occupied()]
        return self._keys([(core, winner) for core, winner in found if winner != INDEX_NONE])

    # ---------------------------------------------------------------- searches

    def drive(self, query: Any, k: int = 10, *, gain: float = 1.0) -> Matches:
        """An exact search whose results get a current gain / (1 + distance) each.

        Distances are taken, and returned, in units of the whole number of raw units that comes nearest to 1.
        """
        k, gain_raw = as_integer("k", k, 1, MAX_RESULTS), _raw("gain", gain, GAIN)
        raw = self._quantised(query)
        entries, cycles = self._backend.spiking_search(encode(Opcode.SEARCH, value=k | SEARCH_EXACT), query=raw)
        self._set(gain_raw=gain_raw)
        try:
            for core in sorted({core for _key, core, _index in entries}):
                cycles += self._run(NeuralOpcode.INJECT_RESULTS, core=core)[1]
        finally:
            self._set()
        return self._matches(entries, k, cycles, self._distance_one())

    def search(self, query: Any, k: int = 5, *, iterations: int = 20, core: int = 0) -> Matches:
        """The neuromorphic search of one core (docs/neuromorphic.md): distances are minus its scores.

        Scores are relative to the best of the core, so cores are not merged. Steps of :attr:`dt`; the core's neurons
        start anew, and searches that follow each other count as glimpses of one sequence where they agree.
        """
        k, iterations = as_integer("k", k, 1, MAX_RESULTS), as_integer("iterations", iterations, 0, 255)
        core = as_integer("core", core, 0, self._device.config.cores - 1)
        raw = self._quantised(query)
        self._set(gain_raw=_raw("coupling", SEARCH_COUPLING, GAIN))
        try:
            word = encode(NeuralOpcode.NEURO_SEARCH, core=core, index=iterations, value=k)
            entries, cycles = self._backend.spiking_search(word, query=raw)
        finally:
            self._set()
        return self._matches(entries, k, cycles, 1 << SCORE_FRACTION_BITS)

    def encode(self, keys: Any) -> NDArray[np.uint32]:
        """Stored vectors as patterns of spike times, [n]; they become their neurons' histories."""
        cores, indices = self._device._find(keys)
        found = [self._run(NeuralOpcode.ENCODE, core=c, index=i)[0] for c, i in zip(cores, indices, strict=True)]
        return np.array([bits & 0xFFFF_FFFF for bits in found], np.uint32)

    def encode_query(self, query: Any) -> int:
        """The pattern of a query."""
        return int(self._backend.spiking(encode(NeuralOpcode.ENCODE_QUERY), query=self._quantised(query))[0])

    def spike_search(self, pattern: int, k: int = 10) -> Matches:
        """The k neurons of all cores whose histories are most similar to a pattern; distances are 1 - similarity."""
        pattern, k = as_integer("pattern", pattern, 0, (1 << HISTORY_WIDTH) - 1), as_integer("k", k, 1, MAX_RESULTS)
        entries: Sequence[tuple[int, int, int]] = ()
        cycles = 0
        for number, core in enumerate(self._occupied()):
            value = k | (SEARCH_KEEP if number else 0)
            word = encode(NeuralOpcode.SPIKE_SEARCH, core=core, value=value)
            entries, n = self._backend.spiking_search(word, data=pattern)
            cycles += n
        return self._matches(entries, k, cycles, 1 << SIMILARITY_FRACTION_BITS)

    # ---------------------------------------------------------------- state

    def state(self) -> dict[str, NDArray[np.int64]]:
        """Everything the neurons remember, as raw integers by name: [cores, 32] or [cores], ``phase`` []; exact."""
        cores = range(self._device.config.cores)
        saved = {
            field.name.lower(): np.array(
                [[self._read(core, index, field) for index in range(VECTORS_PER_CORE)] for core in cores], np.int64
            )
            for field in PER_NEURON
        }
        saved |= {
            field.name.lower(): np.array([self._read(c, 0, field) for c in cores], np.int64) for field in PER_CONTEXT
        }
        saved["phase"] = np.array(self._backend.phase, np.int64)
        return saved

    def restore(self, saved: dict[str, NDArray[np.int64]]) -> None:
        """Takes over what :meth:`state` returned from an array of as many cores.

        ValueError, and no change, if it cannot be one.
        """
        n_cores = self._device.config.cores
        shapes: dict[str, tuple[int, ...]] = {field.name.lower(): (n_cores, VECTORS_PER_CORE) for field in PER_NEURON}
        shapes |= {field.name.lower(): (n_cores,) for field in PER_CONTEXT} | {"phase": ()}
        for name, shape in shapes.items():
            found = np.asarray(saved[name]).shape if name in saved else None
            if found != shape:
                raise ValueError(f"{name} of a saved network must have shape {shape}, not {found}")
        for field in (*PER_NEURON, *PER_CONTEXT):
            values = np.asarray(saved[field.name.lower()], np.int64).reshape(n_cores, -1)
            for core in range(n_cores):
                for index, bits in enumerate(values[core].tolist()):
                    self._run(NeuralOpcode.WRITE_NEURON, core=core, index=index, value=field, data=bits)
        self._backend.phase = int(saved["phase"])

    # ---------------------------------------------------------------- helpers

    def _run(
        self, opcode: NeuralOpcode, *, core: int = 0, index: int = 0, value: int = 0, data: int = 0
    ) -> tuple[int, int]:
        word = encode(opcode, core=int(core), index=int(index), value=int(value))
        answer, cycles = self._backend.spiking(word, data=int(data))
        return int(answer), int(cycles)

    def _occupied(self) -> list[int]:
        return [int(core) for core in np.flatnonzero(self._device.fill)]

    def _keys(self, places: Sequence[tuple[int, int]]) -> NDArray[np.uint64]:
        books = self._device._books
        cores, indices = np.array(places, np.int64).reshape(-1, 2).T
        held = indices < self._device.fill[cores]
        return books.keys[books.row_at[cores[held], indices[held]]]

    def _quantised(self, query: Any) -> NDArray[np.int64]:
        rows = as_vectors("query", query, self._device.dims)
        if len(rows) != 1:
            raise ValueError(f"query must be one vector, not {len(rows)}")
        quantiser = self._device.quantiser
        return (
            np.zeros(self._device.dims, np.int64)
            if quantiser is None
            else quantiser.quantise_queries(rows)[0].astype(np.int64)
        )

    def _raws(self, name: str, values: Any, n: int, form: QFormat) -> list[int]:
        array = np.asarray(values)
        if array.ndim == 0:
            array = np.broadcast_to(array, (n,))
        if array.shape != (n,):
            raise ValueError(f"{name} must be one number or {n}, not shape {array.shape}")
        return [_raw(name, value, form) for value in array.tolist()]

    def _matches(self, entries: Sequence[tuple[int, int, int]], k: int, cycles: int, one: int) -> Matches:
        entries = entries[:k]
        keys, distances = np.full((1, k), NO_KEY), np.full((1, k), np.nan)
        count = len(entries)
        keys[0, :count] = self._keys([(core, index) for _key, core, index in entries])
        distances[0, :count] = [key / one for key, _core, _index in entries]
        return Matches(keys, distances, np.array([count]), np.array([cycles]), np.zeros(1, bool))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value!r}")
    return float(value)


def _raw(name: str, value: Any, form: QFormat) -> int:
    """A number in a format; ValueError where it is out of range."""
    number = _number(name, value)
    low, high = float(form.from_raw(np.int64(form.min_raw))), float(form.from_raw(np.int64(form.max_raw)))
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low:g} to {high:g}, not {value!r}")
    return int(form.to_raw(number))


def _field(name: Any) -> tuple[NeuronField, QFormat]:
    if name not in FIELDS:
        raise ValueError(f"unknown field {name!r}; choose one of {', '.join(FIELDS)}")
    return FIELDS[name]
