"""`keras.Function`: operations between inputs and outputs, called as one, without the rest of a model."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.abstract import compute_output_spec
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.operation import Operation


class Function(Operation):
    """Compute outputs of inputs by the operations between them.

    Args:
        inputs: What stands for tensors, in any structure.
        outputs: What was computed of them.
        name: A name.

    Raises:
        ValueError: An output does not depend on the inputs alone.

    >>> from penstock import keras
    >>> x = keras.KerasTensor((2,))
    >>> keras.Function(x, keras.ops.exp(x) * 2)(keras.ops.zeros((2,))).tolist()
    [2.0, 2.0]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name)
        self._inputs_struct, self._outputs_struct = inputs, outputs
        self._begins, self._ends = tree.flatten(inputs), tree.flatten(outputs)
        self._steps = _steps(self._begins, self._ends, self.name)

    @property
    def inputs(self) -> list[Any]:
        """What stands for the inputs."""
        return list(self._begins)

    @property
    def outputs(self) -> list[Any]:
        """What stands for the outputs."""
        return list(self._ends)

    @property
    def operations(self) -> list[Any]:
        """The operations, each once, in the order in which they run."""
        found: dict[int, Any] = {}
        for node in self._steps:
            found.setdefault(id(node.operation), node.operation)
        return list(found.values())

    def compute_output_spec(self, inputs: Any) -> Any:
        """Find out the shapes and dtypes of the outputs.

        Args:
            inputs: What stands for tensors.
        """
        return compute_output_spec(self.call, inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Find out the shapes of the outputs.

        Args:
            input_shape: A shape for each input.
        """
        shapes = [input_shape] if len(self._begins) == 1 and _is_shape(input_shape) else input_shape
        leaves = iter(_shapes(shapes))
        specs = [KerasTensor(next(leaves), t.dtype) for t in self._begins]
        made = self.compute_output_spec(tree.pack_sequence_as(self._inputs_struct, specs))
        return tree.map_structure(lambda t: t.shape, made)

    def call(self, inputs: Any) -> Any:
        """Run the operations.

        Args:
            inputs: Tensors, in the structure of the inputs.

        Raises:
            ValueError: There is another number of them.
        """
        given = tree.flatten(inputs)
        if len(given) != len(self._begins):
            raise InvalidValueError(
                f"[{self.name}] got {len(given)} inputs; give {len(self._begins)}"
            )
        values = {id(t): value for t, value in zip(self._begins, given, strict=True)}
        for node in self._steps:
            made = node.call_on(lambda t: values[id(t)])
            for t, value in zip(node.output_tensors, tree.flatten(made), strict=True):
                values[id(t)] = value
        return tree.map_structure(lambda t: values[id(t)], self._outputs_struct)


def _steps(inputs: list[Any], outputs: list[Any], name: str) -> list[Any]:
    """List the calls between inputs and outputs, in the order in which they can run."""
    order: list[Any] = []
    done = {id(t) for t in inputs}
    stack = [(t, False) for t in reversed(outputs)]
    while stack:
        t, ready = stack.pop()
        if id(t) in done:
            continue
        history = getattr(t, "_keras_history", None)
        if history is None or history.operation._inbound_nodes[history.node_index].is_input:
            raise InvalidValueError(
                f"[{name}] an output depends on {getattr(t, 'name', t)!r}, which is not among the inputs; add it"
            )
        node = history.operation._inbound_nodes[history.node_index]
        if ready:
            order.append(node)
            done |= {id(made) for made in node.output_tensors}
            continue
        stack.append((t, True))
        stack += [(before, False) for before in reversed(node.input_tensors)]
    return order


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(n is None or isinstance(n, int) for n in value)


def _shapes(structure: Any) -> list[Any]:
    """List the shapes of a structure."""
    if _is_shape(structure):
        return [structure]
    items = structure.values() if isinstance(structure, dict) else structure
    return [shape for item in items for shape in _shapes(item)]
