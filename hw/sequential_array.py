"""The sequential array: a processor and its program in place of slices and sequencer, behind the same ports."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, MAX_DIMS, MAX_RESULTS
from golden.spec.sequential_ports import BUFFER_PORT, LIST_BASE, OPERAND_PORT
from golden.spec.sequential_ports import SequentialPort as Port
from hw.array import array_ports
from hw.bits import select
from hw.fabric_ports import PIN_PORTS, fabric_ports
from hw.processor import Processor
from hw.scan_unit import ScanUnit
from hw.sequencer_ports import BUFFER_ADDR_WIDTH
from hw.sequential_fabric import SequentialFabric
from hw.spram import ADDR_WIDTH, Spram

__all__ = ["SequentialArray"]

PORT_BITS = 5
BUFFER_BIT, OPERAND_BIT = (port.bit_length() - 1 for port in (BUFFER_PORT, OPERAND_PORT))
"""Of a port's number: an element of the buffer memory, an operand word."""
WORD_BITS = 32


class SequentialArray(wiring.Component):
    """One slice's worth of cores that a processor works for. Contract: ``docs/contract_sequential.md``.

    Parameters: config; ``program``: the processor's, 32-bit words. The front end may use the result list while
    ``busy`` is 0, and the buffer memory also while a tick by time runs.
    """

    def __init__(self, config: Config, program: Sequence[int]) -> None:
        self.config = config
        self.program = program
        super().__init__(array_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.processor = self._processor = Processor(self.program)
        m.submodules.scan = self._scan = ScanUnit(config)
        m.submodules.fabric = self._fabric = SequentialFabric(config)
        # What the processor stores, in the cycle after.
        self._value = self._processor.port_value
        self._number = self._processor.port_addr
        stores_port = Signal()
        m.d.comb += stores_port.eq(self._processor.port_write & ~self._number[BUFFER_BIT] & ~self._number[OPERAND_BIT])
        self._stores = {port: Signal(name=f"stores_{port.name.lower()}") for port in Port}
        for port, strobe in self._stores.items():
            m.d.comb += strobe.eq(stores_port & (self._number[:PORT_BITS] == port))
        self._memory(m)
        self._commands(m)
        self._buffer(m)
        self._scans_and_list(m)
        self._outside(m)
        self._loads(m)
        return m

    def _memory(self, m: Module) -> None:
        """Words of 64 bits: the scan's, or a half of one the processor's, or else a list entry: key, core and index."""
        processor, scan, stores = self._processor, self._scan, self._stores
        m.submodules.memory = words = Spram(masked=True)
        own, written, sets_entry = processor.mask, Signal(range(MAX_RESULTS)), Signal()
        self._place_next = Signal(range(MAX_RESULTS))
        m.d.comb += sets_entry.eq(stores[Port.LIST_KEY] | stores[Port.LIST_ENTRY])
        with m.If(stores[Port.LIST_COUNT]):
            m.d.sync += written.eq(0)
        with m.Elif(stores[Port.LIST_ENTRY]):
            m.d.sync += written.eq(written + 1)

        upper, entry = Signal(), Signal(ADDR_WIDTH)
        m.d.comb += [
            upper.eq(Mux(sets_entry, stores[Port.LIST_ENTRY], processor.address[2])),
            entry.eq(Cat(Mux(sets_entry, written, self._place_next), Const(LIST_BASE >> 7, ADDR_WIDTH - 4))),
            words.addr.eq(Mux(scan.busy, scan.addr, Mux(processor.executes, processor.address[3:], entry))),
            words.read.eq(scan.busy | processor.read | ~(processor.executes | sets_entry)),
            words.write.eq(processor.write | sets_entry),
            words.write_data.eq(Mux(sets_entry, self._value, processor.write_data).replicate(2)),
            *(
                half.eq((own | sets_entry.replicate(len(half))) & turn.replicate(len(half)))
                for half, turn in ((words.mask[:4], ~upper), (words.mask[4:], upper))
            ),
            # The address of a load's word stays at the ports.
            processor.data.eq(Mux(self._number[0], words.data[WORD_BITS:], words.data[:WORD_BITS])),
            scan.data.eq(words.data),
        ]

        # What was read last of the list, while the processor reads something else.
        entry_width = self.config.key_width + CORE_WIDTH + INDEX_WIDTH
        fresh, shown, kept = Signal(), Signal(entry_width), Signal(entry_width, reset_less=True)
        m.d.sync += fresh.eq(~(scan.busy | processor.executes | sets_entry))
        m.d.comb += shown.eq(Cat(words.data[: self.config.key_width], words.data[WORD_BITS:]))
        with m.If(fresh):
            m.d.sync += kept.eq(shown)
        with m.If(self.result_valid):
            m.d.comb += Cat(self.result_key, self.result_core, self.result_index).eq(Mux(fresh, shown, kept))

    def _commands(self, m: Module) -> None:
        fabric, value = self._fabric, self._value
        # A command of the host; its first cycle; whether the front end has to keep away.
        self._word = Signal(32)
        commanded, first, self._works = Signal(), Signal(), Signal()
        finish = self._stores[Port.FINISH]
        starts = self.start | fabric.timed_start
        m.d.comb += [
            fabric.idle.eq(~self.busy & ~self.start),
            fabric.finish.eq(finish),
            self.done.eq(finish & commanded),
            self._works.eq(self.busy & ~fabric.timed),
        ]
        m.d.sync += first.eq(self.start)
        with m.If(starts):
            m.d.sync += [
                self.busy.eq(1),
                self._word.eq(Mux(fabric.timed_start, fabric.timed_command, self.command)),
            ]
        with m.Elif(finish):
            m.d.sync += self.busy.eq(0)
        with m.If(self.start):
            m.d.sync += [commanded.eq(1), self.cycles.eq(0)]
        with m.Elif(commanded):
            m.d.sync += [commanded.eq(~finish), self.cycles.eq(self.cycles + 1)]

        for port, half in (
            (Port.ANSWER_LO, self.answer[:WORD_BITS]),
            (Port.ANSWER_HI, self.answer[WORD_BITS:]),
        ):
            with m.If(first):
                m.d.sync += half.eq(0)
            with m.Elif(self._stores[port] & ~fabric.timed):
                m.d.sync += half.eq(value)
        dims, metric = Signal(5, init=MAX_DIMS), Signal(2)
        with m.If(self._stores[Port.SETTINGS]):
            m.d.sync += [dims.eq(value), metric.eq(value[8:])]
        m.d.comb += [self.dims.eq(dims), self.metric.eq(metric)]

    def _buffer(self, m: Module) -> None:
        """The processor's while a command runs, the front end's otherwise: a tick by time leaves it alone."""
        processor, works = self._processor, self._works
        m.submodules.buffer = buffer = memory.Memory(
            shape=signed(self.config.delta_format.width), depth=1 << BUFFER_ADDR_WIDTH, init=[]
        )
        read, write = buffer.read_port(), buffer.write_port()
        self._element = read.data
        wanted = processor.address[2 : 2 + BUFFER_ADDR_WIDTH]
        m.d.comb += [
            read.addr.eq(Mux(works, wanted, self.buffer_read_addr)),
            self.buffer_element.eq(read.data),
            write.en.eq(Mux(works, processor.port_write & self._number[BUFFER_BIT], self.buffer_write)),
            write.addr.eq(Mux(works, self._number, self.buffer_write_addr)),
            write.data.eq(Mux(works, self._value, self.buffer_write_value)),
        ]

    def _scans_and_list(self, m: Module) -> None:
        processor, scan, number, stores = self._processor, self._scan, self._number, self._stores
        m.d.comb += [
            scan.value.eq(self._value),
            scan.set_threshold.eq(stores[Port.SCAN_KEY]),
            scan.set_last.eq(stores[Port.SCAN_ROW]),
            scan.set_mode.eq(stores[Port.SCAN_MODE]),
            scan.start.eq(stores[Port.SCAN_START]),
            scan.set_operand.eq(Mux(processor.port_write & number[OPERAND_BIT], 1 << number[:2], 0)),
        ]
        left, place, pops = Signal(range(MAX_RESULTS + 1)), Signal(range(MAX_RESULTS)), Signal()
        m.d.comb += [
            self.result_valid.eq(~self._works & left.any()),
            pops.eq(self.result_pop & self.result_valid & ~self.busy),
            self._place_next.eq(place + pops),
            self.results_left.eq(Mux(self._works, 0, left)),
        ]
        m.d.sync += place.eq(self._place_next)
        with m.If(stores[Port.LIST_COUNT]):
            m.d.sync += [left.eq(self._value), place.eq(0)]
        with m.Elif(pops):
            m.d.sync += left.eq(left - 1)

    def _outside(self, m: Module) -> None:
        fabric, value = self._fabric, self._value
        for name, member in (PIN_PORTS | fabric_ports()).items():
            outer, inner = getattr(self, name), getattr(fabric, name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        report_core = Signal(CORE_WIDTH)
        with m.If(self._stores[Port.REPORT_CORE]):
            m.d.sync += report_core.eq(value)
        m.d.comb += [
            fabric.inlet_pop.eq(self._stores[Port.INLET]),
            fabric.report.eq(self._stores[Port.REPORT_WORD]),
            fabric.core.eq(report_core),
            fabric.spikes.eq(value),
            fabric.restart.eq(self._stores[Port.PHASE_DUE]),
            fabric.set_phase.eq(self._stores[Port.PHASE]),
            fabric.value.eq(value),
        ]

    def _loads(self, m: Module) -> None:
        processor, scan, fabric = self._processor, self._scan, self._fabric
        sources: dict[Port, Value] = {
            Port.COMMAND: self._word,
            Port.DATA_LO: self.data[:WORD_BITS],
            Port.DATA_HI: self.data[WORD_BITS:].as_signed(),
            Port.TYPE_MASK: self.type_mask,
            Port.ALPHA: self.alpha,
            Port.DT: self.dt,
            Port.LEAK: self.leak,
            Port.RATE_FACTOR: self.rate_factor,
            Port.TARGET_STEP: self.target_step,
            Port.PHASE_STEP: self.phase_step,
            Port.GAIN: self.gain,
            Port.DISTANCE_ONE: self.distance_one,
            Port.PHASE: fabric.phase,
            Port.INLET_WORD: fabric.admitted,
            Port.INLET: Cat(fabric.inlet_core, Const(0, WORD_BITS - 1 - CORE_WIDTH), fabric.inlet_valid),
            Port.SCAN_KEY: scan.key,
            Port.SCAN_ROW: Cat(scan.row, Const(0, WORD_BITS - 1 - len(scan.row)), ~scan.found),
            Port.PHASE_DUE: fabric.phase_due,
            Port.TIMED: fabric.timed,
            Port.CORES: Const(self.config.cores),
        }
        words = []
        for port in range(1 << PORT_BITS):
            word = Signal(signed(WORD_BITS), name=f"port{port}")
            if port in sources:
                m.d.comb += word.eq(sources[Port(port)])
            words.append(word)
        number = self._number
        m.d.comb += processor.port_data.eq(
            Mux(number[BUFFER_BIT], self._element, select(words, number[:PORT_BITS]).as_signed())
        )
        with m.If(~number[BUFFER_BIT]), m.Switch(number[:PORT_BITS]):
            with m.Case(Port.COMMAND):
                m.d.comb += processor.port_stall.eq(~self.busy)
            with m.Case(Port.REPORT_CORE):
                m.d.comb += processor.port_stall.eq(fabric.reporting)
            with m.Case(Port.SCAN_KEY):
                m.d.comb += processor.port_stall.eq(scan.busy)
