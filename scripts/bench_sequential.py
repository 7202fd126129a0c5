#!/usr/bin/env python3
"""Cycles of commands on the sequential engine, beside those of the parallel units, by the cycle-exact models.

Example: python scripts/bench_sequential.py --clock 24 --json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from golden.fixed.array import ArrayModel
from golden.fixed.fabric_state import FabricSettings
from golden.spec import Metric, Opcode, encode, preset
from golden.spec.commands import SEARCH_EXACT, SEARCH_ONE
from golden.spec.constants import VECTORS_PER_CORE
from golden.spec.neural import GAIN
from golden.spec.neural_commands import NeuralOpcode, TickPart
from golden.spec.sequential_program import PROGRAM

K, ITERATIONS = 10, 20
PARTS = TickPart.DENDRITES | TickPart.STEP | TickPart.HOMEOSTASIS | TickPart.RECORD | TickPart.TO_MEMBRANE
CASES: tuple[tuple[str, int], ...] = (
    ("exact search, all cores", encode(Opcode.SEARCH, value=SEARCH_EXACT | K)),
    ("exact search, one core", encode(Opcode.SEARCH, core=3, value=SEARCH_EXACT | SEARCH_ONE | K)),
    ("beam search, one core", encode(Opcode.SEARCH, core=3, value=SEARCH_ONE | K)),
    ("beam search, all cores", encode(Opcode.SEARCH, value=K)),
    ("AGGREGATE", encode(Opcode.AGGREGATE, index=5)),
    ("UPDATE", encode(Opcode.UPDATE, index=5)),
    ("READ_VECTOR", encode(Opcode.READ_VECTOR, index=5)),
    ("TICK of a core", encode(NeuralOpcode.TICK, value=PARTS)),
    ("COMPETE, hard", encode(NeuralOpcode.COMPETE)),
    ("ENCODE", encode(NeuralOpcode.ENCODE, index=5)),
    ("SPIKE_SEARCH", encode(NeuralOpcode.SPIKE_SEARCH, value=K)),
    (f"NEURO_SEARCH, {ITERATIONS} iterations", encode(NeuralOpcode.NEURO_SEARCH, index=ITERATIONS, value=K)),
)


def full_arrays() -> tuple[list[ArrayModel], list[float]]:
    """Both arrays, full of the same random vectors, and the mean cycles of an INSERT of each."""
    sequential = preset("up5k-snn")
    arrays = [ArrayModel(config) for config in (sequential, replace(sequential, memory="block"))]
    rng, cycles = np.random.default_rng(2026), np.zeros(2)
    rows = rng.integers(-100, 100, (sequential.cores, VECTORS_PER_CORE, 16))
    for number, array in enumerate(arrays):
        array.init(16, Metric.L2)
        for core, vectors in enumerate(rows):
            for vector in vectors:
                array.vector[:] = vector
                cycles[number] += array.execute(encode(Opcode.INSERT, core=core)).cycles
    return arrays, [float(total) / rows[..., 0].size for total in cycles]


def measure(n_queries: int) -> list[dict[str, Any]]:
    """A row a case: mean cycles over the queries on either array, whose answers must be equal."""
    arrays, inserts = full_arrays()
    settings = FabricSettings(gain_raw=int(GAIN.to_raw(0.25)))
    rng = np.random.default_rng(7)
    queries = rng.integers(-100, 100, (n_queries, 16))
    rows = [{"command": "INSERT, mean of 32", "sequential": inserts[0], "parallel": inserts[1]}]
    for name, word in CASES:
        totals = [0, 0]
        for query in queries:
            answers = []
            for number, array in enumerate(arrays):
                array.query[:] = query
                done = array.execute(word, settings=settings)
                totals[number] += done.cycles
                answers.append((done.answer, list(array.results)))
            if answers[0] != answers[1]:
                raise RuntimeError(f"{name}: the arrays answer differently")
        rows.append({"command": name, "sequential": totals[0] / n_queries, "parallel": totals[1] / n_queries})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=10, help="commands of each kind")
    parser.add_argument("--clock", type=float, default=24.0, help="MHz, for the times")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.queries < 1:
        parser.error(f"--queries must be at least 1, got {arguments.queries}")
    if not arguments.clock > 0:
        parser.error(f"--clock must be above 0, got {arguments.clock}")
    rows = measure(arguments.queries)
    if arguments.json:
        print(json.dumps({"program_words": len(PROGRAM), "rows": rows}))
        return 0
    print(f"{preset('up5k-snn')}, program of {len(PROGRAM)} words\n")
    print(f"| full cores | cycles | ms at {arguments.clock:g} MHz | parallel units | |\n|---|--:|--:|--:|--:|")
    for row in rows:
        ours, theirs = row["sequential"], row["parallel"]
        cells = (f"{ours:,.0f}", f"{ours / arguments.clock / 1000:.2f}", f"{theirs:,.0f}", f"x {ours / theirs:,.0f}")
        print(f"| {row['command']} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
