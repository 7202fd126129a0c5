"""The hardware's spiking units with the memories that they need, to be driven row by row."""

from __future__ import annotations

from amaranth.hdl import Cat, Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, NODE_WIDTH, VECTORS_PER_CORE, WEIGHT_WIDTH
from hw.bridge import CurrentBridge
from hw.divider import Divider
from hw.lif import LifPipeline
from hw.oscillator import GammaOscillator
from hw.tick import TickEngine
from hw.wta import WinnerTakeAll

__all__ = ["SpikingBench", "TickBench"]

STORES = frozenset(
    ("word", "weight", "graph_read", "graph_row", "weight_row", "weight_write", "weight_write_row", "weight_value")
)
"""Ports of the tick engine that lead to the graph and weight memories."""


class TickBench(wiring.Component):
    """The tick engine of ``n_contexts`` contexts, each with a graph and weights of its own.

    Ports: those of :class:`~hw.tick.TickEngine`, without the ones to graph and weights. While it rests, ``load_graph``
    writes ``load_word`` and ``load_weight`` writes ``load_value`` of neuron ``node`` of ``context``, whose weight is at
    ``weight_seen`` in the next cycle.
    """

    def __init__(self, n_contexts: int) -> None:
        self.engine = TickEngine(n_contexts)
        self.shared = {name: member for name, member in self.engine.signature.members.items() if name not in STORES}
        super().__init__(
            self.shared
            | {
                "load_graph": In(1),
                "load_word": In(NODE_WIDTH),
                "load_weight": In(1),
                "load_value": In(WEIGHT_WIDTH),
                "weight_seen": Out(WEIGHT_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = unit = self.engine
        for name, member in self.shared.items():
            outer, inner = getattr(self, name), getattr(unit, name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        depth = unit.n_contexts * VECTORS_PER_CORE
        m.submodules.graph = graph = memory.Memory(shape=NODE_WIDTH, depth=depth, init=[])
        m.submodules.weights = weights = memory.Memory(shape=WEIGHT_WIDTH, depth=depth, init=[])
        graph_read, graph_write = graph.read_port(), graph.write_port()
        read, write = weights.read_port(), weights.write_port()
        m.d.comb += [
            graph_read.addr.eq(Cat(unit.graph_row, self.context)),
            graph_read.en.eq(unit.graph_read),
            unit.word.eq(graph_read.data),
            graph_write.addr.eq(Cat(self.node, self.context)),
            graph_write.data.eq(self.load_word),
            graph_write.en.eq(self.load_graph),
            read.addr.eq(Cat(unit.weight_row, self.context)),
            unit.weight.eq(read.data),
            self.weight_seen.eq(read.data),
            write.addr.eq(Cat(unit.weight_write_row, self.context)),
            write.data.eq(unit.weight_value),
            write.en.eq(unit.weight_write),
        ]
        with m.If(~unit.busy):
            m.d.comb += [
                read.addr[:INDEX_WIDTH].eq(self.node),
                write.addr[:INDEX_WIDTH].eq(self.node),
                write.data.eq(self.load_value),
                write.en.eq(self.load_weight),
            ]
        return m


class SpikingBench(wiring.Component):
    """Everything that a described network needs: :class:`TickBench`, and beside it the units that work between ticks.

    The ports of a unit have its name before their own: ``tick_``, ``lif_``, ``wta_``, ``divider_``, ``bridge_``,
    ``oscillator_``. The units are not joined: who drives the bench carries values from one to the next.
    """

    def __init__(self, config: Config, n_contexts: int) -> None:
        self.units: dict[str, wiring.Component] = {
            "tick": TickBench(n_contexts),
            "lif": LifPipeline(),
            "wta": WinnerTakeAll(),
            "divider": Divider(config),
            "bridge": CurrentBridge(config),
            "oscillator": GammaOscillator(),
        }
        super().__init__(
            {
                f"{prefix}_{name}": member
                for prefix, unit in self.units.items()
                for name, member in unit.signature.members.items()
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for prefix, unit in self.units.items():
            m.submodules[prefix] = unit
            for name, member in unit.signature.members.items():
                outer, inner = getattr(self, f"{prefix}_{name}"), getattr(unit, name)
                m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        return m
