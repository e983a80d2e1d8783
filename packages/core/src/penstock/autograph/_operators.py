"""What rewritten code calls for operators: Python's own meaning for Python values, ops for tensors of a graph."""

from __future__ import annotations

import builtins
import operator
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from penstock import ops
from penstock._native import Tensor
from penstock.autograph._convert import converted, converted_for_us, is_ours
from penstock.errors import GraphError


def is_symbolic(value: Any) -> bool:
    """Whether a value is only known when the graph runs."""
    if hasattr(value, "__penstock_tensor__"):
        value = value.__penstock_tensor__()
    return isinstance(value, Tensor) and value.is_symbolic


def truth(value: Any) -> Tensor:
    """A graph's tensor as a condition: numbers are true when they are not zero."""
    t = ops.asarray(value)
    return t if t.dtype == "bool" else ops.not_equal(t, 0)


def and_(left: Callable[[], Any], right: Callable[[], Any]) -> Any:
    """`left and right`; both are computed where the left one is only known later."""
    first = left()
    if not is_symbolic(first):
        return first and right()
    second = right()
    if not is_symbolic(second) and isinstance(second, bool):
        return first if second else ops.logical_and(truth(first), False)
    return ops.logical_and(truth(first), truth(second))


def or_(left: Callable[[], Any], right: Callable[[], Any]) -> Any:
    """`left or right`; both are computed where the left one is only known later."""
    first = left()
    if not is_symbolic(first):
        return first or right()
    return ops.logical_or(truth(first), truth(right()))


def not_(value: Any) -> Any:
    """`not value`."""
    return ops.logical_not(truth(value)) if is_symbolic(value) else not value


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "In": lambda a, b: a in b,
    "NotIn": lambda a, b: a not in b,
}


def chain(signs: Sequence[str], *sides: Callable[[], Any]) -> Any:
    """`a < b < c`: each side is computed once, and only while what is known holds."""
    left = sides[0]()
    found: Any = True
    for sign, side in zip(signs, sides[1:], strict=True):
        right = side()
        holds = _SIGNS[sign](left, right)
        found = holds if found is True else and_(lambda a=found: a, lambda b=holds: b)  # type: ignore[misc]
        if not is_symbolic(found) and not found:
            return found
        left = right
    return found


def none_of(*flags: Any) -> Any:
    """Whether no flag is set; those that are known decide at once."""
    later = [flag for flag in flags if is_symbolic(flag)]
    if any(flag for flag in flags if not is_symbolic(flag)):
        return False
    if not later:
        return True
    found = later[0]
    for flag in later[1:]:
        found = ops.logical_or(found, flag)
    return ops.logical_not(found)


def if_exp(test: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """`yes if test else no`."""
    if not is_symbolic(test):
        return yes() if test else no()
    from penstock import control

    return control.cond(truth(test), yes, no)


def assert_(test: Callable[[], Any], message: Callable[[], Any]) -> None:
    """`assert test, message`; checked when the graph runs where it is only known then."""
    if not __debug__:
        return
    value = test()
    if not is_symbolic(value):
        assert value, message()
        return
    words = message()
    ops.assert_true(ops.all(truth(value)), "assertion failed" if words is None else str(words))


def callee(fn: Any) -> Any:
    """What runs in place of a function that is called: one of the user's is rewritten too, also as an argument of ours.

    It is called by the rewritten code itself, so that what looks at its caller's line finds it.
    """
    for known, mine in _COUNTING:
        if fn is known:
            return mine
    if not is_ours(fn):
        return converted(fn)
    return _Ours(fn) if isinstance(fn, (types.FunctionType, types.MethodType)) else fn


class _Ours:
    """A function of this project, which may be given functions of the user's."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._fn = fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple(converted_for_us(a) for a in args)
        return self._fn(*args, **{key: converted_for_us(value) for key, value in kwargs.items()})


@dataclass(frozen=True)
class Range:
    """A range whose ends are only known when the graph runs."""

    start: Any
    stop: Any
    step: Any

    def __iter__(self) -> Any:
        raise GraphError(
            "[range] the range ends at a tensor of the graph, so only a `for` of its own can go through it; write "
            "`for i in range(n):`, or use penstock.while_loop"
        )


@dataclass(frozen=True)
class Enumerated:
    """A graph's tensor, row by row, with numbers."""

    rows: Any
    start: Any


@dataclass(frozen=True)
class Zipped:
    """Tensors of a graph, row by row side by side."""

    rows: tuple[Any, ...]


LAZY = (Enumerated, Zipped)


def _range(*ends: Any) -> Any:
    if not any(is_symbolic(end) for end in ends):
        return builtins.range(*ends)
    start, stop, step = (0, *ends, 1) if len(ends) == 1 else (*ends, 1)[:3]
    return Range(start, stop, step)


def _enumerate(rows: Any, start: Any = 0) -> Any:
    if is_symbolic(rows) or isinstance(rows, LAZY):
        return Enumerated(rows, start)
    return builtins.enumerate(rows, start)


def _zip(*rows: Any, strict: bool = False) -> Any:
    if rows and all(is_symbolic(r) or isinstance(r, LAZY) for r in rows):
        return Zipped(rows)
    return builtins.zip(*rows, strict=strict)


_COUNTING: tuple[tuple[Any, Callable[..., Any]], ...] = (
    (range, _range),
    (enumerate, _enumerate),
    (zip, _zip),
)
