"""firmware/sequential/constants.h: what the program of the sequential engine takes from golden/spec."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from golden.spec import constants as c
from golden.spec import neural as n
from golden.spec.commands import SEARCH_EXACT, SEARCH_K_MASK, SEARCH_KEEP, SEARCH_ONE, Metric, Opcode
from golden.spec.config import Config
from golden.spec.neural_commands import (
    ALL_CONTEXTS,
    GLIMPSES_WIDTH,
    NEURON_FIELDS,
    STEP_OSCILLATOR,
    NeuralOpcode,
    NeuronField,
    ResetPart,
    TickPart,
)
from golden.spec.qformat import QFormat
from golden.spec.registers import REGION_DELTA, REGION_QUERY, REGION_SCRATCH, REGION_VECTOR
from golden.spec.sequential_ports import (
    BUFFER_PORT,
    DATA_BASE,
    NODES_BASE,
    OPERAND_PORT,
    PORT_BASE,
    SequentialPort,
)
from scripts.gen_text import c_comment

MACHINE_TYPES = ((8, False), (8, True), (16, False), (16, True), (32, False), (32, True))
"""Widths and signs of C's integers, the smallest first."""
MASK_WIDTH = 32

FORMATS = {
    "MEMBRANE": n.MEMBRANE,
    "THRESHOLD": n.THRESHOLD,
    "RATE": n.RATE,
    "ELAPSED": n.ELAPSED,
    "BRANCH": n.BRANCH,
    "GAIN": n.GAIN,
    "RESIDUE": n.WEIGHT_RESIDUE,
    "WAVE": n.WAVE,
    "TRACE": n.TRACE,
}
TABLES = {
    "RECIPROCAL_BASES": n.RECIPROCAL_BASES,
    "RECIPROCAL_FALLS": n.RECIPROCAL_FALLS,
    "WINDOW_BASES": n.WINDOW_BASES,
    "WINDOW_FALLS": n.WINDOW_FALLS,
    "WAVE_BASES": n.WAVE_BASES,
    "WAVE_FALLS": n.WAVE_FALLS,
    "NEURON_FIELD_WIDTHS": tuple(info.width for info in NEURON_FIELDS),
}
"""Tables of the neurons."""


def smallest_type(values: Iterable[int]) -> str:
    """The smallest C integer that holds all ``values``."""
    low, high = min(members := list(values)), max(members)
    for width, signed in MACHINE_TYPES:
        form = QFormat(integer_bits=width, fraction_bits=0, signed=signed)
        if form.min_raw <= low and high <= form.max_raw:
            return f"{'int' if signed else 'uint'}{width}_t"
    raise ValueError(f"no 32-bit integer holds {low} and {high}")


def c_table(name: str, values: Sequence[int]) -> list[str]:
    """A constant array of the smallest type, some values a line."""
    rows = [", ".join(map(str, values[start : start + 16])) for start in range(0, len(values), 16)]
    head = f"static const {smallest_type(values)} {name}[{len(values)}] = {{"
    return [head, *(f"    {row}," for row in rows), "};"]


def defines(pairs: dict[str, int]) -> list[str]:
    """Numbers by name; negative ones in brackets."""
    return [f"#define {name} {value if value >= 0 else f'({value})'}" for name, value in pairs.items()]


def c_enum(tag: str, prefix: str, members: Iterable[tuple[str, int]]) -> list[str]:
    return [f"enum {tag} {{", *(f"    {prefix}_{name} = {value}," for name, value in members), "};", ""]


def format_limits() -> dict[str, int]:
    """Least and greatest raw integers of the neurons' formats, and their fraction bits."""
    numbers: dict[str, int] = {}
    for name, form in FORMATS.items():
        if form.signed:
            numbers[f"{name}_MIN"] = form.min_raw
        numbers[f"{name}_MAX"] = form.max_raw
        numbers[f"{name}_BITS"] = form.width
        numbers[f"{name}_FRACTION_BITS"] = form.fraction_bits
    return numbers


def neural_numbers() -> dict[str, int]:
    """Constants of the spiking units."""
    return format_limits() | {
        "THRESHOLD_LEAST": n.THRESHOLD_MIN_RAW,
        "THRESHOLD_GREATEST": n.THRESHOLD_MAX_RAW,
        "THRESHOLD_INITIAL": n.THRESHOLD_INITIAL_RAW,
        "ELAPSED_NEVER": n.ELAPSED_NEVER,
        "REFRACTORY": n.REFRACTORY_RAW,
        "SPIKE_RATE_STEP": n.SPIKE_RATE_STEP_RAW,
        "WEIGHT_ONE": n.WEIGHT_ONE,
        "WEIGHT_MAX": n.WEIGHT_MAX_RAW,
        "PHASE_PERIOD": n.PHASE_PERIOD,
        "PREFERRED_PHASE_STEP": n.PREFERRED_PHASE_STEP,
        "RESONANCE_ONE": n.RESONANCE_ONE,
        "ENCODING_SLOTS": n.ENCODING_SLOTS,
        "RATIO_BITS": n.RATIO_BITS,
        "FACTOR_MANTISSA_BITS": n.FACTOR_MANTISSA_WIDTH,
        "FACTOR_BITS": n.FACTOR_WIDTH,
        "FACTOR_POINT": n.FACTOR_POINT,
        "FACTOR_ONE": n.FACTOR_ONE,
        "INHIBITION_FACTOR": n.INHIBITION_FACTOR,
        "RESPONSE_FRACTION_BITS": n.RESPONSE_FRACTION_BITS,
        "RESPONSE_BASE_BITS": n.RESPONSE_BASE_BITS,
        "RESPONSE_SLOPE_BITS": n.RESPONSE_SLOPE_BITS,
        "RESPONSE_OFFSET_BITS": n.RESPONSE_OFFSET_BITS,
        "WINDOW_OFFSET_BITS": n.WINDOW_OFFSET_BITS,
        "AGE_FRACTION_BITS": n.AGE_FRACTION_BITS,
        "WAVE_SEGMENT_BITS": n.WAVE_SEGMENT_BITS,
        "WAVE_OFFSET_BITS": n.WAVE_OFFSET_BITS,
        "QUARTER_TURN": n.QUARTER_TURN,
        "N_NEURON_FIELDS": len(NEURON_FIELDS),
        "GLIMPSES_BITS": GLIMPSES_WIDTH,
        "ALL_CONTEXTS": ALL_CONTEXTS,
        "STEP_OSCILLATOR": STEP_OSCILLATOR,
    }


def array_numbers(config: Config) -> dict[str, int]:
    """Constants of the array."""
    return {
        "N_CORES": config.cores,
        "VECTORS_PER_CORE": c.VECTORS_PER_CORE,
        "INDEX_BITS": c.INDEX_WIDTH,
        "INDEX_NONE": c.INDEX_NONE,
        "MAX_DIMS": c.MAX_DIMS,
        "N_LANES": config.lanes,
        "MAX_NEIGHBOURS": c.MAX_NEIGHBOURS,
        "LINKS_BITS": c.LINKS_WIDTH,
        "MAX_RESULTS": c.MAX_RESULTS,
        "BEAM_WIDTH": c.BEAM_WIDTH,
        "MIN_BEAM_ROUNDS": c.MIN_BEAM_ROUNDS,
        "N_NODE_TYPES": c.N_NODE_TYPES,
        "MAX_WEIGHT": c.MAX_WEIGHT,
        "KEY_WIDTH": config.key_width,
        "KEY_MIN": config.key_format.min_raw,
        "KEY_MAX": config.key_format.max_raw,
        "ELEMENT_MIN": config.element_format.min_raw,
        "ELEMENT_MAX": config.element_format.max_raw,
        "DELTA_MIN": config.delta_format.min_raw,
        "DELTA_MAX": config.delta_format.max_raw,
        "UNIT": config.unit,
        "NORM_BITS": config.norm_width,
        "ROOT_BITS": config.root_bits,
        "UNIT_SHIFT": config.unit_shift,
        "COSINE_SHIFT": config.cosine_shift,
        "COSINE_ONE": config.cosine_one,
        "MEAN_SHIFT": 2 * config.element_width,
        "BLEND_SHIFT": config.alpha_format.fraction_bits + config.delta_format.fraction_bits,
        "SEARCH_K_MASK": SEARCH_K_MASK,
        "SEARCH_EXACT": SEARCH_EXACT,
        "SEARCH_ONE": SEARCH_ONE,
        "SEARCH_KEEP": SEARCH_KEEP,
        "REGION_QUERY": REGION_QUERY,
        "REGION_VECTOR": REGION_VECTOR,
        "REGION_DELTA": REGION_DELTA,
        "REGION_SCRATCH": REGION_SCRATCH,
        "NODES_BASE": NODES_BASE,
        "DATA_BASE": DATA_BASE,
        "PORT_BASE": PORT_BASE,
    }


def members(
    enumeration: Iterable[Opcode | NeuralOpcode | NeuronField | TickPart | ResetPart | Metric | SequentialPort],
) -> list[tuple[str, int]]:
    return [(str(member.name), int(member)) for member in enumeration]


def constants_header(config: Config) -> str:
    """The text of constants.h."""
    tables = {"MEAN_FACTORS": config.mean_factors} | TABLES
    lines = [
        c_comment("Generated by scripts/gen_sequential.py from golden/spec; do not edit."),
        "#ifndef GANGLION_SEQUENTIAL_CONSTANTS_H",
        "#define GANGLION_SEQUENTIAL_CONSTANTS_H",
        "",
        "#include <stdint.h>",
        "",
        *c_enum("opcode", "OP", [*members(Opcode), *members(NeuralOpcode)]),
        *c_enum("metric", "METRIC", members(Metric)),
        *c_enum("port", "PORT", [*members(SequentialPort), ("BUFFER", BUFFER_PORT), ("OPERAND", OPERAND_PORT)]),
        *defines(array_numbers(config)),
        "",
        *c_enum("neuron_field", "FIELD", members(NeuronField)),
        *c_enum("tick_part", "PART", members(TickPart)),
        *c_enum("reset_part", "RESET", members(ResetPart)),
        *defines(neural_numbers()),
        "",
    ]
    for name, values in tables.items():
        lines += c_table(name, values)
    return "\n".join([*lines, "", "#endif"]) + "\n"
