"""The ports of the sequential engine: what the program loads and stores, and the cycles in which that takes place."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import mask, to_signed
from golden.fixed.fabric_state import RESET_SETTINGS, FabricSettings
from golden.fixed.scan_unit import ScanUnit
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, MAX_DIMS
from golden.spec.sequential_ports import BUFFER_PORT, OPERAND_PORT
from golden.spec.sequential_ports import SequentialPort as Port

WORD = mask(32)
BYTE = mask(8)
N_REGIONS = 4
N_OPERAND_WORDS = 4
ELEMENT_WIDTH = 16
"""Bits of an element of the buffer memory."""


OUTSIDE = (Port.INLET_WORD, Port.INLET, Port.PHASE_DUE)
"""Ports whose values come from outside, and change while a command runs."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command and the registers that it reads.

    ``data``: 64 bits; ``alpha_raw``: signed; ``timed``: a tick by time.
    """

    word: int
    data: int = 0
    type_mask: int = 0
    alpha_raw: int = 0
    settings: FabricSettings = RESET_SETTINGS
    timed: bool = False

    def registers(self) -> dict[int, int]:
        """The ports that show them."""
        step = self.settings.time_step
        return {
            Port.DATA_LO: self.data & WORD,
            Port.DATA_HI: self.data >> 32 & WORD,
            Port.TYPE_MASK: self.type_mask,
            Port.ALPHA: self.alpha_raw & WORD,
            Port.DT: step.dt_raw,
            Port.LEAK: step.leak,
            Port.RATE_FACTOR: step.rate_factor,
            Port.TARGET_STEP: step.target_step,
            Port.PHASE_STEP: step.phase_step,
            Port.GAIN: self.settings.gain_raw & WORD,
            Port.DISTANCE_ONE: self.settings.distance_one,
            Port.TIMED: int(self.timed),
        }


@dataclass
class Progress:
    """What a command has shown so far, with the cycles in which ports saw it.

    ``finish``: the last busy cycle, None while it runs. ``answers``: (cycle, half of RETURN, value); ``phases``,
    ``settings``: (cycle, value); ``reports``: (cycle, core, word); ``drops``, ``phase_uses``: cycles in which the
    inlet's entry and the pending edge went.
    """

    finish: int | None = None
    answers: list[tuple[int, int, int]] = field(default_factory=list)
    phases: list[tuple[int, int]] = field(default_factory=list)
    settings: list[tuple[int, int]] = field(default_factory=list)
    reports: list[tuple[int, int, int]] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    phase_uses: list[int] = field(default_factory=list)

    def since(self, cycle: int) -> "Progress":
        """The same, with cycles counted from ``cycle``."""
        assert self.finish is not None
        return Progress(
            self.finish - cycle,
            [(at - cycle, half, value) for at, half, value in self.answers],
            [(at - cycle, value) for at, value in self.phases],
            [(at - cycle, value) for at, value in self.settings],
            [(at - cycle, core, word) for at, core, word in self.reports],
            [at - cycle for at in self.drops],
            [at - cycle for at in self.phase_uses],
        )


@dataclass
class PortState:
    """What is behind the ports and lasts: ``buffers`` [4, 16]; ``entries``: the list as it was written, by number."""

    scan: ScanUnit
    buffers: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((N_REGIONS, MAX_DIMS), np.int64))
    phase: int = 0
    settings: int = MAX_DIMS
    report_core: int = 0
    reporter_idle: int = 0
    list_key: int = 0
    list_count: int = 0
    entries: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def copy(self) -> "PortState":
        """An independent copy."""
        return replace(self, scan=self.scan.copy(), buffers=self.buffers.copy(), entries=dict(self.entries))


class SequentialPorts:
    """The ports of one engine; the processor's :class:`~golden.fixed.processor.Ports`.

    Attributes: ``state``; ``request`` and ``accepted``: the command at work and the cycle in which it was accepted,
    None between two; ``progress``: what it or the boot has shown. ``outside``: values of the ports ``OUTSIDE`` by
    number and cycle; ``wants``: the one that the program waits for.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.rows: npt.NDArray[np.int8] = np.zeros((0, MAX_DIMS), np.int8)
        self.state = PortState(ScanUnit(config))
        self.request: Request | None = None
        self._repeats: Request | None = None
        self.accepted = 0
        self.progress = Progress()
        self.outside: dict[tuple[int, int], int] = {}
        self.wants: tuple[int, int] | None = None
        self._registers: dict[int, int] = {}
        self._loads: dict[int, Callable[[int], tuple[int, int] | None]] = {
            Port.COMMAND: self._command,
            Port.PHASE: lambda cycle: (self.state.phase, 0),
            Port.REPORT_CORE: lambda cycle: (0, max(0, self.state.reporter_idle - cycle)),
            Port.SCAN_KEY: self._scan_key,
            Port.SCAN_ROW: lambda cycle: (self.state.scan.row_word, 0),
            Port.CORES: lambda cycle: (config.cores, 0),
            **{int(port): partial(self._outside, int(port)) for port in OUTSIDE},
        }
        self._stores: dict[int, Callable[[int, int], None]] = {
            Port.PHASE: self._phase,
            Port.INLET: lambda value, cycle: self.progress.drops.append(cycle),
            Port.REPORT_CORE: self._report_core,
            Port.REPORT_WORD: self._report,
            Port.SCAN_KEY: self._threshold,
            Port.SCAN_ROW: self._last_row,
            Port.SCAN_START: self._scan,
            Port.SCAN_MODE: self._mode,
            Port.PHASE_DUE: lambda value, cycle: self.progress.phase_uses.append(cycle),
            Port.SETTINGS: self._settings,
            Port.LIST_KEY: self._list_key,
            Port.LIST_ENTRY: self._entry,
            Port.LIST_COUNT: self._count,
            Port.ANSWER_LO: lambda value, cycle: self._answer(0, value, cycle),
            Port.ANSWER_HI: lambda value, cycle: self._answer(1, value, cycle),
            Port.FINISH: self._finish,
        }

    def reset(self) -> None:
        """What a reset leaves: buffer memory; all else is as it was at power on."""
        self.state = PortState(ScanUnit(self.config), self.state.buffers)
        self.request, self.wants = None, None
        self._repeats = None
        self.progress, self.outside = Progress(), {}

    def accept(self, request: Request, cycle: int) -> None:
        """A command is accepted in ``cycle``."""
        self.request, self.accepted, self.progress = request, cycle, Progress()
        self._registers = request.registers()
        self.outside = {}
        self._repeats = request

    def repeat(self) -> None:
        """The last command, or the boot, begins once more, with the same values from outside."""
        self.request, self.progress, self.wants = self._repeats, Progress(), None

    # ---------------------------------------------------------------- loads

    def load(self, number: int, cycle: int) -> tuple[int, int] | None:
        """The value of a load whose first M is ``cycle``, and its stalls; None if it has to be given first."""
        self.wants = None
        special = self._loads.get(number)
        if special is not None:
            return special(cycle)
        if BUFFER_PORT <= number < BUFFER_PORT + N_REGIONS * MAX_DIMS:
            region, element = divmod(number - BUFFER_PORT, MAX_DIMS)
            return int(self.state.buffers[region, element]) & WORD, 0
        return self._registers.get(number, 0), 0

    def _command(self, cycle: int) -> tuple[int, int] | None:
        return None if self.request is None else (self.request.word, max(0, self.accepted + 1 - cycle))

    def _outside(self, number: int, cycle: int) -> tuple[int, int] | None:
        value = self.outside.get((number, cycle))
        if value is None:
            self.wants = number, cycle
            return None
        return value, 0

    def _scan_key(self, cycle: int) -> tuple[int, int]:
        return self.state.scan.key_word, max(0, self.state.scan.idle_at - cycle)

    # ---------------------------------------------------------------- stores

    def store(self, number: int, value: int, cycle: int) -> None:
        """A store that the port sees in ``cycle``; to a port that takes none it does nothing."""
        if number in self._stores:
            self._stores[number](value, cycle)
        elif BUFFER_PORT <= number < BUFFER_PORT + N_REGIONS * MAX_DIMS:
            region, element = divmod(number - BUFFER_PORT, MAX_DIMS)
            self.state.buffers[region, element] = to_signed(value & mask(ELEMENT_WIDTH), ELEMENT_WIDTH)
        elif OPERAND_PORT <= number < OPERAND_PORT + N_OPERAND_WORDS:
            self.state.scan.set_operand(number - OPERAND_PORT, value)

    def _phase(self, value: int, cycle: int) -> None:
        self.state.phase = value
        self.progress.phases.append((cycle, value))

    def _report_core(self, value: int, cycle: int) -> None:
        self.state.report_core = value & BYTE

    def _report(self, value: int, cycle: int) -> None:
        self.state.reporter_idle = cycle + value.bit_count() + 1
        self.progress.reports.append((cycle, self.state.report_core, value))

    def _threshold(self, value: int, cycle: int) -> None:
        self.state.scan.threshold = value - (value >> 31 << 32)

    def _last_row(self, value: int, cycle: int) -> None:
        self.state.scan.last = value

    def _scan(self, value: int, cycle: int) -> None:
        self.state.scan.start(self.rows, value, cycle)

    def _mode(self, value: int, cycle: int) -> None:
        self.state.scan.mode = value

    def _settings(self, value: int, cycle: int) -> None:
        self.state.settings = value
        self.progress.settings.append((cycle, value))

    def _list_key(self, value: int, cycle: int) -> None:
        self.state.list_key = value

    def _entry(self, value: int, cycle: int) -> None:
        key = int(to_signed(self.state.list_key, self.config.key_width))
        self.state.entries[value >> 16] = key, value & BYTE, value >> 8 & mask(INDEX_WIDTH)

    def _count(self, value: int, cycle: int) -> None:
        self.state.list_count = value

    def _answer(self, half: int, value: int, cycle: int) -> None:
        if self.request is not None and not self.request.timed:
            self.progress.answers.append((cycle, half, value))

    def _finish(self, value: int, cycle: int) -> None:
        self.progress.finish = cycle
        self.request = None
