"""The NeuronGuard engine's arithmetic without its clock: one event after the other, in raw integers.

What ``golden.fixed.event_engine`` leaves in its memories once it is idle.
``golden.neuronguard.engine`` is the same in float32; where no value rounds or saturates the two agree.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from golden.fixed.bits import I64Array, U64Array, mask, to_signed, to_unsigned
from golden.neuronguard.field import NO_TARGET, NeuronField
from golden.spec.events import (
    FEEDBACK,
    FRACTION_BITS,
    ID_WIDTH,
    POTENTIAL,
    TARGET_LOW,
    TARGET_NONE,
    THRESHOLD,
    THRESHOLD_LOW,
    WEIGHT,
    EventShape,
    Fault,
)


@dataclass(frozen=True)
class FixedField:
    """Neurons in raw integers: ``potentials``, ``thresholds``, ``targets``, ``weights``, all [n] int64."""

    potentials: I64Array
    thresholds: I64Array
    targets: I64Array
    weights: I64Array

    @classmethod
    def of_field(cls, field: NeuronField) -> "FixedField":
        """A float32 field in the formats of ``golden.spec.events``, rounded and saturated. Raises ValueError."""
        if len(field) >= TARGET_NONE:
            raise ValueError(f"the engine numbers {TARGET_NONE} neurons, the field has {len(field)}")
        targets = np.where(field.target == NO_TARGET, TARGET_NONE, field.target.astype(np.int64))
        outside = targets[(targets >= len(field)) & (targets != TARGET_NONE)]
        if outside.size:
            raise ValueError(f"target {outside[0]} is not in the field of {len(field)}")
        return cls(
            POTENTIAL.to_raw(field.potential),
            THRESHOLD.to_raw(field.threshold),
            targets,
            WEIGHT.to_raw(field.weight),
        )

    @classmethod
    def of_memories(cls, potentials: I64Array, records: U64Array) -> "FixedField":
        """What two memories of the hardware hold, [n] each: potentials, and records as ``host_record`` has them."""
        return cls(
            np.asarray(potentials, np.int64).copy(),
            to_signed(records >> np.uint64(THRESHOLD_LOW), THRESHOLD.width),
            (records >> np.uint64(TARGET_LOW)).astype(np.int64) & mask(ID_WIDTH),
            to_signed(records, WEIGHT.width),
        )

    def records(self) -> U64Array:
        """The records as ``host_record`` has them, [n]."""
        return (
            to_unsigned(self.weights, WEIGHT.width)
            | to_unsigned(self.targets, ID_WIDTH) << np.uint64(TARGET_LOW)
            | to_unsigned(self.thresholds, THRESHOLD.width) << np.uint64(THRESHOLD_LOW)
        )


@dataclass(frozen=True)
class FixedChain:
    """What one event did in Trainer mode: ``path``, whether feedback was due, and what went wrong."""

    path: tuple[int, ...]
    reached: bool
    fault: Fault = Fault.NONE
    fault_neuron: int = 0


class FixedEvents:
    """Runs and trains a field; neurons from ``first_class`` on only add up in Run mode.

    ``reward`` and ``punishment`` are raw (``FEEDBACK``). ``chains`` are those of Trainer mode so far, ``faults`` those
    of Run mode and of chains, with their neurons, in their order.
    """

    def __init__(
        self, field: FixedField, shape: EventShape, *, first_class: int, reward: int = 0, punishment: int = 0
    ) -> None:
        if len(field.weights) > shape.max_neurons:
            raise ValueError(f"the field has {len(field.weights)} neurons, the hardware room for {shape.max_neurons}")
        for name, value in (("reward", reward), ("punishment", punishment)):
            if FEEDBACK.saturate(value) != value:
                raise ValueError(f"{name} {value} does not fit {FEEDBACK}")
        self.field, self.shape, self.first_class = field, shape, first_class
        self.reward, self.punishment = reward, punishment
        self.chains: list[FixedChain] = []
        self.faults: list[tuple[Fault, int]] = []
        self._waiting: deque[tuple[int, int, bool, bool]] = deque()

    def post(self, target: int, magnitude: int, *, train: bool = False, punish: bool = False) -> None:
        """An event from outside, ``magnitude`` raw (``WEIGHT``). Raises ValueError naming what does not fit."""
        if not 0 <= target < len(self.field.weights):
            raise ValueError(f"neuron {target} is not in the field of {len(self.field.weights)}")
        if WEIGHT.saturate(magnitude) != magnitude:
            raise ValueError(f"magnitude {magnitude} does not fit {WEIGHT}")
        self._waiting.append((target, magnitude, train, punish))

    def run(self, max_events: int = 1_000_000) -> int:
        """Takes events until none waits, or so many; how many it took."""
        n_events = 0
        while self._waiting and n_events < max_events:
            target, magnitude, train, punish = self._waiting.popleft()
            if train:
                self.chains.append(self._train(target, magnitude, self.punishment if punish else self.reward))
            else:
                self._step(target, magnitude)
            n_events += 1
        return n_events

    def scan(self, *, clear: bool = False) -> tuple[int, int]:
        """The class of largest potential, the lowest on ties, and that potential; ``clear`` sets them all to 0."""
        classes = self.field.potentials[self.first_class :]
        winner = int(classes.argmax())
        best = int(classes[winner])
        if clear:
            classes[:] = 0
        return winner, best

    def _bad(self, target: int) -> bool:
        return target != TARGET_NONE and target >= len(self.field.weights)

    def _fault(self, fault: Fault, neuron: int) -> None:
        self.faults.append((fault, neuron))

    def _step(self, neuron: int, magnitude: int) -> None:
        field = self.field
        total = int(POTENTIAL.saturate(int(field.potentials[neuron]) + magnitude))
        target = int(field.targets[neuron])
        if total < field.thresholds[neuron] or neuron >= self.first_class:
            field.potentials[neuron] = total
        elif self._bad(target):
            self._fault(Fault.TARGET, neuron)
        else:
            field.potentials[neuron] = 0
            if target != TARGET_NONE:
                self._waiting.append((target, int(field.weights[neuron]), False, False))

    def _train(self, neuron: int, magnitude: int, feedback: int) -> FixedChain:
        field, path, signal = self.field, [neuron], magnitude
        reached, fault, at_fault = False, Fault.NONE, 0
        while True:
            total = int(POTENTIAL.saturate(int(field.potentials[neuron]) + signal))
            target = int(field.targets[neuron])
            if total < field.thresholds[neuron]:
                break
            if target == TARGET_NONE:
                reached = True
                break
            if self._bad(target):
                fault, at_fault = Fault.TARGET, neuron
                break
            if len(path) == self.shape.max_guards:
                fault, at_fault = Fault.GUARDS, neuron
                break
            if target in path:
                fault, at_fault = Fault.CIRCLE, target
                break
            signal = int(POTENTIAL.saturate(magnitude * int(field.weights[neuron]) >> FRACTION_BITS))
            neuron = target
            path.append(neuron)
        for number in path:
            field.potentials[number] = 0
        if reached:
            for number in path[:-1]:
                field.weights[number] = WEIGHT.saturate(int(field.weights[number]) + feedback)
        if fault:
            self._fault(fault, at_fault)
        return FixedChain(tuple(path), reached, fault, at_fault)
