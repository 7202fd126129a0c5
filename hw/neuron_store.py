"""Neuron store: the state of the neurons of a slice's contexts, a column a field, so that units reach it at their own
time."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import BRANCH, SLOTTED, STORE_COLUMNS

__all__ = ["NeuronStore", "context_width"]


def context_width(n_contexts: int) -> int:
    """Bits that address a context; at least one."""
    return max(1, (n_contexts - 1).bit_length())


class NeuronStore(wiring.Component):
    """A memory for every one of ``golden.spec.neural.STORE_COLUMNS``, 32 words a context.

    Ports of column f: ``f_read_addr`` and ``f_data`` (data in the next cycle), ``f_write``, ``f_write_addr``,
    ``f_value``; addresses are context * 32 + neuron. ``branches_write`` and ``responses_write`` have a bit a branch.
    Reading an address in the cycle in which it is written gives the old data. Latency 1 cycle; a read and a write of
    every column a cycle.
    """

    def __init__(self, n_contexts: int) -> None:
        if n_contexts < 1:
            raise ValueError(f"n_contexts must be at least 1, got {n_contexts}")
        self.n_contexts = n_contexts
        addr_width = context_width(n_contexts) + INDEX_WIDTH
        ports: dict[str, wiring.Member] = {}
        for field in STORE_COLUMNS:
            ports |= {
                f"{field.name}_read_addr": In(addr_width),
                f"{field.name}_data": Out(field.width),
                f"{field.name}_write": In(field.width // BRANCH.width if field.name in SLOTTED else 1),
                f"{field.name}_write_addr": In(addr_width),
                f"{field.name}_value": In(field.width),
            }
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for field in STORE_COLUMNS:
            m.submodules[field.name] = column = memory.Memory(
                shape=field.width, depth=self.n_contexts * VECTORS_PER_CORE, init=[]
            )
            read = column.read_port()
            write = column.write_port(granularity=BRANCH.width if field.name in SLOTTED else None)
            m.d.comb += [
                read.addr.eq(getattr(self, f"{field.name}_read_addr")),
                getattr(self, f"{field.name}_data").eq(read.data),
                write.addr.eq(getattr(self, f"{field.name}_write_addr")),
                write.data.eq(getattr(self, f"{field.name}_value")),
                write.en.eq(getattr(self, f"{field.name}_write")),
            ]
        return m
