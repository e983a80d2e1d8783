"""`vmap`: a function of one example becomes a function of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from penstock import (
    _batching_control,  # noqa: F401 - attaches the rules of control flow
    _native,
    control,
    ops,
)
from penstock._batching import CannotBatchError, evaluate
from penstock._bodies import as_tensor, build, is_building, within
from penstock._dataclass import dataclass
from penstock._native import Tensor
from penstock._trace import is_traced
from penstock.autograph._convert import converted
from penstock.errors import AxisError, InvalidTypeError, InvalidValueError
from penstock.ops.indexed_slices import IndexedSlices

__all__ = ["vmap"]


def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Make a function of many examples out of a function of one.

    `vmap(fn)(xs)[i] = fn(xs[i])`, computed by calling each op of `fn` once for all examples. Ops that have no such
    call are called example by example. Random numbers differ from example to example.

    Args:
        fn: A function of tensors; may have gradients, control flow and other `vmap`s inside.
        in_axes: Which axis of each positional argument counts the examples; None for an argument that all share.
            One number for all arguments, or a tuple with an entry for each, which may be structured as the argument
            is. Keyword arguments count examples along axis 0. What is no tensor, array or number is shared.
        out_axes: Where the results get that axis; one number, or structured as the result is. None for a result
            that is the same for all examples.

    Returns:
        A function of the same arguments, for eager calls and inside of `@function`.

    Raises:
        AxisError: A tensor has no such axis.
        InvalidTypeError: An axis is no whole number.
        InvalidValueError: `in_axes` does not fit the arguments, nothing counts examples, their numbers differ, or a
            result with `out_axes=None` differs from example to example.

    Example:
        >>> penstock.vmap(penstock.sum)(penstock.asarray([[1.0, 2.0], [3.0, 4.0]]))
        Tensor([3., 7.], shape=(2,), dtype=float32)
        >>> per_example = penstock.vmap(penstock.grad(lambda w, x: (w * x) ** 2), in_axes=(None, 0))
        >>> per_example(penstock.asarray(3.0), penstock.asarray([1.0, 2.0]))
        Tensor([ 6., 24.], shape=(2,), dtype=float32)
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = _Arguments.sort(args, kwargs, in_axes)
        if is_building(args, kwargs):
            with within(args, kwargs):
                return _run(fn, given, out_axes)
        return _run(fn, given, out_axes)

    return wrapped


@dataclass
class _Arguments:
    """A call's arguments: the tensors that count examples, first axis first, and a way to put others in their place."""

    structure: Any
    leaves: list[Any]
    places: list[int]  # of the rows among the leaves
    rows: list[Tensor]
    size: Any

    @staticmethod
    def sort(args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any) -> _Arguments:
        leaves, structure = _native.tree_flatten((args, kwargs))
        axes = _axes("in_axes", _of_arguments(in_axes, args), list(args))
        axes += _axes("in_axes", 0, kwargs)
        places, rows = [], []
        for i, (leaf, axis) in enumerate(zip(leaves, axes, strict=True)):
            if axis is None or not (is_traced(leaf) or hasattr(leaf, "__penstock_tensor__")):
                continue
            t = as_tensor("[vmap] an argument", leaf)
            places.append(i)
            rows.append(_first("in_axes", t, axis))
        return _Arguments(structure, leaves, places, rows, _size(rows))

    def filled(self, row: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        leaves = list(self.leaves)
        for i, t in zip(self.places, row, strict=True):
            leaves[i] = t
        made: tuple[tuple[Any, ...], dict[str, Any]] = _native.tree_unflatten(
            self.structure, leaves
        )
        return made


def _run(fn: Callable[..., Any], given: _Arguments, out_axes: Any) -> Any:
    body_of_one = converted(fn)  # it is traced, also when the call is eager

    def one(row: Sequence[Tensor]) -> Any:
        args, kwargs = given.filled(row)
        return _dense(body_of_one(*args, **kwargs))

    body = build("vmap", [(t.dtype, t.shape[1:]) for t in given.rows], one)
    flags = [True] * len(given.rows) + [False] * len(body.captured)
    try:
        made, flags = evaluate(body.graph, [*given.rows, *body.captured], flags, given.size)
    except CannotBatchError:
        result = control.map(one, given.rows)
        found: list[Any] = _native.tree_flatten(result)[0]
        made = [t for t in found if t is not None]
        flags = [True] * len(made)
    whole = _native.tree_unflatten(body.structure, made)
    leaves: list[Any]
    leaves, structure = _native.tree_flatten(whole)
    axes = _axes("out_axes", out_axes, whole)
    flag = iter(flags)
    placed = [
        leaf if leaf is None else _placed(leaf, next(flag), axis, given.size)
        for leaf, axis in zip(leaves, axes, strict=True)
    ]
    return _native.tree_unflatten(structure, placed)


def _placed(t: Tensor, rows: bool, axis: int | None, size: Any) -> Tensor:
    """Put the examples' axis of a result where it is wanted."""
    if axis is None:
        if rows:
            raise InvalidValueError(
                "[vmap] out_axes is None for a result that differs from example to example; give it an axis: 0"
            )
        return t
    if not rows:
        t = ops.broadcast_to(t, (size, *t.shape))
    _check_axis("out_axes", t, axis)
    return t if axis % t.ndim == 0 else ops.moveaxis(t, 0, axis)


def _first(what: str, t: Tensor, axis: int) -> Tensor:
    _check_axis(what, t, axis)
    return t if axis % t.ndim == 0 else ops.moveaxis(t, axis, 0)


def _check_axis(what: str, t: Tensor, axis: int) -> None:
    if not -t.ndim <= axis < t.ndim:
        raise AxisError(
            f"[vmap] {what} has {axis} for a tensor of shape {t.shape}; give one of its axes, or None for a tensor "
            "that all examples share"
        )


def _size(rows: Sequence[Tensor]) -> Any:
    if not rows:
        raise InvalidValueError(
            "[vmap] no argument counts examples; give at least one tensor whose entry of in_axes is not None"
        )
    size = rows[0].shape[0]
    for t in rows[1:]:
        if t.shape[0] != size:
            sizes = ", ".join(str(t.shape[0]) for t in rows)
            raise InvalidValueError(
                f"[vmap] the arguments hold {sizes} examples; give all the same number, or None in in_axes for what "
                "they share"
            )
    return size


def _of_arguments(in_axes: Any, args: tuple[Any, ...]) -> Any:
    if in_axes is None or isinstance(in_axes, int):
        return in_axes
    if not isinstance(in_axes, (tuple, list)):
        raise InvalidTypeError(
            f"[vmap] in_axes is {in_axes!r}; it must be a whole number, None, or a tuple with one entry for each "
            "positional argument"
        )
    if len(in_axes) != len(args):
        raise InvalidValueError(
            f"[vmap] in_axes has {len(in_axes)} entries and the call {len(args)} positional arguments; give one for "
            "each"
        )
    return list(in_axes)


def _axes(what: str, axes: Any, value: Any) -> list[int | None]:
    """Give every leaf of `value` its axis; one axis stands for all that is below it."""
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes] * len(_native.tree_flatten(value)[0])
    if isinstance(axes, (tuple, list)) and isinstance(value, (tuple, list)):
        pairs = list(zip(axes, value, strict=False)) if len(axes) == len(value) else None
    elif isinstance(axes, dict) and isinstance(value, dict):
        pairs = [(axes[k], value[k]) for k in value] if set(axes) == set(value) else None
    elif isinstance(axes, (tuple, list, dict)):
        pairs = None
    else:
        raise InvalidTypeError(f"[vmap] {what} holds {axes!r}; an axis is a whole number or None")
    if pairs is None:
        raise InvalidValueError(
            f"[vmap] {what} is structured as {axes!r}, which the value is not; structure it alike, or give one axis "
            "for all"
        )
    return [axis for a, v in pairs for axis in _axes(what, a, v)]


def _dense(result: Any) -> Any:
    """Rows of a table become the table: every example has its own."""
    if isinstance(result, IndexedSlices):
        return result.to_dense()
    if isinstance(result, dict):
        return {key: _dense(value) for key, value in result.items()}
    if type(result) in (tuple, list):
        return type(result)(_dense(value) for value in result)
    return result
