"""The golden array's figures: how fast it builds and searches 8,192 vectors, and the cycles that the hardware takes.

    python scripts/bench_golden.py --queries 10000 --json

Vectors and queries are Gaussian, 16 dimensions, 8 bits. The second table sets beam beside exact search for every number
of lanes: cycles a query, distances evaluated, and recall@10 of the beam against exact search of the same array.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from golden.fixed.array import ArrayModel
from golden.spec import Metric, preset
from golden.spec.config import LANE_CHOICES

K = 10
BEAM_QUERIES = 200


def gaussian(rng: np.random.Generator, n: int) -> np.ndarray:
    """Gaussian elements in the range of 8 bits, 3.5 standard deviations at its end."""
    return np.clip(np.rint(rng.normal(0, 127 / 3.5, (n, 16))), -127, 127).astype(np.int64)


def speed(metric: Metric, vectors: np.ndarray, queries: np.ndarray) -> dict[str, Any]:
    """Seconds to build 256 full cores and to search them."""
    array = ArrayModel(preset("folded256"))
    array.init(16, metric)
    began = time.perf_counter()
    array.insert_batch(np.arange(len(vectors)) % 256, vectors)
    built = time.perf_counter()
    array.search_batch(queries, K)
    searched = time.perf_counter()
    array.search_batch(queries[:BEAM_QUERIES], K, "beam")
    walked = time.perf_counter()
    return {
        "metric": metric.name,
        "build_seconds": built - began,
        "exact_seconds": searched - built,
        "beam_seconds_per_1000": (walked - searched) * 1000 / BEAM_QUERIES,
    }


def cycles(name: str, lanes: int, metric: Metric, vectors: np.ndarray, queries: np.ndarray) -> dict[str, Any]:
    """Cycles and distances of exact and beam searches on an array that ``vectors`` fill as far as it goes."""
    config = preset(name, lanes=lanes)
    array = ArrayModel(config)
    array.init(16, metric)
    stored = vectors[: config.capacity]
    array.insert_batch(np.arange(len(stored)) % config.cores, stored)
    exact, beam = array.search_batch(queries, K), array.search_batch(queries, K, "beam")
    places = [r.cores * 32 + r.indices for r in (exact, beam)]
    found = [len(np.intersect1d(a, b)) for a, b in zip(*places, strict=True)]
    return {
        "preset": name,
        "lanes": lanes,
        "metric": metric.name,
        "exact_cycles": float(exact.cycles.mean()),
        "exact_distances": float(exact.n_distances.mean()),
        "beam_cycles": float(beam.cycles.mean()),
        "beam_distances": float(beam.n_distances.mean()),
        "beam_recall_at_10": sum(found) / (K * len(queries)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    if arguments.queries < 1:
        parser.error(f"--queries must be at least 1, got {arguments.queries}")
    rng = np.random.default_rng(arguments.seed)
    vectors, queries = gaussian(rng, 8192), gaussian(rng, arguments.queries)
    speeds = [speed(metric, vectors, queries) for metric in Metric]
    few = queries[:BEAM_QUERIES]
    tables = [
        cycles(name, lanes, metric, vectors, few)
        for name, all_lanes, metrics in (
            ("core", LANE_CHOICES, (Metric.L2,)),
            ("folded256", LANE_CHOICES, (Metric.L2,)),
            ("array256", (16,), tuple(Metric)),
        )
        for lanes in all_lanes
        for metric in metrics
    ]
    if arguments.json:
        print(json.dumps({"speed": speeds, "cycles": tables}))
        return
    print(f"8,192 vectors x 16 in 256 cores, {arguments.queries:,} queries, k = {K}")
    for s in speeds:
        print(
            f"  {s['metric']:<6} build {s['build_seconds']:.2f} s   exact {s['exact_seconds']:.2f} s   "
            f"beam {s['beam_seconds_per_1000']:.2f} s a 1,000 queries"
        )
    print("cycles a query          exact: cycles  distances    beam: cycles  distances  recall@10")
    for t in tables:
        print(
            f"  {t['preset']:<9} L={t['lanes']:<2} {t['metric']:<6} {t['exact_cycles']:>12.1f} "
            f"{t['exact_distances']:>10.1f}   {t['beam_cycles']:>12.1f} {t['beam_distances']:>10.1f} "
            f"{t['beam_recall_at_10']:>10.4f}"
        )


if __name__ == "__main__":
    main()
