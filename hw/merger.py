"""Result merger: a priority queue over the sorted lists of all slices."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH
from hw.bits import cat_key, parts

__all__ = ["Merger"]


class Merger(wiring.Component):
    """A tournament tree: every node holds the smaller head of its two children, so the root streams entries in order.

    Ties go to the lower core, then the lower index. Latency log2 S cycles after ``start``, then one entry a cycle.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        n = config.slices
        super().__init__(
            {
                "start": In(1),
                "leaf_valid": In(n),
                "leaf_key": In(n * config.key_width),
                "leaf_core": In(n * CORE_WIDTH),
                "leaf_index": In(n * INDEX_WIDTH),
                "pop": In(1),
                "leaf_pop": Out(n),
                "ready": Out(1),
                "out_valid": Out(1),
                "out_key": Out(signed(config.key_width)),
                "out_core": Out(CORE_WIDTH),
                "out_index": Out(INDEX_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        key_width = config.key_width

        # (entry, valid, popped) of each node of a level; an entry is key, core and index as one signed number.
        entry_shape = signed(key_width + CORE_WIDTH + INDEX_WIDTH)
        nodes = []
        leaves = zip(
            parts(self.leaf_key, key_width),
            parts(self.leaf_core, CORE_WIDTH),
            parts(self.leaf_index, INDEX_WIDTH),
            strict=True,
        )
        for number, (key, core, index) in enumerate(leaves):
            entry = Signal(entry_shape, name=f"leaf{number}")
            popped = Signal(name=f"pop_leaf{number}")
            m.d.comb += [entry.eq(cat_key(key, core, index)), self.leaf_pop[number].eq(popped)]
            nodes.append((entry, self.leaf_valid[number], popped))

        load = self.start
        for level in range(1, config.slice_bits + 1):
            parents = []
            for number, (left, right) in enumerate(zip(nodes[::2], nodes[1::2], strict=True)):
                name = f"{level}_{number}"
                entry, valid = Signal(entry_shape, name=f"entry{name}"), Signal(name=f"valid{name}")
                popped, moves = Signal(name=f"pop{name}"), Signal(name=f"moves{name}")
                take_right = Signal(name=f"take_right{name}")
                m.d.comb += [
                    moves.eq(load | popped),
                    take_right.eq(right[1] & (~left[1] | (right[0] < left[0]))),
                    left[2].eq(moves & ~take_right & left[1]),
                    right[2].eq(moves & take_right),
                ]
                with m.If(moves):
                    m.d.sync += [entry.eq(Mux(take_right, right[0], left[0])), valid.eq(left[1] | right[1])]
                parents.append((entry, valid, popped))
            nodes = parents
            loaded = Signal(name=f"loaded{level}")
            m.d.sync += loaded.eq(load)
            load = loaded

        entry, valid, popped = nodes[0]
        if config.slices == 1:
            m.d.comb += [self.ready.eq(1), popped.eq(self.pop & valid)]
        else:
            ready = Signal()
            # The last level has loaded when `load` reaches the root.
            with m.If(self.start):
                m.d.sync += ready.eq(0)
            m.d.comb += [self.ready.eq(ready | load), popped.eq(self.pop & self.ready)]
            with m.If(load & ~self.start):
                m.d.sync += ready.eq(1)
        m.d.comb += [
            self.out_valid.eq(valid),
            self.out_index.eq(entry[:INDEX_WIDTH]),
            self.out_core.eq(entry[INDEX_WIDTH : INDEX_WIDTH + CORE_WIDTH]),
            self.out_key.eq(entry[INDEX_WIDTH + CORE_WIDTH :]),
        ]
        return m
