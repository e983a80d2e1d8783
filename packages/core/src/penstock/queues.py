"""Queues, as TensorFlow 1 had them: producers put elements in, consumers take them out, each waits for the other.

An element is one tensor for each of the queue's dtypes. Called while no graph is built, everything happens at once;
in a graph the same methods append steps. Waiting ends when the queue is closed, the run is cancelled or its time is
over, and lets other threads run meanwhile.
"""

from __future__ import annotations

import heapq
import operator
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock import _native, dtypes, host_functions, ops
from penstock._native import Tensor
from penstock.errors import (
    CancelledError,
    DTypeError,
    GraphError,
    InvalidValueError,
    OutOfRangeError,
    ShapeError,
)
from penstock.graph import Operation, eagerly
from penstock.ops import asarray

if TYPE_CHECKING:
    from penstock._native import DType
    from penstock.annotations import DTypeLike

Element = tuple[Tensor, ...]
Shape = tuple[int | None, ...]
_GLANCE: Final = 0.02  # seconds between two looks at deadline and token


class _Store:
    """The elements of a queue, in the order in which they leave it."""

    def __init__(self) -> None:
        self._elements: deque[Element] = deque()

    def __len__(self) -> int:
        return len(self._elements)

    def add(self, element: Element) -> None:
        self._elements.append(element)

    def take(self) -> Element:
        return self._elements.popleft()

    def put_back(self, elements: Sequence[Element]) -> None:
        self._elements.extendleft(reversed(elements))


class _Shuffled(_Store):
    """Takes any element, each as likely as every other."""

    def __init__(self, seed: int | None) -> None:
        self._list: list[Element] = []
        self._random = random.Random(seed)

    def __len__(self) -> int:
        return len(self._list)

    def add(self, element: Element) -> None:
        self._list.append(element)

    def take(self) -> Element:
        i = self._random.randrange(len(self._list))
        self._list[i], self._list[-1] = self._list[-1], self._list[i]
        return self._list.pop()

    def put_back(self, elements: Sequence[Element]) -> None:
        self._list.extend(elements)


class _Ordered(_Store):
    """Takes the element with the smallest first component; of equal ones that which came first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Element]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, element: Element) -> None:
        self._count += 1
        heapq.heappush(self._heap, (int(element[0].item()), self._count, element))

    def take(self) -> Element:
        return heapq.heappop(self._heap)[2]

    def put_back(self, elements: Sequence[Element]) -> None:
        for number, element in enumerate(elements):
            earlier = self._count - len(elements) + number - (1 << 62)
            heapq.heappush(self._heap, (int(element[0].item()), earlier, element))


class QueueBase:
    """What all queues have in common; make one of FIFOQueue, RandomShuffleQueue, PriorityQueue, PaddingFIFOQueue."""

    def __init__(
        self,
        store: _Store,
        capacity: int,
        kinds: Sequence[DType],
        shapes: Sequence[Shape] | None,
        names: Sequence[str] | None,
        name: str,
        keep: int = 0,
    ) -> None:
        self.name = name
        if operator.index(capacity) < 1:
            raise InvalidValueError(f"[{name}] capacity is {capacity}; give 1 or more")
        for what, given in (("shapes", shapes), ("names", names)):
            if given is not None and len(given) != len(kinds):
                raise InvalidValueError(
                    f"[{name}] got {len(given)} {what} for {len(kinds)} dtypes; give one for each"
                )
        self.dtypes = list(kinds)
        self.shapes = None if shapes is None else [tuple(shape) for shape in shapes]
        self.names = None if names is None else list(names)
        self.capacity = capacity
        self._keep = keep  # so many stay while the queue is open
        self._store = store
        self._closed = False
        self._cancelled = False  # also those who wait to put something in
        self._changed = threading.Condition()
        self._putting, self._taking = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        state = "closed, " if self._closed else ""
        return (
            f"<{type(self).__name__} {self.name!r}, {state}{len(self._store)} of {self.capacity}>"
        )

    # ---- the public methods: at once, or as steps of a graph

    def enqueue(self, vals: Any) -> Operation | None:
        """Put one element in; waits while the queue is full.

        Args:
            vals: A tensor, or one for each component; a dictionary, if components have names.

        Returns:
            In a graph the operation that does it.

        Raises:
            OutOfRangeError: The queue is closed.
            DTypeError: A component has another dtype.
            ShapeError: A component has another shape.
            CancelledError: The run was cancelled while it waited.
        """
        return self._enqueue(vals, many=False)

    def enqueue_many(self, vals: Any) -> Operation | None:
        """Put several elements in; waits while the queue is full.

        Args:
            vals: As in `enqueue`, with the elements along a first axis.

        Returns:
            In a graph the operation that does it.

        Raises:
            OutOfRangeError: The queue is closed.
            DTypeError: A component has another dtype.
            ShapeError: A component has another shape, or another number of elements.
            CancelledError: The run was cancelled while it waited; elements already in stay in.
        """
        return self._enqueue(vals, many=True)

    def dequeue(self) -> Any:
        """Take one element out; waits while there is none.

        Returns:
            A tensor; a list of them if there are several components; a dictionary if they have names.

        Raises:
            OutOfRangeError: The queue is closed and empty.
            CancelledError: The run was cancelled while it waited.
            GraphError: A graph is built, and the queue does not know its shapes.
        """
        return self._dequeue(None, False)

    def dequeue_many(self, n: int) -> Any:
        """Take several elements out; waits until there are so many.

        Args:
            n: How many, which may be more than the capacity.

        Returns:
            As `dequeue`, with the elements along a first axis.

        Raises:
            OutOfRangeError: The queue is closed and has fewer; they stay in it.
            CancelledError: The run was cancelled while it waited.
            GraphError: A graph is built, and the queue does not know its shapes.
        """
        return self._dequeue(n, False)

    def dequeue_up_to(self, n: int) -> Any:
        """Take several elements out, as `dequeue_many`; of a closed queue what is left, if that is fewer.

        Args:
            n: How many at most.

        Returns:
            As `dequeue_many`; in a graph with an unknown first size, which only a Session can run.

        Raises:
            OutOfRangeError: The queue is closed and empty.
            CancelledError: The run was cancelled while it waited.
            GraphError: A graph is built, and the queue does not know its shapes.
        """
        return self._dequeue(n, True)

    def close(self, cancel_pending_enqueues: bool = False) -> Operation | None:
        """Take no more elements in; those inside can still be taken out.

        Args:
            cancel_pending_enqueues: Those that wait for room fail too.

        Returns:
            In a graph the operation that does it.

        Raises:
            Nothing.
        """

        def close() -> Any:
            self.close_now(cancel_pending_enqueues)
            return np.asarray(0)

        return self._act(close)

    def close_now(self, cancel_pending_enqueues: bool = False) -> None:
        """Close the queue at once, also while a graph is built."""
        with self._changed:
            self._closed = True
            self._cancelled |= cancel_pending_enqueues
            self._changed.notify_all()

    def size(self) -> Tensor:
        """Return how many elements are inside: [], int32.

        Raises:
            Nothing.
        """
        return self._look(lambda: np.asarray(len(self._store), np.int32), "i32")

    def is_closed(self) -> Tensor:
        """Return whether the queue is closed: [], bool.

        Raises:
            Nothing.
        """
        return self._look(lambda: np.asarray(self._closed), "bool")

    # ---- graphs

    def _look(self, look: Callable[[], Any], code: str) -> Tensor:
        return host_functions.call(look, [], [code], [()])[0]

    def _act(self, act: Callable[..., Any], tensors: Sequence[Tensor] = ()) -> Operation | None:
        building = _native.current_graph() is not None
        if not building and not any(t.is_symbolic for t in tensors):
            act(*tensors)
            return None
        done = host_functions.call(act, tensors, ["i64"], [()])
        return Operation(done, f"{self.name}/{getattr(act, '__name__', 'act')}")

    def _enqueue(self, vals: Any, many: bool) -> Operation | None:
        tensors = [
            self._component(i, value, many) for i, value in enumerate(self._components(vals))
        ]

        def enqueue(*values: Any) -> Any:
            with eagerly():
                components = [asarray(v) for v in values]
                self._put(_elements(components) if many else [tuple(components)])
            return np.asarray(0)

        return self._act(enqueue, tensors)

    def _components(self, vals: Any) -> list[Any]:
        if isinstance(vals, Mapping):
            if self.names is None or set(vals) != set(self.names):
                raise InvalidValueError(
                    f"[{self.name}] got components {sorted(vals)}; the names are {self.names or 'not set'}: give "
                    "names=[...] when the queue is made"
                )
            return [vals[name] for name in self.names]
        values = list(vals) if isinstance(vals, list | tuple) and len(self.dtypes) > 1 else [vals]
        if isinstance(vals, list | tuple) and len(vals) == 1 and isinstance(vals[0], Tensor):
            values = list(vals)  # TensorFlow's way of writing one component
        if len(values) != len(self.dtypes):
            raise InvalidValueError(
                f"[{self.name}] got {len(values)} components; the queue has {len(self.dtypes)}: give one for each dtype"
            )
        return values

    def _component(self, i: int, value: Any, many: bool) -> Tensor:
        kind = self.dtypes[i]
        t = asarray(value) if hasattr(value, "dtype") else asarray(value, dtype=kind)
        if t.dtype != kind:
            raise DTypeError(
                f"[{self.name}] component {i} is {t.dtype.name}; the queue holds {kind.name}: convert it with astype"
            )
        shape = t.shape[1:] if many else t.shape
        wanted = None if self.shapes is None else self.shapes[i]
        if (many and not t.ndim) or (wanted is not None and not _fits(shape, wanted)):
            raise ShapeError(
                f"[{self.name}] component {i} has shape {t.shape}; the queue holds {'any shape' if wanted is None else wanted}"
                f"{', and enqueue_many wants the elements along a first axis' if many else ''}"
            )
        return t

    def _dequeue(self, n: int | None, up_to: bool) -> Any:
        if n is not None and n < 0:
            raise InvalidValueError(f"[{self.name}] cannot take {n} elements; give 0 or more")

        def dequeue() -> list[Tensor]:
            with eagerly():
                elements = self._take(1 if n is None else n, up_to)
                return list(elements[0]) if n is None else self._together(elements)

        graph = _native.current_graph()
        if graph is None:
            results = dequeue()
        else:
            shapes = [self._planned(shape, n, up_to) for shape in self._known_shapes()]
            codes = [kind.code for kind in self.dtypes]

            def arrays() -> tuple[Any, ...]:
                return tuple(t.numpy() for t in dequeue())

            results = host_functions.call(arrays, [], codes, shapes)
        if self.names is not None:
            return dict(zip(self.names, results, strict=True))
        return results if len(results) > 1 else results[0]

    def _known_shapes(self) -> list[Shape]:
        if self.shapes is None:
            raise GraphError(
                f"[{self.name}] a graph must know the shapes of what comes out; give shapes=[(2, 3), ...] when the queue is "
                "made"
            )
        return self.shapes

    def _planned(self, shape: Shape, n: int | None, up_to: bool) -> list[Any]:
        """Return a shape for a graph; sizes that the run must find out are new symbols."""
        graph = _native.current_graph()
        assert graph is not None
        first: list[Any] = [] if n is None else [None if up_to else n]
        sizes = [*first, *shape]
        return [graph.new_symbol("queued", None) if size is None else size for size in sizes]

    def _together(self, elements: Sequence[Element]) -> list[Tensor]:
        """Put elements along a first axis."""
        if not elements:
            shapes = self._known_shapes()
            return [
                ops.zeros((0, *(size or 0 for size in shape)), kind)
                for shape, kind in zip(shapes, self.dtypes, strict=True)
            ]
        return [self._stack([element[i] for element in elements]) for i in range(len(self.dtypes))]

    def _stack(self, values: Sequence[Tensor]) -> Tensor:
        if any(v.shape != values[0].shape for v in values):
            shapes = ", ".join(dict.fromkeys(str(v.shape) for v in values))
            raise ShapeError(
                f"[{self.name}] elements of shapes {shapes} cannot be put together; take them one by one, or use a "
                "PaddingFIFOQueue"
            )
        return ops.stack(values)

    # ---- elements in and out, under the lock

    def _put(self, elements: Sequence[Element]) -> None:
        with self._turn(self._putting), self._changed:
            if self._closed:
                raise OutOfRangeError(
                    f"[{self.name}] the queue is closed and takes nothing more; end the producer, or make a new queue"
                )
            for element in elements:
                self._wait(lambda: len(self._store) < self.capacity or self._cancelled)
                if self._cancelled:
                    raise OutOfRangeError(
                        f"[{self.name}] the queue was closed while an element waited for room; end the producer"
                    )
                self._store.add(element)
                self._changed.notify_all()

    def _take(self, n: int, up_to: bool) -> list[Element]:
        taken: list[Element] = []
        with self._turn(self._taking), self._changed:
            try:
                while len(taken) < n:
                    self._wait(lambda: self._closed or len(self._store) > self._keep)
                    if len(self._store):
                        taken.append(self._store.take())
                        self._changed.notify_all()
                    elif self._no_more():
                        break
            except BaseException:
                self._store.put_back(taken)
                raise
            if len(taken) == n or (up_to and taken):
                return taken
            self._store.put_back(taken)
            raise OutOfRangeError(
                f"[{self.name}] the queue is closed and has {len(taken)} elements, {n} were asked for; end the consumer"
                + ("" if up_to or n == 1 else ", or take what is left with dequeue_up_to")
            )

    def _no_more(self) -> bool:
        """Say whether a closed, empty queue stays empty: who waits to put something in may still do so."""
        if self._putting.acquire(blocking=False):
            self._putting.release()
            return True
        self._changed.wait(_GLANCE)
        return self._cancelled

    @contextmanager
    def _turn(self, lock: threading.Lock) -> Iterator[None]:
        """Let one thread at a time put in, or take out: several elements of one call stay together."""
        while not lock.acquire(timeout=_GLANCE):
            _stop_if_asked(self.name)
        try:
            yield
        finally:
            lock.release()

    def _wait(self, ready: Callable[[], bool]) -> None:
        while not ready():
            _stop_if_asked(self.name)
            self._changed.wait(_GLANCE)


class FIFOQueue(QueueBase):
    """A queue whose elements leave in the order in which they came.

    Args:
        capacity: So many elements fit in.
        dtypes: The dtype of each component, or one dtype.
        shapes: The shape of each component, or one shape; by default any, and graphs cannot dequeue.
        names: A name for each component; then elements are dictionaries.
        name: For messages.

    Raises:
        InvalidValueError: The capacity is below 1, or there is not one shape or name for each dtype.

    >>> queue = FIFOQueue(10, ["float32", "int32"], shapes=[(2,), ()])
    >>> queue.enqueue_many(([[1.0, 2.0], [3.0, 4.0]], [7, 8]))
    >>> queue.dequeue()
    [Tensor([1., 2.], shape=(2,), dtype=float32), Tensor(7, shape=(), dtype=int32)]
    >>> queue.close()
    >>> queue.dequeue_up_to(5)[1]
    Tensor([8], shape=(1,), dtype=int32)
    >>> queue.dequeue()
    Traceback (most recent call last):
    penstock.errors.OutOfRangeError: [fifo_queue] the queue is closed and has 0 elements...
    """

    def __init__(
        self,
        capacity: int,
        dtypes: DTypeLike | Sequence[DTypeLike],
        shapes: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        name: str = "fifo_queue",
    ) -> None:
        kinds = _kinds(dtypes)
        super().__init__(_Store(), capacity, kinds, _whole(name, shapes, len(kinds)), names, name)


class RandomShuffleQueue(QueueBase):
    """A queue that gives any of its elements, each as likely as every other.

    Args:
        capacity: So many elements fit in.
        min_after_dequeue: So many stay inside while the queue is open, for the sake of mixing.
        dtypes: The dtype of each component, or one dtype.
        shapes: The shape of each component, or one shape; by default any, and graphs cannot dequeue.
        names: A name for each component; then elements are dictionaries.
        seed: Equal seeds give equal orders, with one producer and one consumer.
        name: For messages.

    Raises:
        InvalidValueError: The capacity is not above `min_after_dequeue`, or there is not one shape or name for each
            dtype.

    >>> queue = RandomShuffleQueue(100, 0, "int64", shapes=[()], seed=1)
    >>> queue.enqueue_many(list(range(5)))
    >>> sorted(queue.dequeue_many(5).tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: DTypeLike | Sequence[DTypeLike],
        shapes: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        seed: int | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:
        kinds = _kinds(dtypes)
        if not 0 <= min_after_dequeue < capacity:
            raise InvalidValueError(
                f"[{name}] min_after_dequeue is {min_after_dequeue} and capacity {capacity}; keep 0 or more, and fewer than "
                "fit in"
            )
        known = _whole(name, shapes, len(kinds))
        super().__init__(_Shuffled(seed), capacity, kinds, known, names, name, min_after_dequeue)


class PriorityQueue(QueueBase):
    """A queue whose smallest element leaves first; of equal ones that which came first.

    Args:
        capacity: So many elements fit in.
        types: The dtype of each component after the first, which is the priority: [], int64.
        shapes: The shape of each of them, or one shape; by default any, and graphs cannot dequeue.
        names: A name for each component, the priority included; then elements are dictionaries.
        name: For messages.

    Raises:
        InvalidValueError: The capacity is below 1, or there is not one shape or name for each dtype.

    >>> queue = PriorityQueue(10, "string", shapes=[()])
    >>> queue.enqueue((5, "late"))
    >>> queue.enqueue((1, "early"))
    >>> queue.dequeue()[1].item()
    b'early'
    """

    def __init__(
        self,
        capacity: int,
        types: DTypeLike | Sequence[DTypeLike],
        shapes: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        name: str = "priority_queue",
    ) -> None:
        kinds = _kinds(types)
        known = _whole(name, shapes, len(kinds))
        self._any_shape = known is None
        super().__init__(
            _Ordered(),
            capacity,
            [dtypes.as_dtype("int64"), *kinds],
            None if known is None else [(), *known],
            names,
            name,
        )

    def _component(self, i: int, value: Any, many: bool) -> Tensor:
        t = super()._component(i, value, many)
        if i == 0 and t.ndim != int(many):
            raise ShapeError(
                f"[{self.name}] the priority has shape {t.shape}; give one whole number for each element"
            )
        return t


class PaddingFIFOQueue(QueueBase):
    """A FIFOQueue whose elements may differ in size: those taken together are filled up with zeros.

    Args:
        capacity: So many elements fit in.
        dtypes: The dtype of each component, or one dtype.
        shapes: The shape of each component; None is a size that may differ.
        names: A name for each component; then elements are dictionaries.
        name: For messages.

    Raises:
        InvalidValueError: The capacity is below 1, or there is not one shape or name for each dtype.

    >>> queue = PaddingFIFOQueue(10, "int64", shapes=[(None,)])
    >>> queue.enqueue([1])
    >>> queue.enqueue([2, 3])
    >>> queue.dequeue_many(2).tolist()
    [[1, 0], [2, 3]]
    """

    def __init__(
        self,
        capacity: int,
        dtypes: DTypeLike | Sequence[DTypeLike],
        shapes: Sequence[Any],
        names: Sequence[str] | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:
        kinds = _kinds(dtypes)
        super().__init__(_Store(), capacity, kinds, _shapes(shapes, len(kinds)), names, name)

    def _stack(self, values: Sequence[Tensor]) -> Tensor:
        sizes = [max(lengths) for lengths in zip(*(v.shape for v in values), strict=True)]
        filled = np.zeros([len(values), *sizes], values[0].numpy().dtype)
        if values[0].dtype == "string":
            filled[...] = b""
        for i, v in enumerate(values):
            place: Any = (i, *(slice(size) for size in v.shape))
            filled[place] = v.numpy()
        return asarray(filled, dtype=values[0].dtype)


def _stop_if_asked(name: str) -> None:
    reason = _native.stop_reason()
    if reason is not None:
        raise CancelledError(f"[{name}] {reason} while it waited for the queue")


def _elements(components: Sequence[Tensor]) -> list[Element]:
    counts = {t.shape[0] for t in components}
    if len(counts) != 1:
        raise ShapeError(
            f"the components have {sorted(map(str, counts))} elements; give equally many of each"
        )
    return list(zip(*(list(t) for t in components), strict=True))


def _fits(shape: Sequence[Any], wanted: Shape) -> bool:
    """Compare sizes; what is known only when a graph runs is compared then."""
    return len(shape) == len(wanted) and all(
        size is None or not isinstance(given, int) or given == size
        for given, size in zip(shape, wanted, strict=True)
    )


def _kinds(given: DTypeLike | Sequence[DTypeLike]) -> list[DType]:
    several: Any = given if isinstance(given, list | tuple) else [given]
    return [dtypes.as_dtype(kind) for kind in several]


def _shapes(shapes: Sequence[Any], count: int) -> list[Shape]:
    """Return a shape for each component: a single one may be given by itself."""
    nested = any(isinstance(shape, list | tuple) for shape in shapes)
    return [tuple(shape) for shape in shapes] if nested or count > 1 else [tuple(shapes)]


def _whole(name: str, shapes: Sequence[Any] | None, count: int) -> list[Shape] | None:
    if shapes is None:
        return None
    known = _shapes(shapes, count)
    if any(size is None for shape in known for size in shape):
        raise InvalidValueError(
            f"[{name}] the shapes {known} have unknown sizes; only a PaddingFIFOQueue takes elements that differ in size"
        )
    return known


__all__ = ["FIFOQueue", "PaddingFIFOQueue", "PriorityQueue", "QueueBase", "RandomShuffleQueue"]
