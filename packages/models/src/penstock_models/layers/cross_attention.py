"""Attention to another sequence, and attention that remembers what it has seen."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import KerasTensor
from penstock_keras_api.layers import Dense, Layer


class CrossAttention(Layer):
    """Let each position of a sequence look at another sequence: softmax(q · kᵀ / √size) · v, for several heads.

    `remember` and `look` are its two halves: the keys and values of what is looked at, which may be kept, and the look.

    Args:
        num_heads: How many heads look.
        dropout: The probability with which a weight is left out while training.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The depth cannot be divided into the heads.

    Source:
        Vaswani et al., 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762.

    >>> from penstock import keras
    >>> CrossAttention(2)(keras.Input((5, 8)), keras.Input((7, 8))).shape
    (None, 5, 8)
    """

    def __init__(self, num_heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout

    def build(self, inputs_shape: Any, memory_shape: Any = None) -> None:
        """Make the four products for sequences of this depth.

        Raises:
            ValueError: The depth cannot be divided into the heads.
        """
        depth = inputs_shape[-1]
        if depth % self.num_heads:
            raise ShapeError(
                f"[{self.name}] {depth} features cannot be divided into {self.num_heads} heads; give another number"
            )
        seen = inputs_shape if memory_shape is None else memory_shape
        self.query = self._product(depth, "query", inputs_shape)
        self.key = self._product(depth, "key", seen)
        self.value = self._product(depth, "value", seen)
        self.output_projection = self._product(depth, "output", inputs_shape)
        self.built = True

    def _product(self, units: int, name: str, shape: Any) -> Dense:
        layer = Dense(units, name=name, dtype=self.dtype_policy)
        layer.build(shape)
        return layer

    def remember(self, memory: Any) -> tuple[Any, Any]:
        """Return keys and values, [batch, heads, length, size] each, of a sequence [batch, length, depth]."""
        return self._heads(self.key(memory)), self._heads(self.value(memory))

    def look(self, inputs: Any, keys: Any, values: Any, mask: Any = None, **how: Any) -> Any:
        """Return what each position sees.

        Args:
            inputs: [batch, length, depth].
            keys: As `remember` gives them.
            values: Likewise.
            mask: What broadcasts to [batch, heads, length, keys]: true where something may be seen.
            how: Further arguments of `penstock.nn.scaled_dot_product_attention`.

        Returns:
            [batch, length, depth].
        """
        query = self._heads(self.query(inputs))
        seen = ps.nn.scaled_dot_product_attention(query, keys, values, mask, **how)
        batch, heads, length, size = seen.shape
        joined = ps.reshape(ps.permute_dims(seen, (0, 2, 1, 3)), (batch, length, heads * size))
        return self.output_projection(joined)

    def call(
        self, inputs: Any, memory: Any, padding_mask: Any = None, training: bool = False
    ) -> Any:
        """Return [batch, length, depth] for inputs of that shape.

        Args:
            inputs: Who looks: [batch, length, depth].
            memory: What is looked at: [batch, positions, depth].
            padding_mask: [batch, positions], true or 1 where there is something to see.
            training: Whether dropout happens.
        """
        rate = self.dropout if training else 0.0
        return self.look(inputs, *self.remember(memory), visible(padding_mask), dropout_rate=rate)

    def _heads(self, x: Any) -> Any:
        batch, length, width = x.shape
        shape = (batch, length, self.num_heads, width // self.num_heads)
        return ps.permute_dims(ps.reshape(x, shape), (0, 2, 1, 3))

    def compute_output_spec(self, inputs: Any, *others: Any, **more: Any) -> Any:
        """Return the inputs' shape."""
        return KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "num_heads": self.num_heads, "dropout": self.dropout}


def visible(padding_mask: Any) -> Any:
    """Return [batch, 1, 1, positions] of booleans for a mask [batch, positions]; None for None."""
    return None if padding_mask is None else ps.cast(padding_mask, "bool")[:, None, None, :]
