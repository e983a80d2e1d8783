"""Deadlines and cancelling: what a caller may ask of everything that runs in a block."""

from __future__ import annotations

import threading
from types import TracebackType

from penstock._native import CancelToken, RunScope


class _Entered(threading.local):
    """The scopes that this thread is in."""

    def __init__(self) -> None:
        self.scopes: list[RunScope] = []


_entered = _Entered()


class RunOptions:
    """Let whatever runs in a block end by a deadline, or when a token is cancelled.

    Ops, traced functions and sessions are stopped between steps and inside of long kernels, with a CancelledError.
    Blocks nest: all of their conditions hold. `Session.run` takes one as `options`.

    Args:
        timeout: Seconds from the beginning of the block; None for no deadline.
        cancel: A token; None for none.

    Raises:
        ValueError: The timeout is negative.

    >>> import penstock as ps
    >>> with ps.RunOptions(timeout=0.0):
    ...     ps.ones((2,)) + 1
    Traceback (most recent call last):
    penstock.errors.CancelledError: [full] the run was cancelled: its time is over
    """

    def __init__(self, timeout: float | None = None, cancel: CancelToken | None = None) -> None:
        self.timeout = timeout
        self.cancel = cancel
        RunScope(timeout, cancel)  # refuses what is wrong here, not where the block begins

    def __enter__(self) -> RunOptions:
        scope = RunScope(self.timeout, self.cancel)
        scope.enter()
        _entered.scopes.append(scope)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _entered.scopes.pop().leave()


__all__ = ["CancelToken", "RunOptions"]
