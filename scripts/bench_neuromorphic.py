#!/usr/bin/env python3
"""Does neuromorphic_search stay a search, and what do noise and glimpses do to it? Recall@5 of the float32 model.

Examples: python scripts/bench_neuromorphic.py --json > neuromorphic.json
          python scripts/bench_neuromorphic.py --engine fixed     what the hardware answers, and its cycles

A core holds 32 random stored vectors. Truth is always the exact L2 top 5 of the clean query among them. Noise is
Gaussian, in units of the stored vectors' standard deviation (root mean square over the dimensions). Every figure is
the mean over the seeds, +- the standard deviation of the seeds' means.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion import Device
from golden.float32 import SpikingCore

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
import datasets  # noqa: E402  (the loaders of real data live with the tests)

K = 5
ITERATIONS = (1, 5, 20)
NOISES = (0.5, 1.0, 2.0, 3.0)
SEQUENCE_NOISES = (0.5, 1.0, 2.0)
GLIMPSES = (1, 2, 3, 5, 8)
RESONANCE_SHARES = (-16, -8, -6, -4, -2)
Key = tuple[str, str, str]
Tally = defaultdict[Key, list[float]]


class FixedCore:
    """A core of the array, bit-exact: vectors of 8 bits, under their row numbers."""

    def __init__(self, vectors: NDArray[np.float64]) -> None:
        device = Device(vectors.shape[1], config="core-snn")
        device.fit(vectors)
        device.add(np.arange(len(vectors)), vectors)
        self.network = device.network
        self.cycles: list[int] = []

    def search(self, query: NDArray[np.float64], iterations: int) -> list[int]:
        """The neuromorphic search's top 5."""
        found = self.network.search(query, K, iterations=iterations)
        self.cycles.append(int(found.cycles[0]))
        return found.keys[0].tolist()


class Bench:
    """One core full of stored vectors, and the recalls measured on it.

    With ``fixed`` the neuromorphic searches run on the array's golden model; truth and plain searches stay in float.
    """

    def __init__(
        self,
        collection: datasets.Collection,
        n_queries: int,
        rng: np.random.Generator,
        tally: Tally,
        *,
        fixed: bool = False,
    ) -> None:
        rows = rng.choice(len(collection.base), 32, replace=False)
        self.core = SpikingCore(collection.base.shape[1])
        for row in rows:
            self.core.insert(collection.base[row])
        self.queries = collection.queries[rng.choice(len(collection.queries), n_queries, replace=False)]
        self.deviation = float(np.sqrt(collection.base.var(axis=0).mean()))
        self.rng, self.tally = rng, tally
        self.fixed = FixedCore(collection.base[rows].astype(np.float64)) if fixed else None
        self.truths = [set(self.plain(query)) for query in self.queries]

    def run(self) -> None:
        """All studies, one after the other; in fixed point those of the search itself."""
        models = (self.literal, self.resonance) if self.fixed is None else (self.agreement,)
        for study in (self.iterations, *models, self.single_glimpses, self.sequences, self.switch):
            study()

    def reset(self) -> None:
        """As ``snn_reset``."""
        self.core.snn_reset()
        if self.fixed is not None:
            self.fixed.network.reset()

    def agreement(self) -> None:
        """How many of the top 5 the fixed-point search shares with the float32 one."""
        for query in self.queries:
            self.reset()
            self.core.set_query(query)
            expected = self.core.neuromorphic_search(K, 1.0, 20)["index"].tolist()
            found = self.spiking(query)
            self.tally["agreement", "20 iterations", "top 5 shared with float32"].append(
                len(set(found).intersection(expected)) / K
            )
            self.tally["agreement", "20 iterations", "same order"].append(float(found == expected))

    def iterations(self) -> None:
        """Clean queries: each alone, and one after the other without a reset."""
        for n in ITERATIONS:
            for number, query in enumerate(self.queries):
                self.reset()
                self.note("clean", f"{n} iterations", "alone", number, self.spiking(query, n))
            self.reset()
            for number, query in enumerate(self.queries):
                self.note("clean", f"{n} iterations", "in a row", number, self.spiking(query, n))

    def literal(self) -> None:
        """The pipeline with V = 1 / (1 + d) as it stands, ordered by (spikes, membrane) at the end."""
        core = self.core
        n_links = np.array([len(core.neighbours(i)) for i in range(core.count)])
        for n in ITERATIONS:
            for number, query in enumerate(self.queries):
                core.snn_reset()
                core.dendrite_reset()
                core.set_query(query)
                for i, d in enumerate(core.distances()):
                    core.snn_set_membrane(i, np.float32(1) / (np.float32(1) + d))
                spikes = np.zeros(core.count)
                for _ in range(n):
                    core.dendrites.integrate(slice(core.count), n_links)
                    core.dendrite_reset()
                    core.snn_step(1.0)
                    spikes += core.state.spike_flags(core.count)
                    core.dendrite_propagate(0.5)
                    core.wta_soft()
                order = np.lexsort((np.arange(core.count), -core.state.membrane[: core.count], -spikes))
                self.note("clean", f"{n} iterations", "1/(1+d), last membrane", number, order[:K])
        core.snn_reset()

    def resonance(self) -> None:
        """More weight to the resonance: the 16 best, ordered again."""
        for number, query in enumerate(self.queries):
            self.core.snn_reset()
            self.core.set_query(query)
            found = self.core.neuromorphic_search(16, 1.0, 20)
            tuned = np.array([self.core.compute_resonance(int(i)) for i in found["index"]], np.float64)
            for share in RESONANCE_SHARES:
                score = -found["distance"].astype(np.float64) + (2.0**share - 2.0**-16) * tuned
                order = found["index"][np.argsort(-score, kind="stable")]
                self.note("resonance", f"weight 2^{share}", "alone", number, order[:K])

    def single_glimpses(self) -> None:
        """Noisy queries of different targets: plain search, alone, and one after the other without a reset."""
        for noise in NOISES:
            views = [self.view(query, noise) for query in self.queries]
            row = f"noise {noise:g}"
            for number, view in enumerate(views):
                self.reset()
                plain = self.note("one glimpse", row, "plain", number, self.plain(view))
                alone = self.note("one glimpse", row, "alone", number, self.spiking(view))
                self.tally["one glimpse", row, "alone - plain"].append(alone - plain)
            self.reset()
            for number, view in enumerate(views):
                self.note("one glimpse", row, "in a row", number, self.spiking(view))

    def sequences(self) -> None:
        """Glimpses of one target after the other; the sequences follow each other without a reset."""
        for noise in SEQUENCE_NOISES:
            self.reset()
            for number, query in enumerate(self.queries):
                views: list[NDArray[np.float64]] = []
                for n in range(1, max(GLIMPSES) + 1):
                    views.append(self.view(query, noise))
                    found = self.spiking(views[-1])
                    if n in GLIMPSES:
                        row = f"noise {noise:g}, {n} glimpses"
                        self.note("sequence", row, "plain, last one", number, self.plain(views[-1]))
                        self.note("sequence", row, "neuromorphic", number, found)
                        self.note("sequence", row, "plain, their mean", number, self.plain(np.mean(views, axis=0)))

    def switch(self) -> None:
        """A clean query right after eight glimpses of another target, without a reset."""
        for noise in SEQUENCE_NOISES:
            for number, query in enumerate(self.queries):
                other = self.queries[number - 1]
                for _ in range(max(GLIMPSES)):
                    self.spiking(self.view(other, noise))
                self.note("switch", f"after noise {noise:g}", "clean query", number, self.spiking(query))

    def view(self, query: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
        """The query with noise."""
        return query + noise * self.deviation * self.rng.normal(size=query.shape)

    def plain(self, query: NDArray[np.float64]) -> list[int]:
        """The exact search's top 5."""
        self.core.set_query(query)
        return self.core.search_exact(K)["index"].tolist()

    def spiking(self, query: NDArray[np.float64], iterations: int = 20) -> list[int]:
        """neuromorphic_search's top 5 with steps of 1 ms."""
        if self.fixed is not None:
            return self.fixed.search(np.asarray(query, np.float64), iterations)
        self.core.set_query(query)
        return self.core.neuromorphic_search(K, 1.0, iterations)["index"].tolist()

    def note(self, table: str, row: str, column: str, number: int, found: Sequence[int] | NDArray[Any]) -> float:
        """Count the recall of ``found`` for query ``number``, and return it."""
        recall = len(self.truths[number].intersection(np.asarray(found).tolist())) / K
        self.tally[table, row, column].append(recall)
        return recall


def study(
    collection: datasets.Collection,
    n_seeds: int,
    n_cores: int,
    n_queries: int,
    said: Callable[[str], None],
    *,
    fixed: bool = False,
) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """table -> row -> column -> (mean over the seeds, standard deviation of the seeds' means)."""
    means: defaultdict[Key, list[float]] = defaultdict(list)
    for seed in range(n_seeds):
        said(f"{collection.name}: seed {seed + 1} of {n_seeds} ...")
        tally: Tally = defaultdict(list)
        rng = np.random.default_rng([seed, 2026])
        for _ in range(n_cores):
            bench = Bench(collection, n_queries, rng, tally, fixed=fixed)
            bench.run()
            if bench.fixed is not None:
                tally["cycles", "all searches", "mean"] += bench.fixed.cycles
        for key, values in tally.items():
            means[key].append(float(np.mean(values)))
    tables: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for (table, row, column), values in means.items():
        cells = tables.setdefault(table, {}).setdefault(row, {})
        cells[column] = float(np.mean(values)), float(np.std(values))
    return tables


def print_tables(reports: dict[str, dict[str, dict[str, dict[str, tuple[float, float]]]]]) -> None:
    """Markdown, one table a study, the collections side by side."""
    for table in next(iter(reports.values())):
        columns = [(name, c) for name, r in reports.items() for c in next(iter(r[table].values()))]
        print(f"\n{table}\n\n| | " + " | ".join(f"{name}: {column}" for name, column in columns) + " |")
        print("|---|" + "---|" * len(columns))
        for row in next(iter(reports.values()))[table]:
            cells = [reports[name][table][row][column] for name, column in columns]
            digits = 0 if table == "cycles" else 3
            print(f"| {row} | " + " | ".join(f"{m:,.{digits}f} ± {spread:.{digits}f}" for m, spread in cells) + " |")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Recall@5 of neuromorphic_search: iterations, noise, glimpses; digits and pendigits.",
        epilog="example: python scripts/bench_neuromorphic.py --seeds 3 --queries 10",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=4, help="cores of 32 vectors a seed")
    parser.add_argument("--queries", type=int, default=7, help="queries a core")
    parser.add_argument("--engine", choices=("float32", "fixed"), default="float32", help="fixed: the array's model")
    options = parser.parse_args(argv)
    for name, least in (("seeds", 1), ("cores", 1), ("queries", 2)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, not {getattr(options, name)}")

    def said(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    started = time.perf_counter()
    try:
        pendigits = datasets.pendigits()
    except FileNotFoundError as problem:
        parser.error(str(problem))
    if pendigits is None:
        said("pendigits: not found (set GANGLION_DATA to the data folder); going on without it")
    collections = [c for c in (datasets.digits(), pendigits) if c is not None]
    sizes = options.seeds, options.cores, options.queries
    reports = {c.name: study(c, *sizes, said, fixed=options.engine == "fixed") for c in collections}
    seconds = time.perf_counter() - started
    if options.json:
        print(json.dumps({"recall_at_5": reports, "seconds": seconds}, indent=1))
    else:
        print_tables(reports)
        print(f"\n{seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
