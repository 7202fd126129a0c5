"""Co-simulation: a random host and the golden model in closed loop, the hardware open loop on the recorded waveform.

The golden model runs ahead by one batch of operations. Its input waveform goes to the hardware, run-length coded, and
both lists of output changes are compared whole: every output port in every clock cycle.
"""

from __future__ import annotations

import errno
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from ganglion.engine import AmaranthEngine, ChangeEvents, Engine, EngineKind, EventComparer, PortMap, write_vcd
from ganglion.engine import Mismatch as OutputMismatch
from ganglion.engine.ports import U64Array
from ganglion.engine.top import array_engine
from golden.fixed.bus import Ganglion as GoldenGanglion
from golden.spec import Config, Opcode
from golden.spec.neural_commands import NeuralOpcode

from .fabric_program import random_program
from .host import Host, Segments

__all__ = ["CosimReport", "Mismatch", "Recording", "record", "run_cosim"]

BATCH_CYCLES = 1 << 17
"""Cycles of one slice that are compared at a time: enough to make the calls cheap, few enough to stop within a second
or two of a mismatch or of Ctrl-C. Of many slices and in amaranth.sim, which are slow, so many fewer."""
AMARANTH_SHARE = 64
MIN_BATCH_CYCLES = 256
VCD_BEFORE, VCD_AFTER = 2000, 200


@dataclass(frozen=True)
class Mismatch:
    """The first difference: cycle since power-up, output port, both values, and the command at work.

    ``command``: its name and command word, such as ``"SEARCH 0x2a000004"``, or ``"none"`` before the first.
    ``vcd``: the waveform, None where none was asked for or it could not be written, which ``vcd_error`` then explains.
    """

    command: str
    signal: str
    cycle: int
    expected: int
    actual: int
    vcd: Path | None
    vcd_error: str | None = None

    def __str__(self) -> str:
        where = f"; waveform: {self.vcd}" if self.vcd else f"; no waveform: {self.vcd_error}" if self.vcd_error else ""
        return (
            f"cycle {self.cycle}, command {self.command}, signal {self.signal}: "
            f"the hardware has {self.actual:#x}, the golden model {self.expected:#x}{where}"
        )


@dataclass(frozen=True)
class CosimReport:
    """``mismatches`` counts the (cycle, output port) pairs that differ in the batch with the first difference, the
    last one that was run; 0 means that every output agreed in every cycle. ``seconds`` leaves out the building of the
    simulator."""

    operations: int
    cycles: int
    mismatches: int
    cycles_per_second: float
    seconds: float
    first_mismatch: Mismatch | None


@dataclass
class Recording:
    """A stretch of the golden model's run: input waveform, output changes in it, and the commands of the whole run."""

    start: int
    end: int
    operations: int
    inputs: Segments
    expected: ChangeEvents
    commands: list[tuple[int, int]] = field(repr=False)


class Recorder:
    """The golden side: random operations, recorded in batches."""

    def __init__(self, config: Config, seed: int) -> None:
        rng = Random(seed)
        self.model = GoldenGanglion(config)
        self.host = Host(self.model, rng)
        self.program = random_program(config, self.host, rng)
        self.operations = 0
        self._early = ChangeEvents.join([])

    def batch(self, operations: int, max_cycles: int) -> Recording:
        """Run until ``operations`` are done in all, or at least ``max_cycles`` cycles of this batch."""
        start = self.model.cycle
        while self.operations < operations and self.model.cycle - start < max_cycles:
            self.program.operation()
            self.operations += 1
        end = self.model.cycle
        cycle, word, value = self.model.take_events()
        events = ChangeEvents.join([self._early, ChangeEvents(cycle, word.astype(np.uint32), value)])
        # The row after the last cycle is known already; the hardware shows it in the next batch.
        now = events.cycle < end
        self._early = ChangeEvents(events.cycle[~now], events.word[~now], events.value[~now])
        expected = ChangeEvents(events.cycle[now], events.word[now], events.value[now])
        return Recording(start, end, self.operations, self.host.take_segments(), expected, self.model.commands)


def record(config: Config, operations: int, seed: int) -> Recording:
    """One recording of a whole random run, from power-up on."""
    return Recorder(config, seed).batch(operations, 1 << 62)


def run_cosim(
    config: Config,
    operations: int,
    seed: int = 0,
    *,
    engine: EngineKind | Engine = "cxxrtl",
    progress: Callable[[int, int], None] | None = None,
    log: Callable[[str], None] | None = None,
    vcd_dir: Path | None = None,
) -> CosimReport:
    """Compare ``operations`` random commands on hardware and golden model; stops at the first mismatch.

    Args:
        engine: the kind of simulator, or one in the state of power-up.
        progress: called with the operations done and their number.
        log: called with a line of text before each slow step.
        vcd_dir: where the waveform around a mismatch goes (``cosim-<seed>.vcd``); None writes none.

    Raises:
        ValueError: ``operations`` below 1 or a negative ``seed``. EngineError: the simulator cannot be built.
        OSError: ``vcd_dir`` is no folder and cannot become one.
    """
    if operations < 1:
        raise ValueError(f"operations must be at least 1, got {operations}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if vcd_dir is not None:
        _check_folder(vcd_dir)
    say = log or (lambda text: None)
    own = not isinstance(engine, Engine)
    if own:
        say(f"making the simulator of {config}")
    simulator = engine if isinstance(engine, Engine) else array_engine(config, engine, progress=log)
    say(f"running {operations:,} random commands")
    try:
        return _run(config, operations, seed, simulator, progress or (lambda done, total: None), vcd_dir)
    finally:
        if own:
            simulator.close()


def _run(
    config: Config,
    operations: int,
    seed: int,
    simulator: Engine,
    progress: Callable[[int, int], None],
    vcd_dir: Path | None,
) -> CosimReport:
    began = time.perf_counter()
    recorder = Recorder(config, seed)
    comparer = EventComparer(simulator.ports)
    batch_cycles = _batch_cycles(config, simulator)
    mismatch: Mismatch | None = None
    n_mismatches = done = cycles = 0
    # The compiled simulator leaves Python's lock alone: it runs beside the golden model's next batch.
    with ThreadPoolExecutor(1) as pool:
        batch: Recording | None = recorder.batch(operations, batch_cycles)
        while batch is not None and mismatch is None:
            running = pool.submit(simulator.run_segments, batch.inputs.counts, batch.inputs.values)
            following = recorder.batch(operations, batch_cycles) if batch.operations < operations else None
            actual = running.result()
            difference = comparer.feed(batch.expected, actual)
            done, cycles = batch.operations, batch.end
            if difference is not None:
                rtl, golden = _traces(batch, actual, comparer)
                n_mismatches = int(np.count_nonzero(golden != rtl))
                path, problem = None, None
                if vcd_dir is not None:
                    try:
                        path = _write_waveform(vcd_dir, seed, difference.cycle, comparer.ports, batch, rtl, golden)
                    except OSError as error:
                        problem = str(error)
                command = command_at(batch.commands, difference.cycle)
                mismatch = _named(difference, command, path, problem)
            progress(done, operations)
            batch = following
    seconds = time.perf_counter() - began
    return CosimReport(done, cycles, n_mismatches, cycles / seconds, seconds, mismatch)


def _batch_cycles(config: Config, simulator: Engine) -> int:
    share = AMARANTH_SHARE if isinstance(simulator, AmaranthEngine) else 1
    return max(MIN_BATCH_CYCLES, BATCH_CYCLES // (config.slices * share))


def _check_folder(folder: Path) -> None:
    """Raises OSError unless ``folder`` is one or its nearest ancestor that exists is."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(existing))


def _named(found: OutputMismatch, command: str, vcd: Path | None, vcd_error: str | None) -> Mismatch:
    return Mismatch(command, found.signal, found.cycle, found.expected, found.actual, vcd, vcd_error)


def _traces(batch: Recording, actual: ChangeEvents, comparer: EventComparer) -> tuple[U64Array, U64Array]:
    """What the hardware did in the batch and what the golden model expects, [n_cycles, n_out_words]."""
    rtl, golden = (
        events.to_trace(batch.end - batch.start, len(comparer.row), start=batch.start, previous=comparer.row)
        for events in (actual, batch.expected)
    )
    return rtl, golden


def _write_waveform(
    folder: Path, seed: int, cycle: int, ports: PortMap, batch: Recording, rtl: U64Array, golden: U64Array
) -> Path:
    """Writes the waveform around ``cycle``; returns the file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"cosim-{seed}.vcd"
    first = max(0, cycle - batch.start - VCD_BEFORE)
    window = slice(first, cycle - batch.start + VCD_AFTER)
    stimulus = np.repeat(batch.inputs.values, batch.inputs.counts.astype(np.int64), axis=0)
    write_vcd(path, ports, rtl=rtl[window], golden=golden[window], stimulus=stimulus[window], start=batch.start + first)
    return path


def command_at(commands: list[tuple[int, int]], cycle: int) -> str:
    """Name and word of the last command accepted before ``cycle``."""
    position = bisect_left(commands, (cycle, 0))
    if not position:
        return "none"
    word = commands[position - 1][1]
    opcode = word & 0xFF
    known = NeuralOpcode(opcode) if opcode in tuple(NeuralOpcode) else Opcode(opcode)
    return f"{known.name} {word:#010x}"
