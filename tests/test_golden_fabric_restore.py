"""Over the bus: running networks are saved and restored exactly; runs that skip cycles equal those that do not."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from fabric_bus_bench import Bench

from ganglion.cosim.fabric_program import random_program
from ganglion.cosim.host import Host, Transfer
from golden.fixed.bits import mask
from golden.fixed.bus import Ganglion
from golden.spec import Config, Opcode
from golden.spec.neural_commands import NeuralOpcode, NeuronField

PAIR = Config(cores=2, slices=1, lanes=8, contexts=2)


def test_save_and_restore_of_a_running_network_is_exact() -> None:
    """All fields and registers over the bus into a fresh array: both go on alike, bit for bit and cycle for cycle."""
    rng = np.random.default_rng(5)
    bench, other = Bench(PAIR), Bench(PAIR)

    def build(target: Bench) -> None:
        numbers = np.random.default_rng(6)
        target.do(Opcode.INIT, value=8)
        for core in range(2):
            for _ in range(12):
                for word in range(2):
                    data = int(numbers.integers(0, 1 << 32))
                    assert target.host.play([Transfer.write(0x140 + 4 * word, data)])
                target.do(Opcode.INSERT, core)
        target.put("GAIN", 3000)

    def go_on(target: Bench, seed: int) -> list[int]:
        numbers = np.random.default_rng(seed)
        answers = []
        for _ in range(25):
            core = int(numbers.integers(0, 2))
            target.do(NeuralOpcode.INJECT, core, int(numbers.integers(0, 12)), data=int(numbers.integers(0, 1 << 21)))
            target.do(NeuralOpcode.INJECT_BRANCH, core, int(numbers.integers(0, 12)), 2, int(numbers.integers(0, 9999)))
            answers.append(target.do(NeuralOpcode.TICK, index=3, value=0xFF))
            answers.append(target.get("CYCLES"))
            answers.append(target.do(NeuralOpcode.COMPETE, core, value=int(numbers.integers(0, 2))))
            if numbers.random() < 0.2:
                answers.append(target.do(NeuralOpcode.NEURO_SEARCH, core, 3, 4))
                answers += [target.get("RESULT_RECORD") for _ in range(4)]
        return answers

    build(bench)
    first = go_on(bench, 7)
    assert any(first)
    bench.do(NeuralOpcode.WRITE_NEURON, 1, 0, NeuronField.EXTERNAL, 0b100)
    # Save: neurons, weights, and registers; the vectors are built anew.
    fields = [
        (core, index, field, bench.do(NeuralOpcode.READ_NEURON, core, index, field))
        for core in range(2)
        for field in NeuronField
        for index in range(32 if field <= NeuronField.TRACE else 1)
    ]
    weights = [(core, i, bench.do(Opcode.GET_WEIGHT, core, i)) for core in range(2) for i in range(12)]
    saved = {name: bench.get(name) for name in ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP", "PHASE")}
    assert any(weight != 255 for _, _, weight in weights) and saved["PHASE"]
    build(other)
    go_on(other, int(rng.integers(100)))  # something else happened there
    for core, index, field, bits in fields:
        assert other.do(NeuralOpcode.WRITE_NEURON, core, index, field, bits & mask(32)) == 1
    for core, i, weight in weights:
        other.do(Opcode.SET_WEIGHT, core, i, weight)
    for name, value in saved.items():
        other.put(name, value)
    for core in range(2):
        np.testing.assert_array_equal(bench.fabric.of(core).state.words(), other.fabric.of(core).state.words())
    assert go_on(bench, 8) == go_on(other, 8)
    np.testing.assert_array_equal(bench.model.array.weights[:, :12], other.model.array.weights[:, :12])
    for core in range(2):
        np.testing.assert_array_equal(bench.fabric.of(core).state.words(), other.fabric.of(core).state.words())


@pytest.mark.parametrize("contexts", [2, 4])
def test_events_do_not_depend_on_how_the_cycles_are_taken(contexts: int) -> None:
    """A random run replayed one cycle a call gives the same waveform as the run that skips."""
    config = Config(cores=4, slices=2, lanes=4, contexts=contexts)
    model = Ganglion(config)
    host = Host(model, Random(contexts))
    program = random_program(config, host, Random(contexts))
    for _ in range(250):
        program.operation()
    segments, events = host.take_segments(), model.take_events()
    assert segments.n_cycles == model.cycle
    every = np.repeat(segments.values, segments.counts.astype(int), axis=0)
    replayed = Ganglion(config).run_segments(np.ones(segments.n_cycles, int), every)
    whole = Ganglion(config).run_segments(segments.counts, segments.values)
    for a, b, c in zip(events, replayed, whole, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
