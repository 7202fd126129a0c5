#!/usr/bin/env python3
"""The WASM modules: size, memory, and nanoseconds an operation in wasmtime and in node.

Example: python scripts/bench_wasm.py --json > wasm.json

A small module beside the one measured calls it in a loop, so that no host's call is counted: about 2 ns a call are.
Every figure is the median of the runs, with the least and the greatest; time is that of the processor, so that others
on the machine count less. Before each search the query is copied in from a table of 64; before each insertion the
vector. `insert` is the mean over filling a core, `init` included. `search_all` works on 256 full cores.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganglion.wasm.binary import exports
from ganglion.wasm.build import FOLDER, PAGE_BYTES, VARIANTS
from ganglion.wasm.instance import Instance
from golden.float32.distance import squared_l2
from golden.spec.constants import MAX_CORES, MAX_DIMS, VECTORS_PER_CORE

N_QUERIES = 64
RUNS = 15
SECONDS_A_RUN = 0.02
TABLE_FROM_END = 8192
"""Where the table of vectors lies: so many bytes before the end of memory, behind all that a module uses."""
ROW = "(i32.add (i32.const {table}) (i32.shl (i32.and (local.get $i) (i32.const 63)) (i32.const 6)))"
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
ARRAY_IMPORTS = {"search_all": "(param i32) (result i32)", "search_all_exact": "(param i32) (result i32)"}
"""What the loops on an array call beside."""
QUERY = f"(memory.copy (call $get_query_ptr) {ROW} (i32.const 64))"
VECTOR = f"(memory.copy (call $get_insert_ptr) {ROW} (i32.const 64))"
SET_UP = "(if (i32.eqz (i32.and (local.get $i) (i32.const 31))) (then (call $init (i32.const 16) (i32.const 0) {id})))"
FILL = SET_UP.format(id="(i32.shr_u (local.get $i) (i32.const 5))") + f" {VECTOR} (drop (call $insert))"
"""Fills core after core."""
LOOPS = {
    "search, k = 6": f"{QUERY} (drop (call $search (i32.const 6)))",
    "search, k = 10": f"{QUERY} (drop (call $search (i32.const 10)))",
    "search_exact, k = 6": f"{QUERY} (drop (call $search_exact (i32.const 6)))",
    "insert": f"{SET_UP.format(id='(i32.const 0)')} {VECTOR} (drop (call $insert))",
    "snn_tick, quiet": "(drop (call $snn_tick (f32.const 1) (f32.const 0.5) (i32.const 1)))",
    "snn_tick, neurons firing": (
        "(call $snn_inject (i32.and (local.get $i) (i32.const 31)) (f32.const 2))"
        "(call $snn_inject (i32.and (i32.mul (local.get $i) (i32.const 7)) (i32.const 31)) (f32.const 2))"
        "(drop (call $snn_tick (f32.const 1) (f32.const 0.2) (i32.const 1)))"
    ),
    "neuromorphic_search(5, 1, 20)": (
        f"{QUERY} (drop (call $neuromorphic_search (i32.const 5) (f32.const 1) (i32.const 20)))"
    ),
}
"""What is measured, each with the body of its loop."""
ARRAY_LOOPS = {
    "search_all, k = 10": f"{QUERY} (drop (call $search_all (i32.const 10)))",
    "search_all_exact, k = 10": f"{QUERY} (drop (call $search_all_exact (i32.const 10)))",
}
"""The same for an array."""


@dataclass(frozen=True)
class Target:
    """A module to be measured."""

    path: Path
    is_array: bool
    memory: int

    @property
    def table(self) -> int:
        """Address of the table."""
        return self.memory - TABLE_FROM_END

    @property
    def loops(self) -> dict[str, str]:
        """What is measured on it."""
        return ARRAY_LOOPS if self.is_array else LOOPS

    @property
    def n_vectors(self) -> int:
        """How many vectors fill it."""
        return VECTORS_PER_CORE * (MAX_CORES if self.is_array else 1)

    def driver(self) -> str:
        """The text of the module with the loops: fill(n), loop0(n), loop1(n) ..."""
        lines = ["(module", '(import "core" "memory" (memory 1))']
        imports = IMPORTS | (ARRAY_IMPORTS if self.is_array else {})
        lines += [f'(import "core" "{name}" (func ${name} {kind}))' for name, kind in imports.items()]
        loop = (
            '(func (export "{name}") (param $n i32) (local $i i32) (loop $again {body} '
            "(br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))"
        )
        bodies = {"fill": FILL} | {f"loop{number}": body for number, body in enumerate(self.loops.values())}
        lines += [loop.format(name=name, body=body.format(table=self.table)) for name, body in bodies.items()]
        return "\n".join([*lines, ")"])


def table() -> np.ndarray:
    """The vectors, float32 [64, 16]: Gaussian, the worst case for a graph."""
    return np.random.default_rng(7).normal(size=(N_QUERIES, MAX_DIMS)).astype(np.float32)


def timed(run: Callable[[int], None], clock: Callable[[], float] = time.thread_time) -> list[float]:
    """Nanoseconds an iteration of ``run(n)``, one figure a run."""
    n = 32
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


def in_wasmtime(target: Target) -> dict[str, list[float]]:
    """Every loop in wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    linker = wasmtime.Linker(engine)
    core = wasmtime.Instance(store, wasmtime.Module(engine, target.path.read_bytes()), [])
    linker.define_instance(store, "core", core)
    loops = linker.instantiate(store, wasmtime.Module(engine, target.driver())).exports(store)
    core.exports(store)["memory"].write(store, table().tobytes(), target.table)
    found = {}
    for number, name in enumerate(target.loops):
        loops["fill"](store, target.n_vectors)
        loop = loops[f"loop{number}"]
        found[name] = timed(lambda n, loop=loop: loop(store, n))
    return found


NODE = """
const fs = require("fs");
const [, , modulePath, driverPath, tablePath, names, at, vectors, runs, seconds] = process.argv;
const core = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(modulePath))).exports;
const loops = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(driverPath)), { core }).exports;
new Uint8Array(core.memory.buffer, Number(at)).set(fs.readFileSync(tablePath));
const nanoseconds = () => process.cpuUsage().user * 1000;
const found = {};
JSON.parse(names).forEach((name, number) => {
  loops.fill(Number(vectors));
  const loop = loops[`loop${number}`];
  let n = 32, took = 0;
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


def in_node(target: Target) -> dict[str, list[float]] | None:
    """Every loop in node; None where there is none."""
    import wasmtime

    node = shutil.which("node")
    if node is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.cjs").write_text(NODE)
        (folder / "driver.wasm").write_bytes(wasmtime.wat2wasm(target.driver()))
        (folder / "table").write_bytes(table().tobytes())
        numbers = map(str, (target.table, target.n_vectors, RUNS, SECONDS_A_RUN))
        files = [str(target.path), str(folder / "driver.wasm"), str(folder / "table")]
        argv = [node, str(folder / "run.cjs"), *files, json.dumps(list(target.loops)), *numbers]
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
    options = parser.parse_args()
    report: dict[str, Any] = {"sizes": {}, "nanoseconds": {}, "recall_at_10": recall_at_10()}
    for name, variant in VARIANTS.items():
        target = Target(FOLDER / variant.file, variant.pages > 1, variant.pages * PAGE_BYTES)
        module = target.path.read_bytes()
        n_functions = sum(export.kind == "function" for export in exports(module))
        report["sizes"][name] = {"bytes": len(module), "functions": n_functions, "memory": target.memory}
        for engine, found in (("wasmtime", in_wasmtime(target)), ("node", in_node(target))):
            if found is not None:
                report["nanoseconds"][f"{name}, {engine}"] = {what: summary(ns) for what, ns in found.items()}
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
