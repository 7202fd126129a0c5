"""The network of a description on the hardware's units in simulation, compared with the golden one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import Progress
from ganglion.engine import EngineError, make_engine
from ganglion.raster.bench import SpikingBench
from ganglion.raster.description import MAX_CONTEXTS, Description
from ganglion.raster.engines import FixedNetwork, GoldenNetwork, Ints
from ganglion.raster.inputs import Action
from golden.fixed.bits import to_signed, unpack_fields
from golden.fixed.neural_state import NeuralState
from golden.spec.constants import INDEX_NONE, MAX_NEIGHBOURS, VECTORS_PER_CORE
from golden.spec.neural import BRANCH, INHIBITION_FACTOR, REFRACTORY_RAW, STATE_FIELDS
from golden.spec.neural_commands import TickPart
from hw.lif import LifOp

__all__ = ["CheckedNetwork", "SimulatedNetwork"]

LONGEST_TICK = 280
"""More cycles than a tick takes: 40 and at most 7 for each of 32 spikes, which 32 cycles of streaming overlap."""
DIVISION = 19
"""Cycles from the start of a division to that after the last step."""
LIF_LATENCY = 2
FIELDS = tuple(field.name for field in STATE_FIELDS)
ROWS = np.arange(VECTORS_PER_CORE)
EXTERNAL_WORD = 2
"""The bit of the engine's ``write_word`` that writes spikes from outside."""


class SimulatedNetwork(FixedNetwork):
    """The units of ``hw/`` do all arithmetic; this class carries values between them, as the sequencer would.

    ``states`` are what was read back. The results of searches come from the golden array, and currents into branches
    are added here: both are commands of the array.
    """

    name = "sim"

    def __init__(self, description: Description, *, progress: Progress | None = None) -> None:
        super().__init__(description)
        # Always as many contexts: so there is one simulator to build.
        self._engine = make_engine(SpikingBench(self.config, MAX_CONTEXTS), progress=progress)
        self._settings = {
            "tick_dt": self.time_step.dt_raw,
            "tick_leak": self.time_step.leak,
            "tick_rate_factor": self.time_step.rate_factor,
            "tick_target_step": self.time_step.target_step,
            "tick_gain": self.gain_raw,
        }
        self.states = self.first_states()
        for context, state in enumerate(self.states):
            loads = {"load_graph": 1, "load_word": self.array.words[context], "load_weight": 1}
            self._run(VECTORS_PER_CORE, **self._at(context), **loads, load_value=state.weight)
            for field in FIELDS:
                self._write(context, field, getattr(state, field))

    def close(self) -> None:
        self._engine.close()

    # ---------------------------------------------------------------- the bench

    def _rows(self, n_cycles: int, inputs: Mapping[str, Any]) -> dict[str, NDArray[np.uint64]]:
        """Runs ``n_cycles``; each input is an array of so many values, or one that stays."""
        n_words = {port.name: port.n_words for port in self._engine.ports.inputs}
        stimulus = {}
        for name, value in inputs.items():
            array = np.asarray(value)
            shape = (n_cycles,) if n_words[name] == 1 else (n_cycles, n_words[name])
            stimulus[name] = np.broadcast_to(array, shape)
        return self._engine.run_ports(stimulus, n_cycles=n_cycles)

    def _run(self, n_cycles: int, **inputs: Any) -> dict[str, NDArray[np.uint64]]:
        """Runs the tick engine: its ports by their own names."""
        return self._rows(n_cycles, {f"tick_{name}": value for name, value in inputs.items()})

    def _unit(self, prefix: str, n_cycles: int, **inputs: Any) -> dict[str, NDArray[np.int64]]:
        """Runs another unit; its outputs by their own names, signed where the port is."""
        found = self._rows(n_cycles, {f"{prefix}_{name}": value for name, value in inputs.items()})
        outputs = [port for port in self._engine.ports.outputs if port.name.startswith(f"{prefix}_")]
        return {
            port.name.removeprefix(f"{prefix}_"): (
                to_signed(found[port.name], port.width) if port.signed else found[port.name].astype(np.int64)
            )
            for port in outputs
        }

    def _at(self, context: int) -> dict[str, Any]:
        return {"context": context, "node": ROWS}

    def _write(self, context: int, field: str, values: Ints) -> None:
        """Writes a field of all 32 neurons."""
        width = next(place.width for place in STATE_FIELDS if place.name == field)
        at = {**self._at(context), "field": FIELDS.index(field), "write_field": 1}
        if field == "branches":
            raw = (values & (1 << BRANCH.width) - 1).astype(np.uint64)
            for branch in range(MAX_NEIGHBOURS):
                keep = (1 << MAX_NEIGHBOURS) - 1 ^ 1 << branch
                self._run(VECTORS_PER_CORE, **at, keep_slots=keep, value=raw[:, branch])
        else:
            self._run(VECTORS_PER_CORE, **at, value=(values & (1 << width) - 1).astype(np.uint64))

    def _read_back(self, context: int) -> None:
        """The context's state as the memories have it."""
        n = len(FIELDS)
        nodes = np.append(np.repeat(ROWS, n), 0)
        seen = self._run(len(nodes), context=context, node=nodes, field=np.append(np.tile(np.arange(n), len(ROWS)), 0))
        values = seen["tick_out_value"][1:].reshape(len(ROWS), n, -1)
        state = self.states[context]
        state.weight[:] = seen["tick_weight_seen"][1::n]
        for place, field in enumerate(STATE_FIELDS):
            if field.name == "branches":
                raw = unpack_fields(values[:, place], MAX_NEIGHBOURS, BRANCH.width)
                state.branches[:] = to_signed(raw, BRANCH.width)
            else:
                raw = values[:, place, 0].astype(np.int64)
                state_values = to_signed(raw, field.width) if field.name == "membrane" else raw
                getattr(state, field.name)[:] = state_values

    def _lif(self, op: LifOp, membrane: Ints, *, current: Ints | int = 0, factor: Ints | int = 0) -> Ints:
        """Membranes [n] through the pipeline."""
        n = len(membrane)
        padded = np.append(membrane, np.zeros(LIF_LATENCY, np.int64))
        currents = np.append(np.broadcast_to(current, n), np.zeros(LIF_LATENCY, np.int64))
        # The factor belongs to the cycle after the membrane's.
        factors = np.concatenate([[0], np.broadcast_to(factor, n), [0]])
        valid = np.arange(n + LIF_LATENCY) < n
        found = self._unit(
            "lif",
            n + LIF_LATENCY,
            valid=valid.astype(int),
            op=int(op),
            membrane=padded,
            current=currents,
            factor=factors,
        )
        return found["out_membrane"][LIF_LATENCY:]

    def _divide(self, numerators: Ints, denominators: Ints) -> Ints:
        """Quotients [n], one division after the other."""
        n = len(numerators)
        found = self._unit(
            "divider",
            n * DIVISION,
            start=(np.arange(n * DIVISION) % DIVISION == 0).astype(int),
            numerator=np.repeat(numerators, DIVISION),
            denominator=np.repeat(denominators, DIVISION),
        )
        return found["quotient"][DIVISION - 1 :: DIVISION]

    # ---------------------------------------------------------------- operations

    def add_currents(self, context: int, raw: Ints) -> None:
        state = self.states[context]
        state.membrane[:] = self._lif(LifOp.INJECT, state.membrane, current=raw)
        self._write(context, "membrane", state.membrane)

    def add_to_branches(self, context: int, branch: int, raw: Ints) -> None:
        branches = self.states[context].branches
        branches[:, branch] = BRANCH.saturate(branches[:, branch] + raw)
        self._write(context, "branches", branches)

    def bridge(self, context: int, indices: Ints, distances: Ints, one: int, gain: int) -> None:
        n = len(indices)
        terms = self._unit("bridge", n, distance=distances, one=one, gain=gain)
        quotients = self._divide(terms["numerator"], terms["denominator"])
        found = self._unit("bridge", n, distance=distances, one=one, gain=gain, quotient=quotients)
        currents = self._lif(LifOp.SCALE, np.zeros(n, np.int64), current=found["current"], factor=found["factor"])
        raw = np.zeros(VECTORS_PER_CORE, np.int64)
        raw[indices] = currents
        self.add_currents(context, raw)

    def tick(self) -> None:
        d = self.description
        before = self.states[0].phase
        phase = self._unit("oscillator", 2, step=[1, 0], phase_step=self.time_step.phase_step)["phase"][-1]
        for context, state in enumerate(self.states):
            state.phase = int(phase)
            self._tick(context)
            self._read_back(context)
            if self.competes(before):
                self._compete(context, hard=d.compete == "hard")
                self._read_back(context)

    def _tick(self, context: int) -> None:
        """A tick of one context by the engine."""
        parts, outside = self.description.parts, self.outside[context]
        if outside:
            self.outside[context] = 0
            self._run(1, context=context, write_word=EXTERNAL_WORD, value=outside)
        chosen = sum(part for part in TickPart if part.name and getattr(parts, part.name.lower()))
        steady = {"tick_context": context, "tick_count": self.counts[context], "tick_parts": chosen}
        start = (np.arange(LONGEST_TICK) == 0).astype(int)
        found = self._rows(LONGEST_TICK, self._settings | steady | {"tick_start": start})
        if found["tick_busy"][-1]:
            raise EngineError(f"the tick of context {context} did not end after {LONGEST_TICK} cycles")
        self.took(context, int(found["tick_busy"].sum()))
        self.states[context].spikes = int(found["tick_spikes"][-1])

    def _compete(self, context: int, *, hard: bool) -> None:
        state, count = self.states[context], self.counts[context]
        v = state.membrane[:count].copy()
        eligible = state.elapsed[:count] >= REFRACTORY_RAW if hard else np.ones(count, bool)
        # One row to clear, one a neuron, one in which the result is seen.
        found = self._unit(
            "wta",
            count + 2,
            clear=(np.arange(count + 2) == 0).astype(int),
            scan=np.concatenate([[0], np.ones(count, int), [0]]),
            eligible=np.concatenate([[0], eligible.astype(int), [0]]),
            index=np.concatenate([[0], ROWS[:count], [0]]),
            membrane=np.concatenate([[0], v, [0]]),
        )
        state.winner = int(found["winner"][-1])
        if state.winner == INDEX_NONE:
            return
        if hard:
            lost = self._lif(LifOp.SCALE, found["maximum"][-1:], factor=INHIBITION_FACTOR)[0]
            v = self._unit("wta", count, index=ROWS[:count], membrane=v, inhibition=lost)["out_membrane"]
        else:
            v = self._softened(v, int(found["maximum"][-1]))
        state.membrane[:count] = v
        self._write(context, "membrane", state.membrane)

    def _softened(self, v: Ints, maximum: int) -> Ints:
        quotients = self._divide(np.minimum(np.abs(v), maximum), np.full(len(v), maximum))
        factors = self._unit("bridge", len(v), quotient=quotients)["factor"]
        return self._lif(LifOp.SCALE, self._lif(LifOp.SCALE, v, factor=factors), factor=factors)


class CheckedNetwork(SimulatedNetwork):
    """The simulated hardware and, beside it, the golden network; what differs after a tick is counted."""

    def __init__(self, description: Description, *, progress: Progress | None = None) -> None:
        super().__init__(description, progress=progress)
        self.golden = GoldenNetwork(description)
        self.n_ticks = self.compared = self.mismatches = 0
        self.first: str | None = None

    def apply(self, action: Action) -> None:
        self.golden.apply(action)
        super().apply(action)

    def tick(self) -> None:
        self.golden.tick()
        super().tick()
        for context, (expected, seen) in enumerate(zip(self.golden.states, self.states, strict=True)):
            for field in fields(NeuralState):
                self._compare(context, field.name, getattr(expected, field.name), getattr(seen, field.name))
        for context, (golden, rtl) in enumerate(zip(self.golden.cycles, self.cycles, strict=True)):
            self._compare(context, "number of cycles", golden, rtl)
        self.n_ticks += 1

    def _compare(self, context: int, name: str, expected: Ints | int, seen: Ints | int) -> None:
        golden, rtl = np.asarray(expected), np.asarray(seen)
        differs = np.argwhere(golden != rtl)
        self.compared += golden.size
        self.mismatches += len(differs)
        if len(differs) and self.first is None:
            place = tuple(differs[0].tolist())
            neuron = f", neuron {context * VECTORS_PER_CORE + place[0]}" if place else ""
            self.first = (
                f"tick {self.n_ticks}, context {context}{neuron}: {name} is {rtl[place]} in the hardware, "
                f"{golden[place]} in the golden network"
            )

    def checked(self) -> dict[str, Any]:
        return super().checked() | {
            "compared": self.compared,
            "mismatches": self.mismatches,
            "first_mismatch": self.first,
        }
