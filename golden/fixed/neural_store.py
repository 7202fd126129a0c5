"""The neuron store: a memory for every field of the neurons' state, and for the responses of their branches."""

import numpy as np

from golden.fixed.bits import n_words
from golden.fixed.unit import Inputs, Outputs, Unit, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import BRANCH, SLOTTED, STORE_COLUMNS

LIMB_WIDTH = 64


class NeuronStore(Unit):
    """Latency one cycle from ``f_read_addr`` to ``f_data``; a read and a write of every column f a cycle.

    Ports by column, see the contract; ``n_contexts`` contexts of 32 neurons.
    """

    def __init__(self, config: Config, n_streams: int = 1, *, n_contexts: int = 1) -> None:
        super().__init__(config, n_streams)
        self._addr_width = max(1, (n_contexts - 1).bit_length()) + INDEX_WIDTH
        depth = n_contexts * VECTORS_PER_CORE
        self._columns = {f.name: np.zeros((n_streams, depth, n_words(f.width)), np.uint64) for f in STORE_COLUMNS}
        self._data = {f.name: np.zeros((n_streams, n_words(f.width)), np.uint64) for f in STORE_COLUMNS}

    def step(self, inputs: Inputs) -> Outputs:
        outputs, streams = {}, np.arange(self.n_streams)
        for field in STORE_COLUMNS:
            name, column = field.name, self._columns[field.name]
            data = self._data[name]
            outputs[f"{name}_data"] = data[:, 0] if data.shape[1] == 1 else data
            self._data[name] = column[streams, unsigned(inputs, f"{name}_read_addr", self._addr_width)]
            addr = unsigned(inputs, f"{name}_write_addr", self._addr_width)
            part_width = BRANCH.width if name in SLOTTED else field.width
            enable = unsigned(inputs, f"{name}_write", field.width // part_width)
            value = inputs[f"{name}_value"].reshape(self.n_streams, -1)
            column[streams, addr] = column[streams, addr] ^ (column[streams, addr] ^ value) & _masks(
                enable, part_width, data
            )
        return outputs


def _masks(enable: np.ndarray, part_width: int, like: np.ndarray) -> np.ndarray:
    """The bits that are written, ``[n_streams, n_words]``: part k of a word where bit k of ``enable`` is 1."""
    masks = np.zeros_like(like)
    for word in range(masks.shape[1]):
        for part in range(LIMB_WIDTH // part_width):
            bits = np.uint64((1 << part_width) - 1 << part * part_width)
            chosen = enable >> word * (LIMB_WIDTH // part_width) + part & 1 == 1
            masks[chosen, word] |= bits
    return masks
