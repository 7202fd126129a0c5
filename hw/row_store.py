"""Row store: the vectors of a slice, a chunk of lanes a cycle; on the UltraPlus the graph lies beside them."""

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, NODE_WIDTH
from hw.spram import ADDR_WIDTH, Spram

__all__ = ["RowStore"]


class RowStore(wiring.Component):
    """F * 32 rows of ``n_chunks`` words. A cycle reads or writes; reads take one cycle, the data stay until the next.

    With ``memory = "spram"`` the lower half of the single-port memory holds the rows and the upper half the graph words
    (64-bit words, one a node); the two are never needed in the same cycle.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        ports = {
            "read": In(1),
            "write": In(1),
            "place": In(config.place_width),
            "row": In(INDEX_WIDTH),
            "chunk": In(4),
            "write_data": In(config.row_width),
            "data": Out(config.row_width),
        }
        if config.memory == "spram":
            ports |= {
                "graph_addr": In(config.place_width + INDEX_WIDTH),
                "graph_read": In(1),
                "graph_write": In(1),
                "graph_data": In(NODE_WIDTH),
                "graph_word": Out(NODE_WIDTH),
            }
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        chunk_bits = (config.n_chunks - 1).bit_length()
        addr = Cat(self.chunk[:chunk_bits], self.row, self.place)

        if config.memory == "spram":
            m.submodules.spram = spram = Spram()
            # The graph's turn whenever it is not the rows': whether a node is written comes late in the cycle.
            graph_turn = ~(self.read | self.write)
            padded_row = Cat(addr, Const(0, ADDR_WIDTH - 1 - len(addr)))
            padded_node = Cat(self.graph_addr, Const(0, ADDR_WIDTH - 1 - len(self.graph_addr)))
            m.d.comb += [
                spram.addr.eq(Cat(Mux(graph_turn, padded_node, padded_row), graph_turn)),
                spram.read.eq(self.read | self.graph_read),
                spram.write.eq(self.write | self.graph_write),
                spram.write_data.eq(Mux(graph_turn, self.graph_data, self.write_data)),
                self.data.eq(spram.data),
                self.graph_word.eq(spram.data),
            ]
            return m

        depth = config.cores_per_slice << (INDEX_WIDTH + chunk_bits)
        m.submodules.words = words = memory.Memory(shape=config.row_width, depth=depth, init=[])
        read_port, write_port = words.read_port(), words.write_port()
        m.d.comb += [
            read_port.addr.eq(addr),
            read_port.en.eq(self.read),
            write_port.addr.eq(addr),
            write_port.en.eq(self.write),
            write_port.data.eq(self.write_data),
            self.data.eq(read_port.data),
        ]
        return m
