"""The event unit of ``docs/contract_event_unit.md``: both text classifiers behind the AXI4-Lite port."""

from dataclasses import dataclass

import numpy as np

from golden.fixed.axi_channels import AxiChannels
from golden.fixed.bits import BoolArray, I64Array, U64Array, mask, to_signed
from golden.fixed.compact import CompactClassifier
from golden.fixed.event_engine import EventEngine
from golden.fixed.event_queue import EventQueue
from golden.fixed.event_registers import RegisterTable
from golden.fixed.unit import Inputs, Outputs, Unit, bit
from golden.spec import Config
from golden.spec.compact import N_BANKS, WORD_WIDTH
from golden.spec.event_unit import COUNT_WIDTH, ROW_STRIDE, EventCommand, EventError, EventUnitShape
from golden.spec.events import ID_WIDTH, TARGET_LOW, TARGET_NONE, THRESHOLD, THRESHOLD_LOW, WEIGHT, Fault
from golden.spec.register import DATA_WIDTH

_WORD, _IDS, _MOST = mask(DATA_WIDTH), mask(ID_WIDTH), mask(COUNT_WIDTH)
_DONE, _IDLE, _FAULT, _LOST = (1 << place for place in range(4))
_TRAIN, _PUNISH = 16, 17
"""Bits of POST."""
_PREFIX = "s_axil_"
"""Of the names of the bus's ports."""


@dataclass(slots=True, kw_only=True)
class _Writes:
    """Writes of one cycle that are not refused: the slot (that of no register elsewhere), and the data."""

    slot: I64Array
    data: I64Array
    full: BoolArray
    """An event was refused because there was no room."""


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What the registers show of the units behind them in one cycle."""

    engine: Outputs
    classifier: Outputs
    mode: BoolArray
    level: I64Array
    done: BoolArray
    busy: BoolArray
    irq: BoolArray


class EventUnit(Unit):
    """Registers, event queue, texts, and the two classifiers; ports are those of the bus and ``irq``.

    ``docs/contract_event_unit.md`` has registers and cycles.
    """

    def __init__(self, shape: EventUnitShape, n_streams: int = 1) -> None:
        super().__init__(Config(), n_streams)
        self.shape = shape
        self._table = RegisterTable(shape)
        self._values = np.tile(self._table.reset, (n_streams, 1))
        self._channels = AxiChannels(n_streams)
        self._classifier = CompactClassifier(shape.compact, n_streams)
        self._engine = EventEngine(shape.engine, n_streams)
        # The engine keeps the queue of MODE 1; entries of MODE 0 have 64 bits at most.
        self._queue = EventQueue(N_BANKS * shape.compact.row_width + WORD_WIDTH, shape.queue_width, n_streams)
        self._finishing, self._clearing, self._scanning, self._scan_clears, self._done_guard, self._was_busy = (
            self._flags() for _ in range(6)
        )
        # What a write began in the cycle before; the bus holds meanwhile.
        self._writes_table, self._writes_codebook, self._reads_neuron, self._writes_neuron = (
            self._flags() for _ in range(4)
        )

    def step(self, inputs: Inputs) -> Outputs:
        channels, table, streams = self._channels, self._table, np.arange(self.n_streams)
        seen = self._look()
        outputs = {_PREFIX + name: value for name, value in channels.bus_outputs().items()} | {"irq": bit(seen.irq)}
        hold = self._writes_table | self._writes_codebook | self._reads_neuron | self._writes_neuron
        read_goes, write_goes = channels.going(hold)
        mode = seen.mode.astype(np.int64)

        self._show(seen)
        slot = table.slots[channels.read_addr]
        why_not = table.why_not_read(slot, mode, seen.busy)
        read_refused = read_goes & (why_not != EventError.NONE)
        read_value = np.where(table.readable[slot], self._values[streams, slot], 0)
        scores_read = read_goes & ~read_refused & (slot == table.slot["SCORE"])
        error = np.where(read_refused, why_not, self._values[:, table.slot["ERROR"]])

        slot = table.slots[channels.write_addr]
        data = channels.write_data & table.widths_mask[slot]
        why_not = table.why_not_written(slot, mode, seen.busy, channels.write_whole)
        why_not = np.where(why_not == EventError.NONE, self._why_not(slot, data, seen), why_not)
        write_refused = write_goes & (why_not != EventError.NONE)
        nothing = len(table.reset) - 1
        self._put("ERROR", np.where(write_refused, why_not, error))
        writes = _Writes(
            slot=np.where(write_goes & ~write_refused, slot, nothing),
            data=data,
            full=write_refused & (why_not == EventError.FULL),
        )
        bus = {name.removeprefix(_PREFIX): value for name, value in inputs.items()}
        channels.advance(bus, read_value, read_refused, write_refused, read_goes, write_goes)
        self._clock(seen, writes, scores_read)
        return outputs

    # ---------------------------------------------------------------- what a cycle shows

    def _value(self, name: str) -> I64Array:
        """A register's value, without sign."""
        return self._values[:, self._table.slot[name]].copy()

    def _put(self, name: str, value: I64Array) -> None:
        self._values[:, self._table.slot[name]] = value

    def _look(self) -> _Seen:
        """Outputs of the units behind the registers, before anything of this cycle is known."""
        mode = self._value("MODE") == 1
        engine = self._engine.look((self._value("RUN") == 1) & ~self._clearing)
        classifier = self._classifier.look(self._value("SCORE_INDEX"))
        level = np.where(mode, engine["level"].astype(np.int64), self._queue.level)
        busy = self._finishing | (level != 0) | (mode & (self._clearing | (engine["busy"] == 1)))
        done = np.where(mode, self._done_guard, classifier["done"] == 1)
        irq = self._value("IRQ_STATUS") & self._value("IRQ_ENABLE") != 0
        return _Seen(engine=engine, classifier=classifier, mode=mode, level=level, done=done, busy=busy, irq=irq)

    def _show(self, seen: _Seen) -> None:
        """Registers that show something of other places."""
        ready = np.where(seen.mode, seen.engine["ready"] == 1, seen.level != self.shape.engine.queue_depth)
        self._put("STATUS", seen.busy | seen.irq << 1 | seen.done << 2 | ready << 3 | seen.level << 16)
        engine, classifier = seen.engine, seen.classifier
        score_width = self.shape.compact.score_width
        best = np.where(seen.mode, engine["best"].astype(np.int64), to_signed(classifier["best"], score_width) & _WORD)
        self._put("WINNER", np.where(seen.mode, engine["winner"], classifier["winner"]).astype(np.int64))
        self._put("BEST", best)
        self._put("SCORE", to_signed(classifier["score"], score_width) & _WORD)
        self._put("CHAIN", (engine["chain_length"] | engine["chain_reached"] << np.uint64(8)).astype(np.int64))

    def _why_not(self, slot: I64Array, data: I64Array, seen: _Seen) -> I64Array:
        """Why a write is refused by its register's own rule (``EventError``, 0: it is not)."""
        last = self._value("LAST_NEURON")
        command, neuron = data & 3, data & _IDS
        finish, over = command == EventCommand.FINISH, self._finishing | seen.done
        no_class = seen.mode & (self._value("FIRST_CLASS") > last)
        # A bank's rows are a power of two: one is beyond them where all, or-ed together, are.
        no_row: BoolArray = np.bitwise_or.reduce(self._rows(data)) >= self.shape.compact.max_rows
        rules: list[tuple[str, BoolArray, EventError]] = [
            ("COMMAND", ~finish & (command != EventCommand.CLEAR), EventError.BAD_COMMAND),
            ("COMMAND", finish & no_class, EventError.BAD_ARGUMENT),
            ("COMMAND", finish & over, EventError.FINISHED),
            ("LAST_NEURON", neuron >= self.shape.engine.max_neurons, EventError.BAD_ARGUMENT),
            ("NEURON", neuron > last, EventError.BAD_NEURON),
            ("TARGET", (neuron > last) & (neuron != TARGET_NONE), EventError.BAD_NEURON),
            ("WEIGHT", self._value("NEURON") > last, EventError.BAD_NEURON),
            ("EVENT_HIGH", no_row, EventError.BAD_ARGUMENT),
            ("EVENT_HIGH", over, EventError.FINISHED),
            ("EVENT_HIGH", self._queue.level == self.shape.engine.queue_depth, EventError.FULL),
            ("POST", neuron > last, EventError.BAD_NEURON),
            ("POST", over, EventError.FINISHED),
            ("POST", seen.engine["ready"] == 0, EventError.FULL),
        ]
        applies = [(slot == self._table.slot[name]) & refuses for name, refuses, _ in rules]
        return np.select(applies, [int(error) for _, _, error in rules], int(EventError.NONE))

    def _rows(self, high: I64Array) -> list[I64Array]:
        """The four rows of an event, with as many bits as the bus has for each."""
        bits = self._value("EVENT_LOW") | (high & mask(N_BANKS * ROW_STRIDE - DATA_WIDTH)) << DATA_WIDTH
        return [bits >> ROW_STRIDE * bank & mask(ROW_STRIDE) for bank in range(N_BANKS)]

    # ---------------------------------------------------------------- the clock edge

    def _clock(self, seen: _Seen, writes: _Writes, scores_read: BoolArray) -> None:
        written = {name: writes.slot == place for name, place in self._table.slot.items()}
        command = np.where(written["COMMAND"], writes.data, 0)
        clear, finish = command == EventCommand.CLEAR, command == EventCommand.FINISH
        drops = (clear & ~seen.mode) | written["MODE"]
        scan = seen.mode & ~self._scanning & (seen.engine["busy"] == 0)
        scan &= self._clearing | (self._finishing & (seen.level == 0))

        accepted = self._clock_classifier(seen, writes, written["EVENT_HIGH"], drops)
        self._clock_engine(writes, written, clear & seen.mode, scan)
        finished = self._clock_text(seen, clear, finish, scan, written["MODE"])

        self._put("CYCLES", np.where(clear | written["MODE"], 0, self._value("CYCLES") + seen.busy & _WORD))
        events = accepted | (seen.engine["taken"] == 1)
        self._put("EVENTS", self._value("EVENTS") + events & _WORD)
        reached = (seen.engine["chain_end"] == 1) & (seen.engine["chain_reached"] == 1)
        self._put("REACHED", self._value("REACHED") + reached & _WORD)
        self._put("LOST", np.minimum(self._value("LOST") + writes.full, _MOST))
        fault = seen.engine["fault"].astype(np.int64)
        self._catch(fault, seen.engine["fault_neuron"].astype(np.int64))
        cleared = np.where(written["IRQ_STATUS"], writes.data, 0)
        events_seen = (
            (finished * _DONE)
            | ((self._was_busy & ~seen.busy) * _IDLE)
            | ((fault != Fault.NONE) * _FAULT)
            | (writes.full * _LOST)
        )
        self._put("IRQ_STATUS", self._value("IRQ_STATUS") & ~cleared | events_seen)
        self._was_busy = seen.busy
        moved = self._value("SCORE_INDEX") + scores_read & mask(self.shape.compact.class_width)
        self._put("SCORE_INDEX", moved)
        self._follow(seen.engine)
        self._writes_table, self._writes_codebook = written["TABLE_DATA"], written["CODEBOOK_DATA"]
        self._reads_neuron, self._writes_neuron = written["NEURON"], written["WEIGHT"]
        # What the bus writes wins over all that is said above.
        at = np.flatnonzero(self._table.stored[writes.slot])
        self._values[at, writes.slot[at]] = writes.data[at]

    def _clock_classifier(self, seen: _Seen, writes: _Writes, pushes: BoolArray, drops: BoolArray) -> BoolArray:
        """Queue and compact classifier; where an event is accepted."""
        width = self.shape.compact.row_width
        entries = self._queue.data.view(np.uint64)
        valid = self._queue.valid & ~seen.mode
        outputs = self._classifier.step(
            {
                "clear": bit(drops),
                "valid": bit(valid),
                "rows": entries & np.uint64(mask(N_BANKS * width)),
                "tag": entries >> np.uint64(N_BANKS * width) & np.uint64(mask(WORD_WIDTH)),
                "finish": bit(self._finishing & (seen.level == 0) & ~seen.mode),
                "code_mask": self._port("CODE_MASK"),
                "last_class": self._port("LAST_CLASS"),
                "score_index": self._port("SCORE_INDEX"),
                "write": bit(self._writes_table | self._writes_codebook),
                "write_codebook": bit(self._writes_codebook),
                "write_addr": self._port("MODEL_ADDR"),
                "write_data": np.where(self._writes_codebook, self._port("CODEBOOK_DATA"), self._port("TABLE_DATA")),
            }
        )
        accepted = valid & (outputs["ready"] == 1)
        tag = (writes.data >> (DATA_WIDTH - WORD_WIDTH)).astype(np.uint64)
        entry = tag << np.uint64(N_BANKS * width)
        for bank, row in enumerate(self._rows(writes.data)):
            entry |= (row & mask(width)).astype(np.uint64) << np.uint64(bank * width)
        self._queue.advance(pushes, entry.view(np.int64), accepted, drops)
        return accepted

    def _port(self, name: str) -> U64Array:
        return self._value(name).astype(np.uint64)

    def _clock_engine(self, writes: _Writes, written: dict[str, BoolArray], flush: BoolArray, scan: BoolArray) -> None:
        weight, target, threshold = self._port("WEIGHT"), self._port("TARGET"), self._port("THRESHOLD")
        self._engine.step(
            {
                "go": bit((self._value("RUN") == 1) & ~self._clearing),
                "post": bit(written["POST"]),
                "post_target": (writes.data & _IDS).astype(np.uint64),
                "post_magnitude": self._port("MAGNITUDE"),
                "post_train": (writes.data >> _TRAIN & 1).astype(np.uint64),
                "post_punish": (writes.data >> _PUNISH & 1).astype(np.uint64),
                "flush": bit(flush),
                "scan": bit(scan),
                "scan_clear": bit(self._clearing),
                "host_read": bit(written["NEURON"]),
                "host_write": bit(self._writes_neuron),
                "host_neuron": np.where(self._writes_neuron, self._value("NEURON"), writes.data).astype(np.uint64)
                & np.uint64(_IDS),
                "host_potential": self._port("POTENTIAL"),
                "host_record": weight | target << np.uint64(TARGET_LOW) | threshold << np.uint64(THRESHOLD_LOW),
                "last_neuron": self._port("LAST_NEURON"),
                "first_class": self._port("FIRST_CLASS"),
                "reward": self._port("REWARD"),
                "punishment": self._port("PUNISHMENT"),
            }
        )

    def _clock_text(
        self, seen: _Seen, clear: BoolArray, finish: BoolArray, scan: BoolArray, mode_written: BoolArray
    ) -> BoolArray:
        """The registers of a text; where one is finished in this cycle."""
        ends = seen.mode & (seen.engine["scan_end"] == 1)
        over = np.where(seen.mode, ends & ~self._scan_clears & ~self._clearing, seen.done)
        finished = self._finishing & over & ~clear
        begins_clear = clear & seen.mode & (self._value("FIRST_CLASS") <= self._value("LAST_NEURON"))
        clears_next = np.where(scan, self._clearing, self._scan_clears)
        self._clearing = begins_clear | (self._clearing & ~(ends & self._scan_clears))
        self._finishing = finish | (self._finishing & ~finished & ~clear & ~mode_written)
        self._done_guard = (self._done_guard | (seen.mode & finished)) & ~clear & ~mode_written
        self._scan_clears = clears_next
        self._scanning = scan | (self._scanning & ~ends)
        return finished

    def _catch(self, fault: I64Array, neuron: I64Array) -> None:
        """The first fault, and their number."""
        before = self._value("FAULT")
        catches = (fault != Fault.NONE) & (before & 3 == Fault.NONE)
        self._put("FAULT", np.where(catches, fault | neuron << 8, before))
        self._put("FAULTS", np.minimum(self._value("FAULTS") + (fault != Fault.NONE), _MOST))

    def _follow(self, engine: Outputs) -> None:
        """What the cycle after a write does: places move on, a neuron read goes to its registers."""
        moves = self._writes_table | self._writes_codebook
        self._put("MODEL_ADDR", self._value("MODEL_ADDR") + moves & mask(self.shape.compact.write_addr_width))
        self._put("NEURON", self._value("NEURON") + self._writes_neuron & _IDS)
        record = engine["record"]
        for name, value, width in (
            ("POTENTIAL", engine["potential"], DATA_WIDTH),
            ("WEIGHT", record, WEIGHT.width),
            ("TARGET", record >> np.uint64(TARGET_LOW), ID_WIDTH),
            ("THRESHOLD", record >> np.uint64(THRESHOLD_LOW), THRESHOLD.width),
        ):
            part = (value & np.uint64(mask(width))).astype(np.int64)
            self._put(name, np.where(self._reads_neuron, part, self._value(name)))
