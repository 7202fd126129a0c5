"""How a slice's neuron unit joins its memories and its list: it works while the searching units rest."""

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from golden.spec import Config
from hw.distance import Distance
from hw.graph_store import GraphStore
from hw.neural_ports import neuron_ports
from hw.neural_unit import NeuronUnit
from hw.node_store import NodeStore
from hw.topk import TopK

__all__ = ["attach_neurons", "neuron_slice_ports"]

SHARED = ("neural_op", "neural_busy", "neural_answer", "spikes", "oscillate", "phase_index")
"""Ports of the unit that mean something in the addressed slice only."""


def neuron_slice_ports(config: Config) -> dict[str, wiring.Member]:
    """The ports that contexts add to a slice."""
    return neuron_ports(config) | {"neural_everywhere": In(1)} if config.contexts else {}


def attach_neurons(
    m: Module,
    unit: NeuronUnit,
    ports: wiring.Component,
    *,
    mine: Value,
    place: Value,
    nodes: NodeStore,
    graph: GraphStore,
    topk: TopK,
    distance: Distance,
    graph_row: Value,
    node_addr: Value,
    searched: Value,
    row: Value,
) -> None:
    """Connects ``unit`` inside the slice that has ``ports``; called last, as what it drives goes before the rest.

    ``mine``: the slice owns the addressed core, which lies at ``place``; ``searched``: the distance unit's result is
    that of vector ``row``.
    """
    for name in neuron_ports(ports.config):
        if name not in SHARED and unit.signature.members[name].flow is In:
            m.d.comb += getattr(unit, name).eq(getattr(ports, name))
    addressed = mine | ports.neural_everywhere
    for name in ("write_neuron", "inject_branch", "admit", "capture"):
        m.d.comb += getattr(unit, name).eq(getattr(ports, name) & mine)
    m.d.comb += [
        unit.neural_op.eq(Mux(addressed, ports.neural_op, 0)),
        unit.reset.eq(Mux(addressed, ports.reset, 0)),
        ports.neural_busy.eq(unit.neural_busy),
        ports.oscillate.eq(unit.oscillate),
        unit.context.eq(place),
        unit.count.eq(nodes.count),
        unit.word.eq(graph.word),
        unit.weight.eq(nodes.weight),
        unit.distance_valid.eq(searched),
        unit.distance.eq(distance.distance),
        unit.distance_index.eq(row),
        unit.near_key.eq(topk.out_key),
    ]
    # Zeros from every other slice: the array ORs.
    with m.If(mine):
        m.d.comb += [
            ports.neural_answer.eq(unit.neural_answer),
            ports.spikes.eq(unit.spikes),
            ports.phase_index.eq(unit.phase_index),
        ]
    with m.If(unit.graph_read):
        m.d.comb += graph.read.eq(1)
    with m.If(unit.ticking):
        m.d.comb += [graph_row.eq(unit.graph_row), node_addr.eq(Cat(unit.weight_row, place))]
    m.d.comb += nodes.weight_write_addr.eq(Mux(unit.weight_write, Cat(unit.weight_write_row, place), node_addr))
    with m.If(unit.weight_write):
        m.d.comb += [nodes.weight_write.eq(1), nodes.weight_value.eq(unit.weight_value)]
    with m.If(unit.neural_busy):
        m.d.comb += topk.rank.eq(unit.rank)
    with m.If(unit.clear_list):
        m.d.comb += topk.clear.eq(1)
    with m.If(unit.capture & searched):
        # Whatever its type.
        m.d.comb += topk.push.eq(1)
    with m.If(unit.push):
        m.d.comb += [
            topk.push.eq(1),
            topk.key.eq(unit.push_key),
            topk.index.eq(unit.push_index),
        ]
        if topk.core_width:
            m.d.comb += topk.core.eq(place)
