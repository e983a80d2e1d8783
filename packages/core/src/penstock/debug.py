"""Hunting for mistakes in numbers."""

from __future__ import annotations

from types import TracebackType

from penstock import _native


class debug_nans:  # noqa: N801 - read as a function
    """Stop at the first op that makes a NaN or an infinity, naming the op and the line that called it.

    Works for the rest of the program, or for a block. Every output is looked at, so programs run slower.

    Args:
        on: Whether to look.

    Raises:
        NumericError: Later, from the op that made the value.

    >>> import penstock as ps
    >>> with ps.debug_nans():
    ...     ps.log(ps.asarray(-1.0))
    Traceback (most recent call last):
    penstock.errors.NumericError: [log] produced NaN at flat index 0 of its output of shape ()...
    """

    def __init__(self, on: bool = True) -> None:
        self._before = _native.get_debug_nans()
        _native.set_debug_nans(on)

    def __enter__(self) -> debug_nans:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _native.set_debug_nans(self._before)
