"""All axes but the batch become one."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock_keras_api import config
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class Flatten(Layer):
    """Make one axis of all axes but the batch.

    Args:
        data_format: The order of axes: images with channels first are brought to channels last before.
        kwargs: As in `Layer`.

    >>> from penstock import keras
    >>> keras.layers.Flatten()(keras.Input((4, 5))).shape
    (None, 20)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Return [batch, everything else]."""
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ps.moveaxis(inputs, 1, -1)
        size = 1
        for d in inputs.shape[1:]:
            size = size * d
        return ps.reshape(inputs, (inputs.shape[0], size))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the output."""
        rest = inputs.shape[1:]
        size = None if None in rest else math.prod(d for d in rest if d is not None)
        return KerasTensor((inputs.shape[0], size), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "data_format": self.data_format}
