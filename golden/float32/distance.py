"""Distances in float32 with a fixed order of operations.

The contract, for whoever must reproduce the bits:

- every product, sum, difference, quotient and square root is one IEEE 754 binary32 operation, rounded to nearest
  even; no fused multiply-add, no wider accumulator, subnormals kept;
- a sum over dimensions starts at +0 and adds the terms of dimension 0, 1, 2 ... in that order;
- L2: ``t = a[d] - b[d]; acc = acc + t * t`` (squared, no root);
- dot: ``acc = acc + a[d] * b[d]``, then ``0 - acc`` (a subtraction, so the result is never -0);
- norm: ``sqrt(acc)`` with ``acc = acc + a[d] * a[d]``;
- cosine: ``1 - dot / (norm(a) * norm(b))``, and 1 where either norm is 0. Neither norm can be 0 while its square
  is not, and the product of two norms that are not 0 does not underflow, so there is no division by zero;
- a NaN (overflow: inf - inf or inf / inf; finite input of ordinary size never gets there) becomes +inf, so that
  distances are totally ordered. No distance is ever -0: equal distances have equal bits.
"""

import numpy as np
from numpy.typing import NDArray

from golden.spec.commands import Metric

Floats = NDArray[np.float32]


def dot_products(a: Floats, b: Floats) -> Floats:
    """Sum over the last axis of ``a * b``, dimension ascending; leading axes broadcast. float32."""
    dims = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    total = np.zeros(shape, np.float32)
    term = np.empty(shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for d in range(dims):
            np.multiply(a[..., d], b[..., d], out=term)
            np.add(total, term, out=total)
    return total


def norms(vectors: Floats) -> Floats:
    """Euclidean lengths over the last axis, float32."""
    return np.asarray(np.sqrt(dot_products(vectors, vectors)), np.float32)


def squared_l2(a: Floats, b: Floats) -> Floats:
    """Sum over the last axis of ``(a - b)**2``, dimension ascending; leading axes broadcast. float32."""
    dims = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    total = np.zeros(shape, np.float32)
    term = np.empty(shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for d in range(dims):
            np.subtract(a[..., d], b[..., d], out=term)
            np.multiply(term, term, out=term)
            np.add(total, term, out=total)
    return total


def distances(metric: Metric, queries: Floats, vectors: Floats, query_norms: Floats, vector_norms: Floats) -> Floats:
    """Distances of ``queries`` [..., dims] to ``vectors`` [..., dims]; leading axes broadcast.

    The norms (of :func:`norms`) have the leading shape of their vectors; only cosine reads them.
    Returns float32 without NaN and without -0.
    """
    if metric is Metric.L2:
        result = squared_l2(queries, vectors)
    else:
        result = dot_products(queries, vectors)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            if metric is Metric.DOT:
                np.subtract(np.float32(0), result, out=result)
            else:
                scale = np.multiply(query_norms, vector_norms)
                either_zero = np.equal(query_norms, 0) | np.equal(vector_norms, 0)
                np.divide(result, np.where(either_zero, np.float32(1), scale), out=result)
                np.subtract(np.float32(1), result, out=result)
                result[either_zero] = 1
    result[np.isnan(result)] = np.inf
    return result
