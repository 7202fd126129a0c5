"""How often generated CXXRTL code has to be evaluated in a clock cycle, and modules that need not be evaluated at all.

Three ways to run a clock cycle (:class:`Schedule`):

* ONCE: a flattened design without feedback settles in one evaluation, in which CXXRTL evaluates registers behind the
  logic that feeds them. The inputs are applied and the clock rises at the same time; the outputs are read before the
  registers take over their new values.
* SETTLE: a design in several modules settles with the clock low, over as many evaluations as it takes; one more with
  the clock high moves the registers on, because everything that feeds them is settled.
* GENERAL: with other clock edges or asynchronous state, both phases settle.

Resting modules: a module whose inputs are the same as before and whose state neither the low nor the high phase of the
clock changed is at a fixed point. It is not evaluated until an input changes. In an array most slices rest most of
the time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from .ports import CLOCK
from .rtl import TOP

__all__ = ["Hierarchy", "Schedule", "flattened_cells", "hierarchy", "let_rest", "schedule"]

ASYNCHRONOUS_CELL = re.compile(r"^  cell \$(adff|aldff|dffsr|dlatch|adlatch|sr)", re.MULTILINE)

BOUNDARY_CELLS = 20
"""What the ports of an instance add to the code around it, in cells."""

RESTING = """\
	bool awake = true;
	uint8_t unchanged_phases = 0;
@MEMORY@
	bool eval_awake(performer *performer);

	bool eval(performer *performer = nullptr) override {
		const bool same = @SAME@;
		awake = !same || unchanged_phases != 3;
		if (!awake) return true;
		if (!same) unchanged_phases = 0;
		@REMEMBER@
		return eval_awake(performer);
	}

	template<class ObserverT>
	bool commit(ObserverT &observer) {
		if (!awake) {
			prev_p_@CLOCK@ = p_@CLOCK@;
			return false;
		}
		const bool changed = commit_awake(observer);
		unchanged_phases = changed ? 0 : unchanged_phases | (p_@CLOCK@.data[0] ? 2 : 1);
		return changed;
	}
"""


class Schedule(Enum):
    """What a clock cycle consists of; see the module's docstring."""

    ONCE = "once"
    SETTLE = "settle"
    GENERAL = "general"


def schedule(rtlil_text: str, design: str) -> Schedule:
    """The cheapest schedule that is right for the generated C++ text ``design`` of ``rtlil_text``."""
    edges = set(re.findall(r"\bbool ((?:pos|neg)edge_\w+)\(\) const", design))
    clock_member = f"p_{CLOCK}"
    buffered_clock = re.search(rf"\bwire<1> {clock_member};", design)
    if ASYNCHRONOUS_CELL.search(rtlil_text) or buffered_clock or not edges <= {f"posedge_{clock_member}"}:
        return Schedule.GENERAL
    if design.count("bool converged = ") == 1 and "converged = false" not in design:
        return Schedule.ONCE
    return Schedule.SETTLE


@dataclass(frozen=True)
class Hierarchy:
    """Which modules of a design stay modules: prepared RTLIL, the Yosys command that flattens the others."""

    rtlil_text: str
    flatten: str
    boundaries: tuple[str, ...]


def hierarchy(rtlil_text: str, boundaries: Collection[str], max_cells: int) -> Hierarchy:
    """How to flatten a design so that no module of the result gets much larger than ``max_cells``.

    The whole design if it is small, half the limit where there is something to gain from keeping ``boundaries``;
    everything around the boundaries and inside them; only inside them.
    """
    if flattened_cells(rtlil_text) <= (max_cells // 2 if boundaries else max_cells):
        return Hierarchy(rtlil_text, "flatten", ())
    if boundaries and flattened_cells(rtlil_text, boundaries) <= max_cells:
        for module in boundaries:
            rtlil_text = rtlil_text.replace(
                f"module \\{module}\n", f"attribute \\keep_hierarchy 1\nmodule \\{module}\n"
            )
        return Hierarchy(rtlil_text, "flatten", tuple(boundaries))
    return Hierarchy(rtlil_text, " ".join(["flatten", *boundaries]) if boundaries else "", tuple(boundaries))


def flattened_cells(rtlil_text: str, boundaries: Collection[str] = ()) -> int:
    """Cells of the design when every module is flattened into ``top``, an instance of ``boundaries`` as some cells."""
    bodies = dict(re.findall(r"^module (\S+)\n(.*?)^end$", rtlil_text, flags=re.MULTILINE | re.DOTALL))
    totals = {f"\\{module}": BOUNDARY_CELLS for module in boundaries}

    def total(module: str) -> int:
        if module not in totals:
            kinds = re.findall(r"^  cell (\S+)", bodies[module], flags=re.MULTILINE)
            totals[module] = sum(total(kind) if kind in bodies else 1 for kind in kinds)
        return totals[module]

    return total(f"\\{TOP}")


def let_rest(design: str, modules: Iterable[str]) -> str:
    """The generated C++ with the named modules resting when they can. Only for :attr:`Schedule.SETTLE`."""
    for module in modules:
        name = "p_" + module.replace("_", "__")
        found = re.search(rf"^struct {name} : public module \{{\n.*?^\}}; // struct {name}$", design, re.M | re.S)
        if not found or f"bool posedge_p_{CLOCK}() const" not in found[0]:
            continue
        body = found[0]
        inputs = re.findall(r"/\*input\*/ (value<\d+>) (\w+);", body)
        inputs = [(kind, member) for kind, member in inputs if member != f"p_{CLOCK}"]
        parts = {
            "CLOCK": CLOCK,
            "MEMORY": "\n".join(f"\t{kind} before_{member};" for kind, member in inputs),
            "SAME": " && ".join(f"before_{member} == {member}" for _, member in inputs) or "true",
            "REMEMBER": " ".join(f"before_{member} = {member};" for _, member in inputs),
        }
        resting = re.sub(r"@(\w+)@", lambda match, parts=parts: parts[match[1]], RESTING)  # type: ignore[misc]
        body = body.replace("\tbool eval(performer *performer = nullptr) override;\n", resting)
        start = body.index("bool commit(ObserverT &observer) {", body.index("return changed;\n\t}\n") + 1)
        body = body[:start] + body[start:].replace("bool commit(", "bool commit_awake(", 1)
        design = design.replace(found[0], body)
        design = design.replace(f"bool {name}::eval(performer", f"bool {name}::eval_awake(performer")
    return design
