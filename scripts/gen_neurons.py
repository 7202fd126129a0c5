"""What the C header and the register page say of neurons: fields, and the parts of ticks and resets."""

from __future__ import annotations

from golden.spec import Config, by_name
from golden.spec.neural_commands import ALL_CONTEXTS, NEURON_FIELDS, STEP_OSCILLATOR, ResetPart, TickPart
from scripts.gen_text import c_comment, c_enum, define, hex_word, table

RESET_TEXTS = {
    ResetPart.NETWORK: "membranes, elapsed times, thresholds, spikes",
    ResetPart.BRANCHES: "branches",
    ResetPart.HISTORIES: "histories",
    ResetPart.SEQUENCE: "traces and glimpses",
    ResetPart.RATES: "rates and weight residues",
}


def tick_parts() -> list[tuple[str, int, str]]:
    """Names, values and meanings of the parts of a tick."""
    texts = {field.name: field.description for field in by_name(Config(contexts=1))["PARTS"].fields}
    return [(str(part.name), int(part), texts[str(part.name)]) for part in TickPart]


def reset_parts() -> list[tuple[str, int, str]]:
    """Names, values and meanings of the parts of NEURON_RESET."""
    return [(str(part.name), int(part), RESET_TEXTS[part]) for part in ResetPart]


def header_neurons() -> list[str]:
    fields = [(f"NEURON_{i.field.name}", int(i.field), i.description) for i in NEURON_FIELDS]
    ticks = [(f"TICK_{name}", value, text) for name, value, text in tick_parts()]
    resets = [(f"NEURON_RESET_{name}", value, text) for name, value, text in reset_parts()]
    return [
        c_comment("Fields of READ_NEURON and WRITE_NEURON."),
        *c_enum("neuron_field", fields),
        c_comment("Bits of TICK's value and of the register PARTS."),
        *c_enum("tick_part", ticks),
        c_comment("Bits of NEURON_RESET's value."),
        *c_enum("neuron_reset_part", resets),
        c_comment("Bits of TICK's index, the first one also of NEURON_RESET's."),
        define("ALL_CONTEXTS", f"UINT32_C({hex_word(ALL_CONTEXTS)})"),
        define("STEP_OSCILLATOR", f"UINT32_C({hex_word(STEP_OSCILLATOR)})"),
        "",
    ]


def page_neurons() -> list[str]:
    return [
        "### Fields of a neuron",
        "",
        "`READ_NEURON` answers the bits without sign extension. The last three belong to the core's context.",
        "",
        *table(
            ("field", "name", "bits", "meaning"),
            (
                [str(int(i.field)), i.field.name, f"{i.width}, signed" if i.signed else str(i.width), i.description]
                for i in NEURON_FIELDS
            ),
        ),
        "### Parts of a tick (`TICK`, `PARTS`)",
        "",
        *table(("bit", "name", "meaning"), ([hex_word(v, 2), n, t] for n, v, t in tick_parts())),
        "### Parts of `NEURON_RESET`",
        "",
        *table(("bit", "name", "meaning"), ([hex_word(v, 2), n, t] for n, v, t in reset_parts())),
    ]
