"""A function as a layer."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, Self

from penstock.errors import InvalidTypeError
from penstock_keras_api import abstract, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.saving import lambdas, serialization


class Lambda(Layer):
    """Apply a function. Give it a name and register it, if the model is to be saved.

    Args:
        function: A function of the inputs; it may take `mask` and `training` too.
        output_shape: The shape of the output without the batch, or a function that makes it of the input's; found by
            a trial if it is None.
        mask: The mask of the output, or a function of inputs and mask that makes it.
        arguments: Further arguments of the function, by name.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `function` cannot be called.

    >>> from penstock import keras
    >>> keras.layers.Lambda(lambda x: x * 2)([1.0, 2.0]).tolist()
    [2.0, 4.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise InvalidTypeError(
                f"[Lambda] got {type(function).__name__}; give it a function of a tensor"
            )
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._extra = [name for name in ("mask", "training") if name in _names(function)]
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Call the function."""
        given = {"mask": mask, "training": training}
        extra = {name: given[name] for name in self._extra}
        return self.function(inputs, **self.arguments, **extra)

    def compute_output_spec(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        """Return the shape and dtype of the output."""
        if self._output_shape is None:
            return abstract.compute_output_spec(self.call, inputs, mask=mask, training=training)
        shape = self.compute_output_shape(tree.map_structure(lambda t: t.shape, inputs))
        return tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = tree.flatten(input_shape)[0]
        return tree.map_shape_structure(lambda s: (batch, *s), self._output_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of.

        A lambda is written as code, as in Keras; files that hold it are loaded with `safe_mode=False`. `model.export`
        writes it as a graph.

        Raises:
            TypeError: A lambda holds what a file cannot.
        """
        function = lambdas.reference(self) or _plain(self.function)
        made = {**super().get_config(), "function": function}
        if self._output_shape is not None:
            made["output_shape"] = _plain(self._output_shape)
        if self.mask is not None:
            made["mask"] = _plain(self.mask)
        made["arguments"] = serialization.serialize_keras_object(self.arguments)
        return made

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer of what `get_config` returned; code in it is never run."""
        made = dict(config)
        for key in ("function", "output_shape", "mask", "arguments"):
            if key in made:
                made[key] = serialization.deserialize_keras_object(made[key], custom_objects)
        if isinstance(made.get("output_shape"), list):
            made["output_shape"] = tree.lists_to_tuples(made["output_shape"])
        return cls(**made)


def _names(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C
        return []


def _plain(value: Any) -> Any:
    found = serialization.serialize_keras_object(value)
    try:
        json.dumps(found)
    except TypeError as error:
        raise InvalidTypeError(
            f"[Lambda] the function holds a value that a file cannot ({error}); name the function with def, and register it "
            "with @keras.saving.register_keras_serializable()"
        ) from error
    return found
