"""The array: slices, the units they share, and the sequencer, behind a command interface."""

from amaranth.hdl import Cat, ClockSignal, Elaboratable, Instance, Module, Mux, ResetSignal, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH, RESULT_COUNT_WIDTH, TYPE_WIDTH
from golden.spec.registers import REGION_QUERY
from hw.array_fabric import attach_fabric, neuron_settings
from hw.bits import any_of
from hw.fabric import Fabric
from hw.fabric_ports import PIN_PORTS, fabric_ports
from hw.merger import Merger
from hw.normaliser import Normaliser
from hw.results import ResultList
from hw.scaler import Scaler
from hw.sequencer import Sequencer
from hw.sequencer_ports import BUFFER_ADDR_WIDTH
from hw.slice import Slice, slice_ports

__all__ = ["SLICE_MODULE", "VectorArray", "array_ports"]

SLICE_MODULE = "ganglion_slice"
"""Module name of the slice where the array instantiates it instead of describing it S times."""


def array_ports(config: Config) -> dict[str, wiring.Member]:
    """What an array, of whatever making, and the bus front end have to tell each other; and its pins."""
    delta = signed(config.delta_format.width)
    ports = {
        "start": In(1),
        "command": In(32),
        "data": In(signed(config.data_width)),
        "type_mask": In(1 << TYPE_WIDTH),
        "alpha": In(signed(16)),
        "busy": Out(1, init=1),
        "done": Out(1),
        "answer": Out(64),
        "cycles": Out(32),
        "dims": Out(5),
        "metric": Out(2),
        "buffer_read_addr": In(BUFFER_ADDR_WIDTH),
        "buffer_element": Out(delta),
        "buffer_write": In(1),
        "buffer_write_addr": In(BUFFER_ADDR_WIDTH),
        "buffer_write_value": In(delta),
        "result_pop": In(1),
        "result_valid": Out(1),
        "result_key": Out(signed(config.key_width)),
        "result_core": Out(CORE_WIDTH),
        "result_index": Out(INDEX_WIDTH),
        "results_left": Out(RESULT_COUNT_WIDTH),
    }
    return ports | (PIN_PORTS | fabric_ports() | neuron_settings(config) if config.contexts else {})


class VectorArray(wiring.Component):
    """C cores on S slices.

    With ``separate_slice`` the slices are instances of the module ``ganglion_slice``, to be elaborated once from
    ``Slice(config)``: the output is S times smaller, and tools handle one module instead of S.
    The front end may use the buffer memory and the result list while ``busy`` is 0.
    """

    def __init__(self, config: Config, *, separate_slice: bool = False) -> None:
        self.config = config
        self.separate_slice = separate_slice
        super().__init__(array_ports(config))

    def _place_slice(self, m: Module, number: int) -> wiring.PureInterface | Slice:
        """Adds slice ``number`` and returns something with the slice's ports."""
        if not self.separate_slice:
            m.submodules[f"slice{number}"] = unit = Slice(self.config)
            return unit
        signature = wiring.Signature(slice_ports(self.config))
        ports = signature.create(path=(f"slice{number}",))
        connections: dict[str, object] = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for name, member in signature.members.items():
            connections[f"{'i' if member.flow is In else 'o'}_{name}"] = getattr(ports, name)
        m.submodules[f"slice{number}"] = Instance(SLICE_MODULE, **connections)
        return ports

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.sequencer = sequencer = Sequencer(config)
        m.submodules.merger = merger = Merger(config)
        m.submodules.results = results = ResultList(config)
        m.submodules.scaler = scaler = Scaler(config)
        m.submodules.normaliser = normaliser = Normaliser(config)
        m.submodules.buffer = buffer = memory.Memory(
            shape=signed(config.delta_format.width), depth=1 << BUFFER_ADDR_WIDTH, init=[]
        )
        slices = [self._place_slice(m, number) for number in range(config.slices)]

        # Command interface.
        for name in ("start", "command", "data", "type_mask", "alpha"):
            m.d.comb += getattr(sequencer, name).eq(getattr(self, name))
        for name in ("busy", "done", "answer", "cycles", "dims", "metric"):
            m.d.comb += getattr(self, name).eq(getattr(sequencer, name))

        # Buffer memory: the sequencer's while a command runs, the front end's otherwise. Ticks by time leave it alone:
        # one may begin while a word is on its way.
        works = Signal()
        m.d.comb += works.eq(sequencer.busy & ~(sequencer.quiet if config.contexts else 0))
        read, write = buffer.read_port(), buffer.write_port()
        m.d.comb += [
            read.addr.eq(Mux(works, sequencer.buffer_read_addr, self.buffer_read_addr)),
            self.buffer_element.eq(read.data),
            write.en.eq(Mux(works, sequencer.buffer_write, self.buffer_write)),
            write.addr.eq(Mux(works, sequencer.buffer_write_addr, self.buffer_write_addr)),
            write.data.eq(Mux(works, sequencer.buffer_write_value, self.buffer_write_value)),
            sequencer.buffer_element.eq(read.data),
            normaliser.element.eq(read.data),
        ]
        # What the host writes to the query buffer goes straight to the slices' operand memories as well.
        query_write, operand_value = Signal(), Signal(signed(config.element_width))
        m.d.comb += [
            query_write.eq(~works & self.buffer_write & (self.buffer_write_addr[4:] == REGION_QUERY)),
            operand_value.eq(Mux(works, sequencer.operand_value, self.buffer_write_value)),
        ]

        # Sequencer to slices.
        for number, unit in enumerate(slices):
            m.d.comb += [
                unit.slice_id.eq(number),
                unit.dims.eq(sequencer.dims),
                unit.type_mask.eq(self.type_mask),
                unit.operand_write.eq(query_write | sequencer.operand_write),
                unit.operand_slot.eq(works),
                unit.operand_element.eq(Mux(works, sequencer.operand_element, self.buffer_write_addr[:4])),
                unit.operand_value.eq(operand_value),
                unit.leaf_pop.eq(merger.leaf_pop[number]),
            ]
            for name in (
                "op",
                "everywhere",
                "core",
                "index",
                "clear_results",
                "last_chunk",
                "dot",
                "limit",
                "own",
                "absent",
                "poke",
                "poke_everywhere",
                "poke_place",
                "poke_value",
                "leaf_next",
            ):
                m.d.comb += getattr(unit, name).eq(getattr(sequencer, name))

        m.d.comb += sequencer.slices_busy.eq(any_of(unit.busy for unit in slices))
        for name in (
            "gather_valid",
            "gather_value",
            "gather_links",
            "reply_count",
            "reply_type",
            "reply_weight",
            "reply_links",
            "reply_index",
        ):
            m.d.comb += getattr(sequencer, name).eq(any_of(getattr(unit, name) for unit in slices))

        # Results: slices -> merger -> scaler -> list.
        m.d.comb += [
            merger.start.eq(sequencer.merge_start),
            merger.pop.eq(sequencer.merge_pop),
            merger.leaf_valid.eq(Cat(unit.leaf_valid for unit in slices)),
            merger.leaf_key.eq(Cat(unit.leaf_key for unit in slices)),
            merger.leaf_core.eq(Cat(unit.leaf_core for unit in slices)),
            merger.leaf_index.eq(Cat(unit.leaf_index for unit in slices)),
            sequencer.merge_ready.eq(merger.ready),
            sequencer.merge_valid.eq(merger.out_valid),
            sequencer.merge_key.eq(merger.out_key),
            sequencer.merge_core.eq(merger.out_core),
            sequencer.merge_index.eq(merger.out_index),
            scaler.clear.eq(sequencer.scaler_clear),
            scaler.enable.eq(sequencer.scaler_enable),
            scaler.valid.eq(sequencer.scaler_valid),
            scaler.x.eq(sequencer.scaler_x),
            scaler.shift.eq(sequencer.scaler_shift),
            scaler.y.eq(sequencer.scaler_y),
            scaler.mode.eq(sequencer.scaler_mode),
            scaler.tag.eq(sequencer.scaler_tag),
            sequencer.scaled_valid.eq(scaler.out_valid),
            sequencer.scaled_value.eq(scaler.value),
            sequencer.scaled_tag.eq(scaler.out_tag),
            results.collect.eq(sequencer.collect),
            results.keep.eq(sequencer.keep),
            results.k.eq(sequencer.k),
            results.clear.eq(sequencer.list_clear),
            results.in_occupied.eq(sequencer.list_occupied),
            results.in_valid.eq(scaler.out_tag[CORE_WIDTH + INDEX_WIDTH]),
            results.in_key.eq(scaler.key),
            results.in_tag.eq(scaler.out_tag),
            results.read_pop.eq(self.result_pop),
            sequencer.list_take.eq(results.take),
            sequencer.list_done.eq(results.done),
            sequencer.list_total.eq(results.total),
            self.result_valid.eq(results.out_valid),
            self.result_key.eq(results.out_key),
            self.result_core.eq(results.out_core),
            self.result_index.eq(results.out_index),
            self.results_left.eq(results.remaining),
            normaliser.start.eq(sequencer.norm_start),
            normaliser.dims.eq(sequencer.dims),
            normaliser.scaler_valid.eq(scaler.out_valid),
            # Squares come in the mode raw: `key` is the value then, and ready earlier.
            normaliser.scaler_value.eq(scaler.key),
            sequencer.norm_busy.eq(normaliser.busy),
            sequencer.norm_ready.eq(normaliser.ready),
            sequencer.norm_multiply.eq(normaliser.multiply),
            sequencer.norm_addr.eq(normaliser.read_addr),
            sequencer.norm_shift.eq(normaliser.shift),
            sequencer.norm_root.eq(normaliser.root),
        ]
        if config.contexts:
            m.submodules.fabric = fabric = Fabric(config)
            attach_fabric(m, fabric, self, sequencer=sequencer, results=results, slices=slices)
            m.d.comb += fabric.buffer_element.eq(read.data)
        return m


def slice_modules(config: Config) -> dict[str, Elaboratable]:
    """The module that ``VectorArray(config, separate_slice=True)`` instantiates."""
    return {SLICE_MODULE: Slice(config)}
