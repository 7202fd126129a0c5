#!/usr/bin/env python3
"""Gate counts of the units that are not part of the array yet, each synthesised on its own.

Example: python scripts/bench_unit_gates.py --json > units.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from amaranth.lib import wiring

from ganglion.engine import EngineError
from ganglion.gates import LibraryError, NetlistError, unit_gates
from golden.spec import preset
from golden.spec.compact import CompactShape
from golden.spec.events import EventShape
from hw.bridge import CurrentBridge
from hw.compact import CompactClassifier
from hw.dendrite import DendriteTree
from hw.divider import Divider
from hw.encoder import SpikeEncoder
from hw.event_engine import EventEngine
from hw.homeostasis import HomeostaticController
from hw.lif import LifPipeline
from hw.oscillator import GammaOscillator
from hw.pattern import PatternUnit
from hw.router import SpikeRouter
from hw.spike_queue import SpikeQueue
from hw.stdp import StdpEngine
from hw.tick import TickEngine
from hw.wta import WinnerTakeAll


def units() -> dict[str, tuple[wiring.Component, int | None]]:
    """Units by name, and the gates that the seed claims for them."""
    core = preset("core")
    return {
        "LIF pipeline": (LifPipeline(), None),
        "dendritic tree": (DendriteTree(), 8000),
        "homeostatic controller": (HomeostaticController(), 1500),
        "spike queue": (SpikeQueue(), None),
        "spike router": (SpikeRouter(), None),
        "STDP engine": (StdpEngine(), None),
        "tick engine, the six above in it": (TickEngine(), None),
        "pattern unit": (PatternUnit(), 3000),
        "gamma oscillator": (GammaOscillator(), 500),
        "spike encoder": (SpikeEncoder(core), 2000),
        "winner take all": (WinnerTakeAll(), 1000),
        "divider": (Divider(core), None),
        "current bridge": (CurrentBridge(core), None),
        "compact classifier, 4 classes": (CompactClassifier(CompactShape()), None),
        "compact classifier, 16 classes": (CompactClassifier(CompactShape(group_width=2)), None),
        "NeuronGuard engine, 2,048 neurons": (EventEngine(EventShape()), None),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description="Gates, memory bits, flip-flops and levels of single units.")
    parser.add_argument("--liberty", type=Path, help="a Liberty file instead of the project's unit library")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of a table")
    options = parser.parse_args(argv)
    rows = []
    try:
        for name, (unit, claim) in units().items():
            block = unit_gates(unit, name, liberty=options.liberty, progress=lambda text: None)
            print(f"{name}: {block.gates:,.0f} gates", file=sys.stderr, flush=True)
            rows.append(block.as_dict() | {"claim": claim})
    except (LibraryError, NetlistError, EngineError) as problem:
        parser.error(str(problem))
    if options.json:
        print(json.dumps({"units": rows}, indent=1))
        return 0
    print("| unit | gates | flip-flops | memory bits | levels | claim |\n|---|--:|--:|--:|--:|--:|")
    for row in rows:
        claimed = "" if row["claim"] is None else f"{row['claim']:,}"
        print(
            f"| {row['name']} | {row['gates']:,.0f} | {row['flip_flops']:,} | {row['memory_bits']:,} | {row['levels']} "
            f"| {claimed} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
