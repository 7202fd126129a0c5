"""What pyproject.toml cannot say: an installed package brings the page and the modules of ``wasm`` along."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SITE = (("www", "*"), ("js", "*.js"), ("js", "*.d.ts"), (".", "ganglion*.wasm"))
"""Folders below ``wasm`` and the files of them that the page needs: ``ganglion/page/files.py`` looks for them."""


class BuildWithPage(build_py):
    """Copies the page beside the code that serves it; an editable installation uses the source tree's."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        source, target = Path("wasm"), Path(self.build_lib, "ganglion", "page", "site")
        for part, pattern in SITE:
            for path in sorted((source / part).glob(pattern)):
                if path.is_file():
                    (target / part).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target / part / path.name)


setup(cmdclass={"build_py": BuildWithPage})
