"""Co-simulated cycles a second, the whole trace compared, beside amaranth.sim on the same waveform in the same run.

    python scripts/bench_cosim.py --preset folded256 --operations 6000 --json

The figure of the co-simulation is everything but the building of the simulator: random host, golden model, compiled
hardware, comparison of every output in every cycle. The ratio is that figure over amaranth.sim's alone, which runs the
first ``--slow-cycles`` cycles of the same waveform, and whose outputs are compared as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from ganglion.cosim import record, run_cosim
from ganglion.engine import ChangeEvents, EngineError, compare_events
from ganglion.engine.top import array_engine
from golden.spec.config import ConfigError, preset


def cut(counts: np.ndarray, n_cycles: int) -> np.ndarray:
    """Segment lengths of the first ``n_cycles`` cycles."""
    return np.diff(np.minimum(np.cumsum(counts.astype(np.int64)), n_cycles), prepend=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--preset", default="folded256")
    parser.add_argument("--operations", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=3, help="co-simulations, one seed after the other")
    parser.add_argument("--slow-cycles", type=int, default=2000, help="cycles that amaranth.sim runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    for name in ("operations", "repetitions", "slow_cycles"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {getattr(arguments, name)}")

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    try:
        config = preset(arguments.preset)
        with array_engine(config, "cxxrtl", progress=log) as fast:
            reports = []
            for repetition in range(arguments.repetitions):
                fast.reset()
                reports.append(run_cosim(config, arguments.operations, arguments.seed + repetition, engine=fast))
        with array_engine(config, "amaranth", progress=log) as slow:
            recording = record(config, min(arguments.operations, 200), arguments.seed)
            n_cycles = min(arguments.slow_cycles, recording.end)
            began = time.perf_counter()
            events = slow.run_segments(cut(recording.inputs.counts, n_cycles), recording.inputs.values)
            slow_rate = n_cycles / (time.perf_counter() - began)
            early = recording.expected.cycle < n_cycles
            expected = ChangeEvents(*(a[early] for a in vars(recording.expected).values()))
            slow_mismatch = compare_events(slow.ports, expected, events)
    except (ConfigError, EngineError) as error:
        print(error, file=sys.stderr)
        return 2
    rates = [report.cycles_per_second for report in reports]
    mismatches = sum(report.mismatches for report in reports) + (slow_mismatch is not None)
    facts = {
        "preset": arguments.preset,
        "operations": sum(report.operations for report in reports),
        "cycles": sum(report.cycles for report in reports),
        "mismatches": mismatches,
        "cycles_per_second": float(np.median(rates)),
        "cycles_per_second_each": rates,
        "amaranth_cycles": n_cycles,
        "amaranth_cycles_per_second": slow_rate,
        "ratio": float(np.median(rates)) / slow_rate,
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' '):<28}{value:,.1f}" if isinstance(value, float) else f"{name:<28}{value}")
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
