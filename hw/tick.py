"""Tick engine: streams the neurons of a core through the units, then its spikes through router and STDP engine."""

from amaranth.hdl import Array as Choice
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.constants import (
    COUNT_WIDTH,
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    LINKS_WIDTH,
    MAX_NEIGHBOURS,
    NODE_WIDTH,
    VECTORS_PER_CORE,
    WEIGHT_WIDTH,
)
from golden.spec.neural import (
    BRANCH,
    DT_WIDTH,
    ELAPSED_NEVER,
    FACTOR_WIDTH,
    GAIN,
    MEMBRANE,
    STATE_FIELDS,
    TARGET_STEP_WIDTH,
    THRESHOLD,
    THRESHOLD_INITIAL_RAW,
)
from golden.spec.neural_commands import ResetPart, TickPart
from hw.bits import select
from hw.dendrite import BranchResponse, DendriteTree
from hw.homeostasis import HomeostaticController
from hw.lif import LifOp, LifPipeline
from hw.neuron_store import NeuronStore, context_width
from hw.router import SpikeRouter
from hw.spike_queue import SpikeQueue
from hw.stdp import StdpEngine

__all__ = ["TickEngine", "TickPart"]

WRITTEN = 6
"""Cycles from a neuron's address to its last write."""
LAST_CYCLE = VECTORS_PER_CORE - 1 + WRITTEN
FIRST_FETCH = VECTORS_PER_CORE + 2
"""From this cycle on spikes are fetched: they reach membranes after the last membrane of the stream is written."""
LEARN_LATENCY = 4
"""Cycles from a link's turn in the router to the write of what is learned from it."""
WIDEST = max(field.width for field in STATE_FIELDS)
WIDEST_VALUE = max(field.width for field in STATE_FIELDS if field.name != "branches")
"""Branches are written one at a time, or several with one value."""
RESET_VALUES = {"elapsed": ELAPSED_NEVER, "threshold": THRESHOLD_INITIAL_RAW}
RESET_PARTS = {
    "branches": ResetPart.BRANCHES,
    "history": ResetPart.HISTORIES,
    "rate": ResetPart.RATES,
    "residue": ResetPart.RATES,
    "trace": ResetPart.SEQUENCE,
}
"""What puts a field back; the network's reset, where it is not named."""


DELIVERS = TickPart.TO_MEMBRANE | TickPart.TO_BRANCH | TickPart.LEARN


class TickEngine(wiring.Component):
    """One tick of the first ``count`` neurons of a context, by the parts named in ``parts``.

    ``start`` in cycle t, with ``context``, ``count`` and ``parts``, which stay until it is done, as do the settings;
    busy from t+1 on, ``done`` in its last cycle. 38 cycles while nothing fires; with spikes to deliver 40, and
    max(1, n_links + extra) for each of them, extra = 1 when it learns or writes branches.

    Graph words and weights come from the slice's stores: ``graph_read``, ``graph_row`` and ``weight_row`` in one cycle,
    ``word`` (which stays until the next read) and ``weight`` in the next; weights are written at once.
    While no tick runs, ``field`` (its place in ``STATE_FIELDS``) of neuron ``node`` is at ``out_value`` in the next
    cycle (and all fields at the ports of ``store``), and ``write_field`` writes it, of the node of the cycle before if
    ``behind``; of the branches all but those in ``keep_slots``, with one value. ``reset`` puts fields of the node back
    to where they start, and wins.
    ``lif_*`` lend the LIF pipeline out. ``spikes`` are those of the last tick. ``kept`` and ``external`` are the words
    of the context addressed in the cycle before, written with ``write_word``; external spikes join the next tick.
    ``tap_*``, in the cycle in which neuron ``tap_index`` of the stream ends: its membrane after the dendrites, whether
    its history had a spike; ``ahead_index`` tells the index a cycle earlier.
    """

    def __init__(self, n_contexts: int = 1) -> None:
        self.n_contexts = n_contexts
        super().__init__(
            {
                "start": In(1),
                "context": In(context_width(n_contexts)),
                "count": In(COUNT_WIDTH),
                "parts": In(len(TickPart)),
                "dt": In(DT_WIDTH),
                "leak": In(FACTOR_WIDTH),
                "rate_factor": In(FACTOR_WIDTH),
                "target_step": In(TARGET_STEP_WIDTH),
                "gain": In(signed(GAIN.width)),
                "word": In(NODE_WIDTH),
                "weight": In(WEIGHT_WIDTH),
                "field": In(range(len(STATE_FIELDS))),
                "node": In(INDEX_WIDTH),
                "write_field": In(1),
                "value": In(WIDEST_VALUE),
                "behind": In(1),
                "keep_slots": In(MAX_NEIGHBOURS),
                "reset": In(len(ResetPart)),
                "write_word": In(2),
                "lif_valid": In(1),
                "lif_op": In(2),
                "lif_membrane": In(signed(MEMBRANE.width)),
                "lif_current": In(signed(MEMBRANE.width)),
                "lif_factor": In(FACTOR_WIDTH),
                "busy": Out(1),
                "done": Out(1),
                "lif_result": Out(signed(MEMBRANE.width)),
                "fired": Out(1),
                "tap_valid": Out(1),
                "tap_index": Out(INDEX_WIDTH),
                "tap_membrane": Out(signed(MEMBRANE.width)),
                "tap_active": Out(1),
                "ahead_index": Out(INDEX_WIDTH),
                "kept": Out(VECTORS_PER_CORE),
                "external": Out(VECTORS_PER_CORE),
                "spikes": Out(VECTORS_PER_CORE),
                "graph_read": Out(1),
                "graph_row": Out(INDEX_WIDTH),
                "weight_row": Out(INDEX_WIDTH),
                "weight_write": Out(1),
                "weight_write_row": Out(INDEX_WIDTH),
                "weight_value": Out(WEIGHT_WIDTH),
                "out_value": Out(WIDEST),
            }
        )

        self.store = NeuronStore(n_contexts)
        # Lent out while no tick runs: a branch of the neuron addressed a cycle ago, and the sum of it and ``added``.
        self.slot = Signal(LINK_COUNT_WIDTH)
        self.branch, self.added = Signal(signed(BRANCH.width)), Signal(signed(BRANCH.width))
        self.branch_sum = Signal(signed(BRANCH.width))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = self.store
        cycle = Signal(range(LAST_CYCLE + 1))
        streams, delivers, idle = Signal(), Signal(), Signal()
        m.d.comb += [
            streams.eq(self.busy & ~cycle[INDEX_WIDTH:].any()),
            delivers.eq(self.busy & (cycle >= FIRST_FETCH)),
            self.done.eq(self.busy & (cycle == LAST_CYCLE) & idle),
        ]
        with m.If(~self.busy):
            m.d.sync += [self.busy.eq(self.start), cycle.eq(0)]
        with m.Else():
            m.d.sync += [self.busy.eq(~self.done), cycle.eq(Mux(cycle == LAST_CYCLE, cycle, cycle + 1))]

        # Neuron and validity of what entered the stream so many cycles ago.
        valids: list[Value] = [streams]
        indices: list[Value] = [cycle[:INDEX_WIDTH]]
        for age in range(1, WRITTEN + 1):
            valid, index = Signal(name=f"valid{age}"), Signal(INDEX_WIDTH, name=f"index{age}", reset_less=True)
            m.d.sync += [valid.eq(valids[-1]), index.eq(indices[-1])]
            valids.append(valid)
            indices.append(index)
        # The part of the gain that the spike at work delivers.
        self._share = Signal(FACTOR_WIDTH, name="share")
        self._stream(m, valids, indices)
        m.d.comb += idle.eq(self._deliver(m, streams, delivers, valids, indices))
        self._access(m)
        self._respond(m)
        return m

    def _part(self, part: TickPart) -> Value:
        return self.parts[part.bit_length() - 1]

    def _read(self, m: Module, name: str, when: Value, index: Value) -> None:
        """Points a column's read port at a neuron while ``when``."""
        with m.If(when):
            m.d.comb += getattr(self.store, f"{name}_read_addr").eq(Cat(index, self.context))

    def _write(
        self, m: Module, name: str, when: Value, index: Value, value: Value, enable: Value | None = None
    ) -> None:
        """Writes a neuron's field while ``when``; ``enable``: which parts of it."""
        store = self.store
        with m.If(when):
            m.d.comb += [
                getattr(store, f"{name}_write_addr").eq(Cat(index, self.context)),
                getattr(store, f"{name}_write").eq(
                    (1 << len(getattr(store, f"{name}_write"))) - 1 if enable is None else enable
                ),
                getattr(store, f"{name}_value").eq(value),
            ]

    def _stream(self, m: Module, valids: list[Value], indices: list[Value]) -> None:
        """Pass A: the neurons, one a cycle."""
        m.submodules.dendrites = dendrites = DendriteTree()
        m.submodules.lif = lif = LifPipeline()
        m.submodules.homeostasis = homeostasis = HomeostaticController()
        store, part = self.store, self._part
        present = [valid & (index < self.count) for valid, index in zip(valids, indices, strict=True)]
        spike = Signal()
        m.d.comb += [
            dendrites.valid.eq(valids[1]),
            dendrites.responses.eq(store.responses_data),
            store.responses_read_addr.eq(Cat(indices[0], self.context)),
            dendrites.n_links.eq(self.word[LINKS_WIDTH : LINKS_WIDTH + LINK_COUNT_WIDTH]),
            lif.valid.eq(Mux(self.busy, present[2], self.lif_valid)),
            lif.factor.eq(Mux(self.busy, Mux(valids[3], self.leak, self._share), self.lif_factor)),
            lif.dt.eq(self.dt),
            lif.threshold.eq(store.threshold_data),
            lif.elapsed.eq(store.elapsed_data),
            spike.eq(Mux(part(TickPart.STEP), lif.spike, select(list(self.spikes), indices[4]))),
            homeostasis.valid.eq(present[4] & part(TickPart.HOMEOSTASIS)),
            homeostasis.spike.eq(spike),
            homeostasis.rate.eq(store.rate_data),
            homeostasis.factor.eq(self.rate_factor),
            homeostasis.target_step.eq(self.target_step),
        ]
        with m.If(~self.busy):
            m.d.comb += [
                lif.op.eq(self.lif_op),
                lif.membrane.eq(self.lif_membrane),
                lif.current.eq(self.lif_current),
            ]
        with m.Elif(valids[2]):
            m.d.comb += [
                lif.op.eq(Mux(part(TickPart.STEP), LifOp.STEP, LifOp.INJECT)),
                lif.membrane.eq(store.membrane_data),
                lif.current.eq(Mux(part(TickPart.DENDRITES), dendrites.current, 0)),
            ]
        with m.Else():
            # A spike's current: the router gives the factor, two cycles later the pipeline the product.
            m.d.comb += [
                lif.op.eq(LifOp.SCALE),
                lif.current.eq(self.gain << MEMBRANE.fraction_bits - GAIN.fraction_bits),
            ]
        m.d.comb += [
            self.lif_result.eq(lif.out_membrane),
            self.fired.eq(lif.spike),
            self.tap_valid.eq(present[4]),
            self.tap_index.eq(indices[4]),
            self.tap_membrane.eq(lif.entered),
            self.tap_active.eq(store.history_data.any()),
            self.ahead_index.eq(indices[3]),
        ]
        # LIF and homeostasis look at the threshold two cycles apart.
        held, older = (Signal(THRESHOLD.width, name=f"threshold{age}", reset_less=True) for age in (5, 6))
        m.d.sync += [held.eq(store.threshold_data), older.eq(held)]
        m.d.comb += homeostasis.threshold.eq(older)

        self._read(m, "membrane", valids[1], indices[1])
        for name in ("threshold", "elapsed", "history", "rate"):
            self._read(m, name, valids[3], indices[3])
        self._write(m, "branches", present[1] & part(TickPart.CLEAR), indices[1], 0)
        self._write(m, "membrane", present[4], indices[4], lif.out_membrane)
        self._write(m, "elapsed", present[4], indices[4], lif.out_elapsed)
        self._write(m, "history", valids[4] & part(TickPart.RECORD), indices[4], Cat(spike, store.history_data[:-1]))
        self._write(m, "rate", homeostasis.out_valid, indices[6], homeostasis.out_rate)
        self._write(m, "threshold", homeostasis.out_valid, indices[6], homeostasis.out_threshold)

        self._words(m, Mux(lif.spike, 1 << indices[4], 0))

    def _words(self, m: Module, fires: Value) -> None:
        """The words of 32 spikes: of this tick, kept by context for a tick without a step, and from outside."""
        m.submodules.kept = kept = memory.Memory(shape=VECTORS_PER_CORE, depth=self.n_contexts, init=[])
        m.submodules.external = external = memory.Memory(shape=VECTORS_PER_CORE, depth=self.n_contexts, init=[])
        reset = self.reset[ResetPart.NETWORK.bit_length() - 1]
        begun = Signal()
        for store, out, write, done, value in (
            (kept, self.kept, self.write_word[0], self.done, self.spikes),
            (external, self.external, self.write_word[1], begun, Const(0)),
        ):
            read_port, write_port = store.read_port(), store.write_port()
            m.d.comb += [
                read_port.addr.eq(self.context),
                out.eq(read_port.data),
                write_port.addr.eq(self.context),
                write_port.data.eq(Mux(done, value, Mux(reset, 0, self.value))),
                write_port.en.eq(done | write | reset),
            ]
        self._adds = Signal(VECTORS_PER_CORE)
        past = self.kept & ~self._part(TickPart.STEP).replicate(VECTORS_PER_CORE)
        # A firing whose spike came from outside already is delivered once.
        m.d.comb += self._adds.eq(Mux(begun, past | self.external, fires & ~self.spikes))
        m.d.sync += [
            begun.eq(self.start & ~self.busy),
            self.spikes.eq(Mux(begun, 0, self.spikes) | self._adds),
        ]

    def _deliver(self, m: Module, streams: Value, delivers: Value, valids: list[Value], indices: list[Value]) -> Value:
        """Pass B: the spikes, lowest neuron first. Returns whether nothing is left to do after this cycle."""
        m.submodules.queue = queue = SpikeQueue()
        m.submodules.router = router = SpikeRouter()
        m.submodules.stdp = stdp = StdpEngine()
        store, part = self.store, self._part
        to_branch, learn = part(TickPart.TO_BRANCH), part(TickPart.LEARN)
        m.d.comb += [
            queue.add.eq(Mux((self.parts & DELIVERS).any(), self._adds, 0)),
            # Learning changes a spike's weight after its last use: the stream's is the right one.
            queue.weight_write.eq(valids[1]),
            queue.weight_index.eq(indices[1]),
            queue.weight.eq(self.weight),
            queue.go.eq(delivers),
            # A branch needs the graph word of its neuron: the port is free in the last cycle of a spike.
            queue.blocked.eq(to_branch & router.issue),
            queue.word.eq(self.word),
            queue.take.eq(router.take),
            router.entry_valid.eq(queue.entry_valid),
            router.entry_index.eq(queue.entry_index),
            router.entry_word.eq(queue.entry_word),
            router.entry_weight.eq(queue.entry_weight),
            router.current.eq(self.lif_result),
            self._share.eq(router.factor),
            router.look.eq(~self.busy),
            router.look_slot.eq(self.slot),
            router.added.eq(self.added),
            self.branch.eq(router.branch),
            self.branch_sum.eq(router.write_value),
            router.extra.eq(learn | to_branch),
            router.to_membrane.eq(part(TickPart.TO_MEMBRANE)),
            router.to_branch.eq(to_branch),
            router.membrane.eq(store.membrane_data),
            router.branches.eq(store.branches_data),
            router.word.eq(self.word),
            stdp.issue.eq(router.issue & learn),
            stdp.own.eq(router.own & learn),
            stdp.target.eq(router.target),
            stdp.elapsed.eq(store.elapsed_data),
            stdp.weight.eq(self.weight),
            stdp.residue.eq(store.residue_data),
            self.weight_write.eq(stdp.write),
            self.weight_write_row.eq(stdp.write_target),
            self.weight_value.eq(stdp.write_weight),
            self.graph_read.eq(streams | queue.fetch | queue.blocked),
            self.graph_row.eq(Mux(streams, indices[0], Mux(queue.fetch, queue.row, router.target))),
            self.weight_row.eq(Mux(streams, indices[0], stdp.read_target)),
        ]
        for name in ("branches", "membrane", "elapsed"):
            self._read(m, name, router.issue, router.target)
        self._read(m, "residue", self.busy, stdp.read_target)
        which = Signal(len(store.branches_write))
        m.d.comb += which.eq(1 << router.write_slot)
        self._write(m, "membrane", router.write, router.write_target, router.write_membrane)
        self._write(
            m,
            "branches",
            router.write_branch,
            router.write_target,
            Cat(router.write_value for _ in range(len(store.branches_write))),
            which,
        )
        self._write(m, "residue", stdp.write, stdp.write_target, stdp.write_residue)
        works = router.issue | router.own
        trail = Signal(LEARN_LATENCY - 1)
        m.d.sync += trail.eq(Cat(works, trail))
        return queue.empty & ~works & ~trail.any()

    def _access(self, m: Module) -> None:
        """Single fields, while no tick runs."""
        asked, passed = Signal.like(self.field, reset_less=True), Signal.like(self.node, reset_less=True)
        m.d.sync += [asked.eq(self.field), passed.eq(self.node)]
        columns = []
        node = Mux(self.behind, passed, self.node)
        for place, field in enumerate(STATE_FIELDS):
            self._read(m, field.name, ~self.busy, self.node)
            reset = self._resets(field.name)
            chosen = ~self.busy & ((self.write_field & (self.field == place)) | reset)
            given = self.value[: BRANCH.width].replicate(MAX_NEIGHBOURS) if field.name == "branches" else self.value
            value = Mux(reset, RESET_VALUES.get(field.name, 0), given[: field.width])
            slots = ~self.keep_slots | reset.replicate(MAX_NEIGHBOURS) if field.name == "branches" else None
            self._write(m, field.name, chosen, node, value, slots)
            columns.append(getattr(self.store, f"{field.name}_data"))
        m.d.comb += self.out_value.eq(Choice(columns)[asked])

    def _respond(self, m: Module) -> None:
        """The responses of branches that were written in the cycle before: they are there when the next tick begins."""
        m.submodules.response = response = BranchResponse()
        store = self.store
        slots, addr = Signal(MAX_NEIGHBOURS), Signal(len(store.branches_write_addr), reset_less=True)
        branch = Signal(BRANCH.width, reset_less=True)
        m.d.sync += [
            slots.eq(store.branches_write),
            addr.eq(store.branches_write_addr),
            branch.eq(store.branches_value[: BRANCH.width]),
        ]
        m.d.comb += [
            response.branch.eq(branch),
            store.responses_write.eq(slots),
            store.responses_write_addr.eq(addr),
            store.responses_value.eq(
                Cat(Cat(response.response, Const(0, 1)) for _ in range(MAX_NEIGHBOURS)),
            ),
        ]

    def _resets(self, name: str) -> Value:
        return self.reset[RESET_PARTS.get(name, ResetPart.NETWORK).bit_length() - 1]
