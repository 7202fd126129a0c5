#!/usr/bin/env python3
"""The WASM module: size, memory, and nanoseconds an operation in wasmtime and in node.

Example: python scripts/bench_wasm.py --json > wasm.json

A small module beside the one measured calls it in a loop, so that no host's call is counted: about 2 ns a call are.
Every figure is the median of the runs, with the least and the greatest; time is that of the processor, so that others
on the machine count less. Before each search the query is copied in from
a table of 64; before each insertion the vector. `insert` is the mean over filling a core, `init` included.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ganglion.wasm.binary import exports
from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from golden.float32.distance import squared_l2
from golden.spec.constants import MAX_DIMS, VECTORS_PER_CORE

N_QUERIES = 64
TABLE = 40960
"""Where the table of vectors lies: behind all that the plain module uses."""
RUNS = 15
SECONDS_A_RUN = 0.02
SET_UP = "(call $init (i32.const 16) (i32.const 0) (i32.const 0))"
ROW = "(i32.add (i32.const {table}) (i32.shl (i32.and (local.get $i) (i32.const 63)) (i32.const 6)))"
COPY = "(memory.copy ({to}) " + ROW + " (i32.const 64))"
IMPORTS = {
    "init": "(param i32 i32 i32)",
    "insert": "(result i32)",
    "get_query_ptr": "(result i32)",
    "get_insert_ptr": "(result i32)",
    "search": "(param i32) (result i32)",
    "search_exact": "(param i32) (result i32)",
    "snn_tick": "(param f32 f32 i32) (result i32)",
    "snn_inject": "(param i32 f32)",
    "neuromorphic_search": "(param i32 f32 i32) (result i32)",
}
"""What the loops call."""
QUERY = COPY.format(to="call $get_query_ptr", table=TABLE)
VECTOR = COPY.format(to="call $get_insert_ptr", table=TABLE)
LOOPS = {
    "search, k = 6": f"{QUERY} (drop (call $search (i32.const 6)))",
    "search, k = 10": f"{QUERY} (drop (call $search (i32.const 10)))",
    "search_exact, k = 6": f"{QUERY} (drop (call $search_exact (i32.const 6)))",
    "insert": f"(if (i32.eqz (i32.and (local.get $i) (i32.const 31))) (then {SET_UP})) {VECTOR} (drop (call $insert))",
    "snn_tick, quiet": "(drop (call $snn_tick (f32.const 1) (f32.const 0.5) (i32.const 1)))",
    "snn_tick, a quarter firing": (
        "(call $snn_inject (i32.and (local.get $i) (i32.const 31)) (f32.const 2))"
        "(call $snn_inject (i32.and (i32.mul (local.get $i) (i32.const 7)) (i32.const 31)) (f32.const 2))"
        "(drop (call $snn_tick (f32.const 1) (f32.const 0.2) (i32.const 1)))"
    ),
    "neuromorphic_search(5, 1, 20)": (
        f"{QUERY} (drop (call $neuromorphic_search (i32.const 5) (f32.const 1) (i32.const 20)))"
    ),
}
"""What is measured, each with the body of its loop."""


def driver() -> str:
    """The text of the module with the loops: fill() and loop0(n), loop1(n) ..."""
    lines = ["(module", '(import "core" "memory" (memory 1))']
    lines += [f'(import "core" "{name}" (func ${name} {kind}))' for name, kind in IMPORTS.items()]
    loop = (
        '(func (export "{name}") (param $n i32) (local $i i32) (loop $again {body} '
        "(br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))"
    )
    lines.append(loop.format(name="fill", body=f"{VECTOR} (drop (call $insert))"))
    lines += [loop.format(name=f"loop{number}", body=body) for number, body in enumerate(LOOPS.values())]
    return "\n".join([*lines, ")"])


def table() -> np.ndarray:
    """The vectors, float32 [64, 16]: Gaussian, the worst case for a graph."""
    return np.random.default_rng(7).normal(size=(N_QUERIES, MAX_DIMS)).astype(np.float32)


def timed(run: Callable[[int], None], clock: Callable[[], float] = time.thread_time) -> list[float]:
    """Nanoseconds an iteration of ``run(n)``, one figure a run."""
    n = 1000
    while True:
        start = clock()
        run(n)
        took = clock() - start
        if took > SECONDS_A_RUN / 4:
            break
        n *= 2
    n = max(32, int(n * SECONDS_A_RUN / took) // 32 * 32)
    found = []
    for _ in range(RUNS):
        start = clock()
        run(n)
        found.append((clock() - start) / n * 1e9)
    return found


def in_wasmtime(module: bytes) -> dict[str, list[float]]:
    """Every loop in wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    linker = wasmtime.Linker(engine)
    core = wasmtime.Instance(store, wasmtime.Module(engine, module), [])
    linker.define_instance(store, "core", core)
    loops = linker.instantiate(store, wasmtime.Module(engine, driver())).exports(store)
    memory = core.exports(store)["memory"]
    memory.write(store, table().tobytes(), TABLE)
    found = {}
    for number, name in enumerate(LOOPS):
        core.exports(store)["init"](store, MAX_DIMS, 0, 0)
        loops["fill"](store, VECTORS_PER_CORE)
        loop = loops[f"loop{number}"]
        found[name] = timed(lambda n, loop=loop: loop(store, n))
    return found


NODE = """
const fs = require("fs");
const [, , modulePath, driverPath, tablePath, names, at, runs, seconds] = process.argv;
const core = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(modulePath))).exports;
const loops = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(driverPath)), { core }).exports;
new Uint8Array(core.memory.buffer, Number(at)).set(fs.readFileSync(tablePath));
const nanoseconds = () => process.cpuUsage().user * 1000;
const found = {};
JSON.parse(names).forEach((name, number) => {
  core.init(16, 0, 0);
  loops.fill(32);
  const loop = loops[`loop${number}`];
  let n = 1000, took = 0;
  for (;;) {
    const start = nanoseconds();
    loop(n);
    took = nanoseconds() - start;
    if (took > seconds * 1e9 / 4) break;
    n *= 2;
  }
  for (let warm = 0; warm < 20; warm++) loop(Math.ceil(n / 8));  // until the optimising compiler is done
  n = Math.max(32, Math.floor(n * seconds * 1e9 / took / 32) * 32);
  found[name] = [];
  for (let run = 0; run < runs; run++) {
    const start = nanoseconds();
    loop(n);
    found[name].push((nanoseconds() - start) / n);
  }
});
console.log(JSON.stringify(found));
"""


def in_node(module: Path) -> dict[str, list[float]] | None:
    """Every loop in node; None where there is none."""
    import wasmtime

    node = shutil.which("node")
    if node is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "driver.wasm").write_bytes(wasmtime.wat2wasm(driver()))
        (folder / "table").write_bytes(table().tobytes())
        paths = [str(module), str(folder / "driver.wasm"), str(folder / "table")]
        (folder / "run.cjs").write_text(NODE)
        script = str(folder / "run.cjs")
        argv = [node, script, *paths, json.dumps(list(LOOPS)), str(TABLE), str(RUNS), str(SECONDS_A_RUN)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def recall_at_10(n_cores: int = 30, n_queries: int = 20) -> float:
    """Recall@10 of ``search`` over 32 Gaussian vectors of 16 dimensions against brute force."""
    rng = np.random.default_rng(3)
    instance = Instance()
    hits = 0
    for _ in range(n_cores):
        instance.call("init", MAX_DIMS, 0, 0)
        vectors = rng.normal(size=(VECTORS_PER_CORE, MAX_DIMS)).astype(np.float32)
        for vector in vectors:
            instance.insert_buffer[:] = vector
            instance.call("insert")
        for query in rng.normal(size=(n_queries, MAX_DIMS)).astype(np.float32):
            instance.query_buffer[:] = query
            n = instance.call("search", 10)
            truth = np.argsort(squared_l2(query, vectors), kind="stable")[:10]
            hits += len(set(truth.tolist()) & set(instance.results["index"][:n].tolist()))
    return hits / (n_cores * n_queries * 10)


def summary(nanoseconds: list[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {
        "median": round(float(np.median(nanoseconds)), 1),
        "least": round(min(nanoseconds), 1),
        "greatest": round(max(nanoseconds), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--module", type=Path, help="measure this file only")
    options = parser.parse_args()
    report: dict[str, Any] = {"sizes": {}, "nanoseconds": {}}
    files = {name: FOLDER / variant.file for name, variant in VARIANTS.items()}
    for name, path in files.items():
        module = path.read_bytes()
        facts = {"bytes": len(module), "functions": sum(e.kind == "function" for e in exports(module))}
        report["sizes"][name] = {**facts, "memory": VARIANTS[name].pages * 65536}
    measured = {"given": options.module} if options.module else {n: p for n, p in files.items() if "array" not in n}
    for name, path in measured.items():
        for engine, found in (("wasmtime", in_wasmtime(path.read_bytes())), ("node", in_node(path))):
            if found is not None:
                report["nanoseconds"][f"{name}, {engine}"] = {what: summary(ns) for what, ns in found.items()}
    report["recall_at_10"] = recall_at_10()
    if options.json:
        print(json.dumps(report, indent=1))
        return 0
    for name, facts in report["sizes"].items():
        memory = facts["memory"] // 1024
        print(f"{name}: {facts['bytes']:,} bytes, {facts['functions']} functions, {memory} KiB of memory")
    print(f"recall@10 of search over 32 Gaussian vectors: {report['recall_at_10']:.3f}")
    for name, rows in report["nanoseconds"].items():
        print(f"{name}, ns an operation: median (least to greatest of {RUNS} runs)")
        for what, ns in rows.items():
            print(f"  {what:32}{ns['median']:>10,.1f}  ({ns['least']:,.1f} to {ns['greatest']:,.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
