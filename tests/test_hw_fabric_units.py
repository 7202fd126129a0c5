"""The small units of the spiking fabric - event FIFO, reporter, time base - against their golden twins."""

import numpy as np
import pytest
from hw_units import TINY, WithReset, bursts, chance, never_made, random_bits

import hw.event_fifo
import hw.reporter
import hw.timebase
from ganglion.engine import AmaranthEngine, check_twin
from golden.fixed.bus_events import INLET_DEPTH, OUTLET_DEPTH
from golden.fixed.event_fifo import EventFifo
from golden.fixed.reporter import SpikeReporter
from golden.fixed.timebase import TimeBase
from golden.spec.constants import CORE_WIDTH, VECTORS_PER_CORE
from golden.spec.neural_registers import RUN, TIMER

SHAPE = (2550, 400)
RESET_SHAPE = (200, 400)
Stimulus = dict[str, np.ndarray]
WIDTHS = {INLET_DEPTH: CORE_WIDTH + VECTORS_PER_CORE, OUTLET_DEPTH: 13, 2: 1}
"""Width by depth: inlet, outlet, and the smallest FIFO."""


def held(rng: np.random.Generator, shape: tuple[int, int], values: np.ndarray, rate: float) -> np.ndarray:
    """One of ``values`` in every cycle, another one at that rate."""
    number = np.cumsum(chance(rng, shape, rate), axis=1).astype(np.int64)
    pool = rng.choice(values, size=(shape[0], int(number.max()) + 1))
    return np.take_along_axis(pool, number, axis=1).astype(np.uint64)


def fifo_stimulus(rng: np.random.Generator, shape: tuple[int, int], width: int) -> Stimulus:
    return {
        "push": bursts(rng, shape, block=60),
        "value": random_bits(rng, shape, width),
        "pop": bursts(rng, shape, block=50),
    }


def reporter_stimulus(rng: np.random.Generator, shape: tuple[int, int]) -> Stimulus:
    """Words of few and of many spikes, one after the other, or while an earlier one is still going out."""
    word = random_bits(rng, shape, VECTORS_PER_CORE)
    few = np.uint64(1) << random_bits(rng, shape, 5) | np.uint64(1) << random_bits(rng, shape, 5)
    return {
        "take": bursts(rng, shape) & chance(rng, shape, 0.15),
        "core": random_bits(rng, shape, CORE_WIDTH),
        "word": np.where(chance(rng, shape, 0.5) == 1, few, word).astype(np.uint64),
        "event_pop": bursts(rng, shape, block=60),
    }


def timebase_stimulus(rng: np.random.Generator, shape: tuple[int, int]) -> Stimulus:
    """Slow and fast pins; CONTROL and TIME_BASE change at any time, also below the count."""
    periods = np.array([0, 1, 1, 2, 2, 3, 7, 40, 150, (1 << 24) - 1])
    slow = np.array([0, 1])
    speed = np.where(rng.random((shape[0], 1)) < 0.5, 0, 1).astype(np.uint64)
    pins = {
        name: np.where(speed == 1, bursts(rng, shape), held(rng, shape, slow, 0.1)) for name in ("clk_snn", "clk_gamma")
    }
    return pins | {
        "control": held(rng, shape, np.array([*range(16), RUN, RUN, RUN | TIMER, RUN | TIMER, RUN | TIMER]), 0.02),
        "period": held(rng, shape, periods, 0.02),
        "started": bursts(rng, shape) & chance(rng, shape, 0.3),
        "restarted": bursts(rng, shape) & chance(rng, shape, 0.3),
    }


@pytest.mark.parametrize("depth", WIDTHS)
def test_event_fifo(depth: int) -> None:
    rng = np.random.default_rng(depth)
    twin = EventFifo(TINY, SHAPE[0], width=WIDTHS[depth], depth=depth)
    stimulus = fifo_stimulus(rng, SHAPE, WIDTHS[depth])
    out = check_twin(hw.event_fifo.EventFifo(WIDTHS[depth], depth), twin, stimulus)
    assert out["valid"].size >= 1_000_000
    assert set(np.unique(out["level"])) == set(range(depth + 1))
    push, pop, full, valid = stimulus["push"] == 1, stimulus["pop"] == 1, out["level"] == depth, out["valid"] == 1
    assert np.array_equal(out["dropped"] == 1, push & full)
    # Everything that can meet did: also a push that is dropped though a word leaves, and words not yet visible.
    for case in (push & full & pop, push & ~full & pop & valid, pop & ~valid, (out["level"] > 0) & ~valid):
        assert np.count_nonzero(case) > 100


def test_what_goes_in_comes_out_in_order() -> None:
    """The FIFO against a queue: words that were taken leave in their order, each after two cycles at least."""
    rng, shape = np.random.default_rng(3), (20, 400)
    stimulus = fifo_stimulus(rng, shape, 13)
    out = check_twin(hw.event_fifo.EventFifo(13, 16), EventFifo(TINY, shape[0], width=13, depth=16), stimulus)
    for stream in range(shape[0]):
        waiting: list[tuple[int, int]] = []
        for cycle in range(shape[1]):
            push, pop, value = (int(stimulus[name][stream, cycle]) for name in ("push", "pop", "value"))
            first = waiting[0] if waiting and waiting[0][0] <= cycle - 2 else None
            found = (int(out["valid"][stream, cycle]), int(out["out_value"][stream, cycle]))
            assert found == ((1, first[1]) if first else (0, 0))
            assert out["level"][stream, cycle] == len(waiting)
            room = len(waiting) < 16
            if pop and first:
                del waiting[0]
            if push and room:
                waiting.append((cycle, value))


def test_reporter() -> None:
    stimulus = reporter_stimulus(np.random.default_rng(4), SHAPE)
    out = check_twin(hw.reporter.SpikeReporter(), SpikeReporter(TINY, SHAPE[0]), stimulus)
    assert out["busy"].size >= 1_000_000
    assert out["dropped"].any() and out["event_level"].max() == OUTLET_DEPTH
    assert len(np.unique(out["event_data"])) == 1 << 13
    busy, take = out["busy"] == 1, stimulus["take"] == 1
    for case in (
        take & ~busy,
        take & busy,
        take & (stimulus["word"] == 0),
        busy & (out["event_level"] == OUTLET_DEPTH),
    ):
        assert np.count_nonzero(case) > 100


def test_a_word_of_spikes_takes_a_cycle_a_spike() -> None:
    for word in (1, 1 << 31, 0x8001_0010, 0xFFFF_FFFF):
        n = word.bit_count()
        shape = (1, n + 5)
        pulse = np.zeros(shape, np.uint64)
        pulse[0, 1] = 1
        steady = {"core": np.full(shape, 0xA5, np.uint64), "word": np.full(shape, word, np.uint64)}
        stimulus = {"take": pulse, "event_pop": np.ones(shape, np.uint64), **steady}
        out = check_twin(hw.reporter.SpikeReporter(), SpikeReporter(TINY, 1), stimulus)
        assert np.flatnonzero(out["busy"][0]).tolist() == list(range(2, 2 + n))
        assert np.flatnonzero(out["spike_out_valid"][0]).tolist() == [2]
        neurons = [i for i in range(32) if word >> i & 1]
        events = out["event_data"][0][out["event_valid"][0] == 1]
        assert events[: n + 1].tolist() == [0xA5 << 5 | i for i in neurons]


def test_time_base() -> None:
    stimulus = timebase_stimulus(np.random.default_rng(5), SHAPE)
    out = check_twin(hw.timebase.TimeBase(), TimeBase(TINY, SHAPE[0]), stimulus)
    assert out["due"].size >= 1_000_000
    runs, timer = stimulus["control"] & np.uint64(RUN), stimulus["control"] & np.uint64(TIMER)
    overrun, started = out["overrun"] == 1, stimulus["started"] == 1
    timed = (timer > 0) & (runs > 0)
    for period in (1, 2, 3, 7):
        assert np.count_nonzero(overrun & timed & (stimulus["period"] == period)) > 100
    assert not (overrun & (started | (runs == 0))).any()
    assert not (overrun & timed & (stimulus["period"] == 0)).any()
    again = started[:, :-1] & (out["due"][:, :-1] == 1) & (out["due"][:, 1:] == 1)
    assert np.count_nonzero(again) > 100, "an edge in the cycle in which a tick starts"
    assert np.count_nonzero((out["phase_due"] == 1) & (stimulus["restarted"] == 1)) > 100


@pytest.mark.parametrize("period", [1, 2, 5])
def test_the_timer_counts_cycles(period: int) -> None:
    shape = (1, 60)
    on = np.ones(shape, np.uint64)
    stimulus = {"control": on * np.uint64(RUN | TIMER), "period": on * np.uint64(period), "started": on * 0}
    out = check_twin(hw.timebase.TimeBase(), TimeBase(TINY, 1), stimulus)
    assert np.flatnonzero(out["due"][0])[0] == period
    assert np.flatnonzero(out["overrun"][0]).tolist() == list(range(2 * period - 1, 60, period))


def test_pins_that_rest_high_make_no_edge() -> None:
    shape = (1, 40)
    stimulus = {name: np.ones(shape, np.uint64) for name in ("clk_snn", "clk_gamma")}
    stimulus["control"] = np.full(shape, 0b101, np.uint64)
    for name in ("clk_snn", "clk_gamma"):
        stimulus[name][0, 10:20] = 0
    out = check_twin(hw.timebase.TimeBase(), TimeBase(TINY, 1), stimulus)
    # High from cycle 20 on: in the second register in 22, at the output in 23.
    assert np.flatnonzero(out["due"][0])[0] == np.flatnonzero(out["phase_due"][0])[0] == 23


@pytest.mark.parametrize("unit", ["event_fifo", "reporter", "timebase"])
def test_reset_at_any_time(unit: str) -> None:
    rng, n = np.random.default_rng(7), RESET_SHAPE[0]
    component, twin, stimulus = {
        "event_fifo": lambda: (
            hw.event_fifo.EventFifo(13, 16),
            EventFifo(TINY, n, width=13, depth=16),
            fifo_stimulus(rng, RESET_SHAPE, 13),
        ),
        "reporter": lambda: (
            hw.reporter.SpikeReporter(),
            SpikeReporter(TINY, n),
            reporter_stimulus(rng, RESET_SHAPE),
        ),
        "timebase": lambda: (hw.timebase.TimeBase(), TimeBase(TINY, n), timebase_stimulus(rng, RESET_SHAPE)),
    }[unit]()
    stimulus["rst"] = chance(rng, RESET_SHAPE, 0.01) | (bursts(rng, RESET_SHAPE) & chance(rng, RESET_SHAPE, 0.02))
    check_twin(component, WithReset(twin, "_memory"), stimulus)


def test_the_interpreted_simulator_agrees() -> None:
    rng, shape = np.random.default_rng(8), (2, 150)
    for component, twin, stimulus in (
        (
            hw.event_fifo.EventFifo(13, 16),
            EventFifo(TINY, 2, width=13, depth=16),
            fifo_stimulus(rng, shape, 13),
        ),
        (hw.reporter.SpikeReporter(), SpikeReporter(TINY, 2), reporter_stimulus(rng, shape)),
        (hw.timebase.TimeBase(), TimeBase(TINY, 2), timebase_stimulus(rng, shape)),
    ):
        with AmaranthEngine(component) as engine:
            check_twin(component, twin, stimulus, engine=engine)


@pytest.mark.parametrize("depth", [0, 1, 3, 12])
def test_a_depth_that_is_no_power_of_two_is_refused(depth: int) -> None:
    made = never_made(hw.event_fifo.EventFifo)
    with pytest.raises(ValueError, match=f"depth must be a power of two of at least 2, got {depth}"):
        made.__init__(8, depth)
