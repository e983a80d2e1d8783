"""`keras.ops.core` and `keras.ops.math`: control flow, conversion, parts of tensors, and other arithmetic."""

# Lambdas give the functions Keras's names of arguments.
# ruff: noqa: PLW0108
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.ops import control, parts, signal
from penstock_keras_api.ops.rearranging import rearrange
from penstock_keras_api.ops.table import define
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def _unstack(x: Any, num: Any = None, axis: int = 0) -> list[Any]:
    return list(ps.unstack(x, axis=axis))


def _cdist(x: Any, y: Any) -> Any:
    """Compute the distances of all rows of x [..., m, d] to all rows of y [..., n, d]: [..., m, n]."""
    apart = ps.expand_dims(_f(x), axis=-2) - ps.expand_dims(_f(y), axis=-3)
    squares = ps.sum(ps.square(apart), axis=-1)
    safe = ps.where(squares == 0, ps.ones_like(squares), squares)  # the root has no slope at 0
    return ps.where(squares == 0, squares, ps.sqrt(safe))


def _top_k(x: Any, k: int) -> tuple[Any, Any]:
    values, indices = ps.top_k(x, k)
    return values, ps.cast(indices, "int32")


def _in_order(fn: Any) -> Callable[..., Any]:
    return lambda data, segment_ids, num_segments=None, sorted=False: fn(
        data,
        segment_ids,
        int(ps.max(segment_ids)) + 1 if num_segments is None else num_segments,
    )


CORE: dict[str, Callable[..., Any]] = {
    "cast": lambda x, dtype: ps.cast(_t(x), dtype),
    "stop_gradient": lambda variable: ps.stop_gradient(_t(variable)),
    "unstack": _unstack,
    "rearrange": rearrange,
    **parts.ROWS,
    **control.ROWS,
}
MATH: dict[str, Callable[..., Any]] = {
    "erf": lambda x: ps.erf(_f(x)),
    "erfc": lambda x: ps.erfc(_f(x)),
    "erfinv": lambda x: ps.erfinv(_f(x)),
    "in_top_k": lambda targets, predictions, k: ps.in_top_k(targets, predictions, k),
    "logdet": lambda x: ps.linalg.slogdet(_f(x))[1],
    "logsumexp": lambda x, axis=None, keepdims=False: ps.logsumexp(
        _f(x), axis=axis, keepdims=keepdims
    ),
    "rsqrt": lambda x: ps.rsqrt(_f(x)),
    "segment_max": _in_order(ps.segment_max),
    "segment_min": _in_order(ps.segment_min),
    "segment_prod": _in_order(ps.segment_prod),
    "segment_sum": _in_order(ps.segment_sum),
    "top_k": lambda x, k, sorted=True: _top_k(x, k),
    "cdist": _cdist,
    **signal.ROWS,
}
globals().update(define("core", CORE))
globals().update(define("math", MATH))


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Make a tensor of an array, a list, a variable or a number."""
    if isinstance(x, KerasTensor):
        return x
    t = _t(x)
    return t if dtype is None else ps.cast(t, dtype)


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """Return the values as a NumPy array."""
    return np.array(_t(x).numpy())  # a copy, which may be written to


def is_tensor(x: Any) -> bool:
    """Whether something is a tensor."""
    return isinstance(x, ps.Tensor)


def shape(x: Any) -> tuple[Any, ...]:
    """Return the sizes; None, or a symbol while a graph is made, for one that is not known."""
    return tuple(x.shape if hasattr(x, "shape") else _t(x).shape)


def dtype(x: Any) -> str:
    """Return the dtype's name."""
    found = x.dtype if hasattr(x, "dtype") else _t(x).dtype
    return found if isinstance(found, str) else str(ps.dtypes.as_dtype(found).name)


def custom_gradient(f: Any) -> Any:
    """Give a function a gradient of its own."""
    return ps.custom_gradient(f)


__all__ = [  # noqa: PLE0604 - made of the tables too
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "is_tensor",
    "shape",
    *CORE,
    *MATH,
]
