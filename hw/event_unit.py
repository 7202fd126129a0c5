"""The event unit: both text classifiers behind AXI4-Lite registers."""

from collections.abc import Mapping

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.compact import N_BANKS, WORD_WIDTH
from golden.spec.event_registers import EventRegister, event_registers, event_registers_by_name
from golden.spec.event_unit import ROW_STRIDE, EventCommand, EventError, EventUnitShape
from golden.spec.events import (
    ID_WIDTH,
    TARGET_LOW,
    TARGET_NONE,
    THRESHOLD_LOW,
    WEIGHT_LOW,
)
from golden.spec.register import Access
from hw.axi_channels import AXI_LITE, AxiLiteChannels
from hw.bits import parts
from hw.classifier_memory import ClassifierMemory
from hw.compact import CompactClassifier
from hw.event_engine import EVENT_WIDTH, EventEngine
from hw.event_queue import EventQueue
from hw.text_session import TextSession

__all__ = ["EVENT_PORTS", "EventUnit"]

EVENT_PORTS = {f"s_axil_{name}": member for name, member in AXI_LITE.items()} | {"irq": Out(1)}
"""The ports of the unit."""

NOT_STORED = {
    *("ID", "VERSION", "CONFIG"),
    *("STATUS", "WINNER", "BEST", "SCORE", "CHAIN"),
    *("COMMAND", "TABLE_DATA", "CODEBOOK_DATA", "EVENT_HIGH", "POST"),
}
"""Registers that are constants, signals of the classifiers, or actions; the others are flip-flops here."""


class EventUnit(wiring.Component):
    """An AXI4-Lite subordinate with the registers of ``golden.spec.event_registers``, and an interrupt.

    Ports: ``s_axil_*`` (:data:`hw.axi_channels.AXI_LITE`) and ``irq``, level, active high. A transaction takes one
    cycle after its address (and data) are in; one that is refused answers SLVERR, changes nothing and leaves its reason
    in ERROR. Contract: ``docs/contract_event_unit.md``.
    """

    def __init__(self, shape: EventUnitShape) -> None:
        self.shape = shape
        super().__init__(EVENT_PORTS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, compact_shape = self.shape, self.shape.compact
        table, by_name = event_registers(shape), event_registers_by_name(shape)
        m.submodules.channels = bus = AxiLiteChannels()
        m.submodules.memory = memory = ClassifierMemory(shape)
        m.submodules.compact = compact = CompactClassifier(compact_shape, shared_banks=True)
        m.submodules.engine = engine = EventEngine(shape.engine, shared=True)
        m.submodules.queue = queue = EventQueue(
            width=max(EVENT_WIDTH, N_BANKS * compact_shape.row_width + WORD_WIDTH), depth_width=shape.queue_width
        )
        m.submodules.session = session = TextSession()
        for name, member in AXI_LITE.items():
            outer, inner = getattr(self, f"s_axil_{name}"), getattr(bus, name)
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)

        state = {
            name: Signal(register.width, name=name.lower(), init=register.reset)
            for name, register in by_name.items()
            if name not in NOT_STORED
        }
        data, guard, busy = bus.write_data, state["MODE"], session.busy
        level, ready = queue.level, Signal()
        m.d.comb += [
            ready.eq(Mux(guard, engine.ready, ~queue.level[-1])),
            self.irq.eq((state["IRQ_STATUS"] & state["IRQ_ENABLE"]).any()),
        ]
        views: dict[str, Value] = {
            **state,
            "STATUS": Cat(busy, self.irq, session.done, ready, Const(0, 12), level),
            "WINNER": Mux(guard, engine.winner, compact.winner),
            "BEST": Mux(guard, engine.best, compact.best),
            "SCORE": compact.score,
            "CHAIN": Cat(engine.chain_length, Const(0, 8 - len(engine.chain_length)), engine.chain_reached),
        }

        row_width = compact_shape.row_width
        event = Cat(state["EVENT_LOW"], data)
        rows, beyond = [], []
        for row in parts(event[: N_BANKS * ROW_STRIDE], ROW_STRIDE):
            rows.append(row[:row_width])
            beyond.append(row[row_width:])
        id_beyond = Signal()
        m.d.comb += id_beyond.eq(data[:ID_WIDTH] > state["LAST_NEURON"])
        full = [(~ready, EventError.FULL)]
        closed = [(session.closed, EventError.FINISHED)]
        finish = data[:2] == EventCommand.FINISH
        refusals: dict[str, list[tuple[Value, EventError]]] = {
            "COMMAND": [
                (~finish & (data[:2] != EventCommand.CLEAR), EventError.BAD_COMMAND),
                (finish & guard & ~session.has_classes, EventError.BAD_ARGUMENT),
                (finish & session.closed, EventError.FINISHED),
            ],
            "LAST_NEURON": [(data[shape.engine.neuron_width : ID_WIDTH].any(), EventError.BAD_ARGUMENT)],
            "NEURON": [(id_beyond, EventError.BAD_NEURON)],
            "TARGET": [(id_beyond & (data[:ID_WIDTH] != TARGET_NONE), EventError.BAD_NEURON)],
            "WEIGHT": [(state["NEURON"] > state["LAST_NEURON"], EventError.BAD_NEURON)],
            "EVENT_HIGH": [(Cat(*beyond).any(), EventError.BAD_ARGUMENT), *closed, *full],
            "POST": [(id_beyond, EventError.BAD_NEURON), *closed, *full],
        }
        read_error, write_error = Signal(EventError), Signal(EventError)
        m.d.comb += [read_error.eq(EventError.BAD_ADDRESS), write_error.eq(EventError.BAD_ADDRESS)]
        with m.Switch(bus.read_addr):
            for register in table:
                with m.Case(register.addr // 4):
                    shown = Const(0) if register.access is Access.WO else views.get(register.name, register.reset)
                    none = Const(EventError.NONE, len(read_error))
                    m.d.comb += [
                        bus.read_value.eq(shown),
                        read_error.eq(allowed(register, register.busy_read, busy, guard, none)),
                    ]
        with m.Switch(bus.write_addr):
            for register in table:
                with m.Case(register.addr // 4):
                    if not register.writable:
                        m.d.comb += write_error.eq(EventError.READ_ONLY)
                        continue
                    then: Value = Const(EventError.NONE, len(write_error))
                    for wrong, reason in reversed(refusals.get(register.name, [])):
                        then = Mux(wrong, reason, then)
                    then = allowed(register, register.busy_write, busy, guard, then)
                    m.d.comb += write_error.eq(Mux(bus.write_whole, then, EventError.PARTIAL_WRITE))
        m.d.comb += [
            bus.read_refused.eq(read_error != EventError.NONE),
            bus.write_refused.eq(write_error != EventError.NONE),
        ]
        lost = bus.write_goes & (write_error == EventError.FULL)
        raised = self._count(m, state, engine, session, compact.valid & compact.ready, lost)

        def writes(register: EventRegister) -> Signal:
            """1 in a cycle that performs a write to the register; without ``write_error``, which is ready later."""
            performed = Signal(name=f"writes_{register.name.lower()}")
            wrong = [~bus.write_whole, *[reason for reason, _ in refusals.get(register.name, [])]]
            if not register.busy_write:
                wrong.append(busy)
            if register.mode is not None:
                wrong.append(guard != register.mode)
            at_place = bus.write_addr == register.addr // 4
            m.d.comb += performed.eq(bus.write_goes & at_place & ~Cat(*wrong).any())
            return performed

        written = {register.name: writes(register) for register in table if register.writable}
        for name in [name for name in written if name in state and name != "IRQ_STATUS"]:
            with m.If(written[name]):
                m.d.sync += state[name].eq(data)
        with m.If(written["IRQ_STATUS"]):
            m.d.sync += state["IRQ_STATUS"].eq((state["IRQ_STATUS"] & ~data) | raised)
        with m.If(bus.read_goes & (read_error != EventError.NONE)):
            m.d.sync += state["ERROR"].eq(read_error)
        with m.If(bus.write_goes & (write_error != EventError.NONE)):
            m.d.sync += state["ERROR"].eq(write_error)

        # Texts.
        m.d.comb += [
            session.guard_mode.eq(guard),
            session.clear.eq(written["COMMAND"] & ~finish),
            session.finish.eq(written["COMMAND"] & finish),
            session.switch.eq(written["MODE"]),
            session.run.eq(state["RUN"]),
            session.has_classes.eq(state["FIRST_CLASS"] <= state["LAST_NEURON"]),
            session.waits.eq(level.any()),
            session.compact_done.eq(compact.done),
            session.engine_busy.eq(engine.busy),
            session.scan_end.eq(engine.scan_end),
        ]

        # What is stored in the large memories is so a cycle later: by then it is known that it was not refused.
        stores_word, stores_codes, stores_neuron, loads = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            stores_word.eq(written["TABLE_DATA"]),
            stores_codes.eq(written["CODEBOOK_DATA"]),
            stores_neuron.eq(written["WEIGHT"]),
            loads.eq(written["NEURON"]),
        ]
        m.d.comb += bus.hold.eq(stores_word | stores_codes | stores_neuron | loads)

        # The compact classifier.
        of_score = Signal()
        m.d.comb += [
            of_score.eq(bus.read_goes & (bus.read_addr == by_name["SCORE"].addr // 4) & ~bus.read_refused),
            queue.push.eq(written["EVENT_HIGH"] | engine.queue_push),
            queue.push_data.eq(Mux(guard, engine.queue_push_data, Cat(*rows, event[N_BANKS * ROW_STRIDE :]))),
            queue.pop.eq(Mux(guard, engine.queue_pop, compact.ready)),
            queue.flush.eq(session.compact_clear | engine.queue_flush),
            Cat(compact.rows, compact.tag).eq(queue.data),
            compact.valid.eq(queue.valid & ~guard),
            compact.clear.eq(session.compact_clear),
            compact.finish.eq(session.compact_finish),
            compact.code_mask.eq(state["CODE_MASK"]),
            compact.last_class.eq(state["LAST_CLASS"]),
            compact.score_index.eq(state["SCORE_INDEX"]),
            compact.write.eq(stores_word | stores_codes),
            compact.write_codebook.eq(stores_codes),
            compact.write_addr.eq(state["MODEL_ADDR"]),
            compact.write_data.eq(data),
            memory.table_rows.eq(compact.bank_rows),
            memory.table_read.eq(compact.bank_read),
            memory.table_write.eq(compact.bank_write),
            memory.table_value.eq(compact.bank_value),
            compact.bank_words.eq(memory.words),
        ]
        with m.If(of_score):
            m.d.sync += state["SCORE_INDEX"].eq(state["SCORE_INDEX"] + 1)
        with m.If(compact.write):
            m.d.sync += state["MODEL_ADDR"].eq(state["MODEL_ADDR"] + 1)

        # The engine, and access to its neurons.
        m.d.comb += [
            engine.go.eq(session.engine_go),
            engine.post.eq(written["POST"]),
            engine.post_target.eq(data[:ID_WIDTH]),
            engine.post_magnitude.eq(state["MAGNITUDE"]),
            engine.post_train.eq(data[16]),
            engine.post_punish.eq(data[17]),
            engine.flush.eq(session.engine_flush),
            engine.scan.eq(session.scan),
            engine.scan_clear.eq(session.scan_clear),
            engine.host_read.eq(written["NEURON"]),
            engine.host_write.eq(stores_neuron),
            engine.host_neuron.eq(Mux(stores_neuron, state["NEURON"], data[:ID_WIDTH])),
            engine.host_potential.eq(state["POTENTIAL"]),
            engine.host_record.eq(Cat(state["WEIGHT"], state["TARGET"], state["THRESHOLD"])),
            engine.last_neuron.eq(state["LAST_NEURON"]),
            engine.first_class.eq(state["FIRST_CLASS"]),
            engine.reward.eq(state["REWARD"]),
            engine.punishment.eq(state["PUNISHMENT"]),
            memory.records.eq(guard),
            memory.record_addr.eq(engine.record_addr),
            memory.record_read.eq(engine.record_read),
            memory.record_write.eq(engine.record_write),
            memory.record_value.eq(engine.record_value),
            engine.record_word.eq(memory.words),
            engine.queue_valid.eq(queue.valid),
            engine.queue_data.eq(queue.data),
            engine.queue_level.eq(queue.level),
        ]
        with m.If(loads):
            m.d.sync += [
                state["POTENTIAL"].eq(engine.potential),
                state["WEIGHT"].eq(engine.record[WEIGHT_LOW:]),
                state["TARGET"].eq(engine.record[TARGET_LOW:]),
                state["THRESHOLD"].eq(engine.record[THRESHOLD_LOW:]),
            ]
        with m.If(stores_neuron):
            m.d.sync += state["NEURON"].eq(state["NEURON"] + 1)
        return m

    def _count(
        self,
        m: Module,
        state: Mapping[str, Signal],
        engine: EventEngine,
        session: TextSession,
        accepted: Value,
        lost: Value,
    ) -> Value:
        """Counters, the first fault, and what raises the interrupt (returned)."""
        fault, was_busy = Signal(), Signal()
        m.d.comb += fault.eq(engine.fault.any())
        m.d.sync += [
            was_busy.eq(session.busy),
            state["EVENTS"].eq(state["EVENTS"] + (accepted | engine.taken)),
            state["REACHED"].eq(state["REACHED"] + (engine.chain_end & engine.chain_reached)),
            state["LOST"].eq(state["LOST"] + (lost & ~state["LOST"].all())),
            state["FAULTS"].eq(state["FAULTS"] + (fault & ~state["FAULTS"].all())),
            state["CYCLES"].eq(Mux(session.clear | session.switch, 0, state["CYCLES"] + session.busy)),
        ]
        with m.If(fault & (state["FAULT"][:2] == 0)):
            m.d.sync += state["FAULT"].eq(Cat(engine.fault, Const(0, 6), engine.fault_neuron))
        raised = Signal(len(state["IRQ_STATUS"]))
        m.d.comb += raised.eq(Cat(session.finished, was_busy & ~session.busy, fault, lost))
        m.d.sync += state["IRQ_STATUS"].eq(state["IRQ_STATUS"] | raised)
        return raised


def allowed(register: EventRegister, busy_allowed: bool, busy: Value, guard: Value, then: Value) -> Value:
    """``then``, or why the register cannot be used now."""
    if not busy_allowed:
        then = Mux(busy, EventError.BUSY, then)
    if register.mode is not None:
        then = Mux(guard == register.mode, then, EventError.WRONG_MODE)
    return then
