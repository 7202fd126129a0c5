"""``ganglion search``."""

from __future__ import annotations

import io
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ganglion.backends import BACKENDS
from ganglion.cli.app import app
from ganglion.cli.options import Cores, ElementWidth, Json, Lanes, Preset, Slices, as_config, config_json
from ganglion.cli.output import print_facts, print_json, steps
from ganglion.device import Device
from ganglion.device_checks import as_choice, as_integer, as_metric, as_vectors
from ganglion.files import write_atomically
from ganglion.recall import recall, recall_of_truth
from golden.spec.constants import MAX_DIMS, MAX_RESULTS


class Mode(StrEnum):
    """How to search."""

    exact = "exact"
    beam = "beam"


@app.command(epilog="Example: ganglion search --base base.npy --queries queries.npy --k 10 --backend sim --json")
def search(
    base: Annotated[Path, typer.Option("--base", help="Vectors to store: .npy, (n, dims), at most 16 dimensions.")],
    queries: Annotated[Path, typer.Option("--queries", help="Queries: .npy, (m, dims).")],
    k: Annotated[int, typer.Option("--k", help="Neighbours a query, 1 to 16.")] = 10,
    backend: Annotated[str, typer.Option("--backend", help="golden (the exact model) or sim (the RTL).")] = "golden",
    mode: Annotated[str, typer.Option("--mode", help="exact or beam.")] = "exact",
    metric: Annotated[str, typer.Option("--metric", help="l2, cosine or dot.")] = "l2",
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="True neighbours: .npy, (m, k or more) rows of base."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write keys, distances, counts, cycles to this .npz.")
    ] = None,
    native_cosine: Annotated[bool, typer.Option("--native-cosine", help="Let the array normalise (coarser).")] = False,
    preset: Preset = "folded256",
    cores: Cores = None,
    slices: Slices = None,
    lanes: Lanes = None,
    element_width: ElementWidth = None,
    json: Json = False,
) -> None:
    """Store vectors in an array, search it, and say how many true neighbours it found after how many cycles.

    Recall compares with --truth, or with a brute-force search of the given numbers in float64.
    """
    as_metric(metric)
    as_choice("mode", mode, tuple(Mode))
    as_choice("backend", backend, BACKENDS)
    as_integer("k", k, 1, MAX_RESULTS)
    config = as_config(preset, cores=cores, slices=slices, lanes=lanes, element_width=element_width)
    if output is not None and not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}")
    vectors = _matrix("base", base)
    if not 1 <= vectors.shape[1] <= MAX_DIMS:
        raise ValueError(f"base {base} must have 1 to {MAX_DIMS} dimensions, not shape {vectors.shape}")
    rows = as_vectors(f"base {base}", vectors, vectors.shape[1])
    asked = as_vectors(f"queries {queries}", _matrix("queries", queries), vectors.shape[1])
    known = None if truth is None else _truth(truth, len(asked), len(rows), k)
    with steps() as progress:
        progress(f"making the array: {config}")
        device = Device(
            rows.shape[1],
            config=config,
            metric=metric,
            backend=backend,
            native_cosine=native_cosine,
            progress=progress,
        )
        with device:
            progress(f"storing {len(rows):,} vectors")
            device.add(np.arange(len(rows)), rows)
            progress(f"searching {len(asked):,} queries")
            started = time.perf_counter()
            found = device.search(asked, k, mode=mode)  # type: ignore[arg-type]
            seconds = time.perf_counter() - started
        progress("computing the recall")
        share = recall_of_truth(found, known, k) if known is not None else recall(found, rows, asked, metric, k)
    facts: dict[str, Any] = {
        "recall_at_k": share,
        "cycles_per_query": found.cycles_per_query,
        "k": k,
        "n_base": len(rows),
        "n_queries": len(asked),
        "dims": rows.shape[1],
        "metric": metric,
        "mode": mode,
        "backend": backend,
        "truth": "brute force" if truth is None else str(truth),
        "n_saturated": int(found.saturated.sum()),
        "seconds": seconds,
        "config": config_json(config),
    }
    if output is not None:
        buffer = io.BytesIO()
        np.savez(buffer, keys=found.keys, distances=found.distances, counts=found.counts, cycles=found.cycles)
        write_atomically(output, buffer.getvalue())
        facts["output"] = str(output)
    if json:
        print_json(facts)
    else:
        facts["config"] = str(config)
        print_facts("search", [(n.replace("at_k", f"at {k}").replace("_", " "), v) for n, v in facts.items()])


def _matrix(name: str, path: Path) -> NDArray[Any]:
    """The array in a .npy file; ValueError naming the file unless it has two axes."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as problem:
        raise ValueError(f"{name} {path} is no .npy file of numbers: {problem}") from problem
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{name} {path} is an archive of arrays; a .npy file is needed")
    if array.ndim != 2:
        raise ValueError(f"{name} {path} must have two axes, not shape {array.shape}")
    return array


def _truth(path: Path, n_queries: int, n_base: int, k: int) -> NDArray[np.int64]:
    """True neighbours [n_queries, k or more]: row numbers of base."""
    array = _matrix("truth", path)
    if array.dtype.kind not in "iu":
        raise TypeError(f"truth {path} must hold integers, not dtype {array.dtype}")
    wanted = min(k, n_base)
    if len(array) != n_queries or array.shape[1] < wanted:
        raise ValueError(f"truth {path} must have shape ({n_queries}, {wanted} or more), not {array.shape}")
    array = array[:, :wanted]
    wrong = array[(array < 0) | (array >= n_base)]
    if wrong.size:
        raise ValueError(f"truth {path} names row {wrong[0]}, base has {n_base}")
    ordered = np.sort(array, axis=1)
    twice = np.argwhere(ordered[:, 1:] == ordered[:, :-1])
    if len(twice):
        query, place = twice[0]
        raise ValueError(f"truth {path} names row {ordered[query, place]} twice for query {query}")
    return array.astype(np.int64)
