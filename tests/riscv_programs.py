"""Programs for the sequential engine's processor, compiled with zig: words from C or assembler, and the same C here."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from golden.spec.sequential_ports import PROGRAM_BASE
from scripts.elf32 import read_program

LINKER_SCRIPT = """
ENTRY(_start)
SECTIONS
{
    . = 0x30000;
    .text : { *(.start) *(.text .text.*) }
    .rodata : ALIGN(4) { *(.rodata .rodata.* .srodata .srodata.*) }
    . = 0x18000;
    .bss : { *(.sbss .sbss.*) *(.bss .bss.*) *(COMMON) }
    /DISCARD/ : { *(.comment) *(.riscv.attributes) *(.eh_frame*) *(.note*) }
}
"""
TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+zmmul+relax-m-a-c-f-d", "-mcmodel=medlow")
FLAGS = (
    *("-std=c11", "-ffreestanding", "-nostdlib", "-fno-sanitize=all", "-fno-unwind-tables", "-g0"),
    *("-Wl,-T,link.ld", "-Wl,--build-id=none"),
)


@cache
def words_of(text: str, suffix: str, level: str = "-Os") -> tuple[int, ...]:
    """The program of a C (``.c``) or assembler (``.S``) source whose first section is ``.start``."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "link.ld").write_text(LINKER_SCRIPT)
        (work / f"source{suffix}").write_text(text)
        run_compiler(work, *TARGET, *FLAGS, level, f"source{suffix}", "-o", "program.elf")
        return tuple(read_program((work / "program.elf").read_bytes(), PROGRAM_BASE))


@cache
def library_of(text: str) -> ctypes.CDLL:
    """The functions of a C source, compiled for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "source.c").write_text(text)
        run_compiler(work, "-std=c11", "-O1", "-shared", "-fPIC", "-fno-sanitize=all", "source.c", "-o", "library.so")
        return ctypes.CDLL(str(work / "library.so"))


def run_compiler(work: Path, *arguments: str) -> None:
    """zig cc in a folder; RuntimeError with what it says if it refuses."""
    made = subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *arguments], cwd=work, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise RuntimeError(made.stderr)


class Board:
    """Ports of a test: answers by number (values and stalls), and a record of all that is stored.

    A number without answers left stops the processor.
    """

    def __init__(self, answers: dict[int, list[tuple[int, int]]] | None = None) -> None:
        self.answers = {} if answers is None else answers
        self.stores: list[tuple[int, int, int]] = []
        self.loads: list[tuple[int, int]] = []

    def load(self, number: int, cycle: int) -> tuple[int, int] | None:
        if not self.answers.get(number):
            return None
        self.loads.append((number, cycle))
        return self.answers[number].pop(0)

    def store(self, number: int, value: int, cycle: int) -> None:
        self.stores.append((number, value, cycle))
