"""One block of a transformer."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.layers import Dropout, Layer, LayerNormalization, RMSNormalization
from penstock_models.layers.attention import SelfAttention
from penstock_models.layers.feed_forward import FeedForward


class TransformerBlock(Layer):
    """Self-attention and a feed-forward network, each added to what came in.

    Args:
        num_heads: How many heads the attention has.
        hidden_size: The width inside the feed-forward network.
        activation: The activation's name.
        norm_first: Whether the norms come before the two parts, and not after the sums.
        norm: "layer" or "rms".
        epsilon: Of the norms.
        gated: Whether the feed-forward network is gated.
        use_bias: Whether products add a vector.
        dropout: The probability with which a number is left out while training.
        attention: Further arguments of `SelfAttention`, by name.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: An argument is not understood.

    >>> from penstock import keras
    >>> TransformerBlock(2, 16)(keras.Input((5, 8))).shape
    (None, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        hidden_size: int,
        activation: str = "gelu",
        norm_first: bool = False,
        norm: str = "layer",
        epsilon: float = 1e-12,
        gated: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        attention: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.hidden_size = hidden_size
        self.activation = activation
        self.norm_first = norm_first
        self.norm = norm
        self.epsilon = epsilon
        self.gated = gated
        self.use_bias = use_bias
        self.dropout = dropout
        self.attention_arguments = dict(attention or {})

    def build(self, input_shape: Any) -> None:
        """Make the parts for inputs of this depth."""
        shared: dict[str, Any] = {"use_bias": self.use_bias, "dtype": self.dtype_policy}
        given = {"dropout": self.dropout, **shared, **self.attention_arguments}
        self.attention = SelfAttention(self.num_heads, name="attention", **given)
        self.feed_forward = FeedForward(
            self.hidden_size, self.activation, self.gated, name="feed_forward", **shared
        )
        self.attention_norm = self._norm("attention_norm")
        self.feed_forward_norm = self._norm("feed_forward_norm")
        self.drop = Dropout(self.dropout)
        for layer in (self.attention, self.feed_forward, self.attention_norm):
            layer.build(input_shape)
        self.feed_forward_norm.build(input_shape)
        self.built = True

    def _norm(self, name: str) -> Layer:
        kind = RMSNormalization if self.norm == "rms" else LayerNormalization
        return kind(epsilon=self.epsilon, name=name, dtype=self.dtype_policy)

    def call(
        self, inputs: Any, padding_mask: Any = None, bias: Any = None, training: bool = False
    ) -> Any:
        """Return [batch, length, depth] for inputs of that shape; masks as in `SelfAttention`."""
        x = self.attention_norm(inputs) if self.norm_first else inputs
        x = self.attention(x, padding_mask=padding_mask, bias=bias, training=training)
        x = inputs + self.drop(x, training=training)
        x = x if self.norm_first else self.attention_norm(x)
        y = self.feed_forward_norm(x) if self.norm_first else x
        y = x + self.drop(self.feed_forward(y), training=training)
        return y if self.norm_first else self.feed_forward_norm(y)

    def step(self, inputs: Any, cache: Any, positions: Any) -> tuple[Any, Any]:
        """Return what `call` returns for the last positions, and what to remember; as in `SelfAttention.step`."""
        x = self.attention_norm(inputs) if self.norm_first else inputs
        x, cache = self.attention.step(x, cache, positions)
        x = inputs + x
        x = x if self.norm_first else self.attention_norm(x)
        y = x + self.feed_forward(self.feed_forward_norm(x) if self.norm_first else x)
        return (y if self.norm_first else self.feed_forward_norm(y)), cache

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        names = ("num_heads", "hidden_size", "activation", "norm_first", "norm", "epsilon", "gated")
        own = {name: getattr(self, name) for name in (*names, "use_bias", "dropout")}
        return {**super().get_config(), **own, "attention": self.attention_arguments}
