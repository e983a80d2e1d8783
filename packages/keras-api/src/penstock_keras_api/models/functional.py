"""Models made of calls of layers on what stands for tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import context, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.input_layer import Input
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.masks import mask_of
from penstock_keras_api.models.model import Model
from penstock_keras_api.operation import Node, Operation


class Functional(Model):
    """A model from inputs to outputs.

    Args:
        inputs: What `Input` returned, or what another layer did: in any structure.
        outputs: What layers returned, in any structure.
        name: A name.

    Raises:
        ValueError: An output does not depend on the inputs alone, or two layers have one name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        Layer.__init__(self, name=name, **kwargs)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._begins = tree.flatten(self._inputs_struct)
        self._ends = tree.flatten(outputs)
        if not all(isinstance(t, KerasTensor) for t in (*self._begins, *self._ends)):
            raise InvalidValueError(
                f"[{self.name}] inputs and outputs of a model are what keras.Input and layers return; got "
                f"{[type(t).__name__ for t in (*self._begins, *self._ends)]}"
            )
        self._nodes = _nodes_between(self._begins, self._ends, self.name)
        if not all(_node_of(t).is_input for t in self._begins):
            self._begin_anew()
        starts = [node for node in map(_node_of, self._begins) if node.is_input]
        self._operations = _by_depth(starts, self._nodes, [_node_of(t) for t in self._ends])
        _check_names(self._operations, self.name)
        self._functional_layers = [op for op in self._operations if isinstance(op, Layer)]
        for layer in self._functional_layers:
            self._add_owned(layer)
        self.built = True
        self._build_shapes = tree.map_structure(lambda t: t.shape, self._inputs_struct)
        if trainable is not None:
            self.trainable = trainable

    def _begin_anew(self) -> None:
        """Give the model inputs of its own where it begins with what layers made: without them it could not be saved."""
        begins = [t if _node_of(t).is_input else _input_like(t) for t in self._begins]
        values: dict[int, Any] = dict(zip(map(id, self._begins), begins, strict=True))
        self._run_nodes(values)
        value_of = partial(_value_of, values)
        self._inputs_struct = tree.map_structure(value_of, self._inputs_struct)
        self._outputs_struct = tree.map_structure(value_of, self._outputs_struct)
        self._begins, self._ends = begins, tree.flatten(self._outputs_struct)
        self._nodes = _nodes_between(self._begins, self._ends, self.name)

    def _run_nodes(self, values: dict[int, Any], training: bool | None = None) -> None:
        """Add to values, which are those of the inputs by the tensors they stand for, what each layer makes."""
        for node in self._nodes:
            extra = (
                {"training": training}
                if training is not None and isinstance(node.operation, Layer)
                else {}
            )
            made = node.call_on(partial(_value_of, values), **extra)
            for t, value in zip(node.output_tensors, tree.flatten(made), strict=True):
                values[id(t)] = value

    @property
    def layers(self) -> list[Any]:
        """The layers, those farthest from the outputs first, as in Keras; weights have the same order."""
        return list(self._functional_layers)

    @property
    def inputs(self) -> list[KerasTensor]:
        """What stands for the inputs."""
        return list(self._begins)

    @property
    def outputs(self) -> list[KerasTensor]:
        """What stands for the outputs."""
        return list(self._ends)

    @property
    def input(self) -> Any:
        """What stands for the inputs, in their structure."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """What stands for the outputs, in their structure."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs, in their structure."""
        return tree.map_structure(lambda t: t.shape, self._inputs_struct)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs, in their structure."""
        return tree.map_structure(lambda t: t.shape, self._outputs_struct)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the layers."""
        given = self._standardized(inputs)
        values = dict(zip(map(id, self._begins), given, strict=True))
        if mask is not None:
            for value, m in zip(given, tree.flatten(mask), strict=False):
                context.set_mask(value, m)
        self._run_nodes(values, training)
        return tree.map_structure(partial(_value_of, values), self._outputs_struct)

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Find out the shapes and dtypes of the outputs for inputs."""
        if [t.shape for t in tree.flatten(inputs)] == [t.shape for t in self._begins]:
            return tree.map_structure(lambda t: KerasTensor(t.shape, t.dtype), self._outputs_struct)
        return super().compute_output_spec(inputs, training=training, mask=mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for shapes of the inputs."""
        specs = tree.map_shape_structure(KerasTensor, input_shape)
        made = Layer.compute_output_spec(self, specs)
        return tree.map_structure(lambda t: t.shape, made)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the masks of the outputs, which the layers inside have set."""
        return tree.map_structure(mask_of, self._outputs_struct)

    def _standardized(self, inputs: Any) -> list[Any]:
        """Bring inputs into the model's order, dtype and number of axes."""
        if isinstance(inputs, Mapping) and not isinstance(self._inputs_struct, Mapping):
            missing = [t.name for t in self._begins if t.name not in inputs]
            if missing:
                raise InvalidValueError(
                    f"[{self.name}] misses the input {', '.join(missing)}; it got {', '.join(inputs)}: name the "
                    "dictionary's keys like the inputs"
                )
            inputs = [inputs[t.name] for t in self._begins]
        elif isinstance(inputs, Mapping) and isinstance(self._inputs_struct, Mapping):
            missing = [key for key in self._inputs_struct if key not in inputs]
            if missing:
                raise InvalidValueError(
                    f"[{self.name}] misses the input {', '.join(missing)}; it got {', '.join(inputs)}"
                )
            inputs = {key: inputs[key] for key in self._inputs_struct}
        flat = tree.flatten(inputs)
        if len(flat) != len(self._begins):
            raise InvalidValueError(
                f"[{self.name}] takes {len(self._begins)} inputs, {', '.join(t.name for t in self._begins)}, and got "
                f"{len(flat)}"
            )
        return [_fitted(x, t) for x, t in zip(flat, self._begins, strict=True)]

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal model of."""
        from penstock_keras_api.models.functional_config import config_of

        if type(self).__init__ is not Functional.__init__ and type(self) is not Functional:
            return Layer.get_config(self)
        return config_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model of what `get_config` returned."""
        from penstock_keras_api.models.functional_config import model_of

        if "layers" not in config:
            return cls(**config)
        return model_of(cls, config, custom_objects)


def _value_of(values: Mapping[int, Any], t: KerasTensor) -> Any:
    return values[id(t)]


def _input_like(t: KerasTensor) -> KerasTensor:
    made: KerasTensor = Input(
        batch_shape=t.shape, dtype=t.dtype, sparse=t.sparse, name=f"{t.name}CLONE"
    )
    return made


def _fitted(x: Any, t: KerasTensor) -> Any:
    if isinstance(x, KerasTensor) or x is None:
        return x
    mask = context.get_mask(x)
    value = ps.asarray(x)
    if value.dtype != t.dtype and value.dtype != "string":
        value = ps.cast(value, t.dtype)
    if value.ndim == t.ndim - 1 and t.shape[-1] == 1:
        value = ps.expand_dims(value, -1)
    elif value.ndim == t.ndim + 1 and value.shape[-1] == 1:
        value = ps.squeeze(value, -1)
    if mask is not None:
        context.set_mask(value, mask)
    return value


def _nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor], model: str) -> list[Node]:
    """List the calls that lead from inputs to outputs, each after those that it needs.

    Raises:
        ValueError: An output needs an input that is not given.
    """
    begin = {id(t) for t in inputs}
    order: list[Node] = []
    done: set[int] = set()
    # Each entry is visited twice: first to find what it needs, then to be listed.
    stack: list[tuple[Node, bool]] = [
        (_node_of(t), False) for t in reversed(outputs) if id(t) not in begin
    ]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
            continue
        if node.is_input:
            raise InvalidValueError(
                f"[{model}] an output depends on the input {node.output_tensors[0].name!r}, which is not among the "
                "model's inputs; add it"
            )
        stack.append((node, True))
        stack += [(_node_of(t), False) for t in reversed(node.input_tensors) if id(t) not in begin]
    return order


def _node_of(t: KerasTensor) -> Node:
    history = getattr(t, "_keras_history", None)
    if history is None:
        raise InvalidValueError(
            f"[Model] {t} was made by no layer; begin with keras.Input(shape), and call layers on what it returns"
        )
    node: Node = history.operation._inbound_nodes[history.node_index]
    return node


def _by_depth(starts: list[Node], nodes: list[Node], ends: list[Node]) -> list[Operation]:
    """Order operations as Keras does: by their distance from the outputs, then as one finds them from there.

    The order is that of `get_weights`, so it must not depend on which layer was called first.

    Args:
        starts: The inputs.
        nodes: The calls, each after those that it needs.
        ends: The calls that made the outputs.

    Returns:
        The operations, each once.
    """
    known = {id(node) for node in (*starts, *nodes)}
    depths: dict[
        int, int
    ] = {}  # of calls and of operations, which are as deep as their deepest call
    for node in (*reversed(nodes), *starts):
        depth = max(depths.get(id(node), 0), depths.get(id(node.operation), 0))
        depths[id(node.operation)] = depth
        for t in node.input_tensors:
            before = id(_node_of(t))
            depths[before] = max(depths.get(before, 0), depth + 1)
    found: dict[int, Operation] = {}
    seen: set[int] = set()
    stack = [*reversed(ends)]
    while stack:
        node = stack.pop()
        if id(node) in known and id(node) not in seen:
            seen.add(id(node))
            found.setdefault(id(node.operation), node.operation)
            stack += [_node_of(t) for t in reversed(node.input_tensors)]
    unused = {id(n.operation): n.operation for n in starts if id(n.operation) not in found}
    return sorted([*unused.values(), *found.values()], key=lambda op: -depths[id(op)])


def _check_names(operations: list[Operation], model: str) -> None:
    seen: set[str] = set()
    for operation in operations:
        if operation.name in seen:
            raise InvalidValueError(
                f"[{model}] two layers are called {operation.name!r}; give each a name of its own: name='...'"
            )
        seen.add(operation.name)
