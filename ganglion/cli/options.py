"""Options that several verbs share, and how they make a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golden.spec import PRESETS, Config, preset

if TYPE_CHECKING:
    from ganglion.text import Columns

__all__ = [
    "Contexts",
    "Cores",
    "ElementWidth",
    "Json",
    "LabelColumn",
    "Lanes",
    "ModelSeed",
    "ModelSize",
    "OptionalPreset",
    "Preset",
    "RequiredPreset",
    "Slices",
    "TextColumns",
    "as_columns",
    "as_config",
    "checked_output",
    "config_json",
]


_NAMES = ", ".join(PRESETS)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Preset = Annotated[str, typer.Option("--preset", metavar="NAME", help=f"The array: {_NAMES}.")]
OptionalPreset = Annotated[str | None, typer.Option("--preset", metavar="NAME", help=f"The array: {_NAMES}.")]
RequiredPreset = Annotated[str, typer.Option("--preset", metavar="NAME", help=f"The array: {_NAMES}.")]
Cores = Annotated[int | None, typer.Option("--cores", help="Cores, 1 to 256, instead of the preset's.")]
Slices = Annotated[int | None, typer.Option("--slices", help="Slices, instead of the preset's.")]
Lanes = Annotated[int | None, typer.Option("--lanes", help="Dimensions a cycle (1, 2, 4, 8, 16), instead.")]
Contexts = Annotated[
    int | None,
    typer.Option("--contexts", help="Cores with neurons of their own, or contexts they share; 0: none."),
]
ElementWidth = Annotated[int | None, typer.Option("--element-width", help="Bits of an element (8 or 16), instead.")]


TextColumns = Annotated[
    str | None, typer.Option("--text-columns", metavar="NAMES", help="Columns of the text, separated by commas.")
]
LabelColumn = Annotated[str | None, typer.Option("--label-column", metavar="NAME", help="Column of the label.")]
ModelSize = Annotated[int | None, typer.Option("--size", help="Bytes of the compact model, 4096 to 262144.")]
ModelSeed = Annotated[int | None, typer.Option("--seed", help="Seed of the compact model's training.")]


def as_columns(label: str | None, text: str | None) -> Columns:
    """The columns that were named. Raises ValueError for an empty name."""
    from ganglion.text import Columns

    names = None if text is None else tuple(name.strip() for name in text.split(","))
    if names is not None and not all(names):
        raise ValueError(f"--text-columns {text!r} has an empty name")
    return Columns(label, names)


def as_config(
    name: str,
    *,
    cores: int | None = None,
    slices: int | None = None,
    lanes: int | None = None,
    element_width: int | None = None,
    contexts: int | None = None,
) -> Config:
    """The preset with what was given put in its place. Raises ConfigError naming the value."""
    given = {"cores": cores, "slices": slices, "lanes": lanes, "element_width": element_width}
    given["contexts"] = contexts
    changes: dict[str, object] = {field: value for field, value in given.items() if value is not None}
    base = preset(name)
    if cores is not None and contexts is None and base.contexts >= min(cores, base.cores):
        # Where every core has its neurons, or there are neurons for more, every one of these has them.
        changes["contexts"] = cores
    return preset(name, **changes)


def config_json(config: Config) -> dict[str, object]:
    """A configuration as JSON values."""
    return {field: getattr(config, field) for field in config.__dataclass_fields__}


def checked_output(output: Path, *inputs: Path) -> None:
    """Raises ValueError where a file cannot be written to ``output``, or would replace one of those that are read."""
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}")
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise ValueError(f"--output {output} is the file that is read")
