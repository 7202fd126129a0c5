"""Sequencer: turns commands into operations of the slices and of the shared units."""

from amaranth.hdl import Array as Choice
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring

from golden.spec import Config, Metric, Opcode
from golden.spec.commands import PEEKING
from golden.spec.constants import (
    INDEX_WIDTH,
    MAX_DIMS,
    MAX_RESULTS,
    MIN_BEAM_ROUNDS,
    NODE_WIDTH,
    RESULT_COUNT_WIDTH,
    VECTORS_PER_CORE,
)
from golden.spec.neural_commands import NeuralOpcode
from golden.spec.registers import REGION_DELTA, REGION_SCRATCH, REGION_VECTOR
from hw.bits import saturate, select
from hw.scaler import ScalerMode
from hw.sequencer_ports import sequencer_ports
from hw.slice import Poke, SliceOp

__all__ = ["Sequencer"]

SPIKING_BIT = 5
"""The bit of the opcode that tells the fabric's commands from the others."""
LISTING = (NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.RESONATE, NeuralOpcode.NEURO_SEARCH)
"""The fabric's commands that end with a result list."""


class Sequencer(wiring.Component):
    """One command at a time: ``start`` in cycle 0, ``busy`` in cycles 1..N; N by command in the cycle contract.

    States are phases: ``CLEAR`` (INIT empties place after place), ``DISPATCH``, ``REPLY`` (a looked-up node answers),
    ``NORMALISE`` and ``LOAD`` (a buffer goes through the scaler into the slices' insert operand), ``GATHER`` (sums
    come back through the scaler), ``WAIT`` (slices work), ``SCAN`` (slices search), ``COLLECT`` (results stream in).
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(sequencer_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        element = config.element_format

        # The largest alignment of a squared norm, (W - 2) / 2, needs no more bits than this.
        shift_bits = (config.norm_width // 2 - 1).bit_length()

        contexts = bool(config.contexts)
        quiet = self.quiet if contexts else Const(0, 1)
        # The command, held while it runs.
        word = Signal(32)
        opcode, core, index, value = (word[low : low + 8] for low in (0, 8, 16, 24))
        # What the slices start in DISPATCH is decoded a cycle ahead: their memories' addresses wait for it.
        launch, searches_all = Signal(len(SliceOp)), Signal()
        m.d.sync += launch.eq(SliceOp.NONE)
        with m.If(self.start):
            m.d.sync += [word.eq(self.command), searches_all.eq(0)]
            with m.Switch(self.command[:8]):
                with m.Case(Opcode.SEARCH):
                    m.d.sync += [
                        launch.eq(Mux(self.command[29], SliceOp.EXACT, SliceOp.BEAM)),
                        searches_all.eq(~self.command[30]),
                    ]
                with m.Case(*PEEKING):
                    m.d.sync += launch.eq(SliceOp.PEEK)
        m.d.comb += [self.op.eq(launch), self.everywhere.eq(searches_all)]

        cosine, exists = Signal(), Signal()
        k = Signal(RESULT_COUNT_WIDTH)
        k_field = value[:5]
        init_dims, init_last = Signal(5), Signal(4)
        place = Signal(config.place_width)
        region = Signal(2)
        normalise = Signal()
        m.d.comb += [
            # Nothing but a search scales its distances.
            cosine.eq((self.metric == Metric.COSINE) & ~(opcode[SPIKING_BIT] if contexts else 0)),
            self.dot.eq(self.metric != Metric.L2),
            exists.eq(index < self.reply_count),
            k.eq(Mux(k_field[4], MAX_RESULTS, k_field)),
            self.limit.eq(Mux(k < MIN_BEAM_ROUNDS, MIN_BEAM_ROUNDS, k)),
            init_dims.eq(Mux(value[4:].any(), MAX_DIMS, value)),
            init_last.eq((init_dims - 1) >> (config.lanes.bit_length() - 1)),
            self.core.eq(core),
            self.index.eq(index),
            self.poke_place.eq(core >> config.slice_bits),
            # Only links are wider than a byte.
            self.poke_value.eq(Cat(Mux(opcode == Opcode.WRITE_LINKS, self.data[:8], value), self.data[8:NODE_WIDTH])),
        ]

        # Places where the scaler's pipeline is used: what goes in, by phase.
        element_in, delta_in = Signal(signed(config.element_width)), Signal(signed(config.delta_format.width))
        m.d.comb += [element_in.eq(self.buffer_element), delta_in.eq(self.buffer_element)]
        load_dim, load_issue, load_valid, load_tag = Signal(4), Signal(), Signal(), Signal(4)
        m.d.sync += [load_valid.eq(load_issue), load_tag.eq(load_dim)]
        dim_in, dim_out = Signal(4), Signal(4)
        fed = Signal()
        # Rounding and saturation end in a register: the buffer memory is written a cycle later.
        written, write_value = Signal(), Signal.like(self.buffer_write_value)
        m.d.sync += [self.buffer_write.eq(written), self.buffer_write_value.eq(write_value)]
        data_key = saturate(self.data, config.key_width)
        updated = saturate(self.scaled_tag[: config.element_width].as_signed() + self.scaled_value, element.width)
        scaled_element = saturate(self.scaled_value, element.width)
        scaled_delta = saturate(self.scaled_value, config.delta_format.width)
        m.d.comb += [
            # The list looks at it while it collects only.
            self.list_occupied.eq(self.scaled_valid & ~self.norm_busy),
            self.scaler_enable.eq(1),
            self.scaler_y.eq(1),
            self.buffer_read_addr.eq(Cat(self.norm_addr, region)),
            self.operand_element.eq(self.scaled_tag),
            self.operand_value.eq(scaled_element),
            self.k.eq(k),
            self.keep.eq(value[7] & ~((opcode == NeuralOpcode.RESONATE) if contexts else 0)),
        ]
        neuron = Signal(INDEX_WIDTH)
        if contexts:
            m.d.comb += [
                self.neural_word.eq(word),
                self.sweep_node.eq(neuron),
                self.clear_results.eq(self.neural_clear),
            ]

        # The emptying after reset is no command: its opcode is 0.
        with m.If(self.start & ~quiet):
            m.d.sync += self.cycles.eq(0)
        with m.Elif(self.busy & (opcode != 0) & ~quiet):
            m.d.sync += self.cycles.eq(self.cycles + 1)

        with m.FSM(init="CLEAR") as fsm:

            def finish(answer=None) -> None:
                """Ends the command with this cycle."""
                m.d.comb += self.done.eq(~quiet)
                m.d.sync += self.busy.eq(0)
                if answer is not None:
                    m.d.sync += self.answer.eq(Mux(quiet, self.answer, answer))
                m.next = "IDLE"

            def load(source: int, *, unit) -> None:
                """Goes on with loading a region of the buffer memory into the insert operand."""
                m.d.sync += [region.eq(source), load_dim.eq(0), normalise.eq(unit)]
                with m.If(unit):
                    m.d.comb += self.norm_start.eq(1)
                    m.next = "NORMALISE"
                with m.Else():
                    m.next = "LOAD"

            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [self.busy.eq(1), place.eq(0)]
                m.next = "DISPATCH"

            with m.State("CLEAR"):
                m.d.comb += [
                    self.poke.eq(Poke.COUNT),
                    self.poke_everywhere.eq(1),
                    self.poke_place.eq(place),
                    self.poke_value.eq(0),
                ]
                if contexts:
                    m.d.comb += self.sweep.eq(1)
                    m.d.sync += [neuron.eq(neuron + 1), place.eq(place + neuron.all())]
                else:
                    m.d.sync += place.eq(place + 1)
                with m.If((place == config.cores_per_slice - 1) & (neuron.all() if contexts else 1)):
                    # After reset there is no command to report on.
                    m.d.comb += self.done.eq(opcode == Opcode.INIT)
                    m.d.sync += self.busy.eq(0)
                    m.next = "IDLE"

            with m.State("DISPATCH"):
                m.d.comb += self.scaler_clear.eq(1)
                m.d.sync += [self.answer.eq(Mux(quiet, self.answer, 0)), fed.eq(0), dim_in.eq(0), dim_out.eq(0)]
                with m.Switch(opcode):
                    with m.Case(Opcode.INIT):
                        m.d.sync += [
                            self.dims.eq(init_dims),
                            self.last_chunk.eq(init_last),
                            self.metric.eq(Mux(index > Metric.DOT, Metric.L2, index)),
                        ]
                        m.next = "CLEAR"
                    with m.Case(Opcode.CLEAR, Opcode.SET_COUNT):
                        m.d.comb += self.poke.eq(Poke.COUNT)
                        with m.If(opcode == Opcode.CLEAR):
                            m.d.comb += self.poke_value.eq(0)
                        with m.Elif(value[5:].any()):
                            m.d.comb += self.poke_value.eq(VECTORS_PER_CORE)
                        finish()
                    with m.Case(Opcode.CLEAR_RESULTS):
                        m.d.comb += self.list_clear.eq(1)
                        finish()
                    with m.Case(Opcode.MERGE):
                        m.d.comb += [self.collect.eq(1), self.keep.eq(1), self.k.eq(1)]
                        m.next = "COLLECT"
                    with m.Case(Opcode.SEARCH):
                        m.d.comb += [
                            self.clear_results.eq(1),
                            # Nothing waits for it when k = 0: it would still be at work in the next command.
                            self.norm_start.eq(cosine & (k != 0)),
                        ]
                        m.d.sync += region.eq(0)
                        m.next = "SCAN"
                    with m.Case(Opcode.INSERT):
                        load(REGION_VECTOR, unit=cosine)
                    with m.Case(*PEEKING):
                        m.next = "REPLY"
                    if contexts:
                        with m.Case(*NeuralOpcode):
                            m.d.comb += self.neural_begin.eq(1)
                            m.next = "NEURAL"

            with m.State("REPLY"), m.Switch(opcode):
                with m.Case(Opcode.READ_VECTOR, Opcode.AGGREGATE, Opcode.UPDATE):
                    m.d.comb += [
                        self.op.eq(SliceOp.GATHER),
                        self.own.eq(opcode != Opcode.AGGREGATE),
                        self.absent.eq(~exists),
                    ]
                    m.d.sync += self.answer.eq(exists)
                    m.next = "GATHER"
                    with m.If((opcode == Opcode.UPDATE) & ~exists):
                        m.d.comb += self.op.eq(SliceOp.NONE)
                        finish()
                with m.Case(Opcode.WRITE_VECTOR):
                    with m.If(exists):
                        load(REGION_VECTOR, unit=Const(0))
                    with m.Else():
                        finish()
                with m.Case(Opcode.SET_TYPE, Opcode.SET_WEIGHT, Opcode.WRITE_LINKS):
                    with m.If(exists), m.Switch(opcode):
                        with m.Case(Opcode.SET_TYPE):
                            m.d.comb += self.poke.eq(Poke.TYPE)
                        with m.Case(Opcode.SET_WEIGHT):
                            m.d.comb += self.poke.eq(Poke.WEIGHT)
                        with m.Case(Opcode.WRITE_LINKS):
                            m.d.comb += self.poke.eq(Poke.LINKS)
                    finish(exists)
                with m.Case(Opcode.COUNT):
                    finish(self.reply_count)
                with m.Case(Opcode.GET_TYPE):
                    finish(Mux(exists, self.reply_type, 0))
                with m.Case(Opcode.TYPE_MATCHES):
                    finish(exists & select(list(self.type_mask), self.reply_type))
                with m.Case(Opcode.GET_WEIGHT):
                    finish(Mux(exists, self.reply_weight, 0))
                with m.Case(Opcode.READ_LINKS):
                    finish(Mux(exists, self.reply_links, 0))

            if contexts:
                with m.State("NEURAL"):
                    m.d.comb += self.buffer_read_addr.eq(self.neural_buffer_addr)
                    with m.If(self.neural_launch):
                        m.d.comb += self.op.eq(SliceOp.EXACT)
                    with m.If(self.neural_gather):
                        m.d.comb += [self.op.eq(SliceOp.GATHER), self.own.eq(1)]
                        m.next = "GATHER"
                    with m.If(self.neural_turn):
                        m.d.comb += [self.merge_start.eq(1), self.collect.eq(1)]
                        m.next = "COLLECT"
                    with m.If(self.neural_finish):
                        finish(self.neural_result)

            with m.State("NORMALISE"), m.If(self.norm_ready):
                m.next = "LOAD"

            with m.State("LOAD"):
                m.d.comb += [
                    self.buffer_read_addr.eq(Cat(load_dim, region)),
                    load_issue.eq(~fed),
                    self.scaler_valid.eq(load_valid),
                    self.scaler_tag.eq(load_tag),
                    self.operand_write.eq(self.scaled_valid),
                ]
                m.d.sync += load_dim.eq(load_dim + 1)
                with m.If(load_dim == MAX_DIMS - 1):
                    m.d.sync += fed.eq(1)
                with m.If(normalise):
                    m.d.comb += [
                        self.scaler_shift.eq(self.norm_shift[:shift_bits]),
                        self.scaler_y.eq(self.norm_root),
                        self.scaler_mode.eq(ScalerMode.UNIT),
                    ]
                with m.If(self.scaled_valid & (self.scaled_tag[:4] == MAX_DIMS - 1)):
                    m.d.sync += fed.eq(0)
                    m.d.comb += self.op.eq(Mux(opcode == Opcode.INSERT, SliceOp.INSERT, SliceOp.COPY))
                    m.next = "WAIT"

            with m.State("WAIT"), m.If(~self.slices_busy):
                finish(Mux(opcode == Opcode.INSERT, self.reply_index, 1))

            with m.State("GATHER"):
                m.d.comb += [
                    self.buffer_read_addr.eq(Cat((dim_in + self.gather_valid)[:4], Const(REGION_DELTA, 2))),
                    self.scaler_valid.eq(self.gather_valid),
                    written.eq(self.scaled_valid),
                ]
                m.d.sync += [dim_in.eq(dim_in + self.gather_valid), dim_out.eq(dim_out + self.scaled_valid)]
                with m.Switch(opcode):
                    with m.Case(Opcode.AGGREGATE):
                        m.d.comb += [
                            self.scaler_y.eq(Choice(Const(f) for f in config.mean_factors)[self.gather_links]),
                            self.scaler_mode.eq(ScalerMode.MEAN),
                            write_value.eq(scaled_delta),
                        ]
                    with m.Case(Opcode.UPDATE):
                        m.d.comb += [
                            self.scaler_y.eq(self.alpha),
                            self.scaler_mode.eq(ScalerMode.UPDATE),
                            self.scaler_tag.eq(self.gather_value),
                            write_value.eq(updated),
                        ]
                    with m.Default():
                        m.d.comb += write_value.eq(scaled_element)
                target, updates_scratch = Signal(2), Signal()
                m.d.comb += updates_scratch.eq(
                    (opcode == Opcode.UPDATE) | ((opcode == NeuralOpcode.ENCODE) if contexts else 0)
                )
                m.d.comb += target.eq(
                    Mux(
                        opcode == Opcode.AGGREGATE,
                        REGION_DELTA,
                        Mux(updates_scratch, REGION_SCRATCH, REGION_VECTOR),
                    )
                )
                m.d.sync += self.buffer_write_addr.eq(Cat(dim_out, target))
                with m.If(self.buffer_write & self.buffer_write_addr[:4].all()):
                    with m.If(opcode == Opcode.UPDATE):
                        load(REGION_SCRATCH, unit=cosine)
                    with m.Else():
                        finish()
                    if contexts:
                        with m.If(opcode == NeuralOpcode.ENCODE):
                            m.d.comb += [self.done.eq(0), self.neural_resume.eq(1)]
                            m.d.sync += self.busy.eq(1)
                            m.next = "NEURAL"

            with m.State("SCAN"), m.If(~self.slices_busy):
                m.d.comb += [self.merge_start.eq(1), self.collect.eq(1)]
                m.next = "COLLECT"

            with m.State("COLLECT"):
                merging = opcode == Opcode.MERGE
                feed = Signal()
                m.d.comb += [
                    self.leaf_next.eq(1),
                    self.scaler_enable.eq(~self.list_occupied | self.list_take),
                    feed.eq(Mux(merging, ~fed, self.merge_ready & (self.norm_ready | ~cosine))),
                    self.scaler_valid.eq(feed),
                    self.merge_pop.eq(feed & self.scaler_enable & ~merging),
                ]
                with m.If(merging):
                    m.d.comb += [
                        self.scaler_tag.eq(Cat(index[:INDEX_WIDTH], core, 1)),
                        self.keep.eq(1),
                    ]
                    with m.If(self.scaler_enable):
                        m.d.sync += fed.eq(1)
                with m.Else():
                    m.d.comb += self.scaler_tag.eq(Cat(self.merge_index, self.merge_core, self.merge_valid))
                    with m.If(cosine):
                        m.d.comb += [
                            self.scaler_shift.eq(self.norm_shift[:shift_bits]),
                            self.scaler_y.eq(self.norm_root),
                            self.scaler_mode.eq(ScalerMode.COSINE),
                        ]
                with m.If(self.list_done):
                    finish(self.list_total)

        # What the scaler multiplies follows from the command; only a search has two sources.
        stored, unit = Signal(signed(config.key_width)), Signal(signed(config.key_width))
        m.d.comb += [
            # A vector on its way to the slices: zeros beyond dims, times the unit length where it is normalised.
            unit.eq(Mux(normalise, (element_in << (config.element_width - 1)) - element_in, element_in)),
            stored.eq(Mux(fsm.ongoing("LOAD"), Mux(load_tag < self.dims, unit, 0), delta_in)),
            self.scaler_x.eq(stored),
        ]
        with m.Switch(opcode):
            with m.Case(Opcode.AGGREGATE, Opcode.READ_VECTOR, *((NeuralOpcode.ENCODE,) if contexts else ())):
                m.d.comb += self.scaler_x.eq(self.gather_value)
            with m.Case(Opcode.MERGE):
                m.d.comb += self.scaler_x.eq(data_key)
            with m.Case(Opcode.SEARCH, *(LISTING if contexts else ())), m.If(~self.norm_multiply):
                m.d.comb += self.scaler_x.eq(self.merge_key)

        # The normaliser's squares have the scaler to themselves.
        with m.If(self.norm_multiply):
            m.d.comb += [
                self.scaler_enable.eq(1),
                self.scaler_valid.eq(1),
                self.scaler_shift.eq(0),
                self.scaler_y.eq(element_in),
                self.scaler_mode.eq(ScalerMode.RAW),
            ]
        return m
