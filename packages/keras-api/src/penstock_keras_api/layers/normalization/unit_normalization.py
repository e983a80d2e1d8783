"""Normalisation to length 1."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.normalization.layer_normalization import axes_of


class UnitNormalization(Layer):
    """Divide vectors by their length: x / √Σx². Zeros stay.

    Args:
        axis: The axis or axes of a vector.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `axis` is no number, and no list of numbers.

    >>> from penstock import keras
    >>> keras.layers.UnitNormalization()([[3.0, 4.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axes_of(axis, "UnitNormalization")
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Divide by the length."""
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return unit_length(inputs, axis, 1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output: the input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "axis": self.axis}


def unit_length(x: Any, axis: Any, least: float) -> Any:
    """Divide vectors by their length, or by a least one."""
    inverse = ps.rsqrt(ps.sum(x * x, axis=axis, keepdims=True))
    return x * ps.minimum(inverse, ps.full((), 1.0 / least, dtype=x.dtype))
