"""`prefetch`: elements made ahead, by a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.options import AUTOTUNE, Options
from penstock_keras_api.data.positions import Positions
from penstock_keras_api.data.stream import Stream

_MOST = 512


class PrefetchNode(Node):
    """Elements made ahead.

    Args:
        source: Whose elements.
        buffer_size: How many; None or AUTOTUNE to find out, within the memory budget.
        options: How the dataset runs.

    Raises:
        InvalidValueError: The number is below -1.
    """

    def __init__(self, source: Node, buffer_size: int | None, options: Options) -> None:
        super().__init__(source)
        self.size = AUTOTUNE if buffer_size is None else int(buffer_size)
        if self.size < AUTOTUNE:
            raise InvalidValueError(
                f"[prefetch] got buffer_size={buffer_size}; use a number of elements, or AUTOTUNE"
            )
        self.options = options

    def stream(self) -> Stream:
        """Begin a pass."""
        source = self.inputs[0].stream()
        return source if self.size == 0 else AheadStream(source, self.size, self.options)


class _Channel:
    """What the thread and the reader share. The thread knows nothing else of the reader, who may be dropped."""

    def __init__(self, source: Stream, size: int, options: Options) -> None:
        self.source = source
        self.tuned = size == AUTOTUNE
        self.depth = 2 if self.tuned else size
        self.budget = options.budget() if self.tuned else None
        self.grows = self.tuned and options.autotune.enabled
        self.condition = threading.Condition()
        self.found: deque[tuple[Any, BaseException | None]] = deque()
        self.positions = Positions(source)
        self.ended = self.closed = False

    def work(self) -> None:
        try:
            self._make_elements()
        except BaseException as error:  # the reader must not wait for ever
            with self.condition:
                self.found.append((None, error))
                self.ended = True
                self.condition.notify_all()

    def _make_elements(self) -> None:
        while self._wait_for_room():
            element: Any = None
            error: Exception | None = None
            try:
                element = next(self.source)
            except StopIteration:
                with self.condition:
                    self.ended = True
                    self.condition.notify_all()
                return
            except Exception as raised:
                error = raised
            if error is None and self.budget is not None:
                self._bound(element)
            with self.condition:
                self.found.append((element, error))
                self.condition.notify_all()
            del element, error

    def _wait_for_room(self) -> bool:
        with self.condition:
            while len(self.found) >= self.depth and not self.closed:
                self.condition.wait()
            if self.closed:
                return False
            self.positions.before_pull()
            return True

    def _bound(self, element: Any) -> None:
        """Keep the buffer within its memory."""
        assert self.budget is not None
        fits = max(1, self.budget // elements.bytes_of(element))
        self.depth = min(self.depth, fits, _MOST)
        self.limit = fits

    limit = 1

    def get(self) -> tuple[Any, BaseException | None]:
        with self.condition:
            if not self.found and not self.ended and self.grows:
                # The reader waits: were there more room, there might have been something.
                self.depth = max(self.depth, min(2 * self.depth, self.limit, _MOST))
                self.condition.notify_all()
            while not self.found:
                if self.ended or self.closed:
                    raise StopIteration
                self.condition.wait()
            self.condition.notify_all()
            return self.found.popleft()

    def close(self) -> None:
        with self.condition:
            self.closed = True
            self.found.clear()
            self.condition.notify_all()


class AheadStream(Stream):
    """A pass whose elements a thread makes ahead.

    Args:
        source: Whose elements.
        size: How many elements wait at most, or AUTOTUNE.
        options: How the dataset runs.
    """

    kind = "prefetch"

    def __init__(self, source: Stream, size: int, options: Options) -> None:
        self._input, self._size, self._options = source, size, options
        self._given = 0
        self._channel: _Channel | None = None
        self._thread: threading.Thread | None = None

    def __next__(self) -> Any:
        if self._channel is None:
            self._start()
        assert self._channel is not None
        element, error = self._channel.get()
        self._given += 1
        if self._given % 256 == 0:
            with self._channel.condition:
                self._channel.positions.forget(self._given)
        if error is not None:
            raise error
        return element

    def advance(self, count: int) -> int:
        """Go over elements; if none was made yet, without making them."""
        return self._input.advance(count) if self._channel is None else super().advance(count)

    def _start(self) -> None:
        self._channel = _Channel(self._input, self._size, self._options)
        self._given = 0
        self._thread = threading.Thread(
            target=self._channel.work, name="penstock-data-ahead", daemon=True
        )
        self._thread.start()

    def _stop(self) -> None:
        if self._channel is not None and self._thread is not None:
            self._channel.close()
            if self._thread is not threading.current_thread():
                self._thread.join()
            self._channel = self._thread = None

    @property
    def depth(self) -> int:
        """How many elements wait at most, at present."""
        return self._channel.depth if self._channel is not None else max(2, self._size)

    def state(self) -> dict[str, Any]:
        """Return the position: of what was given, not of what was made."""
        if self._channel is None:
            return {"kind": self.kind, "from": {"input": self._input.state(), "ahead": 0}}
        with self._channel.condition:
            return {"kind": self.kind, "from": self._channel.positions.at(self._given)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.check(state)
        self._stop()
        self._input.restore(state["from"]["input"])
        self._input.advance(int(state["from"]["ahead"]))

    def close(self) -> None:
        """End the thread, and what the input runs."""
        self._stop()
        self._input.close()
