"""Checks of what callers hand in; every message names the offending value."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_integer(name: str, value: Any, low: int, high: int) -> int:
    """``value`` as a Python int within ``low..high``.

    Raises TypeError for anything but an integer (bool included) and ValueError outside the range.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be in {low}..{high}, not {value}")
    return int(value)


def as_float32(name: str, value: Any) -> np.float32:
    """``value`` rounded to float32; TypeError unless a real number, ValueError unless finite in float32."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    if not np.isfinite(rounded):
        raise ValueError(f"{name} must be finite in float32, not {value}")
    return rounded


def as_vectors(name: str, values: Any, dims: int, ndim: int) -> NDArray[np.float32]:
    """``values`` rounded to float32, shape [dims] (``ndim`` 1) or [n, dims] (``ndim`` 2).

    Raises TypeError for elements that are not real numbers and ValueError for a wrong shape or an element that
    is NaN, infinite or beyond the float32 range; the message gives its position and value.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, not dtype {array.dtype}")
    if array.ndim != ndim or array.shape[-1] != dims:
        wanted = f"({dims},)" if ndim == 1 else f"(n, {dims})"
        raise ValueError(f"{name} must have shape {wanted}, not {array.shape}")
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float32)
    bad = ~np.isfinite(rounded)
    if bad.any():
        position = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"element {position[0]}" if ndim == 1 else f"row {position[0]}, column {position[1]}"
        raise ValueError(f"{name} must be finite in float32: {where} is {array[position]}")
    return rounded
