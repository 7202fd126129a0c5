"""The golden twins of the datapath against sorting, integer arithmetic, exact inequalities and floating point."""

from itertools import pairwise

import numpy as np
import pytest
from hw_units import CORE16, FOLDED8, NARROW16, PAIR16, TINY, WIDE16, name_of, random_bits, random_keys
from test_hw_units_datapath import normaliser_loop, scaler_stimulus

import golden.fixed as golden
from golden.fixed.bits import n_words, pack_entry, pack_fields, to_signed, unpack_fields
from golden.spec import Config

DISTANCE_CONFIGS = [TINY, CORE16, FOLDED8, NARROW16, PAIR16, WIDE16]


def run(unit: golden.Unit, stimulus: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The twin's outputs, ``[n_streams, n_cycles]``."""
    n_cycles = next(iter(stimulus.values())).shape[1]
    rows = [unit.step({name: values[:, cycle] for name, values in stimulus.items()}) for cycle in range(n_cycles)]
    return {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}


@pytest.mark.parametrize(("n_fields", "width"), [(1, 1), (16, 16), (8, 37), (4, 21), (256, 5), (3, 63)])
def test_packed_fields_against_python_integers(n_fields: int, width: int) -> None:
    rng = np.random.default_rng(n_fields)
    values = random_bits(rng, (20, n_fields), width).astype(np.int64)
    packed = pack_fields(values, width)
    assert packed.shape == ((20,) if n_words(n_fields * width) == 1 else (20, n_words(n_fields * width)))
    np.testing.assert_array_equal(unpack_fields(packed, n_fields, width), values)
    for row, words in zip(values.tolist(), packed.reshape(20, -1).tolist(), strict=True):
        number = sum(value << (width * i) for i, value in enumerate(row))
        assert number == sum(word << (64 * i) for i, word in enumerate(words))


@pytest.mark.parametrize("config", DISTANCE_CONFIGS, ids=name_of)
def test_distance_of_whole_rows(config: Config) -> None:
    """16-dimensional rows with corner values, in chunks back to back, in every mode."""
    rng = np.random.default_rng(1)
    n, width, lanes = 50, config.element_width, config.lanes
    vectors = [to_signed(random_bits(rng, (n, 12, 16), width), width) for _ in range(2)]
    query, row = vectors
    mode, weight = rng.integers(0, 4, (n, 12)), rng.integers(0, 256, (n, 12))

    def chunks(values: np.ndarray) -> np.ndarray:
        flat = pack_fields(values.reshape(-1, lanes), width)
        return flat.reshape(n, 12 * config.n_chunks, *flat.shape[1:])

    beat = np.broadcast_to(np.arange(config.n_chunks), (n, 12, config.n_chunks)).reshape(n, -1)
    ones = np.ones_like(beat)
    stimulus = {
        "valid": ones,
        "first": beat == 0,
        "last": beat == config.n_chunks - 1,
        "mode": np.repeat(mode, config.n_chunks, axis=1),
        "lane_mask": ones * ((1 << lanes) - 1),
        "weight": np.repeat(weight, config.n_chunks, axis=1),
        "query": chunks(query),
        "row": chunks(row),
    }
    stimulus = {name: np.concatenate([values, values[:, :3] * 0], axis=1) for name, values in stimulus.items()}
    unit = golden.Distance(config, n)
    outputs = run(unit, {name: values.astype(np.uint64) for name, values in stimulus.items()})
    assert (outputs["out_valid"].sum(axis=1) == 12).all()
    distances = to_signed(outputs["distance"][outputs["out_valid"] == 1], config.key_width).reshape(n, 12)
    l2, dot = ((query - row) ** 2).sum(axis=2), (query * row).sum(axis=2)
    np.testing.assert_array_equal(distances, np.select([mode == 0, mode == 1], [l2, -dot], weight * row.sum(axis=2)))


@pytest.mark.parametrize("entries", [16, 3])
def test_topk_against_sorting(entries: int) -> None:
    rng, shape = np.random.default_rng(2), (300, 40)
    width = WIDE16.key_width
    stimulus = {
        "push": random_bits(rng, shape, 1),
        "key": random_keys(rng, shape, width),
        "core": random_bits(rng, shape, 2),
        "index": random_bits(rng, shape, 5),
    }
    unit = golden.TopK(WIDE16, shape[0], entries=entries)
    zeros = np.zeros(shape, dtype=np.uint64)
    run(unit, {"clear": zeros, "rank": zeros, **stimulus})
    ranks = np.broadcast_to(np.arange(entries, dtype=np.uint64), (shape[0], entries))
    idle = np.zeros_like(ranks)
    shown = run(unit, {"clear": idle, "rank": ranks, **dict.fromkeys(stimulus, idle)})
    listed = pack_entry(to_signed(shown["out_key"], width), shown["out_core"], shown["out_index"])
    pushed = pack_entry(to_signed(stimulus["key"], width), stimulus["core"], stimulus["index"])
    for stream in range(shape[0]):
        best = np.sort(pushed[stream][stimulus["push"][stream] == 1])[:entries]
        np.testing.assert_array_equal(listed[stream][shown["out_valid"][stream] == 1], best)
        assert shown["count"][stream, 0] == len(best)


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_scaler_against_python_integers(config: Config) -> None:
    stimulus = scaler_stimulus(config, (100, 60), seed=3)
    stimulus["enable"][:] = 1
    outputs = run(golden.Scaler(config, 100), stimulus)
    width = config.key_width
    shifts = (0, config.unit_shift, config.cosine_shift, 2 * config.element_width, 20, 0, 0, 0)

    def wrap(value: int, bits: int) -> int:
        return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))

    for stream, cycle in np.ndindex(100, 57):
        x, y, shift, mode = (int(stimulus[name][stream, cycle]) for name in ("x", "y", "shift", "mode"))
        n = shifts[mode]
        product = wrap(x << shift, width) * wrap(y, config.factor_width)
        expected = wrap((product + ((1 << n) >> 1)) >> n, width)
        one = config.cosine_one if mode == 2 else 0
        assert wrap(int(outputs["value"][stream, cycle + 3]), width) == wrap(expected + one, width)


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_normaliser_by_its_definition(config: Config) -> None:
    """The root is exact: root^2 * n <= 2^2F < (root + 1)^2 * n; so is the time from start to ready.

    Normalised elements differ from unit * v / |v| by at most 1/2 (rounding) + unit / 2^(R-1) (the root's truncation).
    """
    unit = normaliser_loop(config, (60, 600), 8, chaos=0.0)
    stimulus = unit.stimulus()
    outputs = run(golden.Normaliser(config, 60), stimulus)
    width, n_checked = config.norm_width, 0
    for stream in range(60):
        starts = np.flatnonzero(stimulus["start"][stream])
        for start, end in pairwise(starts):
            dims = max(1, int(stimulus["dims"][stream, start]))
            values = to_signed(stimulus["element"][stream, start + 2 : start + 2 + dims], config.element_width).tolist()
            n2 = sum(value**2 for value in values)
            root, shift = (int(outputs[name][stream, end]) for name in ("root", "shift"))
            aligned, steps = n2, 1
            while aligned and aligned < 1 << (width - 2):
                aligned, steps = aligned << (8 if aligned < 1 << (width - 8) else 2), steps + 1
            ready = start + dims + 4 + steps + (config.root_bits + 1 if n2 else 0) + 1
            assert outputs["ready"][stream, ready : end + 1].all()
            assert not outputs["ready"][stream, start + 1 : ready].any()
            n_checked += 1
            if n2 == 0:
                assert (root, shift) == (0, 0)
                continue
            assert n2 << (2 * shift) == aligned and 1 << (width - 2) <= aligned < 1 << width
            assert root**2 * aligned <= 1 << (2 * config.unit_shift) < (root + 1) ** 2 * aligned
            scaled = [(config.unit * v << shift) * root for v in values]
            stored = [(product + (1 << (config.unit_shift - 1))) >> config.unit_shift for product in scaled]
            exact = config.unit * np.array(values) / np.sqrt(n2)
            bound = 0.5 + config.unit / 2 ** (config.root_bits - 1) + 1e-6
            assert np.abs(np.array(stored) - exact).max() <= bound
    assert n_checked > 200


def test_constructor_refuses_bad_parameters() -> None:
    with pytest.raises(ValueError, match="n_streams must be at least 1, got 0"):
        golden.Distance(TINY, 0)
    with pytest.raises(TypeError, match=r"n_streams must be an integer, got 1\.5"):
        golden.Merger(TINY, 1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="config must be a Config, got 'tiny'"):
        golden.Scaler("tiny")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="entries must be a positive integer, got 0"):
        golden.TopK(TINY, entries=0)
    with pytest.raises(ValueError, match="core_width must be an integer of 0 to 8, got 9"):
        golden.TopK(TINY, core_width=9)
    with pytest.raises(ValueError, match="4 fields of 21 bits take 2 words, got 1"):
        unpack_fields(np.zeros(3, dtype=np.uint64), 4, 21)
