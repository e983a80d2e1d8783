"""`keras.ops.core` and `keras.ops.math`: control flow, conversion, parts of tensors, and other arithmetic."""

# Lambdas give the functions Keras's names of arguments.
# ruff: noqa: PLW0108
from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.ops.table import define
from penstock_keras_api.ops.table import floating as _f


def _ends(inputs: Any, start_indices: Any, shape: Any) -> tuple[Any, ...]:
    starts = [int(i) for i in start_indices]
    return tuple(builtins.slice(a, a + n) for a, n in zip(starts, shape, strict=True))


def _unstack(x: Any, num: Any = None, axis: int = 0) -> list[Any]:
    return list(ps.unstack(x, axis=axis))


def _fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any) -> Any:
    made = ps.while_loop(
        lambda i, value: i < upper,
        lambda i, value: (i + 1, body_fun(i, value)),
        (ps.asarray(lower), init_val),
    )
    return made[1]


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
    "cast": lambda x, dtype: ps.cast(ps.asarray(x), dtype),
    "scatter": lambda indices, values, shape: ps.scatter_nd(indices, values, tuple(shape)),
    "slice": lambda inputs, start_indices, shape: ps.asarray(inputs)[
        _ends(inputs, start_indices, shape)
    ],
    "stop_gradient": lambda variable: ps.stop_gradient(ps.asarray(variable)),
    "unstack": _unstack,
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
}
globals().update(define("core", CORE))
globals().update(define("math", MATH))


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Make a tensor of an array, a list, a variable or a number."""
    if isinstance(x, KerasTensor):
        return x
    t = ps.asarray(x)
    return t if dtype is None else ps.cast(t, dtype)


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """Return the values as a NumPy array."""
    return np.array(ps.asarray(x).numpy())  # a copy, which may be written to


def is_tensor(x: Any) -> bool:
    """Whether something is a tensor."""
    return isinstance(x, ps.Tensor)


def shape(x: Any) -> tuple[Any, ...]:
    """Return the sizes; None, or a symbol while a graph is made, for one that is not known."""
    return tuple(x.shape if hasattr(x, "shape") else ps.asarray(x).shape)


def dtype(x: Any) -> str:
    """Return the dtype's name."""
    found = x.dtype if hasattr(x, "dtype") else ps.asarray(x).dtype
    return found if isinstance(found, str) else str(ps.dtypes.as_dtype(found).name)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return what one of two functions returns."""
    return ps.cond(pred, true_fn, false_fn)


def while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Call a function as long as a condition holds."""
    return ps.while_loop(cond, body, loop_vars, maximum_iterations)


def fori_loop(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    """Call a function for every number of a range, with what it returned before."""
    return _fori_loop(lower, upper, body_fun, init_val)


def scan(
    f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """Go through rows and carry a value along."""
    return ps.scan(f, init, xs, length, reverse)


def map(f: Any, xs: Any) -> Any:
    """Call a function for every row."""
    return ps.map(f, xs)


def vectorized_map(function: Any, elements: Any) -> Any:
    """Call a function for all rows at once."""
    return ps.vmap(function)(elements)


def custom_gradient(f: Any) -> Any:
    """Give a function a gradient of its own."""
    return ps.custom_gradient(f)


__all__ = [  # noqa: PLE0604 - made of the tables too
    "convert_to_numpy",
    "convert_to_tensor",
    "cond",
    "custom_gradient",
    "dtype",
    "fori_loop",
    "is_tensor",
    "map",
    "scan",
    "shape",
    "vectorized_map",
    "while_loop",
    *CORE,
    *MATH,
]
