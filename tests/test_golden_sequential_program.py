"""The sequential engine's program against the golden model: every vector command, with random arguments."""

from __future__ import annotations

import numpy as np
import pytest
from sequential_host import SequentialHost, differences, random_word

from golden.fixed.array import ArrayModel
from golden.spec import Metric, Opcode, encode, preset

CONFIG = preset("up5k-snn")
OPCODES = list(Opcode)
LIKELY = {Opcode.INIT: 0.2, Opcode.INSERT: 8, Opcode.SEARCH: 6, Opcode.MERGE: 2, Opcode.CLEAR: 0.4}
"""How often some commands come, beside the others' 1."""


class Pair:
    """Program and model side by side; after every command they are alike."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.host, self.model = SequentialHost(), ArrayModel(CONFIG)
        self.n_commands = 0

    def run(self, opcode: int, core: int = 0, index: int = 0, value: int = 0, **registers: int) -> int:
        """A command in both; its answer."""
        word = encode(opcode, core=core, index=index, value=value)
        expected = self.model.execute(word, **registers).answer
        outcome = self.host.execute(word, **registers)
        self.n_commands += 1
        text = f"command {self.n_commands}: {Opcode(opcode).name} core {core} index {index} value {value} {registers}"
        assert outcome.answer == expected, text
        assert differences(self.host, self.model) == [], text
        return expected

    def fill(self, region: int, values: np.ndarray) -> None:
        """Elements into a buffer of both."""
        self.host.fill(region, values)
        self.model.buffers[region] = values

    def row(self) -> np.ndarray:
        """Elements: small ones, which make equal distances, or of any size, or zeros."""
        kind = self.rng.integers(4)
        if kind == 0:
            return self.rng.integers(-1, 2, 16)
        if kind == 1:
            return self.rng.choice([-128, 127, 0], 16)
        return self.rng.integers(-128, 128, 16) // (1 << int(self.rng.integers(8)))

    def fill_cores(self, cores: range, n_vectors: int) -> None:
        for core in cores:
            for _ in range(n_vectors):
                self.fill(1, self.row())
                self.run(Opcode.INSERT, core)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("seed", range(4))
def test_random_commands(metric: Metric, seed: int) -> None:
    pair = Pair(100 * int(metric) + seed)
    rng = pair.rng
    pair.host.rows[:] = pair.model.vectors[:] = rng.integers(-128, 128, pair.host.rows.shape)
    odds = np.array([LIKELY.get(opcode, 1) for opcode in OPCODES])
    cores = rng.choice(CONFIG.cores, 5, replace=False)
    pair.run(Opcode.INIT, index=metric, value=int(rng.integers(1, 17)))
    for _ in range(1_200):
        opcode = OPCODES[rng.choice(len(OPCODES), p=odds / odds.sum())]
        core, index, value = int(rng.choice(cores)), int(rng.integers(34)), int(rng.integers(256))
        data = int(rng.integers(-(1 << 22), 1 << 22))
        if rng.random() < 0.1:
            core, index = int(rng.integers(CONFIG.cores)), int(rng.integers(256))
        if opcode == Opcode.INIT:
            index, value = (int(metric) if rng.random() < 0.8 else index), max(value % 20, 1)
        elif opcode == Opcode.SET_COUNT:
            value %= 40
        elif opcode == Opcode.WRITE_LINKS:
            data = random_word(rng)
        elif opcode == Opcode.MERGE:
            core = int(rng.integers(256))
            data = int(rng.integers(-(1 << 35), 1 << 35)) if rng.random() < 0.2 else data
        for region in range(2):
            if rng.random() < 0.7:
                pair.fill(region, pair.row())
        if rng.random() < 0.2:
            pair.fill(2, rng.integers(-(1 << 15), 1 << 15, 16))
        type_mask = 0xFFFF if rng.random() < 0.4 else int(rng.integers(1 << 16))
        alpha = int(rng.integers(-(1 << 15), 1 << 15))
        pair.run(opcode, core, index, value, data=data & (1 << 64) - 1, type_mask=type_mask, alpha_raw=alpha)
