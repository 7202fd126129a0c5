#!/usr/bin/env python3
"""How far is the fixed-point spiking network from the float32 one, unit by unit and as a whole?

Example: python scripts/bench_spiking.py --steps 10000 --json > spiking.json
"""

import argparse
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from studies import Row, Study, run_studies

from golden.fixed.neural_core import NeuralCore, Tick
from golden.fixed.neural_dendrite import response
from golden.fixed.neural_encoder import time_slot
from golden.fixed.neural_oscillator import next_phase, wave
from golden.fixed.neural_state import rates
from golden.fixed.neural_stdp import join_weight, potentiation
from golden.float32.neuromorphic import initial_membranes
from golden.float32.state import SpikingState
from golden.float32.stdp import Stdp
from golden.float32.wta import WinnerTakeAll
from golden.spec.neural import (
    DT_FRACTION_BITS,
    ELAPSED_NEVER,
    MEMBRANE,
    PHASE_PERIOD,
    RESPONSE_FRACTION_BITS,
    THRESHOLD,
    WAVE,
    WEIGHT_ONE,
    time_step,
)

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]
from neural_pairs import FloatNetwork, Pair, copy_state  # noqa: E402  (shared with the tests)

DENDRITIC = {"dendrites": True, "clear": True, "to_membrane": False, "to_branch": True}
NETWORKS: dict[str, tuple[Tick, float]] = {
    "currents alone": (Tick(to_membrane=False), 0.0),
    "currents and homeostasis": (Tick(homeostasis=True, to_membrane=False), 0.0),
    "inhibiting, gain -0.25": (Tick(), -0.25),
    "inhibiting, homeostasis, learning": (Tick(homeostasis=True, learn=True), -0.25),
    "exciting, gain 0.25": (Tick(), 0.25),
    "exciting, homeostasis, learning": (Tick(homeostasis=True, learn=True), 0.25),
    "dendritic, gain 0.25, homeostasis": (Tick(homeostasis=True, **DENDRITIC), 0.25),
}
NUDGE, WEIGHT_NUDGE, GAIN_NUDGE = np.float32(2.0**-16), np.float32(2.0**-6), 1 + 2.0**-10
"""What the second float32 network gets once: on a membrane; when it learns, on every weight (of 255); and, when it
is dendritic, on its gain."""
NO_LINKS = np.zeros(32, np.int64)


def networks(n_steps: int) -> Iterator[Row]:
    """Free runs on the same currents; the same in single steps from equal states; float32 against itself, nudged."""
    for name, (parts, gain) in NETWORKS.items():
        pair = Pair(1)
        nudged = FloatNetwork(pair.real.state.copy(), pair.real.lists, pair.real.dt)
        nudged.state.membrane[0] += NUDGE
        if parts.learn:
            nudged.state.weight[:] = np.minimum(nudged.state.weight + WEIGHT_NUDGE, 255)
        nudged_gain = gain * GAIN_NUDGE if parts.to_branch else gain
        single = NeuralCore()
        agree = single_agree = nudged_agree = n_spikes = 0
        worst, first = 0.0, None
        for step in range(n_steps):
            raw = pair.currents()
            copy_state(pair.real.state, single)
            single.state.membrane[:] = MEMBRANE.saturate(single.state.membrane + raw)
            nudged.state.membrane += MEMBRANE.from_raw(raw).astype(np.float32)
            real, fixed = pair.tick(raw, parts, gain)
            single.tick(pair.words, 32, round(gain * 8192), parts)
            same = real == fixed
            agree += int(same.sum())
            single_agree += int((real == single.state.spike_flags()).sum())
            nudged_agree += int((real == nudged.tick(parts, nudged_gain)).sum())
            n_spikes += int(real.sum())
            if first is None and not same.all():
                first = step
            if first is None:
                worst = max(worst, float(pair.membrane_gap().max()))
        total = 32 * n_steps
        yield {
            "network": name,
            "spikes a neuron-step": n_spikes / total,
            "free run agrees": agree / total,
            "first difference": first,
            "single steps agree": single_agree / total,
            "float32 nudged agrees": nudged_agree / total,
            "membrane error until then / 2^-9": worst * 512,
        }


def tables() -> Iterator[Row]:
    """Everything that is a function of one number, over its whole range or densely."""
    raw = np.arange(-(1 << 15), 1 << 15)
    b = raw / (1 << 12)
    exact = np.where(b < 1, np.maximum(b, 0), 3 - 4 / (1 + np.maximum(b, 0)))
    yield _row("dendrite response, every branch value", response(raw) / (1 << RESPONSE_FRACTION_BITS) - exact)
    phase = np.arange(PHASE_PERIOD)
    for name, cosine, exact in (("sine", False, np.sin), ("cosine", True, np.cos)):
        values = wave(phase, np.full(PHASE_PERIOD, cosine)) * WAVE.resolution
        yield _row(f"{name}, every phase", values - exact(phase * (2 * np.pi / PHASE_PERIOD)))
    elapsed = np.arange(1, 256) << DT_FRACTION_BITS
    window = 2.55 * np.exp(-np.arange(1, 256) / 20)
    yield _row("STDP window at whole ms, weight bytes", potentiation(elapsed) / WEIGHT_ONE - window)
    elapsed = np.arange(1, 1 << 24, 31)
    window = 2.55 * np.exp(-elapsed / (1 << DT_FRACTION_BITS) / 20)
    yield _row("STDP window at any time, weight bytes", potentiation(elapsed) / WEIGHT_ONE - window)
    largest, element = (a.ravel() for a in np.meshgrid(np.arange(1, 129), np.arange(-128, 128)))
    inside = np.abs(element) <= largest
    pairs = zip(element[inside].tolist(), largest[inside].tolist(), strict=True)
    slots = np.array([((1 - Fraction(v + m, 2 * m)) * 8).__floor__() for v, m in pairs])
    yield _row("encoder slots, every 8-bit element and maximum", time_slot(element[inside], largest[inside]) - slots)


def _row(name: str, error: np.ndarray) -> Row:
    return {"what": name, "largest error": float(np.abs(error).max()), "mean error": float(error.mean())}


def decay() -> Iterator[Row]:
    """Membranes that leak for 200 steps, against (1 - dt/20)^n and exp(-t/20)."""
    for dt in (0.1, 1.0, 5.0):
        core = NeuralCore()
        core.time_step = time_step(round(dt * (1 << DT_FRACTION_BITS)))
        core.state.threshold[:] = 10 << THRESHOLD.fraction_bits
        start = np.linspace(-30, 9.5, 32)
        core.state.membrane[:] = MEMBRANE.to_raw(start)
        real_dt = core.time_step.dt_raw / (1 << DT_FRACTION_BITS)
        worst = 0.0
        for n in range(1, 201):
            core.tick(NO_LINKS, 32, 0, Tick())
            exact = start * (1 - real_dt / 20) ** n
            worst = max(worst, float(np.abs(MEMBRANE.from_raw(core.state.membrane) - exact)[start > -10].max()))
        yield {"dt, ms": dt, "largest error from -10..9.5": worst, "in 2^-9": worst * 512}


def f_i_curve() -> Iterator[Row]:
    """Steps between spikes at constant current (not while refractory) against the closed form."""
    for current in (0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0):
        raw = int(MEMBRANE.to_raw(current))
        core, times = NeuralCore(), []
        for step in range(600):
            core.state.membrane[:] += np.where(core.state.elapsed < 2 << DT_FRACTION_BITS, 0, raw)
            if core.tick(NO_LINKS, 32, 0, Tick()):
                times.append(step)
        # I 0.95 (1 - 0.95^n) / 0.05 >= 1
        n = np.log(1 - 0.05 / (0.95 * raw * MEMBRANE.resolution)) / np.log(0.95)
        yield {"current a ms": current, "period": float(np.diff(times).mean()), "closed form": 2 + float(np.ceil(n))}


def stdp_pairs() -> Iterator[Row]:
    """Two neurons that link to each other, 1,000 pairs, random order and distance; weights against float32."""
    worst, last = 0.0, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        real, core = SpikingState(), NeuralCore()
        stdp, words = Stdp(real), NO_LINKS.copy()
        words[:2] = [1 << 30 | 1, 1 << 30]
        real.weight[:2], core.state.weight[:2] = 128, 128
        now, before = 0, -1
        for _ in range(1000):
            now += int(rng.integers(1, 60))
            i = int(rng.integers(0, 2))
            real.last_spike[i], real.last_spike[1 - i] = now, before if before >= 0 else -1000
            core.state.elapsed[i] = 0
            core.state.elapsed[1 - i] = now - before << DT_FRACTION_BITS if before >= 0 else ELAPSED_NEVER
            real.spikes = core.state.spikes = 1 << i
            stdp.update([[1], [0], *([[]] * 30)])
            core.deliver(words, 0, Tick(learn=True))
            before = now
            gap = np.abs(join_weight(core.state.weight, core.state.residue)[:2] / WEIGHT_ONE - real.weight[:2])
            worst = max(worst, float(gap.max()))
        last.append(float(gap.max()))
    yield {"runs": 20, "largest error ever, bytes": worst, "largest at the end": max(last)}


def homeostasis() -> Iterator[Row]:
    """Rates of 32 neurons that start with thresholds of 0.11 to 0.6, by windows of 5 s."""
    rng, core = np.random.default_rng(2), NeuralCore()
    core.state.threshold[:] = THRESHOLD.to_raw(np.linspace(0.11, 0.6, 32))
    spikes = np.zeros(32)
    for step in range(1, 20001):
        core.state.membrane[:] += rng.integers(0, 64000, 32)
        core.tick(NO_LINKS, 32, 0, Tick(homeostasis=True))
        spikes += core.state.spike_flags()
        if step % 5000 == 0:
            seen = rates(core.state.rate, core.time_step.rate_factor)
            span = [float(spikes.min() / 5000), float(spikes.mean() / 5000), float(spikes.max() / 5000)]
            yield {"until, s": step // 1000, "least": span[0], "mean": span[1], "most": span[2], "read": seen.mean()}
            spikes[:] = 0


def drift() -> Iterator[Row]:
    """An hour of oscillator steps against exact arithmetic."""
    for dt in (10.0, 12.3):
        step = time_step(round(dt * (1 << DT_FRACTION_BITS)))
        n_steps = int(3600e3 / dt)
        phase, moved = np.zeros(1, np.int64), np.array([step.phase_step])
        for _ in range(n_steps):
            phase = next_phase(phase, moved)
        exact = n_steps * step.dt_raw % PHASE_PERIOD
        yield {"dt, ms": dt, "steps": n_steps, "phase error, turns": abs(int(phase[0]) - exact) / PHASE_PERIOD}


def competition() -> Iterator[Row]:
    """Hard and soft competition and the start of a search against float32."""
    rng = np.random.default_rng(3)
    errors: dict[str, list[float]] = {"hard competition": [], "soft competition": [], "search drive": []}
    for _ in range(500):
        v = rng.integers(-(1 << 21), 1 << 21, 32)
        for name in ("hard competition", "soft competition"):
            real, core = SpikingState(), NeuralCore()
            real.membrane[:], core.state.membrane[:] = MEMBRANE.from_raw(v), v
            wta = WinnerTakeAll(real)
            _ = (wta.compete(32), core.compete(32)) if name[0] == "h" else (wta.soften(32), core.soften(32))
            errors[name].append(float(np.abs(MEMBRANE.from_raw(core.state.membrane) - real.membrane).max()))
        core, distance = NeuralCore(), rng.integers(0, 1 << int(rng.integers(4, 20)), 32)
        core.start_search(distance)
        gap = MEMBRANE.from_raw(core.state.membrane) - initial_membranes(distance.astype(np.float32))
        errors["search drive"].append(float(np.abs(gap).max()))
    yield from ({"what": name, "largest error": max(gaps), "in 2^-9": max(gaps) * 512} for name, gaps in errors.items())


def main() -> int:
    """Run the study and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10000, help="steps of the random networks (default 10000)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps must be at least 1, got {arguments.steps}")
    studies: dict[str, Study] = {
        "Tables and closed forms": tables,
        "LIF decay, 200 steps": decay,
        "f-I curve, steps between spikes": f_i_curve,
        "STDP, 1,000 pairs": stdp_pairs,
        "Homeostasis, spikes a ms": homeostasis,
        "Oscillator, one hour": drift,
        "Competition and search": competition,
        "Random networks": lambda: networks(arguments.steps),
    }
    run_studies(studies, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
