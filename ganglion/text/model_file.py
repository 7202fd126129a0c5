"""The file of a text model: checked, mapped into memory, written in one piece.

Layout (little endian), 40 bytes of prefix: 8 bytes magic ``GANGTEXT``; u32 version; 12 bytes the kind of model (ASCII,
filled up with zeros); u32 bytes of the settings; u32 bytes of the payload; u32 CRC-32 of all behind the prefix; u32
CRC-32 of the 36 bytes before. Then the settings (JSON: ``settings``, and ``arrays`` as [name, dtype, shape]) and, each
at the next multiple of 16 bytes, the arrays.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.files import write_atomically

__all__ = ["MAGIC", "VERSION", "Model", "ModelFileError", "model_bytes", "read_model", "write_model"]

MAGIC = b"GANGTEXT"
VERSION = 1
PREFIX = struct.Struct("<8sI12sIII")
CHECK = struct.Struct("<I")
ALIGNMENT = 16


class ModelFileError(ValueError):
    """A file that is no text model, or no intact one; the message says what is wrong with it."""


@dataclass(frozen=True)
class Model:
    """A model as stored: what ``kind`` it is, its settings (JSON values), its arrays, and the bytes of its file.

    Arrays of a model that was read lie in the mapped file and cannot be written to.
    """

    kind: str
    settings: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    n_bytes: int


def model_bytes(kind: str, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of a model's file."""
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    listed = [[name, _dtype_text(array.dtype), list(array.shape)] for name, array in flat.items()]
    text = json.dumps({"settings": settings, "arrays": listed}, separators=(",", ":"), allow_nan=False).encode("ascii")
    start = PREFIX.size + CHECK.size + len(text)
    payload = bytearray()
    for array in flat.values():
        payload += bytes(-(start + len(payload)) % ALIGNMENT)
        payload += array.tobytes()
    crc = zlib.crc32(payload, zlib.crc32(text))
    prefix = PREFIX.pack(MAGIC, VERSION, kind.encode("ascii"), len(text), len(payload), crc)
    return prefix + CHECK.pack(zlib.crc32(prefix)) + text + bytes(payload)


def write_model(path: Path, content: bytes) -> None:
    """Writes a model's file, whole or not at all. Raises OSError naming ``path``."""
    write_atomically(path, content)


def read_model(path: Path) -> Model:
    """Maps a model's file into memory. Raises ModelFileError, or OSError where there is no readable file."""
    with path.open("rb") as file:
        try:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # an empty file cannot be mapped
            content = memoryview(b"")

    def fail(problem: str) -> ModelFileError:
        return ModelFileError(f"{path}: {problem}")

    start = PREFIX.size + CHECK.size
    if bytes(content[: len(MAGIC)]) != MAGIC[: len(content)] or not content:
        raise fail(f"no text model: it starts with {bytes(content[: len(MAGIC)])!r}, not {MAGIC!r}")
    if len(content) < start:
        raise fail(f"truncated: {len(content)} bytes, and the prefix alone has {start}")
    _magic, version, kind, n_text, n_payload, crc = PREFIX.unpack_from(content)
    if zlib.crc32(content[: PREFIX.size]) != CHECK.unpack_from(content, PREFIX.size)[0]:
        raise fail(f"damaged: the checksum of its first {PREFIX.size} bytes is wrong")
    if version > VERSION:
        raise fail(f"file version {version} is newer than {VERSION}, the newest this library reads")
    if version < 1:
        raise fail(f"file version {version} does not exist")
    wanted = start + n_text + n_payload
    if len(content) < wanted:
        raise fail(f"truncated: {len(content)} of {wanted} bytes")
    if len(content) > wanted:
        raise fail(f"{len(content) - wanted} bytes too many behind its {wanted}")
    if zlib.crc32(content[start:]) != crc:
        raise fail("damaged: the checksum of its content is wrong")
    try:
        header = json.loads(bytes(content[start : start + n_text]))
        arrays: dict[str, NDArray[Any]] = {}
        at = start + n_text
        for name, listed, shape in header["arrays"]:
            at += -at % ALIGNMENT
            dtype, n_items = _dtype(listed), math.prod(shape)
            arrays[name] = np.frombuffer(content, dtype, n_items, at).reshape(shape)
            at += n_items * dtype.itemsize
        settings = dict(header["settings"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise fail(f"its settings make no sense: {problem!r}") from problem
    if at != wanted:
        raise fail(f"its arrays end at byte {at}, the file at {wanted}")
    return Model(kind.rstrip(b"\0").decode("ascii", "replace"), settings, arrays, len(content))


def _dtype_text(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON: its type, or [name, type] of each field."""
    if dtype.names is None:
        return dtype.str
    return [[name, dtype[name].str] for name in dtype.names]


def _dtype(listed: Any) -> np.dtype[Any]:
    """The dtype of what ``_dtype_text`` gave. Raises ValueError or TypeError; objects are refused."""
    dtype = np.dtype(listed if isinstance(listed, str) else [(name, kind) for name, kind in listed])
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"the array type {listed!r} is not allowed")
    return dtype
