"""Scenes on the bus and the pins of an array with contexts, played on golden model and hardware."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import numpy as np
from fabric_bus_bench import Bench

from ganglion.cosim.host import Transfer
from ganglion.engine import ChangeEvents, Engine, EventComparer
from ganglion.engine.top import array_engine
from golden.fixed.bits import mask
from golden.spec import Config, Opcode, buffers
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural_commands import NeuralOpcode, NeuronField


class Scene(Bench):
    """A scene played on the golden model; ``check`` plays it on the hardware. All pins go through the host."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.until_idle()
        self.config = config
        self.words = {buffer.name: range(buffer.addr, buffer.end, 4) for buffer in buffers(config)}
        self.rng = np.random.default_rng(5)

    def fill(self, core: int, n_vectors: int = VECTORS_PER_CORE) -> None:
        """Vectors, so that the neurons have neighbours."""
        for _ in range(n_vectors):
            self.any_words("VECTOR")
            assert self.do(Opcode.INSERT, core=core) < VECTORS_PER_CORE

    def any_words(self, name: str) -> None:
        """Anything into a buffer."""
        for word in self.words[name]:
            self.put_at(word, int(self.rng.integers(1 << 32)))

    def put_at(self, addr: int, value: int) -> None:
        assert self.host.play([Transfer.write(addr, value)])

    def pins(self, **levels: int) -> None:
        for name, level in levels.items():
            setattr(self.host.pins, name, level)

    def stop(self) -> None:
        """No more ticks by time, and the last one has ended."""
        self.put("CONTROL", 0)
        self.until_idle()

    def look(self, cores: tuple[int, ...]) -> Counter[Any]:
        """All that is left in the neurons of these cores, read over the bus."""
        found: Counter[Any] = Counter()
        for core in cores:
            for field in NeuronField:
                for index in (0, 7, 31):
                    found[core, field, index] = self.do(NeuralOpcode.READ_NEURON, core, index, field) & mask(32)
            for index in range(VECTORS_PER_CORE):
                found[core, "weight", index] = self.do(Opcode.GET_WEIGHT, core, index)
        return found

    def check(self, engine: Engine | None = None) -> None:
        """``engine``: one of the scene's configuration, which is put into the state of power-up."""
        segments, end = self.host.take_segments(), self.model.cycle
        cycle, word, value = self.model.take_events()
        past = cycle < end
        expected = ChangeEvents(cycle[past], word[past].astype(np.uint32), value[past])
        assert segments.n_cycles == end
        with nullcontext(engine) if engine else array_engine(self.config) as simulator:
            simulator.reset()
            actual = simulator.run_segments(segments.counts, segments.values)
            difference = EventComparer(simulator.ports).feed(expected, actual)
        assert difference is None, difference
