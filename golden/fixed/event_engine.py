"""The NeuronGuard event engine of ``docs/contract_guard.md``: Run and Trainer mode, guards, winner take all."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, mask, to_signed, to_unsigned
from golden.fixed.event_queue import EventQueue
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.events import (
    FEEDBACK,
    FRACTION_BITS,
    ID_WIDTH,
    POTENTIAL,
    PRODUCT_CYCLES,
    RECORD_WIDTH,
    TARGET_LOW,
    TARGET_NONE,
    THRESHOLD,
    THRESHOLD_LOW,
    UNIT_MAGNITUDE,
    WEIGHT,
    EventShape,
    Fault,
)

_RUN, _SIGNAL, _FETCH, _OPEN, _LOAD, _STORE, _SCAN = range(7)
_TRAIN_BIT, _PUNISH_BIT = ID_WIDTH + WEIGHT.width, ID_WIDTH + WEIGHT.width + 1
_IDS = mask(ID_WIDTH)


class EventEngine(Unit):
    """One event a cycle in Run mode; a chain of word and class in 11 cycles.

    Ports, registers and cycles: ``docs/contract_guard.md``.
    """

    def __init__(self, shape: EventShape, n_streams: int = 1) -> None:
        super().__init__(Config(), n_streams)
        self.shape = shape
        self._potentials = np.zeros((n_streams, shape.max_neurons), np.int64)
        self._records = np.zeros((n_streams, shape.max_neurons), np.uint64)
        self._guards = np.zeros((n_streams, shape.max_guards), np.int64)
        self._potential_read, self._guard_read = self._zeros(), self._zeros()
        self._record_read = np.zeros(n_streams, np.uint64)
        self._queue = EventQueue(_PUNISH_BIT + 1, shape.queue_width, n_streams)
        self._b_valid, self._b_train, self._b_punish, self._b_chained = (self._flags() for _ in range(4))
        self._b_neuron, self._b_magnitude = self._zeros(), self._zeros()
        self._forward_valid, self._forward_neuron, self._forward_value = self._flags(), self._zeros(), self._zeros()
        self._phase, self._signal, self._n_guards, self._k = (self._zeros() for _ in range(4))
        self._circle, self._reached, self._last = (self._flags() for _ in range(3))
        self._scan_neuron, self._scan_class = self._zeros(), self._zeros()
        self._scan_seen, self._scan_more, self._clears = (self._flags() for _ in range(3))
        self._lost, self._taken, self._chain_end, self._scan_end, self._chain_reached = (
            self._flags() for _ in range(5)
        )
        self._chain_length, self._fault, self._fault_neuron = (self._zeros() for _ in range(3))
        self._winner, self._best = self._zeros(), self._zeros()
        # What a cycle asks of the memories: at most one potential is written, and one neuron read.
        self._reads, self._read_neuron = self._flags(), self._zeros()
        self._writes, self._write_neuron, self._written = self._flags(), self._zeros(), self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        queue, phase = self._queue, self._phase
        last_neuron = unsigned(inputs, "last_neuron", ID_WIDTH)
        first_class = unsigned(inputs, "first_class", ID_WIDTH)
        go, flush, scan = flag(inputs, "go"), flag(inputs, "flush"), flag(inputs, "scan")
        outputs = self.look(go)
        ready, busy = outputs["ready"] == 1, outputs["busy"] == 1

        posted = flag(inputs, "post")
        post_target = unsigned(inputs, "post_target", ID_WIDTH)
        accepted = posted & ready & ~flush & (post_target <= last_neuron)
        held = accepted & self._b_valid
        take = go & queue.valid & (phase == _RUN) & ~flush & ~(self._b_valid & (held | self._b_train))
        entry = queue.data
        self._lost, self._taken = posted & ~accepted, take
        self._chain_end, self._scan_end = self._flags(), self._flags()
        self._fault, self._fault_neuron = self._zeros(), self._zeros()

        self._reads, self._read_neuron = take.copy(), entry & _IDS
        self._writes = self._flags()
        record = self._record_read
        target = (record >> np.uint64(TARGET_LOW)).astype(np.int64) & _IDS
        weight = to_signed(record, WEIGHT.width)
        fired = self._receive(self._b_valid & ~held, held, target, last_neuron, first_class)
        posted_entry = (
            post_target
            | unsigned(inputs, "post_magnitude", WEIGHT.width) << ID_WIDTH
            | unsigned(inputs, "post_train", 1) << _TRAIN_BIT
            | unsigned(inputs, "post_punish", 1) << _PUNISH_BIT
        )
        fired_entry = target | (weight & mask(WEIGHT.width)) << ID_WIDTH
        queue.advance(accepted | fired, np.where(accepted, posted_entry, fired_entry), take, flush)

        feedback = np.where(
            self._b_punish, signed(inputs, "punishment", FEEDBACK.width), signed(inputs, "reward", FEEDBACK.width)
        )
        guards = self._guard_read
        self._open(phase == _OPEN)
        self._load(phase == _LOAD, guards)
        self._store(phase == _STORE, guards, WEIGHT.saturate(weight + feedback))
        self._b_valid = take | held
        self._latch(take, entry)
        self._signal_step(phase == _SIGNAL, target, weight, guards)
        self._fetch(phase == _FETCH, target)
        self._scan_step(phase == _SCAN, last_neuron)
        self._start_scan(scan & ~busy, first_class, flag(inputs, "scan_clear"))
        self._host(inputs, ~busy & ~scan)
        self._access()
        return outputs

    def look(self, go: BoolArray) -> Outputs:
        """The outputs of this cycle, for an owner whose other inputs depend on them."""
        busy = (self._phase != _RUN) | self._b_valid | (go & (self._queue.level != 0))
        return {
            "ready": bit(self._queue.level + self._b_valid < self.shape.queue_depth),
            "level": self._queue.level.astype(np.uint64),
            "busy": bit(busy),
            "lost": bit(self._lost),
            "taken": bit(self._taken),
            "chain_end": bit(self._chain_end),
            "chain_reached": bit(self._chain_reached),
            "chain_length": self._chain_length.astype(np.uint64),
            "fault": self._fault.astype(np.uint64),
            "fault_neuron": self._fault_neuron.astype(np.uint64),
            "scan_end": bit(self._scan_end),
            "winner": self._winner.astype(np.uint64),
            "best": to_unsigned(self._best, POTENTIAL.width),
            "potential": to_unsigned(self._potential_read, POTENTIAL.width),
            "record": self._record_read.copy(),
        }

    def _receive(
        self, acts: BoolArray, held: BoolArray, target: I64Array, last_neuron: I64Array, first_class: I64Array
    ) -> BoolArray:
        """The event in B meets its neuron; where an event was fired in Run mode."""
        forwarded = self._forward_valid & (self._forward_neuron == self._b_neuron)
        before = np.where(forwarded, self._forward_value, self._potential_read)
        total = POTENTIAL.saturate(before + np.where(self._b_chained, self._signal, self._b_magnitude))
        threshold = to_signed(self._record_read >> np.uint64(THRESHOLD_LOW), THRESHOLD.width)
        fires, none = total >= threshold, target == TARGET_NONE
        bad = ~none & (target > last_neuron)

        runs = acts & ~self._b_train
        fire = fires & (self._b_neuron < first_class)
        self._raise(runs & fire & bad, Fault.TARGET, self._b_neuron)
        moves = runs & ~(fire & bad)
        value = np.where(fire, 0, total)
        self._write(moves, self._b_neuron, value)
        self._forward_neuron = np.where(moves, self._b_neuron, self._forward_neuron)
        self._forward_value = np.where(moves, value, self._forward_value)
        self._forward_valid = moves | (held & self._forward_valid)

        trains = acts & self._b_train
        at = np.flatnonzero(trains)
        self._guards[at, self._n_guards[at] & mask(self.shape.guard_width)] = self._b_neuron[at]
        self._n_guards = self._n_guards + trains
        full = self._n_guards == self.shape.max_guards
        goes_on = trains & fires & ~none & ~bad & ~full
        self._raise(trains & fires & bad, Fault.TARGET, self._b_neuron)
        self._raise(trains & fires & ~none & ~bad & full, Fault.GUARDS, self._b_neuron)
        self._reached = np.where(trains, fires & none, self._reached)
        self._phase = np.where(goes_on, _SIGNAL, np.where(trains, _OPEN, self._phase))
        self._k, self._circle = np.where(goes_on, 0, self._k), self._circle & ~goes_on
        return moves & fire & ~none

    def _latch(self, take: BoolArray, entry: I64Array) -> None:
        """The entry taken goes to B."""
        self._b_neuron = np.where(take, entry & _IDS, self._b_neuron)
        self._b_magnitude = np.where(take, to_signed(entry >> ID_WIDTH, WEIGHT.width), self._b_magnitude)
        self._b_train = np.where(take, entry >> _TRAIN_BIT & 1 == 1, self._b_train)
        self._b_punish = np.where(take, entry >> _PUNISH_BIT & 1 == 1, self._b_punish)
        self._b_chained = self._b_chained & ~take

    def _signal_step(self, acts: BoolArray, target: I64Array, weight: I64Array, guards: I64Array) -> None:
        hit = (self._k >= 1) & (self._k <= self._n_guards) & (guards == target)
        circle = self._circle | hit
        ends = acts & (self._k == np.where(self._b_magnitude == UNIT_MAGNITUDE, self._n_guards, PRODUCT_CYCLES - 1))
        self._raise(ends & circle, Fault.CIRCLE, target)
        product = POTENTIAL.saturate(self._b_magnitude * weight >> FRACTION_BITS)
        self._signal = np.where(ends & ~circle, product, self._signal)
        self._reached = self._reached & ~(ends & circle)
        self._read_guard(acts, self._k)
        self._circle = np.where(acts, circle, self._circle)
        self._k = np.where(acts, (self._k + 1) & mask(5), self._k)
        self._phase = np.where(ends, np.where(circle, _OPEN, _FETCH), self._phase)

    def _fetch(self, acts: BoolArray, target: I64Array) -> None:
        self._read(acts, target)
        self._b_valid, self._b_chained = self._b_valid | acts, self._b_chained | acts
        self._b_neuron = np.where(acts, target, self._b_neuron)
        self._phase = np.where(acts, _RUN, self._phase)

    def _open(self, acts: BoolArray) -> None:
        self._read_guard(acts, self._n_guards - 1)
        self._chain_length = np.where(acts, self._n_guards, self._chain_length)
        self._chain_reached = np.where(acts, self._reached, self._chain_reached)
        self._last = self._last | acts
        self._phase = np.where(acts, _LOAD, self._phase)

    def _load(self, acts: BoolArray, guards: I64Array) -> None:
        self._write(acts, guards, self._zeros())
        at = np.flatnonzero(acts)
        self._record_read = self._record_read.copy()
        self._record_read[at] = self._records[at, guards[at] & mask(self.shape.neuron_width)]
        self._phase = np.where(acts, _STORE, self._phase)

    def _store(self, acts: BoolArray, guards: I64Array, weight: I64Array) -> None:
        at = np.flatnonzero(acts & self._reached & ~self._last)
        kept = self._record_read[at] & np.uint64(mask(RECORD_WIDTH) - mask(WEIGHT.width))
        self._records[at, guards[at] & mask(self.shape.neuron_width)] = kept | to_unsigned(weight[at], WEIGHT.width)
        self._read_guard(acts, self._n_guards - 2)
        self._last = self._last & ~acts
        closed = acts & (self._n_guards == 1)
        self._n_guards = self._n_guards - acts
        self._chain_end = self._chain_end | closed
        self._phase = np.where(acts, np.where(closed, _RUN, _LOAD), self._phase)

    def _start_scan(self, starts: BoolArray, first_class: I64Array, scan_clear: BoolArray) -> None:
        self._scan_neuron = np.where(starts, first_class, self._scan_neuron)
        self._scan_class = np.where(starts, 0, self._scan_class)
        self._scan_seen, self._scan_more = self._scan_seen & ~starts, self._scan_more | starts
        self._clears = np.where(starts, scan_clear, self._clears)
        self._phase = np.where(starts, _SCAN, self._phase)

    def _scan_step(self, acts: BoolArray, last_neuron: I64Array) -> None:
        seen, more = acts & self._scan_seen, acts & self._scan_more
        larger = seen & ((self._scan_class == 0) | (self._potential_read > self._best))
        self._best = np.where(larger, self._potential_read, self._best)
        self._winner = np.where(larger, self._scan_class, self._winner)
        self._scan_class = (self._scan_class + seen) & _IDS
        self._write(seen & self._clears, self._b_neuron, self._zeros())
        at = np.flatnonzero(more)
        self._potential_read = self._potential_read.copy()
        self._potential_read[at] = self._potentials[at, self._scan_neuron[at] & mask(self.shape.neuron_width)]
        self._b_neuron = np.where(more, self._scan_neuron, self._b_neuron)
        self._scan_seen = self._scan_seen | more
        ends = acts & ~self._scan_more
        self._scan_more = np.where(more, self._scan_neuron != last_neuron, self._scan_more)
        self._scan_neuron = (self._scan_neuron + more) & _IDS
        self._scan_end = self._scan_end | ends
        self._phase = np.where(ends, _RUN, self._phase)

    def _host(self, inputs: Inputs, allowed: BoolArray) -> None:
        neuron, writes = unsigned(inputs, "host_neuron", ID_WIDTH), allowed & flag(inputs, "host_write")
        self._write(writes, neuron, signed(inputs, "host_potential", POTENTIAL.width))
        at = np.flatnonzero(writes)
        self._records[at, neuron[at] & mask(self.shape.neuron_width)] = inputs["host_record"][at]
        self._read(allowed & flag(inputs, "host_read") & ~writes, neuron)

    def _raise(self, where: BoolArray, fault: Fault, neuron: I64Array) -> None:
        self._fault = np.where(where, int(fault), self._fault)
        self._fault_neuron = np.where(where, neuron, self._fault_neuron)

    def _read(self, where: BoolArray, neuron: I64Array) -> None:
        """Potentials and records are read."""
        self._reads, self._read_neuron = self._reads | where, np.where(where, neuron, self._read_neuron)

    def _write(self, where: BoolArray, neuron: I64Array, value: I64Array) -> None:
        """A potential is written."""
        self._write_neuron = np.where(where, neuron, self._write_neuron)
        self._written = np.where(where, value, self._written)
        self._writes = self._writes | where

    def _read_guard(self, where: BoolArray, place: I64Array) -> None:
        at = np.flatnonzero(where)
        self._guard_read = self._guard_read.copy()
        self._guard_read[at] = self._guards[at, place[at] & mask(self.shape.guard_width)]

    def _access(self) -> None:
        """What was asked of the memories: reads first, they see old data."""
        places = mask(self.shape.neuron_width)
        at = np.flatnonzero(self._reads)
        self._potential_read, self._record_read = self._potential_read.copy(), self._record_read.copy()
        self._potential_read[at] = self._potentials[at, self._read_neuron[at] & places]
        self._record_read[at] = self._records[at, self._read_neuron[at] & places]
        at = np.flatnonzero(self._writes)
        self._potentials[at, self._write_neuron[at] & places] = self._written[at]
