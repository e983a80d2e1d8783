"""An ONNX model that runs node by node: for files whose sizes depend on numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock import Tensor, Variable
from penstock.errors import InvalidTypeError
from penstock_formats.onnx.reading import converters
from penstock_formats.onnx.reading.errors import explained
from penstock_formats.onnx.reading.values import Value
from penstock_formats.onnx.reading.walk import Scope, Walk

if TYPE_CHECKING:
    from penstock_formats.onnx.reading.model import Source

converters.load()


class EagerOnnx:
    """Calls an ONNX file's nodes one after another, on tensors, at once.

    It takes every model that `read` takes, and those whose sizes depend on numbers. It has gradients, as any code that
    calls ops; it cannot be saved, or called while a graph is built.

    Args:
        source: The file's parts.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.input_names = [i.name for i in source.inputs]
        self.output_names = [o.name for o in source.model.graph.output]

    @property
    def variables(self) -> dict[str, Variable]:
        """The variables that calls have read so far, by the file's names."""
        weights = self._source.weights.items()
        return {name: w.variable for name, w in weights if w.variable is not None}

    @property
    def trainable_variables(self) -> list[Variable]:
        """Those of them that gradient tapes watch."""
        return [v for v in self.variables.values() if v.trainable]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the nodes.

        Args:
            args: Tensors or arrays, in the order of the inputs.
            kwargs: Others by name.

        Returns:
            The output, or a dictionary of the outputs by name if there are several.

        Raises:
            InvalidTypeError: An input is missing, or there is no input of that name.
            FormatError: A node cannot be run.
        """
        given = dict(zip(self.input_names, args, strict=False)) | kwargs
        if len(args) + len(kwargs) != len(self.input_names) or set(given) != set(self.input_names):
            raise InvalidTypeError(
                f"[onnx] got {len(args)} inputs in order and {sorted(kwargs)} by name; the model takes "
                f"{', '.join(self.input_names) or 'none'}: give each once"
            )
        results = self.run([given[name] for name in self.input_names])
        return (
            results[0] if len(results) == 1 else dict(zip(self.output_names, results, strict=True))
        )

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the nodes on a value for each input; a list stands for a sequence, None for an optional's absence."""
        scope = Scope(None, self._source.opsets)
        scope.values.update(self._source.main_constants())
        scope.values.update((n, as_value(v)) for n, v in zip(self.input_names, inputs, strict=True))
        with explained():
            nodes = scope.nodes = self._source.model.graph.node
            results = Walk(self._source).nodes(nodes, scope, self.output_names)
            return [_plain(v) for v in results]

    def __repr__(self) -> str:
        return f"<penstock_formats.onnx.EagerOnnx ({', '.join(self.input_names)}) -> ({', '.join(self.output_names)})>"


def as_value(given: Any) -> Value:
    """Make a value of what a caller gives."""
    if given is None:
        return Value.nothing()
    if isinstance(given, list):
        return Value(items=[as_value(v) for v in given])
    if isinstance(given, np.ndarray) and given.dtype.kind in "SUT":
        given = given.astype(object)
    return Value(given if isinstance(given, Tensor) else ps.asarray(given))


def _plain(value: Value) -> Any:
    if value.is_nothing:
        return None
    if value.items is not None:
        return [_plain(v) for v in value.items]
    return value.tensor
