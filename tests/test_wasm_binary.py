"""The verb that builds the module, and the tool that makes a module's binary smaller."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wasmtime

from ganglion.cli import main
from ganglion.wasm.binary import Export, WasmError, exports, imports, minimise
from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.interface import SEED_FUNCTIONS


def run(module: bytes, name: str, *arguments: float) -> object:
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, module), [])
    return instance.exports(store)[name](store, *arguments)


def test_the_verb_builds_the_same_bytes_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "module.wasm"
    assert main(["wasm", "--json", "--output", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["path"] == str(path) and facts["bytes"] == path.stat().st_size
    assert {*SEED_FUNCTIONS, "memory"} <= set(facts["exports"])
    first = path.read_bytes()
    assert main(["wasm", "-o", str(path)]) == 0 and path.read_bytes() == first
    assert "exports" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "tiny"], "variant must be one of plain, simd, array, array-simd, not 'tiny'"),
        (["--output", "/no/such/folder/x.wasm"], "/no/such/folder/x.wasm: cannot write"),
        (["--variant"], "requires an argument"),
    ],
)
def test_bad_use_names_the_value(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wasm", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out


PROGRAMS = {
    # A block that begins with a condition; one that is left from within as well; one inside another.
    "(if (i32.eqz (local.get 0)) (then (local.set 1 (i32.const 7)))) (local.get 1)": {0: 7, 1: 0},
    "(block $b (br_if $b (local.get 0)) (local.set 1 (i32.const 7))) (local.get 1)": {0: 7, 5: 0},
    "(block $b (br_if $b (i32.eqz (local.get 0))) (local.set 1 (i32.const 7))) (local.get 1)": {0: 0, 5: 7},
    "(block $b (br_if $b (i32.lt_u (local.get 0) (i32.const 5))) (local.set 1 (i32.const 7))) (local.get 1)": {
        **{4: 0, 5: 7, -1: 7},
    },
    "(block $b (br_if $b (i32.lt_s (local.get 0) (i32.const 5))) (local.set 1 (i32.const 7))) (local.get 1)": {
        **{4: 0, 5: 7, -1: 0},
    },
    "(block $b (br_if $b (f32.lt (f32.convert_i32_s (local.get 0)) (f32.const nan))) (local.set 1 (i32.const 7)))"
    "(local.get 1)": {0: 7, 5: 7},
    "(block $b (br_if $b (local.get 0)) (local.set 1 (i32.const 3)) (br_if $b (i32.const 1))"
    "(local.set 1 (i32.const 9)))"
    "(local.get 1)": {0: 3, 1: 0},
    "(block $a (block $b (br_if $a (i32.eq (local.get 0) (i32.const 2))) (br_if $b (local.get 0))"
    "(local.set 1 (i32.const 3))) (local.set 1 (i32.add (local.get 1) (i32.const 10)))) (local.get 1)": {
        0: 13,
        1: 10,
        2: 0,
    },
    # A variable that is 0 already, one that is not, one in a loop.
    "(local.set 1 (i32.const 0)) (local.get 1)": {3: 0},
    "(local.set 0 (i32.const 0)) (local.get 0)": {3: 0},
    "(local.set 1 (i32.const 4)) (local.set 1 (i32.const 0)) (local.get 1)": {3: 0},
    "(loop $l (local.set 2 (i32.const 0)) (local.set 2 (i32.add (local.get 2) (i32.const 1)))"
    "(local.set 1 (i32.add (local.get 1) (local.get 2)))"
    "(br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)": {5: 5},
    # Branch tables, blocks with values, memory and conversions.
    "(block $c (block $b (block $a (br_table $a $b $c (local.get 0))) (local.set 1 (i32.const 1)) (br $c))"
    "(local.set 1 (i32.const 2))) (local.get 1)": {0: 1, 1: 2, 2: 0},
    "(block (result i32) (i32.const 8) (br_if 0 (local.get 0)) (drop) (i32.const 9))": {0: 9, 1: 8},
    "(if (result i32) (local.get 0) (then (i32.const -70000)) (else (i32.const 70000)))": {0: 70000, 1: -70000},
    "(i32.store offset=40 (i32.const 0) (local.get 0)) (memory.copy (i32.const 8) (i32.const 40) (i32.const 4))"
    "(memory.fill (i32.const 9) (i32.const 0) (i32.const 3)) (i32.load (i32.const 8))": {0x01020304: 4},
    "(i32.trunc_sat_f32_s (f32.mul (f32.convert_i32_s (local.get 0)) (f32.const 0.5)))": {9: 4, -9: -4},
    "(i32.wrap_i64 (i64.shr_u (i64.const -1) (i64.extend_i32_u (local.get 0))))": {60: 15},
    "(f32.store (i32.const 0) (f32.add (f32.const 0.5) (f32.add (f32.const 0.5) (f32.add (f32.const 0.5)"
    "(f32.add (f32.const 0.5) (f32.convert_i32_s (local.get 0))))))) (i32.trunc_f32_s (f32.load (i32.const 0)))": {
        3: 5
    },
}


@pytest.mark.parametrize("body", PROGRAMS)
def test_a_smaller_module_does_the_same(body: str) -> None:
    variables = "(param i32) (result i32) (local i32) (local f32) (local i32)"
    # Variable 3 is declared behind one of another type, and used for what variable 2 stands for in the text.
    text = body.replace("local.set 2", "local.set 3").replace("local.get 2", "local.get 3")
    module = wasmtime.wat2wasm(f'(module (memory 1) (func (export "f") {variables} {text}))')
    small = minimise(module)
    assert len(small) <= len(module) and minimise(small) == small
    for argument, expected in PROGRAMS[body].items():
        assert run(module, "f", argument) == run(small, "f", argument) == expected


def test_a_condition_above_other_values_stays_where_it_is() -> None:
    text = "(block (local.get 0) (br_if 0 (local.get 0)) (drop)) (local.get 0)"
    module = wasmtime.wat2wasm(f'(module (func (export "f") (param i32) (result i32) {text}))')
    assert run(minimise(module), "f", 3) == 3


def test_floats_used_often_become_constants() -> None:
    adds = "(local.set 1 (f32.add (local.get 1) (f32.const 0.1)))" * 9
    module = wasmtime.wat2wasm(
        f'(module (func (export "f") (param f32) (result f32) (local f32) {adds} (local.get 1)))'
    )
    small = minimise(module)
    assert len(small) < len(module) - 15 and run(small, "f", 0.0) == run(module, "f", 0.0)


def test_a_module_is_read() -> None:
    text = '(module (import "a" "b" (func)) (memory (export "memory") 1) (global (export "g") i32 (i32.const 1)))'
    module = wasmtime.wat2wasm(text)
    assert imports(module) == 1
    assert exports(module) == [Export("memory", "memory"), Export("g", "global")]
    with pytest.raises(WasmError, match="a module with imports is not minimised"):
        minimise(module)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (b"", "not a WebAssembly module: it begins with b''"),
        (b"MZ" + bytes(20), "not a WebAssembly module"),
        (b"\0asm\1\0\0\0\x0a\x7f", "the module ends within its byte 10"),
    ],
)
def test_what_is_no_module_is_refused(module: bytes, message: str) -> None:
    with pytest.raises(WasmError, match=message):
        exports(module)


def test_an_instruction_that_is_not_known_is_refused() -> None:
    module = bytearray(wasmtime.wat2wasm('(module (func (export "f") (drop (ref.null func))))'))
    with pytest.raises(WasmError, match="instruction d0 at byte 1 of a function is not known"):
        minimise(bytes(module))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_committed_modules_cannot_get_smaller(variant: str) -> None:
    module = (FOLDER / VARIANTS[variant].file).read_bytes()
    assert minimise(module) == module
