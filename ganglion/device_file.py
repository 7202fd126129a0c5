"""The file of a saved device: everything, checked, written in one piece.

Layout (little endian): 8 bytes magic, u32 version, u32 bytes of the header, u64 bytes of the payload, u32 CRC-32 of
header and payload, u32 CRC-32 of the 28 bytes before; then the header (JSON, ASCII) and the payload (the arrays one
after the other, in the order and with the types and shapes that the header lists).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.backends.base import ArrayState
from ganglion.container import Container
from ganglion.device_books import Books
from ganglion.files import write_atomically
from golden.spec import Config
from golden.spec.constants import VECTORS_PER_CORE

__all__ = [
    "VERSION",
    "DeviceFileError",
    "read_device_file",
    "restored",
    "saved_arrays",
    "write_device_file",
]

MAGIC = b"GANGLDEV"
VERSION = 1
PREFIX = struct.Struct("<8sIIQI")
DTYPES = ("|u1", "<i2", "<u8", "<f8", "<i8")


class DeviceFileError(ValueError):
    """A file that is no saved device, or no intact one; the message says what is wrong with it."""


CONTAINER = Container(MAGIC, VERSION, PREFIX, DeviceFileError, "not a saved ganglion device", "header")


def write_device_file(path: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes ``header`` (JSON values) and ``arrays`` (of the types in DTYPES). Raises OSError."""
    listed = {name: {"dtype": array.dtype.str, "shape": list(array.shape)} for name, array in arrays.items()}
    text = json.dumps({**header, "arrays": listed}).encode("ascii")
    payload = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    write_atomically(path, CONTAINER.pack(text, payload))


def read_device_file(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of a file. Raises OSError, or DeviceFileError naming path and problem."""
    content = path.read_bytes()
    contents = CONTAINER.unpack(path, content)

    def fail(problem: str) -> DeviceFileError:
        return DeviceFileError(f"{path}: {problem}")

    try:
        header = json.loads(contents.header)
        arrays = {}
        at = contents.start
        for name, listed in header["arrays"].items():
            if listed["dtype"] not in DTYPES:
                raise fail(f"array {name} has the unknown type {listed['dtype']!r}")
            n_items = int(np.prod(listed["shape"], dtype=np.int64))
            arrays[name] = np.frombuffer(content, listed["dtype"], n_items, at).reshape(listed["shape"]).copy()
            at += arrays[name].nbytes
    except DeviceFileError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise fail(f"its header makes no sense: {problem!r}") from problem
    if at != len(content):
        raise fail(f"its arrays take {at - contents.start} bytes, its payload has {len(content) - contents.start}")
    return header, arrays


def saved_arrays(books: Books, state: ArrayState) -> dict[str, NDArray[Any]]:
    """What a device's file holds of its books and its array."""
    arrays = {name: getattr(state, name) for name in ArrayState.__dataclass_fields__}
    return arrays | {"keys": books.keys, "cores": books.cores, "indices": books.indices, "originals": books.vectors}


def restored(config: Config, dims: int, arrays: Mapping[str, NDArray[Any]]) -> tuple[Books, ArrayState]:
    """Books and array of a file's arrays. Raises ValueError or KeyError where they make no device of ``config``."""
    state = ArrayState(**{name: arrays[name] for name in ArrayState.__dataclass_fields__})
    empty = ArrayState.empty(config.cores)
    for name in ArrayState.__dataclass_fields__:
        found, wanted = getattr(state, name), getattr(empty, name)
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise ValueError(f"array {name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}")
    n = int(state.counts.sum())
    keys, cores, indices, originals = (arrays[name] for name in ("keys", "cores", "indices", "originals"))
    shapes = (keys.shape, cores.shape, indices.shape, originals.shape)
    if state.counts.max() > VECTORS_PER_CORE or shapes != ((n,), (n,), (n,), (n, dims)):
        raise ValueError(f"{n} vectors in the cores, keys and places of shapes {shapes}")
    held = sorted(zip(cores.tolist(), indices.tolist(), strict=True))
    if held != list(zip(*(axis.tolist() for axis in state.places()), strict=True)):
        raise ValueError("keys and places do not belong together")
    books = Books(config, dims)
    books.check_new(keys)
    books.enter(keys, cores, indices, originals)
    return books, state
