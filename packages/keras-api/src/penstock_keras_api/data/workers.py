"""Threads that all datasets share, and tasks for them.

Whoever waits for a task that no thread has begun runs it himself, so a task may wait for other tasks. Threads
without work end after a while, and all end with the program.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from penstock import _native

_IDLE_SECONDS = 2.0
_MOST_THREADS = 256


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Task:
    """A call that some thread makes.

    Args:
        fn: What to call.
        args: With what.
    """

    __slots__ = ("_args", "_done", "_fn", "_lock", "_started", "error", "value")

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self._fn, self._args = fn, args
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._started = False
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the call, unless somebody has begun it."""
        with self._lock:
            if self._started:
                return
            self._started = True
        try:
            self.value = self._fn(*self._args)
        except BaseException as error:  # told to whoever waits
            self.error = error
        finally:
            self._fn = self._args = None  # type: ignore[assignment]
            self._done.set()

    def cancel(self) -> None:
        """See to it that the call is not begun any more."""
        with self._lock:
            if not self._started:
                self._started = True
                self._fn = self._args = None  # type: ignore[assignment]
                self._done.set()

    @property
    def done(self) -> bool:
        """Whether the call is over."""
        return self._done.is_set()

    def wait(self) -> None:
        """Wait for the end of the call."""
        self.run()
        self._done.wait()

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        self.wait()
        if self.error is not None:
            raise self.error
        return self.value


class Pool:
    """Threads that run tasks."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._tasks: deque[Task] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._closed = False

    def submit(self, task: Task, threads: int) -> None:
        """Have a task run; there may be up to `threads` threads then."""
        with self._condition:
            self._tasks.append(task)
            if self._idle:
                self._condition.notify()
            room = len(self._threads) < min(threads, _MOST_THREADS)
            if self._idle < len(self._tasks) and room and not self._closed:
                thread = threading.Thread(target=self._work, name="penstock-data", daemon=True)
                self._threads.add(thread)
                thread.start()

    def _work(self) -> None:
        _native.set_thread_serial(True)  # tasks run beside each other instead
        try:
            while (task := self._next()) is not None:
                task.run()
                del task
        finally:
            with self._condition:
                self._threads.discard(threading.current_thread())

    def _next(self) -> Task | None:
        with self._condition:
            while not self._tasks:
                self._idle += 1
                told = self._condition.wait(_IDLE_SECONDS)
                self._idle -= 1
                if self._closed or (not told and not self._tasks):
                    return None
            return self._tasks.popleft()

    def close(self) -> None:
        """End all threads; those that run a task end after it."""
        with self._condition:
            self._closed = True
            waiting, self._threads = set(self._threads), set()
            self._tasks.clear()
            self._condition.notify_all()
        for thread in waiting:
            thread.join(0.2)


_pool = Pool()


def pool() -> Pool:
    """Return the process's pool."""
    return _pool


def _end() -> None:
    _pool.close()


def _begin_anew() -> None:
    global _pool
    _pool = Pool()  # the threads have stayed in the parent


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
