"""256 cores in one instance: every core is a core, and searching all of them is merging what each finds."""

from __future__ import annotations

import numpy as np
import pytest
from wasm_programs import Pair, any_byte, any_vector, program

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from golden.float32 import Array
from golden.float32.module_array import ArrayModule
from golden.spec.constants import MAX_CORES, VECTORS_PER_CORE

MODULES = [name for name in VARIANTS if "array" in name]


def pair_of(variant: str) -> Pair:
    return Pair(Instance((FOLDER / VARIANTS[variant].file).read_bytes()), ArrayModule())


@pytest.mark.parametrize("variant", MODULES)
def test_random_programs_on_many_cores_agree(variant: str) -> None:
    rng = np.random.default_rng(len(variant))
    pair = pair_of(variant)
    for core_id in (0, 3, 254, 255):
        pair.run(("init", (int(rng.integers(1, 17)), int(rng.integers(0, 3)), core_id)))
        for _ in range(int(rng.integers(5, 33))):
            pair.run(("write_insert", (any_vector(rng, 0.5),)))
            pair.run(("insert", ()))
    for number, step in enumerate(program(rng, 2500)):
        if rng.random() < 0.05:
            pair.run(("core_select", (int(rng.choice([0, 1, 3, 100, 254, 255, 256, -1])),)))
        if rng.random() < 0.02:
            pair.run((str(rng.choice(["search_all", "search_all_exact"])), (any_byte(rng),)))
        if number % 700 == 699:
            pair.run(("init", (int(rng.integers(0, 18)), int(rng.integers(0, 3)), int(rng.choice([0, 3, 259])))))
        pair.run(step)
        pair.compare_lists()
        if number % 10 == 0:
            pair.compare_state()


@pytest.mark.parametrize("variant", MODULES)
@pytest.mark.parametrize("metric", [0, 1, 2])
def test_a_full_array_finds_what_the_float32_array_finds(variant: str, metric: int) -> None:
    rng = np.random.default_rng(metric)
    vectors = rng.normal(size=(MAX_CORES * VECTORS_PER_CORE, 16)).astype(np.float32)
    vectors[4000:4040] = vectors[:40]  # equal distances in different cores
    instance = Instance((FOLDER / VARIANTS[variant].file).read_bytes())
    array = Array(MAX_CORES, 16, metric)
    array.add(vectors)
    for core_id in range(MAX_CORES):
        instance.call("init", 16, metric, core_id)
        for vector in vectors[core_id * VECTORS_PER_CORE : (core_id + 1) * VECTORS_PER_CORE]:
            instance.insert_buffer[:] = vector
            instance.call("insert")
    instance.call("core_select", 77)
    for query, k in [(rng.normal(size=16), 16), (vectors[5], 3), (vectors[8000], 200), (np.zeros(16), 1)]:
        instance.query_buffer[:] = query
        for name, mode in (("search_all", "beam"), ("search_all_exact", "exact")):
            expected = array.search(np.asarray(query, np.float32)[None], min(k, 16), mode=mode)[0]
            assert instance.call(name, k) == len(expected) == min(k, 16)
            assert instance.results[: len(expected)].tobytes() == expected.tobytes()
            assert instance.global_results.tobytes() == instance.results.tobytes()
    assert instance.call("get_core_id") == 77
