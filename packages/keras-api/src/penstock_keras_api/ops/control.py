"""More of `keras.ops.core`: control flow, with functions among the arguments."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.ops.table import tensor as _t


def _tensors(structure: Any) -> Any:
    return tree.map_structure(_t, structure)


def _results(structure: Any) -> Any:
    return tree.map_structure(_t, structure, none_is_leaf=False)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return what one of two functions of no arguments returns."""
    if isinstance(pred, bool):
        return _results(true_fn() if pred else false_fn())
    return ps.cond(_t(pred), true_fn, false_fn)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return what one of several functions returns; an index beyond them takes the nearest."""
    last = len(branches) - 1
    if isinstance(index, int):
        return _results(branches[min(max(index, 0), last)](*_tensors(operands)))
    at = ps.clip(ps.cast(_t(index), "int32"), 0, last)
    return ps.switch(at, list(branches), *_tensors(operands))


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Call a function as long as a condition holds.

    Args:
        cond: Gets the variables; returns whether to go on.
        body: Gets the variables; returns new ones of the same shapes and dtypes.
        loop_vars: The first ones: a tuple, a list, or a single one.
        maximum_iterations: After how many calls to stop.

    Returns:
        The last variables.
    """
    several = isinstance(loop_vars, tuple | list)
    first = _tensors(tuple(loop_vars) if several else (loop_vars,))

    def step(*values: Any) -> Any:
        made = body(*values)
        made = tuple(made) if isinstance(made, tuple | list) else (made,)
        return tree.map_structure(lambda new, old: ps.cast(_t(new), old.dtype), made, values)

    made = ps.while_loop(cond, step, first, maximum_iterations)
    return type(loop_vars)(made) if several else made[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any) -> Any:
    """Call a function for every number of a range, with what it returned before."""
    first = _t(lower)
    made = while_loop(
        lambda i, value: i < upper,
        lambda i, value: (i + 1, body_fun(i, value)),
        (first, _tensors(init_val)),
    )
    return made[1]


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """Go through rows and carry a value along.

    Args:
        f: Gets the carried value and a row; returns the next value and a result.
        init: The first value.
        xs: Rows; None if `length` says how often.
        length: How many rows there are.
        reverse: Whether to begin with the last one.
        unroll: Kept for compatibility.

    Returns:
        The last value, and all results in the order of the rows.

    Raises:
        ValueError: Neither `xs` nor `length` is given.
    """
    if xs is None and length is None:
        raise InvalidValueError("[scan] got neither xs nor length; give one of them")
    return ps.scan(f, _tensors(init), None if xs is None else _tensors(xs), length, reverse)


def map(f: Callable[..., Any], xs: Any) -> Any:
    """Call a function for every row, one after the other."""
    return ps.map(f, _tensors(xs))


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """Call a function for all rows at once."""
    return ps.vmap(function)(_tensors(elements))


def associative_scan(
    f: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Combine all rows up to each one.

    Args:
        f: Combines two values; f(f(a, b), c) must be f(a, f(b, c)).
        elems: Rows, in any structure.
        reverse: Whether to begin with the last one.
        axis: Along which axis rows lie.

    Returns:
        The structure of `elems`: its first row, the first two combined, the first three, ...
    """
    rows = _tensors(elems)
    if reverse:
        rows = tree.map_structure(lambda t: ps.flip(t, axis=axis), rows)
    count, apart = tree.flatten(rows)[0].shape[axis], 1
    while apart < count:  # rows that hold `apart` values come to hold twice as many
        before = tree.map_structure(lambda t: _cut(t, axis, None, -apart), rows)  # noqa: B023
        behind = tree.map_structure(lambda t: _cut(t, axis, apart, None), rows)  # noqa: B023
        joined = f(before, behind)
        rows = tree.map_structure(
            lambda t, j: ps.concat([_cut(t, axis, None, apart), j], axis),  # noqa: B023
            rows,
            joined,
        )
        apart *= 2
    if reverse:
        rows = tree.map_structure(lambda t: ps.flip(t, axis=axis), rows)
    return rows


def _cut(t: Any, axis: int, start: int | None, stop: int | None) -> Any:
    keys = [builtins.slice(None)] * t.ndim
    keys[axis] = builtins.slice(start, stop)
    return t[tuple(keys)]


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        associative_scan, cond, fori_loop, map, scan, switch, vectorized_map, while_loop,
    )
}  # fmt: skip
