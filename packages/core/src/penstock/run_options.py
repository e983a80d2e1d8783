"""Deadlines and cancelling: what a caller may ask of everything that runs in a block, and runs in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

from penstock import _native
from penstock._native import CancelToken, RunScope
from penstock.errors import GraphError

P = ParamSpec("P")
R = TypeVar("R")


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


class RunFuture(Future[R], Generic[R]):
    """The result of a run in another thread: a `concurrent.futures.Future` that can be cancelled while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.token = CancelToken()

    def cancel(self) -> bool:
        """Ask the run to stop; it then ends with a CancelledError.

        Returns:
            False when it is over already.
        """
        self.token.cancel()
        return not self.done()


def submit(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunFuture[R]:
    """Call a function in a thread of its own, and return at once.

    Any number may run at a time. Deadlines and tokens of the block around the call do not go along.

    Args:
        fn: A traced function, or any other.
        args: Its arguments.
        kwargs: Its arguments by name.

    Returns:
        A future, with `result()`, `done()`, `cancel()` and what else `concurrent.futures.Future` has;
        `asyncio.wrap_future` makes it one to `await`.

    Raises:
        GraphError: A graph is being built: there is nothing to run yet.

    >>> import penstock as ps
    >>> double = ps.function(lambda x: x + x)
    >>> ps.submit(double, ps.ones((2,))).result()
    Tensor([2., 2.], shape=(2,), dtype=float32)
    """
    if _native.current_graph() is not None:
        raise GraphError(
            "[submit] a graph is being built, which runs later; call the function itself, and submit what runs the graph"
        )
    future: RunFuture[R] = RunFuture()
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            with RunOptions(cancel=future.token):
                result = fn(*args, **kwargs)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name="penstock-run", daemon=True).start()
    return future


__all__ = ["CancelToken", "RunFuture", "RunOptions", "submit"]
