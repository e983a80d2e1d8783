"""`Sequential`: one layer after the other."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.input_layer import Input, InputLayer
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.models.functional import Functional
from penstock_keras_api.models.model import Model


class Sequential(Model):
    """Run one layer after the other.

    Args:
        layers: The layers; the first may be what `Input` returned.
        trainable: Whether training changes the weights.
        name: A name.

    Raises:
        TypeError: Something is no layer.
        ValueError: Two layers have one name.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    >>> model.output_shape, model.count_params()
    ((None, 2), 23)
    """

    _functional: Functional | None

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        Layer.__init__(self, trainable=trainable, name=name)
        self._chain: list[Layer] = []
        object.__setattr__(self, "_functional", None)
        for layer in layers or []:
            self._append(layer)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Add a layer behind the others.

        Raises:
            TypeError: It is no layer.
            ValueError: A layer has its name.
        """
        self._append(layer)
        if rebuild:
            self._rebuild()

    def _append(self, layer: Any) -> None:
        if isinstance(layer, KerasTensor):
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            raise InvalidTypeError(
                f"[Sequential] got {layer!r}; expected a layer, or keras.Input(shape)"
            )
        if any(layer.name == other.name for other in self._chain):
            raise InvalidValueError(
                f"[Sequential] two layers are called {layer.name!r}; give each a name of its own: name='...'"
            )
        if isinstance(layer, InputLayer) and self._chain:
            raise InvalidValueError("[Sequential] an Input can only be the first")
        if not self._chain and not isinstance(layer, InputLayer):
            shape = (
                layer._batch_input_shape or getattr(layer, "input_shape", None)
                if isinstance(layer, Functional)
                else layer._batch_input_shape
            )
            if shape is not None:
                first = Input(
                    batch_shape=shape,
                    dtype=layer.dtype if not isinstance(layer, Functional) else None,
                )
                self._chain.append(first._keras_history.operation)
        self._chain.append(layer)
        if not isinstance(layer, InputLayer):
            self._add_owned(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer out, and return it.

        Raises:
            ValueError: There is none.
        """
        if not self._chain:
            raise InvalidValueError("[Sequential] has no layer to take out")
        layer = self._chain.pop()
        self._layers[:] = [item for item in self._layers if item is not layer]
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        """Make the functional model, if the shape of the input is known."""
        object.__setattr__(self, "_functional", None)
        object.__setattr__(self, "built", False)
        if len(self._chain) > 1 and isinstance(self._chain[0], InputLayer):
            self.build(self._chain[0].batch_shape)

    def build(self, input_shape: Any = None) -> None:
        """Build the layers for a shape of the input."""
        if not self._chain:
            raise InvalidValueError(f"[{self.name}] has no layers; add some first")
        if not isinstance(self._chain[0], InputLayer):
            if input_shape is None:
                raise InvalidValueError(
                    f"[{self.name}] give the shape of the input: build((None, ...))"
                )
            first = Input(batch_shape=input_shape, dtype=self._chain[0].compute_dtype)
            self._chain.insert(0, first._keras_history.operation)
        begin = x = self._chain[0].output
        for layer in self._chain[1:]:
            x = layer(x)
        made = Functional(begin, x, name=f"{self.name}_functional")
        object.__setattr__(self, "_functional", made)
        object.__setattr__(self, "_ends", made._ends)
        object.__setattr__(self, "_outputs_struct", made._outputs_struct)
        self._build_shapes = made.input_shape
        object.__setattr__(self, "built", True)

    def call(
        self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        """Run the layers."""
        if self._functional is not None:
            return self._functional.call(inputs, training=training, mask=mask)
        x = inputs
        for layer in self._chain:
            x = layer(x, training=training) if training is not None else layer(x)
        return x

    def _build_for(self, arguments: Any) -> None:
        """Build for the first call's input; its dtype is that of the input layer."""
        first = next(iter(arguments.values()))
        leaves = tree.flatten(first)
        if not isinstance(self._chain[0], InputLayer) and len(leaves) == 1:
            shape = (None, *(d if isinstance(d, int) else None for d in leaves[0].shape[1:]))
            dtype = (
                leaves[0].dtype
                if isinstance(leaves[0], KerasTensor)
                else ps.asarray(leaves[0]).dtype.name
            )
            begin = Input(batch_shape=shape, dtype=dtype)
            self._chain.insert(0, begin._keras_history.operation)
        self.build()

    def compute_output_spec(
        self, inputs: Any, training: bool | None = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        """Find out the shape and dtype of the output."""
        if self._functional is not None:
            return self._functional.compute_output_spec(inputs, training=training, mask=mask)
        return super().compute_output_spec(inputs, training=training, mask=mask, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for a shape of the input."""
        shape = input_shape
        for layer in self._chain:
            if not isinstance(layer, InputLayer):
                shape = layer.compute_output_shape(shape)
        return shape

    @property
    def layers(self) -> list[Any]:
        """The layers, without the input."""
        return [layer for layer in self._chain if not isinstance(layer, InputLayer)]

    @property
    def inputs(self) -> Any:
        """What stands for the inputs; None before the model is built."""
        return self._functional.inputs if self._functional is not None else None

    @property
    def outputs(self) -> Any:
        """What stands for the outputs; None before the model is built."""
        return self._functional.outputs if self._functional is not None else None

    @property
    def input(self) -> Any:
        """What stands for the input."""
        return self._need_functional().input

    @property
    def output(self) -> Any:
        """What stands for the output."""
        return self._need_functional().output

    @property
    def input_shape(self) -> Any:
        """The shape of the input."""
        return self._need_functional().input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output."""
        return self._need_functional().output_shape

    def _need_functional(self) -> Functional:
        if self._functional is None:
            raise AttributeError(
                f"{self.name} was not built yet, so shapes are not known; begin it with keras.Input(shape), or call it"
            )
        return self._functional

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal model of."""
        from penstock_keras_api.saving import serialization

        made: dict[str, Any] = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": serialization.serialize_dtype(self.dtype_policy),
            "layers": [serialization.serialize_keras_object(layer) for layer in self._chain],
        }
        if self._functional is not None:
            made["build_input_shape"] = self.input_shape
        return made

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a model of what `get_config` returned."""
        from penstock_keras_api.saving import serialization

        made = cls(name=config.get("name"))
        for layer in config["layers"]:
            made.add(serialization.deserialize_keras_object(layer, custom_objects), rebuild=False)
        made._rebuild()
        if config.get("trainable") is False:  # of the model alone: its layers have their own
            object.__setattr__(made, "_trainable", False)
        shape = config.get("build_input_shape")
        if shape and not made.built:
            made.build(tree.lists_to_tuples(shape))
        return made
