"""Sizes that are known only when a model runs: computed from the shapes of tensors that are there."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from penstock.errors import FormatError
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class Sizes:
    """The symbols of a graph, and the tensors that tell their values.

    Args:
        writer: Of the graph.
        parent: The sizes that the graph around it knows.
    """

    def __init__(self, writer: GraphWriter, parent: Sizes | None) -> None:
        self._writer = writer
        self._parent = parent
        self._known: dict[str, tuple[Tensor, int]] = {}
        self._made: dict[str, Value] = {}

    def learn(self, t: Tensor) -> None:
        """Remember which symbols a tensor's shape shows."""
        for axis, size in enumerate(t.shape):
            if not isinstance(size, int) and str(size).isidentifier():
                self._known.setdefault(str(size), (t, axis))

    def vector(self, sizes: Sequence[Any]) -> Value:
        """Return sizes as a vector of int64."""
        emitter = self._writer.emitter
        if all(isinstance(size, int) for size in sizes):
            return emitter.ints(sizes)
        parts: list[Value] = [
            emitter.ints([size]) if isinstance(size, int) else self.of(size) for size in sizes
        ]
        if len(parts) == 1:
            return parts[0]
        joined: Value = emitter.op("Concat", *parts, dtype="int64", axis=0)
        return joined

    def of(self, size: Any) -> Value:
        """Return one size as a vector of one element.

        Raises:
            FormatError: No tensor tells it.
        """
        text = str(size)
        found = self._find(text)
        if found is None:
            found = self._evaluated(ast.parse(text, mode="eval").body, text)
            self._made[text] = found
        return found

    def _find(self, text: str) -> Value | None:
        if text not in self._made:
            # A Shape of what is outside is written here, so it is remembered here.
            where = self._where(text)
            if where is not None:
                writer, t, axis = where
                self._made[text] = writer.size_of(t, axis)
        return self._made.get(text)

    def _where(self, text: str) -> tuple[GraphWriter, Tensor, int] | None:
        if text in self._known:
            return (self._writer, *self._known[text])
        return self._parent._where(text) if self._parent else None

    def _evaluated(self, tree: ast.expr, text: str) -> Value:
        match tree:
            case ast.Constant(value=int() as number):
                return self._writer.emitter.ints([number])
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                sides = self._evaluated(left, text), self._evaluated(right, text)
                made: Value = _ARITHMETIC[type(sign)](*sides)
                return made
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._evaluated(operand, text)
            case ast.Name(id=name):
                found = self._find(name)
                if found is not None:
                    return found
        raise FormatError(
            f"[onnx] the size {text} is in no shape of an input or of a value before it; give an input of the "
            "function that size, such as a placeholder of shape ('batch', 3)"
        )
