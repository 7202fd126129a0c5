"""Ports of the sequencer."""

from amaranth.hdl import signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import (
    CORE_WIDTH,
    COUNT_WIDTH,
    INDEX_WIDTH,
    LINK_COUNT_WIDTH,
    MAX_DIMS,
    NODE_WIDTH,
    RESULT_COUNT_WIDTH,
    TYPE_WIDTH,
    WEIGHT_WIDTH,
)
from hw.scaler import tag_width
from hw.slice import SliceOp

__all__ = ["BUFFER_ADDR_WIDTH", "FABRIC_PORTS", "sequencer_ports"]

BUFFER_ADDR_WIDTH = 6
FABRIC_PORTS = {
    "quiet": In(1),
    "neural_begin": Out(1),
    "neural_word": Out(32),
    "neural_finish": In(1),
    "neural_result": In(64),
    "neural_turn": In(1),
    "neural_clear": In(1),
    "neural_gather": In(1),
    "neural_launch": In(1),
    "neural_buffer_addr": In(BUFFER_ADDR_WIDTH),
    "neural_resume": Out(1),
    "sweep": Out(1),
    "sweep_node": Out(INDEX_WIDTH),
}
"""From and to the spiking fabric, which works off its own commands. ``quiet``: nobody asked for an answer."""


def sequencer_ports(config: Config) -> dict[str, wiring.Member]:
    """The sequencer's side of everything it steers."""
    return (
        {
            # From and to the front end.
            "start": In(1),
            "command": In(32),
            "data": In(signed(config.data_width)),
            "type_mask": In(1 << TYPE_WIDTH),
            "alpha": In(signed(16)),
            "busy": Out(1, init=1),
            "done": Out(1),
            "answer": Out(64),
            "cycles": Out(32),
            "dims": Out(5, init=MAX_DIMS),
            "metric": Out(2),
            # Slices.
            "op": Out(len(SliceOp)),
            "everywhere": Out(1),
            "core": Out(CORE_WIDTH),
            "index": Out(INDEX_WIDTH),
            "clear_results": Out(1),
            "last_chunk": Out(4, init=config.n_chunks - 1),
            "dot": Out(1),
            "limit": Out(5),
            "own": Out(1),
            "absent": Out(1),
            "poke": Out(3),
            "poke_everywhere": Out(1),
            "poke_place": Out(config.place_width),
            "poke_value": Out(NODE_WIDTH),
            "operand_write": Out(1),
            "operand_element": Out(4),
            "operand_value": Out(signed(config.element_width)),
            "slices_busy": In(1),
            "gather_valid": In(1),
            "gather_value": In(signed(config.key_width)),
            "gather_links": In(LINK_COUNT_WIDTH),
            "reply_count": In(COUNT_WIDTH),
            "reply_type": In(TYPE_WIDTH),
            "reply_weight": In(WEIGHT_WIDTH),
            "reply_links": In(NODE_WIDTH),
            "reply_index": In(8),
            # Merger and result list.
            "merge_start": Out(1),
            "merge_pop": Out(1),
            "merge_ready": In(1),
            "merge_valid": In(1),
            "merge_key": In(signed(config.key_width)),
            "merge_core": In(CORE_WIDTH),
            "merge_index": In(INDEX_WIDTH),
            "leaf_next": Out(1),
            "collect": Out(1),
            "keep": Out(1),
            "k": Out(RESULT_COUNT_WIDTH),
            "list_clear": Out(1),
            "list_occupied": Out(1),
            "list_take": In(1),
            "list_done": In(1),
            "list_total": In(RESULT_COUNT_WIDTH),
            # Scaler.
            "scaler_clear": Out(1),
            "scaler_enable": Out(1),
            "scaler_valid": Out(1),
            "scaler_x": Out(signed(config.key_width)),
            "scaler_shift": Out(5),
            "scaler_y": Out(signed(config.factor_width)),
            "scaler_mode": Out(3),
            "scaler_tag": Out(tag_width(config)),
            "scaled_valid": In(1),
            "scaled_value": In(signed(config.key_width)),
            "scaled_tag": In(tag_width(config)),
            # Normaliser.
            "norm_start": Out(1),
            "norm_busy": In(1),
            "norm_ready": In(1),
            "norm_multiply": In(1),
            "norm_addr": In(4),
            "norm_shift": In(5),
            "norm_root": In(config.root_bits + 1),
            # Buffer memory.
            "buffer_read_addr": Out(BUFFER_ADDR_WIDTH),
            "buffer_element": In(signed(config.delta_format.width)),
            "buffer_write": Out(1),
            "buffer_write_addr": Out(BUFFER_ADDR_WIDTH),
            "buffer_write_value": Out(signed(config.delta_format.width)),
        }
    ) | (FABRIC_PORTS if config.contexts else {})
