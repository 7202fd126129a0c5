"""The neuron field: one flat array of 16-byte records, 16-byte aligned.

The record of neuron ``id`` lies at base + 16 id: potential (f32), threshold (f32), target id (u32), weight (f32),
little endian. A target of ``NO_TARGET`` ends a chain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["NO_TARGET", "RECORD", "RECORD_BYTES", "FieldError", "NeuronField"]

NO_TARGET = 0xFFFF_FFFF
RECORD_BYTES = 16
RECORD = np.dtype([("potential", "<f4"), ("threshold", "<f4"), ("target", "<u4"), ("weight", "<f4")])


class FieldError(ValueError):
    """A neuron or a target that the field does not have, or a field that makes no sense; the message names it."""


class NeuronField:
    """``size`` neurons in one aligned block of memory.

    ``records`` [size] of dtype ``RECORD``; ``potential``, ``threshold``, ``target``, ``weight`` [size] are views of it.
    A new field is quiet (potential 0), with threshold 1, no target and weight 0.
    """

    def __init__(self, size: int) -> None:
        if not 0 < size < NO_TARGET:
            raise FieldError(f"a field has 1 to {NO_TARGET - 1:,} neurons, not {size}")
        block = np.zeros((size + 1) * RECORD_BYTES, np.uint8)
        start = -block.ctypes.data % RECORD_BYTES
        self._take(block[start : start + size * RECORD_BYTES].view(RECORD))
        self.threshold[:] = 1
        self.target[:] = NO_TARGET

    @classmethod
    def over(cls, records: NDArray[np.void]) -> NeuronField:
        """A field in memory that exists already (a mapped file): ``records`` [size], ``RECORD``, 16-byte aligned."""
        if records.dtype != RECORD or records.ndim != 1 or not records.size:
            raise FieldError(f"records must be [n] of {RECORD}, not {records.shape} of {records.dtype}")
        if not records.flags.c_contiguous or records.ctypes.data % RECORD_BYTES:
            raise FieldError(f"records must be contiguous and aligned to {RECORD_BYTES} bytes")
        field = cls.__new__(cls)
        field._take(records)
        return field

    def _take(self, records: NDArray[np.void]) -> None:
        self.records = records
        self.potential: NDArray[np.float32] = records["potential"]
        self.threshold: NDArray[np.float32] = records["threshold"]
        self.target: NDArray[np.uint32] = records["target"]
        self.weight: NDArray[np.float32] = records["weight"]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"NeuronField({len(self)})"

    @property
    def nbytes(self) -> int:
        """Bytes of all records."""
        return self.records.nbytes

    @property
    def base_addr(self) -> int:
        """Address of neuron 0."""
        return int(self.records.ctypes.data)

    def addr(self, neuron: int) -> int:
        """Address of a neuron's record: base + 16 id. Raises FieldError."""
        return self.base_addr + RECORD_BYTES * self.checked(neuron)

    def checked(self, neuron: int) -> int:
        """``neuron`` if the field has it. Raises FieldError naming it."""
        if not 0 <= neuron < len(self):
            raise FieldError(f"neuron {neuron} is not in the field of {len(self):,}")
        return neuron

    def set(
        self,
        neurons: slice | NDArray[np.integer] | list[int],
        *,
        threshold: ArrayLike | None = None,
        target: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> None:
        """Writes what is given to some neurons. Raises FieldError for a target outside the field or no number."""
        if target is not None:
            wanted = np.asarray(target, np.int64)
            wrong = wanted[(wanted != NO_TARGET) & ((wanted < 0) | (wanted >= len(self)))]
            if wrong.size:
                raise FieldError(f"target {wrong[0]} is not in the field of {len(self):,}")
        for name, values in (("threshold", threshold), ("weight", weight)):
            if values is not None and np.isnan(np.asarray(values, np.float32)).any():
                raise FieldError(f"{name} must be a number, not nan")
        # Nothing is written before everything has been checked.
        for name, values in (("threshold", threshold), ("target", target), ("weight", weight)):
            if values is not None:
                self.records[name][neurons] = values

    def copy(self) -> NeuronField:
        """An independent field of the same content."""
        field = NeuronField(len(self))
        field.records[:] = self.records
        return field

    def same_as(self, other: NeuronField) -> bool:
        """Whether every bit of both fields is the same."""
        return self.records.tobytes() == other.records.tobytes()
