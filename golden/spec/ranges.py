"""Checks of a shape's fields."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def check_ranges(shape: Any, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Every field of the object is an integer in its range; TypeError or ValueError names it and its value."""
    for field in fields(shape):
        value, (low, high) = getattr(shape, field.name), ranges[field.name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{field.name} must be an integer, got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{field.name} must be {low} to {high}, got {value}")
