"""TensorFlow 1's input pipelines: producers that go through data, and batches of what they give.

Each makes a queue and a `QueueRunner` for it; `start_queue_runners` starts them all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import host_functions, ops, queues
from penstock._native import Tensor
from penstock.coordinator import QueueRunner, add_queue_runner
from penstock.errors import InvalidValueError, OutOfRangeError, ShapeError
from penstock.v1._graph import get_default_graph
from penstock.v1._queues import FIFOQueue, PaddingFIFOQueue, RandomShuffleQueue

if TYPE_CHECKING:
    from penstock.annotations import TensorLike

Tensors = Any
"""A tensor, or a list or dictionary of tensors."""


def input_producer(
    input_tensor: TensorLike,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    name: str = "input_producer",
) -> queues.QueueBase:
    """Go through the rows of a tensor again and again.

    Args:
        input_tensor: [rows, ...], any dtype, of known sizes but for the first.
        num_epochs: So often; None goes on for ever.
        shuffle: In another order each time.
        seed: Of the orders.
        capacity: So many rows wait in the queue.
        name: Of the queue.

    Returns:
        The queue of rows.

    Raises:
        ShapeError: The tensor has no rows, or rows of unknown sizes.
    """
    with get_default_graph().as_default():
        rows = ops.identity(input_tensor)
        if rows.ndim == 0 or not all(isinstance(size, int) for size in rows.shape[1:]):
            raise ShapeError(
                f"[{name}] got shape {rows.shape}; give rows of known sizes: [rows, 2, 3]"
            )
        rng, left = np.random.default_rng(seed), _Countdown(num_epochs, name)

        def epoch(values: Any) -> Any:
            left.take()
            return values[rng.permutation(len(values))] if shuffle else values

        shown = host_functions.call(epoch, [rows], [rows.dtype.code], [rows.shape])[0]
        queue: queues.QueueBase = FIFOQueue(capacity, [rows.dtype], [rows.shape[1:]], name=name)
        operation = queue.enqueue_many(shown)
    assert operation is not None  # a graph is being built
    add_queue_runner(QueueRunner(queue, [operation]))
    return queue


class _Countdown:
    """Ends a sequence after so many elements; threads may share one."""

    def __init__(self, count: int | None, name: str) -> None:
        if count is not None and count < 1:
            raise InvalidValueError(f"[{name}] num_epochs is {count}; give 1 or more, or None")
        self._left = count
        self._name = name
        self._lock = threading.Lock()

    def take(self) -> None:
        with self._lock:
            if self._left == 0:
                raise OutOfRangeError(f"[{self._name}] all epochs are over; end the consumer")
            if self._left is not None:
                self._left -= 1


def string_input_producer(
    string_tensor: TensorLike,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    name: str = "string_input_producer",
) -> queues.QueueBase:
    """Go through strings, such as names of files, again and again; the arguments are those of `input_producer`."""
    return input_producer(string_tensor, num_epochs, shuffle, seed, capacity, name)


def range_input_producer(
    limit: int,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    name: str = "range_input_producer",
) -> queues.QueueBase:
    """Go through 0 to `limit` - 1 again and again; the other arguments are those of `input_producer`."""
    numbers = np.arange(limit, dtype=np.int32)
    return input_producer(numbers, num_epochs, shuffle, seed, capacity, name)


def slice_input_producer(
    tensor_list: Sequence[TensorLike],
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
) -> list[Tensor]:
    """Go through the rows of several tensors together, such as images and labels.

    Args:
        tensor_list: [rows, ...] each, with equally many rows.
        num_epochs: So often; None goes on for ever.
        shuffle: In another order each time.
        seed: Of the orders.
        capacity: So many numbers of rows wait.

    Returns:
        One row of each.

    Raises:
        ShapeError: They have different numbers of rows, or an unknown one.
    """
    with get_default_graph().as_default():
        tensors = [ops.identity(t) for t in tensor_list]
        counts = {str(t.shape[0]) if t.ndim else "no" for t in tensors}
        if len(counts) != 1 or not next(iter(counts)).isdecimal():
            raise ShapeError(
                f"[slice_input_producer] the tensors have {', '.join(sorted(counts))} rows; give equally many of each"
            )
        order = range_input_producer(int(counts.pop()), num_epochs, shuffle, seed, capacity)
        row = order.dequeue()
        return [ops.take(t, row, axis=0) for t in tensors]


def limit_epochs(tensor: TensorLike, num_epochs: int | None = None) -> Tensor:
    """Hand a tensor on so many times, then raise an OutOfRangeError.

    Args:
        tensor: [...], any dtype.
        num_epochs: How often; None for ever.

    Returns:
        The tensor.

    Raises:
        InvalidValueError: `num_epochs` is below 1.
    """
    with get_default_graph().as_default():
        t = ops.identity(tensor)
        left = _Countdown(num_epochs, "limit_epochs")

        def count(value: Any) -> Any:
            left.take()
            return value

        return host_functions.call(count, [t], [t.dtype.code], [t.shape])[0]


def batch(
    tensors: Tensors,
    batch_size: int,
    num_threads: int = 1,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Sequence[Any] | None = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    name: str = "batch",
) -> Tensors:
    """Put what a graph computes one by one into batches.

    Args:
        tensors: A tensor, or a list or dictionary of them: one example, or several with `enqueue_many`.
        batch_size: So many examples are in a batch.
        num_threads: So many threads compute them; more than one may change their order.
        capacity: So many examples wait.
        enqueue_many: The first axis of each tensor counts examples.
        shapes: Of the examples; by default the tensors' own.
        dynamic_pad: Fill up examples of different sizes with zeros.
        allow_smaller_final_batch: Give what is left at the end too.
        name: Of the queue.

    Returns:
        The batches, in the structure of `tensors`.

    Raises:
        InvalidValueError: An example has an unknown size, and `dynamic_pad` is off.
    """
    make = PaddingFIFOQueue if dynamic_pad else FIFOQueue
    return _batches(
        tensors,
        lambda kinds, sizes: make(capacity, kinds, sizes, name=name),
        batch_size,
        num_threads,
        enqueue_many,
        shapes,
        allow_smaller_final_batch,
    )


def shuffle_batch(
    tensors: Tensors,
    batch_size: int,
    capacity: int,
    min_after_dequeue: int,
    num_threads: int = 1,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Sequence[Any] | None = None,
    allow_smaller_final_batch: bool = False,
    name: str = "shuffle_batch",
) -> Tensors:
    """Put what a graph computes one by one into batches, mixed.

    Args:
        tensors: A tensor, or a list or dictionary of them: one example, or several with `enqueue_many`.
        batch_size: So many examples are in a batch.
        capacity: So many examples wait.
        min_after_dequeue: So many stay for mixing.
        num_threads: So many threads compute them.
        seed: Of the order.
        enqueue_many: The first axis of each tensor counts examples.
        shapes: Of the examples; by default the tensors' own.
        allow_smaller_final_batch: Give what is left at the end too.
        name: Of the queue.

    Returns:
        The batches, in the structure of `tensors`.

    Raises:
        InvalidValueError: An example has an unknown size, or the capacity is not above `min_after_dequeue`.
    """
    return _batches(
        tensors,
        lambda kinds, sizes: RandomShuffleQueue(
            capacity, min_after_dequeue, kinds, sizes, seed=seed, name=name
        ),
        batch_size,
        num_threads,
        enqueue_many,
        shapes,
        allow_smaller_final_batch,
    )


def _batches(
    tensors: Tensors,
    make: Callable[[list[Any], list[Any]], queues.QueueBase],
    batch_size: int,
    num_threads: int,
    enqueue_many: bool,
    shapes: Sequence[Any] | None,
    smaller: bool,
) -> Tensors:
    names = list(tensors) if isinstance(tensors, Mapping) else None
    single = not isinstance(tensors, Mapping | list | tuple)
    given = [tensors] if single else list(tensors.values() if names is not None else tensors)
    with get_default_graph().as_default():
        values = [ops.identity(t) for t in given]
        skipped = int(enqueue_many)
        own = [tuple(s if isinstance(s, int) else None for s in t.shape[skipped:]) for t in values]
        queue = make([t.dtype for t in values], own if shapes is None else list(shapes))
        packed: Any = values[0] if len(values) == 1 else values
        operation = queue.enqueue_many(packed) if enqueue_many else queue.enqueue(packed)
        assert operation is not None  # a graph is being built
        add_queue_runner(QueueRunner(queue, [operation] * num_threads))
        out = queue.dequeue_up_to(batch_size) if smaller else queue.dequeue_many(batch_size)
    results = [out] if len(values) == 1 else list(out)
    if names is not None:
        return dict(zip(names, results, strict=True))
    return results[0] if single else results


__all__ = [
    "batch",
    "input_producer",
    "limit_epochs",
    "range_input_producer",
    "shuffle_batch",
    "slice_input_producer",
    "string_input_producer",
]
