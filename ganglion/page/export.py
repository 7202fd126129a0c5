"""Writes the page into a folder that any web server can host."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from ganglion.page.files import page_files

__all__ = ["MANIFEST", "export_page"]

MANIFEST = "ganglion-page.json"
"""Lists the files of an export, by which a later one knows that it may take its place."""


def export_page(target: Path) -> dict[str, int]:
    """Writes the page to the folder ``target``, whole or not at all; returns the bytes of each file by its path.

    ``target`` may be missing, empty, or an export that holds nothing else: that one is replaced.

    Raises:
        ValueError: ``target`` is no folder, or holds something that is not of the page; naming it.
        FileNotFoundError: the page's files are missing, or the folder that is to hold ``target``.
        OSError: it cannot be written.
    """
    files = page_files()
    target = Path(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow a link to the folder itself
    _check(target)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as problem:
        raise OSError(problem.errno, f"cannot write: {problem.strerror}", str(target)) from problem
    try:
        new = part / "new"
        for name, path in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new / name)
        listed = json.dumps({"made by": "ganglion page", "files": sorted(files)}, indent=1)
        (new / MANIFEST).write_text(listed + "\n", encoding="utf-8")
        sizes = {name: (new / name).stat().st_size for name in (*files, MANIFEST)}
        if target.exists():
            target.rename(part / "old")
        try:
            new.rename(target)
        except OSError:
            if (part / "old").exists():
                (part / "old").rename(target)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sizes


def _check(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"--export {target}: there is no folder {target.parent}")
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise ValueError(f"--export {target}: not a folder")
    held = sorted(str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir())
    if not held and not any(target.iterdir()):
        return
    try:
        known = {*json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"], MANIFEST}
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"--export {target}: the folder is not empty and not an export of the page") from None
    if foreign := [name for name in held if name not in known]:
        raise ValueError(f"--export {target}: the folder holds {foreign[0]}, which is not of the page")
