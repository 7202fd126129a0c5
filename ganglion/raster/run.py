"""Running a described network and keeping what it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import Progress
from ganglion.device_checks import as_choice
from ganglion.raster.description import Description
from ganglion.raster.engines import Float32Network, GoldenNetwork, NetworkEngine
from ganglion.raster.inputs import Drive, Network

__all__ = ["ENGINES", "EngineName", "Recording", "make_network", "run_network"]

EngineName = Literal["golden", "float32", "sim"]
ENGINES: tuple[EngineName, ...] = ("golden", "float32", "sim")


@dataclass(frozen=True, eq=False)
class Recording:
    """What a network did in T ticks.

    ``spikes`` bool [T, n]; ``turns`` float64 [T], the oscillator's phase after each tick; ``traces`` float32
    [T, recorded] by name. ``compared`` and ``mismatches``: values of the simulated hardware that were compared with the
    golden network, and those that differed, ``first_mismatch`` the first of them (sim only); ``cycles``: those in which
    the tick engines were busy, all contexts' together (not float32).
    """

    description: Description
    engine: str
    spikes: NDArray[np.bool_]
    turns: NDArray[np.float64]
    traces: dict[str, NDArray[np.float32]]
    seconds: float
    compared: int = 0
    mismatches: int = 0
    first_mismatch: str | None = None
    cycles: int | None = None

    @property
    def rates(self) -> NDArray[np.float64]:
        """Spikes/ms of each neuron over the whole run [n]."""
        return self.spikes.mean(axis=0) / self.description.dt

    def figures(self) -> dict[str, Any]:
        """Everything that is a number, as JSON values."""
        d, rates = self.description, self.rates
        return {
            "engine": self.engine,
            "ticks": d.n_ticks,
            "dt_ms": d.dt,
            "neurons": d.n_neurons,
            "contexts": d.contexts,
            "spikes": int(self.spikes.sum()),
            "mean_rate": float(rates.mean()),
            "least_rate": float(rates.min()),
            "most_rate": float(rates.max()),
            "rates": rates.tolist(),
            "seconds": self.seconds,
            "ticks_per_second": d.n_ticks / self.seconds,
            "cycles": self.cycles,
        } | (
            {"compared": self.compared, "mismatches": self.mismatches, "first_mismatch": self.first_mismatch}
            if self.compared
            else {}
        )


def make_network(description: Description, engine: str, *, progress: Progress | None = None) -> NetworkEngine:
    """The network of ``description``. ``progress`` gets a line before each slow step of building a simulator."""
    as_choice("engine", engine, ENGINES)
    if engine == "float32":
        return Float32Network(description)
    if engine == "golden":
        return GoldenNetwork(description)
    from ganglion.raster.simulated import CheckedNetwork

    return CheckedNetwork(description, progress=progress)


def run_network(
    description: Description,
    engine: str = "golden",
    *,
    progress: Progress | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Recording:
    """Runs ``description`` from its first to its last tick.

    Args:
        engine: "golden" (the fixed-point network), "float32", or "sim": the hardware's units in simulation, compared
            with the golden network in every field of every neuron after every tick.
        progress: gets a line before each slow step.
        advance: called now and then with the ticks done and all ticks.

    Raises:
        DescriptionError: what only shows when it runs (a ``unit`` that the stored distances cannot express).
        EngineError: a simulator cannot be built.
    """
    d = description
    network = make_network(d, engine, progress=progress)
    try:
        if progress is not None:
            progress(f"running {d.n_ticks:,} ticks of {d.n_neurons} neurons ({engine})")
        drive = Drive(d.inputs, Network(d.n_ticks, d.dt, d.vectors))
        rows = list(d.recorded)
        spikes, turns = np.zeros((d.n_ticks, d.n_neurons), bool), np.zeros(d.n_ticks)
        traces = {name: np.zeros((d.n_ticks, len(rows)), np.float32) for name in d.traces}
        started = time.perf_counter()
        for tick in range(d.n_ticks):
            for action in drive.next():
                network.apply(action)
            network.tick()
            spikes[tick], turns[tick] = network.spikes(), network.turns()
            for name, values in traces.items():
                values[tick] = network.trace(name)[rows]
            if advance is not None and tick % 64 == 0:
                advance(tick, d.n_ticks)
        seconds = time.perf_counter() - started
        return Recording(d, engine, spikes, turns, traces, seconds, **network.checked())
    finally:
        network.close()
