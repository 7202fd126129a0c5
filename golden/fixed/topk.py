"""The sorted list of the nearest entries."""

import numpy as np

from golden.fixed.bits import entry_core, entry_index, entry_key, pack_entry, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, MAX_RESULTS

QUARTERED = (16, 64, 256)
"""Lists of so many entries are searched by quarters: a push takes the outputs."""


class TopK(Unit):
    """Keeps the ``entries`` smallest of the pushed (key, core, index), in order; of equals the first pushed is first.

    Latency one cycle from a push to the list, throughput one push a cycle.

    Inputs: ``clear``, ``push`` (1), ``key`` (key_width, signed), ``core`` (core_width), ``index`` (5), ``rank``.
    Outputs: ``count``, ``out_valid``, ``out_key``, ``out_core``, ``out_index``: the entry at ``rank``, combinationally.
    With ``core_width`` 0 there is neither ``core`` nor ``out_core``.
    """

    def __init__(
        self, config: Config, n_streams: int = 1, *, entries: int = MAX_RESULTS, core_width: int = CORE_WIDTH
    ) -> None:
        super().__init__(config, n_streams)
        if isinstance(entries, bool) or not isinstance(entries, int) or entries < 1:
            raise ValueError(f"entries must be a positive integer, got {entries!r}")
        if isinstance(core_width, bool) or not isinstance(core_width, int) or not 0 <= core_width <= CORE_WIDTH:
            raise ValueError(f"core_width must be an integer of 0 to {CORE_WIDTH}, got {core_width!r}")
        self.entries = entries
        self.core_width = core_width
        self._entry = np.zeros((n_streams, entries), dtype=np.int64)
        self._count = self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        entries, width = self.entries, self.config.key_width
        rank = unsigned(inputs, "rank", max(1, (entries - 1).bit_length()))
        clear = flag(inputs, "clear")
        pushed = flag(inputs, "push")
        new = pack_entry(
            signed(inputs, "key", width),
            unsigned(inputs, "core", self.core_width) if self.core_width else self._zeros(),
            unsigned(inputs, "index", INDEX_WIDTH),
        )
        if entries in QUARTERED:
            rank = np.where(pushed, np.minimum(self._kept(new), entries - 1), rank)
        shown = np.where(rank < entries, self._entry[np.arange(self.n_streams), np.minimum(rank, entries - 1)], 0)
        outputs = {
            "count": self._count.astype(np.uint64),
            "out_valid": bit(rank < self._count),
            "out_key": to_unsigned(entry_key(shown), width),
            "out_index": to_unsigned(entry_index(shown), INDEX_WIDTH),
        }
        if self.core_width:
            outputs["out_core"] = to_unsigned(entry_core(shown), self.core_width)
        push = pushed & ~clear
        self._insert(push, new)
        self._count = np.where(clear, 0, np.minimum(self._count + push, entries))
        return outputs

    @property
    def count(self) -> np.ndarray:
        """Entries in the list, ``[n_streams]``."""
        return self._count

    def _kept(self, new: np.ndarray) -> np.ndarray:
        """How many entries stay before the new one."""
        there = np.arange(self.entries) < self._count[:, None]
        return (there & (self._entry <= new[:, None])).sum(axis=1)

    def _insert(self, push: np.ndarray, new: np.ndarray) -> None:
        """Shift the slots behind the new entry's place by one, empty ones included."""
        slots = np.arange(self.entries)
        place = np.where(push, self._kept(new), self.entries)[:, None]
        shifted = np.concatenate([self._entry[:, :1], self._entry[:, :-1]], axis=1)
        self._entry = np.where(slots < place, self._entry, np.where(slots == place, new[:, None], shifted))
