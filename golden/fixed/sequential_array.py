"""An array and the sequential engine that does the same, side by side: cycles come from the engine.

The array may change without the engine: many insertions at once, a restored state. Before the engine runs a command
whose cycles count, it catches up. Its memory of rows and nodes, its buffers and the oscillator's phase are written
over; what the program keeps for itself is brought up by the commands for it (INIT, SET_COUNT, CLEAR_RESULTS and MERGE,
WRITE_NEURON), as far as the array is no longer as it was after the engine's last command. They take no time.
"""

from dataclasses import dataclass, replace

import numpy as np

from golden.fixed.array_command import Execution
from golden.fixed.array_state import ArrayState, Entry
from golden.fixed.bits import I64Array, mask
from golden.fixed.fabric_search import FabricSearch
from golden.fixed.fabric_state import Context
from golden.fixed.sequential import SequentialEngine
from golden.fixed.sequential_ports import Progress, Request
from golden.spec import Metric, Opcode, encode
from golden.spec.constants import MAX_DIMS, VECTORS_PER_CORE
from golden.spec.neural_commands import NEURON_FIELDS, NeuralOpcode, NeuronField

HIDDEN_FROM = 1
"""The busy cycle from which no results are left to read."""
NEURON_COLUMNS = tuple(info for info in NEURON_FIELDS if info.field < NeuronField.SPIKES)
CONTEXT_COLUMNS = tuple(info for info in NEURON_FIELDS if info.field >= NeuronField.SPIKES)
N_REGIONS = 3
"""Regions of the buffer memory that an array has; the fourth is the program's."""


def neuron_bits(context: Context) -> I64Array:
    """All fields of a context's neurons as bits, [33, 13]; the last row has those of the context itself."""
    table = np.zeros((VECTORS_PER_CORE + 1, len(NEURON_COLUMNS)), np.int64)
    s = context.state
    n = s.branches.shape[1]
    table[:-1, :n] = s.branches
    for place, values in enumerate((s.history, s.membrane, s.elapsed, s.rate, s.threshold, s.residue, s.trace), n):
        table[:-1, place] = values
    table[:-1] &= np.array([mask(info.width) for info in NEURON_COLUMNS])
    table[-1, : len(CONTEXT_COLUMNS)] = s.spikes, context.external, context.glimpses
    return table


@dataclass(frozen=True)
class Known:
    """What the program keeps for itself, as it is in the engine."""

    dims: int
    metric: int
    counts: I64Array
    results: list[Entry]
    neurons: I64Array

    def emptied(self, dims: int, metric: int) -> "Known":
        """The same after INIT."""
        return replace(
            self, dims=dims, metric=metric, counts=np.zeros_like(self.counts), neurons=neuron_bits(Context())
        )


class SequentialArray:
    """The engine of ``array``, whose neurons are ``fabric``'s.

    ``engine`` is None until it is needed: it takes a few milliseconds to make.
    """

    def __init__(self, array: ArrayState, fabric: FabricSearch) -> None:
        self.array, self.fabric = array, fabric
        self._engine: SequentialEngine | None = None
        self._is_reset = True
        self._known = self._after_reset()

    def _after_reset(self) -> Known:
        zeros = np.zeros(self.array.config.cores, np.int64)
        return Known(MAX_DIMS, Metric.L2, zeros, [], neuron_bits(Context()))

    @property
    def engine(self) -> SequentialEngine:
        """The engine, made and booted."""
        if self._engine is None:
            self._engine = SequentialEngine(self.array.config)
            self._is_reset = False
        if self._is_reset:
            self.reset(0)
        return self._engine

    def forget(self) -> None:
        """The array has been reset: so is the engine, when it is needed."""
        self._is_reset = True

    def reset(self, first_cycle: int) -> None:
        """A reset whose first cycle behind it is ``first_cycle``: the engine runs until it waits for a command."""
        self._is_reset = False
        self._known = self._after_reset()
        self.engine.reset(first_cycle)

    # ---------------------------------------------------------------- side by side

    def measure(self, request: Request) -> Progress:
        """What a command shows that the array is about to run, its cycles counted from 0, in which it is accepted."""
        self.catch_up()
        return self.engine.run(request)

    @staticmethod
    def timed(done: Execution, shown: Progress) -> Execution:
        """An execution with the cycles in which the engine did it."""
        assert shown.finish is not None
        return Execution(
            shown.finish,
            done.answer,
            max((cycle for cycle, _, _ in shown.answers), default=1),
            HIDDEN_FROM,
            tuple(shown.reports),
            tuple(shown.phases),
        )

    def note(self) -> None:
        """The array has run the command that the engine ran: both are in the same state."""
        self._known = self._now()

    def _now(self) -> Known:
        array = self.array
        return Known(
            array.dims,
            int(array.metric),
            array.counts.copy(),
            list(array.results),
            neuron_bits(self.fabric.contexts[0]),
        )

    def catch_up(self) -> None:
        """Bring the engine, which waits for a command, to the state of the array."""
        engine, array = self.engine, self.array
        words = self._missing()
        ports = engine.ports
        ports.state.buffers[:N_REGIONS] = array.buffers
        if words:
            since, reporter_idle = engine.idle_from, ports.state.reporter_idle
            for word, data in words:
                engine.run(Request(word=word, data=data))
            engine.wait_since(since, reporter_idle)
            self.note()
        engine.load_memory(array.vectors, array.words, array.types, array.weights)
        ports.state.buffers[:N_REGIONS] = array.buffers
        ports.state.phase = self.fabric.phase

    def _missing(self) -> list[tuple[int, int]]:
        """Command words, and what is in DATA, that bring what the program keeps to what the array has."""
        known, now = self._known, self._now()
        words: list[tuple[int, int]] = []
        if (now.dims, now.metric) != (known.dims, known.metric):
            words.append((encode(Opcode.INIT, index=now.metric, value=now.dims), 0))
            known = known.emptied(now.dims, now.metric)
        for core in np.flatnonzero(now.counts != known.counts).tolist():
            words.append((encode(Opcode.SET_COUNT, core=core, value=int(now.counts[core])), 0))
        if now.results != known.results:
            words.append((encode(Opcode.CLEAR_RESULTS), 0))
            words += [
                (encode(Opcode.MERGE, core=core, index=index), key & mask(64)) for key, core, index in now.results
            ]
        for index, place in np.argwhere(now.neurons != known.neurons).tolist():
            columns = NEURON_COLUMNS if index < VECTORS_PER_CORE else CONTEXT_COLUMNS
            word = encode(NeuralOpcode.WRITE_NEURON, index=index % VECTORS_PER_CORE, value=int(columns[place].field))
            words.append((word, int(now.neurons[index, place])))
        return words

    def interrupt(self, cycle: int, *, restores_buffers: bool) -> None:
        """A reset in ``cycle`` in the middle of a command: the array's memories are as the engine's have become.

        :meth:`reset` comes next. ``restores_buffers``: the buffer memory, too.
        """
        array, engine = self.array, self.engine
        engine.interrupt(cycle)
        array.vectors[:], array.words[:], array.types[:], array.weights[:] = engine.stored()
        if restores_buffers:
            array.buffers[:] = engine.ports.state.buffers[:N_REGIONS]

    # ---------------------------------------------------------------- comparison

    def differences(self) -> list[str]:
        """Names of what is not the same in array and engine, after a command that both ran; for tests.

        Counts and neurons are asked for by commands, whose answers come from the engine's program; they take no time.
        """
        engine, array = self.engine, self.array
        ports, since, reporter_idle = engine.ports.state, engine.idle_from, engine.ports.state.reporter_idle
        names = ("vectors", "words", "types", "weights")
        found = [
            name
            for name, own in zip(names, engine.stored(), strict=True)
            if not np.array_equal(own, getattr(array, name))
        ]
        shown = [ports.entries[number] for number in range(ports.list_count)]
        pairs = {
            "buffers": (ports.buffers[:N_REGIONS].tolist(), array.buffers.tolist()),
            "phase": (ports.phase, self.fabric.phase),
            "settings": (ports.settings, array.dims | int(array.metric) << 8),
            "results": (shown, array.results),
            "counts": (
                [self._ask(Opcode.COUNT, core=core) for core in range(array.config.cores)],
                array.counts.tolist(),
            ),
        }
        found += [name for name, (own, other) in pairs.items() if own != other]
        bits = neuron_bits(self.fabric.contexts[0])
        for info in NEURON_FIELDS:
            if info in NEURON_COLUMNS:
                own = [self._ask(NeuralOpcode.READ_NEURON, index=i, value=info.field) for i in range(VECTORS_PER_CORE)]
                other = bits[:-1, NEURON_COLUMNS.index(info)].tolist()
            else:
                own = [self._ask(NeuralOpcode.READ_NEURON, value=info.field)]
                other = [int(bits[-1, CONTEXT_COLUMNS.index(info)])]
            if own != other:
                found.append(info.field.name)
        engine.wait_since(since, reporter_idle)
        return found

    def _ask(self, opcode: Opcode | NeuralOpcode, **fields: int) -> int:
        """The low word of a command's answer."""
        shown = self.engine.run(Request(word=encode(opcode, **fields)))
        halves = {half: value for _, half, value in shown.answers}
        return halves.get(0, 0)
