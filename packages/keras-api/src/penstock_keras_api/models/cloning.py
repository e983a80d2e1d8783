"""New models like given ones: with the same architecture, and weights of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import FormatError, InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.input_layer import Input, InputLayer
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.models.functional import Functional
from penstock_keras_api.models.model import Model
from penstock_keras_api.models.sequential import Sequential
from penstock_keras_api.operation import Operation
from penstock_keras_api.saving import serialization
from penstock_keras_api.saving.problems import explained


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a model of what `Model.to_json` returned; its weights are new.

    Args:
        json_string: The text.
        custom_objects: Classes and functions by name.

    Raises:
        FormatError: The text describes no model.
        ValueError: It names a class that is not known.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    with explained("the text"):
        config = json.loads(json_string)
        model = serialization.deserialize_keras_object(config, custom_objects)
    if not isinstance(model, Layer):
        raise FormatError(
            "[model_from_json] the text describes no model; give what model.to_json() returned"
        )
    return model


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Make a model like another one, with new weights.

    Args:
        model: The model.
        input_tensors: What the new one begins with, if not with inputs of its own.
        clone_function: Makes a new layer of a layer; by default, one with the same configuration.
        call_function: Calls a new layer: gets it and the arguments of the call.
        recursive: Whether `clone_function` gets the layers of models inside, and not these models.
        kwargs: None is known.

    Returns:
        The new model.

    Raises:
        TypeError: `clone_function` returned no layer.
        ValueError: A model of a class of its own is to be cloned in another way than by its configuration.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.clone_model(model).output_shape
    (None, 2)
    """
    if kwargs:
        raise InvalidValueError(
            f"[clone_model] got the arguments {', '.join(kwargs)}, which it does not know; leave them out"
        )
    if isinstance(model, Sequential):
        if call_function is not None:
            raise InvalidValueError(
                "[clone_model] a Sequential model calls its layers by itself; leave out call_function"
            )
        return _clone_sequential(model, input_tensors, _Cloner(clone_function, None, recursive))
    if isinstance(model, Functional):
        plain = type(model).__init__ is Functional.__init__
        if plain or any(
            item is not None for item in (input_tensors, clone_function, call_function)
        ):
            return _Cloner(clone_function, call_function, recursive).functional(
                model, input_tensors
            )
    if any(item is not None for item in (input_tensors, clone_function, call_function)):
        raise InvalidValueError(
            f"[clone_model] {type(model).__name__} is a class of its own, which is cloned by its configuration; leave out "
            "input_tensors, clone_function and call_function"
        )
    return type(model).from_config(model.get_config())


class _Cloner:
    def __init__(self, clone: Any, call: Any, recursive: bool) -> None:
        self._clone = clone or (lambda layer: type(layer).from_config(layer.get_config()))
        self._call = call or (lambda layer, *args, **kwargs: layer(*args, **kwargs))
        self._recursive = recursive
        self._given_call = call

    def layer(self, layer: Any) -> Any:
        if self._recursive and isinstance(layer, Model):
            given = None if isinstance(layer, Sequential) else self._given_call
            return clone_model(layer, None, self._clone, given, True)
        made = self._clone(layer)
        if not isinstance(made, Operation):
            raise InvalidTypeError(
                f"[clone_model] clone_function returned {type(made).__name__} for {layer.name}; let it return a layer"
            )
        return made

    def functional(self, model: Functional, input_tensors: Any) -> Any:
        """Call new layers as the old ones were called."""
        values: dict[int, KerasTensor] = {}
        begins = _begins(model, input_tensors)
        for old, new in zip(model._begins, begins, strict=True):
            values[id(old)] = new
        made: dict[int, Any] = {}
        for node in model._nodes:
            operation = node.operation
            if id(operation) not in made:
                made[id(operation)] = self.layer(operation)

            def fill(leaf: Any) -> Any:
                return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

            args, kwargs = tree.map_structure(fill, (node.args, node.kwargs))
            outputs = self._call(made[id(operation)], *args, **kwargs)
            for t, value in zip(node.output_tensors, tree.flatten(outputs), strict=True):
                values[id(t)] = value
        inputs = tree.pack_sequence_as(model.input, begins)
        ends = tree.map_structure(lambda t: values[id(t)], model.output)
        return Functional(inputs, ends, name=model.name)


def _begins(model: Functional, input_tensors: Any) -> list[KerasTensor]:
    if input_tensors is not None:
        given = tree.flatten(input_tensors)
        if len(given) != len(model._begins):
            raise InvalidValueError(
                f"[clone_model] got {len(given)} input tensors for {len(model._begins)} inputs; give one for each"
            )
        return given
    return [
        Input(batch_shape=t.shape, dtype=t.dtype, name=t._keras_history.operation.name)
        for t in model._begins
    ]


def _clone_sequential(model: Sequential, input_tensors: Any, cloner: _Cloner) -> Any:
    layers = [cloner.layer(layer) for layer in model.layers]
    if input_tensors is not None:
        (begin,) = tree.flatten(input_tensors)
        layers.insert(0, begin)
    elif isinstance(model._chain[0] if model._chain else None, InputLayer):
        first = model._chain[0]
        layers.insert(0, Input(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name))  # type: ignore[attr-defined]
    return Sequential(layers, trainable=model._trainable, name=model.name)
