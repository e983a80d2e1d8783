"""Numbers: a range, a counter, random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.data.node import INFINITE, Node
from penstock_keras_api.data.sources.slices import TableStream
from penstock_keras_api.data.spec import TensorSpec
from penstock_keras_api.data.stream import Counted


class RangeNode(Node):
    """Whole numbers at equal distances, as `range` has them.

    Args:
        numbers: The range.
        dtype: Their dtype.
    """

    def __init__(self, numbers: range, dtype: Any = "int64") -> None:
        super().__init__()
        self.numbers = numbers
        self.dtype = np.dtype(str(dtype))

    def stream(self) -> TableStream:
        """Begin a pass."""
        return TableStream(self)

    def table(self) -> RangeNode:
        """Return itself."""
        return self

    def length(self) -> int:
        """Return how many there are."""
        return len(self.numbers)

    def make_spec(self) -> Any:
        """Return the spec of a number."""
        return TensorSpec((), self.dtype.name)

    def __len__(self) -> int:
        return len(self.numbers)

    def row(self, number: int) -> Any:
        """Return a number."""
        return self.dtype.type(self.numbers[number])

    def rows(self, begin: int, end: int) -> Any:
        """Return numbers."""
        part = self.numbers[begin:end]
        return np.arange(part.start, part.stop, part.step, dtype=self.dtype)

    def gather(self, indices: Any) -> Any:
        """Return numbers of any places."""
        return (self.numbers.start + np.asarray(indices) * self.numbers.step).astype(self.dtype)


class CounterNode(Node):
    """Whole numbers without end.

    Args:
        start: The first.
        step: The distance.
        dtype: Their dtype.
    """

    def __init__(self, start: int, step: int, dtype: Any) -> None:
        super().__init__()
        self.start, self.step = start, step
        self.dtype = np.dtype(str(dtype))

    def stream(self) -> CounterStream:
        """Begin a pass."""
        return CounterStream(self)

    def length(self) -> int:
        """Say that there is no end."""
        return INFINITE

    def make_spec(self) -> Any:
        """Return the spec of a number."""
        return TensorSpec((), self.dtype.name)


class CounterStream(Counted):
    """A pass over a counter."""

    kind = "counter"
    has_rows = True

    def __init__(self, node: CounterNode) -> None:
        super().__init__()
        self._node = node

    def __next__(self) -> Any:
        self._at += 1
        return self._node.dtype.type(self._node.start + (self._at - 1) * self._node.step)

    def rows(self, most: int) -> tuple[int, Any]:
        """Return numbers in one array."""
        node = self._node
        numbers = node.start + np.arange(self._at, self._at + most) * node.step
        self._at += most
        return most, numbers.astype(node.dtype)

    def advance(self, count: int) -> int:
        """Go over numbers."""
        self._at += count
        return count


class RandomNode(Node):
    """Random whole numbers without end, below 2**63.

    Args:
        seed: Where they come from.
        fresh_each_pass: Whether every pass has others.

    Raises:
        InvalidValueError: The seed is negative.
    """

    def __init__(self, seed: int, fresh_each_pass: bool) -> None:
        super().__init__()
        if seed < 0:
            raise InvalidValueError(f"[random] got seed={seed}; use a whole number of at least 0")
        self.seed, self._fresh, self._epoch = seed, fresh_each_pass, 0

    def stream(self) -> RandomStream:
        """Begin a pass."""
        epoch = self._epoch
        self._epoch += self._fresh
        return RandomStream(self.seed, epoch)

    def length(self) -> int:
        """Say that there is no end."""
        return INFINITE

    def make_spec(self) -> Any:
        """Return the spec of a number."""
        return TensorSpec((), "int64")

    def get_own_state(self) -> Any:
        """Return the epoch and the seed."""
        return [self._epoch, self.seed]

    def set_own_state(self, state: Any) -> None:
        """Set the epoch and the seed."""
        self._epoch, self.seed = state


class RandomStream(Counted):
    """A pass over random numbers."""

    kind = "random"

    def __init__(self, seed: int, epoch: int) -> None:
        super().__init__()
        self._key = [seed, epoch]
        self._begin()

    def _begin(self) -> None:
        self._rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(self._key)))
        self._at = 0

    def __next__(self) -> Any:
        self._at += 1
        return self._rng.integers(0, 2**63 - 1, dtype=np.int64)

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at, "key": self._key}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._key = list(self.check(state)["key"])
        self._begin()
        self.advance(int(state["at"]))
