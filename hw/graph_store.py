"""Graph store: the links of every node of a slice, and the two ways a link list changes."""

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, LINK_COUNT_WIDTH, LINKS_WIDTH, MAX_NEIGHBOURS, NODE_WIDTH
from hw.bits import parts

__all__ = ["GraphOp", "GraphStore", "pack_node", "unpack_node"]


class GraphOp(IntEnum):
    """What a write to the graph store does."""

    NONE = 0
    WRITE = 1
    PIN = 2
    LINK_BACK = 3


def unpack_node(word):
    """A graph word's links (list of 6), n_links and n_pinned."""
    return (
        parts(word[:LINKS_WIDTH], INDEX_WIDTH),
        word[LINKS_WIDTH : LINKS_WIDTH + LINK_COUNT_WIDTH],
        word[LINKS_WIDTH + LINK_COUNT_WIDTH :],
    )


def pack_node(links, n_links, n_pinned):
    """The graph word of six links and two counts."""
    return Cat(*links, n_links, n_pinned)


class GraphStore(wiring.Component):
    """Links of every node: six slots, the pinned ones first, then the others from oldest to newest.

    The pinned links (each node with the parent it was inserted under, in both directions) form a spanning tree rooted
    at node 0 and are never dropped, so every node stays reachable. ``PIN`` gives a node a tree child; when the list is
    full its oldest unpinned link goes. ``LINK_BACK`` appends an ordinary link, in a full list in place of the oldest
    unpinned one. Both work on the word read before. One port: a cycle reads or writes; reads take one cycle.
    """

    def __init__(self, config: Config, *, external: bool = False) -> None:
        self.config = config
        self.external = external
        super().__init__(
            {
                "addr": In(config.place_width + INDEX_WIDTH),
                "read": In(1),
                "op": In(2),
                "overwrite": In(1),
                "node": In(INDEX_WIDTH),
                "write_word": In(NODE_WIDTH),
                "word": Out(NODE_WIDTH),
            }
            | (
                {"store_data": Out(NODE_WIDTH), "store_read": Out(1), "store_write": Out(1), "loaded": In(NODE_WIDTH)}
                if external
                else {}
            )
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        links, n_links, n_pinned = unpack_node(self.word)
        full, all_pinned = Signal(), Signal()
        m.d.comb += [full.eq(n_links >= MAX_NEIGHBOURS), all_pinned.eq(n_pinned >= MAX_NEIGHBOURS)]

        # An update is decided in one cycle and written in the next: the way through the memory's data is long.
        updates = Signal()
        displaced, pin_slot = Signal(INDEX_WIDTH), Signal(LINK_COUNT_WIDTH)
        m.d.sync += [updates.eq(self.op[1] & ~updates), pin_slot.eq(n_pinned)]
        with m.Switch(pin_slot):
            for slot, link in enumerate(links):
                with m.Case(slot):
                    m.d.comb += displaced.eq(link)

        # Each slot takes one of: what it had, the node, the displaced link, the link after it, the word from outside.
        pins, links_back = Signal(), Signal()
        m.d.comb += [
            pins.eq((self.op == GraphOp.PIN) & ~all_pinned),
            links_back.eq(self.op == GraphOp.LINK_BACK),
        ]
        slots = []
        for slot, link in enumerate(links):
            at_pin, at_end = Signal(name=f"at_pin{slot}"), Signal(name=f"at_end{slot}")
            shifts = Signal(name=f"shifts{slot}")
            last = slot == MAX_NEIGHBOURS - 1
            m.d.comb += [
                at_pin.eq(n_pinned == slot),
                at_end.eq(~full & (n_links == slot)),
                # A full list makes room for a new back link: the oldest unpinned one goes.
                shifts.eq(links_back & full & (n_pinned <= slot)),
            ]
            takes_node = (pins & at_pin) | (links_back & at_end) | (shifts if last else 0)
            choice = Signal(2, name=f"choice{slot}")
            m.d.sync += choice.eq(Mux(takes_node, 1, Mux(pins & at_end, 2, Mux(shifts, 3, 0))))
            newer = link if last else links[slot + 1]
            chosen = Signal(INDEX_WIDTH, name=f"chosen{slot}")
            m.d.comb += chosen.eq(Mux(choice[1], Mux(choice[0], newer, displaced), Mux(choice[0], self.node, link)))
            slots.append(chosen)
        more, more_pinned = Signal(LINK_COUNT_WIDTH), Signal(LINK_COUNT_WIDTH)
        m.d.sync += [
            more.eq(n_links + (~full & (pins | links_back))),
            more_pinned.eq(n_pinned + pins),
        ]

        data = Signal(NODE_WIDTH)
        m.d.comb += data.eq(Mux(updates, pack_node(slots, more, more_pinned), self.write_word))

        writes, busy = Signal(), Signal()
        m.d.comb += [
            writes.eq(updates | (self.op == GraphOp.WRITE) | ((self.op == GraphOp.NONE) & self.overwrite)),
            busy.eq(writes | self.op[1]),
        ]
        if self.external:
            m.d.comb += [
                self.store_data.eq(data),
                self.store_write.eq(writes),
                self.store_read.eq(self.read & ~busy),
                self.word.eq(self.loaded),
            ]
        else:
            depth = self.config.cores_per_slice << INDEX_WIDTH
            m.submodules.nodes = nodes = memory.Memory(shape=NODE_WIDTH, depth=depth, init=[])
            read_port, write_port = nodes.read_port(), nodes.write_port()
            m.d.comb += [
                read_port.addr.eq(self.addr),
                read_port.en.eq(self.read & ~busy),
                write_port.addr.eq(self.addr),
                write_port.data.eq(data),
                write_port.en.eq(writes),
                self.word.eq(read_port.data),
            ]
        return m
