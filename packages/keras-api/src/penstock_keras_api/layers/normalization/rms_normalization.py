"""Normalisation by the root mean square."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.normalization.base import is_last, known_size, spread, wide
from penstock_keras_api.layers.normalization.layer_normalization import axes_of


class RMSNormalization(Layer):
    """Divide each example by its root mean square, and scale: scale · x / √(mean(x²) + ε).

    Args:
        axis: The axis or axes over which the mean is taken; the scale has their sizes.
        epsilon: Keeps the root away from zero.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `axis` is no number, and no list of numbers.

    >>> from penstock import keras
    >>> keras.layers.RMSNormalization(epsilon=0.0)([[1.0, 7.0]]).tolist()
    [[0.20000000298023224, 1.399999976158142]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axes_of(axis, "RMSNormalization")
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        """Make the scale.

        Raises:
            ValueError: A size is not known.
        """
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        shape = [known_size(self.name, input_shape, axis) for axis in self.axis]
        self.scale = self.add_weight(shape, "ones", name="scale")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Divide by the root mean square, and scale."""
        x = wide(inputs)
        scale = ps.cast(self.scale.value, x.dtype)
        if is_last(self.axis, x.ndim):
            y = ps.nn.rms_norm(x, scale, self.epsilon)
        else:
            square = ps.mean(x * x, axis=tuple(self.axis), keepdims=True)
            y = x * ps.rsqrt(square + self.epsilon) * spread(scale, self.axis, x.ndim)
        return ps.cast(y, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output: the input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
