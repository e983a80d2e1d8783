"""Python's `if`, `while`, `for`, `and`, `or`, `not`, `assert`, `break`, `continue` and `return` over tensors.

`@function` rewrites the source of what it traces, and of the functions of yours that it calls, so that such statements
become control flow of the graph where a tensor of the graph decides. Python values stay Python's. `@function(autograph=
False)` leaves a function as it is, `do_not_convert` one that is called.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

from penstock.autograph._convert import MARK, source_of
from penstock.errors import InvalidTypeError, InvalidValueError

__all__ = ["do_not_convert", "to_code"]

F = TypeVar("F", bound=Callable[..., Any])


def do_not_convert(fn: F) -> F:
    """Leave a function as it is written when traced functions call it.

    Args:
        fn: A function.

    Returns:
        The same function.

    Raises:
        InvalidTypeError: It is no Python function.

    Example:
        >>> @penstock.autograph.do_not_convert
        ... def chosen(x):
        ...     return x
        >>> chosen(1)
        1
    """
    if not isinstance(fn, types.FunctionType):
        raise InvalidTypeError(
            f"[do_not_convert] got {type(fn).__name__}; give a function written in Python"
        )
    setattr(fn, MARK, "off")
    return fn


def to_code(fn: Callable[..., Any]) -> str:
    """Return the source that `@function` runs in place of a function's own.

    Args:
        fn: A function written in Python, in a file.

    Returns:
        The rewritten source.

    Raises:
        InvalidTypeError: It is no Python function.
        InvalidValueError: Its source cannot be had, or not be rewritten; it is then run as it is.

    Example:
        >>> import textwrap
        >>> print(penstock.autograph.to_code(textwrap.dedent).splitlines()[0])
        def ps__factory(ps__):
    """
    inner = getattr(fn, "__wrapped__", fn)
    if not isinstance(inner, types.FunctionType):
        raise InvalidTypeError(
            f"[to_code] got {type(fn).__name__}; give a function written in Python"
        )
    try:
        return source_of(inner)
    except (OSError, SyntaxError, ValueError, TypeError) as error:
        raise InvalidValueError(
            f"[to_code] {inner.__name__} is run as it is, since {error}; write it with def, in a file"
        ) from error
