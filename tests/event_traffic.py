"""Traffic for the event unit's bus: texts, training, loading and misuse of many hosts at once, with stalls."""

from collections.abc import Mapping

import numpy as np
from hw_units import Recorder, U64Array, bursts, chance

from golden.spec.event_registers import event_registers, event_registers_by_name
from golden.spec.event_unit import ROW_STRIDE, EventCommand, EventUnitShape, Mode
from golden.spec.events import TARGET_NONE, UNIT_MAGNITUDE, WEIGHT
from golden.spec.register import ADDR_WIDTH

CLEAR, FINISH = EventCommand.CLEAR, EventCommand.FINISH
_WHOLE = 0b1111
_TRAIN, _PUNISH = 1 << 16, 1 << 17
_POLLED = (
    *("STATUS", "STATUS", "ERROR", "IRQ_STATUS", "CYCLES", "EVENTS", "LOST", "WINNER", "BEST", "SCORE", "SCORE"),
    *("SCORE_INDEX", "MODEL_ADDR", "CHAIN", "REACHED", "POTENTIAL", "THRESHOLD", "TARGET", "WEIGHT", "NEURON"),
    *("FAULT", "FAULTS", "MODE"),
)


class Host:
    """One host: makes up the writes that it wants done, ``(address, data, strobes)`` in order."""

    def __init__(self, rng: np.random.Generator, shape: EventUnitShape) -> None:
        self.rng, self.shape = rng, shape
        self.addr = {register.name: register.addr for register in event_registers(shape)}
        self.addrs = list(self.addr.values())
        self.writes: list[tuple[int, int, int]] = []
        compact, engine = shape.compact, shape.engine
        self.code_width = int(rng.integers(2, 9))
        self.used_rows = rng.integers(0, compact.max_rows, 3).tolist()
        self.tags = rng.integers(0, 1 << 16, 3).tolist()
        self.n_neurons = int(rng.integers(1, min(engine.max_neurons, 24) + 1))
        self.train = bool(rng.random() < 0.5)

    def below(self, end: int) -> int:
        return int(self.rng.integers(0, end))

    def sometimes(self, rate: float) -> bool:
        return bool(self.rng.random() < rate)

    def write(self, name: str, data: int) -> None:
        self.writes.append((self.addr[name], data & 0xFFFF_FFFF, _WHOLE))

    def fill(self, n_writes: int) -> list[tuple[int, int, int]]:
        """At least that many writes."""
        acts = {
            self.loads_table: 2.0,
            self.loads_field: 1.5,
            self.texts: 4.0,
            self.posts: 3.0,
            self.trains: 3.0,
            self.overflows: 1.0,
            self.counts: 0.7,
            self.misuses: 1.0,
            self.hurries: 1.0,
            self.clears: 0.7,
        }
        rates = np.array([*acts.values()])
        self.enables()
        while len(self.writes) < n_writes:
            list(acts)[self.rng.choice(len(rates), p=rates / rates.sum())]()
        return self.writes[:n_writes]

    # ---------------------------------------------------------------- what a host does

    def enables(self) -> None:
        self.write("IRQ_ENABLE", self.below(16))

    def pauses(self, most: int) -> None:
        """Writes that change little."""
        for _ in range(self.below(most + 1)):
            self.write("IRQ_STATUS", self.below(16)) if self.sometimes(0.5) else self.enables()

    def turns_to(self, mode: Mode) -> None:
        self.write("RUN", 1)
        if self.sometimes(0.5):
            self.write("COMMAND", CLEAR)
        self.pauses(4)
        self.write("MODE", mode)

    def loads_table(self) -> None:
        compact = self.shape.compact
        self.turns_to(Mode.COMPACT)
        self.write("CODE_MASK", (1 << self.code_width) - 1 if self.sometimes(0.9) else self.below(256))
        self.write("LAST_CLASS", self.below(compact.max_classes))
        for _ in range(4 + self.below(12)):
            self.write("MODEL_ADDR", self.below(4) << compact.row_width | self.used_rows[self.below(3)])
            tag, code = self.tags[self.below(3)], self.below(4 if self.sometimes(0.9) else 1 << self.code_width)
            self.write("TABLE_DATA", tag >> self.code_width << self.code_width | code)
        # The code book's first codes; now and then to its end and around it.
        self.write("MODEL_ADDR", self.below(4 * compact.n_groups) if self.sometimes(0.9) else -1)
        for _ in range(4 * compact.n_groups if self.sometimes(0.5) else self.below(16)):
            self.write("CODEBOOK_DATA", self.below(1 << 32))
        if self.sometimes(0.5):
            self.write("SCORE_INDEX", self.below(64))

    def loads_field(self) -> None:
        engine, n = self.shape.engine, self.n_neurons
        self.turns_to(Mode.NEURONGUARD)
        self.write("LAST_NEURON", n - 1)
        self.write("FIRST_CLASS", self.below(n) if self.sometimes(0.9) else TARGET_NONE)
        self.write("REWARD", self.below(1 << 13) if self.sometimes(0.8) else self.below(1 << 24))
        self.write("PUNISHMENT", -self.below(1 << 13))
        first = self.below(n)
        self.write("NEURON", first)
        for neuron in range(first, min(first + 1 + self.below(9), n + self.sometimes(0.2))):
            if self.sometimes(0.6):
                self.write("POTENTIAL", self.below(1 << 16) - (1 << 15))
            if self.sometimes(0.8):
                self.write("THRESHOLD", self.below(1 << 16) - (1 << 13) if self.sometimes(0.8) else 1 << 23)
            target = min(neuron + 1 + self.below(3), n) if self.sometimes(0.8) else self.below(engine.max_neurons)
            self.write("TARGET", TARGET_NONE if target == n or self.sometimes(0.2) else target)
            weight = self.below(1 << 17) - (1 << 15)
            self.write("WEIGHT", weight if self.sometimes(0.9) else self.below(1 << WEIGHT.width))
        if self.sometimes(0.2):
            # So that targets lie outside.
            self.write("LAST_NEURON", self.below(n))
            self.write("FIRST_CLASS", self.below(n))

    def sends(self, n_events: int) -> None:
        """Events for the compact classifier."""
        width = self.shape.compact.row_width
        for _ in range(n_events):
            rows = [self.used_rows[self.below(3)] for _ in range(4)]
            if self.sometimes(0.02):
                rows[self.below(4)] |= 1 << self.below(ROW_STRIDE)
            if self.sometimes(0.1):
                rows = [self.below(1 << width) for _ in range(4)]
            event = sum(row << ROW_STRIDE * bank for bank, row in enumerate(rows)) | self.tags[self.below(3)] << 48
            if self.sometimes(0.9):
                self.write("EVENT_LOW", event)
            self.write("EVENT_HIGH", event >> 32)

    def posts_events(self, n_events: int, *, train: float) -> None:
        for _ in range(n_events):
            neuron = self.below(self.n_neurons) if self.sometimes(0.98) else self.below(1 << 12)
            flags = (_TRAIN if self.sometimes(train) else 0) | (_PUNISH if self.sometimes(0.3) else 0)
            self.write("POST", neuron | flags)

    def texts(self) -> None:
        if self.sometimes(0.5):
            self.turns_to(Mode.COMPACT)
        for _ in range(self.below(4)):
            self.write("COMMAND", CLEAR)
            self.sends(self.below(12))
            self.ends()

    def posts(self) -> None:
        if self.sometimes(0.4):
            self.turns_to(Mode.NEURONGUARD)
        self.write("MAGNITUDE", UNIT_MAGNITUDE if self.sometimes(0.7) else self.below(1 << 17) - (1 << 15))
        for _ in range(self.below(4)):
            self.write("COMMAND", CLEAR)
            self.posts_events(self.below(12), train=0.05)
            self.ends()

    def trains(self) -> None:
        if self.sometimes(0.4):
            self.turns_to(Mode.NEURONGUARD)
        self.write("MAGNITUDE", UNIT_MAGNITUDE if self.sometimes(0.8) else self.below(1 << WEIGHT.width))
        for _ in range(self.below(8)):
            self.posts_events(1, train=0.9)
            self.pauses(6)
        self.write("NEURON", self.below(self.n_neurons))

    def ends(self) -> None:
        if self.sometimes(0.8):
            self.write("COMMAND", FINISH)
            self.pauses(10)

    def overflows(self) -> None:
        """More events than there is room for."""
        room = self.shape.engine.queue_depth
        if room > 32 and self.sometimes(0.8):
            return
        self.turns_to(Mode.NEURONGUARD)
        self.write("RUN", 0)
        self.posts_events(room + self.below(4), train=0.3)
        if self.sometimes(0.5):
            self.write("COMMAND", FINISH)
        self.write("RUN", 1)
        self.pauses(20)

    def counts(self) -> None:
        """Counters near their ends, or set to something."""
        for name in ("LOST", "FAULTS"):
            self.write(name, 0xFFFF - self.below(3) if self.sometimes(0.8) else self.below(1 << 32))
        if self.sometimes(0.5):
            self.write("FAULT", self.below(1 << 20) & (~3 if self.sometimes(0.7) else -1))

    def hurries(self) -> None:
        """CLEAR and FINISH in a row, in either mode."""
        for _ in range(self.below(8)):
            self.write("COMMAND", CLEAR if self.sometimes(0.5) else FINISH)
            if self.sometimes(0.4):
                self.sends(1)
                self.posts_events(1, train=0.3)

    def clears(self) -> None:
        self.write("RUN", self.below(2))
        self.write("FAULT", 0)
        self.write("ERROR", self.below(16))
        self.write("COMMAND", CLEAR)

    def misuses(self) -> None:
        for _ in range(self.below(8)):
            addr = self.below(1 << ADDR_WIDTH) if self.sometimes(0.2) else self.addrs[self.below(len(self.addrs))]
            data = self.below(1 << 32) if self.sometimes(0.5) else self.below(64)
            self.writes.append((addr | self.below(4), data, _WHOLE if self.sometimes(0.7) else self.below(16)))

    def polls(self, n_reads: int) -> list[int]:
        """Addresses to read."""
        wanted = self.rng.choice([self.addr[name] for name in _POLLED], n_reads)
        wild = self.rng.integers(0, 1 << ADDR_WIDTH, n_reads)
        any_register = self.rng.choice(self.addrs, n_reads)
        rates = self.rng.random(n_reads)
        found: list[int] = np.where(rates < 0.03, wild, np.where(rates < 0.15, any_register, wanted)).tolist()
        return found


class Replay:
    """The outputs that a twin gave, once more, in place of a second run on the same stimulus."""

    def __init__(self) -> None:
        self.rows: list[dict[str, U64Array]] = []
        self._n_given = 0

    def step(self, inputs: Mapping[str, U64Array]) -> dict[str, U64Array]:
        """The outputs of the next cycle."""
        self._n_given += 1
        return self.rows[self._n_given - 1]


def traffic(
    rng: np.random.Generator, hardware: EventUnitShape, shape: tuple[int, int], recorder: Recorder, *, resets: float
) -> tuple[dict[str, U64Array], Replay]:
    """Hosts at the bus of the twin in ``recorder``: the stimulus ``[n_streams, n_cycles]``, and what the twin gave."""
    n_streams, n_cycles = shape
    streams = np.arange(n_streams)
    hosts = [Host(rng, hardware) for _ in range(n_streams)]
    writes = np.array([host.fill(n_cycles // 3) for host in hosts])
    reads = np.array([host.polls(n_cycles // 3) for host in hosts])
    # Some hosts never wait, some seldom read; some withdraw what they offered (which AXI forbids, and is no matter).
    eager, rarely = rng.random((n_streams, 1)) < 0.4, rng.random((n_streams, 1)) < 0.5
    go = {name: np.where(eager, 1, bursts(rng, shape)) for name in ("aw", "w", "ar", "b", "r")}
    go["ar"] = np.where(rarely, chance(rng, shape, 0.1), go["ar"])
    rst = np.where(rng.random((n_streams, 1)) < 0.7, chance(rng, shape, resets), 0)
    free = {name: rng.integers(0, 8, shape) for name in ("awprot", "arprot")}
    at = {name: np.zeros(n_streams, np.int64) for name in ("aw", "w", "ar")}
    replay = Replay()
    for cycle in range(n_cycles):
        offers = {name: go[name][:, cycle] == 1 for name in ("aw", "w", "ar")}
        outputs = recorder.step(
            {
                "s_axil_awaddr": writes[streams, at["aw"], 0],
                "s_axil_awprot": free["awprot"][:, cycle],
                "s_axil_awvalid": offers["aw"],
                "s_axil_wdata": writes[streams, at["w"], 1],
                "s_axil_wstrb": writes[streams, at["w"], 2],
                "s_axil_wvalid": offers["w"],
                "s_axil_bready": go["b"][:, cycle],
                "s_axil_araddr": reads[streams, at["ar"]],
                "s_axil_arprot": free["arprot"][:, cycle],
                "s_axil_arvalid": offers["ar"],
                "s_axil_rready": go["r"][:, cycle],
                "rst": rst[:, cycle],
            }
        )
        replay.rows.append({name: values.astype(np.uint64) for name, values in outputs.items()})
        for name in at:
            at[name] = at[name] + (offers[name] & (outputs[f"s_axil_{name}ready"] == 1))
        # A reset may have taken one of an address and its data.
        both = np.maximum(at["aw"], at["w"])
        for name in ("aw", "w"):
            at[name] = np.where(rst[:, cycle] == 1, both, at[name])
            at[name] %= writes.shape[1]
        at["ar"] %= reads.shape[1]
    return recorder.stimulus(), replay


def answers(
    hardware: EventUnitShape, stimulus: Mapping[str, U64Array], outputs: Mapping[str, U64Array]
) -> dict[str, U64Array]:
    """What reads that were not refused answered, by register name."""
    valid = outputs["s_axil_rvalid"] == 1
    n_cycles = valid.shape[1]
    accepted = (stimulus["s_axil_arvalid"] == 1) & (outputs["s_axil_arready"] == 1) & (stimulus["rst"] == 0)
    last = np.maximum.accumulate(np.where(accepted, np.arange(n_cycles), 0), axis=1)
    stream, cycle = np.nonzero(valid[:, 2:] & ~valid[:, 1:-1] & (outputs["s_axil_rresp"][:, 2:] == 0))
    # The answer comes two cycles after the address was taken, or later; one taken meanwhile is of the next.
    addr = stimulus["s_axil_araddr"][stream, last[stream, cycle]] >> np.uint64(2) << np.uint64(2)
    data = outputs["s_axil_rdata"][stream, cycle + 2]
    return {name: data[addr == register.addr] for name, register in event_registers_by_name(hardware).items()}
