"""Reading the tables of a description: every wrong value becomes one message that names its key."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

__all__ = ["REQUIRED", "DescriptionError", "Fields"]

T = TypeVar("T")
REQUIRED: Any = object()
"""As a default: the key must be there."""
SHOWN = 60
"""Characters of a wrong value that a message repeats."""


class DescriptionError(ValueError):
    """A description that says nothing sensible: the message names file, key and value."""


def shown(value: Any) -> str:
    """A value as a message repeats it: not all of a long one."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


class Fields:
    """One table. Each reader takes its key away; :meth:`done` refuses what nobody asked for.

    ``where`` is what messages call the table: the file, or file and key.
    """

    def __init__(self, where: str, table: Any) -> None:
        self.where = where
        if not isinstance(table, dict):
            raise DescriptionError(f"{where} must be a table of keys, got {shown(table)}")
        self._left = dict(table)
        self._known: list[str] = []

    def name(self, key: str) -> str:
        """The key as messages call it."""
        return f"{self.where}: {key}" if ": " not in self.where else f"{self.where}.{key}"

    def refuse(self, key: str, problem: str) -> DescriptionError:
        """The error for a key."""
        return DescriptionError(f"{self.name(key)} {problem}")

    def has(self, key: str) -> bool:
        """Whether the key is there and was not read yet."""
        return key in self._left

    def take(self, key: str, default: Any = REQUIRED) -> Any:
        """The value as it stands."""
        self._known.append(key)
        if key in self._left:
            return self._left.pop(key)
        if default is REQUIRED:
            raise self.refuse(key, "is missing")
        return default

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        """An integer in ``low..high``."""
        return self.as_integer(key, self.take(key, default), low, high)

    def as_integer(self, key: str, value: Any, low: int, high: int) -> int:
        """``value`` if it is an integer in ``low..high``."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(key, f"must be an integer, got {shown(value)}")
        if not low <= value <= high:
            raise self.refuse(key, f"must be {low} to {high}, got {shown(value)}")
        return value

    def number(self, key: str, low: float, high: float, default: Any = REQUIRED) -> float:
        """A finite number in ``low..high``."""
        return self.as_number(key, self.take(key, default), low, high)

    def as_number(self, key: str, value: Any, low: float, high: float) -> float:
        """``value`` as a float if it is a finite number in ``low..high``."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(key, f"must be a number, got {shown(value)}")
        if not (math.isfinite(value) and low <= value <= high):
            raise self.refuse(key, f"must be {low:.8g} to {high:.8g}, got {shown(value)}")
        return float(value)

    def numbers(self, key: str, low: float, high: float, n: int, default: Any = REQUIRED) -> tuple[float, ...]:
        """``n`` numbers in ``low..high``: a list of them, or one that stands for all."""
        value = self.take(key, default)
        if not isinstance(value, list):
            return (self.as_number(key, value, low, high),) * n
        if len(value) != n:
            raise self.refuse(key, f"must be one number or a list of {n}, got {len(value)}")
        return tuple(self.as_number(f"{key}[{i}]", each, low, high) for i, each in enumerate(value))

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, f"must be true or false, got {shown(value)}")
        return value

    def text(self, key: str, default: Any = REQUIRED) -> str:
        """A text."""
        value = self.take(key, default)
        if not isinstance(value, str):
            raise self.refuse(key, f"must be a text, got {shown(value)}")
        return value

    def choice(self, key: str, choices: Iterable[str], default: Any = REQUIRED) -> str:
        """One of ``choices``."""
        choices = tuple(choices)
        value = self.take(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self.refuse(key, f"must be one of {', '.join(choices)}, got {shown(value)}")
        return value

    def indices(self, key: str, n: int, default: Any = REQUIRED) -> tuple[int, ...]:
        """Indices below ``n``, as given: "all", one, or a list that holds none twice."""
        value = self.take(key, default)
        if value == "all":
            return tuple(range(n))
        if not isinstance(value, list):
            return (self.as_integer(key, value, 0, n - 1),)
        found = tuple(self.as_integer(f"{key}[{i}]", each, 0, n - 1) for i, each in enumerate(value))
        for i, each in enumerate(found):
            if each in found[:i]:
                raise self.refuse(f"{key}[{i}]", f"names {each} a second time")
        return found

    def table(self, key: str) -> Fields:
        """A table inside this one; an empty one if it is not there."""
        return Fields(self.name(key), self.take(key, {}))

    def tables(self, key: str) -> list[Fields]:
        """A list of tables; none if it is not there."""
        value = self.take(key, [])
        if not isinstance(value, list):
            raise self.refuse(key, f"must be a list of tables, got {shown(value)}")
        return [Fields(self.name(f"{key}[{i}]"), each) for i, each in enumerate(value)]

    def done(self) -> None:
        """Refuses keys that nothing has read."""
        for key in self._left:
            raise self.refuse(str(key), f"is unknown; the keys here are {', '.join(self._known)}")
