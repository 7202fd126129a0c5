"""Long random programs on the spiking core: nothing raises, no invariant breaks, saving and restoring is exact."""

from dataclasses import fields, replace

import numpy as np
import pytest

from golden.float32 import SpikingCore, SpikingState
from golden.float32.math32 import LARGEST
from golden.float32.neural_constants import PHASE_PERIOD
from golden.spec.constants import VECTORS_PER_CORE

FLOATS = [0, -0.0, 1, -1, 0.1, 0.5, 2.5, 20, 21, 1e-45, 1e-30, 1e9, 3e38, -3e38, np.inf, -np.inf, np.nan]


def any_float(rng):
    return float(rng.choice(FLOATS)) if rng.random() < 0.3 else float(np.float32(rng.normal(0.3, 1)))


def any_index(rng):
    return int(rng.choice([31, 32, 200, 255])) if rng.random() < 0.1 else int(rng.integers(0, 32))


def any_byte(rng):
    return int(rng.choice([0, 1, 5, 16, 255]))


def any_word(rng):
    return int(rng.integers(0, 1 << 32))


def a_dt(rng):
    return any_float(rng) if rng.random() < 0.2 else float(rng.choice([0.5, 1.0, 1.0, 3.0]))


COMMANDS = {
    "set_edge_weight": (any_index, lambda rng: int(rng.integers(0, 256))),
    "get_edge_weight": (any_index,),
    "aggregate_neighbors": (any_index,),
    "snn_reset": (),
    "snn_set_membrane": (any_index, any_float),
    "snn_get_membrane": (any_index,),
    "snn_set_threshold": (any_index, any_float),
    "snn_get_threshold": (any_index,),
    "snn_inject": (any_index, any_float),
    "snn_spiked": (any_index,),
    "snn_get_spikes": (),
    "snn_get_time": (),
    "snn_step": (a_dt,),
    "snn_propagate": (any_float,),
    "snn_stdp": (),
    "snn_tick": (a_dt, any_float, lambda rng: int(rng.integers(0, 2))),
    "hnsw_to_snn": (any_byte, any_float),
    "encode_vector_to_spikes": (any_index,),
    "spike_timing_similarity": (any_word, any_word),
    "spike_search": (any_word, any_byte),
    "homeostatic_update": (a_dt,),
    "get_spike_rate": (any_index,),
    "get_network_activity": (),
    "oscillator_step": (a_dt,),
    "oscillator_get_phase": (),
    "compute_resonance": (any_index,),
    "resonance_search": (any_byte, any_float),
    "wta_reset": (),
    "wta_compete": (),
    "wta_soft": (),
    "dendrite_reset": (),
    "dendrite_inject": (any_index, lambda rng: int(rng.integers(0, 8)), any_float),
    "dendrite_integrate": (any_index,),
    "dendrite_propagate": (any_float,),
    "pattern_record": (),
    "get_pattern": (any_index,),
    "pattern_match": (any_word,),
    "pattern_correlate": (any_index, lambda rng: int(rng.integers(0, 34))),
    "neuromorphic_search": (any_byte, a_dt, lambda rng: int(rng.choice([0, 1, 2, 5, 20]))),
}
COMMON = ("snn_inject", "snn_tick", "snn_step", "dendrite_propagate", "dendrite_integrate", "homeostatic_update")


def program(seed, length):
    """Random calls: (name, arguments)."""
    rng = np.random.default_rng(seed)
    names = [*COMMANDS, *COMMON * 4]
    for _ in range(length):
        name = str(rng.choice(names))
        yield name, tuple(argument(rng) for argument in COMMANDS[name])


def filled(n, dims=16, metric=0):
    core = SpikingCore(dims, metric)
    rng = np.random.default_rng([n, dims, metric])
    for vector in rng.normal(size=(n, dims)):
        core.insert(vector)
    core.set_query(rng.normal(size=dims))
    return core


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(SpikingState))


def check_answer(core, name, answer):
    if isinstance(answer, np.ndarray) and answer.dtype.names:
        assert len(answer) <= min(16, core.count) and (answer["index"] < core.count).all()
        assert len(set(answer["index"].tolist())) == len(answer)
        assert (answer["distance"][:-1] <= answer["distance"][1:]).all()  # false where there is a NaN
        assert not np.isnan(answer["distance"]).any()
    elif isinstance(answer, np.floating):
        assert answer.dtype == np.float32 and np.isfinite(answer), name
    elif isinstance(answer, int):
        assert 0 <= answer < 1 << 32
        if name in ("wta_compete", "pattern_match"):
            assert answer < core.count or answer == 255
        if name in ("snn_get_spikes", "pattern_correlate"):
            assert answer < 1 << max(core.count, 1)


@pytest.mark.parametrize(("n", "dims", "metric"), [(32, 16, 0), (32, 5, 1), (17, 16, 2), (1, 1, 0), (0, 3, 0)])
def test_no_program_breaks_the_state(n, dims, metric):
    core = filled(n, dims, metric)
    state, seen = core.state, set()
    for name, arguments in program(n, 8000):
        check_answer(core, name, getattr(core, name)(*arguments))
        state.check()
        assert state.spikes < 1 << n or n == state.spikes == 0
        assert core._edge_weights == state.weight_bytes()
        for values in (state.membrane, state.rate, state.branches, state.patterns, state.trace):
            assert not values[n:].any()  # places without a vector stay untouched
        seen |= {f"{state.spikes.bit_count()} spikes", f"{state.n_glimpses} glimpses"}
        seen |= {"saturated"} if (np.abs(state.membrane) == LARGEST).any() else set()
        seen |= {"inhibited"} if (state.membrane < 0).any() else set()
        seen |= {"learned"} if (state.weight % 1 != 0).any() else set()
        seen |= {"winner"} if state.winner < 255 else set()
    if n == 32:  # the programs do reach what could go wrong
        assert {"0 spikes", "1 spikes", "9 spikes", "1 glimpses", "3 glimpses"} <= seen
        assert {"saturated", "inhibited", "learned", "winner"} <= seen


@pytest.mark.parametrize("n", [32, 9])
def test_a_restored_state_goes_on_as_the_original(n):
    original, resumed = filled(n), filled(n)
    calls = list(program(77, 2500))
    for name, arguments in calls[:1500]:
        getattr(original, name)(*arguments)
    saved = original.save_state()
    kept = saved.copy()
    resumed.restore_state(saved)
    assert same(resumed.state, original.state)
    for name, arguments in calls[1500:]:
        a, b = getattr(original, name)(*arguments), getattr(resumed, name)(*arguments)
        assert np.array_equal(a, b)
    assert same(resumed.state, original.state) and original.get_edge_weight(3) == resumed.get_edge_weight(3)
    assert same(saved, kept) and not same(saved, original.state)  # the copy is independent


def test_init_forgets_everything():
    core = filled(32)
    for name, arguments in program(5, 500):
        getattr(core, name)(*arguments)
    core.init(4, 1, 9)
    assert same(core.state, SpikingState()) and core.count == 0 and core.core_id == 9


def test_reset_leaves_what_it_must():
    core = filled(32)
    for name, arguments in program(6, 800):
        getattr(core, name)(*arguments)
    before = core.save_state()
    core.snn_reset()
    fresh = SpikingState()
    for name in ("rate", "patterns", "branches", "weight", "phase", "winner"):
        assert np.array_equal(getattr(core.state, name), getattr(before, name)), name
    for name in ("membrane", "threshold", "last_spike", "refractory", "spikes", "time", "trace", "n_glimpses"):
        assert np.array_equal(getattr(core.state, name), getattr(fresh, name)), name
    assert not same(core.state, before)


def test_out_of_range_indices_read_0_and_write_nothing():
    core = filled(3)
    before = core.save_state()
    for index in (3, 31, 255):
        core.snn_set_membrane(index, 5)
        core.snn_set_threshold(index, 5)
        core.snn_inject(index, 5)
        core.set_edge_weight(index, 5)
        core.dendrite_inject(index, 0, 5)
        reads = [core.snn_get_membrane(index), core.snn_get_threshold(index), core.get_spike_rate(index)]
        reads += [core.compute_resonance(index), core.dendrite_integrate(index), core.encode_vector_to_spikes(index)]
        reads += [core.get_pattern(index), core.pattern_correlate(index, 32), int(core.snn_spiked(index))]
        assert reads == [0] * len(reads)
    assert same(core.state, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda core: core.snn_inject(256, 1), r"index must be in 0\.\.255, not 256"),
        (lambda core: core.snn_get_membrane(-1), r"index must be in 0\.\.255, not -1"),
        (lambda core: core.dendrite_inject(0, 256, 1), r"branch must be in 0\.\.255, not 256"),
        (lambda core: core.pattern_match(-1), r"target must be in 0\.\.4294967295, not -1"),
        (lambda core: core.pattern_correlate(0, 300), r"most must be in 0\.\.255, not 300"),
        (lambda core: core.neuromorphic_search(256, 1, 1), r"k must be in 0\.\.255, not 256"),
        (lambda core: core.neuromorphic_search(5, 1, -1), r"iterations must be in 0\.\.255, not -1"),
        (lambda core: core.snn_tick(1, 1, 256), r"learn must be in 0\.\.255, not 256"),
        (lambda core: core.spike_search(1, -1), r"k must be in 0\.\.255, not -1"),
    ],
)
def test_arguments_that_no_register_holds_are_refused_without_a_trace(call, message):
    core = filled(4)
    before = core.save_state()
    with pytest.raises(ValueError, match=message):
        call(core)
    assert same(core.state, before)


@pytest.mark.parametrize("name", ["snn_step", "oscillator_step", "homeostatic_update", "snn_propagate"])
def test_arguments_that_are_no_numbers_are_refused(name):
    with pytest.raises(TypeError, match=r"(dt|gain) must be a number, not 'fast'"):
        getattr(filled(2), name)("fast")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"membrane": np.zeros(31, np.float32)}, r"membrane must be float32 \[32\]"),
        ({"membrane": np.zeros(32)}, r"membrane must be float32 \[32\]"),
        ({"patterns": np.zeros(32, np.int32)}, r"patterns must be uint32 \[32\]"),
        ({"rate": np.full(32, np.nan, np.float32)}, "rate must be finite, not nan"),
        ({"threshold": np.zeros(32, np.float32)}, r"threshold must be within 0\.1.*\.\.10\.0, not 0\.0"),
        ({"weight": np.full(32, 256, np.float32)}, r"weight must be within 0\.\.255, not 256"),
        ({"spikes": 1 << 32}, r"spikes must be within 0\.\.4294967295, not 4294967296"),
        ({"time": np.float32(-1)}, r"time must be within 0\.\..*, not -1"),
        ({"time": np.float32(np.nan)}, r"time must be within 0\.\..*, not nan"),
        ({"phase": PHASE_PERIOD}, f"phase must be within .*, not {PHASE_PERIOD}"),
        ({"n_glimpses": 4}, r"n_glimpses must be within 0\.\.3, not 4"),
    ],
)
def test_a_state_that_cannot_be_is_refused(change, message):
    core = filled(VECTORS_PER_CORE)
    before = core.save_state()
    with pytest.raises(ValueError, match=message):
        core.restore_state(replace(SpikingState(), **change))
    assert same(core.state, before)
