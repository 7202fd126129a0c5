"""ganglion: a neuromorphic vector-search processor, its models, simulator and tools.

``Device`` is the vector store that the array makes; ``Config`` and ``preset`` say which array.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganglion.backends.base import BackendError
    from ganglion.device import Device
    from ganglion.device_file import DeviceFileError
    from ganglion.device_matches import Matches
    from golden.spec import Config, ConfigError, preset

__version__ = "0.1.0"
__all__ = ["BackendError", "Config", "ConfigError", "Device", "DeviceFileError", "Matches", "preset"]

# Loaded when they are asked for: the command line is a module of this package, and should answer to Ctrl-C at once.
_HOMES = {
    "BackendError": "ganglion.backends.base",
    "Device": "ganglion.device",
    "DeviceFileError": "ganglion.device_file",
    "Matches": "ganglion.device_matches",
    **dict.fromkeys(("Config", "ConfigError", "preset"), "golden.spec"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
