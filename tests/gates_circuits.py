"""Small circuits, their gate counts, and designs joined from parts: what the tests of the gate count share."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine.rtl import TOP, convert
from ganglion.gates import Block, block_of, load_library
from ganglion.gates.netlist import Netlist, read_netlist
from ganglion.gates.synth import Mapped, synthesise
from golden.spec import Config

UNIT = load_library()
SMALL = Config(cores=2, slices=2, lanes=1)


def silent(text: str) -> None:
    """A progress callback."""


class Circuit(wiring.Component):
    """A component made of a signature and a function that fills its module."""

    def __init__(self, ports: dict[str, Any], fill: Callable[["Circuit", Module], None]) -> None:
        self.fill = fill
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.fill(self, m)
        return m


def mapped(component: wiring.Component, **options: Any) -> Mapped:
    return synthesise(convert(component), UNIT, progress=silent, **options)


def counted(component: wiring.Component) -> Block:
    return block_of(read_netlist(mapped(component).flat, TOP, UNIT), UNIT, "x", "slice")


def registers(width: int, *, enable: bool) -> Circuit:
    """``width`` registers without a reset."""

    def fill(c: Circuit, m: Module) -> None:
        state = Signal(width, reset_less=True)
        m.d.comb += c.q.eq(state)
        if enable:
            with m.If(c.en):
                m.d.sync += state.eq(c.d)
        else:
            m.d.sync += state.eq(c.d)

    return Circuit({"d": In(width), "q": Out(width)} | ({"en": In(1)} if enable else {}), fill)


def joined(shared: Netlist, one: Netlist) -> Netlist:
    """The whole design in one netlist: a copy of the slice for every box."""
    flat = Netlist(shared.inputs, shared.outputs, n_nets=shared.n_nets, gates=[], sources=list(shared.sources))
    same: dict[int, int] = {}

    def root(net: int) -> int:
        while net in same:
            net = same[net]
        return net

    copies = []
    for box in shared.boxes:
        offset = flat.n_nets
        flat.n_nets += one.n_nets
        copies.append(offset)
        for outer, inner in ((box.inputs, one.inputs), (box.outputs, one.outputs)):
            for name, nets in outer.items():
                for net, own in zip(nets, inner[name], strict=True):
                    left, right = root(net), root(own + offset if own else 0)
                    if left != right:
                        same[max(left, right)] = min(left, right)
    for offset, netlist in [(0, shared), *((offset, one) for offset in copies)]:
        flat.gates += [
            (root(out + offset), [root(net + offset) if net else 0 for net in nets]) for out, nets in netlist.gates
        ]
        if offset:
            flat.sources += [root(net + offset) for net in netlist.sources]
    flat.sources = [root(net) for net in flat.sources]
    flat.inputs = {name: [root(net) for net in nets] for name, nets in shared.inputs.items()}
    return flat
