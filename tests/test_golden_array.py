"""The golden array against independent authorities: brute force, the float32 model, exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pytest

from golden.fixed.array import ArrayModel
from golden.fixed.array_state import pack_word, unpack_word
from golden.float32 import Array as FloatArray
from golden.float32 import Core as FloatCore
from golden.spec import Config, Metric, Opcode, encode
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP, SEARCH_ONE

METRICS = [Metric.L2, Metric.COSINE, Metric.DOT]
MEMORIES = ("vectors", "words", "types", "weights", "counts", "buffers")


def elements(rng: np.random.Generator, shape: tuple[int, ...], width: int = 8, kind: int = 0) -> np.ndarray:
    """Random elements over the full range, of few values (many ties), or with rows of zeros and extremes."""
    top = 1 << (width - 1)
    if kind == 1:
        return rng.integers(-1, 2, shape)
    values = rng.integers(-top, top, shape)
    if kind == 2:
        values[rng.random(shape[0]) < 0.3] = 0
        values[rng.random(shape[0]) < 0.2] = -top
    return values


def filled(config: Config, counts: list[int], metric: Metric, dims: int, seed: int = 0, kind: int = 0) -> ArrayModel:
    """An array whose core c holds ``counts[c]`` random vectors."""
    array = ArrayModel(config)
    array.init(dims, metric)
    cores = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(seed)
    array.insert_batch(cores, elements(rng, (len(cores), dims), config.element_width, kind))
    return array


def brute_force(array: ArrayModel, query: np.ndarray, k: int, mask: int = 0xFFFF) -> list[tuple[int, int, int]]:
    """The k nearest stored vectors with Python integers: (raw distance, core, index)."""
    config, dims = array.config, array.dims
    q = [int(v) for v in query[:dims]]
    found = []
    for core in range(config.cores):
        for index in range(int(array.counts[core])):
            if not mask >> int(array.types[core, index]) & 1:
                continue
            row = [int(v) for v in array.vectors[core, index, :dims]]
            if array.metric is Metric.L2:
                key = sum((a - b) ** 2 for a, b in zip(q, row, strict=True))
            else:
                key = -sum(a * b for a, b in zip(q, row, strict=True))
            found.append((key, core, index))
    found = sorted(found)[:k]
    if array.metric is Metric.COSINE:
        shift, root = align_and_root(config, q)
        found = [(cosine(config, key, shift, root), core, index) for key, core, index in found]
    return found


def align_and_root(config: Config, vector: list[int]) -> tuple[int, int]:
    """The shift and the reciprocal root of a vector, from their definitions."""
    n2 = sum(v * v for v in vector)
    if not n2:
        return 0, 0
    shift = 0
    while n2 * 4**shift < 1 << (config.norm_width - 2):
        shift += 1
    return shift, isqrt((1 << (2 * config.unit_shift)) // (n2 * 4**shift))


def cosine(config: Config, key: int, shift: int, root: int) -> int:
    scaled = floor(Fraction(key * 2**shift * root, 1 << config.cosine_shift) + Fraction(1, 2))
    return min(config.cosine_one + scaled, config.key_format.max_raw)


def results(array: ArrayModel) -> list[tuple[int, int, int]]:
    return [tuple(int(v) for v in entry) for entry in array.results]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("width", [8, 16])
def test_exact_search_is_brute_force_at_every_fill_and_dims(metric: Metric, width: int) -> None:
    config = Config(cores=2, slices=2, lanes=4, element_width=width)
    rng = np.random.default_rng(width)
    for dims in range(1, 17):
        array = filled(config, [0, 0], metric, dims)
        for fill in range(1, 33):
            kind = (fill + dims) % 3
            array.insert_batch([0], elements(rng, (1, dims), width, kind))
            query = elements(rng, (1, 16), width, kind)
            expected = brute_force(array, query[0], 10)
            array.query[:] = query[0]
            assert array.execute(encode(Opcode.SEARCH, value=10 | SEARCH_EXACT)).answer == min(fill, 10)
            assert results(array) == expected
            batch = array.search_batch(query, 10)
            n = int(batch.n_results[0])
            assert list(zip(batch.distances[0], batch.cores[0], batch.indices[0], strict=True))[:n] == expected


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("cores", "slices"), [(6, 2), (4, 4), (3, 1)])
def test_exact_search_of_many_cores_is_brute_force(metric: Metric, cores: int, slices: int) -> None:
    config = Config(cores=cores, slices=slices, lanes=8)
    rng = np.random.default_rng(cores)
    for trial in range(12):
        counts = [int(n) for n in rng.integers(0, 33, cores)]
        array = filled(config, counts, metric, int(rng.integers(1, 17)), seed=trial, kind=trial % 3)
        array.types[:] = rng.integers(0, 16, array.types.shape)
        mask = int(rng.integers(0, 1 << 16))
        array.query[:] = elements(rng, (1, 16), 8, trial % 3)[0]
        for k in (1, 5, 16):
            array.execute(encode(Opcode.SEARCH, value=k | SEARCH_EXACT), type_mask=mask)
            assert results(array) == brute_force(array, array.query, k, mask)


@pytest.mark.parametrize("metric", [Metric.L2, Metric.DOT])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_graph_and_beam_are_those_of_the_float32_model(metric: Metric, kind: int) -> None:
    rng = np.random.default_rng(kind)
    for dims in (1, 2, 5, 16):
        array, core = ArrayModel(Config(lanes=16)), FloatCore(dims, metric)
        array.init(dims, metric)
        for vector in elements(rng, (32, dims), 8, kind):
            array.vector[:dims] = vector
            assert array.execute(encode(Opcode.INSERT)).answer == core.insert(vector.astype(np.float32))
            for node in range(core.count):
                links, n_links, n_pinned = unpack_word(int(array.words[0, node]))
                assert tuple(links[:n_links]) == core.neighbours(node)
                assert n_pinned == core.graph.n_pinned[node]
        for k in range(1, 17):
            query = elements(rng, (1, dims), 8, kind)[0]
            core.set_query(query.astype(np.float32))
            expected = core.search(k)
            batch = array.search_batch(query[None], k, "beam")
            n = int(batch.n_results[0])
            assert batch.indices[0, :n].tolist() == expected["index"].tolist()
            assert batch.distances[0, :n].tolist() == expected["distance"].astype(int).tolist()
            assert batch.n_distances[0] == core.statistics.n_distances


def test_beam_over_many_cores_is_that_of_the_float32_model() -> None:
    rng = np.random.default_rng(5)
    config = Config(cores=8, slices=4, lanes=8)
    array, reference = ArrayModel(config), FloatArray(8, 16, Metric.L2)
    vectors = elements(rng, (8 * 32, 16))
    cores = np.repeat(np.arange(8), 32)
    array.insert_batch(cores, vectors)
    reference.add(vectors.astype(np.float32))
    queries = elements(rng, (50, 16))
    expected = reference.search(queries.astype(np.float32), 10, mode="beam")
    found = array.search_batch(queries, 10, "beam")
    np.testing.assert_array_equal(found.indices, expected["index"])
    np.testing.assert_array_equal(found.cores, expected["core"])
    np.testing.assert_array_equal(found.distances, expected["distance"].astype(int))
    assert found.n_distances.sum() == reference.statistics.n_distances


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("width", "lanes", "cores", "slices"), [(8, 4, 6, 2), (16, 2, 4, 4), (8, 16, 8, 1)])
def test_batches_do_what_single_commands_do(metric: Metric, width: int, lanes: int, cores: int, slices: int) -> None:
    config = Config(cores=cores, slices=slices, lanes=lanes, element_width=width)
    rng = np.random.default_rng(lanes)
    for trial, dims in enumerate((16, 7, 1)):
        single, batch = ArrayModel(config), ArrayModel(config)
        where = rng.choice(cores, 30 * cores, p=np.arange(1, cores + 1) / (cores * (cores + 1) / 2))
        vectors = elements(rng, (len(where), 16), width, trial)
        for array in (single, batch):
            array.execute(encode(Opcode.INIT, index=metric, value=dims))
            # Leftovers of a bad restore: counts of 7 and links to anywhere must be worked off alike.
            array.words[:] = np.random.default_rng(1).integers(0, 1 << 36, array.words.shape) if trial == 1 else 0
        indices, cycles = batch.insert_batch(where, vectors)
        for core, vector, index, n in zip(where, vectors, indices, cycles, strict=True):
            single.vector[:] = vector
            done = single.execute(encode(Opcode.INSERT, core=int(core)))
            assert (done.answer, done.cycles) == (index, n)
        batch.vector[:] = single.vector
        for name in MEMORIES:
            np.testing.assert_array_equal(getattr(single, name), getattr(batch, name), err_msg=name)
        queries = elements(rng, (12, 16), width, trial)
        for k in (0, 1, 10, 16, 31):
            for mode, flag in (("exact", SEARCH_EXACT), ("beam", 0)):
                found = batch.search_batch(queries, k, mode, 0xF0FF)
                for i, query in enumerate(queries):
                    single.query[:] = query
                    done = single.execute(encode(Opcode.SEARCH, value=k | flag), type_mask=0xF0FF)
                    n = int(found.n_results[i])
                    assert (done.answer, done.cycles) == (n, found.cycles[i])
                    columns = (found.distances[i, :n], found.cores[i, :n], found.indices[i, :n])
                    assert results(single) == [tuple(int(v) for v in entry) for entry in zip(*columns, strict=True)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
def test_cycles_of_an_exact_query_on_full_cores(metric: Metric, lanes: int) -> None:
    for cores, slices in ((8, 1), (8, 2), (4, 4), (256, 256), (256, 1)):
        if cores == 256 and lanes < 16:
            continue
        config = Config(cores=cores, slices=slices, lanes=lanes)
        array = filled(config, [32] * cores, metric, 16)
        for k in range(1, 17):
            query = np.random.default_rng(k).integers(-128, 128, (1, 16))
            n = int(array.search_batch(query, k).cycles[0])
            assert n <= 1.05 * (32 * config.cores_per_slice * 16 / lanes) + 32
            if (slices, lanes) == (256, 16):
                assert n <= 64


def test_every_vector_stays_reachable_after_every_insert() -> None:
    """2,048 random insert orders: from node 0 along the links every node of every core is found, at every fill."""
    for kind in range(8):
        rng = np.random.default_rng(kind)
        array = ArrayModel(Config(cores=256, lanes=16))
        array.init([16, 2, 1][kind % 3], METRICS[kind % 3])
        for count in range(1, 33):
            array.insert_batch(np.arange(256), elements(rng, (256, array.dims), 8, kind % 3))
            words = array.words[:, :count]
            links = (words[:, :, None] >> (5 * np.arange(6))) & 31
            used = np.arange(6) < ((words >> 30) & 7)[:, :, None]
            masks = np.bitwise_or.reduce(np.where(used, 1 << links, 0), axis=2)
            reached = np.ones(256, np.int64)
            for _ in range(count):
                spread = np.where((reached[:, None] >> np.arange(count)) & 1, masks, 0)
                reached |= np.bitwise_or.reduce(spread, axis=1)
            assert (reached == (1 << count) - 1).all()


@pytest.mark.parametrize("width", [8, 16])
def test_unit_vectors_are_unit_vectors(width: int) -> None:
    config = Config(cores=1, lanes=4, element_width=width)
    rng = np.random.default_rng(3)
    for kind in range(3):
        array = ArrayModel(config)
        array.init(11, Metric.COSINE)
        rows = elements(rng, (32, 11), width, kind)
        array.insert_batch(np.zeros(32, int), rows)
        for row, stored in zip(rows.tolist(), array.vectors[0].tolist(), strict=True):
            shift, root = align_and_root(config, row)
            exact = [Fraction(config.unit * v * 2**shift * root, 1 << config.unit_shift) for v in row]
            assert stored == [floor(v + Fraction(1, 2)) for v in exact] + [0] * 5
            if any(row):  # half a step of rounding an element, and the root's own 2**-15 or better
                length = sum(v * v for v in stored) ** 0.5
                assert abs(length - config.unit) < 0.5 * 11**0.5 + config.unit / 2**14


@pytest.mark.parametrize("width", [8, 16])
def test_aggregate_and_update_by_rational_arithmetic(width: int) -> None:
    config = Config(cores=2, slices=1, lanes=8, element_width=width)
    rng = np.random.default_rng(width)
    for trial in range(60):
        array = filled(config, [0, 1 + trial % 32], Metric.L2, 16, seed=trial, kind=trial % 3)
        array.weights[:] = rng.integers(0, 256, array.weights.shape)
        node = int(rng.integers(0, 1 + trial % 32))
        links, n_links, _ = unpack_word(int(array.words[1, node]))
        array.execute(encode(Opcode.AGGREGATE, core=1, index=node))
        factor = Fraction(config.mean_factors[n_links], 1 << (2 * config.element_width))
        exact_factor = Fraction(256, 255 * n_links) if n_links else Fraction(0)
        for d in range(16):
            total = sum(int(array.weights[1, j]) * int(array.vectors[1, j, d]) for j in links[:n_links])
            assert array.delta[d] == floor(total * factor + Fraction(1, 2))
            assert abs(int(array.delta[d]) - total * exact_factor) <= Fraction(1, 2) + Fraction(1, 2)
        before, alpha = array.vectors[1, node].tolist(), int(rng.integers(-(1 << 15), 1 << 15))
        array.execute(encode(Opcode.UPDATE, core=1, index=node), alpha_raw=alpha)
        form = config.element_format
        for d in range(16):
            moved = before[d] + floor(Fraction(alpha * int(array.delta[d]), 1 << 20) + Fraction(1, 2))
            assert array.vectors[1, node, d] == max(form.min_raw, min(form.max_raw, moved))


def test_result_list_keeps_merges_and_clears() -> None:
    config = Config(cores=4, slices=2, lanes=4)
    array = filled(config, [32, 3, 0, 20], Metric.L2, 16)
    rng = np.random.default_rng(0)
    model: list[tuple[int, int, int]] = []
    for step in range(200):
        array.query[:] = elements(rng, (1, 16))[0]
        k = int(rng.integers(0, 17))
        if step % 3 == 0:
            array.execute(encode(Opcode.SEARCH, value=k | SEARCH_EXACT))
            model = brute_force(array, array.query, k)
        elif step % 3 == 1:
            array.execute(encode(Opcode.SEARCH, value=k | SEARCH_EXACT | SEARCH_KEEP))
            model = sorted(model + brute_force(array, array.query, k))[:16]
        else:
            distance = int(rng.integers(-(1 << 40), 1 << 40)) if step % 2 else int(rng.integers(0, 1 << 18))
            array.execute(encode(Opcode.MERGE, core=200, index=0xE5), data=distance & ((1 << 64) - 1))
            form = config.key_format
            model = sorted([*model, (max(form.min_raw, min(form.max_raw, distance)), 200, 5)])[:16]
        assert results(array) == model
    array.execute(encode(Opcode.CLEAR_RESULTS))
    assert results(array) == []


def test_one_core_searches_only_that_core() -> None:
    config = Config(cores=4, slices=2, lanes=16)
    array = filled(config, [10, 32, 5, 0], Metric.DOT, 9)
    array.query[:] = elements(np.random.default_rng(1), (1, 16))[0]
    for core in range(4):
        array.execute(encode(Opcode.SEARCH, core=core, value=16 | SEARCH_EXACT | SEARCH_ONE))
        whole = brute_force(array, array.query, 128)
        assert results(array) == [entry for entry in whole if entry[1] == core][:16]


def test_types_weights_links_and_counts() -> None:
    array = filled(Config(cores=2, slices=2, lanes=4), [3, 0], Metric.L2, 16)

    def run(opcode: Opcode, index: int = 0, value: int = 0, data: int = 0, core: int = 0) -> int:
        return array.execute(encode(opcode, core=core, index=index, value=value), data, type_mask=1 << 5).answer

    assert run(Opcode.GET_WEIGHT, 2) == 255 and run(Opcode.GET_TYPE, 2) == 0
    assert run(Opcode.SET_TYPE, 2, 0xF5) == 1 and run(Opcode.GET_TYPE, 2) == 5
    assert run(Opcode.TYPE_MATCHES, 2) == 1 and run(Opcode.TYPE_MATCHES, 1) == 0
    assert run(Opcode.SET_WEIGHT, 1, 7) == 1 and run(Opcode.GET_WEIGHT, 1) == 7
    word = pack_word([1, 2, 3, 4, 5, 31], 7, 3)
    assert run(Opcode.WRITE_LINKS, 1, data=word | 1 << 36) == 1 and run(Opcode.READ_LINKS, 1) == word
    for opcode in (Opcode.SET_TYPE, Opcode.GET_TYPE, Opcode.TYPE_MATCHES, Opcode.SET_WEIGHT, Opcode.GET_WEIGHT):
        assert run(opcode, 3, 9) == 0
    for opcode in (Opcode.READ_LINKS, Opcode.WRITE_LINKS, Opcode.WRITE_VECTOR, Opcode.UPDATE, Opcode.READ_VECTOR):
        assert run(opcode, 3) == 0 and run(opcode, 0, core=1) == 0
    assert run(Opcode.SET_COUNT, value=200) == 0 and run(Opcode.COUNT) == 32
    assert run(Opcode.INSERT) == 255
    assert run(Opcode.CLEAR) == 0 and run(Opcode.COUNT) == 0


@pytest.mark.parametrize("metric", METRICS)
def test_an_interrupted_command_leaves_the_writes_made_so_far(metric: Metric) -> None:
    """Interrupted after every cycle in turn, the memories go from the old to the new content, monotonically."""
    config = Config(cores=1, lanes=4)
    for opcode in (Opcode.INSERT, Opcode.WRITE_VECTOR, Opcode.UPDATE, Opcode.AGGREGATE, Opcode.SET_WEIGHT):
        array = filled(config, [20], metric, 13)
        array.vector[:], array.delta[:] = 50, 1000
        before = {name: getattr(array, name).copy() for name in MEMORIES}
        n_cycles = array.execute(encode(opcode, index=3, value=9), alpha_raw=4096).cycles
        whole = {name: getattr(array, name).copy() for name in MEMORIES}
        n_changed = []
        for last in range(n_cycles + 1):
            for name, content in before.items():
                getattr(array, name)[...] = content
            array.init(13, metric)
            array.counts[:] = 20
            assert array.execute(encode(opcode, index=3, value=9), alpha_raw=4096).cycles == n_cycles
            array.interrupt(last)
            assert (array.dims, array.metric, array.counts.any()) == (16, Metric.L2, False)
            now = {name: getattr(array, name) for name in MEMORIES if name != "counts"}
            assert all(((m == before[name]) | (m == whole[name])).all() for name, m in now.items())
            n_changed.append(sum(int((m != before[name]).sum()) for name, m in now.items()))
        assert n_changed[0] == 0 and n_changed == sorted(n_changed)
        assert n_changed[-1] == sum(int((whole[name] != before[name]).sum()) for name in MEMORIES if name != "counts")
        assert n_changed[-1] > 0


def test_bad_arguments_are_named() -> None:
    array = ArrayModel(Config(cores=2, lanes=4))
    with pytest.raises(ValueError, match="BAD_OPCODE"):
        array.execute(0xFF)
    with pytest.raises(ValueError, match="BAD_CORE"):
        array.execute(encode(Opcode.COUNT, core=2))
    with pytest.raises(ValueError, match="BAD_ARGUMENT"):
        array.execute(encode(Opcode.INIT))
    with pytest.raises(ValueError, match="dims must be 1 to 16, got 17"):
        array.init(17)
    with pytest.raises(ValueError, match="k must be 0 to 31, got 32"):
        array.search_batch(np.zeros((1, 16), int), 32)
    with pytest.raises(ValueError, match="'best'"):
        array.search_batch(np.zeros((1, 16), int), 1, "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="128"):
        array.search_batch(np.full((1, 16), 128), 1)
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        array.search_batch(np.zeros((1, 3), int), 1)
    with pytest.raises(TypeError, match="float64"):
        array.search_batch(np.zeros((1, 16)), 1)
    with pytest.raises(ValueError, match="got 0 to 2"):
        array.insert_batch([0, 2], np.zeros((2, 16), int))
    with pytest.raises(ValueError, match=r"\(1,\)"):
        array.insert_batch([0], np.zeros((2, 16), int))
