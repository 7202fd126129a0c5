"""Trainer mode for many events at once: bit for bit the field that ``EventEngine.train`` leaves, event after event.

Which neurons a chain can touch is fixed by the targets alone, so the field falls apart into **groups** that share no
state that matters: all neurons whose chains run into the same last-but-one neuron. (A last neuron's weight is never
changed and its potential is 0 between events, so sharing it couples nothing; one that is not yet at 0 binds the groups
that end in it together.) Within a group events keep their order, between groups there is none to keep. Hence groups
can be handed to any number of workers without a lock, and no update can be lost.

A group whose events all hit one neuron with one magnitude is a sum that stops at the first failure: when a signal is
too weak to reach the end, the weight stays, and so does every later signal. That is one sequential float32 sum. Other
groups advance together, each by one event a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golden.neuronguard.field import NO_TARGET, FieldError, NeuronField

__all__ = ["train_batch"]

END = -1
"""In a table of followers: no neuron follows."""


def train_batch(
    field: NeuronField,
    targets: ArrayLike,
    magnitudes: ArrayLike,
    feedback: ArrayLike,
    *,
    workers: int = 1,
) -> NDArray[np.bool_]:
    """Trains ``field`` with n events in their order; whether each one's chain reached its end, [n].

    ``targets`` [n] are neurons; ``magnitudes`` and ``feedback`` are [n] or one number for all. ``workers`` threads
    share the work; the result does not depend on their number. Raises FieldError (a neuron outside the field, targets
    in a circle) or ValueError, in both cases before anything has changed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    wanted = np.asarray(targets)
    if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
        raise ValueError(f"targets must be integers [n], not {wanted.dtype} {wanted.shape}")
    outside = wanted[(wanted < 0) | (wanted >= len(field))]
    if outside.size:
        raise FieldError(f"neuron {outside[0]} is not in the field of {len(field):,}")
    events = _Events(
        wanted, _numbers("magnitude", magnitudes, len(wanted)), _numbers("feedback", feedback, len(wanted))
    )
    plan = _Plan.of(field)
    reached = np.zeros(len(wanted), np.bool_)
    if not len(wanted):
        return reached
    order, starts = _grouped(plan.group, wanted)
    bounds = np.append(starts, len(order))
    shares = _shares(bounds, min(workers, len(starts)))

    def work(share: NDArray[np.intp]) -> None:
        with np.errstate(all="ignore"):  # each thread has its own error state
            _train_groups(field, plan, events, order, bounds, share, reached)

    if len(shares) == 1:
        work(shares[0])
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(work, shares))
    return reached


@dataclass(frozen=True)
class _Events:
    """Events in their order: ``targets`` [n]; ``magnitudes`` and ``feedback`` f32, [n] or [1] for all."""

    targets: NDArray[np.integer]
    magnitudes: NDArray[np.float32]
    feedback: NDArray[np.float32]

    def one_magnitude(self, numbers: NDArray[np.intp]) -> np.float32 | None:
        """The magnitude of these events, if they have the same one."""
        if len(self.magnitudes) == 1:
            return np.float32(self.magnitudes[0])
        values = self.magnitudes[numbers]
        return np.float32(values[0]) if (values.view(np.uint32) == values[:1].view(np.uint32)).all() else None

    def corrections(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """The feedback of these events, [len(numbers)]."""
        if len(self.feedback) == 1:
            return np.broadcast_to(self.feedback, numbers.shape)
        return self.feedback[numbers]

    def signals(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """The magnitudes of these events, [len(numbers)]."""
        if len(self.magnitudes) == 1:
            return np.broadcast_to(self.magnitudes, numbers.shape)
        return self.magnitudes[numbers]


@dataclass(frozen=True)
class _Plan:
    """What follows from the targets and the potentials before training.

    ``follower`` [size]: target, or ``END``. ``group`` [size]: a name (a neuron) for the group it belongs to.
    ``simple`` [size]: quiet, and its target is a quiet neuron that ends the chain.
    """

    follower: NDArray[np.int64]
    group: NDArray[np.int64]
    simple: NDArray[np.bool_]

    @classmethod
    def of(cls, field: NeuronField) -> _Plan:
        size = len(field)
        neurons = np.arange(size)
        follower = field.target.astype(np.int64)
        follower[field.target == NO_TARGET] = END
        outside = np.flatnonzero(follower >= size)
        if outside.size:
            raise FieldError(f"neuron {outside[0]} has the target {follower[outside[0]]}: not in the field of {size:,}")
        last = follower == END
        # The neuron before the last one, by jumps of doubled length: it stands still where its follower is a last one.
        jump = np.where(last | last[follower], neurons, follower)
        for _ in range(size.bit_length()):
            jump = jump[jump]
        circle = np.flatnonzero(~last[jump] & ~last[follower[jump]])
        if circle.size:
            raise FieldError(f"the chain of neuron {circle[0]} runs in a circle: it has no end")
        # -0 counts as loaded: a guard would leave +0 there.
        loaded = field.potential.view(np.uint32) != 0
        end = follower[jump]
        group = np.where(last[jump], jump, np.where(loaded[end], end, jump))
        simple = ~last & last[follower] & ~loaded & ~loaded[follower]
        return cls(follower, group, simple)


def _numbers(name: str, values: ArrayLike, n: int) -> NDArray[np.float32]:
    """Finite float32 values, [n] or [1]. Raises ValueError naming the value."""
    with np.errstate(over="ignore"):
        result = np.atleast_1d(np.asarray(values, np.float32))
    if result.ndim != 1 or (np.ndim(values) != 0 and len(result) != n):
        raise ValueError(f"{name} must be one number or [{n}], not {np.shape(values)}")
    if not np.isfinite(result).all():
        raise ValueError(f"{name} must be finite float32, not {np.ravel(values)[~np.isfinite(result)][0]}")
    return result


def _grouped(group: NDArray[np.int64], targets: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Event numbers by group, in their order within a group; and where each group starts."""
    # 16-bit keys are sorted by radix, four times as fast.
    keys = (group.astype(np.uint16) if len(group) <= 1 << 16 else group)[targets]
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    starts = np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1]))
    return order, starts


def _shares(bounds: NDArray[np.intp], workers: int) -> Sequence[NDArray[np.intp]]:
    """Groups for each worker: neighbours, with about the same number of events."""
    middles = (bounds[:-1] + bounds[1:]) // 2
    worker = middles * workers // bounds[-1]
    return [share for number in range(workers) if len(share := np.flatnonzero(worker == number))]


def _train_groups(
    field: NeuronField,
    plan: _Plan,
    events: _Events,
    order: NDArray[np.intp],
    bounds: NDArray[np.intp],
    share: NDArray[np.intp],
    reached: NDArray[np.bool_],
) -> None:
    """Trains with the events of some groups."""
    others = []
    for number in share.tolist():
        members = order[bounds[number] : bounds[number + 1]]
        targets = events.targets[members]
        neuron = int(targets[0])
        magnitude = events.one_magnitude(members)
        if magnitude is not None and plan.simple[neuron] and (targets == neuron).all():
            _train_simple(field, plan, neuron, magnitude, members, events.corrections(members), reached)
        else:
            others.append(members)
    if others:
        _train_rounds(field, plan, events, others, reached)


def _train_simple(
    field: NeuronField,
    plan: _Plan,
    neuron: int,
    magnitude: np.float32,
    members: NDArray[np.intp],
    corrections: NDArray[np.float32],
    reached: NDArray[np.bool_],
) -> None:
    """All events of a group: equal ones, for a neuron right before the end of the chain."""
    if not magnitude >= field.threshold[neuron]:
        return
    # accumulate adds one after the other; sum() and cumsum over pairs would round differently.
    weights = np.add.accumulate(np.concatenate((field.weight[neuron : neuron + 1], corrections)), dtype=np.float32)
    fires = magnitude * weights[:-1] >= field.threshold[plan.follower[neuron]]
    n_reached = len(fires) if fires.all() else int(fires.argmin())
    field.weight[neuron] = weights[n_reached]
    reached[members[:n_reached]] = True


def _train_rounds(
    field: NeuronField,
    plan: _Plan,
    events: _Events,
    groups: list[NDArray[np.intp]],
    reached: NDArray[np.bool_],
) -> None:
    """Any groups: one event of each group a round."""
    groups.sort(key=len, reverse=True)
    lengths = np.array([len(members) for members in groups])
    flat = np.concatenate(groups)
    starts = np.cumsum(lengths) - lengths
    n_active = len(groups)
    for number in range(int(lengths[0])):
        while lengths[n_active - 1] <= number:
            n_active -= 1
        members = flat[starts[:n_active] + number]
        reached[members] = _train_round(
            field, plan, events.targets[members], events.signals(members), events.corrections(members)
        )


def _train_round(
    field: NeuronField,
    plan: _Plan,
    targets: NDArray[np.integer],
    magnitudes: NDArray[np.float32],
    corrections: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """One event of each of several groups, level by level; whether each chain reached its end."""
    reached = np.zeros(len(targets), np.bool_)
    chains, neurons, signals = np.arange(len(targets)), targets.astype(np.int64), magnitudes
    path = []
    while len(chains):
        path.append((chains, neurons))
        fires = field.potential[neurons] + signals >= field.threshold[neurons]
        ends = plan.follower[neurons] == END
        reached[chains[fires & ends]] = True
        goes_on = fires & ~ends
        chains, neurons = chains[goes_on], neurons[goes_on]
        signals = magnitudes[chains] * field.weight[neurons]
        neurons = plan.follower[neurons]
    for chains, neurons in path:
        # A neuron with a follower in a chain that reached its end is not the last one of it.
        rewarded = reached[chains] & (plan.follower[neurons] != END)
        field.weight[neurons[rewarded]] += corrections[chains[rewarded]]
        field.potential[neurons] = 0
    return reached
