"""Simulated clock cycles a second of the engines, side by side, on one design and one stimulus.

    python scripts/bench_engine.py --preset folded256 --operations 300 --repetitions 3 --json

The stimulus is the bus waveform of random commands. Every engine starts from power-on, returns every change of every
output, and the changes of all engines are compared: a figure is only printed for equal traces. The amaranth engine,
which is slower by orders of magnitude, runs the first ``--slow-cycles`` cycles only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from ganglion.cosim.run import record
from ganglion.engine import ChangeEvents, Engine, EngineError, compare_events, make_engine
from golden.spec.config import ConfigError, preset
from hw.array import SLICE_MODULE
from hw.slice import Slice
from hw.top import Ganglion

ENGINES = ("cxxrtl", "amaranth", "verilator")


def first_cycles(counts: np.ndarray, n_cycles: int) -> np.ndarray:
    """The segment lengths cut off after ``n_cycles`` cycles."""
    ends = np.minimum(np.cumsum(counts), n_cycles)
    return np.diff(ends, prepend=0)


def fastest(engine: Engine, counts: np.ndarray, values: np.ndarray, repetitions: int) -> tuple[float, ChangeEvents]:
    """Cycles a second of the fastest of several runs from power-on, and the output changes."""
    best = float("inf")
    for _ in range(repetitions):
        engine.reset()
        began = time.perf_counter()
        events = engine.run_segments(counts, values)
        best = min(best, time.perf_counter() - began)
    return int(counts.sum()) / best, events


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--preset", default="folded256", help="configuration of the simulated design")
    parser.add_argument("--operations", type=int, default=300, help="random commands in the stimulus")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=3, help="runs of each compiled engine; the fastest counts")
    parser.add_argument("--slow-cycles", type=int, default=2000, help="cycles of the amaranth engine's only run")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    for name in ("operations", "repetitions", "slow_cycles"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {getattr(arguments, name)}")
    try:
        config = preset(arguments.preset)
    except ConfigError as error:
        parser.error(str(error))

    def progress(message: str) -> None:
        print(message, file=sys.stderr)

    progress("recording the stimulus")
    recording = record(config, arguments.operations, arguments.seed)
    counts, values = np.asarray(recording.inputs.counts, dtype=np.int64), recording.inputs.values
    figures: dict[str, dict[str, float]] = {}
    for kind in arguments.engines:
        began = time.perf_counter()
        top = Ganglion(config, separate_slice=True)
        try:
            engine = make_engine(top, kind=kind, submodules={SLICE_MODULE: Slice(config)}, progress=progress)
        except EngineError as error:
            progress(f"{kind}: {error}")
            return 2
        build_seconds = time.perf_counter() - began
        slow = kind == "amaranth"
        mine = first_cycles(counts, arguments.slow_cycles) if slow else counts
        rate, events = fastest(engine, mine, values, 1 if slow else arguments.repetitions)
        n_cycles = int(mine.sum())
        shown = recording.expected.cycle < n_cycles
        expected = ChangeEvents(*(getattr(recording.expected, c)[shown] for c in ("cycle", "word", "value")))
        mismatch = compare_events(engine.ports, expected, events)
        if mismatch:
            progress(f"{kind}: {mismatch}")
            return 1
        figures[kind] = {"cycles": n_cycles, "cycles_per_second": round(rate), "build_seconds": round(build_seconds, 1)}
        engine.close()
    if arguments.json:
        print(json.dumps({"preset": arguments.preset, "engines": figures}))
    else:
        for kind, figure in figures.items():
            print(f"{kind:10s} {figure['cycles_per_second']:>12,} cycles/s  ({figure['cycles']:,} cycles, trace equal)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
