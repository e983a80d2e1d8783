"""More of `keras.ops.numpy`: reductions that leave NaN out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api.ops.numpy_rows import ROWS as BASE
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def _filled(x: Any, value: float) -> Any:
    x = _t(x)
    if x.dtype.kind not in ("float", "complex"):
        return x
    return ps.where(ps.isnan(x), ps.full_like(x, value), x)


def _count(x: Any, axis: Any, keepdims: bool) -> Any:
    return ps.sum(ps.cast(~ps.isnan(x), x.dtype), axis=axis, keepdims=keepdims)


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Add up what is not NaN."""
    return BASE["sum"](_filled(x, 0.0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Multiply what is not NaN."""
    return BASE["prod"](_filled(x, 1.0), axis, keepdims)


def nancumsum(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Add up what is not NaN, up to each place."""
    return BASE["cumsum"](_filled(x, 0.0), axis, dtype)


def nancumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Multiply what is not NaN, up to each place."""
    return BASE["cumprod"](_filled(x, 1.0), axis, dtype)


def _extreme(fn: Any, worst: float) -> Callable[..., Any]:
    def reduce(x: Any, axis: Any, keepdims: bool) -> Any:
        x = _t(x)
        made = fn(_filled(x, worst), axis=axis, keepdims=keepdims)
        if x.dtype.kind != "float":
            return made
        empty = ps.all(ps.isnan(x), axis=axis, keepdims=keepdims)
        return ps.where(empty, ps.full_like(made, ps.nan), made)

    return reduce


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the largest of what is not NaN."""
    return _extreme(ps.max, -ps.inf)(x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the smallest of what is not NaN."""
    return _extreme(ps.min, ps.inf)(x, axis, keepdims)


def _place(fn: Callable[..., Any], worst: float) -> Callable[..., Any]:
    def find(x: Any, axis: Any, keepdims: bool) -> Any:
        x = _t(x)
        made = ps.cast(fn(_filled(x, worst), axis=axis, keepdims=keepdims), "int32")
        if x.dtype.kind != "float":
            return made
        empty = ps.all(ps.isnan(x), axis=axis, keepdims=keepdims)
        return ps.where(empty, ps.full_like(made, -1), made)

    return find


def nanargmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Find the place of the largest of what is not NaN; -1 where all is."""
    return _place(ps.argmax, -ps.inf)(x, axis, keepdims)


def nanargmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Find the place of the smallest of what is not NaN; -1 where all is."""
    return _place(ps.argmin, ps.inf)(x, axis, keepdims)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the mean of what is not NaN."""
    x = _f(x)
    return ps.sum(_filled(x, 0.0), axis=axis, keepdims=keepdims) / _count(x, axis, keepdims)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the variance of what is not NaN."""
    x = _f(x)
    apart = ps.square(x - nanmean(x, axis, True))
    apart = ps.where(ps.isnan(x), ps.zeros_like(x), apart)
    return ps.sum(apart, axis=axis, keepdims=keepdims) / _count(x, axis, keepdims)


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the standard deviation of what is not NaN."""
    return ps.sqrt(nanvar(x, axis, keepdims))


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        nansum, nanprod, nancumsum, nancumprod, nanmax, nanmin, nanargmax, nanargmin, nanmean, nanvar, nanstd,
    )
}  # fmt: skip
