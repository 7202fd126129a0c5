"""Node store: how many vectors each core holds, and each node's type and edge weight."""

from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import COUNT_WIDTH, INDEX_WIDTH, TYPE_WIDTH, WEIGHT_WIDTH

__all__ = ["NodeStore"]


class NodeStore(wiring.Component):
    """Three memories of a slice: counts (one a core), types and weights (one a node each).

    Reads take one cycle and happen in every cycle; a read of the address being written gives the old data. Where there
    are neurons, weights are written at an address of their own: learning reads another one meanwhile.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        place, node = config.place_width, config.place_width + INDEX_WIDTH
        super().__init__(
            {
                "count_addr": In(place),
                "count_write": In(1),
                "count_write_addr": In(place),
                "count_write_value": In(COUNT_WIDTH),
                "addr": In(node),
                **({"weight_write_addr": In(node)} if config.contexts else {}),
                "type_write": In(1),
                "weight_write": In(1),
                "type_value": In(TYPE_WIDTH),
                "weight_value": In(WEIGHT_WIDTH),
                "count": Out(COUNT_WIDTH),
                "node_type": Out(TYPE_WIDTH),
                "weight": Out(WEIGHT_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        n_places = config.cores_per_slice
        n_nodes = n_places << INDEX_WIDTH

        m.submodules.counts = counts = memory.Memory(shape=COUNT_WIDTH, depth=n_places, init=[])
        count_read, count_write = counts.read_port(), counts.write_port()
        m.d.comb += [
            count_read.addr.eq(self.count_addr),
            self.count.eq(count_read.data),
            count_write.addr.eq(self.count_write_addr),
            count_write.data.eq(self.count_write_value),
            count_write.en.eq(self.count_write),
        ]
        for name, width, enable, value, out in (
            ("types", TYPE_WIDTH, self.type_write, self.type_value, self.node_type),
            ("weights", WEIGHT_WIDTH, self.weight_write, self.weight_value, self.weight),
        ):
            m.submodules[name] = store = memory.Memory(shape=width, depth=n_nodes, init=[])
            read, write = store.read_port(), store.write_port()
            m.d.comb += [
                read.addr.eq(self.addr),
                out.eq(read.data),
                write.addr.eq(self.weight_write_addr if config.contexts and name == "weights" else self.addr),
                write.data.eq(value),
                write.en.eq(enable),
            ]
        return m
