"""An embedding whose vectors also score what comes next."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import KerasTensor
from penstock_keras_api.layers import Embedding, Layer


class ReversibleEmbedding(Embedding):
    """Turn token numbers into vectors, or with `reverse` vectors into a score for each token: x · embeddingsᵀ.

    Arguments and errors are those of `keras.layers.Embedding`.

    Source:
        Press and Wolf, 2016, "Using the output embedding to improve language models",
        https://arxiv.org/abs/1608.05859.

    Raises:
        ValueError: As in `Embedding`.

    >>> from penstock import keras
    >>> layer = ReversibleEmbedding(10, 4)
    >>> layer(layer(keras.Input((5,), dtype="int32")), reverse=True).shape
    (None, 5, 10)
    """

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Return [..., output_dim] for numbers [...]; with `reverse` [..., input_dim] for vectors."""
        if reverse:
            return ps.matmul(inputs, ps.matrix_transpose(self.embeddings.value))
        return super().call(inputs)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """Return the shape and dtype of the output."""
        if reverse:
            return KerasTensor((*inputs.shape[:-1], self.input_dim), self.compute_dtype)
        return super().compute_output_spec(inputs)


class Bias(Layer):
    """Add a number for each channel.

    Args:
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The number of channels is unknown.

    >>> Bias()([[1.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Make the numbers, zeros at first."""
        self.bias = self.add_weight((input_shape[-1],), "zeros", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the sum."""
        return inputs + self.bias

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape
