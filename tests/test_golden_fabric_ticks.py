"""Ticks of the golden fabric: delivery and learning as the unit twins do them cycle by cycle, contexts, reports."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest
from neural_pairs import random_graph

from golden.fixed.array import ArrayModel, Execution
from golden.fixed.bits import I64Array, U64Array, mask, pack_fields, to_signed
from golden.fixed.fabric import tick_parts
from golden.fixed.fabric_state import FabricSettings, TickStart
from golden.fixed.neural_core import NeuralCore, Tick, raw
from golden.fixed.neural_divider import gain_current
from golden.fixed.neural_lif import scale
from golden.fixed.neural_queue import SpikeQueue
from golden.fixed.neural_router import SpikeRouter
from golden.fixed.neural_state import NeuralState
from golden.fixed.neural_stdp import StdpEngine
from golden.spec import Config, Opcode, encode
from golden.spec.neural import BRANCH, MEMBRANE, RESET_TIME_STEP, STATE_FIELDS, THRESHOLD_MAX_RAW, THRESHOLD_MIN_RAW
from golden.spec.neural_commands import ALL_CONTEXTS, STEP_OSCILLATOR, NeuralOpcode, TickPart

ONE = Config(cores=1, contexts=1)
LONGEST = 320


def number(values: dict[str, int]) -> dict[str, U64Array]:
    return {name: np.array([value], np.uint64) for name, value in values.items()}


def scramble(rng: np.random.Generator, s: NeuralState, rate: float) -> None:
    """Any state; about ``rate`` of the neurons are about to fire, some have fired lately."""
    widths = {place.name: place.width for place in STATE_FIELDS}
    for name in ("history", "rate", "trace", "elapsed", "residue"):
        getattr(s, name)[:] = rng.integers(0, 1 << widths[name], 32)
    s.branches[:] = rng.integers(BRANCH.min_raw, BRANCH.max_raw + 1, (32, 6))
    s.threshold[:] = rng.integers(THRESHOLD_MIN_RAW, THRESHOLD_MAX_RAW + 1, 32)
    s.membrane[:] = rng.integers(MEMBRANE.min_raw, MEMBRANE.max_raw + 1, 32) >> rng.integers(0, 14, 32)
    hot = rng.random(32) < rate
    s.membrane[hot], s.elapsed[hot] = MEMBRANE.max_raw, rng.choice([1 << 17, 1 << 23], int(hot.sum()))


class PassB:
    """Queue, router and STDP engine on memories of their own, as one tick drives them."""

    def __init__(self, words: I64Array, state: NeuralState, gain_raw: int, parts: Tick) -> None:
        self.words, self.parts = words, parts
        self.membrane, self.branches = state.membrane.copy(), state.branches.copy()
        self.weight, self.residue, self.elapsed = state.weight.copy(), state.residue.copy(), state.elapsed
        self.gain = gain_current(raw(gain_raw))
        self.queue, self.router, self.stdp = SpikeQueue(ONE), SpikeRouter(ONE), StdpEngine(ONE)
        self.order: list[int] = []
        self.weight_writes: list[tuple[int, int, int]] = []
        self.last_turn = self.last_router = 0

    def run(self, own: int, outside: int) -> None:
        """``own`` fires, neuron i in cycle i + 4; ``outside`` is there from cycle 1 on."""
        read_addr = target = stdp_addr = current = 0
        delivers = self.parts.to_membrane or self.parts.to_branch or self.parts.learn
        for x in range(LONGEST):
            add = outside if x == 0 else (own & ~outside) & (1 << x - 4) if 4 <= x < 36 else 0
            row = {"add": add if delivers else 0, "go": int(x >= 34), "word": int(self.words[read_addr])}
            if x < 32:
                row |= {"weight_write": 1, "weight_index": x, "weight": int(self.weight[x])}
            inputs = {"weight_write": 0, "weight_index": 0, "weight": 0, "blocked": 0, "take": 0} | row
            entry = deepcopy(self.queue).step(number(inputs))
            routed = self.router.step(
                {name: entry[name] for name in ("entry_valid", "entry_index", "entry_word", "entry_weight")}
                | number(
                    {
                        "current": current,
                        "extra": self.parts.learn or self.parts.to_branch,
                        "to_membrane": self.parts.to_membrane,
                        "to_branch": self.parts.to_branch,
                        "membrane": int(self.membrane[target]) & mask(26),
                        "word": int(self.words[read_addr]),
                    }
                )
                | {"branches": pack_fields(self.branches[target][None], 16)}
            )
            out = {name: int(value[0]) for name, value in routed.items()}
            queued = self.queue.step(
                number(inputs | {"take": out["take"], "blocked": int(self.parts.to_branch and out["issue"])})
            )
            learned = self.stdp.step(
                number(
                    {
                        "issue": int(self.parts.learn and out["issue"]),
                        "own": int(self.parts.learn and out["own"]),
                        "target": out["target"],
                        "elapsed": int(self.elapsed[target]),
                        "weight": int(self.weight[stdp_addr]),
                        "residue": int(self.residue[stdp_addr]),
                    }
                )
            )
            self._note(x, out, queued, {name: int(value[0]) for name, value in learned.items()})
            target, stdp_addr = out["target"], int(learned["read_target"][0])
            current = int(scale(self.gain, raw(out["factor"]))) & mask(26)
            read_addr = int(queued["row"][0]) if queued["fetch"][0] else target
        assert queued["empty"][0]

    def _note(self, x: int, out: dict[str, int], queued: dict[str, U64Array], learned: dict[str, int]) -> None:
        if queued["fetch"][0]:
            self.order.append(int(queued["row"][0]))
        if out["take"]:
            self.last_router = x + 1
        if out["issue"] or out["own"]:
            self.last_turn = x
        if out["write"]:
            self.membrane[out["write_target"]] = to_signed(out["write_membrane"], 26)
        if out["write_branch"]:
            self.branches[out["write_target"], out["write_slot"]] = to_signed(out["write_value"], 16)
        if learned["write"]:
            self.weight[learned["write_target"]] = learned["write_weight"]
            self.residue[learned["write_target"]] = learned["write_residue"]
            self.weight_writes.append((x, learned["write_target"], learned["write_weight"]))

    @property
    def n_busy(self) -> int:
        turn = self.last_turn + 4 if self.last_turn else 0
        return max(37, turn, self.last_router) + 1


@pytest.mark.parametrize("seed", range(30))
def test_a_tick_is_what_the_units_do(seed: int) -> None:
    """Order, memories, the cycle of every weight's write, and the length of the tick; with spikes from outside."""
    rng = np.random.default_rng(seed)
    array = ArrayModel(ONE)
    assert array.fabric is not None
    for _ in range(3):
        array.words[0] = random_graph(rng, wild=bool(seed % 2))[0]
        array.weights[0] = rng.choice([0, 1, 77, 128, 254, 255], 32)
        array.counts[0] = count = int(rng.choice([0, 5, 31, 32, 32]))
        context = array.fabric.of(0)
        scramble(rng, context.state, float(rng.choice([0.0, 0.1, 0.9])))
        kept, outside = (int(rng.integers(0, 1 << 32)) & int(rng.integers(0, 1 << 32)) for _ in range(2))
        outside = int(rng.choice([0, outside, 1 << 31, 1 << 30, mask(32)]))
        context.state.spikes, context.external = kept, outside
        value, gain_raw = int(rng.integers(0, 256)), int(rng.integers(-(1 << 17), 1 << 17))
        parts = tick_parts(value)
        before = NeuralCore(context.state.copy())
        before.state.weight = array.weights[0].copy()
        weights = array.weights[0].copy()
        own = before.stream(array.words[0], count, parts, outside)
        there = outside if parts.step else outside | kept
        units = PassB(array.words[0], before.state, gain_raw, parts)
        units.run(own, there)

        word = encode(NeuralOpcode.TICK, value=value)
        done = array.execute(word, settings=FabricSettings(gain_raw=gain_raw))
        s = context.state
        for name in ("membrane", "branches", "residue"):
            np.testing.assert_array_equal(getattr(s, name), getattr(units, name))
        np.testing.assert_array_equal(array.weights[0], units.weight)
        assert s.spikes == own | there and context.external == 0
        assert done.answer == (own | there).bit_count() | (own | there) << 32
        n_cores_word = int((own | there) != 0)
        assert done.cycles == 2 + units.n_busy + 2 and len(done.reports) == n_cores_word
        if parts.to_membrane or parts.to_branch or parts.learn:
            assert sorted(units.order) == [i for i in range(32) if (own | there) >> i & 1]
        # START is busy cycle 2, so that engine cycle x is busy cycle 3 + x.
        written = [(w.cycle, w.place[1]) for w in array.writes]
        assert written == [(3 + x, node) for x, node, _ in units.weight_writes]
        for x in range(0, LONGEST, 7):
            expected = weights.copy()
            for at, node, byte in units.weight_writes:
                if 3 + at <= x:
                    expected[node] = byte
            again = deepcopy(array)
            again.interrupt(x)
            np.testing.assert_array_equal(again.weights[0], expected)
            assert again.fabric is not None and again.fabric.of(0).state.spikes == 0


def test_an_external_spike_can_go_before_a_firing() -> None:
    """Neuron 31 from outside is fetched in cycle 34, neuron 30, which fires, comes in cycle 35."""
    array = ArrayModel(ONE)
    assert array.fabric is not None
    array.counts[0] = 32
    s = array.fabric.of(0).state
    s.membrane[30] = 2 << 20
    array.fabric.receive(0, 1 << 31)
    array.words[0, 30:] = 1 << 30 | 7  # one link, to 7
    array.execute(encode(NeuralOpcode.TICK, value=TickPart.STEP | TickPart.LEARN))
    assert s.spikes == 3 << 30
    assert [w.place[1] for w in array.writes] == [7, 31, 7, 30]


def test_cycles_by_hand() -> None:
    def tick(array: ArrayModel, index: int, value: int = TickPart.STEP) -> Execution:
        return array.execute(encode(NeuralOpcode.TICK, index=index, value=value))

    quiet = ArrayModel(Config(cores=8, slices=2, contexts=8))
    assert tick(quiet, 0).cycles == 42
    assert tick(quiet, ALL_CONTEXTS).cycles == 1 + 4 * (1 + 38 + 1 + 2)
    assert tick(ArrayModel(Config(cores=256, contexts=256)), 1).cycles == 1 + 256 * 41
    # One spike with one link and learning: taken in cycle 35, router cycles 36 and 37, the last write in 41.
    quiet.counts[0] = 1
    quiet.words[0, 0] = 1 << 30 | 3
    fabric = quiet.fabric
    assert fabric is not None
    fabric.of(0).state.membrane[0] = 2 << 20
    done = tick(quiet, 0, TickPart.STEP | TickPart.LEARN)
    assert done.cycles == 2 + 42 + 1 + 1 and done.reports == ((46, 0, 1),)


def test_the_reporter_holds_up_a_report() -> None:
    """Words of many spikes: the next one waits until all of its events are out."""
    config = Config(cores=4, slices=4, contexts=4)
    array = ArrayModel(config)
    assert array.fabric is not None
    array.counts[:] = 32
    words = (mask(32), 1, 0, 0b101)
    for core, word in enumerate(words):
        array.fabric.receive(core, word)
    done = array.execute(encode(NeuralOpcode.TICK, index=ALL_CONTEXTS, value=TickPart.RECORD))
    first = 2 + 38 + 2
    assert done.reports == ((first, 0, mask(32)), (first + 33, 1, 1), (first + 35, 3, 5))
    assert done.cycles == first + 35 and done.answer == 32 + 1 + 2
    array.fabric.receive(2, 7)
    late = array.execute(
        encode(NeuralOpcode.TICK, core=2, value=TickPart.STEP), tick_start=TickStart(4, reporter_idle=60)
    )
    assert late.reports == ((60, 2, 7),) and late.cycles == 60
    assert late.answer == 3 | 7 << 32


def test_all_contexts_tick_with_their_first_cores() -> None:
    """Eight cores, four contexts on two slices: cores 0 to 3 tick, 4 to 7 share their neurons."""
    array = ArrayModel(Config(cores=8, slices=2, contexts=4))
    fabric = array.fabric
    assert fabric is not None
    assert [fabric.contexts.index(fabric.of(core)) for core in range(8)] == [0, 1, 2, 3, 0, 1, 2, 3]
    array.counts[:4] = 4
    for core in range(8):
        fabric.of(core).state.membrane[core] = 2 << 20
    done = array.execute(encode(NeuralOpcode.TICK, index=ALL_CONTEXTS, value=TickPart.STEP))
    assert [(core, word) for _, core, word in done.reports] == [(core, 1 << core) for core in range(4)]
    fabric.of(6).state.membrane[2] = 2 << 20
    fabric.of(6).state.elapsed[2] = 1 << 17
    array.counts[6] = 3
    done = array.execute(encode(NeuralOpcode.TICK, core=6, value=TickPart.STEP))
    assert done.answer == 1 | 4 << 32 and fabric.of(2).state.elapsed[2] == 0


def test_the_oscillator_steps_first_or_starts_anew() -> None:
    array = ArrayModel(Config(cores=4, contexts=4))
    fabric = array.fabric
    assert fabric is not None
    word = encode(NeuralOpcode.TICK, index=ALL_CONTEXTS | STEP_OSCILLATOR)
    phases = []
    for _ in range(30):
        done = array.execute(word)
        assert done.phases == ((2, fabric.phase),)
        phases.append(fabric.phase)
    step = RESET_TIME_STEP.phase_step
    assert all((b - a) % (25 << 16) == step for a, b in pairwise(phases))
    assert array.execute(word, tick_start=TickStart(8, phase_due=True)).phases == ((8, 0),)
    array.execute(encode(NeuralOpcode.TICK, index=ALL_CONTEXTS), tick_start=TickStart(2, phase_due=True))
    assert fabric.phase == 0


def test_spikes_stay_for_a_tick_without_a_step() -> None:
    """Kept and external spikes are recorded and counted; a step forgets the kept ones."""
    array = ArrayModel(ONE)
    fabric = array.fabric
    assert fabric is not None
    array.counts[0] = 2
    context = fabric.of(0)
    context.state.spikes, context.external = 0b1001, 0b10
    part = TickPart.RECORD | TickPart.HOMEOSTASIS
    assert array.execute(encode(NeuralOpcode.TICK, value=part)).answer == 3 | 0b1011 << 32
    assert context.state.history[:4].tolist() == [1, 1, 0, 1]
    assert (context.state.rate[:4] > 0).tolist() == [True, True, False, False]
    context.external = 0b100
    assert array.execute(encode(NeuralOpcode.TICK, value=part | TickPart.STEP)).answer == 1 | 0b100 << 32
    assert context.state.history[:4].tolist() == [2, 2, 0, 2]
    array.execute(encode(Opcode.INIT, value=16))
    assert (context.state.spikes, context.external, context.state.history.any()) == (0, 0, False)
