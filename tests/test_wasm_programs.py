"""The WASM module is the float32 model, bit for bit: long random programs of all functions."""

from __future__ import annotations

import numpy as np
import pytest
from wasm_programs import Pair, any_vector, program

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from ganglion.wasm.interface import MORE_FUNCTIONS, SEED_FUNCTIONS
from golden.float32.module import Module

MODULES = {name: (FOLDER / variant.file).read_bytes() for name, variant in VARIANTS.items() if "array" not in name}
SEVERAL = pytest.mark.parametrize("variant", MODULES)

SHAPES = [
    *((16, 0, 0, 32), (16, 1, 3, 32), (16, 2, 255, 32), (8, 0, 7, 32), (5, 1, 256, 32), (13, 2, 1, 32)),
    *((200, 0, 0, 20), (1, 0, 0, 9), (9, 77, 0, 1), (16, 1, 0, 0), (8, 2, 0, 5), (-1, -1, -1, 32)),
]


@SEVERAL
@pytest.mark.parametrize("seed", range(len(SHAPES)))
def test_random_programs_agree_in_every_bit(variant: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pair = Pair(Instance(MODULES[variant]), Module())
    dims, metric, core_id, n_vectors = SHAPES[seed]
    pair.run(("init", (dims, metric, core_id)))
    for _ in range(n_vectors):
        pair.run(("write_insert", (any_vector(rng, 0.5),)))
        pair.run(("insert", ()))
    seen = {"init"}
    for number, step in enumerate(program(rng, 3000)):
        pair.run(step)
        pair.compare_lists()
        if number % 10 == 0:
            pair.compare_state()
        seen.add("merge" if step[0].startswith("merge_") else step[0])
    pair.compare_state()
    not_stepped = {name for name in SEED_FUNCTIONS | MORE_FUNCTIONS if name not in seen}
    # The pointers are compared by what lies there, snapshots in test_wasm_state.py.
    assert not_stepped == {name for name in not_stepped if name.endswith("_ptr")} | {"snapshot", "restore"}


@SEVERAL
@pytest.mark.parametrize("seed", range(20, 26))
def test_programs_before_init_agree_too(variant: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pair = Pair(Instance(MODULES[variant]), Module())
    for number, step in enumerate(program(rng, 800)):
        pair.run(step)
        pair.compare_lists()
        if number == 500 and seed % 2:
            pair.run(("init", (int(rng.integers(0, 20)), int(rng.integers(0, 4)), 9)))
    pair.compare_state()


@SEVERAL
def test_many_short_lives_agree(variant: str) -> None:
    """One instance, initialised again and again: nothing of an earlier life is left."""
    rng = np.random.default_rng(99)
    pair = Pair(Instance(MODULES[variant]), Module())
    for _ in range(60):
        pair.run(("init", (int(rng.integers(1, 18)), int(rng.integers(0, 3)), int(rng.integers(0, 256)))))
        pair.compare_lists()
        for _ in range(int(rng.choice([0, 1, 2, 6, 17, 33]))):
            pair.run(("write_insert", (any_vector(rng),)))
            pair.run(("insert", ()))
        for step in program(rng, 40):
            pair.run(step)
        pair.compare_lists()
        pair.compare_state()
