"""The shape of the project: which package may import which, and what no file may hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OWN = {"golden", "hw", "boards", "ganglion"}
MAX_LINES = 450
TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".c",
    ".cc",
    ".h",
    ".v",
    ".toml",
    ".lib",
    ".j2",
    ".js",
    ".html",
    ".cfg",
    ".yml",
    ".sh",
    "",
}
# Written in pieces, so that this file does not find itself.
FORBIDDEN = re.compile("|".join([r"(?<![\w.])/" + "(?:home|root|Users|work)/", "TO" + "DO", "FIX" + "ME"]))

ALLOWED = {
    "golden": {"golden"},
    "hw": {"golden.spec", "hw"},
    "boards": {"golden.spec", "hw", "boards"},
    "ganglion": OWN,
}
"""What of the project each package may import. The model stays independent of the hardware that it checks."""


def imports(text: str, package: str) -> Iterator[str]:
    """Absolute names of all that Python source of a module in ``package`` imports, wherever it does."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            # What is imported may be a module of the package named, or something inside it.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def violations(text: str, package: str) -> list[str]:
    """Imports that a module of ``package`` must not have."""
    top = package.split(".")[0]
    foreign = {"amaranth", "amaranth_boards"} if top == "golden" else set()
    return [
        name
        for name in imports(text, package)
        if within(name, foreign) or (within(name, OWN) and not within(name, ALLOWED[top]))
    ]


@pytest.mark.parametrize("package", sorted(OWN))
def test_packages_import_what_they_may(package: str) -> None:
    modules = sorted((PROJECT / package).rglob("*.py"))
    assert modules, f"{package} has no modules"
    found = {}
    for path in modules:
        own_package = ".".join(path.relative_to(PROJECT).parent.parts)
        if wrong := violations(path.read_text(), own_package):
            found[str(path.relative_to(PROJECT))] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("package", "text", "wrong"),
    [
        ("golden", "import amaranth.hdl", ["amaranth.hdl"]),
        ("golden.fixed", "def f():\n    from hw.top import Top", ["hw.top.Top"]),
        ("golden.fixed", "from ..spec import Config\nfrom .unit import Unit\nimport numpy", []),
        ("hw", "from golden.spec import Config\nfrom golden.spec.registers import registers\nimport golden.spec", []),
        ("hw", "from golden.fixed.array import ArrayModel", ["golden.fixed.array.ArrayModel"]),
        ("hw", "from golden import fixed", ["golden.fixed"]),
        ("hw", "import golden", ["golden"]),
        ("hw", "from ganglion import Device", ["ganglion.Device"]),
        ("boards", "from hw.top import Top\nfrom amaranth_boards.icebreaker import ICEBreakerPlatform", []),
        ("boards", "import ganglion.engine", ["ganglion.engine"]),
        ("boards", "import golden.fixed", ["golden.fixed"]),
        ("ganglion.engine", "from ..backends import model\nimport boards, hw, golden.fixed", []),
    ],
)
def test_the_rule_sees_what_it_must(package: str, text: str, wrong: list[str]) -> None:
    assert violations(text, package) == wrong


def text_files() -> Iterator[Path]:
    """Every text file of the project; not what was built or installed."""
    for top in sorted(PROJECT.iterdir()):
        if top.name == "build" or top.suffix == ".egg-info" or (top.name.startswith(".") and top.name != ".ci"):
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts:
                yield path


def test_files_are_short_and_hold_nothing_of_one_machine() -> None:
    found = []
    for path in text_files():
        text, name = path.read_text(encoding="utf-8"), path.relative_to(PROJECT)
        if path.suffix == ".py" and text.count("\n") >= MAX_LINES:
            found.append(f"{name}: {text.count(chr(10))} lines, {MAX_LINES - 1} at most")
        for number, line in enumerate(text.splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{name}:{number}: {match[0]}")
    assert found == []


def test_the_tests_are_flat() -> None:
    folder = PROJECT / "tests"
    assert [path.name for path in folder.rglob("__init__.py")] == []
    assert [path.name for path in folder.rglob("test_*.py") if path.parent != folder] == []
