"""The event unit at its bus: hardware against the golden twin in every cycle, over a million cycles of traffic."""

import numpy as np
import pytest
from event_traffic import answers, traffic
from hw_units import Recorder, U64Array, WithReset, bursts, chance, random_bits

from ganglion.backends.events import EventBus
from ganglion.engine import check_twin, make_engine
from ganglion.event_device import EventDevice
from golden.fixed import axi_channels, event_unit
from golden.fixed.events import FixedField
from golden.spec.compact import CompactShape
from golden.spec.event_unit import EVENT_PRESETS, EventCommand, EventError, EventUnitShape
from golden.spec.events import TARGET_NONE, UNIT_MAGNITUDE, EventShape, Fault
from hw.axi_channels import AxiLiteChannels
from hw.event_unit import EventUnit

TINY = EVENT_PRESETS["tiny-events"]
SHAPES = {
    "smallest": EventUnitShape(
        compact=CompactShape(row_width=1, group_width=0, score_width=8),
        engine=EventShape(neuron_width=1, queue_width=1, guard_width=1),
    ),
    "tiny": TINY,
    "wide": EventUnitShape(
        compact=CompactShape(row_width=12, group_width=3, score_width=32),
        engine=EventShape(neuron_width=12, queue_width=4, guard_width=3),
    ),
    "icebreaker": EVENT_PRESETS["icebreaker-events"],
}
MEMORIES = (
    *("_potentials", "_records", "_guards", "_potential_read", "_record_read", "_guard_read", "_entries", "data"),
    *("_banks", "_codebook", "_words", "_weights"),
)
STREAMS, CYCLES = 100, 1600
"""Of each of the eight parts: 1,280,000 cycles together."""


def check(hardware: EventUnitShape, seed: int) -> dict[str, U64Array]:
    """Compare on random traffic; returns what was read."""
    recorder = Recorder(WithReset(event_unit.EventUnit(hardware, STREAMS), *MEMORIES))
    stimulus, replay = traffic(np.random.default_rng(seed), hardware, (STREAMS, CYCLES), recorder, resets=0.001)
    outputs = check_twin(EventUnit(hardware), replay, stimulus)
    assert 0.01 < outputs["irq"].mean() < 0.9
    refused = outputs["s_axil_bresp"][outputs["s_axil_bvalid"] == 1] != 0
    assert 0.05 < refused.mean() < 0.6
    return answers(hardware, stimulus, outputs)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SHAPES)
def test_every_cycle(name: str, seed: int) -> None:
    """Loads, texts of both classifiers, training and misuse, with stalls on all channels and resets."""
    hardware = SHAPES[name]
    read = {register: set(values.tolist()) for register, values in check(hardware, seed).items()}
    assert read["ERROR"] >= set(EventError) - {EventError.BAD_COMMAND, EventError.FULL}
    assert {status & 0b111 for status in read["STATUS"]} >= {0b000, 0b001, 0b010, 0b011, 0b100, 0b110}
    assert {fault & 3 for fault in read["FAULT"]} >= {Fault.NONE, Fault.TARGET, Fault.CIRCLE}
    for event in range(3):
        assert {status >> event & 1 for status in read["IRQ_STATUS"]} == {0, 1}
    assert read["SCORE_INDEX"] == set(range(hardware.compact.max_classes))
    for register, least in (("SCORE", 8), ("BEST", 20), ("CYCLES", 50), ("EVENTS", 50), ("REACHED", 5), ("WEIGHT", 50)):
        assert len(read[register]) >= least, register
    assert read["CHAIN"] >= {0, 1, 2, 1 << 8 | 1, 1 << 8 | 2}


def test_what_is_seldom() -> None:
    """The rest of what may happen, in a unit so small that it does."""
    read = {register: set(values.tolist()) for register, values in check(SHAPES["smallest"], 7).items()}
    assert read["ERROR"] >= set(EventError)
    assert {fault & 3 for fault in read["FAULT"]} == set(Fault)
    assert {status >> 3 & 1 for status in read["IRQ_STATUS"]} == {0, 1}
    for counter in ("LOST", "FAULTS"):
        assert max(read[counter]) == 0xFFFF


def test_channels() -> None:
    """The bus's channels alone, with answers and refusals at random."""
    rng, shape = np.random.default_rng(1), (200, 500)
    stimulus = {f"{name}valid": bursts(rng, shape) for name in ("aw", "w", "ar")}
    stimulus |= {name: bursts(rng, shape) for name in ("bready", "rready", "hold")}
    for name, width in (("awaddr", 12), ("araddr", 12), ("wdata", 32), ("wstrb", 4), ("read_value", 32)):
        stimulus[name] = random_bits(rng, shape, width)
    stimulus |= {name: chance(rng, shape, 0.3) for name in ("read_refused", "write_refused")}
    stimulus["rst"] = chance(rng, shape, 0.01)
    outputs = check_twin(AxiLiteChannels(), WithReset(axi_channels.AxiChannels(shape[0])), stimulus)
    for name in ("read_goes", "write_goes", "write_whole"):
        assert 0.02 < outputs[name].mean() < 0.9, name


def test_a_text_begun_while_the_last_is_scanned() -> None:
    """CLEAR and FINISH during NeuronGuard's scan: the winner is that of the new text."""
    with make_engine(EventUnit(TINY)) as engine:
        bus = EventBus(engine, TINY)
        ones, n_classes = np.ones(20, np.int64), 18
        EventDevice(bus).load_field(FixedField(0 * ones, ones, 0 * ones + TARGET_NONE, ones), n_classes)
        # Neurons 2 to 19 are the classes.
        script = bus.script().write("POST", 5).write("COMMAND", [EventCommand.FINISH, EventCommand.CLEAR])
        script.write("POST", [7, 7]).write("COMMAND", EventCommand.FINISH).idle(100)
        found = bus.run(script.read("STATUS", "WINNER", "BEST", "EVENTS"))
        assert found.tolist() == [0b1100, 5, 2 * UNIT_MAGNITUDE, 3]
