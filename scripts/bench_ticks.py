#!/usr/bin/env python3
"""Cycles of a tick of all neurons, from silence to a storm, by the bit- and cycle-exact model.

Example: python scripts/bench_ticks.py folded256-snn --clock 24 --json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from golden.fixed.array import ArrayModel
from golden.fixed.fabric_state import FabricSettings
from golden.spec import PRESETS, Config, ConfigError, Opcode, encode, preset
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import ELAPSED_NEVER, GAIN, MEMBRANE
from golden.spec.neural_commands import ALL_CONTEXTS, NeuralOpcode, NeuronField, TickPart

PLAIN = TickPart.DENDRITES | TickPart.STEP | TickPart.HOMEOSTASIS | TickPart.RECORD | TickPart.TO_MEMBRANE
LEARNING = PLAIN | TickPart.LEARN
GAIN_RAW = int(GAIN.to_raw(0.01))
CASES = (("nothing fires", 0, PLAIN), ("one spike a core", 1, PLAIN), ("three spikes a core", 3, PLAIN))
CASES += (("three spikes a core, learning", 3, LEARNING), ("every neuron fires", VECTORS_PER_CORE, PLAIN))
CASES += (("every neuron fires, learning", VECTORS_PER_CORE, LEARNING),)


def full_array(config: Config) -> ArrayModel:
    """An array whose cores are full of random vectors, so that nodes have six links."""
    array, rng = ArrayModel(config), np.random.default_rng(2026)
    for core in range(config.cores):
        for _ in range(VECTORS_PER_CORE):
            array.vector[:] = rng.integers(-100, 100, len(array.vector))
            array.execute(encode(Opcode.INSERT, core=core))
    return array


def tick(array: ArrayModel, n_spikes: int, parts: TickPart) -> tuple[int, int]:
    """Cycles and spikes of a tick in which this many neurons of every core are about to fire."""
    for core in range(array.config.contexts):
        for index in range(VECTORS_PER_CORE):
            level = int(MEMBRANE.to_raw(20)) if index < n_spikes else 0
            for field, raw in ((NeuronField.MEMBRANE, level), (NeuronField.ELAPSED, ELAPSED_NEVER)):
                array.execute(encode(NeuralOpcode.WRITE_NEURON, core=core, index=index, value=field), data=raw)
    word = encode(NeuralOpcode.TICK, index=ALL_CONTEXTS, value=parts)
    done = array.execute(word, settings=FabricSettings(gain_raw=GAIN_RAW))
    return done.cycles, done.answer


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Cycles of TICK over all contexts.", epilog="example: python scripts/bench_ticks.py core-snn"
    )
    spiking = [name for name, config in PRESETS.items() if config.contexts]
    parser.add_argument("preset", nargs="?", default="folded256-snn", help=", ".join(spiking))
    parser.add_argument("--clock", type=float, default=24.0, help="MHz, for the times")
    parser.add_argument("--spikes", type=int, metavar="N", help="only ticks of N spikes a core, 0 to 32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        config = preset(options.preset)
    except ConfigError as problem:
        parser.error(str(problem))
    if not config.contexts:
        parser.error(f"{options.preset} has no spiking units; choose one of {', '.join(spiking)}")
    if not options.clock > 0:
        parser.error(f"--clock must be above 0, not {options.clock:g}")
    cases = CASES
    if (n := options.spikes) is not None:
        if not 0 <= n <= VECTORS_PER_CORE:
            parser.error(f"--spikes must be 0 to {VECTORS_PER_CORE}, got {n}")
        cases = (f"{n} spikes a core", n, PLAIN), (f"{n} spikes a core, learning", n, LEARNING)
    array = full_array(config)
    rows: list[dict[str, Any]] = []
    for name, n_spikes, parts in cases:
        cycles, fired = tick(array, n_spikes, parts)
        rows.append({"case": name, "cycles": cycles, "spikes": fired, "milliseconds": cycles / options.clock / 1000})
    if options.json:
        print(json.dumps({"preset": options.preset, "clock_mhz": options.clock, "ticks": rows}, indent=1))
    else:
        print("| " + options.preset + f" | spikes | cycles | ms at {options.clock:g} MHz |\n|---|--:|--:|--:|")
        for row in rows:
            print(f"| {row['case']} | {row['spikes']:,} | {row['cycles']:,} | {row['milliseconds']:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
