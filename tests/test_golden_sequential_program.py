"""The sequential engine's program against the golden model: every vector command, with random arguments."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import numpy as np
import pytest
from sequential_host import SequentialHost, copy_state, differences, random_word

from ganglion.wasm.build import COMPILER
from golden.fixed.array import ArrayModel
from golden.fixed.array_state import N_PINNED_SHIFT
from golden.spec import Metric, Opcode, encode, preset
from golden.spec.commands import SEARCH_EXACT
from golden.spec.sequential_program import PROGRAM
from scripts import gen_sequential
from scripts.sequential_header import constants_header

MAX_WORDS = 2_560

CONFIG = preset("up5k-snn", memory="block")
"""The array whose commands the program runs: not the model of the program itself."""
OPCODES = list(Opcode)


def odds_of(**others: float) -> np.ndarray:
    """How often each command comes; those that are not among ``others`` have a weight of 1."""
    weights = np.array([others.get(opcode.name, 1) for opcode in OPCODES])
    return weights / weights.sum()


ODDS = odds_of(INIT=0.1, INSERT=9, SEARCH=6, MERGE=2, CLEAR=0.1, SET_COUNT=0.2)
ODDS_OF_FULL = odds_of(INIT=0, INSERT=10, SEARCH=20, CLEAR=0.5, SET_COUNT=0.5)


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

    def run_random(self, metric: Metric, cores: np.ndarray, odds: np.ndarray) -> None:
        """Any command, mostly for one of ``cores``, with new elements in the buffers."""
        rng = self.rng
        opcode = OPCODES[rng.choice(len(OPCODES), p=odds)]
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
                self.fill(region, self.row())
        if rng.random() < 0.2:
            self.fill(2, rng.integers(-(1 << 15), 1 << 15, 16))
        type_mask = 0xFFFF if rng.random() < 0.4 else int(rng.integers(1 << 16))
        alpha = int(rng.integers(-(1 << 15), 1 << 15))
        self.run(opcode, core, index, value, data=data & (1 << 64) - 1, type_mask=type_mask, alpha_raw=alpha)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("seed", range(4))
def test_random_commands(metric: Metric, seed: int) -> None:
    pair = Pair(100 * int(metric) + seed)
    rng = pair.rng
    pair.model.vectors[:] = rng.integers(-128, 128, pair.model.vectors.shape)
    pair.model.weights[:] = rng.integers(0, 256, pair.model.weights.shape)
    copy_state(pair.host, pair.model)
    cores = rng.choice(CONFIG.cores, 5, replace=False)
    pair.run(Opcode.INIT, index=metric, value=int(rng.integers(1, 17)))
    for _ in range(1_200):
        pair.run_random(metric, cores, ODDS)


@pytest.mark.parametrize("dims", (1, 7, 8, 9, 16))
@pytest.mark.parametrize("metric", Metric)
def test_random_commands_on_full_cores(metric: Metric, dims: int) -> None:
    pair = Pair(1_000 + 20 * int(metric) + dims)
    rng, model = pair.rng, pair.model
    pair.run(Opcode.INIT, index=metric, value=dims)
    n_vectors = rng.choice([0, 1, 5, 16, 17, 31, 32, 32, 32, 32, 32, 32, 32], CONFIG.cores)
    cores = np.repeat(np.arange(CONFIG.cores), n_vectors)
    model.insert_batch(cores, rng.integers(-3, 4, (len(cores), dims)) * rng.choice([1, 1, 40], (len(cores), 1)))
    model.types[:] = rng.integers(0, 16, model.types.shape)
    model.words[::3] |= 6 << N_PINNED_SHIFT  # nodes that take no child
    copy_state(pair.host, model)
    for _ in range(250):
        pair.run_random(metric, rng.choice(CONFIG.cores, 5), ODDS_OF_FULL)


def test_norms_at_powers_of_two() -> None:
    """Squared norms at both ends of what the reciprocal root is taken of."""
    pair = Pair(7)
    pair.run(Opcode.INIT, index=Metric.COSINE, value=16)
    for n_elements in (1, 2, 4, 8, 16):
        for element in (1, 2, 64, 127, -128, 3, 90, 91):
            row = np.zeros(16, np.int64)
            row[:n_elements] = element
            pair.fill(1, row)
            pair.fill(0, row)
            core = n_elements
            pair.run(Opcode.INSERT, core)
            pair.run(Opcode.SEARCH, core, value=16 | SEARCH_EXACT)
            pair.run(Opcode.CLEAR, core)
            pair.run(Opcode.INSERT, core)


def test_settings_after_reset() -> None:
    pair = Pair(8)
    pair.run(Opcode.INIT, index=Metric.DOT, value=5)
    pair.fill(1, pair.row())
    for core in (0, 77, 127):
        pair.run(Opcode.INSERT, core)
    pair.host.reset()
    pair.model.reset()
    assert differences(pair.host, pair.model) == []
    pair.run(Opcode.SEARCH, value=9)


@pytest.mark.skipif(importlib.metadata.version("ziglang") != COMPILER, reason=f"built with ziglang {COMPILER}")
def test_the_committed_program_is_what_the_source_gives() -> None:
    done = subprocess.run(
        [sys.executable, gen_sequential.__file__, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_committed_constants_follow_from_the_specification() -> None:
    text = constants_header(preset(gen_sequential.PRESET))
    assert (gen_sequential.PROJECT / gen_sequential.HEADER).read_text() == text


def test_the_program_fits() -> None:
    assert len(PROGRAM) <= MAX_WORDS
