"""The compact classifier's hardware, and how a model and its events are handed to it."""

import numpy as np

from golden.fixed.bits import I64Array, U64Array, mask, to_signed, to_unsigned, unpack_fields
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.neuronguard.compact import CompactTable, fingerprints_of
from golden.spec import Config
from golden.spec.compact import CODE_WIDTH, LANE_WIDTH, N_BANKS, N_LANES, WEIGHT_WIDTH, WORD_WIDTH, CompactShape

_GATHER, _DRAIN, _SCAN, _DONE = range(4)


def check_fits(table: CompactTable, shape: CompactShape) -> None:
    """Raises ValueError, naming what is too large, unless hardware of that shape holds the table."""
    for what, value, most in (
        ("rows", table.n_rows, shape.max_rows),
        ("classes", table.n_classes, shape.max_classes),
        ("bits of code", table.code_width, CODE_WIDTH),
    ):
        if value > most:
            raise ValueError(f"the table has {value} {what}, the hardware room for {most}")


def settings(table: CompactTable) -> dict[str, int]:
    """The ports ``code_mask`` and ``last_class`` for a table."""
    return {"code_mask": mask(table.code_width), "last_class": table.n_classes - 1}


def model_writes(table: CompactTable, shape: CompactShape) -> dict[str, U64Array]:
    """The ports ``write_codebook``, ``write_addr`` and ``write_data``, [n] each, that write a table cycle by cycle.

    Raises ValueError if it does not fit.
    """
    check_fits(table, shape)
    n_codes = len(table.codebook)
    weights = np.zeros((n_codes, shape.max_classes), np.int8)
    weights[:, : table.n_classes] = table.codebook
    codes = np.ascontiguousarray(weights).view("<u4").ravel()
    rows = np.arange(N_BANKS)[:, None] * shape.max_rows + np.arange(table.n_rows)
    return {
        "write_codebook": np.repeat(np.array([0, 1], np.uint64), [rows.size, codes.size]),
        "write_addr": np.concatenate([rows.ravel(), np.arange(codes.size)]).astype(np.uint64),
        "write_data": np.concatenate([table.words.ravel(), codes]).astype(np.uint64),
    }


def event_ports(table: CompactTable, keys: U64Array, shape: CompactShape) -> dict[str, U64Array]:
    """The ports ``rows`` and ``tag``, [n] each, of the events of keys [n]."""
    check_fits(table, shape)
    rows = (
        table.places(keys).astype(np.uint64) - (np.arange(N_BANKS, dtype=np.uint64) * np.uint64(table.n_rows))[:, None]
    )
    shifts = np.arange(N_BANKS, dtype=np.uint64)[:, None] * np.uint64(shape.row_width)
    tags = fingerprints_of(keys, table.code_width).astype(np.uint64) << np.uint64(table.code_width)
    return {"rows": np.bitwise_or.reduce(rows << shifts, axis=0), "tag": tags}


class CompactClassifier(Unit):
    """Events of hashed features in, class and scores out.

    One cycle an event and group of four classes (one cycle if the event's code is 0); the class stands 3 cycles and one
    a class after the last. ``docs/contract_events.md`` has ports and cycles.
    """

    def __init__(self, shape: CompactShape, n_streams: int = 1) -> None:
        super().__init__(Config(), n_streams)
        self.shape = shape
        self._banks = np.zeros((n_streams, N_BANKS, shape.max_rows), np.uint16)
        self._codebook = np.zeros((n_streams, 1 << shape.codebook_addr_width), np.uint32)
        self._words = np.zeros((n_streams, N_BANKS), np.int64)
        self._weights = np.zeros((n_streams, N_LANES), np.int64)
        self._scores = np.zeros((n_streams, shape.n_groups, N_LANES), np.int64)
        self._state, self._tag, self._code, self._group = (self._zeros() for _ in range(4))
        self._b_valid, self._c_valid, self._d_valid = (self._flags() for _ in range(3))
        self._d_group, self._scan, self._winner, self._best = (self._zeros() for _ in range(4))

    def step(self, inputs: Inputs) -> Outputs:
        shape, streams = self.shape, np.arange(self.n_streams)
        last_class = unsigned(inputs, "last_class", shape.class_width)
        clear, write = flag(inputs, "clear"), flag(inputs, "write")
        to_codebook = flag(inputs, "write_codebook")
        moves = ~self._c_valid | (self._group == last_class >> LANE_WIDTH)
        ready = (self._state == _GATHER) & ~clear & ~(write & ~to_codebook) & (~self._b_valid | moves)
        scanning = self._state == _SCAN
        outputs = {"ready": bit(ready)} | self.look(unsigned(inputs, "score_index", shape.class_width))
        score = to_signed(outputs["score"], shape.score_width)
        code = self._looked_up(unsigned(inputs, "code_mask", CODE_WIDTH))
        accepted = flag(inputs, "valid") & ready

        larger = scanning & ((self._scan == 0) | (score > self._best))
        self._best, self._winner = np.where(larger, score, self._best), np.where(larger, self._scan, self._winner)
        drained = (self._state == _DRAIN) & ~self._b_valid & ~self._c_valid
        finished = scanning & (self._scan == last_class)
        waits = flag(inputs, "valid") & ~ready
        begun = (self._state == _GATHER) & flag(inputs, "finish") & ~waits
        state = np.where(begun, _DRAIN, np.where(drained, _SCAN, np.where(finished, _DONE, self._state)))
        self._state = np.where(clear, _GATHER, state)
        self._scan = np.where(scanning, (self._scan + 1) & mask(shape.class_width), 0)

        self._add(clear)
        addr = self._code << shape.group_width | self._group
        self._weights = to_signed(
            unpack_fields(self._codebook[streams, addr].astype(np.uint64), N_LANES, WEIGHT_WIDTH), WEIGHT_WIDTH
        )
        self._d_valid, self._d_group = self._c_valid & ~clear, self._group
        self._c_valid = np.where(moves, self._b_valid & (code != 0), self._c_valid) & ~clear
        self._code = np.where(moves, code, self._code)
        self._group = np.where(moves, 0, (self._group + 1) & mask(shape.group_width))
        self._b_valid = (accepted | (self._b_valid & ~moves)) & ~clear
        rows = unpack_fields(inputs["rows"], N_BANKS, shape.row_width)
        read = self._banks[streams[:, None], np.arange(N_BANKS), rows]
        self._words = np.where(accepted[:, None], read, self._words)
        self._tag = np.where(accepted, unsigned(inputs, "tag", WORD_WIDTH), self._tag)
        self._write(inputs, np.flatnonzero(write & ~to_codebook), np.flatnonzero(write & to_codebook))
        return outputs

    def look(self, score_index: I64Array) -> Outputs:
        """All outputs of this cycle but ``ready``, for an owner whose other inputs depend on them."""
        lane = np.where(self._d_valid, self._d_group * N_LANES + score_index % N_LANES, score_index)
        shown = np.where(self._state == _SCAN, self._scan, lane)
        score = self._scores.reshape(self.n_streams, -1)[np.arange(self.n_streams), shown]
        return {
            "done": bit(self._state == _DONE),
            "winner": self._winner.astype(np.uint64),
            "best": to_unsigned(self._best, self.shape.score_width),
            "score": to_unsigned(score, self.shape.score_width),
        }

    def _looked_up(self, code_mask: I64Array) -> I64Array:
        """The code of the event whose words were read."""
        differs = (self._words ^ self._tag[:, None]) & (mask(WORD_WIDTH) - code_mask)[:, None]
        hits = differs == 0
        first = np.take_along_axis(self._words, hits.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.where(hits.any(axis=1), first & code_mask, 0)

    def _add(self, clear: np.ndarray) -> None:
        """The weights read last to the scores of their group."""
        adds = np.flatnonzero(self._d_valid)
        most = mask(self.shape.score_width - 1)
        sums = self._scores[adds, self._d_group[adds]] + self._weights[adds]
        self._scores[adds, self._d_group[adds]] = np.clip(sums, -most - 1, most)
        self._scores[clear] = 0

    def _write(self, inputs: Inputs, to_banks: np.ndarray, to_codebook: np.ndarray) -> None:
        """A word of a bank in some streams, of the code book in others."""
        shape = self.shape
        addr, data = unsigned(inputs, "write_addr", shape.write_addr_width), unsigned(inputs, "write_data", 32)
        bank, row = (addr >> shape.row_width) % N_BANKS, addr & mask(shape.row_width)
        self._banks[to_banks, bank[to_banks], row[to_banks]] = data[to_banks] & mask(WORD_WIDTH)
        place = addr & mask(shape.codebook_addr_width)
        self._codebook[to_codebook, place[to_codebook]] = data[to_codebook]
