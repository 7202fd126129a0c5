"""The scaler's and the normaliser's arithmetic on whole vectors: rounding products, reciprocal roots, unit vectors."""

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from golden.fixed.bits import I64Array, to_signed
from golden.spec import Config
from golden.spec.constants import MAX_DIMS

SPLIT = 18
"""Operands of 16-bit arrays are cut here, so that no partial product leaves 64 bits."""


def scale_product(
    config: Config, x: npt.ArrayLike, shift: npt.ArrayLike, y: npt.ArrayLike, n_fraction: int
) -> I64Array:
    """``floor((trunc(x << shift) * y + half) / 2**n_fraction)``, truncated to the key's width, as the scaler does it.

    ``x``, ``shift`` and ``y`` broadcast; |x << shift| < 2**62; ``n_fraction`` >= SPLIT for 16-bit elements.
    """
    shifted = to_signed(np.asarray(x, np.int64) << np.asarray(shift, np.int64), config.key_width)
    factor, half = np.asarray(y, np.int64), 1 << (n_fraction - 1)
    if config.element_width == 8:
        product = (shifted * factor + half) >> n_fraction
    else:
        high, low = shifted >> SPLIT, shifted & ((1 << SPLIT) - 1)
        product = (high * factor + ((low * factor + half) >> SPLIT)) >> (n_fraction - SPLIT)
    return to_signed(product, config.key_width)


@dataclass(frozen=True, slots=True)
class Norm:
    """What the normaliser finds: ``shift``, ``root``, and the cycles from the one after its start to ``ready``."""

    shift: int
    root: int
    cycles: int


def normalise(config: Config, n2: int, dims: int) -> Norm:
    """Shift and reciprocal root of a squared norm over ``dims`` elements, and the time they take."""
    width, shift, n_align = config.norm_width, 0, 1
    cycles = max(1, dims) + 4 + 1
    if not n2:
        return Norm(0, 0, cycles + n_align)
    while n2 < 1 << (width - 2):
        step = 4 if n2 < 1 << (width - 8) else 1
        n2 <<= 2 * step
        shift += step
        n_align += 1
    return Norm(shift, isqrt((1 << (2 * config.unit_shift)) // n2), cycles + n_align + config.root_bits + 1)


def norms_of(config: Config, vectors: npt.ArrayLike, dims: int) -> tuple[I64Array, I64Array, I64Array]:
    """Shift, root and cycles of :class:`Norm` for each of the ``vectors`` [n, 16] (or [n, dims]), ``[n]`` each."""
    rows = np.asarray(vectors, np.int64)[:, :dims]
    n2, inverse = np.unique(np.einsum("nd,nd->n", rows, rows), return_inverse=True)
    table = np.array([(n.shift, n.root, n.cycles) for n in (normalise(config, int(v), dims) for v in n2)], np.int64)
    found = table.reshape(-1, 3)[inverse]
    return found[:, 0], found[:, 1], found[:, 2]


def operand_rows(config: Config, vectors: npt.ArrayLike, dims: int, *, cosine: bool) -> tuple[I64Array, I64Array]:
    """What LOAD puts into the operand memory for ``vectors`` [n, 16], as [n, 16], and the cycles of NORMALISE [n].

    Zeros beyond ``dims``; under the cosine metric unit vectors (and zero for a vector of zeros), else the vectors.
    """
    rows = np.array(vectors, np.int64)
    rows[:, dims:] = 0
    cycles = np.zeros(len(rows), np.int64)
    if cosine:
        shift, root, cycles = norms_of(config, rows, dims)
        rows = scale_product(config, rows * config.unit, shift[:, None], root[:, None], config.unit_shift)
        rows = config.element_format.saturate(rows)
    return rows, cycles


def aggregate(config: Config, vectors: I64Array, weights: I64Array) -> I64Array:
    """DELTA [16]: the mean of weight/255 times vector over m neighbours, ``vectors`` [m, 16] and ``weights`` [m]."""
    sums = weights @ vectors if len(weights) else np.zeros(MAX_DIMS, np.int64)
    shift = 2 * config.element_width
    mean = (sums * config.mean_factors[len(weights)] + (1 << (shift - 1))) >> shift
    return config.delta_format.saturate(mean)


def blend(config: Config, vector: npt.ArrayLike, delta: I64Array, alpha_raw: int) -> I64Array:
    """SCRATCH [16] of UPDATE: ``saturate(v + round(alpha * delta))``."""
    n_fraction = config.alpha_format.fraction_bits + config.delta_format.fraction_bits
    step = (alpha_raw * delta + (1 << (n_fraction - 1))) >> n_fraction
    return config.element_format.saturate(np.asarray(vector, np.int64) + step)
