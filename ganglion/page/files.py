"""The files of the page, by the path that a browser asks for."""

from __future__ import annotations

from pathlib import Path

from ganglion.wasm.build import FOLDER

__all__ = ["MEDIA_TYPES", "page_files", "page_folder"]

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
}
"""Every kind of file that the page has; a browser compiles a module while it loads only if its type is right."""

PARTS = (("www", "*", ""), ("js", "*.js", "js/"), ("js", "*.d.ts", "js/"), (".", "ganglion*.wasm", ""))
"""Folder below the project's ``wasm``, which files of it, and the path they have on the page."""


def page_folder() -> Path:
    """The folder that holds ``www``, ``js`` and the modules: the source tree's, or the installed package's copy.

    Raises FileNotFoundError where there is neither.
    """
    installed = Path(__file__).resolve().parent / "site"
    for folder in (installed, FOLDER):
        if (folder / "www" / "index.html").is_file():
            return folder
    raise FileNotFoundError(f"the page's files are neither in {installed} nor in {FOLDER}")


def page_files() -> dict[str, Path]:
    """Every file of the page by its path, ``index.html`` first. Raises FileNotFoundError where they are missing."""
    folder = page_folder()
    found = {
        prefix + path.name: path
        for part, pattern, prefix in PARTS
        for path in sorted((folder / part).glob(pattern))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }
    needed = ("js/ganglion.js", "ganglion-array.wasm", "ganglion.wasm", "digits.bin")
    if missing := [name for name in needed if name not in found]:
        raise FileNotFoundError(f"the page in {folder} lacks {', '.join(missing)}")
    return {"index.html": found.pop("index.html"), **found}
