"""`Coordinator` and `QueueRunner`: threads that fill queues, and how they end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from penstock.errors import CancelledError, GraphError, InvalidValueError, OutOfRangeError
from penstock.queues import QueueBase

if TYPE_CHECKING:
    from penstock.graph import Operation
    from penstock.session import Session

_CLEAN_STOPS = (OutOfRangeError,)


class Coordinator:
    """Lets several threads end together: each asks `should_stop`, any may call `request_stop`.

    Args:
        clean_stop_exception_types: Errors that end the threads and are no failure.

    >>> coord = Coordinator()
    >>> def work():
    ...     with coord.stop_on_exception():
    ...         while not coord.should_stop():
    ...             coord.request_stop()
    >>> thread = threading.Thread(target=work)
    >>> thread.start()
    >>> coord.join([thread])
    """

    def __init__(
        self, clean_stop_exception_types: Sequence[type[BaseException]] = _CLEAN_STOPS
    ) -> None:
        self._clean = tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._threads: list[threading.Thread] = []
        self.joined = False

    def request_stop(self, ex: BaseException | None = None) -> None:
        """Ask all threads to stop.

        Args:
            ex: Why; the first one that is no clean stop is raised by `join`.

        Raises:
            Nothing.
        """
        with self._lock:
            if ex is not None and self._error is None and not self._stop.is_set():
                self._error = None if isinstance(ex, self._clean) else ex
            self._stop.set()

    def should_stop(self) -> bool:
        """Say whether anybody asked to stop."""
        return self._stop.is_set()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until somebody asks to stop.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            False when the time passed first.

        Raises:
            Nothing.
        """
        return self._stop.wait(timeout)

    def clear_stop(self) -> None:
        """Begin anew, after `join`."""
        with self._lock:
            self._error = None
            self._stop.clear()
            self.joined = False

    @contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Ask all threads to stop when the block raises; `join` raises the error again.

        Raises:
            Nothing.
        """
        try:
            yield
        except BaseException as error:
            self.request_stop(error)

    def register_thread(self, thread: threading.Thread) -> None:
        """Add a thread that `join` waits for."""
        with self._lock:
            self._threads.append(thread)

    def raise_requested_exception(self) -> None:
        """Raise the error that ended the threads, if one did.

        Raises:
            BaseException: That error.
        """
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def join(
        self,
        threads: Sequence[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120.0,
        ignore_live_threads: bool = False,
    ) -> None:
        """Wait until the threads have ended, and raise the error that ended them.

        Args:
            threads: Which, besides the registered ones.
            stop_grace_period_secs: So long may a thread take after somebody asked to stop.
            ignore_live_threads: Leave threads alone that take longer.

        Raises:
            RuntimeError: Threads take longer.
            BaseException: What a thread raised.
        """
        with self._lock:
            waited = list(dict.fromkeys([*self._threads, *(threads or ())]))
        while any(t.is_alive() for t in waited) and not self.wait_for_stop(0.02):
            pass
        deadline = time.monotonic() + stop_grace_period_secs
        for t in waited:
            t.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            self._threads.clear()
            self.joined = True
        self.raise_requested_exception()
        alive = [t.name for t in waited if t.is_alive()]
        if alive and not ignore_live_threads:
            raise RuntimeError(
                f"[Coordinator.join] {', '.join(alive)} did not stop in {stop_grace_period_secs} seconds; let them ask "
                "should_stop(), or close the queues that they wait for"
            )


class QueueRunner:
    """Threads that run enqueue operations until the queue is closed, the input ends, or a coordinator stops them.

    Args:
        queue: The queue they fill.
        enqueue_ops: One operation for each thread.
        queue_closed_exception_types: Errors that say that there is no more input.

    Raises:
        InvalidValueError: There are no operations.
    """

    def __init__(
        self,
        queue: QueueBase,
        enqueue_ops: Sequence[Operation],
        queue_closed_exception_types: Sequence[type[BaseException]] = (
            OutOfRangeError,
            CancelledError,
        ),
    ) -> None:
        if not enqueue_ops:
            raise InvalidValueError(
                "[QueueRunner] there are no enqueue_ops; give one for each thread: [queue.enqueue(x)] * 4"
            )
        self.queue = queue
        self.enqueue_ops = list(enqueue_ops)
        self.exceptions_raised: list[BaseException] = []
        self._ends = tuple(queue_closed_exception_types)
        self._lock = threading.Lock()
        self._running = 0

    def create_threads(
        self,
        sess: Session,
        coord: Coordinator | None = None,
        daemon: bool = False,
        start: bool = False,
    ) -> list[threading.Thread]:
        """Make the threads.

        Args:
            sess: Runs the operations.
            coord: Stops them, and hears of their errors; without one they are kept in `exceptions_raised`.
            daemon: The program may end while they run.
            start: Start them too.

        Returns:
            The threads; one more than operations, if there is a coordinator: it closes the queue when asked to stop.

        Raises:
            Nothing.
        """
        with self._lock:
            self._running += len(self.enqueue_ops)
        threads = [
            threading.Thread(
                target=self._fill, args=(sess, op, coord), name=f"{self.queue.name}-{i}"
            )
            for i, op in enumerate(self.enqueue_ops)
        ]
        if coord is not None:
            threads.append(
                threading.Thread(
                    target=self._close_on_stop, args=(coord,), name=f"{self.queue.name}-close"
                )
            )
        for t in threads:
            t.daemon = daemon
            if coord is not None:
                coord.register_thread(t)
            if start:
                t.start()
        return threads

    def _fill(self, sess: Session, operation: Operation, coord: Coordinator | None) -> None:
        try:
            while coord is None or not coord.should_stop():
                sess.run(operation)
        except self._ends:
            pass  # the input has ended, or somebody closed the queue
        except BaseException as error:
            if coord is None:
                self.exceptions_raised.append(error)
            else:
                coord.request_stop(error)
        finally:
            with self._lock:
                self._running -= 1
                last = self._running == 0
            if last:
                self.queue.close_now()

    def _close_on_stop(self, coord: Coordinator) -> None:
        while not coord.wait_for_stop(0.02):
            if self._running == 0:
                return
        self.queue.close_now(cancel_pending_enqueues=True)


_runners: dict[Any, list[QueueRunner]] = {}


def add_queue_runner(runner: QueueRunner) -> None:
    """Keep a runner with the graph that is being built, for `start_queue_runners`.

    Args:
        runner: The runner.

    Raises:
        Nothing.
    """
    from penstock.v1._graph import get_default_graph

    _runners.setdefault(get_default_graph(), []).append(runner)


def start_queue_runners(
    sess: Session | None = None, coord: Coordinator | None = None, daemon: bool = True
) -> list[threading.Thread]:
    """Start the threads of all runners of a session's graph.

    Args:
        sess: By default that of the `with` block around.
        coord: Stops them.
        daemon: The program may end while they run.

    Returns:
        The threads.

    Raises:
        GraphError: There is no session.
    """
    from penstock.session import default_session

    chosen = default_session() if sess is None else sess
    if chosen is None:
        raise GraphError(
            "[start_queue_runners] there is no session; write `with tf.Session() as sess:` around it, or give sess="
        )
    runners = _runners.get(chosen.graph, [])
    return [t for r in runners for t in r.create_threads(chosen, coord, daemon, start=True)]


__all__ = ["Coordinator", "QueueRunner", "add_queue_runner", "start_queue_runners"]
