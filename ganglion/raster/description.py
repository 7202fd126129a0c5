"""What a description file says: a network, what goes into it when, what to record. ``docs/raster.md`` has the keys."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganglion.device_checks import METRICS
from ganglion.raster.inputs import Input, Network, read_inputs
from ganglion.raster.values import DescriptionError, Fields
from ganglion.raster.vectors import SEED_LIMIT, Vectors, read_vectors
from golden.fixed.neural_core import Tick
from golden.spec.config import ELEMENT_WIDTHS
from golden.spec.constants import MAX_WEIGHT, VECTORS_PER_CORE
from golden.spec.neural import DT_FRACTION_BITS, DT_MAX_RAW, GAIN

__all__ = ["COMPETITIONS", "TRACES", "Description", "load_description"]

MAX_CONTEXTS = 8
"""256 neurons: more rows than that no picture shows."""
MAX_TICKS = 100_000
MAX_VALUES = 1 << 26
"""Recorded values of all traces together: 256 MB."""
MAX_FILE = 1 << 24
"""Bytes of a description."""
TRACES = ("membrane", "threshold", "rate", "weight")
COMPETITIONS = ("none", "soft", "hard")
PERIODS = ("tick", "gamma")
DT_UNIT = 1 << DT_FRACTION_BITS


@dataclass(frozen=True, kw_only=True)
class Description:
    """A network and its run, checked.

    ``dt_raw``: step in 2**-16 ms. ``gain``: of what spikes bring to their neighbours. ``parts``: of a tick.
    ``compete``: "none", "soft" or "hard", after every tick, or only (``by_turn``) when the oscillator begins a turn.
    ``thresholds``, ``weights``: a value a neuron. ``inputs``: in the order in which they act. ``traces`` of the
    neurons ``recorded``.
    """

    title: str
    n_ticks: int
    dt_raw: int
    gain: float
    contexts: int
    metric: str
    element_width: int
    vectors: Vectors
    parts: Tick
    compete: str
    by_turn: bool
    thresholds: tuple[float, ...]
    weights: tuple[int, ...]
    inputs: tuple[Input, ...]
    traces: tuple[str, ...]
    recorded: tuple[int, ...]

    @property
    def n_neurons(self) -> int:
        """Neurons of all contexts together: one a vector. Neuron i is neuron i mod 32 of context i // 32."""
        return len(self.vectors.rows)

    @property
    def dt(self) -> float:
        """The step in ms, as the fixed point has it."""
        return self.dt_raw / DT_UNIT

    def counts(self) -> list[int]:
        """Neurons of each context."""
        n = self.n_neurons
        return [min(VECTORS_PER_CORE, max(0, n - c * VECTORS_PER_CORE)) for c in range(self.contexts)]


def load_description(path: Path) -> Description:
    """Reads a .toml or .json file.

    Raises DescriptionError naming the file, the key and the value that is wrong; OSError if it cannot be read.
    """
    if path.suffix not in (".toml", ".json"):
        raise DescriptionError(f"{path}: a description is a .toml or a .json file")
    with path.open("rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise DescriptionError(f"{path}: longer than {MAX_FILE:,} bytes")
    try:
        text = content.decode()
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as problem:
        raise DescriptionError(f"{path}: no text: {problem.reason} at byte {problem.start}") from problem
    except (ValueError, RecursionError) as problem:
        raise DescriptionError(f"{path}: {problem}") from problem
    return read_description(values, str(path), path.parent)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return table


def read_description(values: Any, where: str, folder: Path) -> Description:
    """The description in the plain ``values``; ``where`` is how messages call it, ``folder`` where its files are."""
    fields = Fields(where, values)
    title = fields.text("title", "")
    n_ticks = fields.integer("ticks", 1, MAX_TICKS)
    dt_raw = round(fields.number("dt", 1 / DT_UNIT, DT_MAX_RAW / DT_UNIT, 1.0) * DT_UNIT)
    gain = fields.number("gain", GAIN.from_raw(GAIN.min_raw).item(), GAIN.from_raw(GAIN.max_raw).item(), 0.0)
    seed = fields.integer("seed", 0, SEED_LIMIT, 0)
    contexts = fields.integer("contexts", 1, MAX_CONTEXTS, 1)
    metric = fields.choice("metric", METRICS, "l2")
    element_width = fields.integer("element_width", *ELEMENT_WIDTHS, ELEMENT_WIDTHS[0])
    if element_width not in ELEMENT_WIDTHS:
        raise fields.refuse("element_width", f"must be 8 or 16, got {element_width}")
    vectors = read_vectors(fields.table("vectors"), folder, contexts * VECTORS_PER_CORE)
    n = len(vectors.rows)
    parts, compete, by_turn = _parts(fields.table("tick"))
    neurons = fields.table("neurons")
    thresholds = neurons.numbers("threshold", 0.1, 10, n, 1)
    weights = neurons.numbers("weight", 0, MAX_WEIGHT, n, MAX_WEIGHT)
    for i, weight in enumerate(weights):
        if weight != int(weight):
            raise neurons.refuse("weight", f"must be whole, got {weight} for neuron {i}")
    neurons.done()
    inputs = read_inputs(fields.tables("input"), Network(n_ticks, dt_raw / DT_UNIT, vectors), seed)
    traces, recorded = _record(fields.table("record"), n, n_ticks)
    fields.done()
    return Description(
        title=title,
        n_ticks=n_ticks,
        dt_raw=dt_raw,
        gain=gain,
        contexts=contexts,
        metric=metric,
        element_width=element_width,
        vectors=vectors,
        parts=parts,
        compete=compete,
        by_turn=by_turn,
        thresholds=thresholds,
        weights=tuple(map(int, weights)),
        inputs=inputs,
        traces=traces,
        recorded=recorded,
    )


def _parts(fields: Fields) -> tuple[Tick, str, bool]:
    standard = Tick()
    parts = Tick(**{name: fields.flag(name, getattr(standard, name)) for name in Tick.__dataclass_fields__})
    compete = fields.choice("compete", COMPETITIONS, "none")
    by_turn = fields.choice("compete_every", PERIODS, "tick") == "gamma"
    fields.done()
    return parts, compete, by_turn


def _record(fields: Fields, n: int, n_ticks: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    names = fields.take("traces", ["membrane", "threshold"])
    if not isinstance(names, list):
        raise fields.refuse("traces", f"must be a list of texts, got {names!r}")
    for i, name in enumerate(names):
        if name not in TRACES or name in names[:i]:
            raise fields.refuse(f"traces[{i}]", f"must be one of {', '.join(TRACES)}, each once, got {name!r}")
    recorded = fields.indices("neurons", n, "all")
    if len(names) * len(recorded) * n_ticks > MAX_VALUES:
        raise fields.refuse(
            "traces", f"of {len(recorded)} neurons over {n_ticks} ticks are more than {MAX_VALUES:,} values"
        )
    fields.done()
    return tuple(names), recorded
