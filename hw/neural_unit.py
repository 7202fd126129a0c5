"""Neuron unit of a slice: the tick engine and the units that work on the neurons of one core, one neuron at a time."""

from collections.abc import Callable

from amaranth.hdl import Array as Choice
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    COUNT_WIDTH,
    INDEX_WIDTH,
    NODE_WIDTH,
    WEIGHT_WIDTH,
)
from golden.spec.neural import (
    BRANCH,
    INHIBITION_FACTOR,
    MEMBRANE,
    REFRACTORY_RAW,
    RESONANCE_ONE,
)
from golden.spec.neural_commands import TickPart
from hw.bits import saturate
from hw.bridge import CurrentBridge
from hw.divider import Divider, ratio_factor
from hw.lif import LifOp
from hw.neural_access import COLUMNS, neuron_fields, single_access
from hw.neural_ports import NeuralOp, neuron_ports
from hw.neural_score import SHARE_SHIFT, TRACE_SHIFT, SearchScore
from hw.neuron_store import context_width
from hw.pattern import PatternUnit
from hw.tick import TickEngine
from hw.wta import WinnerTakeAll

__all__ = ["NeuronUnit"]

REFRACTORY_BIT = REFRACTORY_RAW.bit_length() - 1
assert 1 << REFRACTORY_BIT == REFRACTORY_RAW
SEARCH_PARTS = (
    TickPart.DENDRITES | TickPart.CLEAR | TickPart.STEP | TickPart.HOMEOSTASIS | TickPart.RECORD | TickPart.TO_BRANCH
)
"""What a tick of the neuromorphic search does."""


class NeuronUnit(wiring.Component):
    """Works for the core at ``context``, ``count`` and ``neuron_index``, steady while it is busy.

    ``neural_op`` starts an operation, ``neural_busy`` follows. Outside operations, ``reset`` (parts, of neuron
    ``reset_node``), ``write_neuron`` (field ``value`` of neuron ``neuron_index`` from ``data``), ``inject_branch`` and
    ``admit`` (adds ``admitted`` to the spikes from outside) act at once, on what was addressed a cycle before.
    While ``capture``, the score keeps the distances of neurons. Cycles: docs/contract_fabric.md.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            neuron_ports(config)
            | {
                "context": In(context_width(config.contexts_per_slice)),
                "count": In(COUNT_WIDTH),
                "word": In(NODE_WIDTH),
                "weight": In(WEIGHT_WIDTH),
                "graph_read": Out(1),
                "graph_row": Out(INDEX_WIDTH),
                "weight_row": Out(INDEX_WIDTH),
                "weight_write": Out(1),
                "weight_write_row": Out(INDEX_WIDTH),
                "weight_value": Out(WEIGHT_WIDTH),
                "ticking": Out(1),
                "distance_valid": In(1),
                "distance": In(signed(config.key_width)),
                "distance_index": In(INDEX_WIDTH),
                "near_key": In(signed(config.key_width)),
                "rank": Out(3),
                "clear_list": Out(1),
                "push": Out(1),
                "push_key": Out(signed(config.key_width)),
                "push_index": Out(INDEX_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.engine = self._engine = engine = TickEngine(config.contexts_per_slice)
        m.submodules.divider = self._divider = divider = Divider(config)
        m.submodules.bridge = self._bridge = bridge = CurrentBridge(config)
        m.submodules.wta = self._wta = wta = WinnerTakeAll()
        m.submodules.patterns = self._patterns = patterns = PatternUnit()
        m.submodules.score = self._score = score = SearchScore(config)
        store = engine.store

        op = Signal(NeuralOp)
        # The neuron at work, and the one before, whose data are there while neurons stream.
        node, before, landed = Signal(INDEX_WIDTH), Signal(INDEX_WIDTH), Signal()
        last, some, second = Signal(), Signal(), Signal()
        membrane = Signal(signed(MEMBRANE.width))
        m.d.comb += [
            last.eq(node + 1 >= self.count),
            some.eq(self.count != 0),
            membrane.eq(store.membrane_data),
            bridge.distance.eq(self.entry_key),
            bridge.one.eq(self.distance_one),
            bridge.gain.eq(self.gain),
            bridge.quotient.eq(divider.quotient),
            patterns.index.eq(Mux(op == NeuralOp.PATTERNS, before, node)),
            patterns.history.eq(store.history_data),
            patterns.target.eq(self.data),
            patterns.own.eq(self.neuron_index),
            patterns.most.eq(self.value),
            wta.index.eq(before),
            wta.membrane.eq(membrane),
            wta.inhibition.eq(engine.lif_result),
            wta.eligible.eq((op != NeuralOp.COMPETE) | self.value[0] | store.elapsed_data[REFRACTORY_BIT:].any()),
            score.count.eq(self.count),
            score.node.eq(node),
            score.near_key.eq(self.near_key),
            score.quotient.eq(divider.quotient),
            score.lif_result.eq(engine.lif_result),
            score.trace.eq(store.trace_data),
            score.resonance.eq(self.resonance),
            score.context.eq(self.context),
            score.tap_valid.eq(engine.tap_valid),
            score.tap_index.eq(engine.tap_index),
            score.ahead_index.eq(engine.ahead_index),
            score.tap_membrane.eq(engine.tap_membrane),
            score.tap_active.eq(engine.tap_active),
            score.fired.eq(engine.fired),
            score.restart.eq(self.reset.any()),
            score.captured.eq(self.capture & self.distance_valid),
            score.glimpses_value.eq(self.data),
            score.captured_key.eq(self.distance),
            score.captured_index.eq(self.distance_index),
            self.spikes.eq(engine.spikes),
            engine.slot.eq(self.value),
            engine.added.eq(saturate(self.data, BRANCH.width)),
        ]
        m.d.sync += before.eq(node)
        self._settings(m, op)
        self._operands(m, op, node, second, membrane)

        def write(column: str, value: ValueLike) -> None:
            m.d.comb += [
                engine.write_field.eq(1),
                engine.field.eq(COLUMNS.index(column)),
                engine.value.eq(value),
            ]

        def advance(first: str, then: str) -> None:
            """On to the next neuron, or from the last one to the next part."""
            with m.If(last):
                m.d.sync += node.eq(0)
                m.next = then
            with m.Else():
                m.d.sync += node.eq(node + 1)
                m.next = first

        def advance_softening() -> None:
            with m.If(op == NeuralOp.COMPETE):
                advance("ADDRESS", "IDLE")
            with m.Else():
                advance("ADDRESS", "ITERATE")

        m.d.comb += engine.node.eq(node)
        with m.FSM() as fsm:
            m.d.comb += self.neural_busy.eq(~fsm.ongoing("IDLE") | engine.busy)
            with m.State("IDLE"):
                m.d.comb += engine.node.eq(self.neuron_index)
                m.d.sync += [op.eq(self.neural_op), node.eq(0), second.eq(0), landed.eq(0)]
                single_access(m, self, engine, score, write)
                with m.Switch(self.neural_op):
                    with m.Case(NeuralOp.TICK):
                        m.d.comb += engine.start.eq(1)
                    with m.Case(NeuralOp.COMPETE, NeuralOp.PATTERNS, NeuralOp.ACTIVITY):
                        m.d.comb += [wta.clear.eq(1), patterns.clear.eq(1), score.clear_sums.eq(1)]
                        m.next = "WALK"
                    with m.Case(NeuralOp.SIMILARITY):
                        m.d.sync += node.eq(self.neuron_index)
                        m.next = "ADDRESS"
                    with m.Case(NeuralOp.SPIKE_SEARCH):
                        m.next = "ADDRESS"
                    with m.Case(NeuralOp.NEURO_SEARCH):
                        m.d.comb += score.begin.eq(1)
                        m.next = "LEAST"
                    with m.Case(NeuralOp.INJECT):
                        m.d.sync += node.eq(self.neuron_index)
                        m.d.comb += [
                            engine.lif_valid.eq(1),
                            engine.lif_op.eq(LifOp.INJECT),
                            engine.lif_current.eq(saturate(self.data, MEMBRANE.width)),
                        ]
                        m.next = "INJECT"
                    with m.Case(NeuralOp.INJECT_RESULT, NeuralOp.RESONATE):
                        # The divider takes its numerator now, the denominator later.
                        resonates = self.neural_op == NeuralOp.RESONATE
                        m.d.comb += [
                            divider.start.eq(1),
                            divider.numerator.eq(Mux(resonates, self.resonance, bridge.numerator)),
                            self.phase_index.eq(self.entry_index),
                        ]
                        m.d.sync += node.eq(self.entry_index)
                        m.next = "DIVIDE"

            # One neuron a cycle: its address, and in the next cycle what is done with its data.
            with m.State("WALK"):
                m.d.sync += [landed.eq(some), node.eq(Mux(last, 0, node + 1))]
                with m.If(last):
                    m.next = "LAND"
            with m.State("LAND"):
                m.d.sync += landed.eq(0)
                m.next = "DECIDE"
                with m.If(second):
                    m.next = "IDLE"
            with m.State("DECIDE"):
                m.d.sync += second.eq(1)
                m.next = "IDLE"
                with m.If(op == NeuralOp.NEURO_SEARCH):
                    m.next = "ITERATE"
                with m.If(((op == NeuralOp.COMPETE) | (op == NeuralOp.NEURO_SEARCH)) & ~wta.winner[-1]):
                    m.next = "ADDRESS"
                    with m.If((op == NeuralOp.COMPETE) & ~self.value[0]):
                        m.next = "WALK"

            # Several cycles a neuron: its address, a look at its data, a division, products.
            with m.State("ADDRESS"):
                m.next = "LOOK"
                with m.If(~some):
                    m.next = "IDLE"
                    with m.If(op == NeuralOp.NEURO_SEARCH):
                        m.next = "ITERATE"
            with m.State("LOOK"):
                m.d.comb += [divider.start.eq(1), score.look.eq(1)]
                m.next = "DIVIDE"
                with m.Switch(op):
                    with m.Case(NeuralOp.SIMILARITY, NeuralOp.SPIKE_SEARCH):
                        m.next = "COUNT"
                    with m.Case(NeuralOp.COMPETE, NeuralOp.NEURO_SEARCH), m.If(second & (membrane == 0)):
                        advance_softening()
            with m.State("COUNT"):
                m.d.comb += divider.start.eq(1)
                m.next = "DIVIDE"
            with m.State("DIVIDE"), m.If(divider.done):
                m.d.comb += engine.lif_valid.eq(1)
                m.next = "PRODUCT"
                with m.Switch(op):
                    with m.Case(NeuralOp.SPIKE_SEARCH):
                        m.d.comb += self.push.eq(1)
                        advance("ADDRESS", "IDLE")
                    with m.Case(NeuralOp.SIMILARITY):
                        m.next = "IDLE"
                    with m.Case(NeuralOp.INJECT_RESULT):
                        m.d.comb += [engine.lif_membrane.eq(0), engine.lif_current.eq(bridge.current)]
                    with m.Case(NeuralOp.RESONATE):
                        m.d.comb += engine.lif_membrane.eq(saturate(self.entry_key, MEMBRANE.width))
                    with m.Case(NeuralOp.NEURO_SEARCH), m.If(~second):
                        m.d.comb += score.drive.eq(1)
                        write("membrane", Cat(Const(0, 5), divider.quotient))
                        advance("ADDRESS", "ITERATE")
            with m.State("PRODUCT"):
                m.next = "AGAIN"
            with m.State("AGAIN"):
                m.d.comb += [engine.lif_valid.eq(1), engine.lif_membrane.eq(engine.lif_result)]
                with m.If(op == NeuralOp.INJECT_RESULT):
                    m.d.comb += [
                        engine.lif_op.eq(LifOp.INJECT),
                        engine.lif_membrane.eq(membrane),
                        engine.lif_current.eq(engine.lif_result),
                    ]
                m.next = "INJECT"
            with m.State("INJECT"):
                with m.If(op == NeuralOp.RESONATE):
                    m.d.comb += engine.lif_factor.eq(self.data)
                m.next = "WRITE"
            with m.State("WRITE"):
                m.next = "IDLE"
                with m.If(op == NeuralOp.RESONATE):
                    m.d.comb += self.push.eq(1)
                with m.Else():
                    write("membrane", engine.lif_result)
                with m.If((op == NeuralOp.COMPETE) | (op == NeuralOp.NEURO_SEARCH)):
                    advance_softening()

            # The neuromorphic search.
            # The least distance was on the list's outputs in the cycle before, the fifth is in this one.
            with m.State("LEAST"):
                m.d.comb += [self.rank.eq(Mux(self.count < 5, self.count - 1, 4)), score.take_least.eq(1)]
                m.next = "FIFTH"
            with m.State("FIFTH"):
                m.d.comb += score.take_fifth.eq(1)
                m.next = "ADDRESS"
            with m.State("ITERATE"):
                m.d.comb += wta.clear.eq(1)
                with m.If(score.iteration == self.neuron_index):
                    m.d.comb += score.clear_sums.eq(1)
                    m.next = "SCORE_ADDRESS"
                with m.Else():
                    m.d.comb += [engine.start.eq(1), self.oscillate.eq(1)]
                    m.next = "TICK"
            with m.State("TICK"):
                m.d.comb += score.listen.eq(1)
                m.d.sync += [second.eq(0), landed.eq(0), node.eq(0)]
                with m.If(~engine.busy):
                    m.d.comb += score.next_iteration.eq(1)
                    m.next = "WALK"
            self._scoring(m, advance, write)
        with m.If(landed):
            m.d.comb += [
                wta.scan.eq(~second),
                patterns.valid.eq(1),
                score.add_rate.eq(op == NeuralOp.ACTIVITY),
            ]
            with m.If(second):
                m.d.comb += engine.behind.eq(1)
                write("membrane", wta.out_membrane)
        m.d.comb += score.rate.eq(store.rate_data)
        return m

    def _settings(self, m: Module, op: Value) -> None:
        """Registers, memories and the context: what the tick engine sees."""
        engine = self._engine
        for name in ("context", "count", "dt", "leak", "rate_factor", "target_step", "gain", "word", "weight"):
            m.d.comb += getattr(engine, name).eq(getattr(self, name))
        for name in ("graph_read", "graph_row", "weight_row", "weight_write", "weight_write_row", "weight_value"):
            m.d.comb += getattr(self, name).eq(getattr(engine, name))
        m.d.comb += [
            self.ticking.eq(engine.busy),
            engine.parts.eq(Mux(op == NeuralOp.NEURO_SEARCH, SEARCH_PARTS, self.value)),
        ]

    def _operands(self, m: Module, op: Value, node: Value, second: Value, membrane: Value) -> None:
        """What the divider works on, what is pushed, and what is answered, by operation."""
        engine, divider, bridge, patterns, score = (
            self._engine,
            self._divider,
            self._bridge,
            self._patterns,
            self._score,
        )
        twice = Signal(signed(self.config.key_width + 2))
        similarity = Mux(patterns.total == 0, 0, divider.quotient)
        m.d.comb += [
            divider.numerator.eq(Mux(membrane[-1], -membrane, membrane)[: MEMBRANE.width]),
            divider.denominator.eq(self._wta.maximum),
            engine.lif_op.eq(LifOp.SCALE),
            engine.lif_membrane.eq(membrane),
            engine.lif_factor.eq(ratio_factor(divider.quotient)),
            twice.eq((self.entry_key << 1) - engine.lif_result),
            self.phase_index.eq(node),
            self.push_key.eq(similarity),
            self.push_index.eq(node),
        ]
        with m.Switch(op):
            with m.Case(NeuralOp.SIMILARITY, NeuralOp.SPIKE_SEARCH):
                m.d.comb += [
                    divider.numerator.eq(patterns.distance),
                    divider.denominator.eq(patterns.total),
                    self.neural_answer.eq(Cat(similarity, Const(0, 32 - len(divider.quotient)), 1)),
                ]
            with m.Case(NeuralOp.NEURO_SEARCH):
                m.d.comb += self.push_key.eq(score.final_key)
                with m.If(~second):
                    m.d.comb += [divider.numerator.eq(score.share), divider.denominator.eq(score.share)]
            with m.Case(NeuralOp.INJECT_RESULT):
                m.d.comb += divider.denominator.eq(bridge.denominator)
            with m.Case(NeuralOp.RESONATE):
                m.d.comb += [
                    divider.denominator.eq(RESONANCE_ONE),
                    self.push_key.eq(saturate(twice, self.config.key_width)),
                ]
            with m.Case(NeuralOp.COMPETE):
                m.d.comb += self.neural_answer.eq(self._wta.winner)
                with m.If(~self.value[0]):
                    # The pipeline needs the maximum two cycles ahead of the first membrane: in DECIDE.
                    m.d.comb += [
                        engine.lif_membrane.eq(self._wta.maximum),
                        engine.lif_factor.eq(INHIBITION_FACTOR),
                    ]
            with m.Case(NeuralOp.PATTERNS):
                m.d.comb += self.neural_answer.eq(Cat(patterns.mask, patterns.best))
            with m.Case(NeuralOp.ACTIVITY):
                m.d.comb += self.neural_answer.eq(score.sum_score)
            with m.Default():
                m.d.comb += self.neural_answer.eq(Choice(neuron_fields(engine, score))[self.value[:4]])

    def _scoring(self, m: Module, advance: Callable[[str, str], None], write: Callable[[str, ValueLike], None]) -> None:
        """The neuromorphic search after its iterations."""
        engine, score = self._engine, self._score

        def multiply(value: ValueLike) -> None:
            m.d.comb += [engine.lif_valid.eq(1), engine.lif_membrane.eq(value)]

        with m.State("SCORE_ADDRESS"):
            m.next = "SCORE_LOOK"
            with m.If(self.count == 0):
                m.next = "IDLE"
        with m.State("SCORE_LOOK"):
            multiply(score.late)
            m.next = "SCORE_PRODUCT"
        with m.State("SCORE_PRODUCT"):
            m.d.comb += engine.lif_factor.eq(score.volley << SHARE_SHIFT)
            m.next = "SCORE_WRITE"
        with m.State("SCORE_WRITE"):
            m.d.comb += score.store_score.eq(1)
            advance("SCORE_ADDRESS", "MEAN_ADDRESS")
        with m.State("MEAN_ADDRESS"):
            m.next = "MEAN_LOOK"
        with m.State("MEAN_LOOK"):
            multiply(score.late)
            m.next = "MEAN_TRACE"
        with m.State("MEAN_TRACE"):
            multiply(engine.store.trace_data << TRACE_SHIFT)
            m.d.comb += engine.lif_factor.eq(self.count << SHARE_SHIFT)
            m.next = "MEAN_SCORE"
        with m.State("MEAN_SCORE"):
            m.d.comb += [engine.lif_factor.eq(self.count << SHARE_SHIFT), score.compare_score.eq(1)]
            m.next = "MEAN_AGREE"
        with m.State("MEAN_AGREE"):
            m.d.comb += score.compare_trace.eq(1)
            advance("MEAN_ADDRESS", "SETTLE")
        with m.State("SETTLE"):
            m.d.comb += [score.settle.eq(1), self.clear_list.eq(1)]
            m.next = "FINAL_ADDRESS"
        with m.State("FINAL_ADDRESS"):
            m.next = "FINAL_LOOK"
        with m.State("FINAL_LOOK"):
            m.d.comb += self.push.eq(1)
            write("trace", score.new_trace)
            advance("FINAL_ADDRESS", "IDLE")
