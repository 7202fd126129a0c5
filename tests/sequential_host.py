"""The sequential engine's program, compiled for this machine, with ports that a test fills and reads.

:class:`SequentialHost` is one array. It runs the commands that :class:`~golden.fixed.array.ArrayModel` runs, and
:func:`differences` compares the two after a command.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

import boards.tools
from ganglion.engine.build import run_tool
from golden.fixed.array import ArrayModel
from golden.fixed.fabric_state import RESET_SETTINGS, FabricSettings
from golden.spec.constants import INDEX_WIDTH, LINKS_WIDTH, MAX_DIMS, VECTORS_PER_CORE
from golden.spec.sequential_ports import SequentialPort as Port

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "firmware" / "sequential"
PORTS = PROJECT / "tests" / "sequential_host.c"
FLAGS = (
    *("-std=c11", "-shared", "-fPIC", "-O1", "-DSEQUENTIAL_HOST", "-fno-strict-aliasing", "-fwrapv"),
    *("-fno-sanitize=all", "-Wall", "-Wextra", "-Werror"),
)

N_CORES = 128
WORD = 0xFFFFFFFF


class Host(ctypes.Structure):
    """``struct host`` of sequential_host.c."""

    _fields_ = (
        ("inputs", ctypes.c_uint32 * 32),
        ("stored", ctypes.c_uint32 * 32),
        ("n_stored", ctypes.c_uint32 * 32),
        ("list_keys", ctypes.c_int32 * 16),
        ("list_entries", ctypes.c_uint32 * 16),
        ("list_count", ctypes.c_uint32),
        ("buffer", ctypes.c_int16 * 64),
        ("inlet_words", ctypes.c_uint32 * 16),
        ("inlet_cores", ctypes.c_uint32 * 16),
        ("n_inlet", ctypes.c_uint32),
        ("inlet_at", ctypes.c_uint32),
        ("report_cores", ctypes.c_uint32 * 64),
        ("report_words", ctypes.c_uint32 * 64),
        ("n_reports", ctypes.c_uint32),
        ("phase", ctypes.c_uint32),
        ("n_bad", ctypes.c_uint32),
        ("n_scanned", ctypes.c_uint32),
        ("operand", ctypes.c_uint32 * 4),
        ("scan_key", ctypes.c_int32),
        ("scan_row", ctypes.c_uint32),
        ("kept", ctypes.c_uint32),
    )


NODE = np.dtype([("links", "<u4"), ("counts", "u1"), ("type", "u1"), ("weight", "u1"), ("unused", "u1")])


@cache
def library_path() -> Path:
    """The program as a shared library, kept in the cache folder under a name that follows from the source."""
    sources = [*sorted(SOURCE.glob("*.[ch]")), PORTS]
    digest = hashlib.sha256(b"".join([path.read_bytes() for path in sources] + [repr(FLAGS).encode()])).hexdigest()
    folder = boards.tools.cache_folder("sequential")
    library = folder / f"host-{digest[:16]}.so"
    if not library.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="host-", dir=folder))
        try:
            units = [str(path) for path in sources if path.suffix == ".c"]
            compiler = [sys.executable, "-m", "ziglang", "cc"]
            run_tool([*compiler, *FLAGS, f"-I{SOURCE}", *units, "-o", "host.so"], "the compiler", cwd=work)
            (work / "host.so").replace(library)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return library


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command showed: the answer (64 bits), and the reports (core, word) in order."""

    answer: int
    reports: tuple[tuple[int, int], ...]


class SequentialHost:
    """An array that runs the program; each has a copy of the library, so that arrays do not share their variables.

    ``host``: the ports; ``rows`` int8 [128, 32, 16], ``nodes`` [128, 32] of dtype ``NODE``: the memories.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory(prefix="sequential-") as folder:
            copy = shutil.copyfile(library_path(), Path(folder) / "program.so")
            self.library = ctypes.CDLL(str(copy))
        self.host = Host.in_dll(self.library, "host")
        rows = (ctypes.c_int8 * (N_CORES * VECTORS_PER_CORE * MAX_DIMS)).in_dll(self.library, "host_rows")
        nodes = (ctypes.c_uint8 * (N_CORES * VECTORS_PER_CORE * NODE.itemsize)).in_dll(self.library, "host_nodes")
        self.rows = np.ctypeslib.as_array(rows).reshape(N_CORES, VECTORS_PER_CORE, MAX_DIMS)
        self.nodes = np.ctypeslib.as_array(nodes).view(NODE).reshape(N_CORES, VECTORS_PER_CORE)
        self.counts = np.ctypeslib.as_array((ctypes.c_uint8 * N_CORES).in_dll(self.library, "host_variables"))
        self.buffer = np.ctypeslib.as_array(self.host.buffer)
        self.library.boot()

    def reset(self) -> None:
        """As the bus's reset: the program begins anew."""
        self.host.phase = 0
        self.host.list_count = 0
        self.library.boot()

    def fill(self, region: int, values: npt.ArrayLike) -> None:
        """Write the first elements of a buffer region."""
        row = np.asarray(values)
        self.buffer[16 * region : 16 * region + len(row)] = row

    def execute(
        self,
        word: int,
        data: int = 0,
        type_mask: int = 0xFFFF,
        alpha_raw: int = 0,
        *,
        settings: FabricSettings = RESET_SETTINGS,
        inlet: Sequence[tuple[int, int]] = (),
        phase_due: bool = False,
        timed: bool = False,
    ) -> Outcome:
        """Run one command; arguments as those of ``ArrayModel.execute``. ``inlet``: (core, word) of its entries."""
        step, host = settings.time_step, self.host
        values = {
            Port.COMMAND: word,
            Port.DATA_LO: data,
            Port.DATA_HI: data >> 32,
            Port.TYPE_MASK: type_mask,
            Port.ALPHA: alpha_raw,
            Port.DT: step.dt_raw,
            Port.LEAK: step.leak,
            Port.RATE_FACTOR: step.rate_factor,
            Port.TARGET_STEP: step.target_step,
            Port.PHASE_STEP: step.phase_step,
            Port.GAIN: settings.gain_raw,
            Port.DISTANCE_ONE: settings.distance_one,
            Port.PHASE_DUE: phase_due,
            Port.TIMED: timed,
            Port.CORES: N_CORES,
        }
        for port, value in values.items():
            host.inputs[port] = int(value) & WORD
        for place, (core, bits) in enumerate(inlet):
            host.inlet_cores[place], host.inlet_words[place] = core, bits
        host.n_inlet, host.inlet_at, host.n_reports = len(inlet), 0, 0
        if not timed:
            host.stored[Port.ANSWER_LO] = host.stored[Port.ANSWER_HI] = 0
        finished = host.n_stored[Port.FINISH]
        self.library.run_command()
        finished = host.n_stored[Port.FINISH] - finished
        if host.n_bad or finished != 1:
            raise AssertionError(f"command {word:#010x}: {host.n_bad} forbidden accesses, {finished} times FINISH")
        reports = tuple((host.report_cores[i], host.report_words[i]) for i in range(host.n_reports))
        return Outcome(host.stored[Port.ANSWER_LO] | host.stored[Port.ANSWER_HI] << 32, reports)

    @property
    def results(self) -> list[tuple[int, int, int]]:
        """The result list: distance, core, index."""
        pairs = zip(self.host.list_keys, self.host.list_entries, strict=True)
        return [(key, entry & 0xFF, entry >> 8) for key, entry in pairs][: self.host.list_count]

    @property
    def words(self) -> npt.NDArray[np.int64]:
        """Graph words, int64 [128, 32]."""
        return self.nodes["links"].astype(np.int64) | self.nodes["counts"].astype(np.int64) << 32

    def neuron_field(self, index: int, number: int) -> int:
        """READ_NEURON of a neuron of core 0: the whole answer."""
        return self.execute(0x24 | index << 16 | number << 24).answer


def differences(host: SequentialHost, model: ArrayModel) -> list[str]:
    """The parts of the state in which the program and the model are not alike."""
    pairs: dict[str, tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]] = {
        "counts": (host.counts, model.counts),
        "rows": (host.rows, model.vectors),
        "words": (host.words, model.words),
        "types": (host.nodes["type"], model.types),
        "weights": (host.nodes["weight"], model.weights),
        "buffers": (host.buffer[:48].reshape(3, MAX_DIMS), model.buffers),
    }
    found = [name for name, (ours, theirs) in pairs.items() if not np.array_equal(ours, theirs)]
    if host.results != model.results:
        found.append("results")
    if host.host.stored[Port.SETTINGS] != (model.dims | int(model.metric) << 8):
        found.append("settings")
    if model.fabric is not None and host.host.phase != model.fabric.phase:
        found.append("phase")
    return found


def copy_state(host: SequentialHost, model: ArrayModel) -> None:
    """The model's vectors, nodes, counts and buffers become the program's; dims and metric must be the same."""
    host.rows[:], host.counts[:] = model.vectors, model.counts
    host.nodes["links"], host.nodes["counts"] = model.words & WORD, model.words >> 32
    host.nodes["type"], host.nodes["weight"] = model.types, model.weights
    host.buffer[:48] = model.buffers.reshape(-1)


def random_word(rng: np.random.Generator) -> int:
    """A graph word as a restore may write it: any links, counts of links mostly up to 6."""
    links = int(rng.integers(1 << LINKS_WIDTH))
    n_links, n_pinned = int(rng.integers(8)), int(rng.integers(8))
    return links | n_links << 6 * INDEX_WIDTH | n_pinned << 6 * INDEX_WIDTH + 3
