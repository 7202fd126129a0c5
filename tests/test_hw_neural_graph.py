"""Dendritic tree, spike router, STDP engine, encoder and bridge: hardware against golden twins, every cycle."""

from collections.abc import Callable

import numpy as np
import pytest
from amaranth.lib import wiring
from hw_units import TINY, WIDE16, bursts, chance, check_interpreted, check_resets, name_of, random_bits
from test_hw_neural_neuron import mixed, scaled_bits, steady

import hw.bridge
import hw.dendrite
import hw.encoder
import hw.router
import hw.stdp
from ganglion.engine import check_twin
from golden.fixed.bits import to_signed, to_unsigned
from golden.fixed.neural_dendrite import BranchResponse, DendriteTree
from golden.fixed.neural_divider import CurrentBridge
from golden.fixed.neural_encoder import SpikeEncoder
from golden.fixed.neural_router import SpikeRouter
from golden.fixed.neural_stdp import StdpEngine
from golden.fixed.unit import Unit
from golden.spec import Config
from golden.spec.neural import BRANCH, GAIN, MEMBRANE, RATIO_BITS

SHAPE = (5100, 200)
SHORT = (100, 400)
Shape = tuple[int, int]
Stimulus = dict[str, np.ndarray]


def packed(fields: list[tuple[np.ndarray, int]]) -> np.ndarray:
    """Fields of the given widths as the bits of one port, the first one lowest: ``[..., n_words]``, or no last axis."""
    words = np.zeros((*fields[0][0].shape, -(-sum(width for _, width in fields) // 64)), dtype=np.uint64)
    low = 0
    for values, width in fields:
        assert low // 64 == (low + width - 1) // 64, "no field crosses a word"
        words[..., low // 64] |= values.astype(np.uint64) << np.uint64(low % 64)
        low += width
    return words[..., 0] if words.shape[-1] == 1 else words


def any_size(rng: np.random.Generator, shape: Shape, width: int) -> np.ndarray:
    """Signed numbers: half of them of every order of magnitude, half uniform."""
    return mixed(rng, shape, scaled_bits(rng, shape, width), 0.5, random_bits(rng, shape, width))


def branches(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Six branches of every size, often next to the ends of octaves and segments."""
    ends = np.array([0, 1 << 12, (1 << 14) - 4096, (1 << 15) - 4096, (1 << 15) - 1, 1 << 15])
    fields = []
    for _ in range(6):
        near = rng.choice(ends, shape) + rng.integers(-2, 3, shape) + (rng.integers(0, 8, shape) << 8)
        usual = any_size(rng, shape, 16)
        fields.append((mixed(rng, shape, usual, 0.3, near & 0xFFFF), 16))
    return packed(fields)


def graph_words(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Graph words with any counts; by stream links among 2, 4 or all nodes, so that they repeat."""
    among = rng.choice([2, 4, 32], (shape[0], 1))
    links = [(rng.integers(0, among, shape), 5) for _ in range(6)]
    return packed([*links, (rng.integers(0, 8, shape), 3), (rng.integers(0, 8, shape), 3)])


def dendrite(rng: np.random.Generator, shape: Shape) -> Stimulus:
    return {
        "valid": bursts(rng, shape),
        "responses": random_bits(rng, shape, 96),
        "n_links": random_bits(rng, shape, 3),
    }


def router(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Spikes with and without links, at all rates; settings that change now and then, in some streams any time."""
    few = np.where(np.arange(shape[0])[:, None] % 4 == 3, 31, 3)
    return {
        "entry_valid": bursts(rng, shape),
        "entry_index": rng.integers(0, 32, shape) & few,
        "entry_word": graph_words(rng, shape),
        "entry_weight": mixed(rng, shape, random_bits(rng, shape, 8), 0.2, rng.choice([127, 128, 255], shape)),
        "current": any_size(rng, shape, MEMBRANE.width),
        "extra": steady(chance(rng, shape, 0.5), shape),
        "to_membrane": steady(chance(rng, shape, 0.7), shape),
        "to_branch": steady(chance(rng, shape, 0.7), shape),
        "membrane": any_size(rng, shape, MEMBRANE.width),
        "branches": branches(rng, shape),
        "word": graph_words(rng, shape),
    }


def stdp(rng: np.random.Generator, shape: Shape) -> Stimulus:
    """Links and own weights, in half of the streams of two nodes; times of every size; weights near both ends."""
    act = bursts(rng, shape)
    own = act & chance(rng, shape, 0.15)
    link = act & chance(rng, shape, 0.85)
    few = np.where(np.arange(shape[0])[:, None] % 4 < 2, 1, 31)
    return {
        "issue": np.where(chance(rng, shape, 0.02) == 1, link, link & ~own),
        "own": own,
        "target": rng.integers(0, 32, shape) & few,
        "elapsed": random_bits(rng, shape, 24) >> rng.integers(0, 25, shape).astype(np.uint64),
        "weight": mixed(rng, shape, random_bits(rng, shape, 8), 0.3, rng.choice([0, 1, 2, 253, 254, 255], shape)),
        "residue": mixed(rng, shape, random_bits(rng, shape, 12), 0.2, rng.choice([0x7FF, 0x800, 0, 0xFFF], shape)),
    }


def encoder(rng: np.random.Generator, shape: Shape, config: Config = TINY) -> Stimulus:
    """Vectors of 8 or 16 elements encoded over and over; a quarter of the streams with arbitrary flags."""
    width = config.element_width
    n_streams, n_cycles = shape
    dims = rng.choice([8, 16], (n_streams, 1))
    turn, phase = np.divmod(np.arange(n_cycles)[None, :] + rng.integers(0, 32, (n_streams, 1)), 2 * dims + 1)
    clear, scan = phase == 2 * dims, phase < dims
    vectors = to_signed(scaled_bits(rng, (n_streams, 16 * (n_cycles // 17 + 4)), width), width)
    vectors >>= rng.integers(0, width - 2, (n_streams, 1))
    index = phase % dims
    free = np.arange(n_streams)[:, None] % 4 == 0
    return {
        "clear": np.where(free, chance(rng, shape, 0.03), clear).astype(np.uint64),
        "scan": np.where(free, bursts(rng, shape), scan).astype(np.uint64),
        "encode": np.where(free, bursts(rng, shape), ~scan & ~clear).astype(np.uint64),
        "element": to_unsigned(np.take_along_axis(vectors, turn * 16 + index, axis=1), width),
        "index": np.where(free, rng.integers(0, 16, shape), index).astype(np.uint64),
        "stride": np.where(free, rng.integers(0, 4, shape), dims // 8).astype(np.uint64),
    }


def bridge(rng: np.random.Generator, shape: Shape, config: Config = TINY) -> Stimulus:
    width = config.key_width
    ends = rng.choice([(1 << RATIO_BITS) - 1, 1 << RATIO_BITS, 3 << RATIO_BITS - 1], shape)
    quotient = mixed(rng, shape, random_bits(rng, shape, RATIO_BITS), 0.2, ends)
    return {
        "distance": any_size(rng, shape, width),
        "one": steady(random_bits(rng, shape, width), shape),
        "gain": steady(random_bits(rng, shape, GAIN.width), shape),
        "quotient": quotient >> mixed(rng, shape, np.zeros(shape), 0.3, rng.integers(0, RATIO_BITS + 1, shape)),
    }


UNITS: dict[
    str, tuple[Callable[[], wiring.Component], type[Unit], Callable[[np.random.Generator, Shape], Stimulus]]
] = {
    "dendrite": (hw.dendrite.DendriteTree, DendriteTree, dendrite),
    "router": (hw.router.SpikeRouter, SpikeRouter, router),
    "stdp": (hw.stdp.StdpEngine, StdpEngine, stdp),
    "encoder": (lambda: hw.encoder.SpikeEncoder(TINY), SpikeEncoder, encoder),
    "bridge": (lambda: hw.bridge.CurrentBridge(TINY), CurrentBridge, bridge),
}


def compared(unit: str, seed: int) -> tuple[Stimulus, Stimulus]:
    """Stimulus and outputs of a unit that equals its twin on more than a million cycles."""
    component, twin, make = UNITS[unit]
    stimulus = make(np.random.default_rng(seed), SHAPE)
    return stimulus, check_twin(component(), twin(TINY, SHAPE[0]), stimulus)


def test_dendrite() -> None:
    stimulus, outputs = compared("dendrite", 1)
    np.testing.assert_array_equal(outputs["out_valid"][:, 1:], stimulus["valid"][:, :-1], "latency 1, one a cycle")
    assert (outputs["current"] == 6 * 128 * 0x7FFF).any()


def test_response_of_every_branch() -> None:
    value = np.arange(1 << 16, dtype=np.uint64)
    stimulus = {"branch": np.tile(value, 16).reshape(16, -1)}
    outputs = check_twin(hw.dendrite.BranchResponse(), BranchResponse(TINY, 16), stimulus)
    response = outputs["response"][0].astype(np.int64)
    b = to_signed(value, 16) * BRANCH.resolution
    exact = np.where(b <= 0, 0, np.where(b < 1, b, 3 - 4 / (1 + np.maximum(b, 0))))
    assert np.abs(response * 2.0**-13 - exact).max() <= 1.62 * BRANCH.resolution
    assert (np.diff(response[: 1 << 15]) >= 0).all()


def test_router() -> None:
    stimulus, outputs = compared("router", 2)
    np.testing.assert_array_equal(
        outputs["write"][:, 1:], outputs["issue"][:, :-1] & stimulus["to_membrane"][:, 1:], "a cycle after the issue"
    )
    assert not (outputs["issue"] & outputs["own"]).any()
    again = outputs["write_target"][:, 1:] == outputs["write_target"][:, :-1]
    slots = outputs["write_slot"][:, 1:] == outputs["write_slot"][:, :-1]
    for name, same in (("write", again), ("write_branch", again & slots)):
        assert (outputs[name][:, 1:] & outputs[name][:, :-1] & same).mean() > 0.002, "the value of a cycle ago counts"
    for name, width in (("write_membrane", MEMBRANE.width), ("write_value", BRANCH.width)):
        for limit in (1 << (width - 1), (1 << (width - 1)) - 1):
            assert (outputs[name] == limit).mean() > 0.001


def test_router_walks_the_links_in_order() -> None:
    """With spikes waiting all the time: max(1, n_links + extra) cycles each, slot 0 first, its own index at the end."""
    shape = (40, 400)
    rng = np.random.default_rng(3)
    stimulus = router(rng, shape)
    stimulus["entry_valid"][:] = 1
    stimulus["extra"] = np.repeat(stimulus["extra"][:, :1], shape[1], axis=1)
    outputs = check_twin(hw.router.SpikeRouter(), SpikeRouter(TINY, shape[0]), stimulus)
    for stream in range(shape[0]):
        expected: list[tuple[bool, bool, int]] = []
        takes = []
        while len(expected) <= shape[1]:
            takes.append(max(len(expected) - 1, 0) if takes else 0)
            word, index = (int(stimulus[name][stream, takes[-1]]) for name in ("entry_word", "entry_index"))
            if not expected:
                expected.append((False, False, 0))
            n_links = min(word >> 30 & 7, 6)
            expected += [(True, False, word >> 5 * slot & 31) for slot in range(n_links)]
            if stimulus["extra"][stream, 0]:
                expected.append((False, True, index))
            elif n_links == 0:
                expected.append((False, False, index))
        seen = zip(*(outputs[name][stream].tolist() for name in ("issue", "own", "target")), strict=True)
        assert list(seen) == expected[: shape[1]]
        assert np.flatnonzero(outputs["take"][stream]).tolist() == [take for take in takes if take < shape[1]]


def test_stdp() -> None:
    stimulus, outputs = compared("stdp", 4)
    active = stimulus["issue"] | stimulus["own"]
    np.testing.assert_array_equal(outputs["write"][:, 4:], active[:, :-4], "latency 4, one a cycle")
    np.testing.assert_array_equal(outputs["read_target"][:, 3:], stimulus["target"][:, :-3])
    again = outputs["write_target"][:, 1:] == outputs["write_target"][:, :-1]
    assert (outputs["write"][:, 1:] & outputs["write"][:, :-1] & again).mean() > 0.05, (
        "the weight of a cycle ago counts"
    )
    whole = outputs["write_residue"] == 0
    for limit in (0, 255):
        assert (whole & (outputs["write_weight"] == limit)).mean() > 0.01


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_encoder(config: Config) -> None:
    stimulus = encoder(np.random.default_rng(5), SHAPE, config)
    outputs = check_twin(hw.encoder.SpikeEncoder(config), SpikeEncoder(config, SHAPE[0]), stimulus)
    # In orderly streams each encoded element sets the bit of the formula.
    element = to_signed(stimulus["element"], config.element_width)
    largest = outputs["largest"].astype(np.int64)
    orderly = (stimulus["encode"] == 1) & (np.abs(element) <= largest) & (largest > 0) & (stimulus["clear"] == 0)
    slot = 8 * (largest - element) // np.maximum(2 * largest, 1)
    place = (stimulus["index"].astype(np.int64) + slot * stimulus["stride"].astype(np.int64)) % 32
    before, after = outputs["pattern"].astype(np.int64)[:, :-1], outputs["pattern"].astype(np.int64)[:, 1:]
    np.testing.assert_array_equal(after[orderly[:, :-1]], (before | np.int64(1) << place[:, :-1])[orderly[:, :-1]])
    assert np.unique(slot[orderly]).tolist() == list(range(9))
    assert orderly.mean() > 0.25


@pytest.mark.parametrize("config", [TINY, WIDE16], ids=name_of)
def test_bridge(config: Config) -> None:
    stimulus = bridge(np.random.default_rng(6), SHAPE, config)
    outputs = check_twin(hw.bridge.CurrentBridge(config), CurrentBridge(config, SHAPE[0]), stimulus)
    assert (outputs["denominator"] >= outputs["numerator"]).all(), "combinational: a fraction of at most one"
    assert len(np.unique(outputs["factor"])) > 1 << 12


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "bridge"])
def test_reset_at_any_time(unit: str) -> None:
    """The bridge has no registers."""
    component, twin, make = UNITS[unit]
    lasting = ("_change", "_targets") if unit == "stdp" else ()
    check_resets(component(), twin, make, SHORT, *lasting)


@pytest.mark.parametrize("unit", UNITS)
def test_both_engines_agree_with_the_twins(unit: str) -> None:
    component, twin, make = UNITS[unit]
    check_interpreted(component(), twin, make)
