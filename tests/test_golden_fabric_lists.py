"""Spiking commands on result lists, patterns and competitions: closed forms, unit twins, cycles by hand."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from fabric_bench import CONFIG, COUNTS, HIGH, Bench, N

from golden.fixed.array import ArrayModel, Execution
from golden.fixed.fabric_state import FabricSettings
from golden.fixed.neural_state import NeuralState
from golden.fixed.neural_wta import WinnerTakeAll, inhibition
from golden.float32.encoder import encode as encode_vector
from golden.spec import Config, Opcode, encode
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP
from golden.spec.neural import (
    FACTOR_ONE,
    PHASE_PERIOD,
    REFRACTORY_RAW,
)


@pytest.mark.parametrize("width", [8, 16])
def test_result_currents_in_closed_form(width: int) -> None:
    """V += gain / (1 + distance): of this core's results only, each as often as it stands in the list."""
    config = Config(cores=4, slices=2, lanes=4, contexts=2, element_width=width)
    bench = Bench(1, config)
    for trial in range(30):
        bench.array.query[:] = bench.array.vectors[0, 0]
        one = int(bench.rng.choice([1, 1000, 100_000, (1 << config.key_width) - 1]))
        gain_raw = int(bench.rng.integers(-(1 << 17), 1 << 17))
        bench.settings = FabricSettings(gain_raw=gain_raw, distance_one=one)
        bench.run(Opcode.SEARCH, value=16 | SEARCH_EXACT)
        bench.run(Opcode.MERGE, 1, 16, data=3 - trial)
        bench.run(Opcode.MERGE, 1, 17, data=1)  # beyond the count
        bench.run(Opcode.MERGE, 77, 0, data=2)  # no such core
        bench.array.n_unread = 3
        state = bench.state(1)
        state.membrane[:] = 0
        own = [(key, index) for key, core, index in bench.array.results if core == 1 and index < 17]
        held, listed = list(bench.array.results), len(bench.array.results)
        done = bench.run(N.INJECT_RESULTS, 1)
        assert (done.answer, done.list_hidden) == (len(own), 2)
        assert done.cycles == 2 + listed + 23 * len(own)
        assert bench.array.results == held and bench.array.n_unread == listed
        expected = np.zeros(32)
        for key, index in own:
            expected[index] += gain_raw / 8192 / (1 + max(key, 0) / one)
        allowed = abs(gain_raw) / 8192 * 2.0**-16 + 2.0**-20
        np.testing.assert_allclose(state.membrane / 2**20, expected, atol=2 * allowed, rtol=0)


def test_resonating_distances_in_closed_form() -> None:
    bench = Bench(2)
    for trial in range(40):
        bench.array.query[:] = bench.rng.integers(-128, 128, 16)
        bench.run(Opcode.SEARCH, value=16 | SEARCH_EXACT)
        bench.run(Opcode.MERGE, 3, 9, data=-1000 * trial)
        bench.fabric.phase = phase = int(bench.rng.integers(0, PHASE_PERIOD))
        weight_raw = FACTOR_ONE if trial % 2 else int(bench.rng.integers(0, FACTOR_ONE))
        before = {(core, index): key for key, core, index in bench.array.results}
        done = bench.run(N.RESONATE, value=16 | SEARCH_KEEP, data=weight_raw | 1 << 20)
        assert done.list_hidden == 2 and done.answer == len(before) == 16
        assert done.cycles == (3 + 24 * 16) + 1 + 2 + 16
        assert bench.array.results == sorted(bench.array.results)
        for key, core, index in bench.array.results:
            turn = abs(phase / PHASE_PERIOD - index / 32)
            share = 1 - 2 * min(turn, 1 - turn)
            exact = before[core, index] * (2 - weight_raw / FACTOR_ONE * share)
            assert abs(key - exact) <= 1 + abs(before[core, index]) * 2.0**-15
    assert bench.run(N.RESONATE, value=3).answer == 3 and len(bench.array.results) == 3
    # An entry of a core that the array does not have takes a cycle and is left out.
    bench.run(Opcode.MERGE, bench.array.config.cores, 9, data=-(10**6))
    strange = bench.run(N.RESONATE, value=16)
    assert (strange.answer, strange.cycles) == (3, (3 + 24 * 3 + 1) + 1 + 2 + (3 + 1))
    assert all(core < bench.array.config.cores for _, core, _ in bench.array.results)
    bench.run(Opcode.CLEAR_RESULTS)
    empty = bench.run(N.RESONATE, value=16)
    assert (empty.answer, empty.cycles) == (0, 3 + 1 + 2 + 1)


def test_patterns_are_those_of_float32() -> None:
    for seed, dims in enumerate((16, 15, 8, 7, 1)):
        bench = Bench(seed, dims=dims)
        bench.array.vectors[0, 5] = 0
        for index in (0, 5, 31):
            row = bench.array.vectors[0, index, :dims]
            pattern = int(encode_vector(row.astype(np.float32)))
            assert bench.run(N.ENCODE, 0, index) == Execution(30 + 2 * dims, pattern | HIGH, 30 + 2 * dims)
            assert bench.state(0).history[index] == pattern
        before = bench.state(1).history.copy()
        assert bench.run(N.ENCODE, 1, 17) == Execution(2, 0, 2)
        np.testing.assert_array_equal(bench.state(1).history, before)
        query = bench.rng.integers(-128, 128, 16)
        bench.array.query[:] = query
        pattern = int(encode_vector(query[:dims].astype(np.float32)))
        assert bench.run(N.ENCODE_QUERY) == Execution(3 + 2 * dims, pattern, 3 + 2 * dims)


def test_similarity_by_fractions() -> None:
    bench = Bench(3)
    state = bench.state(0)
    state.history[3] = 0

    def exact(history: int, pattern: int) -> int:
        both = (history | pattern).bit_count()
        return floor(Fraction((history ^ pattern).bit_count() << 16, both)) if both else 0

    for _ in range(20):
        pattern = int(bench.rng.integers(0, 1 << 32)) & int(bench.rng.choice([0, 1, (1 << 32) - 1]))
        for index in range(32):
            expected = exact(int(state.history[index]), pattern)
            got = bench.run(N.SPIKE_SIMILARITY, 0, index, data=pattern | 7 << 32)
            assert got == Execution(24, expected | HIGH, 24)
        assert bench.run(N.SPIKE_SIMILARITY, 0, 32, data=pattern) == Execution(2, 0, 2)
        for core, count in enumerate(COUNTS):
            history = bench.state(core).history
            everything = sorted((exact(int(history[i]), pattern), core, i) for i in range(count))
            for k in (0, 1, 5, 16, 31):
                done = bench.run(N.SPIKE_SEARCH, core, value=k, data=pattern)
                kept = everything[: min(k, 16)]
                assert bench.array.results == kept and done.answer == len(kept)
                turn = max(21 * count, 1) + 2
                ends = len(kept) + (len(kept) < min(k, 16) or k == 1)
                assert done.cycles == (turn + 1 + 2 + ends if k else turn + 1)
    bench.run(N.SPIKE_SEARCH, 0, value=5, data=1)
    first = list(bench.array.results)
    bench.run(N.SPIKE_SEARCH, 1, value=5 | SEARCH_KEEP, data=1)
    second = sorted((exact(int(bench.state(1).history[i]), 1), 1, i) for i in range(17))[:5]
    assert bench.array.results == sorted(first + second)


class Competition:
    """A winner-take-all unit and the neurons that it looks at."""

    def __init__(self, state: NeuralState) -> None:
        self.unit, self.inhibition = WinnerTakeAll(CONFIG), 0
        self.membrane, self.elapsed = state.membrane.copy(), state.elapsed.copy()

    def step(self, index: int, *, scan: int) -> dict[str, int]:
        inputs = {
            "clear": 0,
            "scan": scan,
            "eligible": int(self.elapsed[index] >= REFRACTORY_RAW),
            "index": index,
            "membrane": int(self.membrane[index]) & (1 << 26) - 1,
            "inhibition": self.inhibition,
        }
        outputs = self.unit.step({name: np.array([value], np.uint64) for name, value in inputs.items()})
        return {name: int(value[0]) for name, value in outputs.items()}


def test_hard_competition_as_the_unit_does_it() -> None:
    bench = Bench(5)
    for trial in range(60):
        core = trial % 4
        bench.scramble(bench.state(core))
        state, count = bench.state(core), COUNTS[core]
        state.elapsed[bench.rng.random(32) < 0.3] = REFRACTORY_RAW - 1
        if trial % 5 == 0:
            state.membrane[:] = -np.abs(state.membrane)
        unit = Competition(state)
        for index in range(count):
            unit.step(index, scan=1)
        expected = unit.membrane.copy()
        winner = unit.step(0, scan=0)["winner"]
        if winner != 255:
            unit.inhibition = int(inhibition(unit.membrane[winner]))
            for index in range(count):
                expected[index] = (unit.step(index, scan=0)["out_membrane"] ^ 1 << 25) - (1 << 25)
        done = bench.run(N.COMPETE, core, value=trial & 0xFE)
        passes = max(count, 1) + 1
        n = passes + 1 + (passes if winner != 255 else 0) + 2
        assert done == Execution(n, winner, n)
        np.testing.assert_array_equal(state.membrane, expected)


def test_soft_competition_in_closed_form() -> None:
    bench = Bench(6)
    for trial in range(40):
        core = trial % 4
        state, count = bench.state(core), COUNTS[core]
        bench.scramble(state)
        state.membrane[bench.rng.random(32) < 0.4] = 0
        if trial % 7 == 0:
            state.membrane[:] = np.minimum(state.membrane, 0)
        before = state.membrane[:count].astype(float)
        done = bench.run(N.COMPETE, core, value=1)
        largest = before.max(initial=0)
        passes, n_zero = max(count, 1) + 1, int((before == 0).sum())
        if largest <= 0:
            assert done.answer == 255 and done.cycles == passes + 3
            np.testing.assert_array_equal(state.membrane[:count], before)
            continue
        assert done.answer == int(np.argmax(before))
        assert done.cycles == passes + 1 + 2 * n_zero + 24 * (count - n_zero) + 2
        exact = before * np.minimum(np.abs(before) / largest, 1) ** 2
        assert np.abs(state.membrane[:count] - exact).max() <= 2 + np.abs(before).max() * 2.0**-15


def test_patterns_compared_and_rates_summed() -> None:
    bench = Bench(7)
    for trial in range(60):
        core, own, most = trial % 4, int(bench.rng.integers(0, 256)), int(bench.rng.choice([0, 10, 16, 255]))
        count, history = COUNTS[core], bench.state(core).history
        target = int(history[0]) if trial % 3 == 0 else int(bench.rng.integers(0, 1 << 32))
        distances = [(int(history[i]) ^ target).bit_count() for i in range(count)]
        mask = sum(1 << i for i, d in enumerate(distances) if d <= most and i != own % 64)
        best = distances.index(min(distances)) if distances else 255
        n = max(count, 1) + 1 + 3
        assert bench.run(N.COMPARE_PATTERNS, core, own, most, target | 5 << 40) == Execution(n, mask | best << 32, n)
        assert bench.run(N.ACTIVITY, core) == Execution(n, sum(bench.state(core).rate[:count].tolist()), n)


def test_search_cycles_by_hand() -> None:
    """NEURO_SEARCH without iterations: reset, scan, drive, score; one core of 16 lanes and 3 vectors."""
    array = ArrayModel(Config(cores=1, contexts=1))
    array.insert_batch([0, 0, 0], np.arange(48).reshape(3, 16))
    # The scan starts in 34, its rows are issued in 35..37, the last distance is in after 41; the unit starts in 42.
    unit = 2 + 60 + 1 + 11 * 3 + 1
    turn = 42 + unit + 1
    assert array.execute(encode(N.NEURO_SEARCH, value=3)).cycles == turn + 1 + 2 + 3
    assert array.execute(encode(N.NEURO_SEARCH, value=0)).cycles == turn + 1
    # A quiet tick, the idle cycle, a pass of 4 cycles and its end; no neuron above 0, so there is no second pass.
    array.query[:] = 0
    array.vectors[:] = 0
    done = array.execute(encode(N.NEURO_SEARCH, value=3, index=1))
    # All at a distance of 0: the divider gives 1, so every membrane starts at 2 and fires; branches do not face.
    spikes = sum(max(1, int(word >> 30 & 7) + 1) for word in array.words[0, :3])
    n_tick = 35 + spikes + 4 + 1
    assert done.cycles == turn + (2 + n_tick + 4 + 1) + 1 + 2 + 3
    assert done.phases == ((42 + 62 + 1, 65536),)
