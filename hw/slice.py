"""A slice: one datapath, the memories of its cores, and the units that walk them."""

from enum import IntEnum, IntFlag

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    CORE_WIDTH,
    COUNT_WIDTH,
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    MAX_WEIGHT,
    NODE_WIDTH,
    PIPELINE_LATENCY,
    TYPE_WIDTH,
    WEIGHT_WIDTH,
)
from hw.beam import BeamSearch
from hw.bits import select
from hw.distance import Distance
from hw.exact import ExactScan
from hw.gather import Gather
from hw.graph_store import GraphStore
from hw.ice40 import on_up5k
from hw.insert import InsertEngine
from hw.neural_unit import NeuronUnit
from hw.node_store import NodeStore
from hw.row_copy import RowCopy
from hw.row_store import RowStore
from hw.slice_neurons import attach_neurons, neuron_slice_ports
from hw.topk import TopK

__all__ = ["Poke", "Slice", "SliceOp", "slice_ports"]

OPERAND_WIDTH = 4


class SliceOp(IntFlag):
    """What the sequencer asks of the slices: one bit each, so that no unit's start waits for another's."""

    NONE = 0
    EXACT = 1
    BEAM = 2
    INSERT = 4
    COPY = 8
    GATHER = 16
    PEEK = 32


class Poke(IntEnum):
    """State of a core or node that the sequencer writes."""

    NONE = 0
    COUNT = 1
    TYPE = 2
    WEIGHT = 3
    LINKS = 4


def slice_ports(config: Config) -> dict[str, wiring.Member]:
    """The ports of a slice, without building one."""
    return {
        "slice_id": In(CORE_WIDTH),
        "op": In(len(SliceOp)),
        "everywhere": In(1),
        "core": In(CORE_WIDTH),
        "index": In(INDEX_WIDTH),
        "clear_results": In(1),
        "last_chunk": In(4),
        "dims": In(5),
        "dot": In(1),
        "limit": In(5),
        "type_mask": In(1 << TYPE_WIDTH),
        "own": In(1),
        "absent": In(1),
        "poke": In(3),
        "poke_everywhere": In(1),
        "poke_place": In(config.place_width),
        "poke_value": In(NODE_WIDTH),
        "operand_write": In(1),
        "operand_slot": In(1),
        "operand_element": In(OPERAND_WIDTH),
        "operand_value": In(signed(config.element_width)),
        "leaf_next": In(1),
        "leaf_pop": In(1),
        "busy": Out(1),
        "leaf_valid": Out(1),
        "leaf_key": Out(signed(config.key_width)),
        "leaf_core": Out(CORE_WIDTH),
        "leaf_index": Out(INDEX_WIDTH),
        "gather_valid": Out(1),
        "gather_value": Out(config.key_width),
        "gather_links": Out(LINK_COUNT_WIDTH),
        "reply_count": Out(COUNT_WIDTH),
        "reply_type": Out(TYPE_WIDTH),
        "reply_weight": Out(WEIGHT_WIDTH),
        "reply_links": Out(NODE_WIDTH),
        "reply_index": Out(8),
    } | neuron_slice_ports(config)


class Slice(wiring.Component):
    """One of S equal datapaths, holding C/S cores (places).

    ``op`` starts an operation in every slice (``everywhere``) or in the slice that owns ``core``; ``busy`` follows in
    the next cycle. ``core``, ``index`` and the other arguments stay until the next operation. See the cycle contract.
    The answers of the slice that owns ``core`` are on ``reply_*``; every other slice drives zeros, so the array ORs.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(slice_ports(config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.nodes = nodes = NodeStore(config)
        m.submodules.rows = rows = RowStore(config)
        m.submodules.graph = graph = GraphStore(config, external=config.memory == "spram")
        m.submodules.distance = distance = Distance(config)
        # A tree of mergers takes its first entry too soon after the last push.
        ahead = config.slices == 1
        # The list keeps places: a slice's id is the rest of a core's number. (With SPRAM it keeps the number, which has
        # the same bits then: the UltraPlus's placement was found with that.)
        numbered, folded = config.memory == "spram", config.cores_per_slice > 1
        kept_width = CORE_WIDTH if numbered else config.place_width if folded else 0
        m.submodules.topk = topk = TopK(config, core_width=kept_width, ahead=ahead)
        m.submodules.exact = exact = ExactScan(config)
        m.submodules.beam = beam = BeamSearch(config)
        m.submodules.insert = insert = InsertEngine(config)
        m.submodules.copy = copy = RowCopy(config)
        m.submodules.gather = gather = Gather(config)

        mine, chosen, place = Signal(), Signal(), Signal(config.place_width)
        m.d.comb += [
            mine.eq((self.core & (config.slices - 1)) == self.slice_id),
            chosen.eq(self.everywhere | mine),
            place.eq(self.core >> config.slice_bits),
        ]

        def starts(op: SliceOp) -> Signal:
            signal = Signal(name=f"start_{str(op.name).lower()}")
            m.d.comb += signal.eq(chosen & (self.op & op.value).any())
            return signal

        start_exact, start_beam, start_insert, start_copy, start_gather, start_peek = (
            starts(op)
            for op in (SliceOp.EXACT, SliceOp.BEAM, SliceOp.INSERT, SliceOp.COPY, SliceOp.GATHER, SliceOp.PEEK)
        )

        # Which core a scan walks: all places, or the one of `core`.
        first_place, last_place = Signal(config.place_width), Signal(config.place_width)
        inserting = Signal()
        m.d.comb += [
            first_place.eq(Mux(self.everywhere, 0, place)),
            last_place.eq(Mux(self.everywhere, config.cores_per_slice - 1, place)),
        ]
        for unit in (exact, beam):
            m.d.comb += [
                unit.first_place.eq(first_place),
                unit.last_place.eq(last_place),
                unit.last_chunk.eq(self.last_chunk),
                unit.count.eq(nodes.count),
            ]
        m.d.comb += [
            exact.start.eq(start_exact | insert.scan_start),
            beam.start.eq(start_beam),
            beam.limit.eq(self.limit),
            beam.word.eq(graph.word),
            insert.start.eq(start_insert),
            insert.count.eq(nodes.count),
            insert.near_count.eq(topk.count),
            insert.near_index.eq(topk.out_index),
            insert.word.eq(graph.word),
            copy.start.eq(start_copy | insert.copy_start),
            gather.start.eq(start_gather),
            gather.own.eq(self.own),
            gather.absent.eq(self.absent),
            gather.index.eq(self.index),
            gather.word.eq(graph.word),
            inserting.eq(insert.busy),
        ]

        # Issue, cycle t: the address of a row's chunk.
        issue, row, chunk = Signal(), Signal(INDEX_WIDTH), Signal(4)
        first, last, scan_place = Signal(), Signal(), Signal(config.place_width)
        m.d.comb += [
            issue.eq(exact.issue | beam.issue | gather.issue),
            row.eq(Mux(beam.active, beam.row, Mux(gather.active, gather.row, exact.row))),
            chunk.eq(Mux(beam.active, beam.chunk, Mux(gather.active, gather.chunk, exact.chunk))),
            first.eq(Mux(beam.active, beam.first, Mux(gather.active, gather.first, exact.first))),
            last.eq(Mux(beam.active, beam.last, Mux(gather.active, gather.last, exact.last))),
            scan_place.eq(Mux(beam.active, beam.place, Mux(exact.active, exact.place, place))),
        ]
        copy_row = Signal(INDEX_WIDTH)
        copies_insert = Signal()
        with m.If(copy.start):
            m.d.sync += copies_insert.eq(insert.copy_start)
        m.d.comb += copy_row.eq(Mux(copies_insert, insert.result, self.index))

        # Operand memory: the query in slot 0, the vector to insert in slot 1; a write port for single elements.
        chunk_bits = (config.n_chunks - 1).bit_length()
        lane_bits = config.lanes.bit_length() - 1
        # An UltraPlus keeps it complemented, which saves the distance unit the complement, and reads a further slot of
        # zeros (then: all ones) in a gather.
        complemented = on_up5k(platform) and config.memory == "spram"
        n_words = 2 * config.n_chunks
        m.submodules.operand = operand = memory.Memory(
            shape=config.row_width,
            depth=2 * n_words if complemented else n_words,
            init=[(1 << config.row_width) - 1] * n_words if complemented else [],
            attrs={"ram_style": "block"},
        )
        operand_addr, operand_data = Signal(range(n_words)), Signal(config.row_width)
        operand_value = Signal(config.element_width)
        operand_read = operand.read_port()
        operand_write = operand.write_port(granularity=config.element_width)
        m.d.comb += [
            operand_addr.eq(Cat(Mux(copy.read, copy.read_chunk, chunk)[:chunk_bits], copy.read | inserting)),
            operand_read.addr.eq(Cat(operand_addr, gather.active) if complemented else operand_addr),
            operand_data.eq(~operand_read.data if complemented else operand_read.data),
            operand_value.eq(~self.operand_value if complemented else self.operand_value),
            operand_write.addr.eq(Cat(self.operand_element[lane_bits:], self.operand_slot)),
            operand_write.data.eq(operand_value.replicate(config.lanes)),
            operand_write.en.eq(Mux(self.operand_write, 1 << self.operand_element[:lane_bits], 0)),
        ]

        # Vector memory.
        m.d.comb += [
            rows.read.eq(issue),
            rows.write.eq(copy.write),
            rows.place.eq(Mux(copy.write, place, scan_place)),
            rows.row.eq(Mux(copy.write, copy_row, row)),
            rows.chunk.eq(Mux(copy.write, copy.write_chunk, chunk)),
            rows.write_data.eq(operand_data),
        ]

        # Node data: the issued row's, or the addressed node's.
        store_node, poke_links = Signal(), Signal()
        node_addr, weight_write, weight_value = Signal(len(nodes.addr)), Signal(), Signal(WEIGHT_WIDTH)
        poked = Signal()
        count_next = Signal(COUNT_WIDTH)
        m.d.comb += [
            store_node.eq(insert.store),
            node_addr.eq(
                Mux(
                    issue,
                    Cat(row, scan_place),
                    Cat(Mux(store_node, insert.result[:INDEX_WIDTH], self.index), place),
                )
            ),
            weight_write.eq(store_node | (poked & (self.poke == Poke.WEIGHT))),
            weight_value.eq(Mux(store_node, MAX_WEIGHT, self.poke_value)),
            poked.eq(self.poke_everywhere | mine),
            poke_links.eq(poked & (self.poke == Poke.LINKS)),
            count_next.eq(insert.result + 1),
            nodes.count_addr.eq(
                Mux(
                    start_exact | exact.active,
                    exact.count_addr,
                    Mux(start_beam | beam.active, beam.count_addr, place),
                )
            ),
            nodes.count_write.eq(store_node | (poked & (self.poke == Poke.COUNT))),
            nodes.count_write_addr.eq(Mux(store_node, place, self.poke_place)),
            nodes.count_write_value.eq(Mux(store_node, count_next, self.poke_value)),
            nodes.addr.eq(node_addr),
            nodes.type_write.eq(store_node | (poked & (self.poke == Poke.TYPE))),
            nodes.weight_write.eq(weight_write),
            nodes.type_value.eq(Mux(store_node, 0, self.poke_value)),
            nodes.weight_value.eq(weight_value),
        ]

        # Graph memory.
        graph_row = Signal(INDEX_WIDTH)
        m.d.comb += [
            graph.read.eq(beam.graph_read | insert.graph_read | gather.graph_read | start_peek),
            graph_row.eq(Mux(beam.active, beam.graph_row, Mux(insert.busy, insert.graph_row, self.index))),
            graph.addr.eq(Cat(graph_row, Mux(beam.active, beam.place, place))),
            graph.op.eq(insert.graph_op),
            graph.overwrite.eq(poke_links),
            graph.node.eq(insert.graph_node),
            graph.write_word.eq(Mux(insert.busy, insert.graph_word, self.poke_value)),
        ]
        if config.memory == "spram":
            # Vectors and graph share one port: no unit needs both in a cycle.
            m.d.comb += [
                rows.graph_addr.eq(graph.addr),
                rows.graph_read.eq(graph.store_read),
                rows.graph_write.eq(graph.store_write),
                rows.graph_data.eq(graph.store_data),
                graph.loaded.eq(rows.graph_word),
            ]

        # Data, cycle t+1: everything that belongs to the row read.
        valid1, first1, last1, gathers1, fixed1, searching1 = (
            Signal(name=n) for n in ("valid1", "first1", "last1", "gathers1", "fixed1", "searching1")
        )
        lanes1, factor1 = Signal(config.lanes), Signal(WEIGHT_WIDTH)
        lane_mask = Signal(config.lanes)
        for lane in range(config.lanes):
            position = Signal(5, name=f"position{lane}")
            m.d.comb += [
                position.eq((chunk << lane_bits) + lane),
                lane_mask[lane].eq(Mux(gather.active, gather.lane == lane, position < self.dims)),
            ]
        m.d.sync += [
            valid1.eq(issue),
            first1.eq(first),
            last1.eq(last),
            gathers1.eq(gather.active),
            fixed1.eq(gather.fixed),
            factor1.eq(gather.factor),
            lanes1.eq(lane_mask),
            searching1.eq(~inserting),
        ]
        m.d.comb += [
            distance.valid.eq(valid1),
            distance.first.eq(first1),
            distance.last.eq(last1),
            distance.mode.eq(Cat(self.dot & ~gathers1, gathers1)),
            distance.lane_mask.eq(lanes1),
            distance.weight.eq(Mux(fixed1, factor1, nodes.weight)),
            distance.query.eq(operand_data),
            distance.row.eq(rows.data),
        ]

        # The record travels beside the distance: stages t+1 .. t+4.
        accepted = Signal()
        m.d.comb += accepted.eq(~searching1 | select(list(self.type_mask), nodes.node_type))
        record = Cat(row, scan_place)
        stages = []
        for stage in range(1, PIPELINE_LATENCY + 1):
            staged = Signal(len(record), name=f"record{stage}")
            m.d.sync += staged.eq(record)
            record = staged
            stages.append(staged)
        accept2, accept3, accept4, gathers2, gathers3, gathers4 = (
            Signal(name=n) for n in ("accept2", "accept3", "accept4", "gathers2", "gathers3", "gathers4")
        )
        m.d.sync += [
            accept2.eq(accepted),
            accept3.eq(accept2),
            accept4.eq(accept3),
            gathers2.eq(gathers1),
            gathers3.eq(gathers2),
            gathers4.eq(gathers3),
        ]
        searched, record_core, clears = Signal(), Signal(CORE_WIDTH), Signal()
        m.d.sync += clears.eq(self.clear_results | start_insert)
        m.d.comb += [
            searched.eq(distance.out_valid & ~gathers4),
            record_core.eq((record[INDEX_WIDTH:] << config.slice_bits) | self.slice_id),
            # A cycle late: the first distance is further away than that.
            topk.clear.eq(clears),
            topk.push.eq(searched & accept4),
            topk.key.eq(distance.distance),
            *((topk.core.eq(record_core if numbered else record[INDEX_WIDTH:]),) if kept_width else ()),
            topk.index.eq(record[:INDEX_WIDTH]),
            beam.push.eq(searched),
            beam.key.eq(distance.distance),
            beam.index.eq(record[:INDEX_WIDTH]),
            self.gather_valid.eq(distance.out_valid & gathers4),
            # Zero unless valid where the sums of several slices are ORed.
            self.gather_value.eq(
                Mux(self.gather_valid, distance.distance, 0) if config.slices > 1 else distance.distance
            ),
            self.gather_links.eq(Mux(mine, gather.n_links, 0)),
        ]

        # In flight: an issue in the last four cycles.
        in_flight = Signal(PIPELINE_LATENCY)
        m.d.sync += in_flight.eq(Cat(issue, in_flight))
        flowing = Signal()
        m.d.comb += [
            flowing.eq(in_flight.any()),
            insert.scan_busy.eq(exact.active | flowing),
            self.busy.eq(exact.active | beam.active | insert.busy | copy.busy | gather.active | flowing),
        ]

        # The sorted list offered to the merger, or ranked by the insert unit.
        leaf_rank, next_leaf_rank = Signal(5), Signal(5)
        # The insert unit moves on to the next rank two cycles after it has read a node's links.
        linking, settling = Signal(), Signal()
        m.d.comb += next_leaf_rank.eq(Mux(topk.clear, 0, leaf_rank + self.leaf_pop))
        m.d.sync += [leaf_rank.eq(next_leaf_rank), linking.eq(insert.graph_read), settling.eq(linking)]
        m.d.comb += [
            topk.rank.eq(Mux(inserting, insert.rank, leaf_rank)),
            self.leaf_valid.eq(topk.out_valid & ~leaf_rank[4]),
            self.leaf_key.eq(topk.out_key),
            self.leaf_core.eq(
                topk.out_core
                if numbered
                else (topk.out_core << config.slice_bits) | self.slice_id
                if folded
                else self.slice_id
            ),
            self.leaf_index.eq(topk.out_index),
        ]

        if ahead:
            m.d.comb += [topk.next.eq(self.leaf_next | settling), topk.step.eq(self.leaf_pop | settling)]

        # Replies of the slice that owns the addressed core.
        with m.If(mine):
            m.d.comb += [
                self.reply_count.eq(nodes.count),
                self.reply_type.eq(nodes.node_type),
                self.reply_weight.eq(nodes.weight),
                self.reply_links.eq(graph.word),
                self.reply_index.eq(insert.result),
            ]
        if config.contexts:
            m.submodules.neurons = neurons = NeuronUnit(config)
            attach_neurons(
                m,
                neurons,
                self,
                mine=mine,
                place=place,
                nodes=nodes,
                graph=graph,
                topk=topk,
                distance=distance,
                graph_row=graph_row,
                node_addr=node_addr,
                searched=searched,
                row=record[:INDEX_WIDTH],
            )
        return m
