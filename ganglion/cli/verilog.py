"""``ganglion verilog``."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import app
from ganglion.cli.options import (
    Contexts,
    Cores,
    ElementWidth,
    Json,
    Lanes,
    RequiredPreset,
    Slices,
    as_config,
    config_json,
)
from ganglion.cli.output import print_json, steps
from ganglion.files import write_atomically
from golden.spec import Config
from golden.spec.event_unit import EVENT_PRESETS, EventUnitShape


@app.command(epilog="Example: ganglion verilog --preset up5k -o ganglion.v")
def verilog(
    preset: RequiredPreset,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output by default.")] = None,
    cores: Cores = None,
    slices: Slices = None,
    lanes: Lanes = None,
    element_width: ElementWidth = None,
    contexts: Contexts = None,
    json: Json = False,
) -> None:
    """Write the Verilog of an array with its AXI4-Lite bus: the module ganglion, with clk and rst_n.

    Of many equal slices the module ganglion_slice is written once. The presets icebreaker-events and tiny-events are
    text classifiers: the module ganglion_events. With --json and no file, the text is in the object.
    """
    config: Config | EventUnitShape
    sizes = {"cores": cores, "slices": slices, "lanes": lanes, "element_width": element_width, "contexts": contexts}
    if preset in EVENT_PRESETS:
        for name, value in sizes.items():
            if value is not None:
                option = name.replace("_", "-")
                raise typer.BadParameter(f"{preset} is no array, got {value}", param_hint=f"'--{option}'")
        config, described = EVENT_PRESETS[preset], asdict(EVENT_PRESETS[preset])
    else:
        config = as_config(preset, **sizes)
        described = config_json(config)
    with steps() as progress:
        progress(f"writing the Verilog of {config}")
        from hw.verilog import event_verilog, top_verilog

        text = event_verilog(config) if isinstance(config, EventUnitShape) else top_verilog(config)
        if output is not None:
            write_atomically(output, text.encode())
    if json:
        modules = re.findall(r"^module\s+\\?(\S+?)\s*\(", text, flags=re.MULTILINE)
        facts = {"config": described, "modules": modules, "lines": text.count("\n")}
        print_json(facts | ({"verilog": text} if output is None else {"output": str(output)}))
    elif output is None:
        sys.stdout.write(text)
