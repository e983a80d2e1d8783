"""Runs in threads of their own, and what one holds of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, ParamSpec, TypeVar

from penstock import _native
from penstock._native import CancelToken
from penstock.errors import GraphError
from penstock.run_options import RunOptions

P = ParamSpec("P")
R = TypeVar("R")


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


__all__ = ["RunFuture", "submit"]
