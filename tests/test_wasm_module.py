"""What the WASM modules are: exports, types, memory, size, and that the committed files are what the source gives."""

from __future__ import annotations

import itertools

import pytest
import wasmtime

from ganglion.wasm.binary import exports, imports
from ganglion.wasm.build import COMPILER, FOLDER, HEADER, PAGE_BYTES, VARIANTS, build, compiler
from ganglion.wasm.header import header_text
from ganglion.wasm.instance import Instance
from ganglion.wasm.interface import ARRAY_FUNCTIONS, MORE_FUNCTIONS, SEED_FUNCTIONS
from golden.float32.results import RESULT_DTYPE

MOST_BYTES = {"plain": 8_192, "array": 11_848}


def built(variant: str) -> bytes:
    return (FOLDER / VARIANTS[variant].file).read_bytes()


@pytest.mark.skipif(compiler() != COMPILER, reason=f"the modules are built with ziglang {COMPILER}, not {compiler()}")
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_committed_module_is_what_the_source_gives(variant: str) -> None:
    assert built(variant) == build(VARIANTS[variant]), f"stale: run ganglion wasm --variant {variant}"


def test_the_committed_header_is_what_the_constants_give() -> None:
    assert (FOLDER / "src" / HEADER).read_text() == header_text(), "stale: run ganglion wasm"


@pytest.mark.parametrize("variant", VARIANTS)
def test_exports_have_the_names_and_types_of_the_interface(variant: str) -> None:
    module = wasmtime.Module(wasmtime.Engine(), built(variant))
    expected = SEED_FUNCTIONS | MORE_FUNCTIONS | (ARRAY_FUNCTIONS if VARIANTS[variant].pages > 1 else {})
    types = {e.name: e.type for e in module.exports}
    assert isinstance(types.pop("memory"), wasmtime.MemoryType)
    found = {name: ([str(p) for p in t.params], [str(r) for r in t.results]) for name, t in types.items()}
    assert found == {name: (f.wasm_parameters, f.wasm_results) for name, f in expected.items()}
    assert len(SEED_FUNCTIONS) == 58
    assert {e.name for e in exports(built(variant))} == {*expected, "memory"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_is_imported_and_memory_is_fixed(variant: str) -> None:
    module = wasmtime.Module(wasmtime.Engine(), built(variant))
    assert imports(built(variant)) == len(module.imports) == 0
    (memory,) = [e.type for e in module.exports if e.name == "memory"]
    assert memory.limits.min == memory.limits.max == VARIANTS[variant].pages
    assert memory.limits.max * PAGE_BYTES <= (2 << 20 if "array" in variant else PAGE_BYTES)


@pytest.mark.parametrize(("variant", "most"), MOST_BYTES.items())
def test_the_module_is_small(variant: str, most: int) -> None:
    assert len(built(variant)) <= most


@pytest.mark.parametrize("variant", VARIANTS)
def test_buffers_lie_apart_and_inside_the_memory(variant: str) -> None:
    instance = Instance(built(variant))
    sizes = {"insert": 64, "query": 64, "delta": 64, "result": 16 * RESULT_DTYPE.itemsize, "global": 128, "snapshot": 8}
    spans = sorted((instance.call(f"get_{name}_ptr"), size) for name, size in sizes.items())
    assert all(start % 4 == 0 for start, _ in spans)
    assert all(start + size <= after for (start, size), (after, _) in itertools.pairwise(spans))
    assert spans[0][0] > 0 and sum(spans[-1]) <= len(instance.memory)
    assert instance.call("set_delta_ptr") == instance.call("get_delta_ptr")


def test_the_page_names_every_function_and_the_sizes() -> None:
    text = (FOLDER.parent / "docs" / "wasm.md").read_text(encoding="utf-8")
    for function in (SEED_FUNCTIONS | MORE_FUNCTIONS | ARRAY_FUNCTIONS).values():
        parameters = ", ".join(f"{kind} {name}" for kind, name in function.parameters)
        assert f"{function.name}({parameters})" in text
    for name, variant in VARIANTS.items():
        memory = variant.pages * PAGE_BYTES // 1024
        assert any(
            f"`{variant.file}`" in row and f" {len(built(name)):,} | {memory:,} KiB" in row for row in text.splitlines()
        )
