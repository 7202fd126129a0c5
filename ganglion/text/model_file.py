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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.container import Container
from ganglion.files import write_atomically

__all__ = ["MAGIC", "VERSION", "Model", "ModelFileError", "model_bytes", "read_model", "write_model"]

MAGIC = b"GANGTEXT"
VERSION = 1
PREFIX = struct.Struct("<8sI12sIII")
ALIGNMENT = 16


class ModelFileError(ValueError):
    """A file that is no text model, or no intact one; the message says what is wrong with it."""


CONTAINER = Container(MAGIC, VERSION, PREFIX, ModelFileError, "no text model", "prefix")


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
    start = CONTAINER.header_start + len(text)
    payload = bytearray()
    for array in flat.values():
        payload += bytes(-(start + len(payload)) % ALIGNMENT)
        payload += array.tobytes()
    return CONTAINER.pack(text, bytes(payload), kind.encode("ascii"))


def write_model(path: Path, content: bytes) -> None:
    """Writes a model's file, whole or not at all. Raises OSError naming ``path``."""
    write_atomically(path, content)


def read_model(path: Path) -> Model:
    """Maps a model's file into memory. Raises ModelFileError, or OSError where there is no readable file."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ModelFileError(f"{path}: no regular file, which a model is")
    with path.open("rb") as file:
        try:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # an empty file cannot be mapped
            content = memoryview(b"")

    contents = CONTAINER.unpack(path, content)

    def fail(problem: str) -> ModelFileError:
        return ModelFileError(f"{path}: {problem}")

    try:
        header = json.loads(contents.header)
        arrays: dict[str, NDArray[Any]] = {}
        at = contents.start
        for name, listed, shape in header["arrays"]:
            at += -at % ALIGNMENT
            dtype, n_items = _dtype(listed), math.prod(shape)
            arrays[name] = np.frombuffer(content, dtype, n_items, at).reshape(shape)
            at += n_items * dtype.itemsize
        settings = dict(header["settings"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise fail(f"its settings make no sense: {problem!r}") from problem
    if at != len(content):
        raise fail(f"its arrays end at byte {at}, the file at {len(content)}")
    (kind,) = contents.fields
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
