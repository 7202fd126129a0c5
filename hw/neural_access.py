"""Single fields of neurons: read, written, reset, added to, outside the neuron unit's operations."""

from collections.abc import Callable

from amaranth.hdl import Module, Value, ValueLike
from amaranth.lib import wiring

from golden.spec.constants import LINK_COUNT_WIDTH, MAX_NEIGHBOURS, VECTORS_PER_CORE
from golden.spec.neural import BRANCH, STATE_FIELDS
from golden.spec.neural_commands import NeuronField, ResetPart
from hw.neural_score import SearchScore
from hw.tick import TickEngine

__all__ = ["COLUMNS", "neuron_fields", "single_access"]

COLUMNS = [field.name for field in STATE_FIELDS]


def neuron_fields(engine: TickEngine, score: SearchScore) -> list[Value]:
    """What READ_NEURON finds, in the order of NeuronField."""
    columns = {name: getattr(engine.store, f"{name}_data") for name in COLUMNS}
    words = (columns[field.name.lower()] for field in NeuronField if field.name.lower() in columns)
    return [*[engine.branch.as_unsigned()] * MAX_NEIGHBOURS, *words, engine.kept, engine.external, score.glimpses]


def single_access(
    m: Module,
    ports: wiring.Component,
    engine: TickEngine,
    score: SearchScore,
    write: Callable[[str, ValueLike], None],
) -> None:
    """What happens at once, outside operations."""
    data = ports.data
    slot = ports.value[:LINK_COUNT_WIDTH]

    def write_branch(value: Value) -> None:
        m.d.comb += engine.keep_slots.eq(~(1 << slot))
        write("branches", value)

    with m.If(ports.reset.any()):
        m.d.comb += [
            engine.node.eq(ports.reset_node),
            engine.reset.eq(ports.reset),
            score.forget.eq(ports.reset[ResetPart.SEQUENCE.bit_length() - 1]),
        ]
    with m.If(ports.inject_branch):
        write_branch(engine.branch_sum)
    with m.If(ports.write_neuron), m.Switch(ports.value[:4]):
        with m.Case(*range(MAX_NEIGHBOURS)):
            write_branch(data[: BRANCH.width])
        for field in NeuronField:
            with m.Case(field):
                if field.name.lower() in COLUMNS:
                    write(field.name.lower(), data)
                elif field is NeuronField.GLIMPSES:
                    m.d.comb += score.write_glimpses.eq(1)
                elif field >= NeuronField.SPIKES:
                    m.d.comb += [
                        engine.write_word.eq(1 << (field - NeuronField.SPIKES)),
                        engine.value.eq(data[:VECTORS_PER_CORE]),
                    ]
    with m.If(ports.admit):
        m.d.comb += [engine.write_word.eq(2), engine.value.eq(engine.external | ports.admitted)]
