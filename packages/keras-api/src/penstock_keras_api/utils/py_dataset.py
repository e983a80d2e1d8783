"""`PyDataset`: batches that Python makes by number, if asked in several threads or processes."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError

_in_process: list[Any] = []  # the object whose batches this process makes


class PyDataset:
    """Give batches by number; a subclass writes `__getitem__` and `__len__`.

    Batches come in the order of their numbers, whatever number of workers makes them.

    Args:
        workers: How many threads or processes make batches; 1 or less for none beside the program's.
        use_multiprocessing: Whether to take processes. The object must then be one that can be pickled.
        max_queue_size: How many batches are made ahead, at most.

    Raises:
        ValueError: `workers` or `max_queue_size` is below 0.

    >>> import numpy as np
    >>> from penstock import keras
    >>> class Squares(keras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return np.full((2, 1), index), np.full((2, 1), index**2)
    >>> Squares(workers=2).num_batches
    3
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        if workers < 0 or max_queue_size < 0:
            raise InvalidValueError(
                f"[PyDataset] got workers={workers} and max_queue_size={max_queue_size}; use numbers of at least 0"
            )
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    @property
    def workers(self) -> int:
        """How many threads or processes make batches."""
        return int(getattr(self, "_workers", 1))

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether processes make batches, not threads."""
        return bool(getattr(self, "_use_multiprocessing", False))

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """How many batches are made ahead, at most."""
        return int(getattr(self, "_max_queue_size", 10))

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no method __getitem__: write one")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None for no end."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} has no method __len__: write one")
        return len(self)

    def __len__(self) -> int:
        raise InvalidTypeError(f"{type(self).__name__} has no method __len__: write one")

    def on_epoch_begin(self) -> None:
        """Do what is to be done before an epoch."""

    def on_epoch_end(self) -> None:
        """Do what is to be done after an epoch, such as shuffling."""


Sequence = PyDataset


def batches_of(sequence: Any, numbers: Iterable[int]) -> Iterator[Any]:
    """Give batches of an object by number, in order; as many workers as it wants make them ahead.

    Args:
        sequence: A `PyDataset`, or anything with `__getitem__`.
        numbers: Which batches.

    Yields:
        The batches.
    """
    workers = sequence.workers if isinstance(sequence, PyDataset) else 1
    if workers < 2:
        for number in numbers:
            yield sequence[number]
        return
    executor, make = _executor(sequence, workers)
    ahead = max(sequence.max_queue_size, workers)
    waiting: deque[Future[Any]] = deque()
    numbers = iter(numbers)
    try:
        waiting.extend(executor.submit(make, n) for n in itertools.islice(numbers, ahead))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(executor.submit(make, n) for n in itertools.islice(numbers, 1))
            yield made
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _executor(sequence: PyDataset, workers: int) -> tuple[Executor, Any]:
    if not sequence.use_multiprocessing:
        return ThreadPoolExecutor(workers), sequence.__getitem__
    # A forked process would share locks with threads that it does not have.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, initializer=_begin, initargs=(sequence,))
    return pool, _make


def _begin(sequence: Any) -> None:
    _in_process[:] = [sequence]


def _make(number: int) -> Any:
    return _in_process[0][number]
