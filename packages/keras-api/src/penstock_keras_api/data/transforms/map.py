"""`map`: a function of each element."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import Node, NoElementError
from penstock_keras_api.data.options import AUTOTUNE, Options
from penstock_keras_api.data.positions import Positions
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.transforms.sink import Sink, joined, unplaced
from penstock_keras_api.data.user_function import UserFunction
from penstock_keras_api.data.workers import Task, pool


class MapNode(Node):
    """A function of each element.

    Args:
        source: Whose elements.
        fn: The function.
        calls: How many calls may run at once; None for one, in the thread that asks.
        deterministic: Whether results keep the order of elements; None as the options say.
        processes: How many processes run the function instead of threads; 0 for none.
        compiled: Whether the function is traced; None to find out.
        options: How the dataset runs.
    """

    def __init__(
        self,
        source: Node,
        fn: Callable[..., Any],
        calls: int | None = None,
        deterministic: bool | None = None,
        processes: int = 0,
        compiled: bool | None = None,
        options: Options | None = None,
        where: str = "map",
    ) -> None:
        super().__init__(source)
        self.options = options or Options()
        self.calls = calls
        self.threads = self.options.threads(calls, where)
        self.in_order = self.options.deterministic if deterministic is None else deterministic
        if processes < 0:
            raise InvalidValueError(f"[map] got processes={processes}; use a number from 1")
        self.processes = processes
        self.fn = UserFunction(fn, where, False if processes else compiled)
        self.epoch = 0

    def stream(self) -> Stream:
        """Begin a pass. Maps of one kind in a row make their calls together, element by element."""
        chain, source = [self], self.inputs[0]
        while not self.processes and isinstance(source, MapNode) and self._goes_with(source):
            chain.insert(0, source)
            source = source.inputs[0]
        calls = Calls([(node.fn, node._begin_epoch()) for node in chain])
        if self.processes:
            from penstock_keras_api.data.transforms.map_processes import ProcessMapStream

            return ProcessMapStream(self, source.stream(), calls)
        kind = ParallelMapStream if self.threads > 1 else MapStream
        return kind(self, source.stream(), calls)

    def _goes_with(self, other: MapNode) -> bool:
        return (other.threads, other.in_order, other.processes) == (self.threads, self.in_order, 0)

    def _begin_epoch(self) -> int:
        self.epoch += 1
        return self.epoch - 1

    def make_spec(self) -> Any:
        """Return the spec of the first result; its first axis may vary where every input's does."""
        try:
            element = self.inputs[0].peek()
        except StopIteration:
            raise NoElementError(
                "[map] the dataset is empty, so nothing says what the function returns"
            ) from None
        self.fn.prepare(element)
        made = specs.spec_of(self.fn(element, 0))
        return _loosened(made, element, self.inputs[0].element_spec)

    def get_own_state(self) -> Any:
        """Return the epoch, and where random numbers come from."""
        return [self.epoch, self.fn.seed]

    def set_own_state(self, state: Any) -> None:
        """Set what `get_own_state` returned."""
        self.epoch, self.fn.seed = state


def _loosened(made: Any, element: Any, given: Any) -> Any:
    leaves = elements.leaves(given)
    varies = leaves and all(
        isinstance(leaf, specs.TensorSpec) and leaf.shape and leaf.shape[0] is None
        for leaf in leaves
    )
    if not varies:
        return made
    rows = elements.shape_of(elements.leaves(element)[0])[0]

    def of(leaf: Any) -> Any:
        if not isinstance(leaf, specs.TensorSpec) or not leaf.shape or leaf.shape[0] != rows:
            return leaf
        return specs.TensorSpec((None, *leaf.shape[1:]), leaf.dtype)

    return elements.mapped(of, made)


class Calls:
    """The functions of maps in a row, and which epoch each is in.

    Args:
        chain: Functions and epochs, in the order of the calls.
    """

    def __init__(self, chain: list[tuple[UserFunction, int]]) -> None:
        self.functions = [fn for fn, _ in chain]
        self.epochs = [epoch for _, epoch in chain]

    def __call__(self, element: Any, number: int) -> Any:
        """Call all functions for an element."""
        for fn, epoch in zip(self.functions, self.epochs, strict=True):
            element = fn(element, number, epoch)
        return element

    def into(self, element: Any, number: int, sink: Sink) -> Any:
        """Call all functions for an element, and put the result into its batch."""
        return sink.place(self(element, number), number)

    def many(self, rows: Any, count: int) -> Any:
        """Call all functions for several elements at once; None if that is not the same."""
        for fn in self.functions:
            rows = fn.many(rows, count)
            if rows is None:
                return None
        return rows

    @property
    def may_take_many(self) -> bool:
        """Whether it is worth asking `many`."""
        return all(fn.takes_many is not False for fn in self.functions)

    @property
    def ordered(self) -> bool:
        """Whether a function writes variables, so that it needs elements in order; known after the first call."""
        return any(fn.ordered for fn in self.functions)

    def state(self) -> dict[str, Any]:
        """Return epochs, and where random numbers come from."""
        return {"epochs": list(self.epochs), "seeds": [fn.seed for fn in self.functions]}

    def restore(self, state: dict[str, Any]) -> None:
        """Set what `state` returned."""
        self.epochs = list(state["epochs"])
        for fn, seed in zip(self.functions, state["seeds"], strict=True):
            fn.seed = seed


def _gives_rows(stream: Any) -> bool:
    """Whether a stream's elements are sure to have one shape: those of a map may not, until it has taken many at once."""
    if isinstance(stream, MapStream) and not all(fn.takes_many for fn in stream._calls.functions):
        return False
    inputs = [getattr(stream, "_input", None), *getattr(stream, "_inputs", ())]
    return all(_gives_rows(source) for source in inputs if source is not None)


class MapStream(Stream):
    """A pass in which each call is made when its result is asked for."""

    kind = "map"

    def __init__(self, node: MapNode, source: Stream, calls: Calls) -> None:
        self._node, self._calls, self._input = node, calls, source
        self._at = 0

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the functions may be called for many elements at once."""
        return self._input.has_rows and self._calls.may_take_many and _gives_rows(self._input)

    def __next__(self) -> Any:
        element = next(self._input)
        number, self._at = self._at, self._at + 1
        return self._calls(element, number)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return results as rows: of one call, if that is the same."""
        if not self.has_rows:
            return super().rows(most)
        count, rows = self._input.rows(most)
        if not count:
            return 0, None
        made = self._calls.many(rows, count)
        first, self._at = self._at, self._at + count
        if made is None:
            each = [self._calls(elements.row_of(rows, i), first + i) for i in range(count)]
            made = elements.stack(each)
        return count, made

    def advance(self, count: int) -> int:
        """Go over elements without calling the functions."""
        gone = self._input.advance(count)
        self._at += gone
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        come = {"input": self._input.state(), "ahead": 0}
        return {"kind": self.kind, "at": self._at, **self._calls.state(), "from": come}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._calls.restore(self.check(state))
        self._input.restore(state["from"]["input"])
        self._input.advance(int(state["from"]["ahead"]))
        self._at = int(state["at"])

    def close(self) -> None:
        """End what the input runs."""
        self._input.close()


class AheadMapStream(MapStream):
    """A pass whose calls are begun ahead of the reader; subclasses say by whom they are made."""

    def __init__(self, node: MapNode, source: Stream, calls: Calls) -> None:
        super().__init__(node, source, calls)
        self._positions = Positions(source)
        self._running: deque[Any] = deque()
        self._pulled = self._base = 0
        self._ended = False

    def _begin_at(self, number: int) -> None:
        """Count from here."""
        self._positions = Positions(self._input)
        self._at = self._pulled = self._base = number

    def _pull(self) -> tuple[bool, Any]:
        """Return whether the input has an element, and that; or the error that it raised."""
        self._positions.before_pull()
        try:
            return True, next(self._input)
        except StopIteration:
            self._ended = True
            return False, None
        except Exception as error:  # told when its turn comes
            return True, Raised(error)

    def state(self) -> dict[str, Any]:
        """Return the position: of what was given, not of what was begun."""
        come = self._positions.at(self._at - self._base)
        return {"kind": self.kind, "at": self._at, **self._calls.state(), "from": come}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._drop()
        super().restore(state)
        self._begin_at(self._at)
        self._ended = False

    def _drop(self) -> None:
        """Forget what was begun."""
        self._running.clear()


class Raised:
    """Stands for an element that the input could not make.

    Args:
        error: What it raised instead.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self) -> None:
        """Raise it."""
        raise self.error


class ParallelMapStream(AheadMapStream):
    """A pass in which several calls run at once, in threads."""

    def __init__(self, node: MapNode, source: Stream, calls: Calls) -> None:
        super().__init__(node, source, calls)
        self._threads = node.threads
        self._budget = node.options.budget() if node.calls == AUTOTUNE else None
        self._window = 2 * node.threads
        self._sink: Sink | None = None

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the functions may be called for many elements at once."""
        return super().has_rows and not self._running

    def rows(self, most: int) -> tuple[int, Any]:
        """Return results as rows: of one call, if that is the same; else threads write them into the batch."""
        if self.has_rows and not self._is_large():
            made = super().rows(most)
            self._begin_at(self._at)
            return made
        if self._node.in_order and (self._sink is None or self._sink.size != most):
            self._sink = Sink(self._pulled, most)
        found: list[Any] = []
        try:
            while len(found) < most:
                found.append(self._next_result())
        except StopIteration:
            pass
        if self._sink is not None and found:
            self._sink.forget(self._at - len(found))
        return len(found), joined(found) if found else None

    def _is_large(self) -> bool:
        """Whether threads do better, since calls are long; found out once."""
        unknown = any(fn.takes_many is None for fn in self._calls.functions)
        if unknown and elements.bytes_of(self._node.inputs[0].peek()) > 1 << 15:
            for fn in self._calls.functions:
                fn.takes_many = False
        return not self._calls.may_take_many

    def __next__(self) -> Any:
        return unplaced(self._next_result())

    def _next_result(self) -> Any:
        self._fill(self._window)
        if not self._running:
            raise StopIteration
        task = self._next_task()
        self._at += 1
        value = task.result()
        self._trim(value)
        return value

    def _next_task(self) -> Task:
        task: Task
        if not self._node.in_order:
            for number, task in enumerate(self._running):
                if task.done:
                    del self._running[number]
                    return task
        task = self._running.popleft()
        return task

    def _fill(self, window: int) -> None:
        while not self._ended and len(self._running) < (1 if self._calls.ordered else window):
            there, element = self._pull()
            if not there:
                return
            number, self._pulled = self._pulled, self._pulled + 1
            if isinstance(element, Raised):
                self._running.append(Task(element))
                return
            if number == self._base:
                self._calls.functions[0].prepare(element)
            if self._sink is not None:
                task = Task(self._calls.into, element, number, self._sink)
            else:
                task = Task(self._calls, element, number)
            self._running.append(task)
            pool().submit(task, self._threads)

    def _trim(self, value: Any) -> None:
        """Keep results that wait within the memory budget."""
        if self._at % 256 == 0:
            self._positions.forget(self._at - self._base)
        if self._budget is not None and self._at % 64 == 1:
            fits = max(1, self._budget // elements.bytes_of(unplaced(value)))
            self._window = min(2 * self._threads, fits)

    def advance(self, count: int) -> int:
        """Go over elements; of those that are under way the results are dropped."""
        gone = 0
        while self._running and gone < count:
            self._running.popleft().cancel()
            gone += 1
        self._at += gone
        if gone < count and not self._ended:
            more = self._input.advance(count - gone)
            self._begin_at(self._at + more)
            gone += more
        return gone

    def _drop(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()
        self._sink = None

    def close(self) -> None:
        """Forget the calls that have not begun, and wait for the others."""
        running = list(self._running)
        self._drop()
        for task in running:
            task.wait()
        self._input.close()
