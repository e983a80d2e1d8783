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
        """Begin a pass."""
        source = self.inputs[0].stream()
        epoch = self.epoch
        self.epoch += 1
        if self.processes:
            from penstock_keras_api.data.transforms.map_processes import ProcessMapStream

            return ProcessMapStream(self, source, epoch)
        return (
            ParallelMapStream(self, source, epoch)
            if self.threads > 1
            else MapStream(self, source, epoch)
        )

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


class MapStream(Stream):
    """A pass in which each call is made when its result is asked for."""

    kind = "map"

    def __init__(self, node: MapNode, source: Stream, epoch: int) -> None:
        self._node, self._fn, self._input = node, node.fn, source
        self._epoch, self._at = epoch, 0

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the function may be called for many elements at once."""
        return self._input.has_rows and self._fn._many is not False

    def __next__(self) -> Any:
        element = next(self._input)
        number, self._at = self._at, self._at + 1
        return self._fn(element, number, self._epoch)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return results as rows: of one call, if that is the same."""
        if not self.has_rows:
            return super().rows(most)
        count, rows = self._input.rows(most)
        if not count:
            return 0, None
        made = self._fn.many(rows, count)
        first, self._at = self._at, self._at + count
        if made is None:
            each = [
                self._fn(elements.row_of(rows, i), first + i, self._epoch) for i in range(count)
            ]
            made = elements.stack(each)
        return count, made

    def advance(self, count: int) -> int:
        """Go over elements without calling the function."""
        gone = self._input.advance(count)
        self._at += gone
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {
            "kind": self.kind,
            "at": self._at,
            "epoch": self._epoch,
            "seed": self._fn.seed,
            "from": {"input": self._input.state(), "ahead": 0},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.check(state)
        self._at, self._epoch, self._fn.seed = int(state["at"]), state["epoch"], state["seed"]
        self._input.restore(state["from"]["input"])
        self._at = int(state["at"])
        self._input.advance(int(state["from"]["ahead"]))

    def close(self) -> None:
        """End what the input runs."""
        self._input.close()


class ParallelMapStream(MapStream):
    """A pass in which several calls run at once."""

    def __init__(self, node: MapNode, source: Stream, epoch: int) -> None:
        super().__init__(node, source, epoch)
        self._threads = node.threads
        self._budget = node.options.budget() if node.calls == AUTOTUNE else None
        self._window = 2 * node.threads
        self._positions = Positions(source)
        self._running: deque[Task] = deque()
        self._pulled = self._base = 0
        self._ended = False

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether the function may be called for many elements at once."""
        return self._input.has_rows and self._fn._many is not False and not self._running

    def rows(self, most: int) -> tuple[int, Any]:
        """Return results as rows: of one call, if that is the same."""
        if not self.has_rows:
            return super().rows(most)
        if self._fn._many is None and self._is_large():
            self._fn._many = False  # threads do better where calls are long
            return super().rows(most)
        made = super().rows(most)
        self._pulled = self._at
        self._positions = Positions(self._input)
        self._base = self._at
        return made

    def _is_large(self) -> bool:
        return elements.bytes_of(self._node.inputs[0].peek()) > 1 << 15

    def __next__(self) -> Any:
        self._fill(self._window)
        if not self._running:
            raise StopIteration
        task = self._next_task()
        self._at += 1
        try:
            value = task.result()
        finally:
            del task
        self._shrink(value)
        return value

    def _next_task(self) -> Task:
        if not self._node.in_order:
            for number, task in enumerate(self._running):
                if task.done:
                    del self._running[number]
                    return task
        return self._running.popleft()

    def _fill(self, window: int) -> None:
        if self._fn.ordered:
            window = 1  # a function that writes variables gets elements in order
        while not self._ended and len(self._running) < window:
            self._positions.before_pull()
            try:
                element = next(self._input)
            except StopIteration:
                self._ended = True
                return
            except Exception as error:
                # Told when its turn comes, after what was asked for before it.
                self._pulled += 1
                self._running.append(_failed(error))
                return
            number, self._pulled = self._pulled, self._pulled + 1
            if not number:
                self._fn.prepare(element)
                window = 1 if self._fn.ordered else window
            task = Task(self._fn, element, number, self._epoch)
            self._running.append(task)
            pool().submit(task, self._threads)

    def _shrink(self, value: Any) -> None:
        """Keep results that wait within the memory budget."""
        if self._at % 256 == 0:
            self._positions.forget(self._at - self._base)
        if self._budget is not None and self._at % 64 == 1:
            fits = max(1, self._budget // elements.bytes_of(value))
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
            self._pulled += more
            self._at += more
            gone += more
            self._positions = Positions(self._input)
            self._base = self._at
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        found = {"kind": self.kind, "at": self._at, "epoch": self._epoch, "seed": self._fn.seed}
        return {**found, "from": self._positions.at(self._at - self._base)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._drop()
        super().restore(state)
        self._positions = Positions(self._input)
        self._pulled = self._base = self._at
        self._ended = False

    def _drop(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()

    def close(self) -> None:
        """Forget the calls that have not begun, and wait for the others."""
        running = list(self._running)
        self._drop()
        for task in running:
            task.wait()
        self._input.close()


def _failed(error: Exception) -> Task:
    def fail() -> None:
        raise error

    return Task(fail)
