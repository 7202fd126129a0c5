"""The result list: collects a sorted stream, merging it with the entries it already holds."""

import numpy as np

from golden.fixed.bits import I64Array, entry_core, entry_index, entry_key, mask, pack_entry, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, MAX_RESULTS, RESULT_COUNT_WIDTH


class ResultList(Unit):
    """The up to 16 nearest entries, in two banks: the current one, and one that a collection is written to.

    A collection takes one cycle an entry written; the list is read one entry a cycle.

    Inputs: ``collect``, ``keep`` (1), ``k`` (5), ``clear``, ``in_occupied``, ``in_valid`` (1), ``in_key``
    (key_width, signed), ``in_tag`` (13), ``read_pop``, ``rewind`` (1). Outputs: ``take``, ``busy``, ``done`` (1),
    ``total``, ``count``, ``remaining`` (5), ``out_valid`` (1), ``out_key`` (key_width, signed), ``out_core`` (8),
    ``out_index`` (5).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._banks = np.zeros((n_streams, 2, MAX_RESULTS), dtype=np.int64)
        self._bank, self._count, self._remaining, self._k = (self._zeros() for _ in range(4))
        self._old_count, self._old_pointer, self._taken, self._written = (self._zeros() for _ in range(4))
        self._busy = self._flags()

    def step(self, inputs: Inputs) -> Outputs:
        busy, streams = self._busy.copy(), np.arange(self.n_streams)
        occupied, is_entry = flag(inputs, "in_occupied"), flag(inputs, "in_valid")
        new = self._new_entry(inputs)
        old = self._banks[streams, self._bank, np.minimum(self._old_pointer, MAX_RESULTS - 1)]
        new_end = (self._taken == self._k) | (occupied & ~is_entry)
        new_here = occupied & is_entry & (self._taken < self._k)
        old_here = self._old_pointer < self._old_count
        old_first = old_here & (old < new)
        takes_new = busy & new_here & ~old_first
        takes_old = busy & old_here & (new_end | (new_here & old_first))
        takes = takes_new | takes_old
        last_new = takes_new & (self._taken + 1 == self._k) & ~old_here & (self._written > 0)
        ends = (takes & (self._written + 1 == MAX_RESULTS)) | last_new | (busy & new_end & ~old_here)

        shown = ~busy & (self._remaining > 0)
        pointer = np.where(shown, self._count - self._remaining, 0)
        out = np.where(shown, self._banks[streams, self._bank, pointer], 0)
        outputs = {
            "take": bit(takes_new),
            "busy": bit(busy),
            "done": bit(ends),
            "total": np.where(busy, self._written + takes, 0).astype(np.uint64),
            "count": self._count.astype(np.uint64),
            "remaining": self._remaining.astype(np.uint64),
            "out_valid": bit(shown),
            "out_key": to_unsigned(entry_key(out), self.config.key_width),
            "out_core": to_unsigned(entry_core(out), CORE_WIDTH),
            "out_index": to_unsigned(entry_index(out), INDEX_WIDTH),
        }

        writes = np.flatnonzero(takes)
        chosen = np.where(takes_new, new, old)
        self._banks[writes, 1 - self._bank[writes], self._written[writes]] = chosen[writes]
        self._taken = self._taken + takes_new
        self._old_pointer = self._old_pointer + takes_old
        self._written = self._written + takes
        self._finish(ends)
        self._idle(inputs, ~busy, shown)
        return outputs

    def _new_entry(self, inputs: Inputs) -> I64Array:
        key = signed(inputs, "in_key", self.config.key_width)
        tag = unsigned(inputs, "in_tag", CORE_WIDTH + INDEX_WIDTH)
        return pack_entry(key, tag >> INDEX_WIDTH, tag & mask(INDEX_WIDTH))

    def _finish(self, ends: np.ndarray) -> None:
        self._busy = self._busy & ~ends
        self._bank = self._bank ^ ends
        self._count = np.where(ends, self._written, self._count)
        self._remaining = np.where(ends, self._written, self._remaining)

    def _idle(self, inputs: Inputs, idle: np.ndarray, shown: np.ndarray) -> None:
        """What an idle list accepts, in this order: ``collect``, ``clear``, ``rewind``, ``read_pop``."""
        collect = idle & flag(inputs, "collect")
        clear = idle & flag(inputs, "clear") & ~collect
        rewind = idle & flag(inputs, "rewind") & ~collect & ~clear
        pop = shown & flag(inputs, "read_pop") & ~collect & ~clear & ~rewind
        k = np.minimum(unsigned(inputs, "k", RESULT_COUNT_WIDTH), MAX_RESULTS)
        self._k = np.where(collect, k, self._k)
        self._old_count = np.where(collect, np.where(flag(inputs, "keep"), self._count, 0), self._old_count)
        for name in ("_old_pointer", "_taken", "_written"):
            setattr(self, name, np.where(collect, 0, getattr(self, name)))
        self._count = np.where(clear, 0, self._count)
        self._remaining = np.where(collect | clear, 0, np.where(rewind, self._count, self._remaining - pop))
        self._busy = self._busy | collect
