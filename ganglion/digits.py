"""scikit-learn's handwritten digits as vectors of 16 dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Digits", "load_digits"]


@dataclass(frozen=True)
class Digits:
    """The 1,797 digits: ``images`` [n, 8, 8] and ``vectors`` [n, 16] (0..16), ``labels`` [n] (0..9).

    A vector is the image pooled to 4x4: the mean of each 2x2 square, a multiple of 1/4.
    """

    images: NDArray[np.float64]
    vectors: NDArray[np.float64]
    labels: NDArray[np.int64]


def load_digits() -> Digits:
    """The digits, from the files that scikit-learn brings along; nothing is downloaded."""
    from sklearn import datasets

    source = datasets.load_digits()
    images = np.asarray(source.images, np.float64)
    vectors = images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    return Digits(images, vectors, np.asarray(source.target, np.int64))
