"""Distance unit, top-k list, scaler and normaliser: hardware against golden twins, every output in every cycle."""

import numpy as np
import pytest
from hw_units import (
    CORE16,
    FOLDED8,
    NARROW16,
    PAIR16,
    TINY,
    WIDE16,
    Recorder,
    bursts,
    chance,
    name_of,
    random_bits,
    random_keys,
)

import golden.fixed as golden
import hw.distance
import hw.normaliser
import hw.scaler
import hw.topk
from ganglion.engine import AmaranthEngine, check_twin
from golden.fixed.scaler import tag_width
from golden.spec import Config

DISTANCE_CONFIGS = [TINY, CORE16, FOLDED8, NARROW16, PAIR16, WIDE16]
WIDTH_CONFIGS = [TINY, WIDE16]


def distance_stimulus(config: Config, shape: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    """Half of the streams with arbitrary flags, half with rows of last_chunk + 1 beats as the scans issue them."""
    rng = np.random.default_rng(seed)
    width = config.lanes * config.element_width
    valid = bursts(rng, shape)
    stimulus = {
        "valid": valid,
        "first": bursts(rng, shape),
        "last": bursts(rng, shape),
        "mode": random_bits(rng, shape, 2),
        "lane_mask": random_bits(rng, shape, config.lanes),
        "weight": random_bits(rng, shape, 8),
        "query": random_bits(rng, shape, width),
        "row": random_bits(rng, shape, width),
    }
    half = shape[0] // 2
    n_beats = rng.integers(1, config.n_chunks + 1, size=(half, 1))
    beat = (np.cumsum(valid[:half], axis=1).astype(np.int64) - 1) % n_beats
    stimulus["first"][:half] = beat == 0
    stimulus["last"][:half] = beat == n_beats - 1
    stimulus["mode"][:half] = rng.integers(0, 4, size=(half, 1))
    return stimulus


@pytest.mark.parametrize("config", DISTANCE_CONFIGS, ids=name_of)
def test_distance(config: Config) -> None:
    shape = (340, 500)
    stimulus = distance_stimulus(config, shape, seed=config.lanes)
    outputs = check_twin(hw.distance.Distance(config), golden.Distance(config, shape[0]), stimulus)
    ends = stimulus["valid"] & stimulus["last"]
    np.testing.assert_array_equal(outputs["out_valid"][:, 3:], ends[:, :-3], "latency 3, one beat a cycle")
    assert not outputs["out_valid"][:, :3].any()


@pytest.mark.parametrize(("entries", "core_width"), [(16, 8), (16, 1), (3, 0)])
@pytest.mark.parametrize("config", WIDTH_CONFIGS, ids=name_of)
def test_topk(config: Config, entries: int, core_width: int) -> None:
    shape = (520, 500)
    rng = np.random.default_rng(entries)
    push = bursts(rng, shape)
    stimulus = {
        "clear": chance(rng, shape, 0.02),
        "push": push,
        "key": random_keys(rng, shape, config.key_width),
        "index": random_bits(rng, shape, 5),
        "rank": random_bits(rng, shape, (entries - 1).bit_length()),
    }
    if core_width:
        stimulus["core"] = random_bits(rng, shape, core_width) * chance(rng, shape, 0.3)
    twin = golden.TopK(config, shape[0], entries=entries, core_width=core_width)
    outputs = check_twin(hw.topk.TopK(config, entries=entries, core_width=core_width), twin, stimulus)
    pushed = (push & ~stimulus["clear"])[:, :-1] == 1
    before, after = outputs["count"][:, :-1], outputs["count"][:, 1:]
    assert (after[pushed] == np.minimum(before[pushed] + np.uint64(1), np.uint64(entries))).all(), "latency 1"


def scaler_stimulus(config: Config, shape: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "clear": chance(rng, shape, 0.02),
        "enable": bursts(rng, shape),
        "valid": bursts(rng, shape),
        "x": random_bits(rng, shape, config.key_width),
        "shift": random_bits(rng, shape, 5),
        "y": random_bits(rng, shape, config.factor_width),
        "mode": random_bits(rng, shape, 3),
        "tag": random_bits(rng, shape, tag_width(config)),
    }


@pytest.mark.parametrize("config", WIDTH_CONFIGS, ids=name_of)
def test_scaler(config: Config) -> None:
    shape = (1040, 500)
    stimulus = scaler_stimulus(config, shape, seed=1)
    stimulus["enable"][0] = 1
    stimulus["clear"][0] = 0
    outputs = check_twin(hw.scaler.Scaler(config), golden.Scaler(config, shape[0]), stimulus)
    np.testing.assert_array_equal(outputs["out_valid"][0, 3:], stimulus["valid"][0, :-3], "latency 3")
    np.testing.assert_array_equal(outputs["out_tag"][0, 3:], stimulus["tag"][0, :-3])


def normaliser_loop(config: Config, shape: tuple[int, int], seed: int, chaos: float) -> Recorder:
    """Vectors from a memory, squared 3 cycles later; ``chaos`` is the rate of restarts and of foreign scaler values.

    ``dims`` is steady from the start to the end of SQUARE, at random afterwards; foreign values stay below 2**14.
    """
    rng = np.random.default_rng(seed)
    n_streams, n_cycles = shape
    width = config.element_width
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    unit = Recorder(golden.Normaliser(config, n_streams))
    vectors = np.zeros((n_streams, 16), dtype=np.int64)
    dims = np.ones(n_streams, dtype=np.int64)
    element, since, idle = np.zeros_like(dims), np.full_like(dims, 100), np.ones(n_streams, dtype=bool)
    squares = [(np.zeros_like(dims), np.zeros_like(dims)) for _ in range(3)]
    for _ in range(n_cycles):
        start = (idle & (rng.random(n_streams) < 0.3)) | (rng.random(n_streams) < chaos)
        fresh = rng.integers(low, high + 1, size=vectors.shape) >> rng.integers(0, width + 1, (n_streams, 1))
        fresh = np.where(rng.random((n_streams, 1)) < 0.1, rng.choice([low, 0, 1, high], size=vectors.shape), fresh)
        sparse = rng.random(vectors.shape) < rng.choice([0.0, 0.1, 1.0], size=(n_streams, 1), p=[0.05, 0.15, 0.8])
        vectors = np.where(start[:, None], fresh * sparse, vectors)
        dims = np.where(start | (since > 31), rng.integers(0, 17, n_streams), dims)
        since = np.where(start, 0, since + 1)
        foreign = rng.random(n_streams) < chaos
        valid, square = squares.pop()
        outputs = unit.step(
            {
                "start": start,
                "dims": dims,
                "element": element & ((1 << width) - 1),
                "scaler_valid": valid | foreign,
                "scaler_value": np.where(valid == 1, square, rng.integers(0, 1 << 14, n_streams)),
            }
        )
        squares.insert(0, (outputs["multiply"], element**2))
        element = vectors[np.arange(n_streams), outputs["read_addr"]]
        idle = (outputs["busy"] == 0) & ~start
    return unit


@pytest.mark.parametrize("chaos", [0.0, 0.02])
@pytest.mark.parametrize("config", WIDTH_CONFIGS, ids=name_of)
def test_normaliser(config: Config, chaos: float) -> None:
    shape = (350, 750)
    stimulus = normaliser_loop(config, shape, 5, chaos).stimulus()
    outputs = check_twin(hw.normaliser.Normaliser(config), golden.Normaliser(config, shape[0]), stimulus)
    assert outputs["busy"].any() and outputs["ready"].any()


@pytest.mark.parametrize("config", WIDTH_CONFIGS, ids=name_of)
def test_both_engines_agree_with_the_twins(config: Config) -> None:
    """The interpreted simulator, too, gives the twin's waveform (a short run: it is slow)."""
    shape = (2, 150)
    distance, scaler = hw.distance.Distance(config), hw.scaler.Scaler(config)
    with AmaranthEngine(distance) as engine:
        check_twin(distance, golden.Distance(config, 2), distance_stimulus(config, shape, 9), engine=engine)
    with AmaranthEngine(scaler) as engine:
        check_twin(scaler, golden.Scaler(config, 2), scaler_stimulus(config, shape, 9), engine=engine)
