"""AXI4-Lite front end: registers, buffers, command start, interrupt."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Access, Config, Error, Opcode, buffers, registers
from golden.spec.constants import CORE_WIDTH, INDEX_NONE, INDEX_WIDTH, RESULT_COUNT_WIDTH
from golden.spec.neural_commands import commands
from golden.spec.registers import ADDR_WIDTH, COUNTER_WIDTH, DATA_WIDTH
from hw.axi_channels import AXI_LITE
from hw.axi_fabric import attach_settings, fabric_views, front_end_ports
from hw.sequencer_ports import BUFFER_ADDR_WIDTH

__all__ = ["AxiLiteFrontEnd"]

OKAY, SLVERR = 0b00, 0b10


class AxiLiteFrontEnd(wiring.Component):
    """An AXI4-Lite subordinate with 32-bit data and 12-bit byte addresses.

    Reads and writes are independent; every channel accepts one transfer and applies back-pressure until it is done.
    A register write answers in the cycle after both address and data are in, a register read in the cycle after the
    address is; a buffer word takes one cycle an element more. Refused transactions answer SLVERR, change nothing, and
    leave their reason in ERROR. See the cycle contract.

    ``first_count``: COUNTER in the first cycle after reset; for tests of its high bits, which take minutes to come.
    """

    def __init__(self, config: Config, *, first_count: int = 0) -> None:
        self.config = config
        self.first_count = first_count
        delta = signed(config.delta_format.width)
        super().__init__(
            AXI_LITE
            | {
                "irq": Out(1),
                "start": Out(1),
                "command": Out(32),
                "data": Out(signed(config.data_width)),
                "type_mask": Out(16),
                "alpha": Out(signed(16)),
                "busy": In(1),
                "done": In(1),
                "answer": In(64),
                "cycles": In(32),
                "dims": In(5),
                "metric": In(2),
                "buffer_read_addr": Out(BUFFER_ADDR_WIDTH),
                "buffer_element": In(delta),
                "buffer_write": Out(1),
                "buffer_write_addr": Out(BUFFER_ADDR_WIDTH),
                "buffer_write_value": Out(delta),
                "result_pop": Out(1),
                "result_valid": In(1),
                "result_key": In(signed(config.key_width)),
                "result_core": In(CORE_WIDTH),
                "result_index": In(INDEX_WIDTH),
                "results_left": In(RESULT_COUNT_WIDTH),
            }
            | (front_end_ports(config) if config.contexts else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        table = registers(config)
        counter, frozen = Signal(COUNTER_WIDTH, init=self.first_count), Signal(COUNTER_WIDTH - DATA_WIDTH)
        m.d.sync += counter.eq(counter + 1)

        # One transfer is held on each incoming channel.
        aw_full, aw_addr = Signal(), Signal(ADDR_WIDTH - 2)
        w_full, w_data, w_strb = Signal(), Signal(DATA_WIDTH), Signal(DATA_WIDTH // 8)
        ar_full, ar_addr = Signal(), Signal(ADDR_WIDTH - 2)
        m.d.comb += [self.awready.eq(~aw_full), self.wready.eq(~w_full), self.arready.eq(~ar_full)]
        with m.If(self.awvalid & self.awready):
            m.d.sync += [aw_full.eq(1), aw_addr.eq(self.awaddr[2:])]
        with m.If(self.wvalid & self.wready):
            m.d.sync += [w_full.eq(1), w_data.eq(self.wdata), w_strb.eq(self.wstrb)]
        with m.If(self.arvalid & self.arready):
            m.d.sync += [ar_full.eq(1), ar_addr.eq(self.araddr[2:])]

        # The state that registers hold, by name; the others are views of signals.
        stored = {
            r.name: Signal(r.width, name=r.name.lower(), init=r.reset)
            for r in table
            if r.writable and r.name not in ("IRQ_STATUS", "COMMAND", "PHASE")
        }
        irq_status = Signal(len(stored["IRQ_ENABLE"]))
        events = Cat(self.done, self.ticked, self.spiked) if config.contexts else self.done
        key = Signal(signed(64))
        record = Signal(17)
        record_index = Signal(8)
        m.d.comb += [
            key.eq(self.result_key),
            record_index.eq(Mux(self.result_valid, self.result_index, INDEX_NONE)),
            record.eq(Cat(record_index, self.result_core, self.result_valid)),
            self.irq.eq((irq_status & stored["IRQ_ENABLE"]).any()),
            self.data.eq(Cat(stored["DATA0"], stored["DATA1"]).as_signed()),
            self.type_mask.eq(stored["TYPE_MASK"]),
            self.alpha.eq(stored["ALPHA"]),
        ]
        views = {
            "STATUS": Cat(self.busy, self.irq, Signal(2, name="status_gap"), self.results_left),
            "RETURN0": self.answer[:32],
            "RETURN1": self.answer[32:],
            "IRQ_STATUS": irq_status,
            "CYCLES": self.cycles,
            "COUNTER_LO": counter[:DATA_WIDTH],
            "COUNTER_HI": frozen,
            "SETTINGS": Cat(self.dims, Signal(3, name="settings_gap"), self.metric),
            "RESULT_DISTANCE_LO": key[:32],
            "RESULT_DISTANCE_HI": key[32:],
            "RESULT_RECORD": record,
        } | stored
        if config.contexts:
            views |= fabric_views(self)

        read_pumping, write_pumping = Signal(), Signal()
        read_goes, write_goes = Signal(), Signal()
        m.d.comb += [
            # Reads go first; the two never use the buffer memory in the same cycle.
            read_goes.eq(ar_full & ~self.rvalid & ~read_pumping & ~write_pumping),
            write_goes.eq(aw_full & w_full & ~self.bvalid & ~write_pumping & ~read_pumping & ~read_goes),
        ]

        # Reads.
        read_error, read_value, read_buffer = Signal(Error), Signal(DATA_WIDTH), Signal()
        read_from = BufferWord(m, "read", ar_addr, config)
        m.d.comb += [read_error.eq(Error.BAD_ADDRESS), read_buffer.eq(read_from.hit & ~self.busy)]
        with m.If(read_from.hit):
            m.d.comb += read_error.eq(Mux(self.busy, Error.BUSY, Error.NONE))
        with m.Switch(ar_addr):
            for register in table:
                with m.Case(register.addr // 4):
                    allowed = Error.NONE if register.busy_read else Mux(self.busy, Error.BUSY, Error.NONE)
                    m.d.comb += [
                        read_value.eq(0 if register.access is Access.WO else views.get(register.name, register.reset)),
                        read_error.eq(allowed),
                    ]

        by_name = {register.name: register for register in table}

        def reads(name: str) -> Value:
            """Whether this cycle answers a read of the register; asked without ``read_error``, which is ready later."""
            goes = read_goes & (ar_addr == by_name[name].addr // 4)
            return goes if by_name[name].busy_read else goes & ~self.busy

        read_slot, read_left, read_wide = Signal(BUFFER_ADDR_WIDTH), Signal(3), Signal()
        element = Signal(signed(DATA_WIDTH))
        m.d.comb += [
            read_pumping.eq(read_left != 0),
            self.buffer_read_addr.eq(Mux(read_pumping, read_slot, read_from.slot)),
            self.result_pop.eq(reads("RESULT_RECORD")),
            element.eq(self.buffer_element),
        ]
        with m.If(reads("COUNTER_LO")):
            m.d.sync += frozen.eq(counter[DATA_WIDTH:])
        with m.If(self.rvalid & self.rready):
            m.d.sync += self.rvalid.eq(0)
        with m.If(read_goes):
            m.d.sync += [
                ar_full.eq(0),
                self.rresp.eq(Mux(read_error == Error.NONE, OKAY, SLVERR)),
                self.rdata.eq(Mux(read_error == Error.NONE, read_value, 0)),
                self.rvalid.eq(~read_buffer),
                read_slot.eq(read_from.slot + 1),
                read_wide.eq(read_from.wide),
                read_left.eq(Mux(read_buffer, read_from.n_elements, 0)),
            ]
        with m.If(read_pumping):
            # Elements enter at the top and move down: the first one ends in the low bits.
            narrow, wide = read_from.narrow_width, read_from.wide_width
            m.d.sync += [
                self.rdata.eq(
                    Mux(
                        read_wide,
                        Cat(self.rdata[wide:], element[:wide]),
                        Cat(self.rdata[narrow:], element[:narrow]),
                    )
                ),
                read_slot.eq(read_slot + 1),
                read_left.eq(read_left - 1),
                self.rvalid.eq(read_left == 1),
            ]

        # Writes.
        write_error, write_buffer, whole = Signal(Error), Signal(), Signal()
        write_to = BufferWord(m, "write", aw_addr, config)
        m.d.comb += [
            write_error.eq(Error.BAD_ADDRESS),
            write_buffer.eq(write_to.hit & ~self.busy),
            whole.eq(w_strb.all()),
            self.command.eq(w_data),
        ]
        command_error = Signal(Error)
        self._check_command(m, w_data, command_error)
        with m.If(write_to.hit):
            m.d.comb += write_error.eq(Mux(self.busy, Error.BUSY, Error.NONE))
        with m.Switch(aw_addr):
            for register in table:
                with m.Case(register.addr // 4):
                    if not register.writable:
                        m.d.comb += write_error.eq(Error.READ_ONLY)
                        continue
                    then = command_error if register.name == "COMMAND" else Error.NONE
                    if not register.busy_write:
                        then = Mux(self.busy, Error.BUSY, then)
                    m.d.comb += write_error.eq(Mux(whole, then, Error.PARTIAL_WRITE))

        def writes(name: str) -> Value:
            """Whether this cycle performs a write to the register (COMMAND: if it is in order)."""
            goes = write_goes & (aw_addr == by_name[name].addr // 4) & whole
            return goes if by_name[name].busy_write else goes & ~self.busy

        m.d.comb += self.start.eq(writes("COMMAND") & (command_error == Error.NONE))
        with m.If(read_goes & (read_error != Error.NONE)):
            m.d.sync += stored["ERROR"].eq(read_error)
        with m.If(write_goes & (write_error != Error.NONE)):
            m.d.sync += stored["ERROR"].eq(write_error)
        for name, register_state in stored.items():
            with m.If(writes(name)):
                m.d.sync += register_state.eq(w_data)
        if config.contexts:
            attach_settings(m, self, stored, reads, writes, w_data)
        cleared = Mux(writes("IRQ_STATUS"), w_data, 0)
        m.d.sync += irq_status.eq((irq_status & ~cleared) | events)

        write_slot, write_left, write_wide = Signal(BUFFER_ADDR_WIDTH), Signal(3), Signal()
        m.d.comb += [
            write_pumping.eq(write_left != 0),
            self.buffer_write.eq(write_pumping & w_strb[0]),
            self.buffer_write_addr.eq(write_slot),
            self.buffer_write_value.eq(
                Mux(write_wide, w_data.as_signed(), w_data[: write_to.narrow_width].as_signed())
            ),
        ]
        with m.If(self.bvalid & self.bready):
            m.d.sync += self.bvalid.eq(0)
        with m.If(write_goes):
            m.d.sync += [
                self.bresp.eq(Mux(write_error == Error.NONE, OKAY, SLVERR)),
                write_slot.eq(write_to.slot),
                write_wide.eq(write_to.wide),
                write_left.eq(Mux(write_buffer, write_to.n_elements, 0)),
            ]
            with m.If(~write_buffer):
                m.d.sync += [aw_full.eq(0), w_full.eq(0), self.bvalid.eq(1)]
        with m.If(write_pumping):
            narrow, wide = write_to.narrow_width, write_to.wide_width
            m.d.sync += [
                w_data.eq(Mux(write_wide, w_data >> wide, w_data >> narrow)),
                w_strb.eq(Mux(write_wide, w_strb >> (wide // 8), w_strb >> (narrow // 8))),
                write_slot.eq(write_slot + 1),
                write_left.eq(write_left - 1),
            ]
            with m.If(write_left == 1):
                m.d.sync += [aw_full.eq(0), w_full.eq(0), self.bvalid.eq(1)]
        return m

    def _check_command(self, m: Module, word: Value, error: Signal) -> None:
        """Drives ``error`` with what is wrong with a command word."""
        m.d.comb += error.eq(Error.BAD_OPCODE)
        core, value = word[8:16], word[24:32]
        bad_core = Signal()
        m.d.comb += bad_core.eq(core >= self.config.cores)
        with m.Switch(word[:8]):
            for info in commands(self.config):
                with m.Case(info.opcode):
                    if info.checks_core:
                        m.d.comb += error.eq(Mux(bad_core, Error.BAD_CORE, Error.NONE))
                    elif info.opcode is Opcode.INIT:
                        m.d.comb += error.eq(Mux(value == 0, Error.BAD_ARGUMENT, Error.NONE))
                    else:
                        m.d.comb += error.eq(Error.NONE)


class BufferWord:
    """Where a word address lies in the buffers: ``hit``, the buffer memory ``slot`` of its first element, how many.

    Elements of the delta buffer have ``wide_width`` bits on the bus, those of the others ``narrow_width``.
    """

    def __init__(self, m: Module, name: str, addr: Value, config: Config) -> None:
        table = buffers(config)
        self.hit = Signal(name=f"{name}_hit")
        self.wide = Signal(name=f"{name}_wide")
        self.slot = Signal(BUFFER_ADDR_WIDTH, name=f"{name}_first_slot")
        self.n_elements = Signal(3, name=f"{name}_n_elements")
        self.narrow_width, self.wide_width = table[0].slot_width, table[-1].slot_width
        for buffer in table:
            # Buffers start at multiples of 16 words and hold a power of two of them.
            offset_bits = buffer.n_words.bit_length() - 1
            with m.If(addr[offset_bits:] == buffer.addr // 4 >> offset_bits):
                offset = addr[:offset_bits]
                m.d.comb += [
                    self.hit.eq(1),
                    self.wide.eq(buffer.slot_width == self.wide_width),
                    self.slot.eq(buffer.region * 16 + offset * buffer.n_per_word),
                    self.n_elements.eq(buffer.n_per_word),
                ]
