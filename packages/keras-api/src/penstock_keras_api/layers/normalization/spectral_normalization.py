"""Normalisation of a layer's kernel by its largest singular value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import config as settings
from penstock_keras_api import initializers
from penstock_keras_api.layers.core.wrapper import Wrapper
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.normalization.unit_normalization import unit_length
from penstock_keras_api.saving import serialization


class SpectralNormalization(Wrapper):
    """Divide a layer's kernel by its spectral norm in training, so that the layer stretches nothing.

    The norm, the largest singular value of the kernel as a matrix, is found by power iteration.

    Args:
        layer: A layer with a `kernel` or with `embeddings`.
        power_iterations: How many iterations a call makes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The layer is none, or there are no iterations.

    >>> from penstock import keras
    >>> layer = keras.layers.SpectralNormalization(keras.layers.Dense(4), power_iterations=30)
    >>> y = layer([[1.0, 2.0, 3.0]], training=True)
    >>> bool(abs(ps.linalg.svdvals(layer.layer.kernel)[0] - 1.0) < 1e-3)
    True
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise InvalidValueError(
                f"[SpectralNormalization] got power_iterations={power_iterations}; use at least 1"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        """Build the layer, and make the vector of the power iteration.

        Raises:
            TypeError: The layer has neither kernel nor embeddings.
        """
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", None)
        kernel = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if kernel is None:
            raise InvalidTypeError(
                f"[SpectralNormalization] {type(self.layer).__name__} has neither kernel nor embeddings; wrap a layer "
                "such as Dense, Conv2D or Embedding"
            )
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            dtype=kernel.dtype,
            trainable=False,
            name="vector_u",
        )
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Divide the kernel by its norm, if this is training, and call the layer."""
        if training:
            kernel, u = self.kernel.value, self.vector_u.value
            new_u, new_kernel = self.normalized_weights()
            is_zero = ps.all(kernel == 0)  # has no direction, and stays
            self.vector_u.assign(ps.where(is_zero, u, new_u))
            self.kernel.assign(ps.where(is_zero, kernel, new_kernel))
        return ps.cast(self.layer(inputs), inputs.dtype)

    def normalized_weights(self) -> tuple[Any, Any]:
        """Return the next vector of the power iteration, and the kernel divided by its norm."""
        kernel = ps.stop_gradient(self.kernel.value)
        matrix = ps.reshape(kernel, (-1, kernel.shape[-1]))
        u, least = self.vector_u.value, settings.epsilon()
        for _ in range(self.power_iterations):
            v = unit_length(ps.matmul(u, ps.matrix_transpose(matrix)), None, least)
            u = unit_length(ps.matmul(v, matrix), None, least)
        norm = ps.matmul(ps.matmul(v, matrix), ps.matrix_transpose(u))
        return u, kernel / ps.reshape(norm, ())

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the layer's output."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "layer": serialization.serialize_keras_object(self.layer),
            "power_iterations": self.power_iterations,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Make a layer of what `get_config` returned."""
        rest = dict(config)
        layer = serialization.deserialize_keras_object(rest.pop("layer"), custom_objects)
        return cls(layer, **rest)
