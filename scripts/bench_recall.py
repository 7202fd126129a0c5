#!/usr/bin/env python3
"""Recall of the beam search, and the quantisation study.

Example: python scripts/bench_recall.py --json > recall.json

Beam: the float32 model's beam search against its exact search in the same core. Quantisation: exact integer search
on quantised vectors, by the brute force in this file (independent of the cycle-exact models), against float32.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.float32 import Array, Core
from golden.float32.distance import distances, norms
from golden.quantise import OffsetRule, Quantiser, choose_quantiser
from golden.spec.commands import Metric

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
import datasets  # noqa: E402  (the loaders of real data live with the tests)

FILLS = (4, 8, 12, 16, 20, 24, 28, 32)
K = 10
OFFSET_RULES: tuple[OffsetRule, ...] = ("none", "mean", "mid-range")


def integer_sqrt_scale(square: int, element_width: int) -> tuple[int, int]:
    """(s, r) of a squared length > 0: m = square * 4**s has 2e+3 or 2e+4 bits, r = floor(sqrt(2**(6e+2) / m))."""
    shift = (2 * element_width + 4 - square.bit_length()) // 2
    return shift, math.isqrt((1 << (6 * element_width + 2)) // (square << (2 * shift)))


def integer_unit_vectors(raw: NDArray[np.int64], element_width: int) -> NDArray[np.int64]:
    """Vectors [n, dims] normalised to length U as the hardware stores them under cosine; zeros stay zeros."""
    limit, fraction = (1 << (element_width - 1)) - 1, 3 * element_width + 1
    result = np.zeros_like(raw)
    for row, values in enumerate(raw.tolist()):
        square = sum(v * v for v in values)
        if square:
            shift, r = integer_sqrt_scale(square, element_width)
            half = 1 << (fraction - 1)
            result[row] = [(limit * (v << shift) * r + half) >> fraction for v in values]
    return result


def integer_distances(
    metric: Metric, element_width: int, base: NDArray[Any], queries: NDArray[Any]
) -> NDArray[np.int64]:
    """Raw distances [n_queries, n_base] of quantised vectors, exactly as the hardware defines them."""
    stored, asked = base.astype(np.int64), queries.astype(np.int64)
    if metric is Metric.COSINE:
        stored = integer_unit_vectors(stored, element_width)
    # Products and sums stay below 2**37: exact in float64, whose matrix product is the fast one.
    dot = (asked.astype(np.float64) @ stored.astype(np.float64).T).astype(np.int64)
    if metric is Metric.DOT:
        return -dot
    squares = (asked * asked).sum(1)
    if metric is Metric.L2:
        return squares[:, None] + (stored * stored).sum(1) - 2 * dot
    one = ((1 << (element_width - 1)) - 1) << (element_width + 2)
    fraction, part = 2 * element_width - 1, element_width - 1
    result = np.full(dot.shape, one)
    for row, square in enumerate(squares.tolist()):
        if square:
            shift, r = integer_sqrt_scale(square, element_width)
            # dot * r * 2**shift may exceed 64 bits: two partial products, joined where the low one is shifted out.
            high, low = divmod(r << shift, 1 << part)
            joined = dot[row] * high + ((dot[row] * low + (1 << (fraction - 1))) >> part)
            result[row] = one - (joined >> (fraction - part))
    return result


def nearest(distance: NDArray[Any], k: int) -> NDArray[np.intp]:
    """The k nearest of each row, ties to the lower index, [n, k]."""
    return np.argsort(distance, axis=1, kind="stable")[:, :k]


def recall(found: NDArray[np.intp], truth: NDArray[np.intp]) -> float:
    """Mean share of each row of ``truth`` that is in the row of ``found``."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, truth, strict=True)]))


def float32_distances(metric: Metric, base: NDArray[Any], queries: NDArray[Any]) -> NDArray[np.float32]:
    """The float32 model's distances [n_queries, n_base]."""
    stored, asked = base.astype(np.float32), queries.astype(np.float32)
    columns = np.ascontiguousarray(stored.T).T
    rows = [
        distances(metric, block[:, None], columns, norms(block)[:, None], norms(stored)) for block in _blocks(asked)
    ]
    return np.concatenate(rows)


def _blocks(rows: NDArray[Any]) -> list[NDArray[Any]]:
    return [rows[i : i + 64] for i in range(0, len(rows), 64)]


def beam_study(
    name: str, metric: Metric, fill: int, cores: Sequence[NDArray[Any]], queries: Callable[[int], NDArray[Any]]
) -> dict[str, Any]:
    """Beam against exact search in cores filled with the given vectors."""
    hits_1 = hits_k = total = n_distances = n_rounds = 0
    k = min(K, fill)
    for number, vectors in enumerate(cores):
        core = Core(vectors.shape[1], metric)
        for vector in vectors:
            core.insert(vector)
        for query in queries(number):
            core.set_query(query)
            exact = core.search_exact(k)["index"].tolist()
            beam = core.search(k)["index"].tolist()
            hits_1 += beam[0] == exact[0]
            hits_k += len(set(beam) & set(exact))
            total += 1
            n_distances += core.statistics.n_distances
            n_rounds += core.statistics.n_rounds
    return {
        "data": name,
        "metric": metric.name.lower(),
        "fill": fill,
        "queries": total,
        "recall_at_1": hits_1 / total,
        "recall_at_10": hits_k / (total * k),
        "distances": n_distances / total,
        "rounds": n_rounds / total,
    }


def beam_studies(n_cores: int, n_queries: int, seed: int) -> list[dict[str, Any]]:
    """Gaussian cores of every metric and fill, and cores of digits."""
    rng = np.random.default_rng(seed)
    digits = datasets.digits()
    rows = []
    for metric in Metric:
        for fill in FILLS:
            gaussian = [rng.normal(size=(fill, 16)) for _ in range(n_cores)]
            rows.append(beam_study("gaussian", metric, fill, gaussian, lambda _: rng.normal(size=(n_queries, 16))))
        for fill in FILLS:
            # Neighbouring rows of the set share a core, as they do when a collection is loaded in its order.
            loaded = [digits.base[i : i + fill] for i in range(0, len(digits.base) - fill + 1, 32)]
            rows.append(beam_study("digits", metric, fill, loaded, lambda _: _sample(rng, digits.queries, n_queries)))
        rows.append(beam_study("digits, all queries", metric, fill, loaded, lambda _: digits.queries))
    return rows


def _sample(rng: np.random.Generator, rows: NDArray[Any], n: int) -> NDArray[Any]:
    return rows[rng.choice(len(rows), n)]


def array_study(metric: Metric) -> dict[str, Any]:
    """Beam against exact search of the digits spread over 47 cores, the cores' results merged."""
    digits = datasets.digits()
    array = Array(47, 16, metric)
    array.add(digits.base)
    numbers = []
    for mode in ("exact", "beam"):
        found = array.search(digits.queries, K, mode=mode)
        numbers.append(found["core"].astype(np.intp) * 32 + found["index"])
    exact, beam = numbers
    return {
        "data": "digits",
        "metric": metric.name.lower(),
        "vectors": len(digits.base),
        "queries": len(digits.queries),
        "recall_at_1": recall(beam[:, :1], exact[:, :1]),
        "recall_at_10": recall(beam, exact),
    }


def quantisation_study(
    collection: datasets.Collection, metric: Metric, width: int, run: Metric | None = None, offset: OffsetRule = "auto"
) -> dict[str, Any]:
    """Exact integer search (under the hardware metric ``run``) against float32 search of the same collection."""
    base, queries = collection.base, collection.queries
    run = metric if run is None else run
    quantiser: Quantiser = choose_quantiser(base, metric, width, hardware_metric=run, offset=offset)
    raw = integer_distances(run, width, quantiser.quantise(base), quantiser.quantise_queries(queries))
    reference = float32_distances(metric, base, queries)
    truth = nearest(reference, K)
    found = nearest(raw, K)
    true_distance = np.take_along_axis(reference, truth, 1).astype(np.float64)
    scales = quantiser.query_scales(queries)
    error = quantiser.distance(np.take_along_axis(raw, truth, 1), scales) - true_distance
    return {
        "data": collection.name,
        "metric": metric.name.lower() + ("" if run is metric else f" through {run.name.lower()}"),
        "element_width": width,
        "offset": offset,
        "vectors": len(base),
        "queries": len(queries),
        "scale": quantiser.scale,
        "queries_saturated": int(quantiser.saturates(queries).sum()) if run is Metric.L2 else 0,
        "recall_at_1": recall(found[:, :1], truth[:, :1]),
        "recall_at_10": recall(found, truth),
        "max_error": float(np.abs(error).max()),
        "rms_relative_error": float(np.sqrt(np.mean(error**2) / np.mean(true_distance**2))),
    }


def _off_grid(collection: datasets.Collection) -> datasets.Collection:
    """The same vectors divided by 100, as normalised data is: on no binary grid, so that rounding shows."""
    return datasets.Collection(f"{collection.name} / 100", collection.base / 100, collection.queries / 100)


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Rows as a Markdown table."""
    print(f"\n{title}\n")
    print("| " + " | ".join(key.replace("_", " ") for key in rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(_shown(key, value) for key, value in row.items()) + " |")


def _shown(key: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if "recall" in key:
        return f"{value:.4f}"
    return f"{value:.3g}" if "error" in key or key == "scale" else f"{value:.1f}"


def progress(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(
        description="Recall of the float32 beam search; recall and error of 8 and 16 bit exact search.",
        epilog="example: python scripts/bench_recall.py --cores 100 --queries 20",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument("--cores", type=int, default=50, help="Gaussian cores a fill level and metric")
    parser.add_argument("--queries", type=int, default=20, help="queries a core")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    for name in ("cores", "queries"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(options, name)}")
    if options.seed < 0:
        parser.error(f"--seed must not be negative, not {options.seed}")
    started = time.perf_counter()
    try:
        collections = datasets.available()
    except FileNotFoundError as problem:
        parser.error(str(problem))
    for missing in {"pendigits", "sift5k"} - {collection.name for collection in collections}:
        progress(f"{missing}: not found (set GANGLION_DATA to the data folder); going on without it")
    progress("beam search ...")
    beam = beam_studies(options.cores, options.queries, options.seed)
    array = [array_study(metric) for metric in Metric]
    quantised, offsets = [], []
    for collection in collections:
        progress(f"quantisation of {collection.name} ...")
        for metric in Metric:
            quantised += [quantisation_study(collection, metric, width) for width in (8, 16)]
        quantised += [quantisation_study(collection, Metric.COSINE, width, Metric.L2) for width in (8, 16)]
        on_grid = collection.name in ("digits", "pendigits")
        for scaled in (collection, _off_grid(collection)) if on_grid else (collection,):
            offsets += [quantisation_study(scaled, Metric.L2, 8, offset=rule) for rule in OFFSET_RULES]
    seconds = time.perf_counter() - started
    if options.json:
        report = {"beam": beam, "array": array, "quantisation": quantised, "offsets": offsets, "seconds": seconds}
        print(json.dumps(report, indent=1))
    else:
        print_table("Beam search against exact search in one core (float32)", beam)
        print_table("Beam search against exact search over an array (float32)", array)
        print_table("Quantised exact search against float32 exact search", quantised)
        print_table("Offset rules, squared L2, 8 bit", offsets)
        print(f"\n{seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
