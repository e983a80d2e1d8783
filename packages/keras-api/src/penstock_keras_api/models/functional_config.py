"""Functional models as plain data, in the form that Keras's files have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.operation import Node, Operation
from penstock_keras_api.saving import serialization

if TYPE_CHECKING:
    from penstock_keras_api.models.functional import Functional

# A layer's name, which of its calls, and which of the call's tensors.
Place = tuple[str, int, int]


def config_of(model: Functional) -> dict[str, Any]:
    """Return a model as plain data: its layers, and how they are called.

    Args:
        model: The model.

    Returns:
        What `model_of` makes an equal model of.
    """
    numbers = _node_numbers(model)
    layers = []
    for operation in model._operations:
        made = dict(serialization.serialize_keras_object(operation))
        made["name"] = operation.name
        nodes = [node for node in operation._inbound_nodes if id(node) in numbers]
        made["inbound_nodes"] = [_node_data(node, numbers) for node in nodes if not node.is_input]
        layers.append(made)
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": layers,
        "input_layers": _places(model.input, numbers),
        "output_layers": _places(model.output, numbers),
    }


def _node_numbers(model: Functional) -> dict[int, int]:
    """Number the calls of each layer that belong to the model."""
    mine = {id(node) for node in model._nodes}
    mine |= {
        id(t._keras_history.operation._inbound_nodes[t._keras_history.node_index])
        for t in model.inputs
    }
    numbers: dict[int, int] = {}
    for operation in model._operations:
        kept = [node for node in operation._inbound_nodes if id(node) in mine]
        numbers.update((id(node), number) for number, node in enumerate(kept))
    return numbers


def _place(t: KerasTensor, numbers: Mapping[int, int]) -> list[Any]:
    operation, index, number = t._keras_history
    return [operation.name, numbers[id(operation._inbound_nodes[index])], number]


def _places(structure: Any, numbers: Mapping[int, int]) -> Any:
    if isinstance(structure, KerasTensor):
        return _place(structure, numbers)
    return tree.map_structure(lambda t: _place(t, numbers), structure)


def _node_data(node: Node, numbers: Mapping[int, int]) -> dict[str, Any]:
    def data(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return serialization.serialize_keras_object(leaf)
        inner = {
            "shape": list(leaf.shape),
            "dtype": leaf.dtype,
            "keras_history": _place(leaf, numbers),
        }
        return {"class_name": "__keras_tensor__", "config": inner}

    return {
        "args": tree.map_structure(data, list(node.args)),
        "kwargs": tree.map_structure(data, node.kwargs),
    }


def model_of(cls: type[Functional], config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """Make a model of plain data.

    Args:
        cls: The model's class.
        config: What `config_of` returned, or Keras wrote.
        custom_objects: Classes and functions by name.

    Returns:
        The model.

    Raises:
        ValueError: It names a layer that is not there, or layers that wait for each other.
    """
    return _Builder(config, custom_objects).model(cls)


class _Builder:
    """Makes layers, and calls them when what they are called on is there."""

    def __init__(self, config: Mapping[str, Any], custom_objects: Any) -> None:
        self._config = config
        self._operations: dict[str, Operation] = {}
        self._made: dict[tuple[str, int], list[KerasTensor]] = {}
        self._waiting: list[tuple[str, int, Mapping[str, Any]]] = []
        for data in config["layers"]:
            name = str(data.get("name") or data["config"]["name"])
            operation = serialization.deserialize_keras_object(data, custom_objects)
            self._operations[name] = operation
            for node in operation._inbound_nodes:  # an input layer begins with one
                self._made[name, node.index] = node.output_tensors
            self._waiting += [(name, i, node) for i, node in enumerate(data["inbound_nodes"])]

    def model(self, cls: type[Functional]) -> Any:
        while self._waiting:
            later = [item for item in self._waiting if not self._call(*item)]
            if len(later) == len(self._waiting):
                names = ", ".join(sorted({name for name, _, _ in later}))
                raise InvalidValueError(
                    f"[Functional.from_config] the layers {names} are called on what no layer makes; is the file damaged?"
                )
            self._waiting = later
        inputs, outputs = (
            self._tensors(self._config[key]) for key in ("input_layers", "output_layers")
        )
        made = cls(inputs, outputs, name=self._config.get("name"))
        if self._config.get("trainable") is False:  # of the model alone: its layers have their own
            object.__setattr__(made, "_trainable", False)
        return made

    def _call(self, name: str, number: int, node: Mapping[str, Any]) -> bool:
        """Make one call, if what it needs is there."""
        args, kwargs = node["args"], node["kwargs"]
        if not all((place[0], place[1]) in self._made for place in _needed((args, kwargs))):
            return False
        operation = self._operations[name]
        outputs = operation(
            *(self._filled(a) for a in args), **{k: self._filled(v) for k, v in kwargs.items()}
        )
        self._made[name, number] = tree.flatten(outputs)
        return True

    def _filled(self, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("class_name") == "__keras_tensor__":
            return self._at(data["config"]["keras_history"])
        if isinstance(data, Mapping) and "class_name" not in data:
            return {key: self._filled(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self._filled(item) for item in data]
        return serialization.deserialize_keras_object(data)

    def _at(self, place: Any) -> KerasTensor:
        name, node, number = place[:3]
        try:
            t: KerasTensor = self._made[name, node][number]
            return t
        except (KeyError, IndexError) as error:
            raise InvalidValueError(
                f"[Functional.from_config] there is no tensor {list(place)}; is the file damaged?"
            ) from error

    def _tensors(self, places: Any) -> Any:
        if _is_place(places):
            return self._at(places)
        if isinstance(places, Mapping):
            return {key: self._tensors(value) for key, value in places.items()}
        return [self._tensors(item) for item in places]


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) >= 3
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def _needed(data: Any) -> list[Any]:
    """List the places of the tensors that a call is made on."""
    if isinstance(data, Mapping):
        if data.get("class_name") == "__keras_tensor__":
            return [data["config"]["keras_history"]]
        return [place for value in data.values() for place in _needed(value)]
    if isinstance(data, list | tuple):
        return [place for item in data for place in _needed(item)]
    return []
