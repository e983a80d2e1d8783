"""More of `keras.ops.core`: reading and writing parts of tensors, and casts that stay in range."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.ops.table import tensor as _t

_WRITERS: Final = {
    None: ps.scatter_nd_update,
    "add": ps.scatter_nd_add,
    "max": ps.scatter_nd_max,
    "min": ps.scatter_nd_min,
}


def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Put values at coordinates of zeros; several for one place add up."""
    return ps.scatter_nd(_t(indices), _t(values), tuple(shape))


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """Write at coordinates.

    Args:
        inputs: [...].
        indices: [..., axes], coordinates.
        updates: What to write at each.
        reduction: None to replace; "add", "max", "min" or "mul" to combine with what is there.

    Returns:
        A copy of `inputs` with the updates.

    Raises:
        ValueError: There is no such reduction.
    """
    inputs, indices = _t(inputs), _t(indices)
    updates = ps.cast(_t(updates), inputs.dtype)
    if reduction in _WRITERS:
        return _WRITERS[reduction](inputs, indices, updates)
    if reduction != "mul":
        raise InvalidValueError(
            f"[scatter_update] got reduction={reduction!r}; use None, 'add', 'max', 'min' or 'mul'"
        )
    flat = ps.reshape(indices, (-1, indices.shape[-1]))
    rows = ps.reshape(updates, (flat.shape[0], *inputs.shape[indices.shape[-1] :]))

    def step(made: Any, pair: Any) -> Any:
        at = ps.reshape(pair[0], (1, -1))
        now = ps.gather_nd(made, at) * ps.expand_dims(pair[1], axis=0)
        return ps.scatter_nd_update(made, at, now), ps.zeros(())

    return ps.scan(step, inputs, (flat, rows))[0]


def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Any:
    """Read a part that begins at given places and has a given shape.

    Args:
        inputs: [...].
        start_indices: Where it begins on each axis: numbers, or a tensor of them.
        shape: Its sizes; -1 for all that is left, if the beginning is a number.
    """
    x = _t(inputs)
    starts = _numbers(start_indices)
    if starts is not None:
        ends = [None if n == -1 else a + n for a, n in zip(starts, shape, strict=True)]
        return x[tuple(builtins.slice(a, b) for a, b in zip(starts, ends, strict=True))]
    for axis, (start, n) in enumerate(zip(_each(start_indices), shape, strict=True)):
        x = ps.gather(x, _places(start, n, x.shape[axis]), axis=axis)
    return x


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Write a part that begins at given places.

    Args:
        inputs: [...].
        start_indices: Where it begins on each axis: numbers, or a tensor of them.
        updates: The part, with as many axes.

    Returns:
        A copy of `inputs` with the part replaced.
    """
    x = _t(inputs)
    updates = ps.cast(_t(updates), x.dtype)
    starts = _numbers(start_indices)
    if starts is not None:
        return ps.slice_update(x, updates, tuple(starts), (1,) * x.ndim)
    rows = [
        _places(start, n, size)
        for start, n, size in zip(_each(start_indices), updates.shape, x.shape, strict=True)
    ]
    grid = ps.stack(list(ps.meshgrid(*rows, indexing="ij")), -1)
    return ps.scatter_nd_update(x, grid, updates)


def _numbers(indices: Any) -> list[int] | None:
    """Return places as numbers of Python, or None if they are known only when it runs."""
    if isinstance(indices, list | tuple):
        found = [_number(i) for i in indices]
        return None if any(n is None for n in found) else found  # type: ignore[return-value]
    t = _t(indices)
    return None if ps.current_graph() is not None else [int(n) for n in t.numpy().reshape(-1)]


def _number(index: Any) -> int | None:
    if isinstance(index, ps.Tensor):
        return None if ps.current_graph() is not None else int(index)
    return int(index)


def _each(indices: Any) -> list[Any]:
    if isinstance(indices, list | tuple):
        return [_t(i) for i in indices]
    t = _t(indices)
    return [t[n] for n in range(int(t.shape[0]))]


def _places(start: Any, count: Any, size: Any) -> Any:
    """List the places of a part; one that would reach beyond the end begins earlier."""
    start = ps.clip(ps.cast(ps.reshape(start, ()), "int64"), 0, size - count)
    return start + ps.arange(0, count, 1)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Cast; numbers out of the dtype's range become its extremes."""
    x, wanted = _t(x), ps.dtypes.as_dtype(dtype)
    if wanted.kind not in ("signed", "unsigned") or x.dtype.kind == "bool":
        return ps.cast(x, wanted)
    facts = ps.iinfo(wanted)
    if x.dtype.kind == "float":
        made = ps.cast(ps.clip(x, float(facts.min), float(facts.max)), wanted)
        # The largest number may have no float: the next one lies out of range.
        return ps.where(x >= float(facts.max), ps.full_like(made, facts.max), made)
    mine = ps.iinfo(x.dtype)
    low, high = max(mine.min, facts.min), min(mine.max, facts.max)
    return ps.cast(ps.clip(x, low, high), wanted)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn for fn in (scatter, scatter_update, slice, slice_update, saturate_cast)
}
