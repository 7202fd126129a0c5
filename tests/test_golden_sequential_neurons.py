"""The sequential engine's program against the golden model: the commands of the spiking network, in any state."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from fabric_bench import COUNTS, Bench, N
from sequential_host import Outcome, SequentialHost, copy_state, differences

from ganglion.cosim.fabric_program import NEURAL_MIX, FabricProgram
from ganglion.cosim.host import Host
from ganglion.cosim.program import MIX
from golden.fixed.array import ArrayModel, Execution
from golden.fixed.array_state import pack_word
from golden.fixed.bits import mask
from golden.fixed.bus import Ganglion
from golden.fixed.fabric_state import FabricSettings, TickStart
from golden.spec import Metric, Opcode, encode, preset
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import (
    DT_MAX_RAW,
    PHASE_PERIOD,
    PHASE_WIDTH,
    SPIKE_RATE_STEP_RAW,
    TARGET_STEP_WIDTH,
    TimeStep,
    time_step,
)
from golden.spec.neural_commands import (
    ALL_CONTEXTS,
    NEURON_FIELDS,
    STEP_OSCILLATOR,
    NeuralOpcode,
    NeuronField,
    TickPart,
)
from golden.spec.sequential_ports import SequentialPort

CONFIG = replace(preset("up5k-snn"), memory="block")
"""The array whose commands the program runs: not the model of the program itself."""
WORDS_A_NEURON = 32
"""The program's neurons: a word a field, in the order of their numbers, and words of its own."""
WIDTHS = [info.width for info in NEURON_FIELDS]
CONTEXT_FIELDS = (NeuronField.SPIKES, NeuronField.EXTERNAL, NeuronField.GLIMPSES)
MIXED: list[int] = [*NeuralOpcode, N.TICK, N.TICK, N.NEURO_SEARCH, Opcode.SEARCH, Opcode.MERGE, Opcode.SET_COUNT]
"""Commands of neurons, and those that fill the result list."""
UNTOUCHED = -1
"""Number of unread results of a list whose reading a command does not begin anew."""
COUNTED = (Opcode.INSERT, Opcode.SEARCH, Opcode.MERGE, *NeuralOpcode)


class Neurons:
    """The neurons of a host, and those of a model, as words [32, 13] and those of the context."""

    def __init__(self, host: SequentialHost) -> None:
        words = (ctypes.c_int32 * (VECTORS_PER_CORE * WORDS_A_NEURON)).in_dll(host.library, "neurons")
        self.words = np.ctypeslib.as_array(words).reshape(VECTORS_PER_CORE, WORDS_A_NEURON)

    @property
    def state(self) -> np.ndarray:
        """The bits of all fields, int64 [32, 16]; those of the context in row 0."""
        fields = self.words[:, : len(WIDTHS)].astype(np.int64) & [mask(width) for width in WIDTHS]
        fields[1:, list(CONTEXT_FIELDS)] = 0
        return fields

    def load(self, model: ArrayModel) -> None:
        """Take over a model's neurons."""
        fields = state_of(model)
        for number in (*range(6), NeuronField.MEMBRANE):
            sign = 1 << WIDTHS[number] - 1
            fields[:, number] = (fields[:, number] ^ sign) - sign
        self.words[:, : len(WIDTHS)] = fields.astype(np.uint32).view(np.int32)


def state_of(model: ArrayModel) -> np.ndarray:
    """As :attr:`Neurons.state`, of a model."""
    assert model.fabric is not None
    context = model.fabric.of(0)
    fields = np.zeros((VECTORS_PER_CORE, len(WIDTHS)), np.int64)
    for index in range(VECTORS_PER_CORE):
        for info in NEURON_FIELDS:
            if info.field not in CONTEXT_FIELDS or index == 0:
                fields[index, info.field] = context.read_field(index, info.field)[0]
    return fields


class Pair:
    """A model and the program; every command of the model is run by the program too, and they are compared."""

    def __init__(self, model: ArrayModel) -> None:
        assert model.fabric is not None
        self.model, self.fabric = model, model.fabric
        self.host = SequentialHost()
        self.neurons = Neurons(self.host)
        self.n_commands: dict[int, int] = dict.fromkeys(COUNTED, 0)
        self.n_reports = 0
        self.inlet: list[tuple[int, int]] = []

    def take_over(self) -> None:
        """The model's state becomes the program's."""
        self.host.reset()
        self.host.execute(encode(Opcode.INIT, index=int(self.model.metric), value=self.model.dims))
        copy_state(self.host, self.model)
        self.host.host.phase = self.fabric.phase
        self.neurons.load(self.model)

    def execute(self, word: int, made: Execution, outcome: Outcome) -> None:
        """Compare what a command gave, and the state after it."""
        opcode = word & 0xFF
        text = f"command {word:#010x}, {sum(self.n_commands.values())} before"
        assert outcome.answer == made.answer, text
        assert outcome.reports == tuple((core, bits) for _, core, bits in made.reports), text
        assert differences(self.host, self.model) == [], text
        np.testing.assert_array_equal(self.neurons.state, state_of(self.model), text)
        self.n_commands[opcode] = self.n_commands.get(opcode, 0) + 1
        self.n_reports += len(made.reports)


class Mirror(Pair):
    """Runs every command that the array of a bus model runs."""

    def __init__(self, model: ArrayModel) -> None:
        super().__init__(model)
        self._run, self._reset, self._receive = model.execute, model.reset, self.fabric.receive
        self._is_fresh = True
        model.execute, model.reset = self._execute, self._forget  # type: ignore[assignment, method-assign]
        self.fabric.receive = self._take  # type: ignore[method-assign]

    def _forget(self) -> None:
        self._reset()
        self.inlet, self._is_fresh = [], True

    def _take(self, core: int, bits: int) -> None:
        self.inlet.append((core, bits))
        self._receive(core, bits)

    def _execute(
        self,
        word: int,
        data: int = 0,
        type_mask: int = 0,
        alpha_raw: int = 0,
        *,
        settings: FabricSettings,
        tick_start: TickStart | None = None,
    ) -> Execution:
        inlet, received = self.inlet, [self.fabric.of(0).external]
        if self._is_fresh:
            # What a reset leaves, and what the bus wrote before: the entries of the inlet come with the tick.
            self.fabric.of(0).external = 0
            self.take_over()
            self.fabric.of(0).external = received[0]
            self._is_fresh = False
        self.host.buffer[:48] = self.model.buffers.reshape(-1)
        self.host.host.phase = self.fabric.phase
        drains = tick_start is not None and word & 0xFF == N.TICK
        if drains:
            self.inlet = []
        due = bool(tick_start and tick_start.phase_due)
        made = self._run(word, data, type_mask, alpha_raw, settings=settings, tick_start=tick_start)
        entries = inlet if drains else []
        outcome = self.host.execute(word, data, type_mask, alpha_raw, settings=settings, inlet=entries, phase_due=due)
        assert self.host.host.inlet_at == len(entries)
        self.execute(word, made, outcome)
        return made


class Program(FabricProgram):
    """Random operations with spikes, mostly on one core at a time."""

    def __init__(self, model: Ganglion, seed: int) -> None:
        rng = Random(seed)
        super().__init__(CONFIG, Host(model, rng), rng)
        self._is_long = False  # searches are not what this is about
        mix = {**MIX, **NEURAL_MIX, Opcode.INSERT: 450, Opcode.SEARCH: 120, NeuralOpcode.NEURO_SEARCH: 40}
        self._opcodes, self._weights = list(mix), list(mix.values())

    def _word(self, opcode: int) -> int:
        word = super()._word(opcode)
        stays = opcode != Opcode.INIT and self.rng.random() < 0.9
        return word & ~0xFF00 | self._core << 8 if stays else word


@pytest.mark.parametrize("seed", range(3))
def test_random_commands_of_a_bus(seed: int) -> None:
    model = Ganglion(CONFIG)
    pair = Mirror(model.registers.array)
    program = Program(model, seed)
    for _ in range(3_000):
        program.operation()
    assert min(pair.n_commands[opcode] for opcode in COUNTED) > 3
    assert pair.n_reports > 100


class Scrambled(Pair):
    """Neurons, settings and graph with anything in them."""

    def __init__(self, seed: int) -> None:
        self.bench = Bench(seed, CONFIG, Metric(seed % 3), dims=(16, 8, 3)[seed // 3 % 3])
        super().__init__(self.bench.array)
        self.rng = self.bench.rng

    def scramble(self) -> None:
        """A new state."""
        rng, model = self.rng, self.model
        self.bench.scramble(self.fabric.of(0).state)
        context = self.fabric.of(0)
        context.glimpses = int(rng.integers(4))
        context.state.spikes, context.external = (int(rng.integers(1 << 32) & rng.integers(1 << 32)) for _ in range(2))
        if rng.random() < 0.5:  # some near the end of their refractory time, the greatest rate, the threshold
            context.state.rate[::2] = mask(24) - rng.integers(0, SPIKE_RATE_STEP_RAW, 16)
            context.state.elapsed[:] = rng.choice([0, 1, (1 << 17) - 1, 1 << 17, mask(24), mask(24) - 1], 32)
            context.state.threshold[:] = np.maximum(context.state.membrane << 6, 0) + rng.integers(0, 200, 32) & mask(
                30
            )
        model.weights[:4] = rng.integers(0, 256, (4, 32)) if rng.random() < 0.7 else rng.choice([0, 255], (4, 32))
        for core in range(4):
            for index in range(32):
                links = [int(link) for link in rng.integers(0, 32, 6)]
                model.words[core, index] = pack_word(links, int(rng.integers(8)), int(rng.integers(8)))
        self.fabric.phase = int(rng.integers(PHASE_PERIOD if rng.random() < 0.7 else 1 << PHASE_WIDTH))
        self.bench.settings = self.settings()
        self.take_over()
        model.results, self.fabric.settings = [], self.bench.settings
        word = encode(Opcode.CLEAR_RESULTS)
        self.execute(word, model.execute(word), self.host.execute(word))

    def any_of(self, *values: int) -> int:
        """One of the values."""
        return values[self.rng.integers(len(values))]

    def settings(self) -> FabricSettings:
        """Those of a step, or anything."""
        rng = self.rng
        step = time_step(self.any_of(1 << 16, 0, DT_MAX_RAW, int(rng.integers(DT_MAX_RAW))))
        if rng.random() < 0.3:
            widths = (26, 20, 20, TARGET_STEP_WIDTH, PHASE_WIDTH)
            step = TimeStep(*(self.any_of(0, mask(width), int(rng.integers(1 << width))) for width in widths))
        gain = self.any_of(1 << 13, -(1 << 17), (1 << 17) - 1, int(rng.integers(-(1 << 17), 1 << 17)))
        one = self.any_of(0, 1, 5000, mask(CONFIG.key_width), int(rng.integers(1 << CONFIG.key_width)))
        return FabricSettings(time_step=step, gain_raw=gain, distance_one=one)

    def run(self, opcode: int, core: int, index: int, value: int, data: int, *, phase_due: bool = False) -> None:
        """A command in both."""
        word, settings = encode(opcode, core=core, index=index, value=value), self.bench.settings
        start = TickStart(2, phase_due)
        self.model.n_unread, n_shown = UNTOUCHED, self.host.host.n_stored[SequentialPort.LIST_COUNT]
        made = self.model.execute(word, data, settings=settings, tick_start=start)
        self.execute(word, made, self.host.execute(word, data, settings=settings, phase_due=phase_due))
        is_unread = self.host.host.n_stored[SequentialPort.LIST_COUNT] - n_shown
        assert is_unread == (self.model.n_unread != UNTOUCHED), f"{word:#010x}: all results unread again"

    def run_random(self) -> None:
        """Any command of neurons, or one that fills the result list."""
        rng = self.rng
        opcode = MIXED[rng.integers(len(MIXED))]
        core, index, value = int(rng.integers(len(COUNTS) + 1)), int(rng.integers(34)), int(rng.integers(256))
        data = int(rng.integers(-(1 << 63), 1 << 63)) >> int(rng.integers(64)) & mask(64)
        if opcode == NeuralOpcode.NEURO_SEARCH:
            index %= 12
        if opcode == Opcode.SET_COUNT:
            value %= 40
        if opcode in (NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON):
            value %= 17
        if opcode == NeuralOpcode.NEURON_RESET and rng.random() < 0.8:
            value &= ~1
        row = rng.integers(-128, 128, 16) >> int(rng.integers(8))
        self.model.query[:] = row
        self.host.fill(0, row)
        self.run(opcode, core, index, value, data, phase_due=bool(rng.random() < 0.3))


@pytest.mark.parametrize("seed", range(9))
def test_random_commands_in_any_state(seed: int) -> None:
    pair = Scrambled(seed)
    for _ in range(60):
        pair.scramble()
        for _ in range(14):
            pair.run_random()


@pytest.mark.parametrize("index", (0, ALL_CONTEXTS, STEP_OSCILLATOR, ALL_CONTEXTS | STEP_OSCILLATOR))
def test_a_spike_of_neuron_31_that_waits_goes_before_a_firing_of_neuron_30(index: int) -> None:
    """What is learned from the one meets the ends of the weight's range in another order."""
    pair = Scrambled(3)
    weights = {}
    for spikes, external in ((0, 1 << 31), (1 << 31, 0), (0, 1 << 31 | 1), (0, 3 << 30), (0, 0)):
        for parts in (TickPart.STEP | TickPart.LEARN, TickPart.LEARN, mask(8)):
            pair.scramble()
            context, model = pair.fabric.of(0), pair.model
            s = context.state
            context.external, s.spikes = external, spikes
            s.elapsed[:], s.membrane[:], s.threshold[:] = 1 << 18, 0, 1 << 29
            s.membrane[30], s.branches[:] = 1 << 24, 0
            model.words[0, 30:] = pack_word([31, 5, 31, 31, 31, 31], 6, 0), pack_word([5, 30, 30, 3, 3, 3], 5, 0)
            model.weights[0] = 0
            s.residue[:] = 0
            pair.bench.settings = FabricSettings(gain_raw=1 << 12)
            pair.take_over()
            pair.run(N.TICK, 0, index, int(parts), 0)
            weights[spikes, external, parts & TickPart.STEP] = int(model.weights[0, 31])
    assert weights[0, 1 << 31, TickPart.STEP] > weights[0, 3 << 30, TickPart.STEP]


def test_a_tick_by_time_leaves_the_answer() -> None:
    pair = Scrambled(4)
    pair.scramble()
    host, word = pair.host, encode(N.TICK, index=ALL_CONTEXTS | STEP_OSCILLATOR, value=mask(8))
    before = host.execute(encode(N.ACTIVITY)).answer
    assert before > 0
    made = pair.model.execute(word, settings=pair.bench.settings)
    outcome = host.execute(word, settings=pair.bench.settings, timed=True)
    assert (outcome.answer, len(outcome.reports)) == (before, len(made.reports))
    np.testing.assert_array_equal(pair.neurons.state, state_of(pair.model))


def test_a_tick_takes_sixteen_entries_of_the_inlet() -> None:
    pair = Scrambled(5)
    pair.scramble()
    entries = [(core, 1 << core % 31) for core in range(16)]
    pair.host.execute(encode(N.NEURON_RESET, value=mask(5)))
    answer = pair.host.execute(encode(N.TICK, core=1), inlet=entries).answer
    assert pair.host.host.inlet_at == 16
    assert answer == 16 | mask(16) << 32
