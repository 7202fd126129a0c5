"""What the spiking fabric remembers: contexts of 32 neurons, the oscillator, and the settings the bus gives it."""

from dataclasses import dataclass, field

from golden.fixed.bits import mask, to_signed
from golden.fixed.neural_core import NeuralCore
from golden.fixed.neural_state import SIGNED_WIDTHS, NeuralState
from golden.spec import Config
from golden.spec.constants import MAX_NEIGHBOURS, VECTORS_PER_CORE
from golden.spec.neural import BRANCH, RESET_TIME_STEP, STATE_FIELDS, TimeStep
from golden.spec.neural_commands import NeuronField, ResetPart

GLIMPSES_WIDTH = 2
_WIDTHS = {place.name: place.width for place in STATE_FIELDS}
_COLUMNS = {
    NeuronField.HISTORY: "history",
    NeuronField.MEMBRANE: "membrane",
    NeuronField.ELAPSED: "elapsed",
    NeuronField.RATE: "rate",
    NeuronField.THRESHOLD: "threshold",
    NeuronField.RESIDUE: "residue",
    NeuronField.TRACE: "trace",
}
_CONTEXT_WIDTHS = {
    NeuronField.SPIKES: VECTORS_PER_CORE,
    NeuronField.EXTERNAL: VECTORS_PER_CORE,
    NeuronField.GLIMPSES: GLIMPSES_WIDTH,
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
        if number in _CONTEXT_WIDTHS:
            value = {
                NeuronField.SPIKES: self.state.spikes,
                NeuronField.EXTERNAL: self.external,
                NeuronField.GLIMPSES: self.glimpses,
            }[NeuronField(number)]
            return value, True
        if index >= VECTORS_PER_CORE or number > NeuronField.TRACE:
            return 0, False
        if number < MAX_NEIGHBOURS:
            return int(self.state.branches[index, number]) & mask(BRANCH.width), True
        name = _COLUMNS[NeuronField(number)]
        return int(getattr(self.state, name)[index]) & mask(_WIDTHS[name]), True

    def write_field(self, index: int, number: int, bits: int) -> bool:
        """Write a field from the low bits of ``bits``; whether there is such a field of such a neuron."""
        if number in _CONTEXT_WIDTHS:
            value = bits & mask(_CONTEXT_WIDTHS[NeuronField(number)])
            if number == NeuronField.SPIKES:
                self.state.spikes = value
            elif number == NeuronField.EXTERNAL:
                self.external = value
            else:
                self.glimpses = value
            return True
        if index >= VECTORS_PER_CORE or number > NeuronField.TRACE:
            return False
        if number < MAX_NEIGHBOURS:
            self.state.branches[index, number] = to_signed(bits & mask(BRANCH.width), BRANCH.width)
            return True
        name = _COLUMNS[NeuronField(number)]
        value = bits & mask(_WIDTHS[name])
        width = SIGNED_WIDTHS.get(name)
        getattr(self.state, name)[index] = value if width is None else to_signed(value, width)
        return True


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
