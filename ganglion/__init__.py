"""ganglion: a neuromorphic vector-search processor, its models, simulator and tools.

``Device`` is the vector store that the array makes; ``Config`` and ``preset`` say which array.
"""

from ganglion.backends.base import BackendError
from ganglion.device import Device
from ganglion.device_file import DeviceFileError
from ganglion.device_matches import Matches
from golden.spec import Config, ConfigError, preset

__version__ = "0.1.0"
__all__ = ["BackendError", "Config", "ConfigError", "Device", "DeviceFileError", "Matches", "preset"]
