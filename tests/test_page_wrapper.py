"""The JavaScript wrapper of the module: its tests in node and in a browser, and as an npm package."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from ganglion.wasm.build import FOLDER
from scripts.page_browser import browser_missing, running_browser, running_server

HERE = Path(__file__).resolve().parent
CASES = HERE / "page_wrapper_cases.mjs"


def in_node(address: str) -> list[str]:
    """Lines of the tests, run in node on the wrapper at an address."""
    done = subprocess.run(
        ["node", str(HERE / "page_wrapper_node.mjs"), address], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_in_node() -> None:
    lines = in_node((FOLDER / "js" / "ganglion.js").as_uri())
    assert len(lines) > 10
    assert all(line.startswith("ok: ") for line in lines)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_module_is_named_by_its_path_in_node(tmp_path: Path) -> None:
    shutil.copyfile(FOLDER / "ganglion.wasm", tmp_path / "own 100%.wasm")
    script = f"""
        import {{ Ganglion }} from {json.dumps((FOLDER / "js" / "ganglion.js").as_uri())};
        const told = [];
        for (const module of ["own 100%.wasm", process.cwd() + "/own 100%.wasm", "none.wasm"]) {{
            try {{
                told.push((await Ganglion.load({{ module }})).insert(new Float32Array(16)));
            }} catch (error) {{
                told.push(error.message);
            }}
        }}
        console.log(JSON.stringify(told));
    """
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    *indices, missing = json.loads(done.stdout)
    assert indices == [0, 0]
    assert "no such file" in missing
    assert "none.wasm" in missing


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_npm_package_holds_all_it_needs(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["npm", "pack", "--json", "--offline", "--pack-destination", str(tmp_path)],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    (told,) = json.loads(packed.stdout)
    names = {file["path"] for file in told["files"]}
    assert {"package.json", "README.md", "js/ganglion.js", "js/ganglion.d.ts", "ganglion-array-simd.wasm"} <= names
    assert not any(name.startswith(("src/", "www/")) for name in names)
    folder = tmp_path / "node_modules" / "ganglion-wasm"
    folder.parent.mkdir()
    with tarfile.open(tmp_path / told["filename"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "package").rename(folder)
    script = """
        import { Ganglion } from "ganglion-wasm";
        const net = await Ganglion.load({ dims: 4, cores: 2 });
        net.cores[1].insert([1, 0, 0, 0], { type: 3 });
        console.log(JSON.stringify(net.searchAll([0.5, 0, 0, 0], { k: 5 })));
    """
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [{"index": 0, "core": 1, "distance": 0.25}]


@pytest.mark.skipif(browser_missing() is not None, reason=str(browser_missing()))
def test_in_a_browser() -> None:
    with running_server() as server, running_browser() as browser:
        page = browser.new_page()
        page.route("**/cases.js", lambda route: route.fulfill(path=CASES, content_type="text/javascript"))
        page.route("**/blank.html", lambda route: route.fulfill(body="<!DOCTYPE html>", content_type="text/html"))
        page.goto(f"{server.url}blank.html")
        problems = page.evaluate("""async () => {
            const [wrapper, parts, { cases }] = await Promise.all(
                ["/js/ganglion.js", "/js/machine.js", "/cases.js"].map((address) => import(address)));
            const problems = [];
            const all = cases(wrapper, parts);
            for (const [name, run] of all) {
                try { await run(); } catch (error) { problems.push(`${name}: ${error.stack}`); }
            }
            return { problems, n: all.length };
        }""")
    assert problems["problems"] == []
    assert problems["n"] > 10
