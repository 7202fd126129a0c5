"""The spiking fabric's part of the bus front end: settings, counters, phase and events."""

from collections.abc import Callable, Mapping

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH
from golden.spec.neural_registers import COUNT_WIDTH
from hw.array_fabric import SETTINGS, neuron_settings
from hw.fabric_ports import fabric_ports

__all__ = ["attach_settings", "fabric_views", "front_end_ports"]

REGISTER_OF = {"tick_parts": "PARTS", "phase_step": "PHASE_STEP", "control": "CONTROL", "period": "TIME_BASE"} | {
    name: name.upper() for name in SETTINGS
}
"""Which register an array's port shows."""


def front_end_ports(config: Config) -> dict[str, wiring.Member]:
    """The array's settings and events, seen from the front end."""
    ports = fabric_ports() | neuron_settings(config)
    return {name: (Out if member.flow is In else In)(member.shape) for name, member in ports.items()}


def fabric_views(front: wiring.Component) -> dict[str, Value]:
    """What registers show that are not stored in the front end."""
    index, core = front.held_event[:INDEX_WIDTH], front.held_event[INDEX_WIDTH:]
    gap = Const(0, 8 - INDEX_WIDTH)
    after = Const(0, 16 - CORE_WIDTH - 1)
    return {
        "PHASE": front.phase,
        "EVENT": Cat(index, gap, core, front.held_valid, after, front.held_level),
    }


def attach_settings(
    m: Module,
    front: wiring.Component,
    stored: Mapping[str, Signal],
    reads: Callable[[str], Value],
    writes: Callable[[str], Value],
    data: Value,
) -> None:
    """Drives the settings' ports, and counts; a write to a counter in the same cycle goes before the count."""
    for port, name in REGISTER_OF.items():
        m.d.comb += getattr(front, port).eq(stored[name])
    m.d.comb += [
        front.write_phase.eq(writes("PHASE")),
        front.new_phase.eq(data),
        front.event_pop.eq(reads("EVENT")),
    ]
    counters = (
        ("OVERRUN", 0, front.overrun),
        ("DROPPED", 0, front.dropped_event),
        ("DROPPED", COUNT_WIDTH, front.dropped_input),
    )
    for name, low, more in counters:
        count = stored[name][low : low + COUNT_WIDTH]
        with m.If(more & ~count.all() & ~writes(name)):
            m.d.sync += count.eq(count + 1)
