"""The array at the level of commands: what each one does to the memories, what it answers, and how long it takes.

Bit-exact in every memory word and exact in every cycle count, without stepping through cycles: the work of a command is
done with NumPy over all cores at once. :meth:`ArrayModel.execute` is what the bus sees; the batch methods insert and
search many vectors as the same commands would, one after the other, in far less time.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from golden.fixed import array_cycles as timing
from golden.fixed.array_batch import ALL_TYPES, BatchArray, BatchResults, Mode
from golden.fixed.array_command import NEVER, Command, Execution, collect_results, to_signed64
from golden.fixed.array_insert import insert_row, link, nearest
from golden.fixed.array_scale import aggregate, blend, operand_rows
from golden.fixed.array_search import NO_ENTRY
from golden.fixed.array_state import unpack_word
from golden.fixed.bits import I64Array, entry_core, entry_index, entry_key, mask
from golden.fixed.fabric import Fabric
from golden.fixed.fabric_state import RESET_SETTINGS, FabricSettings, TickStart
from golden.fixed.sequential_array import SequentialArray
from golden.fixed.sequential_ports import Request
from golden.spec import Config, Error, Metric, Opcode, encode
from golden.spec.commands import SEARCH_EXACT, SEARCH_K_MASK, SEARCH_KEEP, SEARCH_ONE
from golden.spec.constants import (
    INDEX_NONE,
    INDEX_WIDTH,
    MAX_DIMS,
    MAX_NEIGHBOURS,
    MAX_RESULTS,
    N_NODE_TYPES,
    NODE_WIDTH,
    VECTORS_PER_CORE,
)
from golden.spec.neural_commands import NeuralOpcode, commands

__all__ = ["NEVER", "UNTIMED", "ArrayModel", "Command", "Execution"]

UNTIMED = -1
"""Cycles of a command of a batch that a sequential array has not run for them."""
MERGE_FEED = 2
"""The busy cycle in which MERGE feeds its record."""


class ArrayModel(BatchArray):
    """All cores of an array and its commands; the state is that of :class:`~golden.fixed.array_state.ArrayState`.

    A new model is empty: 16 dims, squared L2, memories of zeros. ``fabric``: the neurons, None without contexts.
    ``sequential``: the engine that gives a sequential array's cycles, None in others.
    """

    fabric: Fabric | None = None
    sequential: SequentialArray | None = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._commands: dict[int, Callable[[Command], Execution]] = {
            opcode: getattr(self, f"_{opcode.name.lower()}") for opcode in Opcode
        }
        self._checks_core = {int(info.opcode): info.checks_core for info in commands(config)}
        if config.contexts:
            self.fabric = Fabric(self)
            self._commands |= self.fabric.commands
            if config.sequential:
                self.sequential = SequentialArray(self, self.fabric)

    def reset(self) -> None:
        super().reset()
        if self.fabric is not None:
            self.fabric.reset()
        if self.sequential is not None:
            self.sequential.forget()

    def init(self, dims: int, metric: int = Metric.L2) -> None:
        super().init(dims, metric)
        if self.fabric is not None:
            self.fabric.empty()

    # ---------------------------------------------------------------- many vectors

    def insert_batch(
        self, cores: npt.ArrayLike, vectors: npt.ArrayLike, *, timed: bool = True
    ) -> tuple[I64Array, I64Array]:
        """As in any array. A sequential one runs the commands one by one for their cycles; with ``timed`` False it does
        not, which is much faster, and the cycles are UNTIMED."""
        if self.sequential is None or not timed:
            indices, cycles = super().insert_batch(cores, vectors)
            return indices, cycles if self.sequential is None else np.full_like(cycles, UNTIMED)
        where, rows = self._placed(cores, vectors)
        before = self.vector.copy()
        done = []
        for core, row in zip(where.tolist(), rows, strict=True):
            self.vector[:] = row
            done.append(self.execute(encode(Opcode.INSERT, core=core)))
        self.vector[:] = before
        return np.array([one.answer for one in done], np.int64), np.array([one.cycles for one in done], np.int64)

    def search_batch(
        self,
        queries: npt.ArrayLike,
        k: int,
        mode: Mode = "exact",
        type_mask: int = ALL_TYPES,
        *,
        timed: bool = True,
    ) -> BatchResults:
        """As in any array; ``timed`` as in :meth:`insert_batch`."""
        found = super().search_batch(queries, k, mode, type_mask)
        if self.sequential is None:
            return found
        cycles = np.full(len(found.n_results), UNTIMED)
        if timed:
            before, results, n_unread = self.query.copy(), self.results, self.n_unread
            word = encode(Opcode.SEARCH, value=k | (SEARCH_EXACT if mode == "exact" else 0))
            for i, row in enumerate(self._elements("queries", queries)):
                self.query[:] = row
                cycles[i] = self.execute(word, type_mask=type_mask).cycles
            self.query[:], self.results, self.n_unread = before, results, n_unread
        return replace(found, cycles=cycles)

    # ---------------------------------------------------------------- commands

    def refusal(self, word: int) -> Error:
        """Why the bus would refuse a command word of an idle array; NONE if it would not."""
        opcode, core, value = word & 0xFF, word >> 8 & 0xFF, word >> 24 & 0xFF
        if opcode not in self._commands:
            return Error.BAD_OPCODE
        if self._checks_core[opcode] and core >= self.config.cores:
            return Error.BAD_CORE
        return Error.BAD_ARGUMENT if opcode == Opcode.INIT and not value else Error.NONE

    def execute(
        self,
        word: int,
        data: int = 0,
        type_mask: int = ALL_TYPES,
        alpha_raw: int = 0,
        *,
        settings: FabricSettings = RESET_SETTINGS,
        tick_start: TickStart | None = None,
    ) -> Execution:
        """Run one command to its end; in a sequential array the engine runs it too, and gives the cycles.

        Args:
            word: the command word (:func:`golden.spec.encode`).
            data: the DATA registers, 64 bits. type_mask: TYPE_MASK, 16 bits. alpha_raw: ALPHA, signed.
            settings: the registers of the spiking fabric.
            tick_start: what a TICK meets; None: an empty inlet and an idle reporter. Not for a sequential array.

        Raises:
            ValueError: the bus would refuse the command, or ``tick_start`` for a sequential array.
        """
        reason = self.refusal(word)
        if reason is not Error.NONE:
            raise ValueError(f"command {word:#010x} is refused: {reason.name}")
        if self.sequential is None:
            return self.perform(word, data, type_mask, alpha_raw, settings=settings, tick_start=tick_start)
        if tick_start is not None:
            raise ValueError(f"a sequential array's engine meets an empty inlet and an idle reporter, got {tick_start}")
        registers = Request(word, data, type_mask, alpha_raw, settings)
        shown = self.sequential.measure(registers)
        done = self.perform(word, data, type_mask, alpha_raw, settings=settings)
        self.sequential.note()
        return self.sequential.timed(done, shown)

    def perform(
        self,
        word: int,
        data: int = 0,
        type_mask: int = ALL_TYPES,
        alpha_raw: int = 0,
        *,
        settings: FabricSettings = RESET_SETTINGS,
        tick_start: TickStart | None = None,
    ) -> Execution:
        """What a command that is not refused does, without the engine of a sequential array; see :meth:`execute`."""
        self.writes = []
        command = Command(word >> 8 & 0xFF, word >> 16 & 0xFF, word >> 24 & 0xFF, data, type_mask, alpha_raw)
        if self.fabric is not None:
            self.fabric.settings = settings
            if tick_start is not None and word & 0xFF == NeuralOpcode.TICK:
                return self.fabric.tick(command, tick_start)
        return self._commands[word & 0xFF](command)

    def _init(self, c: Command) -> Execution:
        self.init(min(c.value, MAX_DIMS), c.index)
        return Execution(1 + timing.emptying_cycles(self.config))

    def _clear(self, c: Command) -> Execution:
        self.counts[c.core] = 0
        return Execution(1)

    def _set_count(self, c: Command) -> Execution:
        self.counts[c.core] = min(c.value, VECTORS_PER_CORE)
        return Execution(1)

    def _clear_results(self, c: Command) -> Execution:
        self.results, self.n_unread = [], 0
        return Execution(1)

    def _count(self, c: Command) -> Execution:
        return Execution(2, int(self.counts[c.core]), 2)

    def _exists(self, c: Command) -> bool:
        return bool(c.index < self.counts[c.core])

    def _set_type(self, c: Command) -> Execution:
        return self._store(c, self.types, c.value % N_NODE_TYPES)

    def _set_weight(self, c: Command) -> Execution:
        return self._store(c, self.weights, c.value)

    def _write_links(self, c: Command) -> Execution:
        return self._store(c, self.words, c.data & mask(NODE_WIDTH))

    def _store(self, c: Command, memory: I64Array, value: int) -> Execution:
        exists = self._exists(c)
        if exists:
            self.write(2, memory, (c.core, c.index), value)
        return Execution(2, int(exists), 2)

    def _get_type(self, c: Command) -> Execution:
        return self._fetch(c, self.types)

    def _get_weight(self, c: Command) -> Execution:
        return self._fetch(c, self.weights)

    def _read_links(self, c: Command) -> Execution:
        return self._fetch(c, self.words)

    def _fetch(self, c: Command, memory: I64Array) -> Execution:
        return Execution(2, int(memory[c.core, c.index]) if self._exists(c) else 0, 2)

    def _type_matches(self, c: Command) -> Execution:
        return Execution(2, int(self._exists(c) and c.type_mask >> int(self.types[c.core, c.index]) & 1), 2)

    # ---------------------------------------------------------------- vectors and GNN

    def _operand(self, source: npt.ArrayLike, *, normalised: bool = True) -> tuple[I64Array, int]:
        """The operand [16] that LOAD makes of a region, and the cycles of NORMALISE."""
        cosine = normalised and self.metric is Metric.COSINE
        rows, cycles = operand_rows(self.config, np.asarray(source)[None], self.dims, cosine=cosine)
        return rows[0], int(cycles[0])

    def _insert(self, c: Command) -> Execution:
        row, norm = self._operand(self.vector)
        before = int(self.counts[c.core])
        full = before >= VECTORS_PER_CORE
        near = [] if full else nearest(self, c.core, row)
        linking = link(self.words[c.core], near, before)
        n_worked = len(linking.worked)
        n = int(timing.insert_cycles(self.config, norm, before, self.n_row_words, n_worked, full=full))
        if full:
            return Execution(n, INDEX_NONE, n)
        insert_row(self, c.core, row, n - timing.copy_cycles(self.config), linking)
        return Execution(n, before, n)

    def _write_vector(self, c: Command) -> Execution:
        if not self._exists(c):
            return Execution(2, 0, 2)
        row, _ = self._operand(self.vector, normalised=False)
        n = 2 + timing.LOAD_CYCLES + timing.copy_cycles(self.config)
        self.write_row(n - self.config.n_chunks, c.core, c.index, row)
        return Execution(n, 1, n)

    def _read_vector(self, c: Command) -> Execution:
        exists, row = self._exists(c), np.zeros(MAX_DIMS, np.int64)
        if exists:
            row[:] = self.vectors[c.core, c.index]
        self._fill(self.vector, row, 1)
        return Execution(timing.gather_cycles(1), int(exists), 2)

    def _aggregate(self, c: Command) -> Execution:
        exists, near = self._exists(c), np.zeros(0, np.int64)
        if exists:
            links, n_links, _ = unpack_word(int(self.words[c.core, c.index]))
            near = np.array(links[: min(n_links, MAX_NEIGHBOURS)], np.int64)
        row = aggregate(self.config, self.vectors[c.core, near].astype(np.int64), self.weights[c.core, near])
        self._fill(self.delta, row, max(1, len(near)))
        return Execution(timing.gather_cycles(len(near)), int(exists), 2)

    def _fill(self, region: I64Array, row: I64Array, n_beats: int) -> None:
        """A gather's sums go to the buffer one element every ``n_beats`` cycles."""
        for d in range(MAX_DIMS):
            self.write(timing.GATHER_CYCLES + n_beats * (d + 1), region, d, row[d])

    def _update(self, c: Command) -> Execution:
        if not self._exists(c):
            return Execution(2, 0, 2)
        scratch = blend(self.config, self.vectors[c.core, c.index], self.delta, c.alpha_raw)
        row, norm = self._operand(scratch)
        n = timing.gather_cycles(1) + norm + timing.LOAD_CYCLES + timing.copy_cycles(self.config)
        self.write_row(n - self.config.n_chunks, c.core, c.index, row)
        return Execution(n, 1, 2)

    # ---------------------------------------------------------------- searches and the result list

    def _search(self, c: Command) -> Execution:
        k = min(c.value & SEARCH_K_MASK, MAX_RESULTS)
        cores = slice(c.core, c.core + 1) if c.value & SEARCH_ONE else slice(0, self.config.cores)
        mode: Mode = "exact" if c.value & SEARCH_EXACT else "beam"
        entries, turn, _ = self.scan(self.query[None], k, mode, c.type_mask, cores)
        norm = self.query_norms(self.query[None])
        stream = [(int(entry_key(e)), int(entry_core(e)), int(entry_index(e))) for e in entries[0] if e != NO_ENTRY]
        if self.metric is Metric.COSINE and stream:
            keys = self.cosine_distances(np.array([[entry[0] for entry in stream]]), norm)[0]
            stream = [(int(key), *entry[1:]) for key, entry in zip(keys, stream, strict=True)]
        feed = int(timing.first_feed(self.config, turn, norm.cycles)[0])
        return collect_results(self, stream, k, bool(c.value & SEARCH_KEEP), feed, int(turn[0]))

    def _merge(self, c: Command) -> Execution:
        key = int(self.config.key_format.saturate(to_signed64(c.data)))
        return collect_results(self, [(key, c.core, c.index & mask(INDEX_WIDTH))], 1, True, MERGE_FEED, MERGE_FEED - 1)
