"""Synthesis to library cells: Yosys with the memories left whole and the blocks kept apart."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boards.tools
from ganglion.engine import EngineError, Progress
from ganglion.engine.build import run_yosys

from .liberty import Library

__all__ = ["SCRIPT", "Mapped", "cache_folder", "synthesise"]

# The steps of Yosys' `synth`, with these differences. Memories stay $mem_v2 cells, black boxes to everything after, so
# the logic before and behind them is kept and their bits can be read off. `fsm` is left out: flip-flops are those of
# the source. -nosdff lets registers with an enable use the library's enable flip-flops: with a reset in the cell as
# well they would match neither. Initial values go before mapping: a flip-flop on a chip has none, and every register
# has a reset.
SCRIPT = """\
read_rtlil design.il
hierarchy -check -top top
{boxes}proc
flatten -noscopeinfo
opt_expr
opt_clean
check
opt -nodffe -nosdff
wreduce
peepopt
opt_clean
booth
alumacc
share
opt -nosdff
memory -nomap
opt_clean
opt -fast -full -nosdff
techmap
opt -fast -nosdff
opt_clean -purge
attrmap -remove init
dfflibmap -liberty cells.lib
opt -nosdff
abc -liberty cells.lib
clean -purge
write_json blocks.json
setattr -mod -unset keep_hierarchy *
flatten -noscopeinfo
clean -purge
write_json flat.json
"""


@dataclass(frozen=True)
class Mapped:
    """Modules of the mapped design, as Yosys JSON: with the blocks apart, and with everything but the boxes in one."""

    blocks: dict[str, Any]
    flat: dict[str, Any]


def cache_folder() -> Path:
    """The user's cache folder for gate counts."""
    return boards.tools.cache_folder("gates")


def synthesise(
    rtlil: str, library: Library, *, keep: Collection[str] = (), boxes: Collection[str] = (), progress: Progress
) -> Mapped:
    """Map RTLIL with a module ``top`` to the library's cells.

    Args:
        rtlil: the design.
        library: the cells.
        keep: modules that stay apart; all others dissolve into the module above.
        boxes: modules of which only the ports are used.
        progress: called with a line before the slow step.

    Raises:
        EngineError: Yosys failed, or its working folder in the user's cache cannot be written.
    """
    for name in keep:
        rtlil = re.sub(rf"^(?=module \\{re.escape(name)}$)", "attribute \\\\keep_hierarchy 1\n", rtlil, flags=re.M)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
    except OSError as error:
        raise EngineError(f"cannot write to the cache folder {folder}: {error}") from error
    try:
        (work / "design.il").write_text(rtlil)
        (work / "cells.lib").write_text(library.text)
        run_yosys(SCRIPT.format(boxes="".join(f"blackbox {box}\n" for box in boxes)), cwd=work, progress=progress)
        return Mapped(*(json.loads((work / f"{name}.json").read_text())["modules"] for name in ("blocks", "flat")))
    except OSError as error:
        raise EngineError(f"cannot write to the cache folder {work}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
