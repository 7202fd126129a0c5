"""The processor of the sequential engine: RV32I and products, two cycles an instruction, in little more than ALU."""

from collections.abc import Sequence
from enum import IntEnum

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.sequential_ports import PROGRAM_BASE
from hw.multiplier import MULTIPLY_STEPS, Multiplier

__all__ = ["ADDRESS_WIDTH", "PROCESSOR_PORTS", "PROGRAM_WORDS", "Processor"]

ADDRESS_WIDTH = 18
PROGRAM_WORDS = 4096
"""Words that the program counter reaches."""
N_REGISTERS = 32

PROCESSOR_PORTS = {
    "address": Out(ADDRESS_WIDTH),
    "executes": Out(1),
    "read": Out(1),
    "write": Out(1),
    "mask": Out(4),
    "write_data": Out(32),
    "data": In(32),
    "port_wants": Out(1),
    "port_read": Out(1),
    "port_write": Out(1),
    "port_addr": Out(8),
    "port_value": Out(32),
    "port_data": In(32),
    "port_stall": In(1),
}


class Opcode(IntEnum):
    """Bits 6..2 of an instruction."""

    LOAD = 0b00000
    OP_IMM = 0b00100
    STORE = 0b01000
    OP = 0b01100
    LUI = 0b01101
    BRANCH = 0b11000
    JALR = 0b11001
    JAL = 0b11011


class State(IntEnum):
    """What a cycle is for, a bit each: the instruction is fetched, registers are read, it is executed, data arrive,
    what a port gave is taken over, a product is made."""

    FETCH = 1
    READ = 2
    EXECUTE = 4
    DATA = 8
    PORT = 16
    MULTIPLY = 32


class Region(IntEnum):
    """Bits 17..16 of an address, the memory's two halves together."""

    PORTS = 0b10
    PROGRAM = 0b11


class Processor(wiring.Component):
    """Runs ``program`` from its first word, at ``PROGRAM_BASE``, on; cycles and addresses: contract_sequential.md.

    ``address`` with ``read`` or ``write`` (``mask``: bytes of ``write_data``), in cycles with ``executes`` only,
    addresses the memory, whose ``data`` come in the cycle after. ``port_wants`` is 1 with the address of a load,
    ``port_read`` in the cycles after if it is a port's, where ``port_data`` answer ``port_addr`` and ``port_stall``
    holds the processor. ``port_write`` is 1 in the cycle after a store's, with ``port_addr`` and ``port_value``.
    """

    def __init__(self, program: Sequence[int]) -> None:
        if not 0 < len(program) <= PROGRAM_WORDS:
            raise ValueError(f"a program has 1 to {PROGRAM_WORDS} words, got {len(program)}")
        self.program = program
        super().__init__(PROCESSOR_PORTS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(len(State), init=State.FETCH)
        fetches, reads, executes, gets_data, gets_port, in_product = (state[i] for i in range(len(State)))
        pc, pc_after, pc_target = (Signal(range(PROGRAM_WORDS), name=n) for n in ("pc", "pc_after", "pc_target"))
        m.submodules.multiplier = multiplier = Multiplier()
        m.submodules.program = program = memory.Memory(shape=32, depth=len(self.program), init=self.program)
        word = program.read_port()
        registers = []
        for name in ("first", "second"):
            m.submodules[name] = bank = memory.Memory(shape=32, depth=N_REGISTERS, init=[])
            registers.append((bank.read_port(transparent_for=()), bank.write_port()))
        (first, first_write), (second, second_write) = registers

        # Cycle R: the instruction is decoded.
        bits = word.data
        opcode = Signal(5)
        is_op, is_lui, is_store_now = Signal(), Signal(), Signal()
        m.d.comb += [
            opcode.eq(bits[2:7]),
            is_op.eq(opcode == Opcode.OP),
            is_lui.eq(opcode == Opcode.LUI),
            is_store_now.eq(opcode == Opcode.STORE),
            first.addr.eq(Mux(is_lui, 0, bits[15:20])),
            second.addr.eq(bits[20:25]),
            first.en.eq(reads),
            second.en.eq(reads),
        ]
        immediate, offset = Signal(32), Signal(12)
        function, destination = Signal(3), Signal(5)
        by_immediate, minus = Signal(), Signal()
        load, store, branch, link, indirect, product = (
            Signal(name=n) for n in ("load", "store", "branch", "link", "indirect", "product")
        )
        sums, logic, shifts, arithmetic, compares = (
            Signal(name=n) for n in ("sums", "logic", "shifts", "arithmetic", "compares")
        )
        computes = is_op | (opcode == Opcode.OP_IMM)
        funct3 = bits[12:15]
        multiplies = is_op & bits[25]
        sign = bits[31]
        with m.If(reads):
            m.d.sync += [
                immediate[12:].eq(Mux(is_lui, bits[12:], sign.replicate(20))),
                immediate[5:12].eq(Mux(is_lui, 0, bits[25:])),
                immediate[:5].eq(Mux(is_lui, 0, Mux(is_store_now, bits[7:12], bits[20:25]))),
                # JAL counts more bits than a branch; in words, within the program.
                offset.eq(
                    Mux(
                        opcode == Opcode.JAL,
                        Cat(bits[22:31], bits[20], bits[12:14]),
                        Cat(bits[9:12], bits[25:31], bits[7], sign, sign),
                    )
                ),
                function.eq(funct3),
                destination.eq(bits[7:12]),
                by_immediate.eq(~is_op & (opcode != Opcode.BRANCH)),
                # Comparisons subtract, and so does SUB.
                minus.eq(
                    (opcode == Opcode.BRANCH) | (computes & ((funct3[1:] == 0b01) | ((funct3 == 0) & is_op & bits[30])))
                ),
                load.eq(opcode == Opcode.LOAD),
                store.eq(is_store_now),
                branch.eq(opcode == Opcode.BRANCH),
                link.eq((opcode == Opcode.JAL) | (opcode == Opcode.JALR)),
                indirect.eq(opcode == Opcode.JALR),
                product.eq(multiplies),
                sums.eq(is_lui | (computes & (funct3 == 0))),
                logic.eq(computes & funct3[2] & (funct3 != 0b101)),
                shifts.eq(computes & (funct3[:2] == 0b01)),
                arithmetic.eq(bits[30]),
                compares.eq(computes & (funct3[1:] == 0b01)),
            ]

        # Cycle X: sums and comparisons.
        a, b, chosen = Signal(32), Signal(32), Signal(32)
        total, carry = Signal(32), Signal()
        equal, less = Signal(), Signal()
        m.d.comb += [
            a.eq(first.data),
            b.eq(second.data),
            chosen.eq(Mux(by_immediate, immediate, b)),
            Cat(total, carry).eq(a + (chosen ^ minus.replicate(32)) + minus),
            equal.eq(a == b),
            # Unsigned: no carry out of a - b; signed: the signs differ, or that.
            less.eq(Mux((a[31] ^ chosen[31]) & ~self._unsigned(function, branch), a[31], ~carry)),
        ]
        taken = Signal()
        m.d.comb += taken.eq(Mux(function[2], less, equal) ^ function[0])
        logical = Signal(32)
        with m.Switch(function[:2]):
            with m.Case(0b00):
                m.d.comb += logical.eq(a ^ chosen)
            with m.Case(0b10):
                m.d.comb += logical.eq(a | chosen)
            with m.Case(0b11):
                m.d.comb += logical.eq(a & chosen)
        shifted = self._shifted(m, a, chosen[:5], left=~function[2], fill=arithmetic & a[31])

        # Where it goes on.
        ends = Signal()
        m.d.comb += [pc_after.eq(pc + 1), pc_target.eq(Mux(indirect, total[2:14], pc + offset))]
        leaves = Signal()
        m.d.comb += leaves.eq(link | (branch & taken))
        n_steps = Signal(3)
        in_program, in_ports = Signal(), Signal()
        region = self.address[16:]
        m.d.comb += [
            self.address.eq(total[:ADDRESS_WIDTH]),
            in_program.eq(region == Region.PROGRAM),
            in_ports.eq(region == Region.PORTS),
            word.addr.eq(Mux(fetches, pc, pc_after)),
            word.en.eq(~reads),
        ]
        from_program, from_port, low_bits, captured = Signal(), Signal(), Signal(2), Signal(32)
        with m.If(fetches):
            m.d.sync += state.eq(State.READ)
        with m.If(reads):
            m.d.sync += state.eq(State.EXECUTE)
        with m.If(executes):
            m.d.sync += [from_program.eq(in_program), from_port.eq(in_ports), low_bits.eq(total[:2])]
            with m.If(load):
                m.d.comb += word.addr.eq(total[2:14])
                m.d.sync += state.eq(State.DATA)
            with m.Elif(product):
                m.d.sync += [state.eq(State.MULTIPLY), n_steps.eq(1)]
            with m.Else():
                m.d.comb += ends.eq(1)
        with m.If(gets_data):
            m.d.comb += ends.eq(~from_port)
            m.d.sync += captured.eq(self.port_data)
            with m.If(from_port & ~self.port_stall):
                m.d.sync += state.eq(State.PORT)
        with m.If(gets_port):
            m.d.comb += ends.eq(1)
        with m.If(in_product):
            m.d.comb += ends.eq((n_steps == MULTIPLY_STEPS) | ((function == 0) & (n_steps == MULTIPLY_STEPS - 1)))
            m.d.sync += n_steps.eq(n_steps + 1)
        with m.If(ends):
            m.d.sync += [
                state.eq(Mux(executes & leaves, State.FETCH, State.READ)),
                pc.eq(Mux(executes & leaves, pc_target, pc_after)),
            ]
        m.d.comb += [multiplier.a.eq(a), multiplier.b.eq(b), multiplier.step.eq(Mux(executes, 0, n_steps[:2]))]

        # Stores, and the ports.
        narrow, lane1 = function[:2], Signal(8)
        m.d.comb += [
            self.executes.eq(executes),
            self.read.eq(executes & load & ~region[1]),
            self.write.eq(executes & store & ~region[1]),
            self.port_wants.eq(executes & load),
            self.port_read.eq(gets_data & from_port),
            lane1.eq(Mux(narrow == 0, b[:8], b[8:16])),
            self.write_data.eq(Cat(b[:8], lane1, Mux(narrow[1], b[16:], Cat(b[:8], lane1)))),
            self.mask.eq(Mux(narrow[1], 0b1111, Mux(narrow[0], Const(0b11, 4), Const(0b1, 4)) << total[:2])),
        ]
        m.d.sync += self.port_write.eq(executes & store & in_ports)
        with m.If(executes):
            m.d.sync += [self.port_addr.eq(total[2:10]), self.port_value.eq(b)]

        # Results.
        loaded = self._loaded(Mux(from_program, word.data, self.data), low_bits, function)
        computed, result = Signal(32), Signal(32)
        m.d.comb += [
            computed.eq(
                Mux(sums, total, 0)
                | Mux(logic, logical, 0)
                | Mux(shifts, shifted, 0)
                | Mux(compares, less, 0)
                | Mux(link, Cat(Const(0, 2), pc_after, Const(PROGRAM_BASE >> 14, 4)), 0)
            ),
            result.eq(
                Mux(executes, computed, 0)
                | Mux(gets_data, loaded, 0)
                | Mux(gets_port, captured, 0)
                | Mux(in_product, Mux(function == 0, multiplier.low, multiplier.high), 0)
            ),
        ]
        writes = Signal()
        m.d.comb += writes.eq(ends & ~(store | branch) & (destination != 0))
        for port in (first_write, second_write):
            m.d.comb += [port.addr.eq(destination), port.data.eq(result), port.en.eq(writes)]
        return m

    @staticmethod
    def _unsigned(function: Value, branch: Value) -> Value:
        """Whether a comparison is one without signs: SLTU, BLTU, BGEU."""
        return Mux(branch, function[1], function[0])

    @staticmethod
    def _shifted(m: Module, value: Value, amount: Value, *, left: Value, fill: Value) -> Value:
        """A barrel shifter to the right; to the left it goes in and comes out reversed."""
        # Each stage has a name: simulators written out as expressions would repeat an unnamed one.
        word = Signal(32, name="unshifted")
        m.d.comb += word.eq(Mux(left, value[::-1], value))
        for step in range(5):
            distance = 1 << step
            farther = Signal(32, name=f"shifted_by_{distance}")
            m.d.comb += farther.eq(Mux(amount[step], Cat(word[distance:], (fill & ~left).replicate(distance)), word))
            word = farther
        return Mux(left, word[::-1], word)

    @staticmethod
    def _loaded(word: Value, low_bits: Value, function: Value) -> Value:
        """Byte, half or word of a memory word, extended."""
        half = Mux(low_bits[1], word[16:], word[:16])
        byte = Mux(low_bits[0], half[8:], half[:8])
        extends = ~function[2]
        low = Mux(function[:2] == 0, Cat(byte, (byte[7] & extends).replicate(8)), half)
        high = Mux(function[1], word[16:], ((Mux(function[0], half[15], byte[7])) & extends).replicate(16))
        return Cat(low, high)
