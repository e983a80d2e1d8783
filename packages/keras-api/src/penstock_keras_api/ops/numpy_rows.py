"""The table of `keras.ops.numpy`: functions of NumPy's names.

It is a module of its own because some of the names are also Python's own: abs, all, any, max, min, round, sum.
"""

# Lambdas give the functions Keras's names of arguments.
# ruff: noqa: PLW0108
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock._native import Dim
from penstock_keras_api import config
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import pair as _pair
from penstock_keras_api.ops.table import tensor as _t

_FLOAT_UNARY = {
    "arccos": ps.acos, "arccosh": ps.acosh, "arcsin": ps.asin, "arcsinh": ps.asinh, "arctan": ps.atan,
    "arctanh": ps.atanh, "cos": ps.cos, "cosh": ps.cosh, "exp": ps.exp, "exp2": ps.exp2, "expm1": ps.expm1,
    "log": ps.log, "log10": ps.log10, "log1p": ps.log1p, "log2": ps.log2, "reciprocal": ps.reciprocal,
    "sin": ps.sin, "sinh": ps.sinh, "sqrt": ps.sqrt, "tan": ps.tan, "tanh": ps.tanh,
}  # fmt: skip
_UNARY = {
    "abs": ps.abs, "absolute": ps.abs, "conj": ps.conj, "conjugate": ps.conj, "imag": ps.imag, "isfinite": ps.isfinite,
    "isinf": ps.isinf, "isnan": ps.isnan, "logical_not": lambda x: ps.logical_not(_bool(x)), "negative": ps.negative, "real": ps.real,
    "sign": ps.sign, "signbit": ps.signbit, "square": ps.square, "bitwise_invert": ps.bitwise_invert,
    "bitwise_not": ps.bitwise_invert, "angle": ps.angle,
}  # fmt: skip
_BINARY = {
    "add": ps.add, "arctan2": lambda a, b: ps.atan2(_f(a), _f(b)), "equal": ps.equal, "floor_divide": ps.floor_divide,
    "greater": ps.greater, "greater_equal": ps.greater_equal, "less": ps.less, "less_equal": ps.less_equal,
    "logical_and": lambda a, b: ps.logical_and(_bool(a), _bool(b)), "logical_or": lambda a, b: ps.logical_or(_bool(a), _bool(b)), "logical_xor": lambda a, b: ps.logical_xor(_bool(a), _bool(b)), "matmul": ps.matmul,
    "maximum": ps.maximum, "minimum": ps.minimum, "mod": ps.remainder, "multiply": ps.multiply,
    "not_equal": ps.not_equal, "power": ps.pow, "subtract": ps.subtract, "outer": lambda a, b: _outer(a, b),
    "logaddexp": lambda a, b: ps.logaddexp(_f(a), _f(b)), "hypot": lambda a, b: ps.hypot(_f(a), _f(b)),
    "divide": lambda a, b: ps.divide(a, b), "true_divide": lambda a, b: ps.divide(a, b),
    "divide_no_nan": lambda a, b: ps.divide_no_nan(_f(a), _f(b)),
    "nextafter": ps.nextafter, "dot": lambda a, b: _dot(a, b), "inner": lambda a, b: _inner(a, b),
}  # fmt: skip
_BITS = {
    "bitwise_and": ps.bitwise_and, "bitwise_or": ps.bitwise_or, "bitwise_xor": ps.bitwise_xor,
    "bitwise_left_shift": ps.bitwise_left_shift, "bitwise_right_shift": ps.bitwise_right_shift,
    "left_shift": ps.bitwise_left_shift, "right_shift": ps.bitwise_right_shift,
}  # fmt: skip
_MEANS = {"mean": ps.mean, "std": ps.std, "var": ps.var}
_TESTS = {"all": ps.all, "any": ps.any}
_EXTREMES = {"max": ps.max, "amax": ps.max, "min": ps.min, "amin": ps.min}


def _sizes(shape: Any) -> list[Any]:
    """Return sizes with -1 for the one that is to be found."""
    return [
        -1 if size is None else size for size in (shape if hasattr(shape, "__len__") else [shape])
    ]


def _bool(x: Any) -> Any:
    return ps.cast(_t(x), "bool")


def _whole(x: Any) -> str:
    """Return the dtype of a sum, as Keras has it: whole numbers stay what they are, small ones become int32."""
    name = str(_t(x).dtype.name)
    return {
        "bool": "int32",
        "int8": "int32",
        "int16": "int32",
        "uint8": "uint32",
        "uint16": "uint32",
    }.get(name, name)


def _float_unary(fn: Any) -> Callable[..., Any]:
    return lambda x: fn(_f(x))


def _unary(fn: Any) -> Callable[..., Any]:
    return lambda x: fn(_t(x))


def _binary(fn: Any) -> Callable[..., Any]:
    return lambda x1, x2: fn(*_pair(x1, x2))


def _bits(fn: Any) -> Callable[..., Any]:
    return lambda x, y: fn(*_pair(x, y))


def _mean(fn: Any) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: fn(_f(x), axis=axis, keepdims=keepdims)


def _test(fn: Any) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: fn(
        ps.cast(_t(x), "bool"), axis=axis, keepdims=keepdims
    )


def _extreme(fn: Any, pair: Any) -> Callable[..., Any]:
    def reduce(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
        made = fn(_t(x), axis=axis, keepdims=keepdims)
        return made if initial is None else pair(made, ps.cast(_t(initial), made.dtype))

    return reduce


def _like(x: Any, value: Any, dtype: Any) -> Any:
    return ps.full_like(_t(x), value, dtype=dtype)


def _outer(a: Any, b: Any) -> Any:
    return ps.reshape(a, (-1, 1)) * ps.reshape(b, (1, -1))


def _dot(a: Any, b: Any) -> Any:
    a, b = _t(a), _t(b)
    if not a.ndim or not b.ndim:
        return a * b
    return ps.tensordot(a, b, axes=([a.ndim - 1], [max(b.ndim - 2, 0)]))


def _inner(a: Any, b: Any) -> Any:
    a, b = _t(a), _t(b)
    return (
        a * b if not a.ndim or not b.ndim else ps.tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 1]))
    )


def _axes(axis: Any) -> tuple[int, ...]:
    return tuple(axis) if isinstance(axis, list | tuple) else (axis,)


def _transpose(x: Any, axes: Any = None) -> Any:
    x = _t(x)
    return ps.permute_dims(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def _round(x: Any, decimals: int = 0) -> Any:
    if not decimals:
        return ps.round(x)
    scale = 10.0**decimals
    return ps.round(_f(x) * scale) / scale


def _pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    x = _t(x)
    if isinstance(pad_width, int):
        pad_width = ((pad_width, pad_width),) * x.ndim
    elif isinstance(pad_width[0], int):
        pair = tuple(pad_width) if len(pad_width) == 2 else (pad_width[0],) * 2
        pad_width = (pair,) * x.ndim
    elif len(pad_width) == 1:
        pad_width = tuple(pad_width) * x.ndim
    if mode == "constant":
        return ps.pad(x, pad_width, mode=mode, constant_values=constant_values or 0)
    return ps.pad(x, pad_width, mode=mode)


def _one_axis(fn: Any, x: Any, axis: Any) -> Any:
    x = _t(x)
    return fn(ps.reshape(x, (-1,)), axis=0) if axis is None else fn(x, axis=axis)


def _arg(fn: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return ps.cast(fn(_t(x), axis=axis, keepdims=keepdims), "int32")


def _split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = _t(x)
    if isinstance(indices_or_sections, int):
        return list(ps.split(x, indices_or_sections, axis=axis))
    return list(ps.split(x, list(indices_or_sections), axis=axis))


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    x = _t(x)
    x, axis = (ps.reshape(x, (-1,)), 0) if axis is None else (x, axis)
    indices = _t(indices)
    indices = ps.where(indices < 0, indices + x.shape[axis], indices)
    return ps.gather(x, indices, axis=axis)


def _expand(x: Any, axis: Any) -> Any:
    x = _t(x)
    axes = _axes(axis)
    for a in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = ps.expand_dims(x, axis=a)
    return x


def _squeeze(x: Any, axis: Any = None) -> Any:
    x = _t(x)
    if axis is None:
        axis = tuple(i for i, size in enumerate(x.shape) if size == 1)
    return ps.squeeze(x, axis)


def _item(x: Any, key: Any) -> Any:
    return x[tuple(key) if isinstance(key, list) else key]


def _where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    if x1 is None and x2 is None:
        return tuple(ps.cast(t, "int32") for t in ps.nonzero(_t(condition)))
    return ps.where(ps.cast(_t(condition), "bool"), *_pair(x1, x2))


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    whole = all(isinstance(n, int | Dim | None) for n in (start, stop, step))
    first, end = (0, start) if stop is None else (start, stop)
    made = ps.arange(first, end, 1 if step is None else step)
    return ps.cast(made, dtype or ("int32" if whole else config.floatx()))


def _atleast(x: Any, ndim: int) -> Any:
    x = _t(x)
    return x if x.ndim >= ndim else ps.reshape(x, (*(1,) * (ndim - x.ndim), *x.shape))


_SHAPES: dict[str, Callable[..., Any]] = {
    "reshape": lambda x, newshape: ps.reshape(x, _sizes(newshape)),
    "ravel": lambda x: ps.reshape(x, (-1,)), "squeeze": _squeeze, "expand_dims": _expand, "transpose": _transpose,
    "swapaxes": lambda x, axis1, axis2: ps.swapaxes(x, axis1, axis2),
    "moveaxis": lambda x, source, destination: ps.moveaxis(x, source, destination),
    "broadcast_to": lambda x, shape: ps.broadcast_to(x, tuple(shape)), "flip": lambda x, axis=None: ps.flip(x, axis=axis),
    "roll": lambda x, shift, axis=None: ps.roll(x, shift, axis=axis), "tile": lambda x, repeats: ps.tile(x, _axes(repeats)),
    "concatenate": lambda xs, axis=0: ps.concat(list(xs), axis), "stack": lambda x, axis=0: ps.stack(list(x), axis),
    "repeat": lambda x, repeats, axis=None: ps.repeat(x, repeats, axis=axis), "split": _split, "pad": _pad,
    "hstack": lambda xs: ps.concat([_atleast(x, 1) for x in xs], 0 if _t(xs[0]).ndim <= 1 else 1),
    "vstack": lambda xs: ps.concat([_atleast(x, 2) for x in xs], 0), "get_item": _item, "take": _take,
    "take_along_axis": lambda x, indices, axis=None: _one_axis(
        lambda t, axis: ps.take_along_axis(t, indices, axis), x, axis),
    "diag": lambda x, k=0: ps.diag(x, k) if _t(x).ndim == 1 else ps.diagonal(x, k),
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: ps.diagonal(x, offset, axis1, axis2),
    "tril": lambda x, k=0: ps.tril(x, k), "triu": lambda x, k=0: ps.triu(x, k),
    "meshgrid": lambda *x, indexing="xy": list(ps.meshgrid(*x, indexing=indexing)),
}  # fmt: skip
_REDUCED: dict[str, Callable[..., Any]] = {
    "sum": lambda x, axis=None, keepdims=False: ps.cast(
        ps.sum(_t(x), axis=axis, keepdims=keepdims), _whole(x)),
    "prod": lambda x, axis=None, keepdims=False, dtype=None: ps.cast(
        ps.prod(ps.cast(_t(x), dtype or _whole(x)), axis=axis, keepdims=keepdims), dtype or _whole(x)),
    "count_nonzero": lambda x, axis=None: ps.cast(ps.count_nonzero(_t(x), axis=axis), "int32"),
    "argmax": lambda x, axis=None, keepdims=False: _arg(ps.argmax, x, axis, keepdims),
    "argmin": lambda x, axis=None, keepdims=False: _arg(ps.argmin, x, axis, keepdims),
    "argsort": lambda x, axis=-1: ps.cast(_one_axis(ps.argsort, x, axis), "int32"),
    "sort": lambda x, axis=-1: _one_axis(ps.sort, x, axis),
    "cumsum": lambda x, axis=None, dtype=None: ps.cast(_one_axis(ps.cumsum, x, axis), dtype or _whole(x)),
    "cumprod": lambda x, axis=None, dtype=None: ps.cast(_one_axis(ps.cumprod, x, axis), dtype or _whole(x)),
    "average": lambda x, axis=None, weights=None: ps.mean(_f(x), axis=axis) if weights is None
    else ps.sum(_f(x) * weights, axis=axis) / ps.sum(ps.zeros_like(_f(x)) + weights, axis=axis),
    "diff": lambda a, n=1, axis=-1: ps.diff(a, n=n, axis=axis),
    "trace": lambda x, offset=0, axis1=0, axis2=1: ps.cast(ps.trace(_t(x), offset, axis1, axis2), _whole(x)),
}  # fmt: skip
_MADE: dict[str, Callable[..., Any]] = {
    "zeros": lambda shape, dtype=None: ps.zeros(shape, dtype or config.floatx()),
    "ones": lambda shape, dtype=None: ps.ones(shape, dtype or config.floatx()),
    "empty": lambda shape, dtype=None: ps.zeros(shape, dtype or config.floatx()),
    "full": lambda shape, fill_value, dtype=None: ps.cast(ps.broadcast_to(fill_value, _axes(shape)), dtype or config.floatx()),
    "zeros_like": lambda x, dtype=None: _like(x, 0, dtype), "ones_like": lambda x, dtype=None: _like(x, 1, dtype),
    "empty_like": lambda x, dtype=None: _like(x, 0, dtype),
    "full_like": lambda x, fill_value, dtype=None: _like(x, fill_value, dtype),
    "eye": lambda N, M=None, k=0, dtype=None: ps.eye(N, M, k=k, dtype=dtype or config.floatx()),
    "identity": lambda n, dtype=None: ps.eye(n, dtype=dtype or config.floatx()), "arange": _arange,
    "array": lambda x, dtype=None: _t(x) if dtype is None else ps.cast(_t(x), dtype), "copy": lambda x: ps.identity(_t(x)),
}  # fmt: skip
_OTHER: dict[str, Callable[..., Any]] = {
    "round": _round, "where": _where,
    "ceil": lambda x: ps.ceil(_f(x)), "floor": lambda x: ps.floor(_f(x)), "trunc": lambda x: ps.trunc(_f(x)),
    "clip": lambda x, x_min, x_max: ps.clip(_t(x), x_min, x_max),
    "einsum": lambda subscripts, *operands: ps.einsum(subscripts, *operands),
    "tensordot": lambda x1, x2, axes=2: ps.tensordot(x1, x2, axes=axes),
    "vdot": lambda x1, x2: ps.sum(ps.reshape(x1, (-1,)) * ps.reshape(x2, (-1,))),
    "cross": lambda x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None: ps.linalg.cross(
        x1, x2, axis=axisa if axis is None else axis),
    "nan_to_num": lambda x, nan=0.0, posinf=None, neginf=None: _finite(x, nan, posinf, neginf),
    "nonzero": lambda x: tuple(ps.cast(t, "int32") for t in ps.nonzero(_t(x))),
    "searchsorted": lambda sorted_sequence, values, side="left": ps.cast(
        ps.searchsorted(sorted_sequence, values, side=side), "int32"),
    "digitize": lambda x, bins: ps.cast(ps.searchsorted(bins, x, side="right"), "int32"),
    "ndim": lambda x: _t(x).ndim,
}  # fmt: skip


def _finite(x: Any, nan: float, posinf: float | None, neginf: float | None) -> Any:
    x = _t(x)
    if x.dtype.kind != "float":
        return x
    facts = ps.finfo(x.dtype)
    high, low = facts.max if posinf is None else posinf, facts.min if neginf is None else neginf
    x = ps.where(ps.isnan(x), ps.cast(_t(nan), x.dtype), x)
    x = ps.where(x == ps.inf, ps.cast(_t(high), x.dtype), x)
    return ps.where(x == -ps.inf, ps.cast(_t(low), x.dtype), x)


ROWS: dict[str, Callable[..., Any]] = {
    **{name: _float_unary(fn) for name, fn in _FLOAT_UNARY.items()},
    **{name: _unary(fn) for name, fn in _UNARY.items()},
    **{name: _binary(fn) for name, fn in _BINARY.items()},
    **{name: _bits(fn) for name, fn in _BITS.items()},
    **{name: _mean(fn) for name, fn in _MEANS.items()},
    **{name: _test(fn) for name, fn in _TESTS.items()},
    **{
        name: _extreme(fn, ps.maximum if fn is ps.max else ps.minimum)
        for name, fn in _EXTREMES.items()
    },
    **_SHAPES,
    **_REDUCED,
    **_MADE,
    **_OTHER,
}
