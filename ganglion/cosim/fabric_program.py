"""Random programs for arrays with contexts: the spiking commands, their settings, ticks by time, events and pins."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from golden.fixed.bits import mask
from golden.fixed.bus_fabric import FAR
from golden.spec import Config, Opcode, encode
from golden.spec.commands import SEARCH_K_MASK, SEARCH_KEEP
from golden.spec.constants import MAX_NEIGHBOURS, VECTORS_PER_CORE
from golden.spec.neural import DT_MAX_RAW, FACTOR_ONE, PHASE_PERIOD, REFRACTORY_RAW, time_step
from golden.spec.neural_commands import NeuralOpcode, NeuronField, TickPart
from golden.spec.neural_registers import COUNT_WIDTH, GAMMA, PARTS_WIDTH, RUN, STREAM, TIME_BASE_WIDTH, TIMER

from .host import Host, Transfer
from .program import RandomProgram
from .spikes import SpikePins

__all__ = ["FabricProgram", "random_program"]

NEURAL_MIX: dict[int, int] = {
    NeuralOpcode.NEURON_RESET: 12,
    NeuralOpcode.TICK: 160,
    NeuralOpcode.INJECT: 100,
    NeuralOpcode.INJECT_BRANCH: 40,
    NeuralOpcode.READ_NEURON: 80,
    NeuralOpcode.WRITE_NEURON: 120,
    NeuralOpcode.INJECT_RESULTS: 30,
    NeuralOpcode.RESONATE: 25,
    NeuralOpcode.ENCODE: 25,
    NeuralOpcode.ENCODE_QUERY: 15,
    NeuralOpcode.SPIKE_SIMILARITY: 20,
    NeuralOpcode.SPIKE_SEARCH: 25,
    NeuralOpcode.OSCILLATE: 15,
    NeuralOpcode.RESONANCE: 15,
    NeuralOpcode.COMPETE: 50,
    NeuralOpcode.COMPARE_PATTERNS: 25,
    NeuralOpcode.ACTIVITY: 15,
    NeuralOpcode.NEURO_SEARCH: 15,
}
"""How often each spiking command comes, beside the others (about 900)."""

LISTING = (NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.RESONATE, NeuralOpcode.NEURO_SEARCH, NeuralOpcode.INJECT_RESULTS)
"""Commands after which the result list is worth a look."""
MOVING = (NeuralOpcode.TICK, NeuralOpcode.NEURO_SEARCH, NeuralOpcode.COMPETE, NeuralOpcode.NEURON_RESET)
"""Commands after which neurons are worth a look."""
TIME_BASES = (0, 1, 2, 40, 300, 1500, 1500, 6000)
COUNTS = (0, 1, VECTORS_PER_CORE - 1, VECTORS_PER_CORE)
"""Counts at which a pass over the neurons of a core may go wrong."""
PASSES = (
    *(NeuralOpcode.TICK, NeuralOpcode.COMPETE, NeuralOpcode.COMPARE_PATTERNS, NeuralOpcode.ACTIVITY),
    *(NeuralOpcode.SPIKE_SEARCH, NeuralOpcode.NEURO_SEARCH),
)
INTERRUPTED: dict[int, float] = {
    NeuralOpcode.NEURON_RESET: 0.25,
    NeuralOpcode.TICK: 0.03,
    NeuralOpcode.INJECT_RESULTS: 0.1,
    NeuralOpcode.RESONATE: 0.1,
    NeuralOpcode.ENCODE: 0.1,
    NeuralOpcode.ENCODE_QUERY: 0.1,
    NeuralOpcode.SPIKE_SEARCH: 0.1,
    NeuralOpcode.COMPETE: 0.05,
    NeuralOpcode.COMPARE_PATTERNS: 0.05,
    NeuralOpcode.ACTIVITY: 0.05,
    NeuralOpcode.NEURO_SEARCH: 0.25,
}
"""How likely a reset comes while the command runs; not in arrays that must be filled again."""
DRAIN_LOOK = 40
"""Cycles that a host waits for a tick whose end is not known yet."""


class FabricProgram(RandomProgram):
    """Random operations of both kinds; the host's spike pins are driven as well."""

    def __init__(self, config: Config, host: Host, rng: Random) -> None:
        super().__init__(config, host, rng)
        host.spikes = SpikePins(rng, config.cores)
        for opcode, weight in NEURAL_MIX.items():
            self._opcodes.append(opcode)
            self._weights.append(weight)

    def operation(self) -> None:
        """One command, or one that is refused; now and then settings and manners change first."""
        rng = self.rng
        if rng.random() < 0.03 and self.host.spikes:
            self.host.spikes.choose(self.model.cycle)
        if rng.random() < 0.05:
            self._play(list(self._manner()))
        if rng.random() < 0.04:
            self._play(list(self._settings()))
        if not self._planned and rng.random() < 0.04:
            held, other = int(self.model.array.counts[self._core]), rng.choice(COUNTS)
            other_first, held_again = (encode(Opcode.SET_COUNT, core=self._core, value=n) for n in (other, held))
            self._planned += [held_again, self._word(rng.choice(PASSES)), other_first]
            self._left += 3
        super().operation()

    def _meanwhile(self) -> None:
        rng, now, commands = self.rng, self.model.cycle, self.model.commands
        end = self._end()
        if self._reset_at is None and commands and end >= now and not self._is_long:
            opcode = commands[-1][1] & 0xFF
            if rng.random() < INTERRUPTED.get(opcode, 0):
                # How long a tick takes is known once its engines have started.
                self._reset_at = rng.randint(now, end + (400 if opcode == NeuralOpcode.TICK else 0))
        super()._meanwhile()

    def _end(self) -> int:
        end = super()._end()
        return end if end < FAR else self.model.cycle + DRAIN_LOOK

    def _reset_if_due(self, now: int) -> None:
        was_due = self._reset_at is not None and now >= self._reset_at
        super()._reset_if_due(now)
        if was_due:  # what learning had written before the reset
            core = self._core
            for node in self.rng.sample(range(VECTORS_PER_CORE), 12):
                self._planned.append(encode(Opcode.GET_WEIGHT, core=core, index=node))

    # ---------------------------------------------------------------- settings

    def _put(self, name: str, value: int) -> Transfer:
        return Transfer.write(self.addr[name], value)

    def _manner(self) -> Iterable[Transfer]:
        """What time does: mostly nothing."""
        rng = self.rng
        control = 0
        for bit, chance in ((RUN, 0.4), (TIMER, 0.5), (GAMMA, 0.5), (STREAM, 0.4)):
            control |= bit if rng.random() < chance else 0
        yield self._put("TIME_BASE", rng.choice((*TIME_BASES, rng.getrandbits(TIME_BASE_WIDTH))))
        yield self._put("PARTS", self._parts())
        yield self._put("CONTROL", control)
        if rng.random() < 0.3:
            near = 0xFFFF - rng.randrange(3)
            yield self._put("OVERRUN", rng.choice((0, near, rng.getrandbits(COUNT_WIDTH))))
            yield self._put("DROPPED", rng.choice((0, near | near << COUNT_WIDTH, rng.getrandbits(32))))
        yield self._put("IRQ_ENABLE", rng.getrandbits(3))

    def _parts(self) -> int:
        step = TickPart.STEP | TickPart.RECORD | TickPart.HOMEOSTASIS
        return int(self.rng.choice((mask(PARTS_WIDTH), step | TickPart.TO_MEMBRANE, self.rng.getrandbits(PARTS_WIDTH))))

    def _settings(self) -> Iterable[Transfer]:
        """A step that fits together, or one register with anything."""
        rng = self.rng
        if rng.random() < 0.25:
            name = rng.choice(("DT", "LEAK", "RATE_FACTOR", "TARGET_STEP", "PHASE_STEP", "GAIN", "PHASE"))
            yield self._put(name, rng.choice((0, mask(32), rng.getrandbits(32))))
            if name == "PHASE" and not self._planned:
                self._planned += [self._word(NeuralOpcode.OSCILLATE), self._word(NeuralOpcode.RESONANCE)]
                self._left += 2
            return
        dt = rng.choice((1 << 16, 1 << 16, 1 << 14, 5 << 16, 0, DT_MAX_RAW, rng.randrange(DT_MAX_RAW + 1)))
        step = time_step(dt)
        yield self._put("DT", step.dt_raw)
        yield self._put("LEAK", step.leak)
        yield self._put("RATE_FACTOR", step.rate_factor)
        yield self._put("TARGET_STEP", step.target_step)
        yield self._put("PHASE_STEP", step.phase_step)
        gains = (1 << 12, 1 << 13, 1 << 15, -(1 << 12), (1 << 17) - 1, -(1 << 17), rng.getrandbits(18))
        yield self._put("GAIN", rng.choice(gains) & mask(18))
        yield self._put("DISTANCE_ONE", rng.choice((0, 1, 100, 5000, rng.getrandbits(32))))
        if rng.random() < 0.3:
            yield self._put("PHASE", rng.choice((0, rng.randrange(PHASE_PERIOD), rng.getrandbits(21))))

    # ---------------------------------------------------------------- commands

    def _word(self, opcode: int) -> int:
        word = super()._word(opcode)
        rng, core = self.rng, word >> 8 & 0xFF
        index, value = word >> 16 & 0xFF, word >> 24
        if opcode in NEURAL_MIX and self.config.cores < 256 and rng.random() < 0.06:
            core = rng.randrange(self.config.cores, 256)
        match word & 0xFF:
            case NeuralOpcode.NEURON_RESET:
                index, value = rng.choice((0, 0, 0, 1, index)), rng.choice((9, 1, value & 31, value))
            case NeuralOpcode.TICK:
                index, value = rng.choice((0, 0, 1, 2, 3, index)), self._parts()
            case NeuralOpcode.INJECT_BRANCH:
                value = rng.choice((value % MAX_NEIGHBOURS, value % MAX_NEIGHBOURS, value % 8, value))
            case NeuralOpcode.READ_NEURON | NeuralOpcode.WRITE_NEURON:
                index = rng.choice((index, rng.randrange(VECTORS_PER_CORE), rng.randrange(256)))
                value = rng.choice((rng.choice(list(NeuronField)), rng.choice(list(NeuronField)), value % 20, value))
            case NeuralOpcode.RESONATE | NeuralOpcode.SPIKE_SEARCH | NeuralOpcode.NEURO_SEARCH:
                value = rng.choice((rng.randrange(1, 17), 16, 0, rng.randrange(SEARCH_K_MASK + 1), value))
                value |= SEARCH_KEEP if rng.random() < 0.3 else 0
                index = rng.choice((0, 1, 2, 3, 5, 9))
            case NeuralOpcode.COMPARE_PATTERNS:
                index, value = rng.choice((index, index, 32, value)), rng.choice((0, 8, 16, value))
            case NeuralOpcode.COMPETE | NeuralOpcode.RESONANCE:
                value = rng.choice((value & 1, value))
        return encode(word & 0xFF, core=core, index=index, value=value)

    def _operands(self, opcode: int) -> Iterable[Transfer]:
        rng = self.rng
        if opcode in (NeuralOpcode.ENCODE_QUERY, NeuralOpcode.NEURO_SEARCH):
            yield from self._fill("QUERY", 0.7)
        elif opcode in DATA_OPCODES and rng.random() < 0.9:
            data = self._number(opcode)
            yield self._put("DATA0", data & mask(32))
            yield self._put("DATA1", data >> 32 & mask(32))
        yield from super()._operands(opcode)

    def _number(self, opcode: int) -> int:
        """DATA of a spiking command: sensible, at an end of its range, or anything."""
        rng = self.rng
        anything = rng.getrandbits(64)
        if opcode == NeuralOpcode.INJECT:
            return rng.choice((rng.randrange(1 << 22), rng.randrange(1 << 22), -rng.randrange(1 << 21), anything))
        if opcode == NeuralOpcode.INJECT_BRANCH:
            return rng.choice((rng.randrange(1 << 14), rng.randrange(1 << 14), -rng.randrange(1 << 13), anything))
        if opcode == NeuralOpcode.RESONATE:
            return rng.choice((FACTOR_ONE, rng.randrange(FACTOR_ONE), anything))
        if opcode == NeuralOpcode.WRITE_NEURON:
            return rng.choice((rng.randrange(1 << 22), REFRACTORY_RAW, REFRACTORY_RAW - 1, 1 << 26, 0, -1, anything))
        return rng.choice((anything, anything & rng.getrandbits(32), 0))

    def _look(self, opcode: int) -> list[Transfer]:
        rng = self.rng
        is_neural = opcode in NEURAL_MIX
        transfers = super()._look(0 if is_neural else opcode)
        names: list[str] = []
        if is_neural and rng.random() < 0.8:
            names += ["RETURN0", "RETURN1"]
        if opcode in LISTING:
            for _ in range(rng.choice((0, 0, 1, 3, self.model.array.n_unread + 1))):
                names += ["RESULT_DISTANCE_LO", "RESULT_RECORD"]
        if rng.random() < 0.1:
            names += ["PHASE", "OVERRUN", "DROPPED", "IRQ_STATUS"]
        if rng.random() < 0.2:
            names += ["EVENT"] * rng.choice((1, 1, 4, 70))
        if rng.random() < 0.2:
            transfers.append(self._put("IRQ_STATUS", rng.getrandbits(3)))
        if opcode in MOVING and rng.random() < 0.25:
            for _ in range(rng.choice((2, 5, 15))):
                word = encode(
                    NeuralOpcode.READ_NEURON,
                    core=self._core,
                    index=rng.randrange(VECTORS_PER_CORE),
                    value=rng.choice(list(NeuronField)),
                )
                self._planned.append(word)
                self._left += 1
        return [*transfers, *(Transfer.read(self.addr[name]) for name in names)]


DATA_OPCODES = (
    NeuralOpcode.INJECT,
    NeuralOpcode.INJECT_BRANCH,
    NeuralOpcode.WRITE_NEURON,
    NeuralOpcode.RESONATE,
    NeuralOpcode.SPIKE_SIMILARITY,
    NeuralOpcode.SPIKE_SEARCH,
    NeuralOpcode.COMPARE_PATTERNS,
)


def random_program(config: Config, host: Host, rng: Random) -> RandomProgram:
    """The kind of program that an array takes."""
    return FabricProgram(config, host, rng) if config.contexts else RandomProgram(config, host, rng)
