"""The event unit over its bus: registers, refusals, interrupt, and both classifiers as a host uses them."""

from collections.abc import Iterator

import numpy as np
import pytest

from ganglion.backends.bus import BusError
from ganglion.backends.events import READ, WRITE, EventBus, Script
from ganglion.engine import Engine, make_engine
from ganglion.event_device import EventDevice
from golden.fixed.events import FixedField
from golden.neuronguard import CompactTable, EventEngine, NeuronField
from golden.neuronguard.tasks import train_rhythm
from golden.spec.event_registers import EventRegister, event_registers, event_registers_by_name
from golden.spec.event_unit import EVENT_PRESETS, EventCommand, EventError, Mode
from golden.spec.events import TARGET_NONE, UNIT_MAGNITUDE, Fault
from golden.spec.register import Access
from hw.event_unit import EventUnit

SHAPE = EVENT_PRESETS["tiny-events"]
REGISTERS = event_registers_by_name(SHAPE)
CLEAR, FINISH = EventCommand.CLEAR, EventCommand.FINISH
TRAIN, PUNISH = 1 << 16, 1 << 17


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with make_engine(EventUnit(SHAPE)) as made:
        yield made


@pytest.fixture
def bus(engine: Engine) -> EventBus:
    engine.reset()
    return EventBus(engine, SHAPE)


def errors(bus: EventBus, *scripts: Script) -> list[EventError]:
    """What ERROR says after the one refused transaction that ends each script."""
    found = []
    for script in scripts:
        answers = bus.try_run(script)
        assert answers.refused.tolist() == [False] * (len(answers.refused) - 1) + [True]
        found.append(EventError(int(bus.run(bus.script().read("ERROR").write("ERROR", 0))[0])))
    return found


def test_reset_values_and_what_every_address_answers(bus: EventBus) -> None:
    by_addr = {register.addr: register for register in event_registers(SHAPE)}
    for mode in Mode:
        bus.engine.reset()
        bus.run(bus.script().write("MODE", mode))
        for addr in range(0, 1 << 12, 4):
            register = by_addr.get(addr)
            answers = bus.try_run(bus.script().at(READ, addr).read("ERROR").write("ERROR", 0))
            if register is None:
                reason = EventError.BAD_ADDRESS
            else:
                reason = EventError.NONE if register.mode in (None, mode) else EventError.WRONG_MODE
            refused = reason is not EventError.NONE
            assert (answers.refused.tolist(), answers.data[1]) == ([refused, False, False], reason), hex(addr)
            if register is None or refused:
                assert answers.data[0] == 0
            elif register.name != "MODE":
                assert answers.data[0] == register.reset, register.name
    assert bus.run(bus.script().read("STATUS")).tolist() == [0b1000]


PLAIN = [r for r in REGISTERS.values() if r.access is Access.RW and r.name not in ("MODE", "WEIGHT", "NEURON", "ERROR")]


@pytest.mark.parametrize("register", PLAIN, ids=lambda register: register.name)
def test_written_registers_hold_their_bits(bus: EventBus, register: EventRegister) -> None:
    largest = (1 << register.width) - 1
    word = {"LAST_NEURON": 0xFFFFF01F}.get(register.name, 0xFFFFFFFF)
    held = word & largest
    assert bus.run(bus.script().write(register.name, word).read(register.name)).tolist() == [held]
    assert bus.run(bus.script().write(register.name, 0).read(register.name)).tolist() == [0]


def test_every_kind_of_refusal(bus: EventBus) -> None:
    s = bus.script
    bus.run(s().write("MODE", Mode.NEURONGUARD).write("LAST_NEURON", 9).write("NEURON", 9))
    assert errors(
        bus,
        s().write("STATUS", 0),
        s().at(WRITE, 0x0FC),
        s().write("TABLE_DATA", 0),
        s().read("SCORE"),
        s().write("COMMAND", 0),
        s().write("COMMAND", 3),
        s().write("COMMAND", FINISH),
        s().write("LAST_NEURON", 32),
        s().write("POST", 10),
        s().write("NEURON", 10),
        s().write("TARGET", 10),
        s().write("TARGET", TARGET_NONE).write("WEIGHT", 5).write("WEIGHT", 5),
    ) == [
        EventError.READ_ONLY,
        EventError.BAD_ADDRESS,
        EventError.WRONG_MODE,
        EventError.WRONG_MODE,
        EventError.BAD_COMMAND,
        EventError.BAD_COMMAND,
        EventError.BAD_ARGUMENT,
        EventError.BAD_ARGUMENT,
        *[EventError.BAD_NEURON] * 4,
    ]
    # Events that wait make the unit busy; the ninth does not fit.
    bus.run(s().write("FIRST_CLASS", 8).write("RUN", 0).write("POST", [1] * 8))
    busy = ("MODE", "LAST_NEURON", "REWARD", "NEURON", "WEIGHT", "POTENTIAL", "CODE_MASK")
    assert errors(bus, *[s().write(name, 0) for name in busy], s().write("POST", 2), s().write("POST", 2)) == [
        *[EventError.BUSY] * len(busy),
        *[EventError.FULL] * 2,
    ]
    assert errors(bus, s().write("COMMAND", FINISH).write("COMMAND", FINISH), s().write("POST", 2)) == [
        EventError.FINISHED,
        EventError.FINISHED,
    ]
    status = bus.run(s().read("STATUS", "LOST", "IRQ_STATUS").write("COMMAND", CLEAR).idle(9).read("STATUS"))
    assert status.tolist() == [8 << 16 | 1, 2, 0b1000, 0b1000]
    # The other classifier: rows of 3 bits; events after the end of a text.
    bus.run(s().write("MODE", Mode.COMPACT).write("EVENT_LOW", 0o7 << 12))
    assert errors(
        bus,
        s().write("POST", 1),
        s().write("NEURON", 1),
        s().read("WEIGHT"),
        s().write("EVENT_LOW", 8).write("EVENT_HIGH", 0),
        s().write("EVENT_LOW", 0).write("EVENT_HIGH", 1 << 15),
        s().write("COMMAND", FINISH).write("EVENT_HIGH", 0),
        s().idle(20).write("COMMAND", FINISH),
    ) == [
        *[EventError.WRONG_MODE] * 3,
        *[EventError.BAD_ARGUMENT] * 2,
        *[EventError.FINISHED] * 2,
    ]


def test_partial_writes_are_refused(engine: Engine, bus: EventBus) -> None:
    strobes = np.arange(15)
    ports = {name: np.zeros(3 * 15, np.int64) for name in ("awvalid", "wvalid", "awaddr", "wdata", "wstrb", "bready")}
    for name, values in (("awvalid", 1), ("wvalid", 1), ("awaddr", REGISTERS["MAGNITUDE"].addr), ("wstrb", strobes)):
        ports[name][::3] = values
    ports["bready"][:] = 1
    outputs = engine.run_ports({f"s_axil_{name}": values for name, values in ports.items()})
    assert outputs["s_axil_bresp"][2::3].tolist() == [2] * 15
    assert bus.run(bus.script().read("MAGNITUDE", "ERROR")).tolist() == [UNIT_MAGNITUDE, EventError.PARTIAL_WRITE]


def made_table(rng: np.random.Generator, n_classes: int) -> tuple[CompactTable, np.ndarray]:
    """A small table, and keys of which two thirds are in it."""
    words = rng.integers(0, 1 << 16, (4, 7)).astype(np.uint16)
    codebook = rng.integers(-128, 128, (64, n_classes)).astype(np.int8)
    codebook[0] = 0
    table = CompactTable(words, codebook, 3)
    keys = rng.integers(0, 1 << 64, 400, dtype=np.uint64)
    # The fingerprints of the keys are put where the keys may lie.
    places = table.places(keys)
    flat = table.words.ravel()
    for slot, key in zip(places[rng.integers(0, 4, 400), np.arange(400)], keys, strict=True):
        folded = key ^ key >> np.uint64(16) ^ key >> np.uint64(32) ^ key >> np.uint64(48)
        flat[slot] = np.uint16(int(folded) << 6 & 0xFFFF | int(flat[slot]) & 63)
    return CompactTable(flat.reshape(4, 7), codebook, 3), keys


@pytest.mark.parametrize("n_classes", [2, 4, 5, 8])
def test_compact_texts(bus: EventBus, n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    table, keys = made_table(rng, n_classes)
    device = EventDevice(bus)
    device.load_table(table)
    texts = [rng.choice(keys, size) for size in [0, 1, 2, 5, 30, 60, *rng.integers(0, 20, 60)]]
    known = [table.slots(text)[table.slots(text) >= 0] for text in texts]
    expected = np.concatenate([table.potentials(slots, np.zeros(len(slots), np.int64), 1) for slots in known])
    winners, scores = device.classify(texts)
    # Scores of 12 bits saturate; these do not.
    assert np.abs(expected).max() < 1 << 11
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(winners, expected.argmax(1))
    best, events = bus.run(bus.script().read("BEST", "EVENTS"))
    assert (int(best.astype(np.int32)), events) == (expected[-1].max(), sum(len(text) for text in texts))


def test_events_at_full_speed_do_not_fill_the_queue(bus: EventBus) -> None:
    """An event takes four cycles on the bus, and the classifier two."""
    bus.run(bus.script().write("LAST_CLASS", 7))
    bus.run(bus.script().write_all(["EVENT_LOW", "EVENT_HIGH"], np.zeros((50, 2))))
    assert bus.run(bus.script().read("LOST", "STATUS")).tolist() == [0, 0b1000]


def test_rhythm_as_in_float(bus: EventBus) -> None:
    """The seed's first task, trained over the bus: converged in the same epoch, the same side of 1."""
    reference = train_rhythm()
    field = NeuronField(3)
    field.set([0, 1], threshold=1, target=2, weight=1.5)
    device = EventDevice(bus)
    device.load_field(FixedField.of_field(field), 1)
    bus.run(bus.script().write("FIRST_CLASS", 4095))
    for weights in reference.weights:
        device.train([0, 1], [0, 1], feedback=(0.05, -0.2))
        raw = device.read_field(3)
        np.testing.assert_allclose(raw.weights[:2] / UNIT_MAGNITUDE, weights, atol=2**-12)
        assert not raw.potentials.any()
    assert reference.epoch == len(reference.weights)
    assert raw.weights[0] >= UNIT_MAGNITUDE > raw.weights[1]
    assert bus.run(bus.script().read("REACHED", "FAULTS")).tolist() == [len(reference.weights) + 3, 0]


def test_a_network_of_classes(bus: EventBus) -> None:
    """Run mode against the float engine, whose sums are exact here; ties go to the lower class; CLEAR and FINISH."""
    rng = np.random.default_rng(5)
    field, n_classes = NeuronField(31), 5
    field.set(slice(0, 26), threshold=1, target=26 + rng.integers(0, n_classes, 26), weight=rng.integers(1, 9, 26) / 4)
    device = EventDevice(bus)
    device.load_field(FixedField.of_field(field), n_classes)
    np.testing.assert_array_equal(device.read_field(31).records(), FixedField.of_field(field).records())
    texts = [rng.integers(0, 26, size) for size in [0, 1, 2, *rng.integers(0, 40, 40)]]
    winners, best = device.run_texts(texts)
    for text, winner, potential in zip(texts, winners.tolist(), best.tolist(), strict=True):
        model = EventEngine(field.copy(), accumulators=range(26, 31))
        for word in text.tolist():
            model.post(word)
        model.run()
        scores = model.field.potential[26:]
        assert (winner, potential / UNIT_MAGNITUDE) == (scores.argmax(), scores.max())


def test_interrupts_and_faults(bus: EventBus) -> None:
    s = bus.script
    device = EventDevice(bus)
    # 0 -> 1 -> 0 is a circle; 2 -> 3 -> 4 -> 5 -> none is one neuron more than there are guards, 6's chain is whole.
    target = [1, 0, 3, 4, 5, 6, 7, TARGET_NONE]
    one = UNIT_MAGNITUDE
    neurons = np.arange(8)
    device.load_field(FixedField(0 * neurons, one + 0 * neurons, np.array(target), one + neurons), 1)
    irq = 0b100
    bus.run(s().write("IRQ_STATUS", 15).write("IRQ_ENABLE", irq))
    quiet = bus.try_run(
        s().write("POST", TRAIN | 6).idle(40).read("IRQ_STATUS", "CHAIN", "FAULT").write("IRQ_STATUS", 15)
    )
    assert quiet.data.tolist() == [0b0010, 1 << 8 | 2, 0]
    assert not quiet.trace[:, bus._out["irq"]].any()
    loud = bus.try_run(s().write("POST", TRAIN | 0).idle(40).read("FAULT", "CHAIN", "STATUS", "IRQ_STATUS"))
    assert loud.data.tolist() == [Fault.CIRCLE | 0 << 8, 2, 0b1010, 0b0110]
    assert loud.trace[-1, bus._out["irq"]] == 1
    more = bus.run(s().write("POST", TRAIN | 2).idle(60).read("FAULT", "FAULTS", "CHAIN").write("FAULT", 0))
    assert more.tolist() == [Fault.CIRCLE, 2, 4]
    more = bus.run(s().write("POST", TRAIN | PUNISH | 2).idle(60).read("FAULT", "FAULTS").write("IRQ_STATUS", 15))
    assert more.tolist() == [Fault.GUARDS | 5 << 8, 3]
    # All guards are closed: potentials are 0, and only the whole chain's first weight has changed.
    raw = device.read_field(8)
    assert not raw.potentials.any()
    assert (raw.weights - one).tolist() == [0, 1, 2, 3, 4, 5, 6 + 1638, 7]


def test_a_field_that_excites_itself_can_be_stopped(bus: EventBus) -> None:
    s = bus.script
    device = EventDevice(bus)
    ones = np.ones(3, np.int64)
    device.load_field(FixedField(0 * ones, ones, np.array([1, 0, TARGET_NONE]), ones), 1)
    first, later = bus.run(s().write("POST", 0).idle(90).read("EVENTS").idle(90).read("EVENTS"))
    assert later > first + 20
    stopped = bus.run(s().write("RUN", 0).read("EVENTS").idle(50).read("EVENTS", "STATUS"))
    assert (stopped[0], stopped[2]) == (stopped[1], 1 << 16 | 0b1001)
    assert bus.run(s().write("COMMAND", CLEAR).idle(5).read("STATUS")).tolist() == [0b1000]


def test_a_refusal_is_told(bus: EventBus) -> None:
    with pytest.raises(BusError, match="write of 0x00000063 to 0x094 was refused; ERROR is BAD_NEURON"):
        bus.run(bus.script().write("MODE", 1).write("POST", 99))


def test_stalls_on_the_bus_change_nothing(engine: Engine, bus: EventBus) -> None:
    """The same transactions with random pauses and unwilling response channels: the same answers."""
    rng = np.random.default_rng(6)
    table, keys = made_table(rng, 8)
    device = EventDevice(bus)
    device.load_table(table)
    text = rng.choice(keys, 25)
    winners, scores = device.classify([text])
    assert (winners[0], scores[0].max()) == (scores[0].argmax(), scores.max())
    engine.reset()
    stalled = StalledBus(engine, rng)
    again = EventDevice(stalled)
    again.load_table(table)
    found = again.classify([text])
    np.testing.assert_array_equal(found[1], scores)
    assert found[0][0] == winners[0]


class StalledBus(EventBus):
    """Addresses and data come at different times, and responses are taken late."""

    def __init__(self, engine: Engine, rng: np.random.Generator) -> None:
        super().__init__(engine, SHAPE)
        self.rng = rng

    def run(self, script: Script) -> np.ndarray:
        reads = []
        for kind, addr, data in script.table().tolist():
            if kind not in (READ, WRITE):
                self.engine.run_ports({}, n_cycles=data)
                continue
            answer = self._write(addr, data) if kind == WRITE else self._read(addr)
            if kind == READ:
                reads.append(answer)
        return np.array(reads, np.uint32)

    def _cycle(self, **ports: int) -> dict[str, int]:
        outputs = self.engine.run_ports({f"s_axil_{name}": [value] for name, value in ports.items()}, n_cycles=1)
        return {name.removeprefix("s_axil_"): int(values[0]) for name, values in outputs.items()}

    def _write(self, addr: int, data: int) -> None:
        waits = ["aw", "w"]
        for _ in range(40):
            ports = {f"{name}valid": int(self.rng.random() < 0.4) for name in waits}
            bready = int(not waits and self.rng.random() < 0.4)
            now = self._cycle(**ports, awaddr=addr, wdata=data, wstrb=15, bready=bready)
            waits = [name for name in waits if not (ports[f"{name}valid"] and now[f"{name}ready"])]
            if bready and now["bvalid"]:
                assert now["bresp"] == 0
                return
        raise AssertionError("the bus hangs")

    def _read(self, addr: int) -> int:
        waits = True
        for _ in range(40):
            arvalid, rready = int(waits and self.rng.random() < 0.4), int(self.rng.random() < 0.4)
            now = self._cycle(arvalid=arvalid, araddr=addr, rready=rready)
            waits = waits and not (arvalid and now["arready"])
            if rready and now["rvalid"]:
                assert now["rresp"] == 0
                return now["rdata"]
        raise AssertionError("the bus hangs")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_is_answered_and_can_be_cleared(bus: EventBus, seed: int) -> None:
    """Random transactions, sense or nonsense: each is answered in its time; then the unit works as after a reset."""
    rng = np.random.default_rng(seed)
    often = [
        REGISTERS[name].addr for name in ("POST", "POST", "POST", "EVENT_HIGH", "COMMAND", "WEIGHT", "TARGET", "MODE")
    ]
    script = bus.script()
    for _ in range(4000):
        addr = int(rng.choice(often)) if rng.random() < 0.5 else 4 * int(rng.integers(0, 50))
        data = int(rng.integers(0, 32)) if rng.random() < 0.7 else int(rng.integers(0, 1 << 32))
        if addr == REGISTERS["POST"].addr and rng.random() < 0.8:
            data &= TRAIN | PUNISH | 31
        script.at(WRITE if rng.random() < 0.75 else READ, addr, data)
        if rng.random() < 0.1:
            script.idle(int(rng.integers(1, 40)))
    refused = bus.try_run(script).refused
    assert 0.1 < refused.mean() < 0.9
    bus.run(
        bus.script().write("RUN", 0).write("COMMAND", CLEAR).idle(200).write("MODE", Mode.NEURONGUARD).write("RUN", 1)
    )
    ones = np.ones(3, np.int64)
    device = EventDevice(bus)
    device.load_field(FixedField(0 * ones, ones, np.array([1, 2, TARGET_NONE]), 5 * ones), 1)
    bus.run(bus.script().write("MAGNITUDE", UNIT_MAGNITUDE))
    assert [values.tolist() for values in device.run_texts([np.zeros(0, np.int64), np.array([0, 0, 1])])] == [
        [0, 0],
        [0, 15],
    ]


def test_cycles_of_texts(bus: EventBus) -> None:
    """CYCLES, EVENTS and the cycle of the interrupt: as the contracts say."""
    s, n_classes = bus.script, 8
    device = EventDevice(bus)
    rng = np.random.default_rng(7)
    table, _keys = made_table(rng, n_classes)
    device.load_table(table)
    bus.run(s().write("IRQ_ENABLE", 1).write("COMMAND", CLEAR))
    events = bus.script()
    for half in rng.integers(0, 1 << 9, (6, 1)).tolist():
        events.write("EVENT_LOW", half[0] & 7).write("EVENT_HIGH", 0).idle(10)
    bus.run(events)
    # Each of the six waits for two cycles; FINISH goes in the cycle after its handshake.
    answers = bus.try_run(
        s().write("COMMAND", FINISH).idle(30).read("CYCLES", "EVENTS", "IRQ_STATUS").write("IRQ_STATUS", 1)
    )
    assert answers.data.tolist() == [6 * 2 + 3 + n_classes, 6, 0b0011]
    assert int(answers.trace[:, bus._out["irq"]].argmax()) == 1 + 4 + n_classes
    # NeuronGuard: a scan of n classes is n + 1 cycles; one cycle before it asks for one, one after it sees the end.
    ones = np.ones(9, np.int64)
    device.load_field(FixedField(0 * ones, ones, np.full(9, TARGET_NONE), ones), 5)
    bus.run(s().write("COMMAND", CLEAR).idle(20))
    first, after = bus.run(s().read("CYCLES").write("COMMAND", FINISH).idle(20).read("CYCLES"))
    assert (first, after - first) == (5 + 1 + 2, 5 + 1 + 2)


def test_clear_at_any_time_before_and_after_the_end(bus: EventBus) -> None:
    """A text that is cleared is never done; its interrupt comes only if it was done before."""
    s, n_classes = bus.script, 8
    done_cycle = 1 + 3 + n_classes
    for pause in range(1, 20):
        bus.run(s().write("COMMAND", CLEAR).write("IRQ_STATUS", 15))
        found = bus.run(
            s().write("COMMAND", FINISH).idle(pause).write("COMMAND", CLEAR).idle(20).read("STATUS", "IRQ_STATUS")
        )
        assert (found[0], found[1] & 1) == (0b1000, int(2 + pause + 1 > done_cycle)), pause
    cycles = bus.run(s().write("COMMAND", FINISH).idle(20).write("COMMAND", CLEAR).read("CYCLES"))
    assert cycles.tolist() == [0]


def test_what_follows_a_clear_is_of_the_new_text(bus: EventBus) -> None:
    """CLEAR in the middle of a chain: the class potentials become 0 after it, before the next event is taken."""
    s, ones = bus.script, np.ones(5, np.int64)
    device = EventDevice(bus)
    device.load_field(FixedField(0 * ones, ones, np.array([1, 2, 3, 4, TARGET_NONE]), 7 * ones), 1)
    bus.run(s().write("MAGNITUDE", 2 * UNIT_MAGNITUDE).write("POST", 3).idle(20))
    script = s().write("POST", TRAIN).idle(5).write("COMMAND", CLEAR).write("POST", [3, 3])
    found = bus.run(script.write("COMMAND", FINISH).idle(200).read("STATUS", "WINNER", "BEST"))
    assert found.tolist() == [0b1100, 0, 14]


def test_both_models_stay_in_the_memory(bus: EventBus) -> None:
    rng = np.random.default_rng(8)
    table, keys = made_table(rng, 4)
    device = EventDevice(bus)
    device.load_table(table)
    before = device.classify([keys[:20], keys[20:50]])
    field = FixedField(*(rng.integers(0, 1 << 20, 32) for _ in range(2)), np.full(32, 5), rng.integers(0, 1 << 20, 32))
    device.load_field(field, 2)
    after = device.classify([keys[:20], keys[20:50]])
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(device.read_field(32).records(), field.records())
