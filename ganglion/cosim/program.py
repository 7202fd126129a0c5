"""Random programs: commands of every kind, with what a host does before, while and after they run, right or wrong."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from golden.fixed.bits import mask
from golden.fixed.bus import Ganglion
from golden.spec import Config, Opcode, buffers, by_name, encode, registers
from golden.spec.commands import SEARCH_EXACT, SEARCH_K_MASK, SEARCH_KEEP, SEARCH_ONE
from golden.spec.constants import MAX_DIMS, VECTORS_PER_CORE
from golden.spec.registers import ADDR_WIDTH

from .host import FULL, Host, Transfer

__all__ = ["RandomProgram"]

OTHER = 0
"""Stands for a random opcode, mostly one that does not exist."""

MIX: dict[int, int] = {
    Opcode.INSERT: 300,
    Opcode.SEARCH: 200,
    Opcode.AGGREGATE: 40,
    Opcode.UPDATE: 40,
    Opcode.MERGE: 40,
    Opcode.WRITE_LINKS: 10,
    Opcode.READ_LINKS: 40,
    Opcode.WRITE_VECTOR: 25,
    Opcode.READ_VECTOR: 40,
    Opcode.SET_TYPE: 40,
    Opcode.GET_TYPE: 15,
    Opcode.TYPE_MATCHES: 25,
    Opcode.SET_WEIGHT: 30,
    Opcode.GET_WEIGHT: 15,
    Opcode.COUNT: 20,
    Opcode.SET_COUNT: 12,
    Opcode.CLEAR: 4,
    Opcode.CLEAR_RESULTS: 12,
    OTHER: 20,
}
"""How often each command comes; INIT ends an episode. On average 100 commands take about 10,000 cycles on ``tiny``."""

LONG_SCAN = 2048
"""From this many rows a slice on, searches take the larger part of the commands: they are what costs time there."""
EPISODES = (5, 10, 30, 100, 400)
LONG_EPISODES = (800, 1600)
"""Commands from one INIT to the next."""
RESET, RARE_RESET = 0.005, 0.001
"""How likely an operation is interrupted by a reset; in large arrays, which must be filled again, rarely."""
MANY_CORES = 16
"""Above, cores do not fill by themselves: an episode begins with counts that reveal the rows of earlier ones."""


class RandomProgram:
    """Plays random operations on a host; each is one write to COMMAND and what goes with it.

    ``model`` is looked at to aim accesses at the interesting cycles, those around the end of a command.
    """

    def __init__(self, config: Config, host: Host, rng: Random) -> None:
        self.config = config
        self.host = host
        self.model: Ganglion = host.model
        self.rng = rng
        self.addr = {name: register.addr for name, register in by_name(config).items()}
        self.all_registers = registers(config)
        self.buffers = {buffer.name: buffer for buffer in buffers(config)}
        mix = dict(MIX)
        self._is_long = config.cores_per_slice * VECTORS_PER_CORE >= LONG_SCAN
        if self._is_long:
            mix[Opcode.SEARCH] = 4 * sum(mix.values())
        self._opcodes, self._weights = list(mix), list(mix.values())
        self._left = 0
        self._planned: list[int] = []
        self._core = 0
        self._reset_at: int | None = None

    # ---------------------------------------------------------------- one operation

    def operation(self) -> None:
        """One command, or one that is refused."""
        rng, host = self.rng, self.host
        host.stall = rng.choice((0, 0, 1, 3, 8))
        if self._planned:
            word = self._planned.pop()
            opcode = word & 0xFF
        else:
            opcode = Opcode.INIT if self._left <= 0 else rng.choices(self._opcodes, self._weights)[0]
            word = self._word(opcode)
        if self._left <= 0:
            self._begin_episode()
        self._left -= 1
        if rng.random() < (RARE_RESET if self._is_long else RESET):
            self._reset_at = self.model.cycle + rng.randint(0, 150)
        # A host waits until the array is ready before it fills the buffers, but not always.
        if rng.random() < 0.97:
            self._await_idle()
        self._play([*self._operands(opcode), *self._stray(0.1)])
        strobe = FULL if rng.random() < 0.99 else rng.randrange(FULL)
        self._play([Transfer.write(self.addr["COMMAND"], word, strobe), *self._stray(0.15)])
        self._meanwhile()
        if rng.random() < 0.9:
            self._await_idle()
        self._play(self._look(opcode))
        self._reset_if_due(self.model.cycle)

    def _begin_episode(self) -> None:
        """Choose its length, its favourite core and, where there are many cores, what its first commands do."""
        rng, n_cores = self.rng, self.config.cores
        self._left = rng.choice(LONG_EPISODES if self._is_long else EPISODES)
        self._core = rng.randrange(n_cores)
        if n_cores <= MANY_CORES:
            return
        n_revealed = rng.choice((n_cores, n_cores, n_cores // 2)) if self._is_long else MANY_CORES
        for core in rng.sample(range(n_cores), n_revealed):
            count = rng.choice((VECTORS_PER_CORE, VECTORS_PER_CORE, rng.randrange(VECTORS_PER_CORE)))
            self._planned.append(encode(Opcode.SET_COUNT, core=core, value=count))
        self._planned += [encode(Opcode.INSERT, core=rng.randrange(n_cores)) for _ in range(2 * MANY_CORES)]
        self._left += len(self._planned)

    def _play(self, transfers: list[Transfer]) -> None:
        if transfers and not self.host.play(transfers, until=self._reset_at):
            self._reset_if_due(self.model.cycle)

    def _reset_if_due(self, now: int) -> None:
        if self._reset_at is not None and now >= self._reset_at:
            self._reset_at = None
            self._planned = []
            if self._is_long:
                self._left = 0
            self.host.reset(self.rng.choice((1, 1, 2, 5)))
            # What the memories still hold becomes visible again.
            if self.rng.random() < 0.8:
                self._await_idle()
                core, count = self.rng.randrange(self.config.cores), self.rng.randint(0, VECTORS_PER_CORE)
                self._play([self._command(Opcode.INIT, index=self.rng.randrange(3), value=MAX_DIMS)])
                self._await_idle()
                for target, n in ((core, count), (self._core, VECTORS_PER_CORE)):
                    self._play([self._command(Opcode.SET_COUNT, core=target, value=n)])

    def _command(self, opcode: int, *, core: int = 0, index: int = 0, value: int = 0) -> Transfer:
        return Transfer.write(self.addr["COMMAND"], encode(opcode, core=core, index=index, value=value))

    # ---------------------------------------------------------------- command words

    def _word(self, opcode: int) -> int:
        rng = self.rng
        core = self._core if rng.random() < 0.7 else rng.randrange(self.config.cores)
        if rng.random() < 0.01:
            core = rng.randrange(256)
        index, value = self._index(core), rng.randrange(256)
        if opcode == OTHER:
            opcode = rng.randrange(256)
        elif opcode == Opcode.INIT:
            index = rng.choice((0, 1, 2, 0, 1, 2, rng.randrange(256)))
            value = rng.choice((*[MAX_DIMS] * 2, *[rng.randint(1, MAX_DIMS)] * 4, rng.randrange(256), 0))
        elif opcode == Opcode.SEARCH:
            value = rng.choice((rng.randrange(1, 17), 10, 16, rng.randrange(SEARCH_K_MASK + 1)))
            for flag, chance in ((SEARCH_EXACT, 0.5), (SEARCH_ONE, 0.25), (SEARCH_KEEP, 0.25)):
                value |= flag if rng.random() < chance else 0
        elif opcode == Opcode.SET_COUNT:
            value = rng.choice((rng.randrange(VECTORS_PER_CORE + 1), VECTORS_PER_CORE, value))
        return encode(opcode, core=core, index=index, value=value)

    def _index(self, core: int) -> int:
        rng = self.rng
        if rng.random() < 0.05:
            return rng.randrange(256)
        count = int(self.model.array.counts[core % self.config.cores])
        return rng.randrange(min(count + 1, VECTORS_PER_CORE))

    # ---------------------------------------------------------------- before, while and after

    def _operands(self, opcode: int) -> Iterable[Transfer]:
        rng = self.rng
        if opcode in (Opcode.INSERT, Opcode.WRITE_VECTOR):
            yield from self._fill("VECTOR", 0.9)
        elif opcode == Opcode.SEARCH:
            yield from self._fill("QUERY", 0.6)
            if rng.random() < 0.2:
                yield Transfer.write(self.addr["TYPE_MASK"], rng.choice((0xFFFF, 0xFFFF, rng.getrandbits(16))))
        elif opcode == Opcode.UPDATE:
            yield from self._fill("DELTA", 0.1)
            if rng.random() < 0.5:
                yield Transfer.write(self.addr["ALPHA"], rng.choice((rng.getrandbits(16), rng.getrandbits(12))))
        elif opcode in (Opcode.MERGE, Opcode.WRITE_LINKS):
            yield from self._data(opcode)
        if rng.random() < 0.1:
            yield Transfer.write(self.addr["IRQ_ENABLE"], rng.getrandbits(2))

    def _data(self, opcode: int) -> Iterable[Transfer]:
        rng = self.rng
        data = rng.getrandbits(64)
        if opcode == Opcode.MERGE and rng.random() < 0.7:  # a distance like those of the array
            data = rng.randrange(-(1 << 19), 1 << 19) & mask(64)
        if rng.random() < 0.8:
            yield Transfer.write(self.addr["DATA0"], data & mask(32))
            yield Transfer.write(self.addr["DATA1"], data >> 32)

    def _fill(self, name: str, chance: float) -> Iterable[Transfer]:
        """With this chance, random elements for a buffer, in one of several ranges; now and then only a part."""
        rng, buffer = self.rng, self.buffers[name]
        if rng.random() >= chance:
            return
        kind, partial = rng.randrange(6), rng.random() < 0.2
        for word in range(buffer.n_words):
            data = rng.getrandbits(32)
            if kind == 0:  # few different values: ties
                data &= 0x01010101
            elif kind == 1:
                data = 0
            elif kind == 2:  # the ends of the range
                data = sum(rng.choice((0x80, 0x7F)) << shift for shift in (0, 8, 16, 24))
            strobe = FULL
            if partial:
                strobe = rng.getrandbits(4)
                if rng.random() < 0.3:
                    continue
            yield Transfer.write(buffer.addr + 4 * word, data, strobe)

    def _stray(self, chance: float) -> Iterable[Transfer]:
        """Accesses that have nothing to do with the command, anywhere in the address space."""
        rng = self.rng
        while rng.random() < chance:
            kind = rng.randrange(8)
            if kind == 0:
                yield Transfer.read(rng.getrandbits(ADDR_WIDTH))
            elif kind == 1:
                yield Transfer.write(rng.getrandbits(ADDR_WIDTH), rng.getrandbits(32), rng.getrandbits(4))
            elif kind == 2:
                register = rng.choice(self.all_registers)
                if register.name not in ("COMMAND", "TYPE_MASK"):
                    strobe = FULL if rng.random() < 0.8 else rng.getrandbits(4)
                    yield Transfer.write(register.addr | rng.getrandbits(2), rng.getrandbits(32), strobe)
            elif kind == 3:
                buffer = rng.choice(list(self.buffers.values()))
                yield Transfer.read(buffer.addr + 4 * rng.randrange(buffer.n_words))
            else:
                yield Transfer.read(rng.choice(self.all_registers).addr | rng.getrandbits(2))

    def _end(self) -> int:
        """The last cycle of the command that runs, or of the last one that ran."""
        return self.model.registers.busy_until

    def _meanwhile(self) -> None:
        """What the host does while the command runs: nothing, or things that it should not, at awkward moments."""
        rng, end = self.rng, self._end()
        choice = rng.random()
        if choice < 0.35 or end <= self.model.cycle:
            return
        if choice < 0.5:  # an access around the last cycle
            self._wait(end - self.model.cycle - rng.randint(0, 8))
        elif choice < 0.65:
            self._wait(rng.randint(0, end - self.model.cycle))
        transfers = list(self._stray(0.6))
        if rng.random() < 0.2:
            transfers.append(Transfer.write(self.addr["IRQ_STATUS"], rng.getrandbits(1)))
        if rng.random() < 0.1:
            transfers.append(Transfer.write(self.addr["COMMAND"], self._word(rng.choice(self._opcodes))))
        if rng.random() < 0.1:
            name = rng.choice(list(self.buffers))
            transfers += [*self._fill(name, 0.5), Transfer.read(self.addr["RESULT_RECORD"])]
        if rng.random() < 0.3:
            transfers += [Transfer.read(self.addr[name]) for name in ("CYCLES", "RETURN0", "STATUS", "SETTINGS")]
        self._play(transfers)

    def _wait(self, n_cycles: int) -> None:
        if self._reset_at is not None:
            n_cycles = min(n_cycles, self._reset_at - self.model.cycle)
        self.host.wait(n_cycles)
        self._reset_if_due(self.model.cycle)

    def _await_idle(self) -> None:
        """Until the array is ready: by the interrupt, by polling, or by knowing how long it takes."""
        rng = self.rng
        while self.model.cycle <= self._end():
            left = self._end() + 1 - self.model.cycle
            choice = rng.random()
            if self._reset_at is not None:
                left = min(left, self._reset_at - self.model.cycle)
            if choice < 0.2:
                self._play([Transfer.read(self.addr["STATUS"])])
                self._wait(rng.randint(0, left))
            elif choice < 0.4:
                self.host.wait_irq(left)
            else:
                self._wait(left)
            self._reset_if_due(self.model.cycle)

    def _look(self, opcode: int) -> list[Transfer]:
        """Reads and writes after a command: its answer and what it changed."""
        rng, names = self.rng, []
        if rng.random() < 0.5:
            names += ["RETURN0", "CYCLES"]
        if rng.random() < 0.2:
            names += ["RETURN1", "STATUS", "ERROR", "COMMAND"]
        if opcode in (Opcode.SEARCH, Opcode.MERGE):
            for _ in range(rng.choice((0, 1, 4, self.model.array.n_unread + 1))):
                names += ["RESULT_DISTANCE_LO", "RESULT_RECORD"]
                names += ["RESULT_DISTANCE_HI"] if rng.random() < 0.2 else []
        transfers = [Transfer.read(self.addr[name]) for name in names]
        shown = {Opcode.READ_VECTOR: "VECTOR", Opcode.AGGREGATE: "DELTA"}.get(Opcode(opcode)) if opcode else None
        if shown:
            buffer = self.buffers[shown]
            transfers += [Transfer.read(buffer.addr + 4 * word) for word in range(buffer.n_words)]
        if rng.random() < 0.3:
            transfers.append(Transfer.write(self.addr["IRQ_STATUS"], 1))
        return [*transfers, *self._stray(0.1)]
