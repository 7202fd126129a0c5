"""From a user's vectors to the integers of the hardware, and from its raw distances back to the user's units.

Elements are signed integers of 8 or 16 bits, used symmetrically: -U..U with U = 2**(element_width - 1) - 1. Rounding is
to nearest, halves to even; what lies outside saturates at -U or U.

- squared L2: ``raw = (v - offset) / scale`` with one scale and one offset (a value a dimension) for the collection. The
  distance does not see the offset, which centres the data so that the scale can be smaller: the middle of each
  dimension's range, because that makes the largest |v - offset|, and with it the scale, as small as can be.
- dot: no offset. One scale for the collection and one for each query, which fills the range whatever its length is:
  the order of the results does not depend on it, and :meth:`Quantiser.distance` takes it back out.
- cosine: each vector is scaled to the full range by itself; lengths do not count, and the hardware normalises.
- cosine through L2 (``hardware_metric`` L2): vectors are brought to length 1 here, and 1 - cos = |a - b|**2 / 2. The
  offset and the scale then fit the part of the sphere where the data is, which the hardware's own unit vectors cannot:
  far more exact with 8 bits (docs/quantisation.md). It has no place for zero vectors, and a GNN update would leave the
  sphere: a vector store's choice, not a graph network's.

A power of two is taken as the scale when it represents every element exactly (integers of a small range, fixed-point
data): then no L2 or dot distance has an error.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from golden.spec.commands import Metric
from golden.spec.constants import MAX_DIMS

OffsetRule = Literal["auto", "none", "mean", "mid-range"]

ELEMENT_WIDTHS = (8, 16)
SCALE_RANGE = (1e-140, 1e140)  # its square, and a sum of squares in user's units, stay within float64


@dataclass(frozen=True, kw_only=True)
class Quantiser:
    """How one collection is quantised; hashable, and rebuilt from its fields.

    ``metric`` of the user's distances; ``element_width`` 8 or 16; ``scale`` user's units of one step of a stored
    element (1.0 for the hardware's cosine, which does not use it); ``offset`` the vector subtracted first, in user's
    units, one value a dimension (zeros unless the hardware runs L2); ``hardware_metric`` what to run, ``metric``
    unless given.
    """

    metric: Metric
    element_width: int
    scale: float
    offset: tuple[float, ...]
    hardware_metric: Metric | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming the field whose value cannot be."""
        metric, run = _metrics(self.metric, self.hardware_metric)
        object.__setattr__(self, "metric", metric)
        object.__setattr__(self, "hardware_metric", run)
        if self.element_width not in ELEMENT_WIDTHS:
            raise ValueError(f"element_width must be 8 or 16, not {self.element_width!r}")
        low, high = SCALE_RANGE
        if not low <= self.scale <= high:
            raise ValueError(f"scale must be in {low}..{high}, not {self.scale!r}")
        if not 1 <= len(self.offset) <= MAX_DIMS:
            raise ValueError(f"offset must have 1..{MAX_DIMS} values, not {len(self.offset)}")
        if not np.isfinite(self.offset).all():
            raise ValueError(f"offset must be finite, not {self.offset}")
        if run is not Metric.L2 and any(self.offset):
            raise ValueError(f"only L2 allows an offset, not {run.name} with {self.offset}")

    @property
    def dims(self) -> int:
        """Elements of a vector, 1..16."""
        return len(self.offset)

    @property
    def limit(self) -> int:
        """U, the largest element: 127 or 32767."""
        return _limit(self.element_width)

    @property
    def cosine_one(self) -> int:
        """The raw cosine distance that means 1: U * 2**(element_width + 2)."""
        return self.limit << (self.element_width + 2)

    def quantise(self, vectors: Any) -> NDArray[np.int8] | NDArray[np.int16]:
        """Vectors to store, [n, dims] in user's units, as int8 or int16 [n, dims].

        Raises TypeError for elements that are not real numbers and ValueError for a wrong shape or an element that is
        not finite, and under cosine through L2 for a zero vector; the message gives row, column and value.
        """
        return self._saturated(self._in_steps("vectors", vectors))

    def quantise_queries(self, queries: Any) -> NDArray[np.int8] | NDArray[np.int16]:
        """Queries [n, dims] as int8 or int16 [n, dims]; errors as in :meth:`quantise`."""
        if self.metric is Metric.DOT:
            return self._saturated(_fill_range(as_rows("queries", queries, self.dims), self.limit)[0])
        return self._saturated(self._in_steps("queries", queries))

    def query_scales(self, queries: Any) -> NDArray[np.float64]:
        """User's units of one step of each query's elements, [n]; :meth:`distance` needs them under dot only."""
        rows = as_rows("queries", queries, self.dims)
        if self.hardware_metric is Metric.L2:
            return np.full(len(rows), self.scale)
        return _fill_range(rows, self.limit)[1]

    def saturates(self, vectors: Any) -> NDArray[np.bool_]:
        """Which of the vectors [n, dims] lose more than rounding because an element is out of range, bool [n]."""
        return np.asarray((np.abs(np.rint(self._in_steps("vectors", vectors))) > self.limit).any(axis=1))

    def distance(self, raw: Any, query_scales: Any = None) -> NDArray[np.float64]:
        """Raw integer distances in the user's units, float64 of the same shape.

        ``raw``: integers, [n_queries, k] or any shape. ``query_scales``: of :meth:`query_scales`, broadcast against
        ``raw`` from the first axis; required under dot and not used otherwise.
        """
        values = np.asarray(raw)
        if values.dtype.kind not in "iu":
            raise TypeError(f"raw distances must be integers, not dtype {values.dtype}")
        if self.hardware_metric is Metric.COSINE:
            return values / self.cosine_one
        if self.hardware_metric is Metric.L2:
            return values * (self.scale * self.scale / (2 if self.metric is Metric.COSINE else 1))
        if query_scales is None:
            raise TypeError("distances under dot need query_scales, the result of query_scales(queries)")
        scales = np.asarray(query_scales, np.float64)
        return np.asarray(values * self.scale * scales.reshape(scales.shape + (1,) * (values.ndim - scales.ndim)))

    def _in_steps(self, name: str, values: Any) -> NDArray[np.float64]:
        rows = as_rows(name, values, self.dims)
        if self.hardware_metric is Metric.COSINE:
            return _fill_range(rows, self.limit)[0]
        if self.metric is Metric.COSINE:
            rows = _unit(name, rows)
        with np.errstate(over="ignore"):
            return np.asarray((rows - np.array(self.offset)) / self.scale)

    def _saturated(self, steps: NDArray[np.float64]) -> NDArray[np.int8] | NDArray[np.int16]:
        whole = np.clip(np.rint(steps), -self.limit, self.limit)
        return whole.astype(np.int8) if self.element_width == 8 else whole.astype(np.int16)


def choose_quantiser(
    vectors: Any,
    metric: Metric,
    element_width: int = 8,
    *,
    hardware_metric: Metric | None = None,
    offset: OffsetRule = "auto",
    headroom: float = 1.0,
) -> Quantiser:
    """The quantisation of a collection, from a sample of it: ``vectors`` [n, dims] in user's units, n >= 1.

    ``hardware_metric``: L2 asks for cosine through L2. ``offset`` (where the hardware runs L2): "auto" takes the
    mid-range when it makes the scale smaller, and none otherwise; the others are for comparison. ``headroom`` >= 1
    makes the range that many times as wide as the sample's, for vectors still to come.
    Raises TypeError or ValueError as :meth:`Quantiser.quantise` does, and for values too large or small to scale.
    """
    metric, run = _metrics(metric, hardware_metric)
    if element_width not in ELEMENT_WIDTHS:
        raise ValueError(f"element_width must be 8 or 16, not {element_width!r}")
    if offset not in ("auto", "none", "mean", "mid-range"):
        raise ValueError(f"offset must be 'auto', 'none', 'mean' or 'mid-range', not {offset!r}")
    if not 1 <= headroom <= 1e6:
        raise ValueError(f"headroom must be in 1..1e6, not {headroom!r}")
    rows = as_rows("vectors", vectors)
    if not len(rows):
        raise ValueError(f"a quantiser needs at least one vector, not shape {rows.shape}")
    zero = np.zeros(rows.shape[1])
    if run is Metric.COSINE:
        return Quantiser(metric=metric, element_width=element_width, scale=1.0, offset=tuple(zero.tolist()))
    if metric is Metric.COSINE:
        rows = _unit("vectors", rows)
    largest = float(np.abs(rows).max())
    if largest and not SCALE_RANGE[0] * 1e10 <= largest <= SCALE_RANGE[1] / 1e10:
        raise ValueError(f"vectors cannot be scaled: their largest magnitude is {largest}")
    centre = zero if run is Metric.DOT else _centre(rows, offset)
    # Equal vectors have a range of 0, which says nothing of the queries' range: their magnitude does.
    if not np.abs(rows - centre).any():
        centre = zero
    limit = _limit(element_width)
    reach = float(np.abs(rows - centre).max()) * headroom
    scale = reach / limit if reach else 1.0
    step = 2.0 ** np.ceil(np.log2(scale))
    snapped = np.rint(centre / step) * step
    in_steps = (rows - snapped) / step
    if np.array_equal(in_steps, np.rint(in_steps)) and np.abs(in_steps).max() * headroom <= limit:
        scale, centre = float(step), snapped
    return Quantiser(
        metric=metric, element_width=element_width, scale=scale, offset=tuple(centre.tolist()), hardware_metric=run
    )


def _centre(rows: NDArray[np.float64], rule: OffsetRule) -> NDArray[np.float64]:
    if rule == "mean":
        return np.asarray(rows.mean(axis=0))
    middle: NDArray[np.float64] = (rows.min(axis=0) + rows.max(axis=0)) / 2
    if rule == "mid-range" or (rule == "auto" and np.abs(rows - middle).max() < np.abs(rows).max()):
        return middle
    return np.zeros(rows.shape[1])


def _fill_range(rows: NDArray[np.float64], limit: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each row in steps of its own, and the steps [n]: such that the largest magnitude is ``limit``, or the next power
    of two where that makes the row integers. Rows of zeros stay, with a step of 1 / limit or more."""
    largest, exponent = np.frexp(np.abs(rows).max(axis=1, keepdims=True))
    rows = np.ldexp(rows, -exponent)  # magnitudes below 1, so that no step underflows
    step = np.where(largest == 0, 1.0, largest) / limit
    power = 2.0 ** np.ceil(np.log2(step))
    whole = (np.rint(rows / power) == rows / power).all(axis=1, keepdims=True)
    step = np.where(whole, power, step)
    return rows / step, np.ldexp(step, exponent)[:, 0]


def _unit(name: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of Euclidean length 1; ValueError for a row of zeros."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise ValueError(f"{name} must not be zero for cosine through L2: row {int(np.argmin(largest))} is")
    rows = rows / largest  # squares neither overflow nor vanish
    return np.asarray(rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True)))


def _limit(element_width: int) -> int:
    return (1 << (element_width - 1)) - 1


def _metrics(metric: Any, hardware_metric: Any) -> tuple[Metric, Metric]:
    """The user's metric and the hardware's, checked; None as the second means the same."""
    try:
        wanted = Metric(metric)
        run = wanted if hardware_metric is None else Metric(hardware_metric)
    except ValueError as problem:
        raise ValueError(f"metrics are {', '.join(m.name for m in Metric)} (0, 1, 2): {problem}") from None
    if run is not wanted and (wanted, run) != (Metric.COSINE, Metric.L2):
        raise ValueError(f"{run.name} distances do not give {wanted.name} distances; only L2 gives COSINE")
    return wanted, run


def as_rows(name: str, values: Any, dims: int | None = None, *, single: bool = False) -> NDArray[np.float64]:
    """Vectors as float64 [n, dims]; with ``single``, one vector [dims] makes one row. ``dims`` None: any of 1 to 16.

    Raises TypeError for elements that are not real numbers, ValueError for a wrong shape, NaN or infinity; the message
    begins with ``name`` and gives row, column and value.
    """
    shape = f"(n, {dims or f'1..{MAX_DIMS}'})"
    try:
        array = np.asarray(values)
    except ValueError as problem:
        raise ValueError(f"{name} must have shape {shape}: {problem}") from problem
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, not dtype {array.dtype}")
    found = array.shape
    if single and array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or not (array.shape[1] == dims if dims is not None else 1 <= array.shape[1] <= MAX_DIMS):
        raise ValueError(f"{name} must have shape {shape}, not {found}")
    with np.errstate(over="ignore"):
        rows = array.astype(np.float64)
    bad = ~np.isfinite(rows)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"{name} must be finite: row {row}, column {column} is {array[row, column]}")
    return rows
