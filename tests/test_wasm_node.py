"""Random programs in node: what WebAssembly leaves to the engine must not matter."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wasm_programs import Pair, any_vector, program

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.instance import Instance
from ganglion.wasm.interface import MORE_FUNCTIONS, SEED_FUNCTIONS
from golden.float32.module import Module
from golden.float32.results import RESULT_DTYPE

JAVASCRIPT = Path(__file__).with_name("wasm_replay.mjs")
FUNCTIONS = SEED_FUNCTIONS | MORE_FUNCTIONS


def word_of(value: Any, is_float: bool) -> int:
    return int(np.float32(value).view(np.uint32)) if is_float else int(value) & 0xFFFFFFFF


class Recorder(Pair):
    """A pair that keeps every step in the form that the script replays, and the answers."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance, Module())
        self.steps: list[dict[str, Any]] = []
        self.answers: list[int | None] = []

    def run(self, step: Any) -> Any:
        answer = super().run(step)
        name, arguments = step
        if name.startswith("write_"):
            words = np.asarray(arguments[0], np.float32).view(np.uint32).tolist()
            self.steps.append({"write": self.instance.call(f"get_{name[6:]}_ptr"), "words": words})
            return answer
        if name.startswith("merge_"):
            name, arguments = "merge", (self._address(*step), arguments[-1])
        function = FUNCTIONS[name]
        floats = [kind == "f32" for kind in function.wasm_parameters]
        words = [word_of(value, is_float) for value, is_float in zip(arguments, floats, strict=True)]
        gives_float = function.result == "f32"
        self.steps.append({"call": name, "words": words, "floats": floats, "gives_float": gives_float})
        self.answers.append(None if answer is None else word_of(answer, gives_float))
        return answer

    def _address(self, name: str, arguments: tuple[Any, ...]) -> int:
        if name == "merge_foreign":
            words = np.frombuffer(np.ascontiguousarray(arguments[0], RESULT_DTYPE).tobytes(), np.uint32).tolist()
            self.steps.append({"write": self.foreign_address, "words": words})
            return self.foreign_address
        return int(self.instance.call("get_result_ptr" if name == "merge_results" else "get_global_ptr"))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("variant", VARIANTS)
def test_random_programs_agree_in_node(variant: str) -> None:
    rng = np.random.default_rng(len(variant))
    path = FOLDER / VARIANTS[variant].file
    recorder = Recorder(Instance(path.read_bytes()))
    for dims, metric in [(16, 0), (16, 1), (7, 2), (8, 0)]:
        recorder.run(("init", (dims, metric, 0)))
        for _ in range(int(rng.integers(10, 33))):
            recorder.run(("write_insert", (any_vector(rng, 0.5),)))
            recorder.run(("insert", ()))
        for step in program(rng, 1200):
            recorder.run(step)
    length = recorder.instance.call("snapshot")
    recorder.steps.append({"call": "snapshot", "words": [], "floats": [], "gives_float": False})
    recorder.answers.append(length)
    regions = [(recorder.instance.call("get_snapshot_ptr"), length), *buffers(recorder.instance)]
    steps = json.dumps({"steps": recorder.steps, "regions": regions})
    done = subprocess.run(["node", str(JAVASCRIPT), str(path)], input=steps, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["answers"] == recorder.answers
    for (address, n_bytes), words in zip(regions, seen["memories"], strict=True):
        here = recorder.instance.view(address, np.uint32, n_bytes // 4)
        there = np.array(words, np.uint32)
        both_nan = np.isnan(here.view(np.float32)) & np.isnan(there.view(np.float32))
        assert ((here == there) | both_nan).all()


def buffers(instance: Instance) -> list[tuple[int, int]]:
    """(address, bytes) of the buffers and lists."""
    sizes = {"insert": 64, "query": 64, "delta": 64, "result": 128, "global": 128}
    return [(instance.call(f"get_{name}_ptr"), size) for name, size in sizes.items()]
