#!/usr/bin/env python3
"""Every spiking unit in fixed point against its float32 twin on long random runs, and the neuromorphic search of both.

Example: python scripts/bench_spiking_units.py --json > units.json
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from studies import Row, Study, run_studies

from ganglion import Device
from ganglion.network import Network
from golden.fixed.fabric_search import dissimilarity
from golden.fixed.neural_core import NeuralCore, Tick
from golden.fixed.neural_dendrite import tree_current
from golden.fixed.neural_divider import divide
from golden.fixed.neural_encoder import encode as encode_fixed
from golden.fixed.neural_oscillator import next_phase, resonance
from golden.fixed.neural_pattern import PatternUnit
from golden.fixed.neural_router import spike_current
from golden.fixed.neural_state import rates
from golden.float32 import SpikingCore, encoder
from golden.float32 import pattern as float_pattern
from golden.float32.dendrite import Dendrites
from golden.float32.homeostasis import Homeostasis
from golden.float32.oscillator import GammaOscillator
from golden.float32.state import SpikingState
from golden.spec import Config
from golden.spec.neural import (
    BRANCH,
    DT_FRACTION_BITS,
    GAIN,
    MEMBRANE,
    PHASE_PERIOD,
    RESONANCE_ONE,
    THRESHOLD,
    time_step,
)

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
import datasets  # noqa: E402  (the loaders of real data live with the tests)

NO_LINKS = np.zeros(32, np.int64)
K = 5


def row(what: str, n: int, error: np.ndarray, unit: str) -> Row:
    """One comparison: how many values, and the largest and mean difference in ``unit``."""
    return {"unit": what, "values": n, "largest": float(np.abs(error).max()), "mean": float(error.mean()), "in": unit}


def units() -> Iterator[Row]:
    """What single units give for random state, against float32 or real numbers."""
    rng = np.random.default_rng(1)
    gains, weights = np.meshgrid(rng.integers(GAIN.min_raw, GAIN.max_raw + 1, 4000), np.arange(256))
    error = spike_current(gains, weights) * MEMBRANE.resolution - GAIN.from_raw(gains) * weights / 255
    yield row("spike router: gain w / 255", error.size, error * 512, "2^-9 of a membrane")

    state, n = SpikingState(), 2000
    errors = []
    for _ in range(n):
        branches = rng.integers(BRANCH.min_raw, BRANCH.max_raw + 1, (32, 6))
        links = rng.integers(0, 7, 32)
        state.branches[:], state.membrane[:] = BRANCH.from_raw(branches), 0
        real = Dendrites(state).integrate(slice(32), links)
        errors.append(MEMBRANE.from_raw(tree_current(branches, links)) - real)
    yield row("dendritic tree: sum of the branches", 32 * n, np.array(errors) * 512, "2^-9 of a membrane")

    errors = []
    for _ in range(n):
        core, one, gain = NeuralCore(), int(rng.integers(1, 1 << 16)), int(rng.integers(GAIN.min_raw, GAIN.max_raw + 1))
        distance = rng.integers(0, 20 * one, 32)
        core.bridge(np.arange(32), distance, one, gain)
        errors.append(MEMBRANE.from_raw(core.state.membrane) - GAIN.from_raw(gain) / (1 + distance / one))
    yield row("search-to-current bridge: gain / (1 + d)", 32 * n, np.array(errors) * 512, "2^-9 of a membrane")

    numerators, denominators = rng.integers(0, 1 << 26, 100_000), rng.integers(1, 1 << 26, 100_000)
    error = divide(numerators, denominators) - np.minimum(numerators / denominators, 1) * 65536
    yield row("divider", error.size, error, "2^-16")

    wrong = []
    for _ in range(20_000):
        vector = rng.integers(-128, 128, rng.integers(1, 17)) // rng.integers(1, 20)
        wrong.append(encode_fixed(vector) != encoder.encode(vector.astype(np.float32)))
    yield row("spike encoder: patterns that differ", len(wrong), np.array(wrong, float), "patterns")

    errors, wrong = [], []
    for _ in range(n):
        history = rng.integers(0, 1 << 32, 32) & rng.integers(0, 1 << 32, 32)
        target = int(history[0]) ^ int(rng.integers(0, 1 << 8))
        fixed = dissimilarity(history, target)
        real = np.array([np.float32(1) - encoder.similarity(int(h), target) for h in history])
        errors.append(fixed - real * 65536)
        best = [np.argsort(keys, kind="stable")[:K].tolist() for keys in (fixed, real)]
        wrong.append(best[0] != best[1])
    yield row("spike search: 1 - similarity", 32 * n, np.array(errors), "2^-16")
    yield row("spike search: lists of 5 that differ", n, np.array(wrong, float), "lists")
    yield _patterns(rng)

    phases = rng.integers(0, PHASE_PERIOD, 4000)
    errors = []
    for phase in phases.tolist():
        real_state = SpikingState()
        real_state.phase = phase
        real = np.array([GammaOscillator(real_state).resonance(i) for i in range(32)], np.float64)
        errors.append(resonance(np.full(32, phase), np.arange(32)) / RESONANCE_ONE - real)
    yield row("oscillator: resonance", 32 * len(phases), np.array(errors) * 4096, "2^-12")


def _patterns(rng: np.random.Generator) -> Row:
    """The pattern unit's winners and masks against the float32 unit's."""
    n = 500
    unit = PatternUnit(Config(), n)
    history = rng.integers(0, 1 << 32, (n, 32)) & rng.integers(0, 1 << 32, (n, 32))
    own, most = rng.integers(0, 32, n), rng.integers(0, 33, n)
    target = history[np.arange(n), own]
    steady = {"target": target, "own": own, "most": most}
    blank = {name: np.zeros(n, np.int64) for name in ("clear", "valid", "spike", "index", "history")}

    def step(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        rows = blank | steady | inputs
        return dict(unit.step({name: np.asarray(values).astype(np.uint64) for name, values in rows.items()}))

    ones = np.ones(n, np.int64)
    step(clear=ones)
    for i in range(32):
        step(valid=ones, index=i * ones, history=history[:, i])
    step()
    seen = step()
    wrong = []
    for stream in range(n):
        state = SpikingState()
        state.patterns[:] = history[stream]
        real = float_pattern.PatternUnit(state)
        expected = real.match(32, int(target[stream])), real.correlate(32, int(own[stream]), int(most[stream]))
        wrong.append(expected != (int(seen["best"][stream]), int(seen["mask"][stream])))
    return row("pattern unit: matches and masks that differ", n, np.array(wrong, float), "answers")


def homeostasis() -> Iterator[Row]:
    """The same random spikes into both for 10,000 steps: how far rates and thresholds drift apart."""
    for dt in (0.1, 1.0, 10.0):
        rng, core, state = np.random.default_rng(2), NeuralCore(), SpikingState()
        core.time_step = time_step(round(dt * (1 << DT_FRACTION_BITS)))
        real_dt = np.float32(core.time_step.dt_raw / (1 << DT_FRACTION_BITS))
        unit, rate_error, threshold_error = Homeostasis(state), 0.0, 0.0
        chance = np.minimum(np.linspace(0, 0.2, 32) * dt, 1)
        for _ in range(10_000):
            fires = rng.random(32) < chance
            state.spikes = core.state.spikes = sum(1 << int(i) for i in np.flatnonzero(fires))
            unit.update(32, real_dt)
            core.tick(NO_LINKS, 32, 0, Tick(step=False, homeostasis=True, to_membrane=False))
            threshold_error = max(
                threshold_error, float(np.abs(THRESHOLD.from_raw(core.state.threshold) - state.threshold).max())
            )
            rate_error = max(
                rate_error, float(np.abs(rates(core.state.rate, core.time_step.rate_factor) - state.rate).max())
            )
        yield {
            "dt, ms": dt,
            "rate, largest error": rate_error,
            "threshold, largest error": threshold_error,
            "thresholds at the end": f"{THRESHOLD.from_raw(core.state.threshold).min():.3f} to "
            f"{THRESHOLD.from_raw(core.state.threshold).max():.3f}",
        }


def hour() -> Iterator[Row]:
    """An hour of steps, in 1,000 stretches at once: each begins where exact arithmetic ends the one before."""
    for dt in (1.0, 0.1, 0.7):
        step = time_step(round(dt * (1 << DT_FRACTION_BITS)))
        n = round(3600.0 / dt)
        begin = np.arange(1000) * (n * step.dt_raw) % PHASE_PERIOD
        phase, moved = begin.copy(), np.array([step.phase_step])
        for _ in range(n):
            phase = next_phase(phase, moved)
        gap = np.abs(phase - (begin + n * step.dt_raw) % PHASE_PERIOD)
        drift = int(np.minimum(gap, PHASE_PERIOD - gap).sum()) / PHASE_PERIOD
        yield {"dt, ms": dt, "steps": 1000 * n, "phase errors of all stretches together, turns": drift}


def fixed_core(stored: np.ndarray, headroom: float) -> Network:
    """The neurons of one core that holds these vectors under their row numbers."""
    device = Device(stored.shape[1], config="core-snn")
    device.fit(stored, headroom=headroom)
    device.add(np.arange(len(stored)), stored)
    return device.network


def searches(n_sets: int, n_queries: int) -> Iterator[Row]:
    """Recall@5 of the neuromorphic search in both, against exact L2 of the clean query; 32 random stored vectors.

    In 8 bits, noise beyond the range of the stored vectors is clipped: so also with a quantiser of twice the range.
    """
    for collection in (datasets.digits(), datasets.pendigits()):
        if collection is None:
            continue
        found: dict[str, list[list[float]]] = {}
        cycles = []
        for seed in range(n_sets):
            rng = np.random.default_rng(seed)
            stored = collection.base[rng.choice(len(collection.base), 32, replace=False)]
            cores, real = [fixed_core(stored, headroom) for headroom in (1.0, 2.0)], SpikingCore(stored.shape[1])
            for vector in stored:
                real.insert(vector)
            deviation = float(np.sqrt(collection.base.var(axis=0).mean()))
            for query in collection.queries[rng.choice(len(collection.queries), n_queries, replace=False)]:
                truth = _plain(stored, query)
                for name, noise, n_iterations, n_glimpses in CASES:
                    views = [query + noise * deviation * rng.normal(size=query.shape) for _ in range(n_glimpses)]
                    for core in cores:
                        core.reset()
                    real.snn_reset()
                    for view in views:
                        tight, best = (core.search(view, K, iterations=n_iterations) for core in cores)
                        real.set_query(view)
                        expected = real.neuromorphic_search(K, 1.0, n_iterations)["index"].tolist()
                    if n_iterations == 20:
                        cycles.append(tight.cycles[0])
                    plain = _plain(stored, views[-1])
                    answers = (tight.keys[0].tolist(), best.keys[0].tolist(), expected, plain)
                    shares = [len(truth & set(each)) / K for each in answers]
                    found.setdefault(name, []).append([*shares, float(answers[1] == expected)])
        for name, values in found.items():
            mean = np.array(values).mean(axis=0)
            yield {
                "collection": collection.name,
                "query": name,
                "fixed": f"{mean[0]:.4f}",
                "fixed, twice the range": f"{mean[1]:.4f}",
                "float32": f"{mean[2]:.4f}",
                "plain search, last glimpse": f"{mean[3]:.4f}",
                "twice the range and float32: the same five in order": f"{mean[4]:.4f}",
            }
        print(f"{collection.name}: {np.mean(cycles):,.0f} cycles a search of 20 iterations", file=sys.stderr)


CASES = (
    ("clean, 1 iteration", 0.0, 1, 1),
    ("clean, 5 iterations", 0.0, 5, 1),
    ("clean, 20 iterations", 0.0, 20, 1),
    ("noise 1, one glimpse", 1.0, 20, 1),
    ("noise 1, 3 glimpses", 1.0, 20, 3),
    ("noise 2, one glimpse", 2.0, 20, 1),
    ("noise 2, 5 glimpses", 2.0, 20, 5),
)


def _plain(stored: np.ndarray, query: np.ndarray) -> set[int]:
    """The exact five nearest."""
    return set(np.argsort(((stored - query) ** 2).sum(axis=1), kind="stable")[:K].tolist())


def main() -> int:
    """Run the study and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=6, help="random cores of the searches (default 6)")
    parser.add_argument("--queries", type=int, default=20, help="queries a core (default 20)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    for name in ("sets", "queries"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    studies: dict[str, Study] = {
        "Units on random state": units,
        "Homeostasis, the same spikes into both": homeostasis,
        "Oscillator, one hour": hour,
        "Neuromorphic search, recall@5": lambda: searches(arguments.sets, arguments.queries),
    }
    run_studies(studies, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
