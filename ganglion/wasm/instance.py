"""The module in wasmtime: its functions, its buffers as NumPy arrays."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.wasm.build import FOLDER, VARIANTS
from ganglion.wasm.layout import SNAPSHOT_DTYPE
from golden.float32.results import RESULT_DTYPE
from golden.spec.constants import MAX_DIMS, MAX_RESULTS

__all__ = ["Instance"]


class Instance:
    """One running module: ``instance.call("search", 5)``; needs wasmtime (``pip install wasmtime``).

    ``insert_buffer``, ``query_buffer``, ``delta_buffer`` float32 [16], ``results`` and ``global_results`` (16 records)
    are views of its memory. Words are the low 32 bits of the integers given, and come back unsigned.
    """

    def __init__(self, module: bytes | None = None) -> None:
        """``module``: its bytes; the project's built plain module when None."""
        import wasmtime

        if module is None:
            module = (FOLDER / VARIANTS["plain"].file).read_bytes()
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        compiled = wasmtime.Module(engine, module)
        exports = wasmtime.Instance(self.store, compiled, []).exports(self.store)
        self._functions: dict[str, Any] = {}
        self._has_floats: dict[str, list[bool]] = {}
        self._word: dict[str, bool] = {}
        for kind in compiled.exports:
            if isinstance(kind.type, wasmtime.FuncType):
                self._functions[kind.name] = exports[kind.name]
                self._has_floats[kind.name] = [str(p) == "f32" for p in kind.type.params]
                self._word[kind.name] = [str(r) for r in kind.type.results] == ["i32"]
        memory = exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self.memory: NDArray[np.uint8] = np.ctypeslib.as_array(
            ctypes.cast(memory.data_ptr(self.store), ctypes.POINTER(ctypes.c_uint8)), (memory.data_len(self.store),)
        )
        self.insert_buffer = self._floats("get_insert_ptr")
        self.query_buffer = self._floats("get_query_ptr")
        self.delta_buffer = self._floats("get_delta_ptr")
        self.results = self.view(self.call("get_result_ptr"), RESULT_DTYPE, MAX_RESULTS)
        self.global_results = self.view(self.call("get_global_ptr"), RESULT_DTYPE, MAX_RESULTS)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call an export; wasmtime's Trap when it traps."""
        flags = self._has_floats[name]
        given = [float(a) if is_float else _signed(a) for a, is_float in zip(arguments, flags, strict=True)]
        answer = self._functions[name](self.store, *given)
        return answer & 0xFFFFFFFF if self._word[name] else answer

    def view(self, address: int, dtype: Any, n: int) -> NDArray[Any]:
        """``n`` elements of memory from ``address`` on; writing to them writes to the memory."""
        return np.frombuffer(self.memory, dtype, n, address)

    def state(self) -> NDArray[np.void]:
        """A copy of the core's memory: one record of ``CORE_DTYPE`` and, in front, the snapshot's magic and checksum.

        The snapshot buffer is overwritten.
        """
        assert self.call("snapshot") == SNAPSHOT_DTYPE.itemsize
        return self.view(self.call("get_snapshot_ptr"), SNAPSHOT_DTYPE, 1)[0].copy()

    def _floats(self, pointer: str) -> NDArray[np.float32]:
        return self.view(self.call(pointer), np.float32, MAX_DIMS)


def _signed(word: int) -> int:
    word &= 0xFFFFFFFF
    return word - (word >> 31 << 32)
