"""A rectifier whose slopes are learnt."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class PReLU(Layer):
    """Let positive numbers pass, and negative ones with slopes that are learnt: max(x, 0) + alpha · min(x, 0).

    Args:
        alpha_initializer: What makes the slopes.
        alpha_regularizer: What the slopes add to the loss.
        alpha_constraint: What the slopes are made to fulfil.
        shared_axes: The axes along which one slope holds: [1, 2] for one slope for each channel of an image.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The size of an axis that is not shared is not known.

    >>> from penstock import keras
    >>> keras.layers.PReLU(alpha_initializer="ones")([[-1.0, 2.0]]).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None and not isinstance(shared_axes, list | tuple):
            shared_axes = [shared_axes]
        self.shared_axes = None if shared_axes is None else list(shared_axes)

    def build(self, input_shape: Any) -> None:
        """Make the slopes."""
        shape = list(input_shape[1:])
        for axis in self.shared_axes or []:
            shape[axis - 1] = 1
        if None in shape:
            raise ShapeError(
                f"[{self.name}] got an input of shape {tuple(input_shape)}; give Input a shape that says all sizes, or "
                "share the axes that vary: shared_axes=[1, 2]"
            )
        self.alpha = self.add_weight(
            tuple(shape),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        fixed = range(1, len(input_shape))
        axes = {i: input_shape[i] for i in fixed if i not in (self.shared_axes or [])}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        alpha = ps.cast(self.alpha.value, inputs.dtype)
        return ps.nn.relu(inputs) - alpha * ps.nn.relu(-inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
