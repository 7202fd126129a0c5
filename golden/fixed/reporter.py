"""The reporter: a core's spikes as a word on pins, and as events of one neuron each in a FIFO."""

import numpy as np

from golden.fixed.bus_events import OUTLET_DEPTH
from golden.fixed.event_fifo import EventFifo
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, VECTORS_PER_CORE


class SpikeReporter(Unit):
    """Latency one cycle from ``take`` to ``spike_out`` and the first event's push; an event a cycle.

    Inputs: ``take`` (1), ``core`` (8), ``word`` (32), ``event_pop`` (1). Outputs: ``busy``, ``dropped``,
    ``spike_out_valid`` (1), ``spike_out_core`` (8), ``spike_out`` (32), ``event_valid`` (1), ``event_data`` (13),
    ``event_level`` (7).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._outlet = EventFifo(config, n_streams, width=CORE_WIDTH + INDEX_WIDTH, depth=OUTLET_DEPTH)
        self._left, self._core, self._word = (self._zeros() for _ in range(3))
        self._valid = self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        busy = self._left != 0
        neuron = (self._left[:, None] >> np.arange(VECTORS_PER_CORE) & 1).argmax(axis=1)
        outlet = self._outlet.step(
            {
                "push": bit(busy),
                "value": (self._core << INDEX_WIDTH | neuron).astype(np.uint64),
                "pop": inputs["event_pop"],
            }
        )
        outputs = {
            "busy": bit(busy),
            "dropped": outlet["dropped"],
            "spike_out_valid": bit(self._valid),
            "spike_out_core": self._core.astype(np.uint64),
            "spike_out": self._word.astype(np.uint64),
            "event_valid": outlet["valid"],
            "event_data": outlet["out_value"],
            "event_level": outlet["level"],
        }
        take, word = flag(inputs, "take"), unsigned(inputs, "word", VECTORS_PER_CORE)
        self._left = np.where(take, word, np.where(busy, self._left - (np.int64(1) << neuron), 0))
        self._core = np.where(take, unsigned(inputs, "core", CORE_WIDTH), self._core)
        self._word = np.where(take, word, self._word)
        self._valid = take
        return outputs
