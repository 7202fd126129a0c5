"""What the binary files have in common: a prefix with magic, version, sizes and checksums, a header, a payload.

Layout (little endian): the prefix, u32 CRC-32 of the prefix, the header (JSON, ASCII), the payload. The prefix holds
8 bytes magic, u32 version, fields of the format's own, bytes of the header, bytes of the payload, u32 CRC-32 of both.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Container", "Contents"]

CHECK = struct.Struct("<I")


@dataclass(frozen=True)
class Contents:
    """A checked file: the format's own ``fields``, the ``header``, and the byte ``start`` of the payload."""

    fields: tuple[Any, ...]
    header: bytes
    start: int


@dataclass(frozen=True)
class Container:
    """A file format.

    ``prefix`` is its whole prefix; ``error`` what is raised; ``stranger`` what a file of another kind is called, and
    ``first_part`` the part that the prefix makes.
    """

    magic: bytes
    version: int
    prefix: struct.Struct
    error: type[ValueError]
    stranger: str
    first_part: str

    @property
    def header_start(self) -> int:
        """Bytes before the header."""
        return self.prefix.size + CHECK.size

    def pack(self, header: bytes, payload: bytes, *fields: Any) -> bytes:
        """The content of a file."""
        crc = zlib.crc32(payload, zlib.crc32(header))
        prefix = self.prefix.pack(self.magic, self.version, *fields, len(header), len(payload), crc)
        return prefix + CHECK.pack(zlib.crc32(prefix)) + header + payload

    def unpack(self, path: Path, content: bytes | memoryview) -> Contents:
        """Checks a whole file. Raises ``error`` naming ``path`` and what is wrong."""

        def fail(problem: str) -> ValueError:
            return self.error(f"{path}: {problem}")

        start, found = self.header_start, bytes(content[: len(self.magic)])
        if found != self.magic[: len(content)] or not found:
            raise fail(f"{self.stranger}: it starts with {found!r}, not {self.magic!r}")
        if len(content) < start:
            raise fail(f"truncated: {len(content)} bytes, and the {self.first_part} alone has {start}")
        _magic, version, *fields, n_header, n_payload, crc = self.prefix.unpack_from(content)
        if zlib.crc32(content[: self.prefix.size]) != CHECK.unpack_from(content, self.prefix.size)[0]:
            raise fail(f"damaged: the checksum of its first {self.prefix.size} bytes is wrong")
        if version > self.version:
            raise fail(f"file version {version} is newer than {self.version}, the newest this library reads")
        if version < 1:
            raise fail(f"file version {version} does not exist")
        wanted = start + n_header + n_payload
        if len(content) < wanted:
            raise fail(f"truncated: {len(content)} of {wanted} bytes")
        if len(content) > wanted:
            raise fail(f"{len(content) - wanted} bytes too many behind its {wanted}")
        if zlib.crc32(content[start:]) != crc:
            raise fail("damaged: the checksum of its content is wrong")
        return Contents(tuple(fields), bytes(content[start : start + n_header]), start + n_header)
