"""``ganglion cosim``."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganglion.cli.app import CheckFailed, app
from ganglion.cli.options import (
    Contexts,
    Cores,
    ElementWidth,
    Json,
    Lanes,
    RequiredPreset,
    Slices,
    as_config,
    config_json,
)
from ganglion.cli.output import print_facts, print_json, print_table, steps
from ganglion.device_checks import as_choice, as_integer

if TYPE_CHECKING:
    from ganglion.engine import EngineKind
    from golden.spec import Config

ENGINES = ("cxxrtl", "amaranth", "verilator")
AGAINST = ("golden", "wasm")


@app.command(epilog="Example: ganglion cosim --preset tiny --operations 1000 --seed 1 --json")
def cosim(
    preset: RequiredPreset = "tiny",
    operations: Annotated[int, typer.Option("--operations", help="Random commands to run.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random commands; the same gives the same.")] = 0,
    engine: Annotated[str, typer.Option("--engine", help="cxxrtl, amaranth or verilator.")] = "cxxrtl",
    against: Annotated[
        str,
        typer.Option("--against", help="golden: the model, cycle by cycle; wasm: the WASM module, answer by answer."),
    ] = "golden",
    vcd_dir: Annotated[Path, typer.Option("--vcd-dir", help="Folder for the waveform of the first mismatch.")] = Path(),
    cores: Cores = None,
    slices: Slices = None,
    lanes: Lanes = None,
    element_width: ElementWidth = None,
    contexts: Contexts = None,
    json: Json = False,
) -> None:
    """Run random commands of all kinds on RTL and golden model, stalls included, and compare every cycle.

    At the first mismatch names command, signal, cycle and both values, writes a waveform, and leaves with status 1.
    --against wasm: the same commands to the RTL and to the WASM module; their answers may differ by the quantisation.
    """
    as_choice("engine", engine, ENGINES)
    as_choice("against", against, AGAINST)
    if against == "wasm":
        as_choice("engine of --against wasm", engine, ENGINES[:1])
    as_integer("operations", operations, 1, 1 << 40)
    as_integer("seed", seed, 0, (1 << 64) - 1)
    sizes = {"cores": cores, "slices": slices, "lanes": lanes, "element_width": element_width, "contexts": contexts}
    config = as_config(preset, **sizes)
    if against == "wasm":
        _against_wasm(config, operations, seed, json=json)
        return
    from ganglion.cosim import run_cosim

    with steps() as progress:
        report = run_cosim(
            config,
            operations,
            seed,
            engine=cast("EngineKind", engine),
            progress=progress.advance,
            log=progress,
            vcd_dir=vcd_dir,
        )
    facts: dict[str, Any] = {
        "operations": report.operations,
        "cycles": report.cycles,
        "mismatches": report.mismatches,
        "cycles_per_second": report.cycles_per_second,
        "seconds": report.seconds,
        "engine": engine,
        "seed": seed,
        "config": config_json(config),
        "first_mismatch": _plain(report.first_mismatch),
    }
    if json:
        print_json(facts)
    else:
        print_facts("cosim", [(n.replace("_", " "), v) for n, v in (facts | {"config": str(config)}).items()])
    if report.mismatches:
        raise CheckFailed(f"mismatch: {report.first_mismatch}")


def _against_wasm(config: Config, operations: int, seed: int, *, json: bool) -> None:
    """The RTL behind its bus and the WASM module, answer by answer."""
    from ganglion.backends.sim import SimulationBackend
    from ganglion.wasm.against import compare_with_wasm

    with steps() as progress, closing(SimulationBackend(config, progress=progress)) as backend:
        progress(f"{operations:,} commands to {config} and to the WASM module")
        report = compare_with_wasm(backend, operations, seed, progress=progress.advance)
        cycles = backend.n_cycles
    facts: dict[str, Any] = {
        "against": "wasm",
        "operations": report.operations,
        "cycles": cycles,
        "values": report.n_values,
        "mismatches": report.mismatches,
        "seed": seed,
        "config": config_json(config),
        "largest_difference": report.largest,
        "largest_bound": report.bounds,
        "first_mismatch": _plain(report.first),
    }
    if json:
        print_json(facts)
    else:
        counted = [(name, facts[name]) for name in ("operations", "cycles", "values", "mismatches", "seed")]
        print_facts("cosim against wasm", [*counted, ("config", str(config))])
        rows = [(what, f"{apart:.3g}", f"{report.bounds[what]:.3g}") for what, apart in report.largest.items()]
        print_table("answers", ("", "largest difference", "may be"), rows)
    if report.mismatches:
        raise CheckFailed(f"mismatch: {report.first}")


def _plain(value: Any) -> Any:
    """A mismatch as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in asdict(value).items()}
    return value if isinstance(value, int | float | str | None) else str(value)
