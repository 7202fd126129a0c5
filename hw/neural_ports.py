"""What a slice's neuron unit is asked to do, and what it is told."""

from enum import IntEnum

from amaranth.hdl import signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import DT_WIDTH, FACTOR_WIDTH, GAIN, RESONANCE_WIDTH, TARGET_STEP_WIDTH
from golden.spec.neural_commands import ResetPart

__all__ = ["NeuralOp", "neuron_ports"]


class NeuralOp(IntEnum):
    """What the unit is asked to start."""

    NONE = 0
    TICK = 1
    COMPETE = 2
    PATTERNS = 3
    ACTIVITY = 4
    SIMILARITY = 5
    SPIKE_SEARCH = 6
    NEURO_SEARCH = 7
    INJECT = 8
    INJECT_RESULT = 9
    RESONATE = 10


def neuron_ports(config: Config) -> dict[str, wiring.Member]:
    """What the fabric's sequencer and registers give a slice's neuron unit, and what comes back."""
    return {
        "neural_op": In(range(len(NeuralOp))),
        "neuron_index": In(8),
        "value": In(8),
        "data": In(signed(config.data_width)),
        "dt": In(DT_WIDTH),
        "leak": In(FACTOR_WIDTH),
        "rate_factor": In(FACTOR_WIDTH),
        "target_step": In(TARGET_STEP_WIDTH),
        "gain": In(signed(GAIN.width)),
        "distance_one": In(config.key_width),
        "resonance": In(RESONANCE_WIDTH),
        "entry_key": In(signed(config.key_width)),
        "entry_index": In(INDEX_WIDTH),
        "reset": In(len(ResetPart)),
        "reset_node": In(INDEX_WIDTH),
        "write_neuron": In(1),
        "inject_branch": In(1),
        "admit": In(1),
        "admitted": In(VECTORS_PER_CORE),
        "capture": In(1),
        "neural_busy": Out(1),
        "neural_answer": Out(64),
        "spikes": Out(VECTORS_PER_CORE),
        "oscillate": Out(1),
        "phase_index": Out(INDEX_WIDTH),
    }
