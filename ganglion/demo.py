"""The demonstration: real vectors through the simulated array, checked against the model, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import ArrayState, Progress
from ganglion.backends.sim import SimulationBackend
from ganglion.device import Device
from ganglion.device_matches import Matches
from ganglion.digits import load_digits
from ganglion.files import write_atomically
from ganglion.gates import count_gates
from ganglion.gates.report import GateReport
from ganglion.recall import recall
from golden.spec import Config
from golden.spec.config import LANE_CHOICES
from golden.spec.constants import MAX_RESULTS

__all__ = ["BOARD", "CONFIG", "DemoResult", "run_demo"]

N_BASE = 1500
K = 10
BOARD = "icebreaker"
CONFIG = Config(cores=57, slices=1, lanes=16)
"""57 cores hold all 1,797 digits."""
FILLS = (4, 8, 12, 16, 20, 24, 28, 32)
Mode = Literal["exact", "beam"]
MODES: tuple[Mode, ...] = ("exact", "beam")


@dataclass
class DemoResult:
    """What the demonstration found. Recall and accuracy of the exact search, unless named ``beam_``.

    ``mismatches`` of ``compared`` results, cycle counts and memory words differ between simulation and golden model.
    """

    recall_at_1: float
    recall_at_10: float
    accuracy: float
    beam_recall_at_1: float
    beam_recall_at_10: float
    beam_accuracy: float
    mismatches: int
    compared: int
    exact_cycles_per_query: float
    beam_cycles_per_query: float
    cycles_per_insert: float
    simulated_cycles: int
    cycles_per_second: float
    n_base: int
    n_queries: int
    config: Config
    gates: GateReport
    report: Path
    build: dict[str, Any] | None = None
    seconds: float = 0.0
    recall_by_k: dict[Mode, list[float]] = field(default_factory=dict)
    recall_by_fill: dict[int, float] = field(default_factory=dict)
    cycles_by_lanes: dict[Mode, dict[int, float]] = field(default_factory=dict)

    @property
    def gate_rows(self) -> list[tuple[str, ...]]:
        """The gate table, its heading first."""
        return self.gates.rows()

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"config": asdict(self.config), "gates": self.gates.as_dict(), "report": str(self.report)}

    def facts(self) -> list[tuple[str, object]]:
        """The table of figures."""
        return [
            ("array", str(self.config)),
            ("vectors stored, queries", f"{self.n_base:,}, {self.n_queries:,}"),
            ("recall@1, recall@10, exact", f"{self.recall_at_1:.4f}, {self.recall_at_10:.4f}"),
            ("recall@1, recall@10, beam", f"{self.beam_recall_at_1:.4f}, {self.beam_recall_at_10:.4f}"),
            (f"accuracy by {K} neighbours, exact, beam", f"{self.accuracy:.4f}, {self.beam_accuracy:.4f}"),
            ("cycles a query, exact, beam", f"{self.exact_cycles_per_query:,.0f}, {self.beam_cycles_per_query:,.0f}"),
            ("cycles an insert", self.cycles_per_insert),
            ("simulated cycles", self.simulated_cycles),
            ("simulated cycles a second", self.cycles_per_second),
            ("mismatches with the golden model", f"{self.mismatches} of {self.compared:,} compared"),
            ("seconds", self.seconds),
        ]


@dataclass
class Comparison:
    """Counts what was compared and what differed."""

    compared: int = 0
    mismatches: int = 0

    def check(self, model: NDArray[Any], simulated: NDArray[Any]) -> None:
        """Compares two arrays element by element; NaN equals NaN. Another shape is as many mismatches as elements."""
        self.compared += model.size
        if model.shape != simulated.shape:
            self.mismatches += max(model.size, simulated.size)
            return
        differs = model != simulated
        if model.dtype.kind == "f":
            differs &= ~(np.isnan(model) & np.isnan(simulated))
        self.mismatches += int(np.count_nonzero(differs))

    def check_fields(self, model: object, simulated: object, names: Iterable[str]) -> None:
        """Compares arrays that are attributes."""
        for name in names:
            self.check(getattr(model, name), getattr(simulated, name))


def run_demo(
    out: Path,
    *,
    quick: bool = False,
    progress: Callable[[str], None] | None = None,
    config: Config = CONFIG,
    n_base: int = N_BASE,
    n_queries: int | None = None,
) -> DemoResult:
    """Runs the demonstration and writes ``out/demo.html``; the bitstream, unless ``quick``, goes to ``out`` as well.

    ``config``: the simulated array; it must hold ``n_base`` vectors. ``n_queries`` of the others are searched, or all.
    Raises ValueError, OSError, EngineError or BackendError when something cannot be done.
    """
    say: Progress = progress or (lambda _text: None)
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    base, queries = digits.vectors[:n_base], digits.vectors[n_base:][:n_queries]

    say("making the simulated array (compiled once: the first time takes a few minutes)")
    from ganglion.report.demo_page import demo_page

    check = Comparison()
    with Device(16, config=config, backend="sim", progress=say) as simulated:
        model = Device(16, config=config)
        backend = simulated.backend
        assert isinstance(backend, SimulationBackend)
        say(f"storing {n_base:,} digits over the bus")
        model.add(np.arange(n_base), base)
        simulated.add(np.arange(n_base), base)
        check.check(model.insert_cycles, simulated.insert_cycles)
        found: dict[Mode, Matches] = {}
        for mode in MODES:
            say(f"searching {len(queries)} digits over the bus, {mode}")
            found[mode] = simulated.search(queries, K, mode=mode)
            expected = model.search(queries, K, mode=mode)
            check.check_fields(expected, found[mode], ("keys", "distances", "counts", "cycles"))
        simulated_cycles, simulating = backend.n_cycles, backend.seconds
        say("reading the simulated array back")
        check.check_fields(model.backend.read_state(), backend.read_state(), ArrayState.__dataclass_fields__)
    fill = model.fill

    say("measuring recall and cycles")
    by_k = {mode: _recall_by_k(model, base, queries, mode) for mode in MODES}
    asked = digits.labels[n_base:][: len(queries)]
    accuracy = {mode: float((vote(found[mode], digits.labels) == asked).mean()) for mode in MODES}
    result = DemoResult(
        recall_at_1=recall(found["exact"], base, queries, "l2", 1),
        recall_at_10=recall(found["exact"], base, queries, "l2", K),
        accuracy=accuracy["exact"],
        beam_recall_at_1=recall(found["beam"], base, queries, "l2", 1),
        beam_recall_at_10=recall(found["beam"], base, queries, "l2", K),
        beam_accuracy=accuracy["beam"],
        mismatches=check.mismatches,
        compared=check.compared,
        exact_cycles_per_query=found["exact"].cycles_per_query,
        beam_cycles_per_query=found["beam"].cycles_per_query,
        cycles_per_insert=float(model.insert_cycles.mean()),
        simulated_cycles=simulated_cycles,
        cycles_per_second=simulated_cycles / simulating,
        n_base=n_base,
        n_queries=len(queries),
        config=config,
        gates=count_gates(config, progress=say),
        report=out / "demo.html",
        recall_by_k=by_k,
        recall_by_fill=_recall_by_fill(base, queries),
        cycles_by_lanes=_cycles_by_lanes(config, base, queries),
    )
    try:
        if not quick:
            from boards.build import build

            say(f"building the bitstream of {BOARD}")
            made = build(BOARD, out / BOARD, progress=say)
            result.build = {n: str(v) if isinstance(v, Path) else v for n, v in asdict(made).items()}
    finally:
        # A build that fails or is interrupted leaves the report of everything else.
        say("drawing the report")
        result.seconds = time.perf_counter() - started
        write_atomically(result.report, demo_page(result, digits, found["exact"], fill).encode())
    return result


def vote(found: Matches, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The label of most of the nearest neighbours (keys are rows of ``labels``); of equals the nearest one's, [n]."""
    held = np.arange(K) < found.counts[:, None]
    votes = np.where(held, labels[np.where(held, found.keys[:, :K], 0).astype(np.intp)], -1)
    counts = np.where(held, (votes[:, :, None] == votes[:, None, :]).sum(axis=2), 0)
    return np.asarray(votes[np.arange(len(votes)), counts.argmax(axis=1)])


def _recall_by_k(model: Device, base: NDArray[np.float64], queries: NDArray[np.float64], mode: Mode) -> list[float]:
    """recall@k for k = 1 .. 16, each by a search of its own."""
    return [recall(model.search(queries, k, mode=mode), base, queries, "l2", k) for k in range(1, MAX_RESULTS + 1)]


def _recall_by_fill(base: NDArray[np.float64], queries: NDArray[np.float64]) -> dict[int, float]:
    """recall@10 of the beam in arrays whose cores hold so many vectors each (by the golden model)."""
    shares = {}
    for fill in FILLS:
        cores = min(256, len(base) // fill)
        device = Device(16, config=Config(cores=cores))
        stored = base[: cores * fill]
        device.add(np.arange(len(stored)), stored)
        shares[fill] = recall(device.search(queries, K, mode="beam"), stored, queries, "l2", K)
    return shares


def _cycles_by_lanes(
    config: Config, base: NDArray[np.float64], queries: NDArray[np.float64]
) -> dict[Mode, dict[int, float]]:
    """Cycles a query by mode and lanes (by the golden model)."""
    cycles: dict[Mode, dict[int, float]] = {mode: {} for mode in MODES}
    for lanes in LANE_CHOICES:
        device = Device(16, config=replace(config, lanes=lanes, memory="block"))
        device.add(np.arange(len(base)), base)
        for mode in MODES:
            cycles[mode][lanes] = device.search(queries, K, mode=mode).cycles_per_query
    return cycles
