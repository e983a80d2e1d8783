"""What tells a transformer where things are."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import initializers
from penstock_keras_api.layers import Layer


class PositionEmbedding(Layer):
    """Add a vector that is learnt for each position.

    Args:
        max_length: How many positions there are vectors for.
        offset: The row of the first position's vector.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: A sequence is longer than that.

    >>> from penstock import keras
    >>> PositionEmbedding(16)(keras.Input((5, 8))).shape
    (None, 5, 8)
    """

    def __init__(self, max_length: int, offset: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.offset = offset

    def build(self, input_shape: Any) -> None:
        """Make the vectors."""
        start = initializers.TruncatedNormal(stddev=0.02)
        shape = (self.max_length + self.offset, input_shape[-1])
        self.embeddings = self.add_weight(shape, start, name="embeddings")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, length, depth] with the positions' vectors added.

        Raises:
            ValueError: The sequence is too long.
        """
        length = inputs.shape[1]
        if length > self.max_length:
            raise ShapeError(
                f"[{self.name}] got {length} positions and knows {self.max_length}; cut the input"
            )
        return inputs + self.embeddings.value[self.offset : self.offset + length]

    def step(self, inputs: Any, positions: Any) -> Any:
        """Return [batch, length, depth] with the vectors of some positions added.

        Args:
            inputs: [batch, length, depth].
            positions: int64 [length].
        """
        return inputs + ps.take(self.embeddings.value, positions + self.offset, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "max_length": self.max_length, "offset": self.offset}


class SinePositions(Layer):
    """Add sines and cosines of the position, each pair slower than the one before, as sin(p / 10000^(2i / depth)).

    Args:
        max_length: How many positions there are.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: A sequence is longer than that.

    Source:
        Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    >>> SinePositions(16)(np.zeros((1, 2, 2), "float32")).tolist()[0][0]
    [0.0, 1.0]
    """

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, input_shape: Any) -> None:
        """Compute the table."""
        depth = input_shape[-1]
        slow = 10000.0 ** (-np.arange(0, depth, 2) / depth)
        angles = np.arange(self.max_length)[:, None] * slow
        table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(self.max_length, -1)
        self.table = table[:, :depth].astype("float32")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, length, depth] with the positions' waves added.

        Raises:
            ValueError: The sequence is too long.
        """
        length = inputs.shape[1]
        if length > self.max_length:
            raise ShapeError(
                f"[{self.name}] got {length} positions and knows {self.max_length}; cut the input"
            )
        waves = ps.cast(ps.asarray(self.table), inputs.dtype)
        return inputs + waves[:length]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "max_length": self.max_length}


class ClassTokens(Layer):
    """Put vectors that are learnt before a sequence; what they become stands for all of it.

    Args:
        num_tokens: How many vectors.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The input is no sequence of vectors.

    >>> from penstock import keras
    >>> ClassTokens(1)(keras.Input((4, 8))).shape
    (None, 5, 8)
    """

    def __init__(self, num_tokens: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tokens = num_tokens

    def build(self, input_shape: Any) -> None:
        """Make the vectors."""
        start = initializers.TruncatedNormal(stddev=0.02)
        self.tokens = [
            self.add_weight((input_shape[-1],), start, name=f"token_{i}")
            for i in range(self.num_tokens)
        ]
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, num_tokens + length, depth]."""
        depth = inputs.shape[-1]
        rows = [
            ps.broadcast_to(ps.reshape(token.value, (1, 1, depth)), (inputs.shape[0], 1, depth))
            for token in self.tokens
        ]
        return ps.concat([*rows, inputs], axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        length = None if input_shape[1] is None else input_shape[1] + self.num_tokens
        return (input_shape[0], length, *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "num_tokens": self.num_tokens}
