"""What the spiking fabric remembers: contexts of 32 neurons, the oscillator, and the settings the bus gives it."""

from dataclasses import dataclass, field

from golden.fixed.bits import mask, to_signed
from golden.fixed.neural_core import NeuralCore
from golden.fixed.neural_state import NeuralState
from golden.spec import Config
from golden.spec.constants import MAX_NEIGHBOURS, VECTORS_PER_CORE
from golden.spec.neural import RESET_TIME_STEP, TimeStep
from golden.spec.neural_commands import NEURON_FIELDS, NeuronField, ResetPart

_FIELDS = {int(info.field): info for info in NEURON_FIELDS}
SIGNED = (*range(MAX_NEIGHBOURS), NeuronField.MEMBRANE)
"""Fields that the state holds as signed numbers; residues stand there as bits."""
_COLUMNS = {
    NeuronField.HISTORY: "history",
    NeuronField.MEMBRANE: "membrane",
    NeuronField.ELAPSED: "elapsed",
    NeuronField.RATE: "rate",
    NeuronField.THRESHOLD: "threshold",
    NeuronField.RESIDUE: "residue",
    NeuronField.TRACE: "trace",
}


@dataclass(frozen=True, kw_only=True)
class FabricSettings:
    """The registers that commands of the fabric read: those of a step, GAIN (signed) and DISTANCE_ONE."""

    time_step: TimeStep = RESET_TIME_STEP
    gain_raw: int = 0
    distance_one: int = 1


RESET_SETTINGS = FabricSettings()


@dataclass(frozen=True, slots=True)
class TickStart:
    """What a tick meets: the busy cycle of its first START, whether an edge of clk_gamma is pending then, and the first
    busy cycle in which the reporter is idle."""

    cycle: int
    phase_due: bool = False
    reporter_idle: int = 0


@dataclass(eq=False)
class Context:
    """A context: the neurons, the spikes from outside for their next tick, and the searches of the sequence so far.

    The weights of ``neurons.state`` are those of the core at work; the array keeps them.
    """

    neurons: NeuralCore = field(default_factory=NeuralCore)
    external: int = 0
    glimpses: int = 0

    @property
    def state(self) -> NeuralState:
        """The neurons' state; ``spikes`` is the word of the last tick."""
        return self.neurons.state

    def clear(self, parts: ResetPart) -> None:
        """NEURON_RESET."""
        s = self.state
        if parts & ResetPart.NETWORK:
            s.reset_network()
            self.external = 0
        if parts & ResetPart.BRANCHES:
            s.branches[:] = 0
        if parts & ResetPart.HISTORIES:
            s.history[:] = 0
        if parts & ResetPart.SEQUENCE:
            s.trace[:] = 0
            self.glimpses = 0
        if parts & ResetPart.RATES:
            s.rate[:], s.residue[:] = 0, 0

    def read_field(self, index: int, number: int) -> tuple[int, bool]:
        """The bits of a field, and whether there is such a field of such a neuron."""
        if not _there_is(index, number):
            return 0, False
        match number:
            case NeuronField.SPIKES:
                value = self.state.spikes
            case NeuronField.EXTERNAL:
                value = self.external
            case NeuronField.GLIMPSES:
                value = self.glimpses
            case _ if number < MAX_NEIGHBOURS:
                value = int(self.state.branches[index, number])
            case _:
                value = int(getattr(self.state, _COLUMNS[NeuronField(number)])[index])
        return value & mask(_FIELDS[number].width), True

    def write_field(self, index: int, number: int, bits: int) -> bool:
        """Write a field from the low bits of ``bits``; whether there is such a field of such a neuron."""
        if not _there_is(index, number):
            return False
        info = _FIELDS[number]
        value = bits & mask(info.width)
        if number in SIGNED:
            value = int(to_signed(value, info.width))
        match number:
            case NeuronField.SPIKES:
                self.state.spikes = value
            case NeuronField.EXTERNAL:
                self.external = value
            case NeuronField.GLIMPSES:
                self.glimpses = value
            case _ if number < MAX_NEIGHBOURS:
                self.state.branches[index, number] = value
            case _:
                getattr(self.state, _COLUMNS[NeuronField(number)])[index] = value
        return True


def _there_is(index: int, number: int) -> bool:
    """Whether there is such a field of such a neuron; what belongs to the context takes any index."""
    return number in _FIELDS and (index < VECTORS_PER_CORE or number > NeuronField.TRACE)


ALL_PARTS = ResetPart.NETWORK | ResetPart.BRANCHES | ResetPart.HISTORIES | ResetPart.SEQUENCE | ResetPart.RATES


class Contexts:
    """All contexts of an array."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.contexts = [Context() for _ in range(config.contexts)]

    def of(self, core: int) -> Context:
        """The context of a core: core c uses context (c div S) mod P of slice c mod S."""
        place, own_slice = divmod(core, self.config.slices)
        return self.contexts[place % self.config.contexts_per_slice * self.config.slices + own_slice]

    def empty(self) -> None:
        """All fields of all neurons as they are after a reset."""
        for context in self.contexts:
            context.clear(ALL_PARTS)
