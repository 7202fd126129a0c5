"""Arrays with contexts at their limits, hardware against golden model: storms of spikes, full FIFOs, full counters."""

from __future__ import annotations

from collections import Counter

import pytest
from fabric_scene import Scene

from golden.fixed.bits import mask
from golden.fixed.bus_events import OUTLET_DEPTH, Reporter
from golden.spec import Config
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import GAIN, time_step
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart
from golden.spec.neural_registers import GAMMA, RUN, STREAM, TIMER

SHARED = Config(cores=4, slices=2, lanes=4, contexts=2)
ALL = mask(VECTORS_PER_CORE)
FULL = 0xFFFF
EVERYTHING = mask(len(TickPart))


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often which word of spikes was reported."""
    seen: Counter[int] = Counter()
    take = Reporter.take

    def counted(self: Reporter, cycle: int, core: int, word: int) -> None:
        seen[word] += 1
        take(self, cycle, core, word)

    monkeypatch.setattr(Reporter, "take", counted)
    return seen


def until(scene: Scene, words: Counter[int], n_words: int) -> None:
    """Let ticks by time go on until so many words of all spikes were reported."""
    for _ in range(20 * n_words):
        if words[ALL] >= n_words:
            return
        scene.host.wait(1_000)
    raise AssertionError(f"{words[ALL]} words of all spikes, {n_words} expected")


def test_every_neuron_spikes_in_every_tick_for_a_thousand_ticks(words: Counter[int]) -> None:
    """Spikes that stay (no STEP), learned from and delivered both ways, tick after tick without a pause."""
    scene = Scene(SHARED)
    for core in (0, 1):
        scene.fill(core)
        assert scene.do(NeuralOpcode.WRITE_NEURON, core, 0, NeuronField.SPIKES, ALL) == 1
    scene.put("GAIN", GAIN.max_raw)
    scene.put("PARTS", EVERYTHING & ~TickPart.STEP)
    scene.put("TIME_BASE", 1)
    scene.pins(event_ready=1)
    scene.put("CONTROL", RUN | TIMER | STREAM)
    until(scene, words, 500)
    assert scene.get("DROPPED") == 0, "a ready stream keeps up"
    scene.pins(event_ready=0)
    until(scene, words, 2_000)
    scene.stop()
    assert words[ALL] >= 2_000 and set(words) == {ALL}
    dropped, event = scene.get("DROPPED"), scene.get("EVENT")
    assert 32 * 1_400 < dropped < FULL and event >> 24 == OUTLET_DEPTH and scene.get("OVERRUN") == FULL
    found = scene.look((0, 1))
    for core in (0, 1):
        assert found[core, NeuronField.SPIKES, 0] == found[core, NeuronField.HISTORY, 0] == ALL
        assert found[core, NeuronField.RATE, 7] > 0
    scene.check()


def test_every_neuron_fires_and_is_fired_at(words: Counter[int]) -> None:
    """Membranes far above thresholds and words of all spikes from outside in every cycle: the inlet overflows, every
    tick's word is full, and the neurons fire themselves whenever they are not refractory."""
    scene = Scene(SHARED)
    for core in (0, 1):
        scene.fill(core)
    step = time_step(5 << 16)
    for name, value in (("DT", step.dt_raw), ("LEAK", 0), ("RATE_FACTOR", step.rate_factor), ("GAIN", GAIN.max_raw)):
        scene.put(name, value)
    scene.put("PARTS", EVERYTHING)
    scene.put("TIME_BASE", 2)
    scene.pins(spike_in_valid=1, spike_in=ALL)
    scene.put("CONTROL", RUN | TIMER | STREAM | GAMMA)
    n_cycles = 0
    while words[ALL] < 450:
        # The two cores in turn; the stream's other end and the clock of the oscillator come and go.
        turn = n_cycles // 37
        scene.pins(spike_in_core=turn & 1, event_ready=int(turn % 16 == 0), clk_gamma=turn >> 1 & 1)
        scene.host.wait(37)
        n_cycles += 37
        assert n_cycles < 1_000_000
    scene.pins(spike_in_valid=0)
    scene.stop()
    dropped = scene.get("DROPPED")
    assert dropped >> 16 == FULL and dropped & FULL > 1_000
    found = scene.look((0, 1))
    assert all(found[core, NeuronField.ELAPSED, 7] != mask(24) for core in (0, 1)), "they fired themselves"
    scene.check()


def test_counters_stop_at_their_ends_and_writes_go_before_counts() -> None:
    scene = Scene(SHARED)
    scene.put("PARTS", EVERYTHING)
    scene.put("TIME_BASE", 1)
    assert scene.get("OVERRUN") == scene.get("DROPPED") == 0
    for preset in (0, FULL - 1, FULL):
        both = preset | preset << 16
        scene.put("CONTROL", RUN | TIMER)
        for _ in range(6):  # while every cycle counts
            scene.put("OVERRUN", preset)
            assert preset <= scene.get("OVERRUN") <= FULL
        scene.pins(spike_in_valid=1, spike_in_core=SHARED.cores, spike_in=1)
        for _ in range(6):
            scene.put("DROPPED", both)
            assert scene.get("DROPPED") & FULL == preset
        scene.pins(spike_in_valid=0)
        scene.stop()
        if preset:
            assert scene.get("OVERRUN") == FULL == scene.get("DROPPED") >> 16
    # Events that find the outlet full, one more than the counter holds.
    scene.put("DROPPED", FULL - 1)
    for n_ticks in range(4):
        assert scene.do(NeuralOpcode.WRITE_NEURON, 0, 0, NeuronField.SPIKES, ALL) == 1
        assert scene.do(NeuralOpcode.TICK, value=TickPart.RECORD) & mask(32) == 32
        scene.host.wait(40)
        assert scene.get("DROPPED") & FULL == (FULL - 1 if n_ticks < 2 else FULL)
    scene.check()


def test_the_stream_is_switched_while_events_wait() -> None:
    """Events go by the stream or by EVENT, each once, in order, wherever CONTROL sends them."""
    scene, taken = Scene(SHARED), []
    assert scene.do(NeuralOpcode.WRITE_NEURON, 1, 0, NeuronField.SPIKES, ALL) == 1
    scene.do(NeuralOpcode.TICK, 1, value=TickPart.RECORD)
    valid, data = (scene.model.output_names.index(name) for name in ("event_valid", "event_data"))
    for turn in range(12):
        scene.put("CONTROL", STREAM)
        scene.pins(event_ready=1)
        for _ in range(turn % 3):
            out = scene.model.outputs
            taken += [out[data]] if out[valid] else []
            scene.host.wait(1)
        scene.pins(event_ready=0)
        scene.host.wait(turn % 4)
        assert scene.get("EVENT") & FULL == 0
        scene.put("CONTROL", 0)
        scene.host.wait(turn % 4)
        event = scene.get("EVENT")
        if event >> 16 & 1:
            taken.append((event >> 8 & 0xFF) << 5 | event & 31)
    left = scene.get("EVENT") >> 24
    assert taken == [1 << 5 | neuron for neuron in range(len(taken))] and len(taken) + left == VECTORS_PER_CORE
    scene.check()
