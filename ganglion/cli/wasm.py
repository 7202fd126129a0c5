"""``ganglion wasm``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganglion.cli.app import app
from ganglion.cli.options import Json
from ganglion.cli.output import print_facts, print_json, show_error, steps
from ganglion.files import write_atomically


@app.command(epilog="Example: ganglion wasm --variant array --output ganglion-array.wasm")
def wasm(
    variant: Annotated[
        str, typer.Option("--variant", help="plain, simd: one core; array, array-simd: 256 in one instance.")
    ] = "plain",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; the one in the project's folder wasm by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Build the WebAssembly module from its C source: no imports, the same bytes on every machine."""
    from ganglion.wasm.binary import exports
    from ganglion.wasm.build import COMPILER, FOLDER, HEADER, VARIANTS, build, compiler, sources

    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {variant!r}")
    chosen = VARIANTS[variant]
    with steps() as progress:
        progress(f"compiling the {variant} module")
        if compiler() != COMPILER:
            show_error(f"ziglang is {compiler()}, the project's modules are built with {COMPILER}: bytes may differ")
        module = build(chosen)
        path = FOLDER / chosen.file if output is None else output
        if output is None:
            write_atomically(FOLDER / "src" / HEADER, sources()[HEADER].encode())
        write_atomically(path, module)
    names = [export.name for export in exports(module)]
    if json:
        print_json({"path": str(path), "bytes": len(module), "exports": names})
    else:
        facts = [("path", str(path)), ("bytes", len(module)), ("exports", len(names))]
        print_facts(f"the {variant} module", facts)
