"""The specification as data: configuration, number formats, constants, commands and registers."""

from golden.spec.commands import COMMANDS, CommandInfo, Error, Metric, Opcode, encode
from golden.spec.config import PRESETS, Config, ConfigError, preset
from golden.spec.qformat import QFormat
from golden.spec.registers import Access, Buffer, Field, Register, buffers, by_name, registers

__all__ = [
    "COMMANDS",
    "PRESETS",
    "Access",
    "Buffer",
    "CommandInfo",
    "Config",
    "ConfigError",
    "Error",
    "Field",
    "Metric",
    "Opcode",
    "QFormat",
    "Register",
    "buffers",
    "by_name",
    "encode",
    "preset",
    "registers",
]
