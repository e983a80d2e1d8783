"""More of `keras.ops.numpy`: medians, quantiles, percentiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t

_METHODS: Final = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Find the value below which a part q, of 0 to 1, of the numbers lies.

    Args:
        x: [...].
        q: A number or a vector of them.
        axis: The axes that are reduced; None for all.
        method: What lies between two numbers: "linear", "lower", "higher", "midpoint" or "nearest".
        keepdims: Whether the reduced axes stay, with size 1.

    Returns:
        The axes of q, then what the reduction leaves.

    Raises:
        ValueError: There is no such method.
    """
    return _quantile(x, q, axis, method, keepdims, without_nan=False)


def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Find quantiles of what is not NaN; see `quantile`."""
    return _quantile(x, q, axis, method, keepdims, without_nan=True)


def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Find quantiles, with q of 0 to 100; see `quantile`."""
    return quantile(x, _f(q) / 100, axis, method, keepdims)


def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Find quantiles of what is not NaN, with q of 0 to 100; see `quantile`."""
    return nanquantile(x, _f(q) / 100, axis, method, keepdims)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Find the value in the middle."""
    return quantile(x, 0.5, axis, "linear", keepdims)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Find the value in the middle of what is not NaN."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


def _quantile(x: Any, q: Any, axis: Any, method: str, keepdims: bool, *, without_nan: bool) -> Any:
    if method not in _METHODS:
        raise InvalidValueError(
            f"[quantile] got method={method!r}; use one of {', '.join(_METHODS)}"
        )
    x, ndim = _f(x), _t(x).ndim
    q = ps.cast(_t(q), x.dtype)
    axes = tuple(range(ndim)) if axis is None else tuple(a % ndim for a in tree.flatten(axis))
    kept = [a for a in range(ndim) if a not in axes]
    rows = ps.permute_dims(x, (*kept, *axes))
    rows = ps.reshape(rows, (*(x.shape[a] for a in kept), -1))
    rows = ps.sort(rows, axis=-1)  # NaN comes last
    made = _between(rows, ps.reshape(q, (-1,)), method, without_nan)
    made = ps.moveaxis(made, -1, 0)
    left = [1 if a in axes else x.shape[a] for a in range(ndim)] if keepdims else made.shape[1:]
    return ps.reshape(made, (*q.shape, *left))


def _between(rows: Any, q: Any, method: str, without_nan: bool) -> Any:
    """Find quantiles along the last axis of sorted rows."""
    good = ~ps.isnan(rows)
    places = ps.sum(ps.cast(good, rows.dtype), axis=-1, keepdims=True)
    count = places if without_nan else ps.sum(ps.ones_like(rows), axis=-1, keepdims=True)
    at = q * ps.maximum(count - 1, 0.0)  # [..., q]
    low, high = ps.floor(at), ps.ceil(at)
    first, last = (ps.take_along_axis(rows, ps.cast(n, "int64"), -1) for n in (low, high))
    match method:
        case "lower":
            made = first
        case "higher":
            made = last
        case "nearest":
            made = ps.take_along_axis(rows, ps.cast(ps.round(at), "int64"), -1)
        case _:
            part = ps.where(low == high, 0.0, 0.5) if method == "midpoint" else at - low
            made = ps.where(part == 0, first, first * (1 - part) + last * part)
    bad = (places == 0) if without_nan else (places != count)
    return ps.where(bad, ps.full_like(made, ps.nan), made)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn for fn in (quantile, nanquantile, percentile, nanpercentile, median, nanmedian)
}
