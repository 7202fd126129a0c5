"""Fabric: what the slices' neuron units share, and the order in which commands and time make them work."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, ValueLike
from amaranth.lib import wiring

from golden.spec import Config
from golden.spec.constants import (
    INDEX_WIDTH,
    MAX_NEIGHBOURS,
    VECTORS_PER_CORE,
)
from golden.spec.neural_commands import NeuralOpcode, NeuronField, ResetPart
from golden.spec.registers import REGION_QUERY, REGION_SCRATCH
from hw.encoder import SpikeEncoder
from hw.fabric_ports import PIN_PORTS, array_side_ports, fabric_ports
from hw.fabric_time import INLET_DEPTH, attach_inlet, attach_outlet, attach_time
from hw.neural_ports import NeuralOp
from hw.oscillator import GammaOscillator
from hw.pattern import popcount
from hw.reporter import SpikeReporter

__all__ = ["Fabric"]

RESET_OF_SEARCH = ResetPart.NETWORK | ResetPart.BRANCHES | ResetPart.HISTORIES
EVERYTHING = (1 << len(ResetPart)) - 1
AT_ONCE = {
    NeuralOpcode.COMPETE: NeuralOp.COMPETE,
    NeuralOpcode.COMPARE_PATTERNS: NeuralOp.PATTERNS,
    NeuralOpcode.ACTIVITY: NeuralOp.ACTIVITY,
    NeuralOpcode.SPIKE_SEARCH: NeuralOp.SPIKE_SEARCH,
}
"""Commands whose operation begins in their first cycle."""
IF_PRESENT = {
    NeuralOpcode.INJECT: NeuralOp.INJECT,
    NeuralOpcode.SPIKE_SIMILARITY: NeuralOp.SIMILARITY,
}
"""Commands that look first whether their neuron exists."""


class Fabric(wiring.Component):
    """A command begins with ``begin`` (its first busy cycle) and ends with ``finish``, or with ``turn``, when entries
    for the result list lie in the top-k lists. ``gather`` asks for a row in SCRATCH, ``resume`` tells that it is there;
    ``launch`` asks for an exact scan of the core. A tick by time begins with ``timed_start``, as the command
    ``timed_command`` that leaves no answer (``timed``).
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(PIN_PORTS | fabric_ports() | array_side_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.encoder = self._encoder = SpikeEncoder(self.config)
        m.submodules.reporter = self._reporter = SpikeReporter()
        self._timebase = attach_time(m, self)
        self._inlet = attach_inlet(m, self, self.config.cores)
        attach_outlet(m, self, self._reporter)
        self._oscillate(m)
        self._run(m)
        return m

    def _oscillate(self, m: Module) -> None:
        m.submodules.oscillator = self._oscillator = oscillator = GammaOscillator()
        self._steps, self._ticks, begins = Signal(), Signal(), Signal()
        m.d.comb += [
            begins.eq(self._ticks & self._timebase.phase_due),
            self._timebase.restarted.eq(begins),
            oscillator.step.eq(self._steps | self._ticks | self.unit_oscillates),
            oscillator.write.eq(begins | self.write_phase),
            oscillator.phase_step.eq(self.phase_step),
            oscillator.write_phase.eq(Mux(begins, 0, self.new_phase)),
            oscillator.cosine.eq(self.word[24]),
            oscillator.index.eq(Mux(self.neural_busy | self.walking, self.unit_phase_index, self.word[16:21])),
            self.resonance.eq(oscillator.resonance),
            self.phase.eq(oscillator.phase),
        ]

    def _run(self, m: Module) -> None:
        opcode, core, index, value = (self.word[low : low + 8] for low in (0, 8, 16, 24))
        config, inlet, reporter, encoder = self.config, self._inlet, self._reporter, self._encoder
        slices = config.slices
        exists, pattern_exists = Signal(), Signal()
        # All contexts, or a single core; which round, and which of its cores.
        every, place, number = Signal(), Signal(config.place_width), Signal(range(max(2, slices)))
        node, total, total_next = Signal(INDEX_WIDTH), Signal(14), Signal(14)
        drained = Signal(range(INLET_DEPTH + 1))
        scans, marks, element = Signal(), Signal(), Signal(4)
        last_element = Signal()
        last_round, last_of_round = Signal(), Signal()
        searches = (opcode == NeuralOpcode.SPIKE_SEARCH) | (opcode == NeuralOpcode.NEURO_SEARCH)
        m.d.comb += [
            exists.eq(index < self.reply_count),
            every.eq(index[0]),
            self.core.eq(core),
            self.unit_value.eq(value),
            self.unit_data.eq(self.data),
            self.result.eq(self.neural_answer),
            self.reset_node.eq(Mux(self.sweep, self.sweep_node, node)),
            last_round.eq(~every | (place == config.contexts_per_slice - 1)),
            last_of_round.eq(~every | (number == slices - 1)),
            total_next.eq(total + popcount(self.spikes)),
            last_element.eq(node[:4] + 1 == self.dims),
            self.buffer_addr.eq(
                Cat(node[:4], Mux(opcode == NeuralOpcode.ENCODE, Const(REGION_SCRATCH, 2), Const(REGION_QUERY, 2)))
            ),
            encoder.scan.eq(scans),
            encoder.encode.eq(marks),
            encoder.index.eq(element),
            encoder.stride.eq(self.dims >> 3),
            encoder.element.eq(self.buffer_element),
        ]
        m.d.sync += [scans.eq(0), marks.eq(0), element.eq(node)]
        with m.If(self.sweep):
            m.d.comb += [
                self.reset.eq(EVERYTHING),
                self.everywhere.eq(1),
                self.walks.eq(1),
                self.core.eq(self.sweep_place << config.slice_bits),
            ]

        def finish(*result: ValueLike) -> None:
            m.d.comb += self.finish.eq(1)
            if result:
                m.d.comb += self.result.eq(Cat(*result))
            m.next = "IDLE"

        def in_round() -> None:
            """The slices look at the core of the round."""
            m.d.comb += self.walks.eq(1)
            with m.If(every):
                m.d.comb += self.core.eq(Cat(number[: config.slice_bits], place))

        injects, elsewhere = opcode == NeuralOpcode.INJECT_RESULTS, Signal()
        m.d.comb += elsewhere.eq((self.entry_core != core) | (self.entry_index >= self.reply_count))

        def at_entry() -> None:
            """The slices look at the core of the entry, unless it is to be the command's."""
            with m.If(~injects):
                m.d.comb += [self.walks.eq(1), self.core.eq(self.entry_core)]

        def start() -> None:
            in_round()
            m.d.comb += [self.neural_op.eq(NeuralOp.TICK), self.everywhere.eq(every)]
            m.next = "RUN"

        with m.FSM() as fsm:
            m.d.comb += self.walking.eq(fsm.ongoing("ENTRY") | fsm.ongoing("ENTRY_WORK"))
            with m.State("IDLE"):
                m.d.sync += [place.eq(0), number.eq(0), node.eq(0), total.eq(0), drained.eq(0), pattern_exists.eq(0)]
                with m.If(self.begin):
                    m.next = "LOOK"
                    with m.Switch(opcode):
                        with m.Case(*AT_ONCE):
                            for name, op in AT_ONCE.items():
                                with m.If(opcode == name):
                                    m.d.comb += self.neural_op.eq(op)
                            m.d.comb += self.clear_results.eq(opcode == NeuralOpcode.SPIKE_SEARCH)
                            m.next = "WORK"
                        with m.Case(NeuralOpcode.INJECT_RESULTS, NeuralOpcode.RESONATE):
                            m.d.comb += [
                                self.rewind.eq(1),
                                self.clear_results.eq(opcode == NeuralOpcode.RESONATE),
                            ]
                            m.next = "ENTRY"
                        with m.Case(NeuralOpcode.NEURON_RESET, NeuralOpcode.NEURO_SEARCH):
                            m.next = "RESET"
                        with m.Case(NeuralOpcode.TICK):
                            m.next = "DRAIN"
                        with m.Case(NeuralOpcode.ENCODE_QUERY):
                            m.d.comb += encoder.clear.eq(1)
                            m.next = "MEASURE"
                        with m.Case(NeuralOpcode.OSCILLATE):
                            m.d.comb += self._steps.eq(1)

            # The second cycle: the core's count is there, and the fields of the addressed neuron.
            with m.State("LOOK"), m.Switch(opcode):
                with m.Case(NeuralOpcode.READ_NEURON, NeuralOpcode.WRITE_NEURON):
                    there = Signal()
                    m.d.comb += [
                        there.eq(~value[4:].any() & (~index[INDEX_WIDTH:].any() | (value[:4] >= NeuronField.SPIKES))),
                        self.write_neuron.eq(there & (opcode == NeuralOpcode.WRITE_NEURON)),
                    ]
                    with m.If(opcode == NeuralOpcode.WRITE_NEURON):
                        finish(there)
                    with m.Else():
                        finish(self.neural_answer[:32] & there.replicate(32), there)
                with m.Case(NeuralOpcode.INJECT_BRANCH):
                    m.d.comb += self.inject_branch.eq(exists & (value < MAX_NEIGHBOURS))
                    finish(self.inject_branch)
                with m.Case(*IF_PRESENT):
                    with m.If(exists):
                        for name, op in IF_PRESENT.items():
                            with m.If(opcode == name):
                                m.d.comb += self.neural_op.eq(op)
                        m.next = "WORK"
                    with m.Else():
                        finish(Const(0, 64))
                with m.Case(NeuralOpcode.ENCODE):
                    with m.If(exists):
                        m.d.comb += self.gather.eq(1)
                        m.d.sync += pattern_exists.eq(1)
                        m.next = "GATHER"
                    with m.Else():
                        finish(Const(0, 64))
                with m.Case(NeuralOpcode.OSCILLATE):
                    finish(self.phase)
                with m.Case(NeuralOpcode.RESONANCE):
                    finish(self._oscillator.resonance, Const(0, 12), self._oscillator.wave[:16])

            with m.State("WORK"), m.If(~self.neural_busy):
                with m.If(searches):
                    m.d.comb += self.turn.eq(1)
                    m.next = "IDLE"
                with m.Elif(opcode == NeuralOpcode.INJECT):
                    finish(Const(1, 64))
                with m.Else():
                    finish()

            with m.State("RESET"):
                in_all = every & (opcode == NeuralOpcode.NEURON_RESET)
                m.d.comb += [
                    self.reset.eq(Mux(opcode == NeuralOpcode.NEURON_RESET, value, RESET_OF_SEARCH)),
                    self.walks.eq(1),
                    self.everywhere.eq(in_all),
                    self.core.eq(Mux(in_all, place << config.slice_bits, core)),
                ]
                m.d.sync += node.eq(node + 1)
                with m.If(node.all()):
                    m.d.sync += place.eq(place + 1)
                    with m.If(opcode == NeuralOpcode.NEURO_SEARCH):
                        m.next = "LAUNCH"
                    with m.Elif(last_round):
                        finish(Const(0, 64))

            # The neuromorphic search: distances first.
            with m.State("LAUNCH"):
                m.d.comb += [self.launch.eq(1), self.clear_results.eq(1)]
                m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += self.capture.eq(1)
                with m.If(~self.slices_busy):
                    m.d.comb += self.neural_op.eq(NeuralOp.NEURO_SEARCH)
                    m.next = "WORK"

            # The result list, entry by entry.
            with m.State("ENTRY"):
                at_entry()
                with m.If(~self.entry_valid):
                    m.d.comb += self.rewind.eq(injects)
                    with m.If(injects):
                        finish(total)
                    with m.Else():
                        m.next = "LISTED"
                with m.Elif(Mux(injects, elsewhere, self.entry_core >= config.cores)):
                    m.d.comb += self.pop.eq(1)
                with m.Else():
                    m.d.comb += self.neural_op.eq(Mux(injects, NeuralOp.INJECT_RESULT, NeuralOp.RESONATE))
                    m.d.sync += total.eq(total + 1)
                    m.next = "ENTRY_WORK"
            with m.State("LISTED"):
                # A cycle later: a list that was cleared with the first cycle is empty in the third.
                m.d.comb += self.turn.eq(1)
                m.next = "IDLE"
            with m.State("ENTRY_WORK"):
                at_entry()
                with m.If(~self.neural_busy):
                    m.d.comb += self.pop.eq(1)
                    m.next = "ENTRY"

            # Spike times of a vector: the largest element, then a bit an element.
            with m.State("GATHER"):
                m.d.comb += encoder.clear.eq(1)
                with m.If(self.resume):
                    m.next = "MEASURE"
            with m.State("MEASURE"):
                m.d.sync += [scans.eq(1), node.eq(Mux(last_element, 0, node + 1))]
                with m.If(last_element):
                    m.next = "MARK"
            with m.State("MARK"):
                m.d.sync += [marks.eq(1), node.eq(Mux(last_element, 0, node + 1))]
                with m.If(last_element):
                    m.next = "MARKED"
            with m.State("MARKED"):
                m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += [
                    self.write_neuron.eq(pattern_exists),
                    self.unit_value.eq(NeuronField.HISTORY),
                    self.unit_data.eq(encoder.pattern),
                ]
                finish(encoder.pattern, pattern_exists)

            # Ticks: spikes from outside first, then round after round.
            with m.State("DRAIN"):
                m.d.comb += self.walks.eq(1)
                with m.If(inlet.valid & ~drained[-1]):
                    m.d.comb += self.core.eq(inlet.out_value[VECTORS_PER_CORE:])
                    m.next = "ADMIT"
                with m.Else():
                    start()
                    m.d.comb += self._ticks.eq(index[1])
            with m.State("ADMIT"):
                m.d.comb += [
                    self.walks.eq(1),
                    self.core.eq(inlet.out_value[VECTORS_PER_CORE:]),
                    self.admit.eq(1),
                    inlet.pop.eq(1),
                ]
                m.d.sync += drained.eq(drained + 1)
                m.next = "DRAIN"
            with m.State("START"):
                start()
            with m.State("RUN"):
                in_round()
                with m.If(~self.neural_busy):
                    m.next = "REPORT"
            with m.State("REPORT"):
                in_round()
                fired = self.spikes.any()
                m.d.comb += reporter.take.eq(fired & ~reporter.busy)
                with m.If(~fired | ~reporter.busy):
                    m.d.sync += total.eq(total_next)
                    with m.If(~last_of_round):
                        m.d.sync += number.eq(number + 1)
                    with m.Elif(last_round):
                        finish(total_next, Const(0, 32 - len(total_next)), Mux(every, 0, self.spikes))
                    with m.Else():
                        m.d.sync += [number.eq(0), place.eq(place + 1)]
                        m.next = "START"
