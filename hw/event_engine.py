"""The NeuronGuard event engine: a field of neurons that pass events on, and learn from feedback along a chain."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.events import (
    FEEDBACK,
    ID_WIDTH,
    POTENTIAL,
    RECORD_WIDTH,
    TARGET_LOW,
    TARGET_NONE,
    THRESHOLD,
    THRESHOLD_LOW,
    WEIGHT,
    EventShape,
    Fault,
)
from hw.bank import Bank
from hw.bits import saturate
from hw.event_queue import EventQueue, queue_ports
from hw.guard_chain import GuardChain

__all__ = ["EVENT_WIDTH", "EventEngine"]

EVENT_WIDTH = ID_WIDTH + WEIGHT.width + 2
"""Bits of an event that waits: neuron, magnitude, train, punish."""


class EventEngine(wiring.Component):
    """Events from ``post`` and from neurons that fire wait in one queue and are worked off in its order.

    Run mode: potential += magnitude; at the threshold the neuron fires: potential 0, and an event of its weight for its
    target; neurons from ``first_class`` on only add up. Trainer mode (``post_train``): see :class:`GuardChain`.
    ``scan`` is winner take all over the class neurons. One event a cycle in Run mode, and a cycle for each one posted
    meanwhile; two cycles from the queue to the potential. ``shared``: the record memory and the queue are outside,
    behind ``record_addr``, ``record_read``, ``record_write``, ``record_value``, ``record_word`` and ``queue_*``.

    Ports, widths and cycles: ``docs/contract_guard.md``.
    """

    def __init__(self, shape: EventShape, *, shared: bool = False) -> None:
        self.shape, self.shared = shape, shared
        ports: dict[str, wiring.Member] = {
            "go": In(1),
            "post": In(1),
            "post_target": In(ID_WIDTH),
            "post_magnitude": In(signed(WEIGHT.width)),
            "post_train": In(1),
            "post_punish": In(1),
            "flush": In(1),
            "scan": In(1),
            "scan_clear": In(1),
            "host_read": In(1),
            "host_write": In(1),
            "host_neuron": In(ID_WIDTH),
            "host_potential": In(POTENTIAL.width),
            "host_record": In(RECORD_WIDTH),
            "last_neuron": In(ID_WIDTH),
            "first_class": In(ID_WIDTH),
            "reward": In(signed(FEEDBACK.width)),
            "punishment": In(signed(FEEDBACK.width)),
            "ready": Out(1),
            "level": Out(shape.queue_width + 1),
            "busy": Out(1),
            "lost": Out(1),
            "taken": Out(1),
            "chain_end": Out(1),
            "chain_reached": Out(1),
            "chain_length": Out(shape.guard_width + 1),
            "fault": Out(Fault),
            "fault_neuron": Out(ID_WIDTH),
            "scan_end": Out(1),
            "winner": Out(ID_WIDTH),
            "best": Out(signed(POTENTIAL.width)),
            "potential": Out(POTENTIAL.width),
            "record": Out(RECORD_WIDTH),
        }
        if shared:
            ports |= {
                "record_addr": Out(shape.neuron_width),
                "record_read": Out(1),
                "record_write": Out(1),
                "record_value": Out(RECORD_WIDTH),
                "record_word": In(RECORD_WIDTH),
                "queue_push": Out(1),
                "queue_push_data": Out(EVENT_WIDTH),
                "queue_pop": Out(1),
                "queue_flush": Out(1),
                "queue_valid": In(1),
                "queue_data": In(EVENT_WIDTH),
                "queue_level": In(shape.queue_width + 1),
            }
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        queue = self._queue(m)
        m.submodules.chain = chain = GuardChain(shape)
        m.submodules.potentials = potentials = memory.Memory(
            shape=signed(POTENTIAL.width), depth=shape.max_neurons, init=[]
        )
        reads, writes = potentials.read_port(), potentials.write_port()
        record = self._records(m)

        # B: the event whose neuron's potential and record were read in the cycle before.
        b_valid, b_train, b_punish, b_chained = Signal(), Signal(), Signal(), Signal()
        b_neuron, b_magnitude = Signal(ID_WIDTH), Signal(signed(WEIGHT.width))
        head_neuron, head_magnitude = Signal(ID_WIDTH), Signal(signed(WEIGHT.width))
        head_train, head_punish = Signal(), Signal()
        accepted, held, goes, take, quiet = Signal(), Signal(), Signal(), Signal(), Signal()
        scanning, scans, host_write, host_read = Signal(), Signal(), Signal(), Signal()
        # What the event before wrote is not what this one's read found, if both are of the same neuron.
        forward_valid, forward_same = Signal(), Signal()
        m.d.comb += [
            Cat(head_neuron, head_magnitude, head_train, head_punish).eq(queue.data),
            self.level.eq(queue.level),
            self.ready.eq(~queue.level[-1] & ~(b_valid & queue.level[:-1].all())),
            accepted.eq(self.post & self.ready & ~self.flush & (self.post_target <= self.last_neuron)),
            # A fired event and a posted one would need the queue in the same cycle.
            held.eq(accepted & b_valid),
            goes.eq(b_valid & ~accepted),
            quiet.eq(~chain.busy & ~scanning),
            take.eq(self.go & queue.valid & quiet & ~self.flush & ~(b_valid & (accepted | b_train))),
            queue.pop.eq(take),
            queue.flush.eq(self.flush),
            self.busy.eq(~quiet | b_valid | (self.go & queue.level.any())),
            scans.eq(self.scan & ~self.busy),
            host_write.eq(self.host_write & ~self.busy & ~self.scan),
            host_read.eq(self.host_read & ~self.host_write & ~self.busy & ~self.scan),
        ]
        m.d.sync += [
            b_valid.eq(take | held | chain.fetch),
            self.lost.eq(self.post & ~accepted),
            self.taken.eq(take),
        ]
        with m.If(take):
            m.d.sync += [
                forward_same.eq(head_neuron == b_neuron),
                b_neuron.eq(head_neuron),
                b_magnitude.eq(head_magnitude),
                b_train.eq(head_train),
                b_punish.eq(head_punish),
                b_chained.eq(0),
            ]
        with m.If(chain.fetch):
            m.d.sync += [b_neuron.eq(record.target), b_chained.eq(1)]

        # The potential after the event.
        forward_value = Signal(signed(POTENTIAL.width))
        before, total = Signal(signed(POTENTIAL.width)), Signal(signed(POTENTIAL.width + 1))
        arrived, after = Signal(signed(POTENTIAL.width)), Signal(signed(POTENTIAL.width))
        saved, carried, above = (Signal(POTENTIAL.width + 2, name=name) for name in ("saved", "carried", "above"))
        fires, fire, bad_target, runs = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            before.eq(Mux(forward_valid & forward_same, forward_value, reads.data)),
            arrived.eq(Mux(b_chained, chain.signal, b_magnitude)),
            total.eq(before + arrived),
            after.eq(saturate(total, POTENTIAL.width)),
            # The sum need not be saturated for this: two rows of carries side by side, not one behind the other.
            Cat(saved, carried).eq(carry_save(before, arrived, ~record.threshold, POTENTIAL.width + 2)),
            above.eq(saved + Cat(Const(1, 1), carried)),
            fires.eq(~above[-1]),
            bad_target.eq((record.target != TARGET_NONE) & (record.target > self.last_neuron)),
            fire.eq(fires & (b_neuron < self.first_class)),
            runs.eq(goes & ~b_train & ~(fire & bad_target)),
            queue.push.eq(accepted | (runs & fire & (record.target != TARGET_NONE))),
            queue.push_data.eq(
                Mux(
                    accepted,
                    Cat(self.post_target, self.post_magnitude, self.post_train, self.post_punish),
                    Cat(record.target, record.weight),
                )
            ),
            chain.lease.eq(goes & b_train),
            chain.neuron.eq(b_neuron),
            chain.fires.eq(fires),
            chain.target.eq(record.target),
            chain.bad_target.eq(bad_target),
            chain.magnitude.eq(b_magnitude),
            chain.weight.eq(record.weight),
            chain.feedback.eq(Mux(b_punish, self.punishment, self.reward)),
        ]
        with m.If(~held):
            m.d.sync += forward_valid.eq(runs)
        with m.If(runs):
            m.d.sync += forward_value.eq(Mux(fire, 0, after))
        m.d.sync += [
            self.fault.eq(chain.fault),
            self.fault_neuron.eq(Mux(chain.fault.any(), chain.fault_neuron, 0)),
        ]
        with m.If(goes & ~b_train & fire & bad_target):
            m.d.sync += [self.fault.eq(Fault.TARGET), self.fault_neuron.eq(b_neuron)]
        for name in ("chain_end", "chain_reached", "chain_length"):
            m.d.comb += getattr(self, name).eq(getattr(chain, name))

        # Winner take all: the word read is that of b_neuron.
        scan_neuron, scan_class = Signal(ID_WIDTH), Signal(ID_WIDTH)
        seen, more, clears = Signal(), Signal(), Signal()
        m.d.sync += self.scan_end.eq(scanning & ~more)
        with m.If(scans):
            m.d.sync += [
                scanning.eq(1),
                scan_neuron.eq(self.first_class),
                scan_class.eq(0),
                seen.eq(0),
                more.eq(1),
                clears.eq(self.scan_clear),
            ]
        with m.If(scanning):
            m.d.sync += scanning.eq(more)
            with m.If(more):
                m.d.sync += [
                    b_neuron.eq(scan_neuron),
                    scan_neuron.eq(scan_neuron + 1),
                    seen.eq(1),
                    more.eq(scan_neuron != self.last_neuron),
                ]
            with m.If(seen):
                m.d.sync += scan_class.eq(scan_class + 1)
                with m.If((scan_class == 0) | (reads.data > self.best)):
                    m.d.sync += [self.best.eq(reads.data), self.winner.eq(scan_class)]

        # Who reads and writes; never two at once.
        neuron = Signal(ID_WIDTH)
        m.d.comb += [
            neuron.eq(head_neuron),
            reads.en.eq(take | chain.fetch | (scanning & more) | host_read),
            reads.addr.eq(neuron),
            writes.addr.eq(b_neuron),
            writes.data.eq(Mux(fire, 0, after)),
            writes.en.eq(runs | chain.release | (scanning & seen & clears) | host_write),
            self.potential.eq(reads.data),
            self.record.eq(record.word),
            record.addr.eq(neuron),
            record.read.eq(take | chain.fetch | chain.release | host_read),
            record.write.eq(chain.store | host_write),
            record.value.eq(Cat(chain.new_weight, record.word[TARGET_LOW:])),
        ]
        with m.If(chain.fetch):
            m.d.comb += neuron.eq(record.target)
        with m.Elif(scanning):
            m.d.comb += [neuron.eq(scan_neuron), writes.data.eq(0)]
        with m.Elif(chain.busy):
            m.d.comb += [neuron.eq(chain.guard), writes.addr.eq(chain.guard), writes.data.eq(0)]
        with m.Else():
            # The host comes where nothing waits to be taken, and nothing is in B; asked so because it is known early.
            with m.If(~(self.go & queue.valid)):
                m.d.comb += [neuron.eq(self.host_neuron), record.value.eq(self.host_record)]
            with m.If(~b_valid):
                m.d.comb += [writes.addr.eq(self.host_neuron), writes.data.eq(self.host_potential)]
        return m

    def _queue(self, m: Module) -> Any:
        """The event queue's ports, here or outside."""
        if not self.shared:
            m.submodules.queue = queue = EventQueue(width=EVENT_WIDTH, depth_width=self.shape.queue_width)
            return queue
        ports = queue_ports(width=EVENT_WIDTH, depth_width=self.shape.queue_width)
        port = wiring.Signature(ports).create(path=("queue_port",))
        for name, member in ports.items():
            inner, outer = getattr(port, name), getattr(self, f"queue_{name}")
            m.d.comb += outer.eq(inner) if member.flow is In else inner.eq(outer)
        return port

    def _records(self, m: Module) -> "RecordPort":
        """The port of the record memory, here or outside."""
        port = RecordPort(self.shape)
        if self.shared:
            m.d.comb += [
                self.record_addr.eq(port.addr),
                self.record_read.eq(port.read),
                self.record_write.eq(port.write),
                self.record_value.eq(port.value),
                port.word.eq(self.record_word),
            ]
            return port
        m.submodules.records = bank = Bank(width=RECORD_WIDTH, addr_width=self.shape.neuron_width)
        m.d.comb += [
            bank.addr.eq(port.addr),
            bank.read.eq(port.read),
            bank.write.eq(port.write),
            bank.write_data.eq(port.value),
            port.word.eq(bank.data),
        ]
        return port


def carry_save(a: Value, b: Value, c: Value, width: int) -> Value:
    """a + b + c of signed values as two numbers of ``width`` bits: the sum is the first plus twice the second."""
    bits = [[value[min(bit, len(value) - 1)] for value in (a, b, c)] for bit in range(width)]
    return Cat(*[x ^ y ^ z for x, y, z in bits], *[(x & y) | (z & (x | y)) for x, y, z in bits])


class RecordPort:
    """The port of the record memory, and the parts of the word last read: ``weight``, ``target``, ``threshold``."""

    def __init__(self, shape: EventShape) -> None:
        self.addr = Signal(shape.neuron_width, name="record_port_addr")
        self.read, self.write = Signal(name="record_port_read"), Signal(name="record_port_write")
        self.value, self.word = (
            Signal(RECORD_WIDTH, name="record_port_value"),
            Signal(RECORD_WIDTH, name="record_port_word"),
        )
        self.weight = self.word[: WEIGHT.width].as_signed()
        self.target = self.word[TARGET_LOW : TARGET_LOW + ID_WIDTH]
        self.threshold = self.word[THRESHOLD_LOW : THRESHOLD_LOW + THRESHOLD.width].as_signed()
