"""``python -m hw verilog --preset NAME``: the top level of an array or of an event unit as Verilog.

Example: python -m hw verilog --preset up5k -o ganglion.v
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from golden.spec import ConfigError, preset
from golden.spec.event_unit import EVENT_PRESETS
from hw.verilog import VerilogError, event_verilog, top_verilog


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit status: 0, or 2 with a message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m hw", description="Verilog of an array or an event unit.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verilog = verbs.add_parser("verilog", epilog="Example: python -m hw verilog --preset up5k -o ganglion.v")
    verilog.add_argument("--preset", required=True, help="name of a configuration (tiny, up5k, icebreaker-events, ...)")
    verilog.add_argument("-o", "--output", type=Path, help="file to write; standard output by default")
    arguments = parser.parse_args(argv)
    try:
        shape = EVENT_PRESETS.get(arguments.preset)
        text = top_verilog(preset(arguments.preset)) if shape is None else event_verilog(shape)
        if arguments.output is None:
            sys.stdout.write(text)
        else:
            part = arguments.output.with_name(f".{arguments.output.name}.part")
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(arguments.output)
            finally:
                part.unlink(missing_ok=True)
    except (ConfigError, VerilogError, OSError) as problem:
        print(f"python -m hw: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
