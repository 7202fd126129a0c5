"""Options that several verbs share, and how they make a configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from golden.spec import PRESETS, Config, preset

__all__ = ["Cores", "ElementWidth", "Json", "Lanes", "Preset", "RequiredPreset", "Slices", "as_config", "config_json"]

_NAMES = ", ".join(PRESETS)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Preset = Annotated[str, typer.Option("--preset", metavar="NAME", help=f"The array: {_NAMES}.")]
RequiredPreset = Annotated[str, typer.Option("--preset", metavar="NAME", help=f"The array: {_NAMES}.")]
Cores = Annotated[int | None, typer.Option("--cores", help="Cores, 1 to 256, instead of the preset's.")]
Slices = Annotated[int | None, typer.Option("--slices", help="Slices, instead of the preset's.")]
Lanes = Annotated[int | None, typer.Option("--lanes", help="Dimensions a cycle (1, 2, 4, 8, 16), instead.")]
ElementWidth = Annotated[int | None, typer.Option("--element-width", help="Bits of an element (8 or 16), instead.")]


def as_config(
    name: str,
    *,
    cores: int | None = None,
    slices: int | None = None,
    lanes: int | None = None,
    element_width: int | None = None,
) -> Config:
    """The preset with what was given put in its place. Raises ConfigError naming the value."""
    given = {"cores": cores, "slices": slices, "lanes": lanes, "element_width": element_width}
    changes: dict[str, object] = {field: value for field, value in given.items() if value is not None}
    if cores is not None:
        changes["contexts"] = 1
    return preset(name, **changes)


def config_json(config: Config) -> dict[str, object]:
    """A configuration as JSON values."""
    return {field: getattr(config, field) for field in config.__dataclass_fields__}
