"""More of `keras.ops.numpy`: parts of tensors, and tensors of parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.ops.numpy_rows import ROWS as BASE
from penstock_keras_api.ops.table import tensor as _t


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Join two tensors along an axis; without one, all their elements."""
    x1, x2 = _t(x1), _t(x2)
    if axis is None:
        x1, x2, axis = ps.reshape(x1, (-1,)), ps.reshape(x2, (-1,)), 0
    return BASE["concatenate"]([x1, x2], axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Split into parts, of which the first may be larger by one."""
    x = _t(x)
    if not isinstance(indices_or_sections, int):
        return BASE["split"](x, indices_or_sections, axis)  # type: ignore[no-any-return]
    size = x.shape[axis] // indices_or_sections
    rest = x.shape[axis] - size * indices_or_sections
    cuts, at = [], 0
    for part in range(indices_or_sections - 1):
        at += size + (part < rest)
        cuts.append(at)
    return BASE["split"](x, cuts, axis)  # type: ignore[no-any-return]


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the second axis, or the only one."""
    x = _t(x)
    return BASE["split"](x, indices_or_sections, 0 if x.ndim == 1 else 1)  # type: ignore[no-any-return]


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the first axis."""
    return BASE["split"](x, indices_or_sections, 0)  # type: ignore[no-any-return]


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the third axis."""
    return BASE["split"](x, indices_or_sections, 2)  # type: ignore[no-any-return]


def dstack(xs: Any) -> Any:
    """Join along the third axis."""
    return BASE["concatenate"]([_deep(x) for x in xs], 2)


def _deep(x: Any) -> Any:
    x = _t(x)
    if x.ndim < 2:
        return ps.reshape(x, (1, -1, 1))
    return ps.expand_dims(x, axis=-1) if x.ndim == 2 else x


def diagflat(x: Any, k: int = 0) -> Any:
    """Put all elements on a diagonal of a matrix."""
    return ps.diag(ps.reshape(_t(x), (-1,)), k)


def fliplr(x: Any) -> Any:
    """Turn the second axis around."""
    return ps.flip(_t(x), axis=1)


def flipud(x: Any) -> Any:
    """Turn the first axis around."""
    return ps.flip(_t(x), axis=0)


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turn by 90 degrees k times, from the first of two axes towards the second.

    Raises:
        ValueError: The axes are not two different ones.
    """
    x = _t(array)
    if len(axes) != 2 or x.ndim < 2 or axes[0] % x.ndim == axes[1] % x.ndim:
        raise InvalidValueError(
            f"[rot90] got axes={axes!r} for {x.ndim} axes; use two different ones, such as (0, 1)"
        )
    first, second = axes
    k = k % 4
    if k == 2:
        return ps.flip(ps.flip(x, axis=first), axis=second)
    if k == 1:
        return ps.swapaxes(ps.flip(x, axis=second), first, second)
    return ps.flip(ps.swapaxes(x, first, second), axis=second) if k else x


def kron(x1: Any, x2: Any) -> Any:
    """Put x1ᵢⱼ · x2 at every place of x1."""
    a, b = _t(x1), _t(x2)
    ndim = max(a.ndim, b.ndim)
    a = ps.reshape(a, (*(1,) * (ndim - a.ndim), *a.shape))
    b = ps.reshape(b, (*(1,) * (ndim - b.ndim), *b.shape))
    sizes = [m * n for m, n in zip(a.shape, b.shape, strict=True)]
    wide = ps.reshape(a, [n for size in a.shape for n in (size, 1)])
    tall = ps.reshape(b, [n for size in b.shape for n in (1, size)])
    return ps.reshape(wide * tall, sizes)


def argpartition(x: Any, kth: int, axis: Any = -1) -> Any:
    """Find positions that bring the kth element to its place, smaller ones before, larger ones behind."""
    return BASE["argsort"](_t(x), axis)


def size(x: Any) -> Any:
    """Count the elements."""
    made: Any = 1
    for n in _t(x).shape:
        made = made * n
    return made


def view(x: Any, dtype: Any = None) -> Any:
    """Read the same bytes as another dtype; the last axis grows or shrinks with the dtype's size."""
    x = _t(x)
    wanted = x.dtype if dtype is None else ps.dtypes.as_dtype(dtype)
    if wanted == x.dtype:
        return x
    name = wanted.name
    sizes = list(x.shape)
    before, after = (np.dtype(_numpy_dtype(d)).itemsize for d in (x.dtype.name, name))
    if sizes:
        sizes[-1] = sizes[-1] * before // after
    return ps.numpy_function(lambda a: a.view(_numpy_dtype(name)), [x], name, [tuple(sizes)])


def _numpy_dtype(name: str) -> Any:
    with ps.graph.eagerly():
        return ps.zeros((), name).numpy().dtype


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Choose from the first tensor whose condition holds."""
    made = default
    for condition, choice in list(zip(condlist, choicelist, strict=True))[::-1]:
        made = BASE["where"](condition, choice, made)
    return made


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Integrate by trapezoids.

    Args:
        y: [...], heights.
        x: Their places, along the axis; by default dx apart.
        dx: How far places are apart.
        axis: Along which axis.
    """
    y = BASE["moveaxis"](BASE["add"](_t(y), 0.0), axis, -1)
    middles = (y[..., 1:] + y[..., :-1]) / 2
    if x is None:
        return ps.sum(middles * dx, axis=-1)
    x = _t(x)
    x = x if x.ndim == 1 else ps.moveaxis(x, axis, -1)
    return ps.sum(middles * ps.cast(x[..., 1:] - x[..., :-1], y.dtype), axis=-1)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        append, array_split, hsplit, vsplit, dsplit, dstack, diagflat, fliplr, flipud, rot90, kron, argpartition, size,
        view, select, trapezoid,
    )
}  # fmt: skip
