"""Text classifiers in hardware, over the bus of an event unit: a model in, classes and scores out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganglion.backends.base import BackendError
from ganglion.backends.events import EventBus
from golden.fixed.bits import to_signed
from golden.fixed.compact import event_ports, model_writes, settings
from golden.fixed.events import FixedField
from golden.neuronguard.compact import CompactTable
from golden.spec.compact import N_BANKS
from golden.spec.event_registers import event_registers_by_name
from golden.spec.event_unit import ROW_STRIDE, EventCommand, Mode
from golden.spec.events import FEEDBACK, POTENTIAL, THRESHOLD, WEIGHT

__all__ = ["EventDevice"]

CHUNK = 20_000
"""Events that go over the simulated bus in one piece."""
DONE_CYCLES = 16
"""What a winner takes at most, beside its classes and the events that wait."""


class EventDevice:
    """An event unit and the models it was given, one of each kind.

    Raises BackendError if the unit is none or of another shape.
    """

    def __init__(self, bus: EventBus) -> None:
        self.bus, self.shape = bus, bus.shape
        names = ("ID", "VERSION", "CONFIG")
        registers = event_registers_by_name(bus.shape)
        for name, value in zip(names, bus.run(bus.script().read(*names)).tolist(), strict=True):
            if value != registers[name].reset:
                raise BackendError(f"register {name} holds {value:#x}, this unit's is {registers[name].reset:#x}")
        self._table: CompactTable | None = None
        self._n_classes = 0

    # ---------------------------------------------------------------- compact

    def load_table(self, table: CompactTable) -> None:
        """Writes a compact model. Raises ValueError if it does not fit."""
        writes, script = model_writes(table, self.shape.compact), self.bus.script()
        script.write("MODE", Mode.COMPACT)
        for name, value in settings(table).items():
            script.write(name.upper(), value)
        to_codebook = writes["write_codebook"] == 1
        addr, data = writes["write_addr"].astype(np.int64), writes["write_data"].astype(np.int64)
        for register, chosen in (("TABLE_DATA", ~to_codebook), ("CODEBOOK_DATA", to_codebook)):
            # The address moves on by itself: it is written where a row of the table ends before its bank does.
            gaps = np.flatnonzero(np.diff(addr[chosen], prepend=-2) != 1)
            for start, part in zip(gaps, np.split(data[chosen], gaps[1:]), strict=True):
                script.write("MODEL_ADDR", addr[chosen][start]).write(register, part)
        self.bus.run(script)
        self._table = table

    def classify(self, texts: Sequence[NDArray[np.uint64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Classes [n] and scores [n, n_classes] of texts, each given as the keys of its words and pairs."""
        if self._table is None:
            raise BackendError("no compact model was loaded")
        shape, n_classes = self.shape, self._table.n_classes
        found, script, n_sent = [], self.bus.script().write("MODE", Mode.COMPACT), 0
        for number, keys in enumerate(texts):
            ports = event_ports(self._table, keys, shape.compact)
            rows, tag = ports["rows"].astype(np.uint64), ports["tag"].astype(np.uint64)
            event = tag << np.uint64(N_BANKS * ROW_STRIDE)
            for bank in range(N_BANKS):
                row = rows >> np.uint64(bank * shape.compact.row_width) & np.uint64(shape.compact.max_rows - 1)
                event |= row << np.uint64(bank * ROW_STRIDE)
            halves = np.stack([event & np.uint64(0xFFFFFFFF), event >> np.uint64(32)], axis=1).astype(np.int64)
            script.write("COMMAND", EventCommand.CLEAR).write_all(["EVENT_LOW", "EVENT_HIGH"], halves)
            waiting = min(len(keys), shape.engine.queue_depth) * shape.compact.n_groups
            script.write("COMMAND", EventCommand.FINISH).idle(waiting + n_classes + DONE_CYCLES)
            script.write("SCORE_INDEX", 0).read("STATUS", "WINNER", *["SCORE"] * n_classes)
            n_sent += len(keys)
            if n_sent > CHUNK or number == len(texts) - 1:
                found.append(self.bus.run(script).reshape(-1, 2 + n_classes))
                script, n_sent = self.bus.script(), 0
        return self._answers(np.concatenate([np.zeros((0, 2 + n_classes), np.uint32), *found]))

    # ---------------------------------------------------------------- NeuronGuard

    def load_field(self, field: FixedField, n_classes: int) -> None:
        """Writes a field, of which the last ``n_classes`` neurons are classes. Raises ValueError if it does not fit."""
        n_neurons = len(field.weights)
        if not 1 <= n_neurons <= self.shape.engine.max_neurons:
            raise ValueError(f"a field of {n_neurons} neurons; the hardware has {self.shape.engine.max_neurons}")
        script = self.bus.script().write("MODE", Mode.NEURONGUARD)
        script.write("LAST_NEURON", n_neurons - 1).write("FIRST_CLASS", n_neurons - n_classes).write("NEURON", 0)
        raw = np.stack([field.potentials, field.thresholds, field.targets, field.weights], axis=1)
        self.bus.run(script.write_all(["POTENTIAL", "THRESHOLD", "TARGET", "WEIGHT"], raw))
        self._n_classes = n_classes

    def read_field(self, n_neurons: int) -> FixedField:
        """Neurons 0 .. n_neurons - 1 as they are now."""
        script = self.bus.script().write("MODE", Mode.NEURONGUARD)
        for neuron in range(n_neurons):
            script.write("NEURON", neuron).read("POTENTIAL", "THRESHOLD", "TARGET", "WEIGHT")
        potentials, thresholds, targets, weights = self.bus.run(script).reshape(-1, 4).T
        return FixedField(
            to_signed(potentials, POTENTIAL.width),
            to_signed(thresholds, THRESHOLD.width),
            targets.astype(np.int64),
            to_signed(weights, WEIGHT.width),
        )

    def train(self, neurons: ArrayLike, punish: ArrayLike, *, pause: int = 10, feedback: Sequence[float] = ()) -> None:
        """One chain for each event [n], of magnitude 1, with the reward or the punishment, in their order.

        ``feedback``: both values, if they are to be others. ``pause`` cycles between events: a chain of two neurons
        takes 11, longer ones overflow the queue in the end, which is an error.
        """
        script = self.bus.script().write("MODE", Mode.NEURONGUARD)
        if feedback:
            reward, punishment = FEEDBACK.to_raw(feedback).tolist()
            script.write("REWARD", reward).write("PUNISHMENT", punishment)
        words = np.asarray(neurons, np.int64) | 1 << 16 | np.asarray(punish, np.int64) << 17
        for start in range(0, len(words), CHUNK):
            self.bus.run(script.write("POST", words[start : start + CHUNK], pause=pause).idle(64))
            script = self.bus.script()

    def run_texts(self, texts: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Classes and their best potentials (raw), [n] each, of texts given as word neurons, in Run mode."""
        found, script, n_sent = [], self.bus.script().write("MODE", Mode.NEURONGUARD), 0
        for number, words in enumerate(texts):
            script.write("COMMAND", EventCommand.CLEAR).idle(self._n_classes + DONE_CYCLES)
            # Faster, and more words than the queue holds would overflow it.
            script.write("POST", words, pause=1)
            waiting = 2 * min(len(words), self.shape.engine.queue_depth)
            script.write("COMMAND", EventCommand.FINISH).idle(waiting + self._n_classes + DONE_CYCLES)
            script.read("STATUS", "WINNER", "BEST")
            n_sent += len(words)
            if n_sent > CHUNK or number == len(texts) - 1:
                found.append(self.bus.run(script).reshape(-1, 3))
                script, n_sent = self.bus.script(), 0
        winners, best = self._answers(np.concatenate([np.zeros((0, 3), np.uint32), *found]))
        return winners, best[:, 0]

    def _answers(self, rows: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Winners and signed values from rows of STATUS, WINNER and those values."""
        if (rows[:, 0] & 0b101 != 0b100).any():
            raise BackendError(f"text {int((rows[:, 0] & 0b101 != 0b100).argmax())} was not done in time")
        return rows[:, 1].astype(np.int64), rows[:, 2:].view(np.int32).astype(np.int64)
