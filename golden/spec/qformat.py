"""Fixed-point number formats: one description for hardware and models."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class QFormat:
    """A two's complement fixed-point format Q(integer_bits).(fraction_bits), saturating.

    Parameters
    ----------
    integer_bits
        Bits left of the binary point, the sign included (for unsigned formats: all of them).
    fraction_bits
        Bits right of the binary point.
    signed
        Two's complement if true.

    Rounding is to nearest, halves towards plus infinity: floor(x * 2**fraction_bits + 1/2).
    Values out of range saturate; NaN is refused.
    """

    integer_bits: int
    fraction_bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"a QFormat needs at least one bit, got {self.integer_bits}.{self.fraction_bits}")

    @property
    def width(self) -> int:
        """Width of the raw integer in bits."""
        return self.integer_bits + self.fraction_bits

    @property
    def min_raw(self) -> int:
        """Smallest raw integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_raw(self) -> int:
        """Largest raw integer."""
        return (1 << (self.width - (1 if self.signed else 0))) - 1

    @property
    def resolution(self) -> float:
        """Value of one least significant bit."""
        return 2.0**-self.fraction_bits

    def to_raw(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Quantise real values to raw integers, rounding and saturating. Raises ValueError on NaN."""
        array = np.asarray(values, dtype=np.float64)
        if np.isnan(array).any():
            raise ValueError(f"NaN has no representation in {self}")
        scaled = np.floor(np.clip(array, -(2.0**62), 2.0**62) * 2.0**self.fraction_bits + 0.5)
        return np.clip(scaled, self.min_raw, self.max_raw).astype(np.int64)

    def from_raw(self, raw: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Real values of raw integers."""
        return np.asarray(raw, dtype=np.float64) * self.resolution

    def saturate(self, raw: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Clamp integers to the raw range."""
        return np.clip(np.asarray(raw, dtype=np.int64), self.min_raw, self.max_raw)

    def __str__(self) -> str:
        return f"{'Q' if self.signed else 'UQ'}{self.integer_bits}.{self.fraction_bits}"
