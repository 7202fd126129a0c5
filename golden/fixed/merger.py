"""The merger: a tree of registers that merges the slices' sorted lists into one sorted stream."""

import numpy as np

from golden.fixed.bits import (
    BoolArray,
    entry_core,
    entry_index,
    entry_key,
    pack_entry,
    pack_fields,
    to_signed,
    to_unsigned,
    unpack_fields,
)
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag
from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH


class Merger(Unit):
    """Hands out the entries of S sorted lists in the order of key, core, index, one a ``pop``.

    Latency log2 S cycles from ``start`` to ``ready``, throughput one entry a cycle. S = 1 is a wire.

    Inputs: ``start`` (1), ``leaf_valid`` (S), ``leaf_key`` (S * key_width), ``leaf_core`` (S * 8), ``leaf_index``
    (S * 5), ``pop`` (1). Outputs: ``leaf_pop`` (S), ``ready``, ``out_valid`` (1), ``out_key`` (key_width, signed),
    ``out_core`` (8), ``out_index`` (5).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        sizes = [config.slices >> level for level in range(1, config.slice_bits + 1)]
        self._entry = [np.zeros((n_streams, size), dtype=np.int64) for size in sizes]
        self._valid = [np.zeros((n_streams, size), dtype=np.bool_) for size in sizes]
        self._loads = [self._flags() for _ in sizes[1:]]
        """Whether level 2, 3, ... loads in this cycle because of a start."""
        self._ready = self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        n_levels = self.config.slice_bits
        leaf_valid, leaf = self._leaves(inputs)
        pop = flag(inputs, "pop")
        if n_levels == 0:
            return self._outputs(leaf_valid[:, 0], leaf[:, 0], leaf_valid & pop[:, None], ~self._flags())
        start = flag(inputs, "start")
        popped = (pop & self._ready)[:, None]
        loads = [start, *self._loads]
        root_valid, root = self._valid[-1][:, 0], self._entry[-1][:, 0]
        next_valid, next_entry = list(self._valid), list(self._entry)
        for level in reversed(range(n_levels)):
            valid = self._valid[level - 1] if level else leaf_valid
            entry = self._entry[level - 1] if level else leaf
            left, right = valid[:, 0::2], valid[:, 1::2]
            takes_right = right & (~left | (entry[:, 1::2] < entry[:, 0::2]))
            load = popped | loads[level][:, None]
            new_entry = np.where(takes_right, entry[:, 1::2], entry[:, 0::2])
            next_entry[level] = np.where(load, new_entry, self._entry[level])
            next_valid[level] = np.where(load, left | right, self._valid[level])
            popped = np.stack([load & ~takes_right & left, load & takes_right], axis=2).reshape(self.n_streams, -1)
        outputs = self._outputs(root_valid, root, popped, self._ready)
        self._valid, self._entry = next_valid, next_entry
        self._loads = loads[:-1]
        self._ready = loads[-1] | (self._ready & ~start)
        return outputs

    def _leaves(self, inputs: Inputs) -> tuple[BoolArray, np.ndarray]:
        n_leaves, width = self.config.slices, self.config.key_width
        entry = pack_entry(
            to_signed(unpack_fields(inputs["leaf_key"], n_leaves, width), width),
            unpack_fields(inputs["leaf_core"], n_leaves, CORE_WIDTH),
            unpack_fields(inputs["leaf_index"], n_leaves, INDEX_WIDTH),
        )
        return unpack_fields(inputs["leaf_valid"], n_leaves, 1) != 0, entry

    def _outputs(self, valid: BoolArray, entry: np.ndarray, leaf_pop: BoolArray, ready: BoolArray) -> Outputs:
        return {
            "leaf_pop": pack_fields(leaf_pop, 1),
            "ready": bit(ready),
            "out_valid": bit(valid),
            "out_key": to_unsigned(entry_key(entry), self.config.key_width),
            "out_core": to_unsigned(entry_core(entry), CORE_WIDTH),
            "out_index": to_unsigned(entry_index(entry), INDEX_WIDTH),
        }
