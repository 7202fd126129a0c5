"""The whole top level, event by event: every output port in every clock cycle, for any waveform of the bus ports.

The outputs are functions of registers only, so the row of outputs of cycle t follows from the inputs of the cycles
before. Cycles in which nothing can happen with the inputs at hand (a long command runs and the bus waits) are skipped,
whatever their number.

A reset may come in any cycle. In the middle of a command it leaves the memories as the hardware does: writes up to
and including the cycle of the reset have happened, later ones have not. That holds for every command, and for the
elements of a buffer word under way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import U64Array, mask
from golden.fixed.bus_fabric import FabricRegisters
from golden.fixed.bus_registers import RegisterFile
from golden.fixed.bus_sequential import SequentialRegisters
from golden.spec import Buffer, Config, Error, buffers
from golden.spec.registers import ADDR_WIDTH, DATA_WIDTH

OUTPUTS = (
    "s_axil_awready",
    "s_axil_wready",
    "s_axil_bresp",
    "s_axil_bvalid",
    "s_axil_arready",
    "s_axil_rdata",
    "s_axil_rresp",
    "s_axil_rvalid",
    "irq",
)
"""The output ports, in the order of the words of a trace."""

FABRIC_OUTPUTS = ("spike_out_valid", "spike_out_core", "spike_out", "event_valid", "event_data")
"""The further output ports of an array with contexts."""

OKAY, SLVERR = 0, 2
_ADDR_MASK = mask(ADDR_WIDTH)


N_BUS_INPUTS = 11
"""Input ports of the bus; what other ports there are stands between them and ``rst``."""


@dataclass(slots=True)
class Inputs:
    """The input ports of one cycle; the prefix ``s_axil_`` is left out. ``awprot`` and ``arprot`` have no effect.

    The ports from ``clk_snn`` on are those of an array with contexts.
    """

    awaddr: int = 0
    awprot: int = 0
    awvalid: int = 0
    wdata: int = 0
    wstrb: int = 0
    wvalid: int = 0
    bready: int = 0
    araddr: int = 0
    arprot: int = 0
    arvalid: int = 0
    rready: int = 0
    rst: int = 0
    clk_snn: int = 0
    clk_gamma: int = 0
    spike_in_valid: int = 0
    spike_in_core: int = 0
    spike_in: int = 0
    event_ready: int = 0

    def words(self, *, has_contexts: bool = False) -> tuple[int, ...]:
        """The values in the order of the ports."""
        spikes: tuple[int, ...] = ()
        if has_contexts:
            spikes = (self.clk_snn, self.clk_gamma, self.spike_in_valid, self.spike_in_core, self.spike_in)
            spikes = (*spikes, self.event_ready)
        return (
            *(self.awaddr, self.awprot, self.awvalid, self.wdata, self.wstrb, self.wvalid, self.bready),
            *(self.araddr, self.arprot, self.arvalid, self.rready, *spikes, self.rst),
        )

    @classmethod
    def of_words(cls, words: Sequence[int]) -> "Inputs":
        """The inverse of :meth:`words`, for either kind of array."""
        return cls(*(*words[:N_BUS_INPUTS], words[-1], *words[N_BUS_INPUTS:-1]))


@dataclass(slots=True)
class Pump:
    """A buffer word on its way between bus and buffer memory, one element a cycle; idle while ``left`` is 0."""

    left: int = 0
    region: int = 0
    element: int = 0
    buffer: Buffer | None = None
    lane: int = 0

    def start(self, buffer: Buffer, word: int) -> None:
        """Begin with the first element of a buffer's word."""
        self.left = buffer.n_per_word
        self.region, self.element, self.buffer, self.lane = buffer.region, word * buffer.n_per_word, buffer, 0

    def advance(self) -> None:
        """Go on to the next element."""
        self.element += 1
        self.lane += 1
        self.left -= 1


class Ganglion:
    """The top level with its AXI4-Lite port, from power-up on.

    Attributes:
        cycle: the current cycle; ``outputs`` is its row (a tuple in the order of ``output_names``: :data:`OUTPUTS`, in
            an array with contexts :data:`FABRIC_OUTPUTS` behind them).
        registers, array: the register file and the array behind it.
        commands: (cycle, word) of every command accepted.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        kind = SequentialRegisters if config.sequential else FabricRegisters
        self._fabric = kind(config) if config.contexts else None
        self.registers: RegisterFile = self._fabric or RegisterFile(config)
        self.output_names = OUTPUTS + FABRIC_OUTPUTS if config.contexts else OUTPUTS
        self.array = self.registers.array
        self.commands: list[tuple[int, int]] = []
        self.cycle = 0
        self._buffers: dict[int, tuple[Buffer, int]] = {
            (buffer.addr >> 2) + word: (buffer, word) for buffer in buffers(config) for word in range(buffer.n_words)
        }
        self._reset_ports()
        self.outputs = self._row()
        self._events: list[tuple[int, int, int]] = [(0, word, value) for word, value in enumerate(self.outputs)]

    def _reset_ports(self) -> None:
        self._aw_full = self._w_full = self._ar_full = 0
        self._awaddr = self._wdata = self._wstrb = self._araddr = 0
        self._bvalid = self._bresp = self._rvalid = self._rresp = self._rdata = 0
        self._read_pump, self._write_pump = Pump(), Pump()

    def input_words(self, inputs: Inputs) -> tuple[int, ...]:
        """The values of the input ports that this array has, in their order."""
        return inputs.words(has_contexts=self._fabric is not None)

    def _row(self) -> tuple[int, ...]:
        row = (
            1 - self._aw_full,
            1 - self._w_full,
            self._bresp,
            self._bvalid,
            1 - self._ar_full,
            self._rdata,
            self._rresp,
            self._rvalid,
            self.registers.irq,
        )
        return row if self._fabric is None else row + self._fabric.outputs

    # ---------------------------------------------------------------- running

    def run(self, inputs: Inputs, n_cycles: int) -> int:
        """Hold ``inputs`` for up to ``n_cycles``; stops at the first cycle whose outputs are new.

        Returns: the cycles run, at least 1 if ``n_cycles`` is. Every handshake changes an output.
        """
        start = self.cycle
        end = start + n_cycles
        while self.cycle < end:
            if self._quiet(inputs):
                done = self.registers.done_cycle
                target = end if done < self.cycle else min(done, end)
                if self._fabric is not None:
                    target = min(target, self._fabric.wake(inputs, self.cycle))
                    self._fabric.skip(target - self.cycle)
                self.cycle = target
                if target == end:
                    break
            self._step(inputs)
            row = self._row()
            if row != self.outputs:
                for word, (old, new) in enumerate(zip(self.outputs, row, strict=True)):
                    if old != new:
                        self._events.append((self.cycle, word, new))
                self.outputs = row
                break
        return self.cycle - start

    def run_segments(self, counts: npt.ArrayLike, values: npt.ArrayLike) -> tuple[U64Array, U64Array, U64Array]:
        """Run a run-length coded waveform: row ``values[i]`` (the order of :meth:`Inputs.words`) held for
        ``counts[i]`` cycles. Returns the changes of the outputs as :meth:`take_events` does."""
        for count, row in zip(np.asarray(counts).tolist(), np.asarray(values).tolist(), strict=True):
            inputs, left = Inputs.of_words(row), count
            while left:
                left -= self.run(inputs, left)
        return self.take_events()

    def take_events(self) -> tuple[U64Array, U64Array, U64Array]:
        """The output changes since the last call: cycles, words (index into OUTPUTS) and values, ``[n]`` each.

        The list of the first call begins with all words in cycle 0. It goes up to and including the current cycle,
        whose outputs no further input can change.
        """
        table = np.array(self._events, dtype=np.uint64).reshape(-1, 3)
        self._events = []
        return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()

    def _quiet(self, i: Inputs) -> bool:
        """Whether, with these inputs, the bus stands still: only time and the end of a command change anything."""
        aw_full, w_full, ar_full, bvalid, rvalid = (
            self._aw_full,
            self._w_full,
            self._ar_full,
            self._bvalid,
            self._rvalid,
        )
        return not (
            i.rst
            or (i.awvalid and not aw_full)
            or (i.wvalid and not w_full)
            or (i.arvalid and not ar_full)
            or (bvalid and i.bready)
            or (rvalid and i.rready)
            or (ar_full and not rvalid)
            or (aw_full and w_full and not bvalid)
            or self._read_pump.left
            or self._write_pump.left
        )

    # ---------------------------------------------------------------- one cycle

    def _step(self, i: Inputs) -> None:
        cycle = self.cycle
        self.cycle = cycle + 1
        pumping = self._read_pump.left or self._write_pump.left
        if i.rst:
            if self._write_pump.left:
                self._write_element()
            self.registers.interrupt(cycle)
            self._reset_ports()
            return
        aw_full, w_full, ar_full, bvalid, rvalid = (
            self._aw_full,
            self._w_full,
            self._ar_full,
            self._bvalid,
            self._rvalid,
        )
        if i.awvalid and not aw_full:
            self._aw_full, self._awaddr = 1, i.awaddr & _ADDR_MASK
        if i.wvalid and not w_full:
            self._w_full, self._wdata, self._wstrb = 1, i.wdata, i.wstrb
        if i.arvalid and not ar_full:
            self._ar_full, self._araddr = 1, i.araddr & _ADDR_MASK
        if bvalid and i.bready:
            self._bvalid = 0
        if rvalid and i.rready:
            self._rvalid = 0
        if pumping:
            self._pump()
        elif ar_full and not rvalid:
            self._read(cycle)
        elif aw_full and w_full and not bvalid:
            self._write(cycle)
        if cycle == self.registers.done_cycle:
            self.registers.finish()
        if self._fabric is not None:
            self._fabric.clock(i, cycle)

    def _read(self, cycle: int) -> None:
        self._ar_full = 0
        word = self._araddr >> 2
        register, found = self.registers.by_word.get(word), self._buffers.get(word)
        self._rdata, self._rresp = 0, OKAY
        if register:
            reason = self.registers.may_read(register, cycle)
            if reason is Error.NONE:
                self._rdata = self.registers.read(register, cycle)
        elif found:
            reason = Error.BUSY if cycle <= self.registers.busy_until else Error.NONE
            if reason is Error.NONE:
                self._read_pump.start(*found)
                return
        else:
            reason = Error.BAD_ADDRESS
        self._rvalid = 1
        if reason is not Error.NONE:
            self._rresp = SLVERR
            self.registers.refuse(reason)

    def _write(self, cycle: int) -> None:
        word = self._awaddr >> 2
        register, found = self.registers.by_word.get(word), self._buffers.get(word)
        self._bresp = OKAY
        if register:
            reason = self.registers.may_write(register, self._wdata, self._wstrb, cycle)
            if reason is Error.NONE:
                self.registers.write(register, self._wdata, cycle)
                if register.name == "COMMAND":
                    self.commands.append((cycle, self._wdata))
        elif found:
            reason = Error.BUSY if cycle <= self.registers.busy_until else Error.NONE
            if reason is Error.NONE:
                self._write_pump.start(*found)
                return
        else:
            reason = Error.BAD_ADDRESS
        self._aw_full = self._w_full = 0
        self._bvalid = 1
        if reason is not Error.NONE:
            self._bresp = SLVERR
            self.registers.refuse(reason)

    def _pump(self) -> None:
        pump = self._read_pump
        if pump.left and pump.buffer:
            slot = pump.buffer.slot_width
            value = int(self.array.buffers[pump.region, pump.element]) & mask(slot)
            self._rdata = self._rdata >> slot | value << (DATA_WIDTH - slot)
            pump.advance()
            if not pump.left:
                self._rvalid = 1
            return
        self._write_element()
        self._write_pump.advance()
        if not self._write_pump.left:
            self._aw_full = self._w_full = 0
            self._bvalid = 1

    def _write_element(self) -> None:
        pump = self._write_pump
        assert pump.buffer is not None
        low = pump.lane * pump.buffer.slot_width
        if self._wstrb >> (low // 8) & 1:
            sign = 1 << (pump.buffer.width - 1)
            value = (self._wdata >> low) & mask(pump.buffer.width)
            self.array.buffers[pump.region, pump.element] = (value ^ sign) - sign
