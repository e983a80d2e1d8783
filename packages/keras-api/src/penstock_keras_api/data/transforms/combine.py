"""`zip`, `concatenate`, `sample_from_datasets`, `choose_from_datasets`: one dataset of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import INFINITE, UNKNOWN, Node, NoElementError
from penstock_keras_api.data.stream import Stream


class ZipNode(Node):
    """Elements of several datasets, side by side.

    Args:
        structure: Nodes, in tuples and dictionaries.
    """

    def __init__(self, structure: Any) -> None:
        super().__init__(*elements.leaves(structure))
        self.structure = structure

    def stream(self) -> ZipStream:
        """Begin a pass."""
        return ZipStream(self)

    def length(self) -> int:
        """Return the shortest one's length."""
        lengths = [node.length() for node in self.inputs]
        if UNKNOWN in lengths:
            return UNKNOWN
        return min((n for n in lengths if n != INFINITE), default=INFINITE)

    def make_spec(self) -> Any:
        """Return the specs, side by side."""
        return elements.mapped(lambda node: node.element_spec, self.structure)

    def table(self) -> Any:
        """Return the elements as a table, if all inputs are."""
        tables = [node.table() for node in self.inputs]
        return None if None in tables else ZipTable(self.structure, tables)


def _placed(structure: Any, parts: Sequence[Any]) -> Any:
    each = iter(parts)
    return elements.mapped(lambda _: next(each), structure)


class ZipTable:
    """Rows of several tables, side by side."""

    def __init__(self, structure: Any, tables: list[Any]) -> None:
        self._structure, self._tables = structure, tables

    def __len__(self) -> int:
        return min(len(table) for table in self._tables)

    def row(self, number: int) -> Any:
        """Return an element."""
        return _placed(self._structure, [table.row(number) for table in self._tables])

    def rows(self, begin: int, end: int) -> Any:
        """Return elements in a row."""
        return _placed(self._structure, [table.rows(begin, end) for table in self._tables])

    def gather(self, indices: Any) -> Any:
        """Return elements of any numbers."""
        return _placed(self._structure, [table.gather(indices) for table in self._tables])


class ManyStream(Stream):
    """A stream of several streams."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._inputs = [node.stream() for node in nodes]

    def state(self) -> dict[str, Any]:
        """Return the positions."""
        return {"kind": self.kind, "inputs": [source.state() for source in self._inputs]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the positions."""
        for source, inner in zip(self._inputs, self.check(state)["inputs"], strict=True):
            source.restore(inner)

    def close(self) -> None:
        """End what the inputs run."""
        for source in self._inputs:
            source.close()


class ZipStream(ManyStream):
    """A pass over elements side by side."""

    kind = "zip"

    def __init__(self, node: ZipNode) -> None:
        super().__init__(node.inputs)
        self._structure = node.structure

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether all inputs have rows."""
        return all(source.has_rows for source in self._inputs)

    def __next__(self) -> Any:
        return _placed(self._structure, [next(source) for source in self._inputs])

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows side by side."""
        found = [source.rows(most) for source in self._inputs]
        count = min(count for count, _ in found)
        if not count:
            return 0, None
        parts = [
            rows if n == count else elements.mapped(lambda leaf: leaf[:count], rows)
            for n, rows in found
        ]
        return count, _placed(self._structure, parts)

    def advance(self, count: int) -> int:
        """Go over elements."""
        return min(source.advance(count) for source in self._inputs)


class ConcatenateNode(Node):
    """A dataset, and another one after it.

    Args:
        first: The first.
        second: The second.

    Raises:
        InvalidTypeError: Their elements have different dtypes.
        InvalidValueError: Their elements have different structures.
    """

    def length(self) -> int:
        """Return the sum."""
        a, b = (node.length() for node in self.inputs)
        if INFINITE in (a, b):
            return INFINITE
        return UNKNOWN if UNKNOWN in (a, b) else a + b

    def stream(self) -> ConcatenateStream:
        """Begin a pass."""
        return ConcatenateStream(self.inputs)

    def make_spec(self) -> Any:
        """Return a spec that holds for both."""
        try:
            first = self.inputs[0].element_spec
        except NoElementError:
            return self.inputs[1].element_spec
        try:
            return specs.merged(first, self.inputs[1].element_spec)
        except NoElementError:
            return first


class ConcatenateStream(ManyStream):
    """A pass over one, then the other."""

    kind = "concatenate"

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__(nodes)
        self._now = 0

    @property
    def has_rows(self) -> bool:  # type: ignore[override]
        """Whether both have rows."""
        return all(source.has_rows for source in self._inputs)

    def __next__(self) -> Any:
        while self._now < len(self._inputs):
            try:
                return next(self._inputs[self._now])
            except StopIteration:
                self._now += 1
        raise StopIteration

    def rows(self, most: int) -> tuple[int, Any]:
        """Return rows; those on both sides of the seam are put together."""
        parts: list[Any] = []
        count = 0
        while count < most and self._now < len(self._inputs):
            more, found = self._inputs[self._now].rows(most - count)
            parts += [found] if more else []
            count += more
            self._now += count < most
        return count, elements.joined_rows(parts)

    def advance(self, count: int) -> int:
        """Go over elements."""
        gone = 0
        while gone < count and self._now < len(self._inputs):
            gone += self._inputs[self._now].advance(count - gone)
            self._now += gone < count
        return gone

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "now": self._now}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._now = int(state["now"])


class ChooseNode(Node):
    """Elements of several datasets, as numbers say.

    Args:
        choice: Numbers of datasets.
        nodes: The datasets.
        stop_on_empty: Whether the end of one is the end of all; otherwise others go on.
        where: What to call it in errors.
    """

    def __init__(
        self, choice: Node, nodes: Sequence[Node], stop_on_empty: bool, where: str
    ) -> None:
        super().__init__(choice, *nodes)
        if not nodes:
            raise InvalidValueError(f"[{where}] got no datasets; give a list of them")
        self.stop, self.where = bool(stop_on_empty), where

    def stream(self) -> ChooseStream:
        """Begin a pass."""
        return ChooseStream(self)

    def length(self) -> int:
        """Return the length where all or none have an end."""
        lengths = [node.length() for node in self.inputs[1:]]
        return (
            INFINITE if all(n == INFINITE for n in [*lengths, self.inputs[0].length()]) else UNKNOWN
        )

    def make_spec(self) -> Any:
        """Return a spec that holds for all."""
        spec = self.inputs[1].element_spec
        for node in self.inputs[2:]:
            spec = specs.merged(spec, node.element_spec)
        return spec


class ChooseStream(ManyStream):
    """A pass over chosen elements."""

    kind = "choose"

    def __init__(self, node: ChooseNode) -> None:
        super().__init__(node.inputs)
        self._node = node
        self._ended = [False] * (len(node.inputs) - 1)

    def __next__(self) -> Any:
        while not all(self._ended):
            number = int(np.asarray(elements.as_array(next(self._inputs[0]))))
            if not 0 <= number < len(self._ended):
                raise InvalidValueError(
                    f"[{self._node.where}] choice_dataset gave {number} for {len(self._ended)} datasets; numbers count "
                    "from 0"
                )
            if self._ended[number]:
                continue
            try:
                return next(self._inputs[1 + number])
            except StopIteration:
                self._ended[number] = True
                if self._node.stop:
                    break
        raise StopIteration

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {**super().state(), "ended": list(self._ended)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        super().restore(state)
        self._ended = list(state["ended"])


class WeightedNode(Node):
    """Numbers of datasets, drawn by weights, without end.

    Args:
        weights: A weight for each.
        seed: Where the numbers come from.
        fresh_each_pass: Whether every pass has others.

    Raises:
        InvalidValueError: A weight is negative, or all are 0.
    """

    def __init__(self, weights: Sequence[float], seed: int, fresh_each_pass: bool) -> None:
        super().__init__()
        numbers = np.asarray(weights, np.float64)
        if numbers.ndim != 1 or (numbers < 0).any() or not numbers.sum() > 0:
            raise InvalidValueError(
                f"[sample_from_datasets] got weights={list(weights)!r}; give a number of at least 0 for each dataset"
            )
        self.limits = np.cumsum(numbers / numbers.sum())
        self.seed, self._fresh, self._epoch = seed, fresh_each_pass, 0

    def stream(self) -> WeightedStream:
        """Begin a pass."""
        epoch = self._epoch
        self._epoch += self._fresh
        return WeightedStream(self, epoch)

    def length(self) -> int:
        """Say that there is no end."""
        return INFINITE

    def make_spec(self) -> Any:
        """Return the spec of a number."""
        return specs.TensorSpec((), "int64")

    def get_own_state(self) -> Any:
        """Return the epoch and the seed."""
        return [self._epoch, self.seed]

    def set_own_state(self, state: Any) -> None:
        """Set the epoch and the seed."""
        self._epoch, self.seed = state


class WeightedStream(Stream):
    """A pass over drawn numbers."""

    kind = "weighted"

    def __init__(self, node: WeightedNode, epoch: int) -> None:
        self._node = node
        self._begin([node.seed, epoch])

    def _begin(self, key: list[int]) -> None:
        self._key, self._at = key, 0
        self._rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))

    def __next__(self) -> Any:
        self._at += 1
        found = np.searchsorted(self._node.limits, self._rng.random(), side="right")
        return np.int64(min(int(found), len(self._node.limits) - 1))

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at, "key": self._key}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._begin(list(self.check(state)["key"]))
        self.advance(int(state["at"]))


def check_datasets(datasets: Any, where: str) -> list[Any]:
    """Check that all are datasets.

    Raises:
        InvalidTypeError: One is not.
    """
    for item in datasets:
        if not hasattr(item, "_node"):
            raise InvalidTypeError(
                f"[{where}] got {type(item).__name__}; expected a Dataset, such as Dataset.from_tensor_slices(x)"
            )
    return list(datasets)
