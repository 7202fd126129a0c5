"""The memory that both text classifiers use, one at a time: on an UltraPlus its single-port memories."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.compact import N_BANKS, WORD_WIDTH
from golden.spec.event_unit import EventUnitShape
from hw.bank import Bank
from hw.bits import parts

__all__ = ["ClassifierMemory"]


class ClassifierMemory(wiring.Component):
    """Four banks of 16-bit words: the table of the compact classifier in their lower half, the records of NeuronGuard's
    neurons, 64 bits across the banks, in the upper one. ``records`` says whose turn it is.

    ``words`` is what each bank last read, from the cycle after. Contract: ``docs/contract_event_unit.md``.
    """

    def __init__(self, shape: EventUnitShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "records": In(1),
                "table_rows": In(N_BANKS * shape.compact.row_width),
                "table_read": In(1),
                "table_write": In(N_BANKS),
                "table_value": In(WORD_WIDTH),
                "record_addr": In(shape.engine.neuron_width),
                "record_read": In(1),
                "record_write": In(1),
                "record_value": In(N_BANKS * WORD_WIDTH),
                "words": Out(N_BANKS * WORD_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        row_width, neuron_width = self.shape.compact.row_width, self.shape.engine.neuron_width
        half_width = max(row_width, neuron_width)
        record_place = Signal(half_width + 1)
        m.d.comb += record_place.eq(Cat(self.record_addr, Const(0, half_width - neuron_width), Const(1, 1)))
        values, words = parts(self.record_value, WORD_WIDTH), parts(self.words, WORD_WIDTH)
        for number, row in enumerate(parts(self.table_rows, row_width)):
            m.submodules[f"bank{number}"] = bank = Bank(width=WORD_WIDTH, addr_width=half_width + 1)
            m.d.comb += [
                bank.addr.eq(Mux(self.records, record_place, row)),
                bank.read.eq(Mux(self.records, self.record_read, self.table_read)),
                bank.write.eq(Mux(self.records, self.record_write, self.table_write[number])),
                bank.write_data.eq(Mux(self.records, values[number], self.table_value)),
                words[number].eq(bank.data),
            ]
        return m
