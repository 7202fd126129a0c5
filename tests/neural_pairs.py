"""The same random network in float32 and in fixed point: what the tests and the quantisation study compare."""

import numpy as np

from golden.fixed.graph_store import graph_word
from golden.fixed.neural_core import NeuralCore, Tick
from golden.fixed.neural_stdp import split_weight
from golden.float32.dendrite import Dendrites
from golden.float32.homeostasis import Homeostasis
from golden.float32.lif import LifNeurons
from golden.float32.state import SpikingState
from golden.float32.stdp import Stdp
from golden.spec.neural import (
    BRANCH,
    ELAPSED,
    ELAPSED_NEVER,
    GAIN,
    MEMBRANE,
    RATE,
    THRESHOLD,
    WEIGHT_ONE,
    factor_value,
    time_step,
)


def random_graph(rng: np.random.Generator, *, wild: bool = False) -> tuple[np.ndarray, list[list[int]]]:
    """Graph words and link lists; ``wild`` ones may hold a node twice, itself, and counts of 7."""
    slots = np.array([rng.choice([j for j in range(32) if j != i], 6, replace=False) for i in range(32)])
    linked = rng.integers(0, 7, 32)
    if wild:
        slots = np.where(rng.random((32, 6)) < 0.3, np.arange(32)[:, None], rng.integers(0, 32, (32, 6)))
        linked = rng.integers(0, 8, 32)
    return graph_word(slots, linked, np.zeros(32, np.int64)), [
        row[: min(n, 6)] for row, n in zip(slots.tolist(), linked.tolist(), strict=True)
    ]


class FloatNetwork:
    """The float32 units of one core, a tick at a time."""

    def __init__(self, state: SpikingState, lists: list[list[int]], dt: np.float32) -> None:
        self.state, self.lists, self.dt = state, lists, dt
        self.lif, self.dendrites, self.stdp = LifNeurons(state), Dendrites(state), Stdp(state)
        self.homeostasis = Homeostasis(state)
        self.n_links = np.array([len(row) for row in lists])

    def tick(self, parts: Tick, gain: float) -> np.ndarray:
        """What :meth:`NeuralCore.tick` does, unit by unit; the spike flags."""
        if parts.dendrites:
            self.dendrites.integrate(slice(32), self.n_links)
        if parts.clear:
            self.dendrites.reset()
        self.lif.step(32, self.dt)
        if parts.homeostasis:
            self.homeostasis.update(32, self.dt)
        if parts.to_membrane:
            self.lif.propagate(self.lists, np.float32(gain))
        if parts.to_branch:
            self.dendrites.propagate(self.lists, np.float32(gain))
        if parts.learn:
            self.stdp.update(self.lists)
        return self.state.spike_flags()


class Pair:
    """A random graph with random weights, rectified Gaussian currents, the float32 and the fixed-point network."""

    def __init__(self, seed: int, dt_raw: int = 1 << 16, drive: float = 0.12) -> None:
        self.rng = np.random.default_rng(seed)
        self.words, lists = random_graph(self.rng)
        self.fixed, self.drive = NeuralCore(), drive
        self.fixed.time_step = time_step(dt_raw)
        self.real = FloatNetwork(SpikingState(), lists, np.float32(dt_raw / 65536))
        weights = self.rng.integers(0, 256, 32)
        self.real.state.weight[:], self.fixed.state.weight[:] = weights, weights

    def currents(self) -> np.ndarray:
        """Raw currents of the next step."""
        return MEMBRANE.to_raw(np.maximum(self.rng.normal(self.drive, self.drive, 32), 0))

    def step(self, parts: Tick, gain: float) -> tuple[np.ndarray, np.ndarray]:
        """Random currents, then a tick of both; the spike flags of both."""
        return self.tick(self.currents(), parts, gain)

    def tick(self, raw: np.ndarray, parts: Tick, gain: float) -> tuple[np.ndarray, np.ndarray]:
        """A tick of both with these currents; the spike flags of both."""
        state = self.fixed.state
        state.membrane[:] = MEMBRANE.saturate(state.membrane + raw)
        self.real.state.membrane += MEMBRANE.from_raw(raw).astype(np.float32)
        self.fixed.tick(self.words, 32, int(GAIN.to_raw(gain)), parts)
        return self.real.tick(parts, gain), state.spike_flags()

    def membrane_gap(self) -> np.ndarray:
        """How far apart the membranes are."""
        return np.abs(self.real.state.membrane - MEMBRANE.from_raw(self.fixed.state.membrane))


def copy_state(real: SpikingState, core: NeuralCore) -> None:
    """Give ``core`` the nearest fixed-point state; steps so far must have been of its own dt."""
    s, step = core.state, core.time_step
    s.membrane[:], s.threshold[:] = MEMBRANE.to_raw(real.membrane), THRESHOLD.to_raw(real.threshold)
    s.branches[:] = BRANCH.to_raw(real.branches)
    s.rate[:] = RATE.to_raw(real.rate * (1 - float(factor_value(step.rate_factor))))
    since = ELAPSED.to_raw(real.time - real.last_spike) - step.dt_raw
    s.elapsed[:] = np.where(real.last_spike < 0, ELAPSED_NEVER, since)
    s.weight[:], s.residue[:] = split_weight(np.floor(real.weight * WEIGHT_ONE + 0.5).astype(np.int64))
    s.spikes, s.phase = real.spikes, real.phase
