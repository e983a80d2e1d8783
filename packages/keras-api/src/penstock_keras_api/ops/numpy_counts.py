"""More of `keras.ops.numpy`: counting, sets, and what statistics makes of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Find out whether all elements are close: |x1 - x2| ≤ atol + rtol · |x2|."""
    return ps.all(isclose(x1, x2, rtol, atol, equal_nan))


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Find elements that are close: |x1 - x2| ≤ atol + rtol · |x2|, or equal."""
    a, b = _f(x1), _f(x2)
    near = (ps.abs(a - b) <= atol + rtol * ps.abs(b)) & ps.isfinite(b)
    near = near | (a == b)
    return near | (ps.isnan(a) & ps.isnan(b)) if equal_nan else near


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Count how often each number comes, or add up its weights.

    Args:
        x: [n] or [batch, n], whole numbers of at least 0.
        weights: Of the same shape.
        minlength: The least length of the result.
        sparse: Must be False.

    Returns:
        [length] or [batch, length].

    Raises:
        ValueError: `sparse` is set, or x has more axes.
    """
    x = _t(x)
    if sparse or x.ndim not in (1, 2):
        raise InvalidValueError(
            f"[bincount] got {x.ndim} axes and sparse={sparse}; use 1 or 2 axes and sparse=False"
        )
    if x.ndim == 1:
        made = ps.bincount(x, None if weights is None else _t(weights), minlength=minlength)
        return ps.cast(made, "int32") if weights is None else made
    length = minlength
    if x.shape[0] * x.shape[1]:
        length = max(minlength, int(ps.max(x)) + 1)
    hot = ps.one_hot(x, length, "int32" if weights is None else _t(weights).dtype)
    return ps.sum(hot if weights is None else hot * ps.expand_dims(_t(weights), axis=-1), axis=1)


def histogram(x: Any, bins: Any = 10, range: Any = None) -> tuple[Any, Any]:
    """Count how many numbers lie in each of some intervals.

    Args:
        x: [...], numbers.
        bins: How many intervals; or their edges, one more than intervals.
        range: Where the first interval begins and the last one ends; by default the extremes of x.

    Returns:
        [bins], the counts, and [bins + 1], the edges.

    Raises:
        ValueError: `bins` or `range` makes no sense.
    """
    x = ps.reshape(_f(x), (-1,))
    edges = _edges(x, bins, range) if isinstance(bins, int) else ps.cast(_t(bins), x.dtype)
    count: Any = edges.shape[0] - 1
    at = ps.searchsorted(edges, x, side="right") - 1
    at = ps.where(x == edges[-1], count - 1, at)  # the last interval has both its ends
    inside = (x >= edges[0]) & (x <= edges[-1])
    at = ps.where(inside, at, count)
    made = ps.bincount(at, length=count + 1)[:count]
    return ps.cast(made, x.dtype), edges


def _edges(x: Any, bins: int, ends: Any) -> Any:
    if bins < 1 or (ends is not None and (len(ends) != 2 or ends[0] > ends[1])):
        raise InvalidValueError(
            f"[histogram] got bins={bins} and range={ends!r}; use at least one bin and a range (least, most)"
        )
    if ends is None and not x.shape[0]:
        low, high = ps.zeros((), x.dtype), ps.ones((), x.dtype)
    elif ends is None:
        low, high = ps.min(x), ps.max(x)
    else:
        low, high = (ps.cast(_t(end), x.dtype) for end in ends)
    same = low == high
    low, high = ps.where(same, low - 0.5, low), ps.where(same, high + 0.5, high)
    at = ps.cast(ps.arange(0, bins + 1, 1), x.dtype) / bins
    return ps.where(at == 1, high, low + (high - low) * at)


def corrcoef(x: Any) -> Any:
    """Compute the correlations of rows.

    Args:
        x: [rows, observations], or [observations].
    """
    x = _f(x)
    if x.ndim < 2:
        return ps.ones((), x.dtype)
    apart = x - ps.mean(x, axis=-1, keepdims=True)
    products = ps.matmul(apart, ps.swapaxes(apart, -1, -2))
    lengths = ps.sqrt(ps.diagonal(products))
    return ps.clip(products / lengths[:, None] / lengths[None, :], -1.0, 1.0)


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Slide one vector over another: cₖ = Σ x1ₙ₊ₖ · x2ₙ.

    Args:
        x1: [n].
        x2: [m].
        mode: "valid" (places where they fully overlap), "same" or "full".

    Raises:
        ValueError: There is no such mode.
    """
    if mode not in ("valid", "same", "full"):
        raise InvalidValueError(f"[correlate] got mode={mode!r}; use 'valid', 'same' or 'full'")
    common = ps.result_type(_t(x1), _t(x2))
    dtype = common.name if common.kind == "float" else config.floatx()
    a, b = ps.cast(_t(x1), dtype), ps.cast(_t(x2), dtype)
    n, m = a.shape[0], b.shape[0]
    swapped = m > n
    if swapped:
        a, b, n, m = b, a, m, n
    around = {"valid": (0, 0), "full": (m - 1, m - 1), "same": (m // 2, m - 1 - m // 2)}[mode]
    made = ps.nn.conv1d(ps.reshape(ps.pad(a, (around,)), (1, -1, 1)), ps.reshape(b, (-1, 1, 1)))
    made = ps.reshape(made, (-1,))
    return ps.flip(made, axis=0) if swapped else made


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Find elements of x1 that are also in x2; or those that are not, if `invert`."""
    a, b = _t(x1), ps.reshape(_t(x2), (-1,))
    if not b.shape[0]:
        found = ps.zeros_like(a, dtype="bool")
    else:
        dtype = ps.result_type(a, b)
        row = ps.sort(ps.cast(b, dtype))
        at = ps.searchsorted(row, ps.reshape(ps.cast(a, dtype), (-1,)))
        last: Any = b.shape[0] - 1
        at = ps.minimum(at, last)
        found = ps.reshape(ps.gather(row, at, axis=0), a.shape) == a
    return ~found if invert else found


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Find the different elements, or slices of an axis.

    Args:
        x: [...].
        sorted: Kept for compatibility: they are always sorted.
        return_index: Whether to return where each comes first.
        return_inverse: Whether to return which of them each element is.
        return_counts: Whether to return how often each comes.
        axis: Compare slices of this axis; None for elements.
        size: How many to return, filled up with `fill_value`; a model or function needs it.
        fill_value: By default the smallest of them.

    Returns:
        A tensor, or a tuple with more of them in the order of the arguments.
    """
    x = _t(x)
    wanted = [return_index, return_inverse, return_counts]
    rows = x.shape[axis] if axis is not None else math.prod(x.shape)
    shape = [rows if size is None else size] * 4
    first: list[Any] = [shape[0]]
    if axis is not None:
        first = [*x.shape]
        first[axis] = shape[0]
    inverse = x.shape if axis is None else (rows,)
    specs = [tuple(first), (shape[1],), tuple(inverse), (shape[3],)]

    def find(a: Any) -> tuple[Any, ...]:
        parts = list(np.unique(a, True, True, True, axis=axis))
        parts[2] = parts[2].reshape(a.shape if axis is None else -1)
        if size is not None:
            parts = [_resized(parts, n, size, axis, fill_value) for n in range(4)]
        return (np.ascontiguousarray(parts[0]), *(p.astype(np.int32) for p in parts[1:]))

    if ps.current_graph() is not None:
        if size is None:
            raise InvalidValueError(
                "[unique] the number of different elements is not known before it runs; give size=..."
            )
        made = ps.numpy_function(find, [x], [x.dtype.name, "int32", "int32", "int32"], specs)
    else:
        made = [ps.asarray(part) for part in find(x.numpy())]
    chosen = [made[0], *(part for part, want in zip(made[1:], wanted, strict=True) if want)]
    return tuple(chosen) if len(chosen) > 1 else chosen[0]


def _resized(parts: list[Any], n: int, size: int, axis: int | None, fill_value: Any) -> Any:
    """Cut or fill up one part of what NumPy found."""
    if n == 2:  # which of them each element is
        return parts[2]
    part, along = parts[n], (axis or 0) if n == 0 else 0
    part = np.take(part, range(min(size, part.shape[along])), axis=along)
    missing = size - part.shape[along]
    if not missing:
        return part
    widths = [(0, missing if a == along else 0) for a in range(part.ndim)]
    if n == 3:
        return np.pad(part, widths)
    if n == 1 or fill_value is None:
        first = np.take(part, [0] * missing, axis=along)
        return np.concatenate([part, first], along)
    return np.pad(part, widths, constant_values=fill_value)


def unravel_index(indices: Any, shape: Sequence[int]) -> tuple[Any, ...]:
    """Turn places in the flat order into places on each axis."""
    rest = _t(indices)
    made = []
    for n in list(shape)[::-1]:
        made.append(ps.remainder(rest, n))
        rest = ps.floor_divide(rest, n)
    return tuple(made[::-1])


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the largest minus the smallest."""
    x = _t(x)
    return ps.max(x, axis=axis, keepdims=keepdims) - ps.min(x, axis=axis, keepdims=keepdims)


def slogdet(x: Any) -> tuple[Any, Any]:
    """Compute sign and logarithm of determinants."""
    return tuple(ps.linalg.slogdet(_f(x)))  # type: ignore[return-value]


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        allclose, isclose, bincount, histogram, corrcoef, correlate, isin, unique, unravel_index, ptp, slogdet,
    )
}  # fmt: skip
