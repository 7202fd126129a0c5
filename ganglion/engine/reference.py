"""The amaranth.sim engine: slow, built by nobody but Amaranth itself; the others are checked against it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Elaboratable,
    Fragment,
    Instance,
    MemoryInstance,
    Module,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import wiring
from amaranth.sim import Simulator

from .base import ChangeEvents, Engine
from .ports import CLOCK, RESET, WORD_BITS, WORD_MASK, PortSpec, U64Array, port_map

__all__ = ["AmaranthEngine"]

BLOCK_CYCLES = 1 << 14
"""Cycles of a segment that are simulated before their changes are extracted: bounds the memory."""


class AmaranthEngine(Engine):
    """Simulates ``component`` with amaranth.sim. See :class:`ganglion.engine.base.Engine` for the interface.

    ``submodules`` stand for the Instances of their names. Their input ``clk`` must be connected to a ``ClockSignal()``
    and ``rst`` to the ``ResetSignal()`` of the same domain: a copy of the component runs in that domain.
    """

    def __init__(
        self, component: wiring.Component, *, submodules: Mapping[str, wiring.Component] | None = None
    ) -> None:
        self.ports = port_map(component)
        self.cycle = 0
        self._last: U64Array | None = None
        self._rows: U64Array | None = None
        self._trace: U64Array | None = None

        for submodule in (submodules or {}).values():
            port_map(submodule)
        design = Fragment.get(component, None)
        _fill_in(design, dict(submodules or {}))
        top = Module()
        top.submodules.design = design
        own_clock = CLOCK in component.signature.members
        if own_clock:
            self._clock, reset = getattr(component, CLOCK), Signal(name="unused_rst")
        else:
            top.domains.sync = domain = ClockDomain("sync")
            self._clock, reset = domain.clk, domain.rst
        self._inputs = _padded(component, self.ports.inputs, reset)
        self._outputs = _padded(component, self.ports.outputs, reset)
        self._simulator = Simulator(top)
        self._simulator.add_testbench(self._bench)
        self._simulator.advance()  # as far as the first wait: a coroutine that never starts is reported as a mistake

    def reset(self) -> None:
        self._simulator.reset()
        self._simulator.advance()
        self._restart_count()

    def _restart_count(self) -> None:
        self.cycle = 0

    async def _bench(self, ctx: Any) -> None:
        """Run the rows at hand, then give control back by waiting for time to pass."""
        while True:
            rows, trace = self._rows, self._trace
            if rows is not None and trace is not None:
                for row, out in zip(rows, trace, strict=True):
                    ctx.set(self._clock, 0)
                    ctx.set(self._inputs, int.from_bytes(row.tobytes(), "little"))
                    sampled = ctx.get(self._outputs)
                    for word in range(len(out)):
                        out[word] = (sampled >> (WORD_BITS * word)) & WORD_MASK
                    ctx.set(self._clock, 1)
            await ctx.delay(1e-9)

    def _run(self, stimulus: U64Array) -> U64Array:
        trace = np.zeros((len(stimulus), self.ports.n_out_words), dtype=np.uint64)
        self._rows, self._trace = stimulus.astype("<u8"), trace
        self._simulator.advance()
        self._rows = self._trace = None
        self.cycle += len(stimulus)
        if len(trace):
            self._last = trace[-1].copy()
        return trace

    def _run_segments(self, counts: U64Array, values: U64Array) -> ChangeEvents:
        parts = []
        for count, row in zip(counts.tolist(), values, strict=True):
            for start in range(0, count, BLOCK_CYCLES):
                cycle, previous = self.cycle, self._last if self.cycle else None
                trace = self._run(np.repeat(row[np.newaxis], min(BLOCK_CYCLES, count - start), axis=0))
                parts.append(ChangeEvents.from_trace(trace, start=cycle, previous=previous))
        return ChangeEvents.join(parts)


def _padded(component: wiring.Component, ports: tuple[PortSpec, ...], reset: Signal) -> Value:
    """All ports as one value, each at the bit position of its words; ``reset`` stands for an undeclared ``rst``."""
    parts = []
    for port in ports:
        implicit = port.name == RESET and RESET not in component.signature.members
        value = reset if implicit else Value.cast(getattr(component, port.name))
        parts.append(Cat(value, Signal(WORD_BITS * port.n_words - port.width, name=f"{port.name}_padding")))
    return Cat(*parts)


def _fill_in(fragment: Fragment, submodules: dict[str, wiring.Component]) -> None:
    """Replace the Instances below ``fragment`` by copies of the components they stand for."""
    _leave_read_data_alone(fragment)
    for index, (child, name, src_loc) in enumerate(fragment.subfragments):
        if isinstance(child, Instance) and child.type in submodules:
            filled = Fragment.get(_instance_body(child, submodules[child.type]), None)
            fragment.subfragments[index] = (filled, name, src_loc)
            _fill_in(filled, submodules)
        else:
            _fill_in(child, submodules)


def _leave_read_data_alone(fragment: Fragment) -> None:
    """Take the reset off synchronous memory read ports.

    amaranth.sim resets their data registers, the netlist that Amaranth writes does not
    (https://github.com/amaranth-lang/amaranth/issues/1625): here the netlist counts.
    """
    if isinstance(fragment, MemoryInstance):
        for port in fragment._read_ports:
            for signal in port._data._lhs_signals():
                signal._reset_less = True


def _fresh_copy(component: wiring.Component) -> wiring.Component:
    """A copy with ports of its own: what else an elaboration needs, it makes anew each time."""
    members = component.signature.members
    for name, value in vars(component).items():
        if name not in members and isinstance(value, Value | Elaboratable):
            raise ValueError(
                f"submodule {type(component).__name__} cannot be used twice: {name!r} is made in its constructor"
            )
    body = copy.copy(component)
    vars(body).update(members.create(path=()))
    return body


def _instance_body(instance: Instance, component: wiring.Component) -> Module:
    """A module that does what ``instance`` of ``component`` does."""
    body = _fresh_copy(component)
    ports = port_map(component)
    domain = "sync"
    module = Module()
    outer: dict[str, Value] = {name: value for name, (value, _direction) in instance.ports.items()}
    clock, reset = outer.pop(CLOCK, None), outer.pop(RESET, None)
    if isinstance(clock, ClockSignal):
        domain = clock.domain
    elif clock is not None:
        raise ValueError(f"clk of Instance {instance.type!r} must be a ClockSignal(), not {clock!r}")
    if reset is not None and not (isinstance(reset, ResetSignal) and reset.domain == domain):
        raise ValueError(f"rst of Instance {instance.type!r} must be ResetSignal({domain!r}), not {reset!r}")
    for name, value in outer.items():
        inner: Any = getattr(body, name, None)
        if any(port.name == name for port in ports.inputs):
            module.d.comb += inner.eq(value)
        elif any(port.name == name for port in ports.outputs):
            module.d.comb += value.eq(inner)
        else:
            raise ValueError(f"Instance {instance.type!r} connects {name!r}, which is no port of the component")
    module.submodules.body = DomainRenamer(domain)(body)
    return module
