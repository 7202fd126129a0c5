"""Checks of what users hand to a device; every message names the offending value."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.quantise import as_rows
from golden.spec import Config, Metric, preset
from golden.spec.constants import N_NODE_TYPES

__all__ = [
    "METRICS",
    "as_choice",
    "as_config",
    "as_integer",
    "as_keys",
    "as_metric",
    "as_node_values",
    "as_type_mask",
    "as_vectors",
]

METRICS = {"l2": Metric.L2, "cosine": Metric.COSINE, "dot": Metric.DOT}
ALL_TYPES = (1 << N_NODE_TYPES) - 1


def as_integer(name: str, value: Any, low: int, high: int) -> int:
    """``value`` as an int in ``low..high``. TypeError for anything but an integer, ValueError outside."""
    if isinstance(value, bool | np.bool_) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    number = operator.index(value)
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low} to {high}, got {number}")
    return number


def as_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """``value`` if it is one of ``choices``; ValueError names it and them."""
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"unknown {name} {value!r}; choose one of {', '.join(choices)}")
    return value


def as_metric(value: Any) -> Metric:
    """The metric called ``value``."""
    return METRICS[as_choice("metric", value, METRICS)]


def as_config(value: Any, element_width: Any = None) -> Config:
    """A configuration, or the preset of that name, with another element width if one is given."""
    if isinstance(value, str):
        config = preset(value)
    elif isinstance(value, Config):
        config = value
    else:
        raise TypeError(f"config must be a Config or the name of a preset, not {value!r}")
    if element_width is None or element_width == config.element_width:
        return config
    return Config(**{**vars(config), "element_width": element_width})


def as_vectors(name: str, values: Any, dims: int) -> NDArray[np.float64]:
    """Vectors as float64 [n, dims]; a single vector [dims] makes one row. Errors: :func:`golden.quantise.as_rows`."""
    return as_rows(name, values, dims, single=True)


def as_keys(values: Any) -> NDArray[np.uint64]:
    """Keys as uint64 [n]; a single integer makes one. Raises TypeError or ValueError naming the key."""
    array = values if isinstance(values, np.ndarray) else np.asarray(values, object)
    if array.dtype == object:
        # NumPy would make floats of Python integers beyond 63 bits.
        for key in array.flat:
            if isinstance(key, bool) or not isinstance(key, int | np.integer):
                raise TypeError(f"keys must be integers, not {key!r}")
            if not 0 <= key < 1 << 64:
                raise ValueError(f"keys must be 0 to {(1 << 64) - 1}, got {key}")
        array = array.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"keys must be integers, not dtype {array.dtype}")
    if array.ndim > 1:
        raise ValueError(f"keys must have shape (n,), not {array.shape}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"keys must be 0 to {(1 << 64) - 1}, got {array.min()}")
    return np.atleast_1d(array).astype(np.uint64)


def as_node_values(name: str, values: Any, n: int, high: int) -> NDArray[np.int64]:
    """Integers 0..high [n]; one integer stands for all n."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} must be integers, not dtype {array.dtype}")
    if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
        raise ValueError(f"{name} must be one value or have shape ({n},), not {array.shape}")
    wrong = array[(array < 0) | (array > high)] if array.ndim else array.ravel()[(array.ravel() < 0) | (array > high)]
    if wrong.size:
        raise ValueError(f"{name} must be 0 to {high}, got {wrong[0]}")
    return np.broadcast_to(array.astype(np.int64), (n,)).copy()


def as_type_mask(types: Any, type_mask: Any) -> int:
    """The 16-bit mask of the types to find: from ``types`` (an iterable of types, or one), or a mask itself."""
    if types is not None and type_mask is not None:
        raise ValueError(f"give types or type_mask, not both (got {types!r} and {type_mask!r})")
    if type_mask is not None:
        return as_integer("type_mask", type_mask, 0, ALL_TYPES)
    if types is None:
        return ALL_TYPES
    several = isinstance(types, Iterable) and not (isinstance(types, np.ndarray) and types.ndim == 0)
    wanted = types if several else [types]
    return sum({1 << as_integer("type", t, 0, N_NODE_TYPES - 1) for t in wanted})
