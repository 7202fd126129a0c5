"""Commands of the spiking fabric: operation codes, fields of a neuron, parts of a tick, and what each command does."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from golden.spec.commands import COMMANDS, CommandInfo, Opcode, command_info
from golden.spec.config import Config
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import (
    BRANCH,
    ELAPSED,
    HISTORY_WIDTH,
    MEMBRANE,
    RATE,
    THRESHOLD,
    TRACE,
    WEIGHT_RESIDUE,
)


class NeuralOpcode(IntEnum):
    """Operation codes, bits 7..0 of the command word; refused by an array without contexts."""

    NEURON_RESET = 0x20
    TICK = 0x21
    INJECT = 0x22
    INJECT_BRANCH = 0x23
    READ_NEURON = 0x24
    WRITE_NEURON = 0x25
    INJECT_RESULTS = 0x26
    RESONATE = 0x27
    ENCODE = 0x28
    ENCODE_QUERY = 0x29
    SPIKE_SIMILARITY = 0x2A
    SPIKE_SEARCH = 0x2B
    OSCILLATE = 0x2C
    RESONANCE = 0x2D
    COMPETE = 0x2E
    COMPARE_PATTERNS = 0x2F
    ACTIVITY = 0x30
    NEURO_SEARCH = 0x31


class TickPart(IntFlag):
    """What a tick does."""

    DENDRITES = 1
    CLEAR = 2
    STEP = 4
    HOMEOSTASIS = 8
    RECORD = 16
    TO_MEMBRANE = 32
    TO_BRANCH = 64
    LEARN = 128


class ResetPart(IntFlag):
    """What NEURON_RESET puts back."""

    NETWORK = 1
    BRANCHES = 2
    HISTORIES = 4
    SEQUENCE = 8
    RATES = 16


ALL_CONTEXTS = 1
"""Bit of the index field of NEURON_RESET and TICK."""
STEP_OSCILLATOR = 2
"""Bit of TICK's index field."""


class NeuronField(IntEnum):
    """Fields of READ_NEURON and WRITE_NEURON; the last three belong to the context, not to a neuron."""

    BRANCH_0 = 0
    BRANCH_1 = 1
    BRANCH_2 = 2
    BRANCH_3 = 3
    BRANCH_4 = 4
    BRANCH_5 = 5
    HISTORY = 6
    MEMBRANE = 7
    ELAPSED = 8
    RATE = 9
    THRESHOLD = 10
    RESIDUE = 11
    TRACE = 12
    SPIKES = 13
    EXTERNAL = 14
    GLIMPSES = 15


GLIMPSES_WIDTH = 2


@dataclass(frozen=True)
class NeuronFieldInfo:
    """A field of READ_NEURON and WRITE_NEURON: ``width`` bits, two's complement if ``signed``."""

    field: NeuronField
    width: int
    signed: bool
    description: str


NEURON_FIELDS: tuple[NeuronFieldInfo, ...] = (
    *(
        NeuronFieldInfo(NeuronField(slot), BRANCH.width, True, f"branch of link slot {slot}, {BRANCH}")
        for slot in range(NeuronField.HISTORY)
    ),
    NeuronFieldInfo(NeuronField.HISTORY, HISTORY_WIDTH, False, "spikes of the last 32 steps, the newest in bit 0"),
    NeuronFieldInfo(NeuronField.MEMBRANE, MEMBRANE.width, True, f"membrane, {MEMBRANE}"),
    NeuronFieldInfo(NeuronField.ELAPSED, ELAPSED.width, False, f"ms since the last spike, {ELAPSED}; all ones: never"),
    NeuronFieldInfo(NeuronField.RATE, RATE.width, False, f"spikes per ms as it stands after its decay, {RATE}"),
    NeuronFieldInfo(NeuronField.THRESHOLD, THRESHOLD.width, False, f"threshold, {THRESHOLD}"),
    NeuronFieldInfo(
        NeuronField.RESIDUE, WEIGHT_RESIDUE.width, True, "what the weight has beside its byte, in 2^-12 of it"
    ),
    NeuronFieldInfo(NeuronField.TRACE, TRACE.width, False, f"trace of the sequence of searches, {TRACE}"),
    NeuronFieldInfo(NeuronField.SPIKES, VECTORS_PER_CORE, False, "spikes of the last tick, a bit a neuron"),
    NeuronFieldInfo(NeuronField.EXTERNAL, VECTORS_PER_CORE, False, "spikes from outside for the next tick"),
    NeuronFieldInfo(NeuronField.GLIMPSES, GLIMPSES_WIDTH, False, "searches of the sequence so far, 3 at most"),
)
"""All fields, in the order of their numbers."""


NEURAL_COMMANDS: tuple[CommandInfo, ...] = (
    command_info(
        NeuralOpcode.NEURON_RESET,
        "Puts parts of the neurons' state back to what it is after INIT.",
        index="bit 0: of all contexts",
        value="bits: 0 membranes, elapsed times, thresholds and spikes, 1 branches, 2 histories, "
        "3 sequence of searches, 4 rates and weight residues",
    ),
    command_info(
        NeuralOpcode.TICK,
        "One tick of the neurons of a core, or of all contexts with their first cores.",
        index="bit 0: all contexts; bit 1: the oscillator steps first",
        value="parts, as in the register PARTS",
        returns="number of spikes; high word: which neurons fired (one core only)",
    ),
    command_info(
        NeuralOpcode.INJECT, "Adds DATA (a membrane's format) to a membrane.", index="neuron", returns="1, or 0"
    ),
    command_info(
        NeuralOpcode.INJECT_BRANCH,
        "Adds DATA (a branch's format) to a branch.",
        index="neuron",
        value="branch",
        returns="1, or 0",
    ),
    command_info(
        NeuralOpcode.READ_NEURON,
        "Reads a field of a neuron's state.",
        index="neuron, 0 to 31",
        value="field",
        returns="the bits; high word: 1, or 0 when there is no such field or neuron",
    ),
    command_info(
        NeuralOpcode.WRITE_NEURON,
        "Writes a field of a neuron's state from DATA.",
        index="neuron, 0 to 31",
        value="field",
        returns="1, or 0",
    ),
    command_info(
        NeuralOpcode.INJECT_RESULTS,
        "Adds GAIN / (1 + distance / DISTANCE_ONE) to the membrane of every result that is of this core.",
        returns="number of results that it was",
    ),
    command_info(
        NeuralOpcode.RESONATE,
        "Multiplies the results' distances by 2 - weight * resonance (DATA: weight, a factor word), and sorts them.",
        core=False,
        value="bits 4..0 k (clamped to 16)",
        returns="number of results",
    ),
    command_info(
        NeuralOpcode.ENCODE,
        "Encodes a stored vector as a pattern of spike times, which becomes its neuron's history.",
        index="node",
        returns="the pattern; high word: 1, or 0 when the node does not exist",
    ),
    command_info(NeuralOpcode.ENCODE_QUERY, "Encodes the QUERY buffer.", core=False, returns="the pattern"),
    command_info(
        NeuralOpcode.SPIKE_SIMILARITY,
        "Compares a neuron's history with the pattern in DATA.",
        index="neuron",
        returns="1 - similarity in 2^-16; high word: 1, or 0 when the neuron does not exist",
    ),
    command_info(
        NeuralOpcode.SPIKE_SEARCH,
        "The neurons of a core whose histories are most similar to the pattern in DATA; distances in 2^-16.",
        value="bits 4..0 k (clamped to 16), bit 7 merge into the old result list",
        returns="number of results",
    ),
    command_info(NeuralOpcode.OSCILLATE, "The gamma oscillator steps by PHASE_STEP.", core=False, returns="phase"),
    command_info(
        NeuralOpcode.RESONANCE,
        "A neuron's resonance with the oscillator, and the oscillator's wave.",
        core=False,
        index="neuron, low 5 bits",
        value="bit 0: cosine instead of sine",
        returns="resonance (819,200 is 1); high word: wave, signed Q2.14 in 16 bits",
    ),
    command_info(
        NeuralOpcode.COMPETE,
        "Winner take all over the membranes.",
        value="bit 0: soft",
        returns="winner, or 255 when no membrane is above 0",
    ),
    command_info(
        NeuralOpcode.COMPARE_PATTERNS,
        "Compares the neurons' histories with the pattern in DATA.",
        index="a neuron to leave out of the mask, or 32 and above (low 6 bits)",
        value="largest Hamming distance in the mask",
        returns="mask of the neurons that near; high word: the nearest neuron, or 255",
    ),
    command_info(NeuralOpcode.ACTIVITY, "Sums the neurons' rates.", returns="the sum, in the format of a rate"),
    command_info(
        NeuralOpcode.NEURO_SEARCH,
        "Neuromorphic search for the QUERY buffer in one core; types do not matter; GAIN is the coupling.",
        index="iterations",
        value="bits 4..0 k (clamped to 16), bit 7 merge into the old result list",
        returns="number of results; distances are scores, negative, in 2^-15",
    ),
)
"""The commands of an array with contexts, beside the others."""


def command_name(word: int) -> str:
    """The name of a command word's operation; ValueError for none."""
    opcode = word & 0xFF
    return (NeuralOpcode if opcode >= NeuralOpcode.NEURON_RESET else Opcode)(opcode).name


def commands(config: Config) -> tuple[CommandInfo, ...]:
    """Every command of an array."""
    return COMMANDS + NEURAL_COMMANDS if config.contexts else COMMANDS
