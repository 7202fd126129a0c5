"""Mapped netlists: what Yosys writes as JSON, counted and levelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .liberty import Library

__all__ = ["NO_PATH", "Box", "Memory", "Netlist", "NetlistError", "read_netlist"]

NO_PATH = -1
"""Arrival level of a signal that no register, memory or input reaches (a constant)."""

Levels = npt.NDArray[np.int32]
CONSTANT = 0
"""Index of the net that stands for every constant."""


class NetlistError(RuntimeError):
    """A synthesised netlist that cannot be counted: a cell the library does not have, or a combinational loop."""


@dataclass(frozen=True)
class Memory:
    """A memory left whole: its name and its bits."""

    name: str
    bits: int


@dataclass(frozen=True)
class Box:
    """An instance whose inside is described elsewhere: its ports as lists of net indices."""

    name: str
    kind: str
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]


@dataclass
class Netlist:
    """A flat netlist of library cells, memories and boxes. Nets are numbered; net 0 is every constant."""

    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    n_nets: int = 1
    cells: Counter[str] = field(default_factory=Counter)
    memories: list[Memory] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    """Nets driven by flip-flops and memories."""
    gates: list[tuple[int, list[int]]] = field(default_factory=list)
    """Output net and input nets of each combinational cell."""
    n_flip_flops: int = 0

    def ranks(self) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
        """The gates by depth: output nets [n], input nets [n, fan-in], padded with the constant net.

        Raises:
            NetlistError: the gates form a loop.
        """
        driver = {out: number for number, (out, _) in enumerate(self.gates)}
        waiting = [sum(net in driver for net in nets) for _, nets in self.gates]
        readers: dict[int, list[int]] = {}
        for number, (_, nets) in enumerate(self.gates):
            for net in nets:
                if net in driver:
                    readers.setdefault(driver[net], []).append(number)
        ready = [number for number, count in enumerate(waiting) if not count]
        ranks, n_done = [], 0
        while ready:
            n_done += len(ready)
            fan_in = max(len(self.gates[number][1]) for number in ready)
            padded = [self.gates[number][1] + [CONSTANT] * (fan_in - len(self.gates[number][1])) for number in ready]
            ranks.append((np.array([self.gates[number][0] for number in ready]), np.array(padded)))
            following = []
            for number in ready:
                for reader in readers.get(number, ()):
                    waiting[reader] -= 1
                    if not waiting[reader]:
                        following.append(reader)
            ready = following
        if n_done < len(self.gates):
            raise NetlistError(f"{len(self.gates) - n_done} gates form combinational loops")
        return ranks

    def settle(self, ranks: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]], arrival: Levels) -> Levels:
        """Arrival levels [n_nets, n] of all nets, given those of inputs and box outputs (others NO_PATH).

        A gate's output is one level after its latest input; sources arrive at level 0.
        """
        arrival[self.sources] = np.maximum(arrival[self.sources], 0)
        arrival[CONSTANT] = NO_PATH
        for outputs, inputs in ranks:
            latest = arrival[inputs].max(axis=1)
            arrival[outputs] = np.where(latest == NO_PATH, NO_PATH, latest + 1)
        return arrival

    def levels(self) -> int:
        """Gates on the longest combinational path between registers, memories, boxes and ports."""
        arrival = np.full((self.n_nets, 1), NO_PATH, dtype=np.int32)
        for nets in (*self.inputs.values(), *(nets for box in self.boxes for nets in box.outputs.values())):
            arrival[nets] = 0
        self.settle(self.ranks(), arrival)
        return max(0, int(arrival.max()))


def read_netlist(design: Mapping[str, Any], name: str, library: Library) -> Netlist:
    """Module ``name`` of a Yosys JSON file's ``modules``; instances of other modules become boxes.

    Raises:
        NetlistError: a cell is in neither the library nor the design, or a memory is read without a clock.
    """
    return _Reader(design, library).read(name)


class _Reader:
    def __init__(self, design: Mapping[str, Any], library: Library) -> None:
        self.design = design
        self.library = library
        self.numbers: dict[int, int] = {}

    def read(self, name: str) -> Netlist:
        module = self.design[name]
        ports: dict[str, dict[str, list[int]]] = {"input": {}, "output": {}}
        for port, description in module["ports"].items():
            ports[description["direction"]][port] = self._nets(description["bits"])
        netlist = Netlist(ports["input"], ports["output"])
        for cell_name, cell in module["cells"].items():
            kind = cell["type"]
            pins = {pin: self._nets(bits) for pin, bits in cell["connections"].items()}
            if kind in self.library.cells:
                self._add_library_cell(netlist, kind, pins)
            elif kind == "$mem_v2":
                _add_memory(netlist, cell_name, cell["parameters"], pins)
            elif kind in self.design:
                sides: dict[str, dict[str, list[int]]] = {"input": {}, "output": {}}
                for port, nets in pins.items():
                    sides[self.design[kind]["ports"][port]["direction"]][port] = nets
                netlist.boxes.append(Box(cell_name, kind, sides["input"], sides["output"]))
            else:
                raise NetlistError(
                    f"the library {self.library.name!r} has no cell that does the work of {kind} "
                    f"(instance {cell_name} of {name} was left unmapped)"
                )
        netlist.n_nets = len(self.numbers) + 1
        return netlist

    def _nets(self, bits: list[int | str]) -> list[int]:
        return [CONSTANT if isinstance(b, str) else self.numbers.setdefault(b, len(self.numbers) + 1) for b in bits]

    def _add_library_cell(self, netlist: Netlist, kind: str, pins: dict[str, list[int]]) -> None:
        cell = self.library.cells[kind]
        netlist.cells[kind] += 1
        read = [pins[pin][0] for pin in cell.inputs if pin in pins]
        driven = [pins[pin][0] for pin in cell.functions if pin in pins]
        if cell.is_flip_flop or cell.is_latch:
            netlist.n_flip_flops += 1
            netlist.sources += driven
        else:
            netlist.gates += [(net, read) for net in driven]


def _add_memory(netlist: Netlist, path: str, parameters: Mapping[str, str], pins: dict[str, list[int]]) -> None:
    numbers = {name: int(value, 2) for name, value in parameters.items() if value and set(value) <= {"0", "1"}}
    if numbers["RD_CLK_ENABLE"] != (1 << numbers["RD_PORTS"]) - 1:
        raise NetlistError(f"memory {path} is read without a clock: paths through it cannot be followed")
    netlist.memories.append(Memory(path, numbers["SIZE"] * numbers["WIDTH"]))
    netlist.sources += pins["RD_DATA"]
