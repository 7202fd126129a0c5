"""The event engine, one event at a time: the authority on what a neuron field does.

Arithmetic is IEEE float32, in the order of the events. **Run mode** takes events from a queue until none is left;
**Trainer mode** follows one chain of neurons under guards, and feeds back along it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from golden.neuronguard.field import NO_TARGET, FieldError, NeuronField

__all__ = ["Chain", "EventEngine", "EventLimitError", "EventPacket", "EventQueue", "LeaseError", "QueueFullError"]

MAX_EVENTS = 1_000_000


class LeaseError(ValueError):
    """A neuron was to be leased that a guard holds already: the chain runs in a circle."""


class QueueFullError(ValueError):
    """An event was pushed into a full queue."""


class EventLimitError(ValueError):
    """Run mode took more events than it was allowed to: the field excites itself."""


@dataclass(frozen=True, slots=True)
class EventPacket:
    """What arrives at a neuron: ``magnitude`` for ``target``; in training, ``source`` is the neuron it comes from."""

    target: int
    magnitude: float
    source: int | None = None


class EventQueue:
    """First in, first out; at most ``capacity`` packets, any number when None."""

    def __init__(self, capacity: int | None = None) -> None:
        if capacity is not None and capacity < 1:
            raise ValueError(f"a queue holds at least 1 event, not {capacity}")
        self.capacity = capacity
        self._packets: deque[EventPacket] = deque()

    def __len__(self) -> int:
        return len(self._packets)

    def push(self, packet: EventPacket) -> None:
        """Appends a packet. Raises QueueFullError."""
        if self.capacity is not None and len(self._packets) >= self.capacity:
            raise QueueFullError(f"the queue is full: {self.capacity} events")
        self._packets.append(packet)

    def pop(self) -> EventPacket:
        """Takes the oldest packet. Raises IndexError when there is none."""
        return self._packets.popleft()

    def clear(self) -> None:
        """Drops every packet."""
        self._packets.clear()


@dataclass(frozen=True, slots=True)
class Chain:
    """What one event did in Trainer mode: the neurons on its ``path``, and whether it ``reached`` the end.

    A chain reaches its end when a neuron without a target fires; only then is there feedback.
    """

    path: tuple[int, ...]
    reached: bool


class EventEngine:
    """Runs and trains a field.

    ``accumulators`` (ids) never fire in Run mode: class neurons that only add up. ``queue`` holds the waiting events.
    """

    def __init__(
        self, field: NeuronField, *, queue: EventQueue | None = None, accumulators: Container[int] = ()
    ) -> None:
        self.field = field
        self.queue = EventQueue() if queue is None else queue
        self.accumulators = accumulators
        self._leased: set[int] = set()

    @property
    def leases(self) -> frozenset[int]:
        """Neurons under an open guard; none between two events."""
        return frozenset(self._leased)

    def post(self, target: int, magnitude: float = 1.0) -> None:
        """Queues an event from outside. Raises FieldError, ValueError (no finite magnitude) or QueueFullError."""
        self.queue.push(EventPacket(self.field.checked(target), _finite("magnitude", magnitude)))

    def run(self, max_events: int = MAX_EVENTS) -> int:
        """Run mode until the queue is empty; returns the number of events taken.

        Raises EventLimitError when events are still waiting after ``max_events``: they stay in the queue.
        """
        n_events = 0
        while len(self.queue):
            if n_events >= max_events:
                raise EventLimitError(f"{len(self.queue)} events still wait after {max_events:,}")
            self.step(self.queue.pop())
            n_events += 1
        return n_events

    def step(self, packet: EventPacket) -> None:
        """Run mode, one event. A target outside the field raises FieldError and changes nothing."""
        field, neuron = self.field, self.field.checked(packet.target)
        with np.errstate(all="ignore"):
            potential = field.potential[neuron] + np.float32(packet.magnitude)
        if not potential >= field.threshold[neuron] or neuron in self.accumulators:
            field.potential[neuron] = potential
            return
        target = self._target(neuron)
        if target is not None:
            self.queue.push(EventPacket(target, float(field.weight[neuron])))
        field.potential[neuron] = 0

    def train(self, target: int, magnitude: float, feedback: float) -> Chain:
        """Trainer mode: one event from outside and the feedback for its chain; returns the chain.

        Each neuron on the path is under a guard until the feedback has been given, or an error has occurred
        (FieldError, LeaseError, ValueError: then no weight has changed). The signal to a neuron on the way is
        ``magnitude`` times the weight of the neuron before it. Feedback is added to every weight on the path but the
        last, if the chain reached its end.
        """
        size, correction = _finite("magnitude", magnitude), np.float32(_finite("feedback", feedback))
        packet = EventPacket(self.field.checked(target), size)
        path: list[int] = []
        reached = False
        with np.errstate(all="ignore"), ExitStack() as guards:
            while True:
                neuron = packet.target
                guards.enter_context(self._guard(neuron))
                path.append(neuron)
                if not self._receive(packet):
                    break
                follower = self._target(neuron)
                if follower is None:
                    reached = True
                    break
                packet = EventPacket(follower, size, source=neuron)
            if reached:
                for neuron in path[:-1]:
                    self.field.weight[neuron] += correction
        return Chain(tuple(path), reached)

    def _receive(self, packet: EventPacket) -> bool:
        """Trainer mode: the neuron takes its signal; whether it fires."""
        field, neuron = self.field, packet.target
        signal = np.float32(packet.magnitude)
        if packet.source is not None:
            signal = signal * field.weight[packet.source]
        field.potential[neuron] += signal
        return bool(field.potential[neuron] >= field.threshold[neuron])

    def _target(self, neuron: int) -> int | None:
        target = int(self.field.target[neuron])
        if target == NO_TARGET:
            return None
        if target >= len(self.field):
            raise FieldError(f"neuron {neuron} has the target {target}: not in the field of {len(self.field):,}")
        return target

    @contextmanager
    def _guard(self, neuron: int) -> Iterator[None]:
        """A lease on a neuron; when it ends, however it does, the potential is 0."""
        if neuron in self._leased:
            raise LeaseError(f"the chain comes back to neuron {neuron}, which is leased")
        self._leased.add(neuron)
        try:
            yield
        finally:
            self.field.potential[neuron] = 0
            self._leased.discard(neuron)


def _finite(name: str, value: float) -> float:
    """``value`` if float32 can hold it. Raises ValueError naming it."""
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(value)):
            raise ValueError(f"{name} must be a finite float32, not {value}")
    return value
