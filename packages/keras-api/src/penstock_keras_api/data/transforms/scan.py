"""`scan`: a function of each element and of what it left for the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.errors import InvalidTypeError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.stream import Derived, Stream
from penstock_keras_api.data.user_function import note


class ScanNode(Node):
    """A function of a state and each element, which returns the next state and an element.

    Args:
        source: Whose elements.
        initial: The first state.
        fn: The function.
    """

    def __init__(self, source: Node, initial: Any, fn: Callable[..., Any]) -> None:
        super().__init__(source)
        if not callable(fn):
            raise InvalidTypeError(f"[scan] got {type(fn).__name__}; expected a function")
        self.initial = elements.as_tensors(elements.from_user(initial))
        self.fn = fn

    def stream(self) -> ScanStream:
        """Begin a pass."""
        return ScanStream(self, self.inputs[0].stream())

    def make_spec(self) -> Any:
        """Return the spec of the first result."""
        return self.peek_spec()

    def step(self, state: Any, element: Any) -> tuple[Any, Any]:
        """Call the function.

        Raises:
            InvalidTypeError: It did not return a pair.
        """
        made = self.fn(state, elements.as_tensors(element))
        if not isinstance(made, tuple) or len(made) != 2:
            raise InvalidTypeError(
                f"[scan] the function returned {type(made).__name__}; expected a pair (next state, element)"
            )
        return elements.as_tensors(elements.from_user(made[0])), elements.from_user(made[1])


class ScanStream(Derived):
    """A pass with a state. Its position is found again by replay, since states may be large."""

    kind = "scan"

    def __init__(self, node: ScanNode, source: Stream) -> None:
        super().__init__(source)
        self._node = node
        self._begin(source.state())

    def _begin(self, base: dict[str, Any]) -> None:
        self._base, self._at, self._now = base, 0, self._node.initial

    def __next__(self) -> Any:
        element = next(self._input)
        try:
            self._now, made = self._node.step(self._now, element)
        except Exception as error:
            note(error, "scan", self._at)
            raise
        self._at += 1
        return made

    def state(self) -> dict[str, Any]:
        """Return the position."""
        return {"kind": self.kind, "at": self._at, "input": self._base}

    def restore(self, state: dict[str, Any]) -> None:
        """Call the function again for what went before."""
        base = self.check(state)["input"]
        self._input.restore(base)
        self._begin(base)
        self.advance(int(state["at"]))


def reduced(node: Node, initial: Any, fn: Callable[..., Any]) -> Any:
    """Call a function of a state and each element; return the last state."""
    state = elements.as_tensors(elements.from_user(initial))
    spec = specs.spec_of(state)
    stream = node.stream()
    try:
        for number, element in enumerate(stream):
            try:
                made = elements.from_user(fn(state, elements.as_tensors(element)))
            except Exception as error:
                note(error, "reduce", number)
                raise
            state = elements.as_tensors(made)
            if number == 0 and elements.leaves(specs.spec_of(state)) and _differs(spec, state):
                raise InvalidTypeError(
                    f"[reduce] the function returned {elements.outline(state)}, initial_state is {spec}; give both one "
                    "structure and dtype"
                )
    finally:
        stream.close()
    return state


def _differs(spec: Any, state: Any) -> bool:
    try:
        same = elements.zipped(lambda pair: str(pair[0].dtype) == str(pair[1].dtype),
                               [spec, specs.spec_of(state)])  # fmt: skip
    except ValueError:
        return True
    return not all(elements.leaves(same))
