"""`flat_map` and `interleave`: datasets made of elements, one after the other, or several taking turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.errors import InvalidTypeError
from penstock_keras_api.data.node import UNKNOWN, Node, NoElementError
from penstock_keras_api.data.options import Options
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.transforms.batch import positive
from penstock_keras_api.data.transforms.prefetch import AheadStream
from penstock_keras_api.data.user_function import called, note


class InterleaveNode(Node):
    """Datasets made of elements, several taking turns.

    Args:
        source: Whose elements.
        fn: Makes a dataset of an element.
        cycle: How many datasets take turns.
        block: How many elements a turn has.
        threads: Whether each dataset runs ahead in a thread of its own; 0 for no.
        options: How the dataset runs.
        where: What to call it in errors.
    """

    def __init__(
        self,
        source: Node,
        fn: Callable[..., Any],
        cycle: int,
        block: int,
        threads: int,
        options: Options,
        where: str,
    ) -> None:
        super().__init__(source)
        if not callable(fn):
            raise InvalidTypeError(
                f"[{where}] got {type(fn).__name__}; expected a function that makes a dataset of an element"
            )
        self.fn, self.where, self.options = fn, where, options
        self.cycle = positive(cycle, "cycle_length", where)
        self.block = positive(block, "block_length", where)
        self.threads = threads

    def stream(self) -> InterleaveStream:
        """Begin a pass."""
        return InterleaveStream(self, self.inputs[0].stream())

    def length(self) -> int:
        """Say that it is not known."""
        return UNKNOWN

    def make_spec(self) -> Any:
        """Return the spec of the first dataset's elements."""
        try:
            return self.inner(self.inputs[0].peek(), 0).element_spec
        except StopIteration:
            raise NoElementError(
                f"[{self.where}] the dataset is empty, so nothing says what elements are like"
            ) from None

    def inner(self, element: Any, number: int) -> Node:
        """Make the dataset of an element.

        Raises:
            InvalidTypeError: The function returned something else.
        """
        try:
            made = called(self.fn, element)
        except Exception as error:
            note(error, self.where, number)
            raise
        if not hasattr(made, "_node"):
            raise InvalidTypeError(
                f"[{self.where}] the function returned {type(made).__name__}; expected a Dataset, such as "
                "Dataset.from_tensor_slices(x); use map for tensors"
            )
        return made._node  # type: ignore[no-any-return]


class _Turn:
    """A dataset that takes turns: its stream, and what it was made of."""

    def __init__(self, before: dict[str, Any], number: int, stream: Stream) -> None:
        self.before, self.number, self.stream = before, number, stream


class InterleaveStream(Stream):
    """A pass over datasets that take turns."""

    kind = "interleave"

    def __init__(self, node: InterleaveNode, source: Stream) -> None:
        self._node, self._input = node, source
        self._turns: list[_Turn | None] = [None] * node.cycle
        self._place = self._in_block = self._number = 0
        self._exhausted = False

    def __next__(self) -> Any:
        idle = 0
        while idle <= len(self._turns):
            turn = self._turns[self._place]
            if turn is None and not self._exhausted:
                turn = self._begin_turn()
            if turn is None:
                idle += 1
                self._move()
                continue
            try:
                element = next(turn.stream)
            except StopIteration:
                turn.stream.close()
                self._turns[self._place] = None
                self._move()
                idle = 0
                continue
            self._in_block += 1
            if self._in_block == self._node.block:
                self._move()
            return element
        raise StopIteration

    def _move(self) -> None:
        self._place = (self._place + 1) % len(self._turns)
        self._in_block = 0

    def _begin_turn(self) -> _Turn | None:
        before = self._input.state()
        try:
            element = next(self._input)
        except StopIteration:
            self._exhausted = True
            return None
        turn = _Turn(before, self._number, self._open(element, self._number))
        self._number += 1
        self._turns[self._place] = turn
        return turn

    def _open(self, element: Any, number: int) -> Stream:
        stream = self._node.inner(element, number).stream()
        return AheadStream(stream, 2, self._node.options) if self._node.threads else stream

    def state(self) -> dict[str, Any]:
        """Return the position: the input's, and that of every dataset under way."""
        turns = [
            None
            if turn is None
            else {"before": turn.before, "number": turn.number, "stream": turn.stream.state()}
            for turn in self._turns
        ]
        return {
            "kind": self.kind,
            "input": self._input.state(),
            "turns": turns,
            "place": self._place,
            "in_block": self._in_block,
            "number": self._number,
            "exhausted": self._exhausted,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Make the datasets that were under way again."""
        self._close_turns()
        self.check(state)
        self._turns = [None if turn is None else self._restored(turn) for turn in state["turns"]]
        self._input.restore(state["input"])
        self._place, self._in_block = int(state["place"]), int(state["in_block"])
        self._number, self._exhausted = int(state["number"]), bool(state["exhausted"])

    def _restored(self, turn: dict[str, Any]) -> _Turn:
        self._input.restore(turn["before"])
        stream = self._open(next(self._input), turn["number"])
        stream.restore(turn["stream"])
        return _Turn(turn["before"], turn["number"], stream)

    def _close_turns(self) -> None:
        for turn in self._turns:
            if turn is not None:
                turn.stream.close()
        self._turns = [None] * self._node.cycle

    def close(self) -> None:
        """End what all datasets run."""
        self._close_turns()
        self._input.close()
