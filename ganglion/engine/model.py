"""Filling in the C++ glue between ``driver.cc`` and a generated simulation model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from .ports import PortMap, PortSpec
from .rtl import top_has_port

__all__ = ["fill_model"]

TEMPLATE = """\
@INCLUDES@
namespace {

constexpr size_t N_IN = @N_IN@, N_OUT = @N_OUT@;

@ACCESS@
struct Model {
@MEMBERS@
    void apply(const uint64_t *in) {
@APPLY@
    }

    void sample(uint64_t *out) const {
@SAMPLE@
    }

    void settle() {
@SETTLE@
    }

    void edge() {
@EDGE@
    }
};

}  // namespace
"""


def fill_model(
    ports: PortMap,
    rtlil_text: str,
    *,
    includes: str,
    access: str,
    members: str,
    put: Callable[[PortSpec], str],
    get: Callable[[PortSpec], str],
    settle: Sequence[str],
    edge: Sequence[str],
) -> str:
    """The C++ text of a model.

    Args:
        ports: the ports of the unit.
        rtlil_text: the design; an input that its top module does not have (a reset that nothing uses) is left out.
        includes: preprocessor lines, the generated simulation among them.
        access: functions that copy between ports and words.
        members: what a model consists of.
        put: statement that drives an input from ``in``.
        get: statement that reads an output into ``out``.
        settle: statements that let everything settle before the clock edge.
        edge: statements of the rising clock edge.
    """
    driven = [port for port in ports.inputs if port.n_words and top_has_port(rtlil_text, port.name)]
    parts = {
        "INCLUDES": includes,
        "ACCESS": access,
        "MEMBERS": members,
        "N_IN": str(ports.n_in_words),
        "N_OUT": str(ports.n_out_words),
        "APPLY": _lines(map(put, driven)),
        "SAMPLE": _lines(get(port) for port in ports.outputs if port.n_words),
        "SETTLE": _lines(settle),
        "EDGE": _lines(edge),
    }
    return re.sub(r"@(\w+)@", lambda match: parts[match[1]], TEMPLATE)


def _lines(statements: Iterable[str]) -> str:
    return "\n".join(f"        {statement}" for statement in statements)
