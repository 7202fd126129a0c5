"""The spiking commands of the golden array: closed forms, the float32 units, cycles by hand, and everything refused."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
import pytest
from fabric_bench import COUNTS, HIGH, Bench, N, saturated

from golden.fixed.array import ArrayModel, Execution
from golden.fixed.fabric_state import FabricSettings
from golden.fixed.neural_state import NeuralState
from golden.spec import Config, Opcode, encode
from golden.spec.neural import (
    BRANCH,
    ELAPSED_NEVER,
    MEMBRANE,
    PHASE_PERIOD,
    STATE_FIELDS,
    THRESHOLD_INITIAL_RAW,
    time_step,
)
from golden.spec.neural_commands import NEURAL_COMMANDS, NeuronField, ResetPart


def test_injections_saturate() -> None:
    bench = Bench()
    extremes = [0, 1, -1, MEMBRANE.max_raw, MEMBRANE.min_raw, 1 << 40, -(1 << 40), (1 << 63) - 1, -(1 << 63)]
    for data in extremes + bench.rng.integers(-(1 << 27), 1 << 27, 50).tolist():
        for core, count in enumerate(COUNTS):
            for index in (0, 16, 31, 32, 255):
                before = bench.state(core).membrane.copy()
                done = bench.run(N.INJECT, core, index, data=data)
                exists = index < count
                assert (done.cycles, done.answer, done.answer_cycle) == ((5, 1, 5) if exists else (2, 0, 2))
                if exists:
                    part = saturated(data, MEMBRANE.min_raw, MEMBRANE.max_raw)
                    before[index] = saturated(int(before[index]) + part, MEMBRANE.min_raw, MEMBRANE.max_raw)
                np.testing.assert_array_equal(bench.state(core).membrane, before)
                for branch in (0, 5, 6, 255):
                    held = bench.state(core).branches.copy()
                    done = bench.run(N.INJECT_BRANCH, core, index, branch, data=data)
                    assert (done.cycles, done.answer) == (2, int(exists and branch < 6))
                    if done.answer:
                        part = saturated(data, BRANCH.min_raw, BRANCH.max_raw)
                        held[index, branch] = saturated(int(held[index, branch]) + part, BRANCH.min_raw, BRANCH.max_raw)
                    np.testing.assert_array_equal(bench.state(core).branches, held)


def test_every_field_reads_what_was_written() -> None:
    widths: dict[int, int] = dict.fromkeys(range(6), 16) | {
        NeuronField.HISTORY: 32,
        NeuronField.MEMBRANE: 26,
        NeuronField.ELAPSED: 24,
        NeuronField.RATE: 24,
        NeuronField.THRESHOLD: 30,
        NeuronField.RESIDUE: 12,
        NeuronField.TRACE: 16,
        NeuronField.SPIKES: 32,
        NeuronField.EXTERNAL: 32,
        NeuronField.GLIMPSES: 2,
    }
    bench = Bench()
    held: dict[tuple[int, int, int], int] = {}
    for core in (0, 1):
        for field, width in widths.items():
            for index in range(32):
                data = int(bench.rng.integers(0, 1 << 63))
                assert bench.run(N.WRITE_NEURON, core, index, field, data) == Execution(2, 1, 2)
                held[core, index if field < 13 else 0, field] = data & (1 << width) - 1
    for (core, index, field), bits in held.items():
        assert bench.run(N.READ_NEURON, core, index, field) == Execution(2, bits | HIGH, 2)
        if field >= 13:
            assert bench.run(N.READ_NEURON, core, 200, field).answer == bits | HIGH
        # Core 2 shares the context of core 0, core 3 that of core 1.
        assert bench.run(N.READ_NEURON, core + 2, index, field).answer == bits | HIGH
    words = [context.state.words() for context in bench.fabric.contexts]
    for index, field in [(32, 0), (255, 12), (40, 7), (0, 16), (31, 255), (255, 255)]:
        assert bench.run(N.READ_NEURON, 0, index, field) == Execution(2, 0, 2)
        assert bench.run(N.WRITE_NEURON, 0, index, field, -1) == Execution(2, 0, 2)
    for context, before in zip(bench.fabric.contexts, words, strict=True):
        np.testing.assert_array_equal(context.state.words(), before)


def test_parts_of_the_state_are_reset() -> None:
    names = {
        ResetPart.NETWORK: ("membrane", "elapsed", "threshold"),
        ResetPart.BRANCHES: ("branches",),
        ResetPart.HISTORIES: ("history",),
        ResetPart.SEQUENCE: ("trace",),
        ResetPart.RATES: ("rate", "residue"),
    }
    initial = NeuralState()
    for value in (0, 1, 2, 4, 8, 9, 16, 31, 0xE0, 0xFF):
        for index, contexts, n in ((0, [1], 33), (1, [0, 1], 33), (0xFE, [1], 33)):
            bench = Bench(value)
            for context in bench.fabric.contexts:
                context.external, context.glimpses, context.state.spikes = 5, 3, 9
            before = [context.state.copy() for context in bench.fabric.contexts]
            assert bench.run(N.NEURON_RESET, 1, index, value) == Execution(n)
            for place, context in enumerate(bench.fabric.contexts):
                for part, fields in names.items():
                    for name in fields:
                        expected = initial if value & part and place in contexts else before[place]
                        np.testing.assert_array_equal(getattr(context.state, name), getattr(expected, name))
                network = bool(value & ResetPart.NETWORK) and place in contexts
                assert (context.external, context.state.spikes) == ((0, 0) if network else (5, 9))
                assert context.glimpses == (0 if value & ResetPart.SEQUENCE and place in contexts else 3)
    array = ArrayModel(Config(cores=8, slices=2, contexts=8))
    assert array.execute(encode(N.NEURON_RESET, index=1)).cycles == 1 + 32 * 4


def test_init_empties_the_neurons_and_clear_does_not() -> None:
    bench = Bench()
    before = bench.state(0).words()
    for opcode in (Opcode.CLEAR, Opcode.SET_COUNT, Opcode.CLEAR_RESULTS):
        bench.run(opcode)
    np.testing.assert_array_equal(bench.state(0).words(), before)
    bench.fabric.phase = 77
    assert bench.run(Opcode.INIT, value=9) == Execution(1 + 32 * 2)
    for context in bench.fabric.contexts:
        np.testing.assert_array_equal(context.state.words(), NeuralState().words())
    assert bench.fabric.phase == 77
    bench.array.reset()
    assert bench.fabric.phase == 0
    state = bench.state(0)
    assert (state.elapsed == ELAPSED_NEVER).all() and (state.threshold == THRESHOLD_INITIAL_RAW).all()


def test_oscillator_in_closed_form() -> None:
    bench = Bench(4)
    for dt in (1 << 16, 12345, 0, 1000 << 16, 26 << 16):
        bench.settings = FabricSettings(time_step=time_step(dt))
        start = bench.fabric.phase
        for n in range(1, 60):
            phase = (start + n * dt) % PHASE_PERIOD
            assert bench.run(N.OSCILLATE) == Execution(2, phase, 2, phases=((1, phase),))
            angle = phase / PHASE_PERIOD
            for index in (0, 7, 31, 39, 255):
                turn = abs(angle - index % 32 / 32)
                for value, form in ((0, sin), (1, cos), (0xFE, sin)):
                    done = bench.run(N.RESONANCE, 255, index, value)
                    wave = (done.answer >> 32 ^ 0x8000) - 0x8000
                    assert done.cycles == done.answer_cycle == 2
                    assert done.answer & 0xFFFFFFFF == round((1 - 2 * min(turn, 1 - turn)) * 819_200)
                    assert abs(wave / 16384 - form(2 * pi * angle)) < 2.0**-11


def test_everything_that_is_refused() -> None:
    plain, spiking = ArrayModel(Config(cores=2)), ArrayModel(Config(cores=2, contexts=2))
    assert plain.fabric is None
    for info in NEURAL_COMMANDS:
        word = encode(info.opcode, core=1)
        with pytest.raises(ValueError, match="BAD_OPCODE"):
            plain.execute(word)
        spiking.execute(word)
        for core in (2, 255):
            word = encode(info.opcode, core=core, value=255)
            if info.checks_core:
                with pytest.raises(ValueError, match="BAD_CORE"):
                    spiking.execute(word)
            else:
                spiking.execute(word)
    for opcode in range(0x32, 0x100):
        with pytest.raises(ValueError, match="BAD_OPCODE"):
            spiking.execute(opcode)


def test_nothing_leaves_its_format() -> None:
    """Storms: every command with every kind of number, dt of 0 and of a second, gains at both ends."""
    for seed, (dt, gain_raw) in enumerate(
        [(0, (1 << 17) - 1), (1000 << 16, -(1 << 17)), (1 << 16, (1 << 17) - 1), (3, 0)]
    ):
        bench = Bench(seed)
        bench.settings = FabricSettings(time_step=time_step(dt), gain_raw=gain_raw, distance_one=0)
        for _ in range(400):
            opcode = int(bench.rng.choice([int(o) for o in N] + [int(N.TICK)] * 10))
            core, index = int(bench.rng.integers(0, 4)), int(bench.rng.integers(0, 40))
            value = int(bench.rng.integers(0, 256))
            if opcode == N.TICK:
                bench.fabric.receive(core, int(bench.rng.integers(0, 1 << 32)))
            done = bench.run(opcode, core, index, value, int(bench.rng.integers(-(1 << 63), 1 << 63)))
            assert 0 <= done.answer < 1 << 64 and 1 <= done.cycles < 40_000
        for context in bench.fabric.contexts:
            s = context.state
            copy = NeuralState()
            copy.load_words(s.words())
            for place in STATE_FIELDS:
                np.testing.assert_array_equal(getattr(s, place.name), getattr(copy, place.name))
            assert 0 <= context.external < HIGH and 0 <= s.spikes < HIGH and 0 <= context.glimpses < 4
        assert bench.array.weights.min() >= 0 and bench.array.weights.max() <= 255
