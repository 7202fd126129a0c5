"""The sequential array at its limits, hardware against golden model in every cycle: storms, pins and commands in every
cycle relative to each other, resets, what the host pops; and the parallel units' answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fabric_bus_bench import REGS
from fabric_scene import Scene

from ganglion.cosim.host import Transfer
from ganglion.engine import Engine
from ganglion.engine.top import array_engine
from golden.fixed.bits import mask
from golden.spec import Config, Error, Opcode, encode, preset
from golden.spec.commands import SEARCH_EXACT, SEARCH_KEEP
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import GAIN, PHASE_PERIOD, time_step
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart
from golden.spec.neural_registers import GAMMA, RUN, STREAM, TIMER

CONFIG = preset("up5k-snn", cores=3)
PARALLEL = Config(cores=3, lanes=8, contexts=1)
ALL = mask(VECTORS_PER_CORE)
EVERYTHING = mask(len(TickPart))
WAITS = 100
"""Cycles after a command in which the program comes back to waiting, and more."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with array_engine(CONFIG) as simulator:
        yield simulator


class Sequence(Scene):
    """A scene on a sequential array."""

    def __init__(self, config: Config = CONFIG) -> None:
        super().__init__(config)

    def get(self, name: str) -> int:
        """A register, or 0 where the read is refused."""
        transfer = Transfer.read(REGS[name])
        assert self.host.play([transfer])
        return transfer.data

    def row(self, name: str) -> list[int]:
        transfers = [Transfer.read(word) for word in self.words[name]]
        assert self.host.play(transfers)
        return [transfer.data for transfer in transfers]

    def start(self, opcode: int, core: int = 0, index: int = 0, value: int = 0) -> int:
        """Start a command; the cycle in which it was accepted."""
        assert self.put("COMMAND", encode(opcode, core=core, index=index, value=value)) == 0
        return self.model.commands[-1][0]

    def until(self, cycle: int) -> None:
        self.host.wait(cycle - self.model.cycle)

    def stored(self) -> dict[Any, Any]:
        """All that the array keeps, read over the bus."""
        found: dict[Any, Any] = {"PHASE": self.get("PHASE"), "SETTINGS": self.get("SETTINGS")}
        for core in range(self.config.cores):
            count = found["count", core] = self.do(Opcode.COUNT, core)
            self.do(Opcode.SET_COUNT, core, value=VECTORS_PER_CORE)
            for index in range(VECTORS_PER_CORE):
                self.do(Opcode.READ_VECTOR, core, index)
                found["row", core, index] = self.row("VECTOR")
                for opcode in (Opcode.READ_LINKS, Opcode.GET_TYPE, Opcode.GET_WEIGHT):
                    found[opcode, core, index] = self.do(opcode, core, index)
            self.do(Opcode.SET_COUNT, core, value=count)
        for field in NeuronField:
            for index in range(VECTORS_PER_CORE if field < NeuronField.SPIKES else 1):
                found[field, index] = self.do(NeuralOpcode.READ_NEURON, index=index, value=field) & ALL
        return found

    def results(self) -> list[tuple[int, int]]:
        """The list, popped."""
        return [(self.get("RESULT_DISTANCE_LO"), self.get("RESULT_RECORD")) for _ in range(self.get("STATUS") >> 4)]


def set_step(scene: Sequence, dt_raw: int) -> None:
    step = time_step(dt_raw)
    for name in ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP"):
        scene.put(name, getattr(step, "dt_raw" if name == "DT" else name.lower()))


def test_every_neuron_spikes_in_every_tick(engine: Engine) -> None:
    """Ticks by time much faster than they can be, the stream ready, then not: 64 events fit, others are dropped."""
    scene = Sequence()
    scene.fill(0)
    scene.do(NeuralOpcode.WRITE_NEURON, value=NeuronField.SPIKES, data=ALL)
    for name, value in (("GAIN", GAIN.max_raw), ("PARTS", EVERYTHING & ~TickPart.STEP), ("TIME_BASE", 1)):
        scene.put(name, value)
    scene.pins(event_ready=1)
    scene.put("CONTROL", RUN | TIMER | STREAM)
    scene.host.wait(150_000)
    assert scene.get("OVERRUN") == 0xFFFF and scene.get("DROPPED") == 0
    scene.pins(event_ready=0)
    scene.host.wait(350_000)
    dropped = scene.get("DROPPED")
    assert dropped >= 32 and dropped % 32 == 0 and scene.get("EVENT") >> 24 == 64
    scene.pins(event_ready=1)
    scene.host.wait(7)
    scene.pins(event_ready=0)
    scene.stop()
    history = scene.stored()[NeuronField.HISTORY, 31]
    assert history >= 31 and history & (history + 1) == 0
    scene.check(engine)


def test_words_of_spikes_in_every_cycle(engine: Engine) -> None:
    """The inlet overflows for as long as ticks take, also with cores that there are not."""
    scene = Sequence()
    scene.fill(0, 12)
    set_step(scene, 5 << 16)
    for name, value in (("GAIN", GAIN.max_raw), ("PARTS", EVERYTHING), ("TIME_BASE", 2)):
        scene.put(name, value)
    scene.pins(spike_in_valid=1, spike_in=ALL)
    scene.put("CONTROL", RUN | TIMER | STREAM | GAMMA)
    for turn in range(2_500):
        scene.pins(spike_in_core=turn % 4, event_ready=int(turn % 16 == 0), clk_gamma=turn >> 1 & 1)
        scene.host.wait(97)
    scene.pins(spike_in_valid=0)
    scene.stop()
    assert scene.get("DROPPED") >> 16 == 0xFFFF == scene.get("OVERRUN")
    scene.stored()
    scene.check(engine)


@pytest.mark.parametrize(("pin", "control"), [("clk_snn", RUN), ("clk_gamma", GAMMA)])
@pytest.mark.parametrize("opcode", [Opcode.COUNT, NeuralOpcode.TICK])
def test_an_edge_in_every_cycle_about_a_command(engine: Engine, pin: str, control: int, opcode: int) -> None:
    scene = Sequence()
    scene.put("PARTS", TickPart.RECORD)
    scene.put("CONTROL", control)
    n_ticks, phases = 0, set()
    for off in range(-8, 110):
        scene.until_idle()
        scene.host.wait(WAITS)
        scene.put("PHASE", 5)
        scene.pins(**{pin: int(off < 0)})
        scene.host.wait(max(-off, 6))
        scene.put("COMMAND", encode(opcode, index=2))
        scene.host.wait(max(off, 0))
        scene.pins(**{pin: 1})
        for name in ("STATUS", "PHASE", "RETURN0", "CYCLES"):
            scene.get(name)
        scene.host.wait(8)
        scene.until_idle()
        scene.get("CYCLES")
        phases.add(scene.get("PHASE"))
        n_ticks += scene.get("IRQ_STATUS") >> 1 & 1
        scene.put("IRQ_STATUS", 7)
    scene.stop()
    # A tick meets the edge, or the edge stays for the next one.
    assert n_ticks > 100 if pin == "clk_snn" else (0 in phases) == (opcode == NeuralOpcode.TICK)
    scene.check(engine)


def test_spikes_in_every_cycle_of_a_drain(engine: Engine) -> None:
    scene = Sequence()
    counts = set()
    for off in range(0, 120, 2):
        n_words = 1 + off % 23
        scene.pins(spike_in_valid=1, spike_in_core=0, spike_in=1 << off % 32)
        scene.host.wait(n_words)
        scene.pins(spike_in_valid=0)
        scene.start(NeuralOpcode.TICK, value=TickPart.RECORD)
        scene.host.wait(off)
        scene.pins(spike_in_valid=1, spike_in_core=off % 4, spike_in=3 << off % 31)
        scene.host.wait(1 + off % 5)
        scene.pins(spike_in_valid=0)
        scene.until_idle()
        counts.add(scene.get("RETURN0"))
        for name in ("RETURN1", "CYCLES", "DROPPED", *["EVENT"] * 3):
            scene.get(name)
    assert len(counts) > 2
    scene.check(engine)


MEANWHILE: dict[str, Callable[[Sequence, int], Any]] = {
    "command": lambda scene, off: scene.put("COMMAND", encode(Opcode.COUNT)),
    "tick": lambda scene, off: scene.put("COMMAND", encode(NeuralOpcode.TICK, value=TickPart.RECORD)),
    "write": lambda scene, off: scene.put_at(scene.words["QUERY"][off % 4], 0x01020304 * (off + 1) & mask(32)),
    "read": lambda scene, off: scene.host.play([Transfer.read(scene.words["QUERY"][off % 4])]),
    "pop": lambda scene, off: scene.get("RESULT_RECORD"),
    "phase": lambda scene, off: scene.put("PHASE", 1_000 + off),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_where_a_tick_by_time_starts(engine: Engine, what: str) -> None:
    """A command in the cycles about it, buffer words on their way, results popped."""
    scene = Sequence()
    scene.fill(0, 3)
    scene.put("PARTS", TickPart.RECORD)
    errors = set()
    for off in range(14):
        assert scene.do(Opcode.SEARCH, value=3 | SEARCH_EXACT) == 3
        scene.pins(clk_snn=0)
        scene.put("CONTROL", RUN)
        scene.host.wait(WAITS)
        scene.pins(clk_snn=1)
        scene.host.wait(off)
        MEANWHILE[what](scene, off)
        errors.add(scene.get("ERROR"))
        scene.get("STATUS")
        scene.until_idle()
        for name in ("RETURN0", "CYCLES", "STATUS", "PHASE", "IRQ_STATUS"):
            scene.get(name)
        scene.stop()
        scene.put("IRQ_STATUS", 7)
        scene.row("QUERY")
        left = scene.results()
        assert len(left) <= 3
    assert errors == {Error.NONE, Error.BUSY}, "before the tick and after its start"
    scene.check(engine)


INTERRUPTED = (
    *((Opcode.WRITE_LINKS, 0), (Opcode.MERGE, 0), (NeuralOpcode.WRITE_NEURON, NeuronField.MEMBRANE)),
    *((Opcode.WRITE_VECTOR, 0), (Opcode.READ_VECTOR, 0), (Opcode.UPDATE, 0), (Opcode.INSERT, 0)),
    *((Opcode.SEARCH, 4 | SEARCH_EXACT), (NeuralOpcode.TICK, EVERYTHING & ~TickPart.STEP)),
)
N_RESETS = 8
"""In each of these commands."""
LONG_TICK = 30_000
"""Cycles; a tick's own are known when it has looked at the inlet."""


@pytest.mark.parametrize(("opcode", "value"), [(Opcode.SET_WEIGHT, 200), *INTERRUPTED])
def test_a_reset_in_a_command(engine: Engine, opcode: int, value: int) -> None:
    """In every third cycle of SET_WEIGHT, and here and there in others; then all is looked at that could be left."""
    scene = Sequence()
    scene.fill(0, 5)
    scene.host.wait(WAITS)
    n = LONG_TICK
    if opcode != NeuralOpcode.TICK:
        begun = scene.start(opcode, index=1, value=value)
        scene.until_idle()
        n = scene.model.registers.busy_until - begun
    n_resets = n // 3 + 1 if opcode == Opcode.SET_WEIGHT else N_RESETS
    weights = []
    for turn in range(n_resets):
        scene.do(Opcode.SET_COUNT, value=5)
        scene.do(NeuralOpcode.WRITE_NEURON, value=NeuronField.SPIKES, data=ALL)
        for index in range(5):
            scene.do(NeuralOpcode.WRITE_NEURON, index=index, value=NeuronField.ELAPSED, data=1 << 18)
        scene.do(Opcode.SET_WEIGHT, index=1, value=100)
        scene.any_words("VECTOR")
        scene.put("DATA0", 0x1234567 + turn)
        scene.host.wait(WAITS)
        scene.until(scene.start(opcode, index=1, value=value) + 1 + turn * (n + 3) // (n_resets - 1))
        scene.host.reset(1 + turn % 2)
        for name in ("STATUS", "RETURN0", "CYCLES", "SETTINGS", "PHASE", "RESULT_RECORD"):
            scene.get(name)
        scene.until_idle()
        assert scene.do(Opcode.COUNT) == 0
        scene.row("VECTOR")
        scene.do(Opcode.SET_COUNT, value=6)
        weights.append(scene.do(Opcode.GET_WEIGHT, 0, 1))
        for index in (1, 5):
            scene.do(Opcode.READ_LINKS, 0, index)
            scene.do(Opcode.READ_VECTOR, 0, index)
            scene.row("VECTOR")
        scene.do(NeuralOpcode.READ_NEURON, 0, 1, NeuronField.MEMBRANE)
    assert weights[0] == 100 and (weights[-1] != 100) == (opcode in (Opcode.SET_WEIGHT, NeuralOpcode.TICK))
    scene.check(engine)


def test_resets_in_the_boot(engine: Engine) -> None:
    scene = Sequence()
    scene.fill(0, 2)
    scene.host.reset(1)
    n = scene.model.registers.busy_until - scene.model.cycle
    for at in (*range(100), *range(100, n, 97), *range(n - 30, n + 30)):
        scene.host.reset(1)
        scene.host.wait(at)
    for at in range(n - 6, n + 30):
        scene.host.reset(1)
        scene.host.wait(at)
        scene.put("COMMAND", encode(Opcode.INIT, value=5))
        scene.get("SETTINGS")
        scene.until_idle()
        scene.get("CYCLES")
    assert scene.get("SETTINGS") == 5
    scene.check(engine)


@pytest.mark.parametrize("size", [0, 1, 16])
def test_results_popped_after_every_kind_of_command(engine: Engine, size: int) -> None:
    scene = Sequence()
    scene.fill(0, 20)
    scene.any_words("QUERY")
    shown = set()
    for opcode, core, index, value in (
        *((opcode, 0, 0, 0) for opcode in (Opcode.COUNT, Opcode.READ_VECTOR, Opcode.CLEAR_RESULTS)),
        *((opcode, 0, 0, 0) for opcode in (NeuralOpcode.TICK, NeuralOpcode.INJECT_RESULTS, NeuralOpcode.RESONATE)),
        *((opcode, 0, 1, 31 | SEARCH_KEEP) for opcode in (NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.NEURO_SEARCH)),
        *((Opcode.SEARCH, 0, 0, k | mode) for k in (0, 31) for mode in (0, SEARCH_EXACT)),
        *((Opcode.MERGE, core, 31, 0) for core in (0, 3, 255)),
    ):
        for pause in range(0, 40, 8):
            assert scene.do(Opcode.SEARCH, value=size | SEARCH_EXACT) == size
            scene.host.wait(pause)
            if pause & 8:
                scene.get("RESULT_RECORD")
            scene.put("COMMAND", encode(opcode, core=core, index=index, value=value))
            scene.until_idle()
            scene.host.wait(pause)
            pops = [Transfer.read(REGS[name]) for name in ("RESULT_RECORD", "RESULT_DISTANCE_LO") * 18]
            assert scene.host.play(pops)
            shown.add(sum(pop.data >> 16 & 1 for pop in pops[::2]))
    assert {0, size} <= shown and max(shown) == 16
    scene.check(engine)


def test_a_running_network_moves_to_another_array(engine: Engine) -> None:
    """Everything read over the bus and written to another array: both go on alike, to the cycle."""
    registers = ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP", "GAIN", "PHASE")
    first, second = Sequence(), Sequence()
    first.fill(0, 20)
    first.fill(2, 3)
    set_step(first, 3 << 15)
    for name, value in (("GAIN", GAIN.max_raw), ("PARTS", EVERYTHING), ("TIME_BASE", 20_000)):
        first.put(name, value)
    first.put("CONTROL", RUN | TIMER)
    for _ in range(20):
        first.pins(spike_in_valid=1, spike_in=int(first.rng.integers(1 << 32)))
        first.host.wait(1)
        first.pins(spike_in_valid=0)
        first.host.wait(9_000)
    first.stop()
    first.do(NeuralOpcode.TICK, index=3, value=EVERYTHING)
    second.fill(1, 4)

    kept = first.stored()
    for name in registers:
        second.put(name, first.get(name))
    for core in range(CONFIG.cores):
        second.do(Opcode.SET_COUNT, core, value=VECTORS_PER_CORE)
        for index in range(VECTORS_PER_CORE):
            for word, value in zip(second.words["VECTOR"], kept["row", core, index], strict=True):
                second.put_at(word, value)
            second.do(Opcode.WRITE_VECTOR, core, index)
            second.do(Opcode.WRITE_LINKS, core, index, data=kept[Opcode.READ_LINKS, core, index])
            second.do(Opcode.SET_TYPE, core, index, kept[Opcode.GET_TYPE, core, index])
            second.do(Opcode.SET_WEIGHT, core, index, kept[Opcode.GET_WEIGHT, core, index])
        second.do(Opcode.SET_COUNT, core, value=kept["count", core])
    for field in NeuronField:
        for index in range(VECTORS_PER_CORE if field < NeuronField.SPIKES else 1):
            second.do(NeuralOpcode.WRITE_NEURON, index=index, value=field, data=kept[field, index])
    assert second.stored() == kept and kept[NeuronField.SPIKES, 0]

    for _ in range(6):
        bits, done = int(first.rng.integers(1 << 32)), []
        for scene in (first, second):
            scene.host.wait(WAITS)
            scene.pins(spike_in_valid=1, spike_in=bits)
            scene.host.wait(1)
            scene.pins(spike_in_valid=0)
            fired = scene.do(NeuralOpcode.TICK, index=3, value=EVERYTHING)
            done.append((fired, scene.get("CYCLES"), scene.get("PHASE")))
        assert done[0] == done[1]
    assert first.stored() == second.stored() != kept
    for scene in (first, second):
        scene.check(engine)


def test_the_parallel_units_answer_the_same(engine: Engine) -> None:
    """Random commands one after the other on both kinds of array: answers, results, events and all that is kept."""
    sequential, parallel = Sequence(), Sequence(PARALLEL)
    scenes, rng = (sequential, parallel), sequential.rng
    opcodes = [*Opcode, *NeuralOpcode, *[Opcode.INSERT] * 8, *[NeuralOpcode.TICK, NeuralOpcode.WRITE_NEURON] * 4]
    opcodes.remove(Opcode.INIT)
    names = ("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP", "GAIN", "DISTANCE_ONE", "ALPHA", "TYPE_MASK")
    n_answers = 0
    for turn in range(350):
        if turn % 70 == 0:
            for scene in scenes:
                scene.do(Opcode.INIT, index=turn // 70 % 3, value=16 - turn // 70)
        opcode = int(rng.choice(opcodes))
        index, value, core = int(rng.integers(33)), int(rng.integers(256)), int(rng.choice((0, 0, 0, 1, 2)))
        data = int(rng.integers(-(1 << 62), 1 << 62)) >> int(rng.integers(62))
        puts = {"PHASE": int(rng.integers(2 * PHASE_PERIOD)) & mask(21)} if turn % 50 == 0 else {}
        if turn % 35 == 0:
            puts |= {name: int(rng.integers(1 << 32)) >> int(rng.integers(32)) for name in names}
        words = rng.integers(1 << 32, size=8).tolist() if rng.random() < 0.6 else []
        if opcode == NeuralOpcode.NEURO_SEARCH:
            index %= 3
        seen: list[Any] = []
        for scene in scenes:
            for name, register in puts.items():
                scene.put(name, register)
            for word, place in zip(words, (*scene.words["VECTOR"], *scene.words["QUERY"]), strict=False):
                scene.put_at(place, word)
            shown = [scene.do(opcode, core, index, value, data & mask(64)), scene.row("VECTOR"), scene.row("DELTA")]
            shown += [scene.get(name) for name in ("SETTINGS", "STATUS", "PHASE", "EVENT")]
            shown += scene.results() if turn % 3 else []
            seen.append([*shown, scene.stored() if turn % 70 == 69 else None])
        assert seen[0] == seen[1], (turn, opcode)
        n_answers += seen[0][0] != 0
    assert n_answers > 100
    sequential.check(engine)
