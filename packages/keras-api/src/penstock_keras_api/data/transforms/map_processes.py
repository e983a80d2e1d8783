"""`map` in processes: for Python functions that keep the interpreter busy.

Processes are forked, so the function need not be picklable; elements and results travel as NumPy arrays.
"""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidValueError, PenstockError
from penstock_keras_api.data import elements
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.transforms.map import AheadMapStream, Calls, Raised

if TYPE_CHECKING:
    from penstock_keras_api.data.transforms.map import MapNode

# What a process finds under its number, because it was forked after it was put here.
_functions: dict[int, Calls] = {}
_numbers = itertools.count()


def _call(key: int, element: Any, number: int) -> Any:
    made = _functions[key](element, number)
    return elements.mapped(elements.as_numpy, made)


class ProcessMapStream(AheadMapStream):
    """A pass in which processes call the function."""

    has_rows = False

    def __init__(self, node: MapNode, source: Stream, calls: Calls) -> None:
        super().__init__(node, source, calls)
        if "fork" not in multiprocessing.get_all_start_methods():
            raise InvalidValueError(
                "[map] this system cannot fork processes; leave processes=... out, and use num_parallel_calls for threads"
            )
        self._key = next(_numbers)
        self._executor: ProcessPoolExecutor | None = None

    def rows(self, most: int) -> tuple[int, Any]:
        """Return results as rows."""
        return Stream.rows(self, most)

    def _start(self) -> ProcessPoolExecutor:
        if self._executor is None:
            _functions[self._key] = self._calls
            self._executor = ProcessPoolExecutor(
                self._node.processes, multiprocessing.get_context("fork")
            )
        return self._executor

    def __next__(self) -> Any:
        self._fill()
        if not self._running:
            raise StopIteration
        now = self._running.popleft()
        number, self._at = self._at, self._at + 1
        if not isinstance(now, Future):
            return now()
        try:
            return now.result()
        except BrokenProcessPool:
            raise PenstockError(
                f"[map] a process ended while it worked on element {number} or one near it; is there enough memory? "
                "Use fewer processes, or threads: num_parallel_calls"
            ) from None

    def _fill(self) -> None:
        while not self._ended and len(self._running) < 2 * self._node.processes:
            there, element = self._pull()
            if not there:
                return
            number, self._pulled = self._pulled, self._pulled + 1
            if isinstance(element, Raised):
                self._running.append(element)
                return
            given = elements.mapped(elements.as_numpy, element)
            self._running.append(self._start().submit(_call, self._key, given, number))

    def advance(self, count: int) -> int:
        """Go over elements; of those that are under way the results are dropped."""
        gone = 0
        while gone < count:
            self._fill()
            if not self._running:
                break
            self._running.popleft()
            self._at += 1
            gone += 1
        return gone

    def close(self) -> None:
        """End the processes."""
        self._drop()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
        _functions.pop(self._key, None)
        self._input.close()
