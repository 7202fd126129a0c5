"""What all generators do with the files that they make: write the stale ones, or name them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["keep_files"]


def keep_files(files: Mapping[str, bytes], root: Path, *, check: bool, script: str) -> int:
    """Write those of ``files``, by their paths below ``root``, that differ from what is there.

    ``check``: write nothing, and name them on standard error. Returns the exit status: 1 if ``check`` found any.
    """
    status = 0
    for name, content in files.items():
        path = root / name
        if path.is_file() and path.read_bytes() == content:
            continue
        if check:
            print(f"{name} is stale: run {script}", file=sys.stderr)
            status = 1
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"wrote {name}: {len(content):,} bytes")
    return status
