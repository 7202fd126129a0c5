"""Scan unit of the sequential engine against a model written from its contract, every output in every cycle."""

import numpy as np
from hw_units import Recorder, random_bits

from ganglion.engine import check_twin
from golden.fixed.bits import to_signed, to_unsigned, unpack_fields
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from hw.scan_unit import ROW_WIDTH, ScanUnit

CONFIG = Config(cores=128, slices=1, lanes=8, memory="spram", contexts=1)
LATENCY = 3
"""From a word's data to its part of the key."""
ROWS = 1 << ROW_WIDTH
PAUSE = 3
"""Cycles after a scan in which its last words pass."""


class ScanTwin(Unit):
    """What ``docs/contract_sequential.md`` says of scans."""

    def __init__(self, config: Config, n_streams: int) -> None:
        super().__init__(config, n_streams)
        self.last, self.mode, self.word, self.key = (self._zeros() for _ in range(4))
        # The complements of query and threshold are 0 at power-on.
        self.query = np.full((n_streams, 4), 0xFFFFFFFF)
        self.kept = ~self._zeros() & 0xFFFFFFFF
        self.row, self.issued = self._zeros(), self._zeros()
        self.busy, self.found = self._flags(), self._flags()
        self.terms = [self._zeros() for _ in range(LATENCY)]
        self.reads = [self._flags() for _ in range(LATENCY + 1)]
        self.words = [self._zeros() for _ in range(LATENCY + 1)]

    def step(self, inputs: Inputs) -> Outputs:
        width, value = self.config.key_width, unsigned(inputs, "value", 32)
        two = (self.mode >> 1 & 1) != 0
        chunk = np.where(two, self.word & 1, 0)
        outputs = {
            "busy": bit(self.busy),
            "addr": to_unsigned(2 * self.issued + chunk, ROW_WIDTH + 1),
            "found": bit(self.found),
            "row": self.row.astype(np.uint64),
            "key": to_unsigned(self.key, width),
        }
        # A row's key is there LATENCY cycles after the data of its last word.
        complete = self.reads[LATENCY] & (~two | (self.words[LATENCY] % 2 == 1)) & self.busy
        below = complete & (self.key < to_signed(self.kept.astype(np.uint64), 32))
        stops = below | (complete & (self.row >= self.last))

        adds = self.reads[LATENCY - 1] & self.busy & ~stops
        begins = ~two | (self.words[LATENCY - 1] % 2 == 0)
        self.key = np.where(adds, np.where(begins, 0, self.key) + self.terms[LATENCY - 2], self.key)
        self.terms = [self._term(inputs, two), *self.terms[:-1]]
        self.reads = [self.busy, *self.reads[:-1]]
        self.words = [self.word, *self.words[:-1]]

        start, set_mode = flag(inputs, "start"), flag(inputs, "set_mode")
        row = value % ROWS
        self.row = np.where(start, row, (self.row + (complete & ~stops)) % ROWS)
        self.issued = np.where(start, row, (self.issued + (~two | (chunk == 1))) % ROWS)
        self.word = np.where(self.busy, self.word + 1, 0)
        self.found = np.where(start, False, np.where(stops, below, self.found))
        self.busy = start | (self.busy & ~stops)
        self.mode = np.where(set_mode, value, self.mode)
        self.kept = np.where(flag(inputs, "set_threshold"), value, self.kept)
        strobes = inputs["set_operand"].astype(np.int64)[:, None] >> np.arange(4) & 1
        self.query = np.where(strobes, value[:, None], self.query)
        self.last = np.where(flag(inputs, "set_last"), row, self.last)
        return outputs

    def _term(self, inputs: Inputs, two: np.ndarray) -> np.ndarray:
        """What the data of this cycle add to a key."""
        second = two & (self.words[0] % 2 == 1)
        words = np.where(second[:, None], self.query[:, 2:], self.query[:, :2]).astype(np.uint64)
        operand = words[:, 0] | words[:, 1] << np.uint64(32)
        data, query = (to_signed(unpack_fields(word, 8, 8), 8) for word in (inputs["data"], operand))
        used = (self.mode >> 8 >> np.where(second, 8, 0))[:, None] >> np.arange(8) & 1
        dot = (self.mode & 1) != 0
        return (np.where(dot[:, None], -data * query, (data - query) ** 2) * used).sum(axis=1)


class Replay:
    """A twin that has run already: what a recorder's twin answered."""

    def __init__(self, trace: list[Outputs]) -> None:
        self._trace = iter(trace)

    def step(self, _: Inputs) -> Outputs:
        return next(self._trace)


def scans(shape: tuple[int, int], seed: int) -> tuple[Recorder, list[Outputs], dict[str, int]]:
    """Scan after scan of few or many rows; thresholds that no key, some keys, or all keys are below."""
    rng = np.random.default_rng(seed)
    n, n_cycles = shape
    unit = Recorder(ScanTwin(CONFIG, n))
    data, operand = (random_bits(rng, shape, width) for width in (64, 32))
    idle, phase = np.full(n, PAUSE), np.zeros(n, np.int64)
    first, figures = np.zeros(n, np.int64), {"scans": 0, "found": 0, "rows": 0}
    lasting, n_words = np.zeros(n, np.int64), np.ones(n, np.int64)
    was_busy, trace = np.zeros(n, bool), []
    for cycle in range(n_cycles):
        # Stores, the start of a scan, four operand words, with pauses; some are left out.
        ready = (idle >= PAUSE) & (rng.random(n) < 0.7)
        step = np.where(ready, phase, -1)
        skipped = rng.random(n) < 0.3
        set_mode, set_last, start = (step == 0) & ~skipped, step == 1, step == 3
        set_operand = np.where((step >= 4) & (skipped | (cycle < 20)), 1 << step - 4, 0)
        mode = rng.integers(0, 4, n) | np.where(rng.random(n) < 0.5, 0xFFFF, rng.integers(0, 1 << 16, n)) << 8
        rows = np.where(rng.random(n) < 0.2, 0, rng.integers(0, 40, n))
        first = np.where(step == 1, rng.integers(0, ROWS - rows), first)
        threshold = np.where(
            rng.random(n) < 0.2,
            rng.choice([-(1 << 31), (1 << 31) - 1, 0, -1, 1, 0xFFFFF, -0x100000], n),
            rng.integers(-60_000, 200_000, n),
        )
        value = np.where(step == 0, mode, np.where(step == 1, first + rows, np.where(step == 2, threshold, first)))
        value = np.where(step >= 4, operand[:, cycle].astype(np.int64), value)
        junk = rng.integers(0, 1 << 20, n) << ROW_WIDTH
        value = np.where((step == 1) | (step == 3), value | junk, value)
        outputs = unit.step(
            {
                "value": value & 0xFFFFFFFF,
                "set_threshold": (step == 2) & ~skipped,
                "set_last": set_last,
                "set_mode": set_mode,
                "start": start,
                "set_operand": set_operand,
                "data": data[:, cycle],
            }
        )
        trace.append({name: values.astype(np.uint64) for name, values in outputs.items()})
        n_words = np.where(set_mode, 1 + (mode >> 1 & 1), n_words)
        busy = outputs["busy"] != 0
        ended = was_busy & ~busy
        taken = outputs["row"] - first + 1
        np.testing.assert_array_equal(lasting[ended], (4 + n_words * taken)[ended], "cycles of a scan")
        figures["scans"] += int(ended.sum())
        figures["found"] += int((ended & (outputs["found"] != 0)).sum())
        figures["rows"] += int(taken[ended].sum())
        lasting = np.where(busy, lasting + 1, np.where(start, 0, lasting))
        idle = np.where(busy | start, 0, idle + 1)
        phase = np.where(ready, (phase + 1) % 8, phase)
        was_busy = busy
    return unit, trace, figures


def test_scans() -> None:
    shape = (1000, 1050)
    unit, trace, figures = scans(shape, 1)
    check_twin(ScanUnit(CONFIG), Replay(trace), unit.stimulus())
    assert figures["scans"] > 10_000 and 0.2 < figures["found"] / figures["scans"] < 0.9, figures
