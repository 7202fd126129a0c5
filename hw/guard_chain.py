"""Trainer mode of the event engine: the guards on a chain of neurons, its signals, and the feedback along it."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.events import FEEDBACK, ID_WIDTH, POTENTIAL, PRODUCT_CYCLES, TARGET_NONE, WEIGHT, EventShape, Fault
from hw.bits import saturate
from hw.chain_signal import ChainSignal

__all__ = ["GuardChain"]


class GuardChain(wiring.Component):
    """Leases neuron after neuron; at the chain's end closes the guards, last one first.

    ``lease`` (in phase RUN): the event arrived at ``neuron``, which ``fires`` or not. Where the chain goes on,
    ``fetch`` asks for the neuron ``target`` after the guards were searched for it and ``signal`` was made. Where it
    ends, ``release`` (LOAD) says that the potential of ``guard`` becomes 0 and its record is read, ``store`` (STORE)
    that ``new_weight`` is written to it. ``target`` and ``weight`` are those of the record last read.

    Latency and phases: ``docs/contract_guard.md``; 1 + 2n cycles close n guards.
    """

    def __init__(self, shape: EventShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "lease": In(1),
                "neuron": In(ID_WIDTH),
                "fires": In(1),
                "target": In(ID_WIDTH),
                "bad_target": In(1),
                "magnitude": In(signed(WEIGHT.width)),
                "weight": In(signed(WEIGHT.width)),
                "feedback": In(signed(FEEDBACK.width)),
                "busy": Out(1),
                "fetch": Out(1),
                "signal": Out(signed(POTENTIAL.width)),
                "release": Out(1),
                "store": Out(1),
                "guard": Out(ID_WIDTH),
                "new_weight": Out(signed(WEIGHT.width)),
                "fault": Out(Fault),
                "fault_neuron": Out(ID_WIDTH),
                "chain_end": Out(1),
                "chain_reached": Out(1),
                "chain_length": Out(shape.guard_width + 1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.shape.guard_width
        n_guards, k = Signal(width + 1), Signal(range(PRODUCT_CYCLES))
        reached, is_last, circle = Signal(), Signal(), Signal()
        hit, searched, now_full = Signal(), Signal(), Signal()

        m.submodules.guards = guards = memory.Memory(shape=ID_WIDTH, depth=self.shape.max_guards, init=[])
        read, write = guards.read_port(), guards.write_port()
        m.submodules.product = product = ChainSignal()
        closing_step = Signal()
        new_weight = Signal(signed(WEIGHT.width + 1))
        m.d.comb += [
            write.addr.eq(n_guards),
            write.data.eq(self.neuron),
            write.en.eq(self.lease),
            # A port is enabled where nothing is said.
            read.en.eq(0),
            self.guard.eq(read.data),
            hit.eq((k != 0) & (k <= n_guards) & (read.data == self.target)),
            searched.eq(Mux(product.is_one, k == n_guards, k == PRODUCT_CYCLES - 1)),
            now_full.eq(n_guards == self.shape.max_guards - 1),
            product.start.eq(self.lease),
            product.last.eq(k == PRODUCT_CYCLES - 1),
            product.magnitude.eq(self.magnitude),
            product.weight.eq(self.weight),
            self.signal.eq(product.signal),
            new_weight.eq(self.weight + self.feedback),
            self.new_weight.eq(saturate(new_weight, WEIGHT.width)),
            self.fault_neuron.eq(self.neuron),
        ]
        m.d.sync += self.chain_end.eq(0)

        with m.FSM() as fsm:
            with m.State("RUN"), m.If(self.lease):
                m.d.sync += [n_guards.eq(n_guards + 1), k.eq(0), circle.eq(0), reached.eq(0)]
                m.next = "OPEN"
                with m.If(self.fires):
                    with m.If(self.target == TARGET_NONE):
                        m.d.sync += reached.eq(1)
                    with m.Elif(self.bad_target):
                        m.d.comb += self.fault.eq(Fault.TARGET)
                    with m.Elif(now_full):
                        m.d.comb += self.fault.eq(Fault.GUARDS)
                    with m.Else():
                        m.next = "SIGNAL"
            with m.State("SIGNAL"):
                m.d.comb += [
                    product.step.eq(1),
                    product.finish.eq(searched & product.is_one),
                    read.en.eq(1),
                    read.addr.eq(k),
                ]
                m.d.sync += [k.eq(k + 1), circle.eq(circle | hit)]
                with m.If(searched):
                    m.next = "FETCH"
                    with m.If(circle | hit):
                        m.d.comb += [self.fault.eq(Fault.CIRCLE), self.fault_neuron.eq(self.target)]
                        m.next = "OPEN"
            with m.State("FETCH"):
                m.next = "RUN"
            with m.State("OPEN"):
                m.d.comb += [read.en.eq(1), read.addr.eq(n_guards - 1)]
                m.d.sync += [self.chain_length.eq(n_guards), self.chain_reached.eq(reached), is_last.eq(1)]
                m.next = "LOAD"
            with m.State("LOAD"):
                m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += [closing_step.eq(1), read.en.eq(1), read.addr.eq(n_guards - 2)]
                m.d.sync += [is_last.eq(0), n_guards.eq(n_guards - 1)]
                m.next = "LOAD"
                with m.If(n_guards == 1):
                    m.d.sync += self.chain_end.eq(1)
                    m.next = "RUN"
            m.d.comb += [
                self.busy.eq(~fsm.ongoing("RUN")),
                self.fetch.eq(fsm.ongoing("FETCH")),
                self.release.eq(fsm.ongoing("LOAD")),
                self.store.eq(closing_step & self.chain_reached & ~is_last),
            ]
        return m
