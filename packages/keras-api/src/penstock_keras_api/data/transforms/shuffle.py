"""`shuffle`: elements in random order, drawn out of a buffer.

Which element is drawn when depends on the seed, the epoch and the buffer's size alone. So the order is a sequence of
numbers: over data in memory only numbers are shuffled, and a position is restored by drawing numbers again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.data.node import Node, known
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.transforms.batch import positive
from penstock_keras_api.random.seed import make_default_seed

_DRAWS = 4096


class ShuffleNode(Node):
    """Elements in random order.

    Args:
        source: Whose elements.
        buffer_size: Of how many elements one is drawn; None for all.
        seed: Where the order comes from; None takes a random seed.
        fresh_each_pass: Whether every pass has another order.

    Raises:
        InvalidValueError: The buffer is empty, or must hold a dataset without end.
    """

    def __init__(
        self, source: Node, buffer_size: int | None, seed: int | None, fresh_each_pass: bool
    ) -> None:
        super().__init__(source)
        if buffer_size is None:
            length = source.length()
            if not known(length):
                raise InvalidValueError(
                    "[shuffle] buffer_size=None holds all elements, but nobody knows how many there are; give a number"
                )
            buffer_size = max(1, length)
        self.buffer_size = positive(buffer_size, "buffer_size", "shuffle")
        self.seed = make_default_seed() if seed is None else abs(int(seed))
        self.fresh = bool(fresh_each_pass)
        self.epoch = 0

    def stream(self) -> Stream:
        """Begin a pass."""
        epoch = self.epoch
        self.epoch += self.fresh
        table = self.inputs[0].table()
        if table is not None:
            return TableShuffleStream(self, table, epoch)
        return ShuffleStream(self, self.inputs[0].stream(), epoch)

    def get_own_state(self) -> Any:
        """Return the epoch and the seed."""
        return [self.epoch, self.seed]

    def set_own_state(self, state: Any) -> None:
        """Set the epoch and the seed."""
        self.epoch, self.seed = state


class Draws:
    """The places in the buffer from which elements are drawn.

    Args:
        seed: Where they come from.
        epoch: Which pass it is.
        size: The size of the buffer.
    """

    def __init__(self, seed: int, epoch: int, size: int) -> None:
        self._seed, self._epoch, self._size = seed, epoch, size
        self._rng = self._generator(0)
        self._drawn: list[int] = []

    def _generator(self, part: int) -> np.random.Generator:
        entropy = [self._seed, self._epoch, part]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))

    def next(self) -> int:
        """Return a place in a full buffer."""
        if not self._drawn:
            self._drawn = self._rng.integers(0, self._size, _DRAWS).tolist()
            self._drawn.reverse()
        return self._drawn.pop()

    def last(self, count: int) -> Any:
        """Return the order in which a buffer of `count` elements is emptied at the end."""
        return self._generator(1).permutation(count)


def order_of(count: int, draws: Draws, size: int) -> Any:
    """Return the order in which the elements 0 to count - 1 are drawn."""
    if count <= size:
        return draws.last(count)
    buffer = list(range(size))
    found = []
    for number in range(size, count):
        place = draws.next()
        found.append(buffer[place])
        buffer[place] = number
    last = np.asarray(buffer)[draws.last(size)]
    return np.concatenate([np.asarray(found, np.int64), last])


class TableShuffleStream(Stream):
    """A pass over a table: its numbers are shuffled, and rows are taken when they are asked for."""

    kind = "shuffle"
    has_rows = True

    def __init__(self, node: ShuffleNode, table: Any, epoch: int) -> None:
        self._node, self._table = node, table
        self._begin(epoch)

    def _begin(self, epoch: int) -> None:
        node = self._node
        self._epoch = epoch
        draws = Draws(node.seed, epoch, node.buffer_size)
        self._order = order_of(len(self._table), draws, node.buffer_size)
        self._at = 0

    def __next__(self) -> Any:
        if self._at >= len(self._order):
            raise StopIteration
        self._at += 1
        return self._table.row(int(self._order[self._at - 1]))

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows, gathered in one go."""
        chosen = self._order[self._at : self._at + most]
        if not len(chosen):
            return 0, None
        self._at += len(chosen)
        return len(chosen), self._table.gather(chosen)

    def advance(self, count: int) -> int:
        """Go over elements."""
        gone = min(count, len(self._order) - self._at)
        self._at += gone
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at, "epoch": self._epoch, "seed": self._node.seed}

    def restore(self, state: dict[str, Any]) -> None:
        """Draw the order again."""
        self._node.seed = self.check(state)["seed"]
        self._begin(state["epoch"])
        self._at = int(state["at"])


class ShuffleStream(Stream):
    """A pass with a buffer of elements."""

    kind = "shuffle"

    def __init__(self, node: ShuffleNode, source: Stream, epoch: int) -> None:
        self._node, self._input = node, source
        self._base = source.state()
        self._begin(epoch)

    def _begin(self, epoch: int) -> None:
        node = self._node
        self._epoch, self._at = epoch, 0
        self._draws = Draws(node.seed, epoch, node.buffer_size)
        self._buffer: list[Any] = []
        self._last: list[int] | None = None

    def __next__(self) -> Any:
        if self._last is None:
            if not self._fill():
                self._last = self._draws.last(len(self._buffer)).tolist()
                self._last.reverse()
                return self.__next__()
            place = self._draws.next()
            found, self._buffer[place] = self._buffer[place], self._buffer.pop()
        else:
            if not self._last:
                raise StopIteration
            found = self._buffer[self._last.pop()]
        self._at += 1
        return found

    def _fill(self) -> bool:
        """Fill the buffer, and hold one element more; whether there was one."""
        while len(self._buffer) <= self._node.buffer_size:
            try:
                self._buffer.append(next(self._input))
            except StopIteration:
                return False
        return True

    def state(self) -> dict[str, Any]:
        """Return the position: where the pass began, and how many elements were drawn."""
        found = {"kind": self.kind, "at": self._at, "epoch": self._epoch, "seed": self._node.seed}
        if self._last is not None:  # the numbers of what is left say how many elements there were
            found["count"] = self._at + len(self._last)
        return {**found, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Draw numbers again, and make those elements alone that were in the buffer."""
        self._node.seed = self.check(state)["seed"]
        self._begin(state["epoch"])
        if "input" not in state:
            raise InvalidValueError(
                "[set_state] the state is of a shuffle over data in memory; build the dataset as it was"
            )
        self._base = state["input"]
        self._input.restore(self._base)
        at, size = int(state["at"]), self._node.buffer_size
        count = state.get("count")
        full = at if count is None else max(0, count - size)  # draws out of a full buffer
        numbers = list(range(size if count is None else min(size, count)))
        for number in range(size, size + full):
            numbers[self._draws.next()] = number
        self._at = at
        self._buffer = self._made(numbers)
        if count is not None:
            self._last = self._draws.last(len(numbers)).tolist()[at - full :]
            self._last.reverse()

    def _made(self, numbers: list[int]) -> list[Any]:
        """Make the elements of these numbers."""
        position, found = 0, {}
        for number in sorted(numbers):
            if self._input.advance(number - position) < number - position:
                break
            element = self._input.take(1)
            if not element:
                break  # not yet filled when the state was taken
            found[number] = element[0]
            position = number + 1
        return [found[number] for number in numbers if number in found]

    def close(self) -> None:
        """End what the input runs."""
        self._input.close()
