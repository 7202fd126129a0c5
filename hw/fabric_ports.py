"""Ports of the fabric: pins, registers, and what it shares with sequencer, result list and slices."""

from amaranth.hdl import signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, COUNT_WIDTH, INDEX_WIDTH, VECTORS_PER_CORE
from golden.spec.neural import PHASE_WIDTH, RESONANCE_WIDTH
from golden.spec.neural_commands import ResetPart, TickPart
from golden.spec.neural_registers import TIME_BASE_WIDTH
from hw.neural_ports import NeuralOp
from hw.reporter import OUTLET_DEPTH

__all__ = ["PIN_PORTS", "array_side_ports", "fabric_ports"]

PIN_PORTS = {
    "clk_snn": In(1),
    "clk_gamma": In(1),
    "spike_in_valid": In(1),
    "spike_in_core": In(CORE_WIDTH),
    "spike_in": In(VECTORS_PER_CORE),
    "event_ready": In(1),
    "spike_out_valid": Out(1),
    "spike_out_core": Out(CORE_WIDTH),
    "spike_out": Out(VECTORS_PER_CORE),
    "event_valid": Out(1),
    "event_data": Out(CORE_WIDTH + INDEX_WIDTH),
}
"""Pins of an array with contexts."""


def fabric_ports() -> dict[str, wiring.Member]:
    """What the fabric and the bus front end have to tell each other, beside the slices' settings."""
    return {
        "tick_parts": In(len(TickPart)),
        "phase_step": In(PHASE_WIDTH),
        "control": In(4),
        "period": In(TIME_BASE_WIDTH),
        "write_phase": In(1),
        "new_phase": In(PHASE_WIDTH),
        "event_pop": In(1),
        "phase": Out(PHASE_WIDTH),
        "held_event": Out(CORE_WIDTH + INDEX_WIDTH),
        "held_valid": Out(1),
        "held_level": Out(range(OUTLET_DEPTH + 1)),
        "overrun": Out(1),
        "dropped_event": Out(1),
        "dropped_input": Out(1),
        "ticked": Out(1),
        "spiked": Out(1),
    }


def array_side_ports(config: Config) -> dict[str, wiring.Member]:
    """What the fabric has to do with the sequencer, the result list and the slices."""
    return {
        # From and to the sequencer.
        "idle": In(1),
        "begin": In(1),
        "word": In(32),
        "data": In(signed(config.data_width)),
        "dims": In(5),
        "resume": In(1),
        "sweep": In(1),
        "sweep_place": In(config.place_width),
        "sweep_node": In(INDEX_WIDTH),
        "buffer_element": In(signed(config.delta_format.width)),
        "timed_start": Out(1),
        "timed_command": Out(32),
        "timed": Out(1),
        "finish": Out(1),
        "turn": Out(1),
        "gather": Out(1),
        "launch": Out(1),
        "clear_results": Out(1),
        "result": Out(64),
        "buffer_addr": Out(6),
        # From and to the result list.
        "entry_valid": In(1),
        "entry_core": In(CORE_WIDTH),
        "entry_index": In(INDEX_WIDTH),
        "rewind": Out(1),
        "pop": Out(1),
        "walking": Out(1),
        # From and to the slices.
        "slices_busy": In(1),
        "neural_busy": In(1),
        "neural_answer": In(64),
        "spikes": In(VECTORS_PER_CORE),
        "unit_phase_index": In(INDEX_WIDTH),
        "unit_oscillates": In(1),
        "reply_count": In(COUNT_WIDTH),
        "neural_op": Out(range(len(NeuralOp))),
        "everywhere": Out(1),
        "walks": Out(1),
        "core": Out(CORE_WIDTH),
        "unit_value": Out(8),
        "unit_data": Out(signed(config.data_width)),
        "reset": Out(len(ResetPart)),
        "reset_node": Out(INDEX_WIDTH),
        "write_neuron": Out(1),
        "inject_branch": Out(1),
        "admit": Out(1),
        "admitted": Out(VECTORS_PER_CORE),
        "capture": Out(1),
        "resonance": Out(RESONANCE_WIDTH),
    }
