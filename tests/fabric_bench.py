"""An array with contexts, vectors, and neurons in any state, for the tests of the golden fabric."""

from __future__ import annotations

import numpy as np

from golden.fixed.array import ArrayModel, Execution
from golden.fixed.fabric import Fabric
from golden.fixed.fabric_state import FabricSettings
from golden.fixed.neural_state import NeuralState
from golden.spec import Config, Metric, encode
from golden.spec.neural import (
    STATE_FIELDS,
)
from golden.spec.neural_commands import NeuralOpcode

CONFIG = Config(cores=4, slices=2, lanes=4, contexts=2)
COUNTS = (32, 17, 1, 0)
N = NeuralOpcode
HIGH = 1 << 32


class Bench:
    """An array with vectors and neurons in any state; ``run`` executes a command."""

    def __init__(self, seed: int = 0, config: Config = CONFIG, metric: Metric = Metric.L2, dims: int = 16) -> None:
        self.rng = np.random.default_rng(seed)
        self.array = ArrayModel(config)
        self.array.init(dims, metric)
        cores = np.repeat(np.arange(len(COUNTS)), COUNTS)
        top = 1 << config.element_width - 1
        self.array.insert_batch(cores, self.rng.integers(-top, top, (len(cores), dims)))
        assert self.array.fabric is not None
        self.fabric: Fabric = self.array.fabric
        self.settings = FabricSettings()
        for context in self.fabric.contexts:
            self.scramble(context.state)

    def scramble(self, s: NeuralState) -> None:
        widths = {place.name: place.width for place in STATE_FIELDS}
        for name in ("history", "rate", "trace", "elapsed", "threshold", "residue"):
            getattr(s, name)[:] = self.rng.integers(0, 1 << widths[name], 32)
        s.membrane[:] = self.rng.integers(-(1 << 25), 1 << 25, 32) >> self.rng.integers(0, 20, 32)
        s.branches[:] = self.rng.integers(-(1 << 15), 1 << 15, (32, 6))

    def run(self, opcode: int, core: int = 0, index: int = 0, value: int = 0, data: int = 0) -> Execution:
        word = encode(opcode, core=core, index=index, value=value)
        return self.array.execute(word, data & (1 << 64) - 1, settings=self.settings)

    def state(self, core: int) -> NeuralState:
        return self.fabric.of(core).state


def saturated(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
