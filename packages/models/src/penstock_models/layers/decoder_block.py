"""One block of a transformer's decoder."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import KerasTensor
from penstock_keras_api.layers import Dropout, Layer, LayerNormalization
from penstock_models.layers.cross_attention import CrossAttention, visible
from penstock_models.layers.feed_forward import FeedForward

Cache = dict[str, Any]


class DecoderBlock(Layer):
    """Attention to what was said, attention to what is translated, and a feed-forward network, each added.

    Args:
        num_heads: How many heads both attentions have.
        hidden_size: The width inside the feed-forward network.
        activation: The activation's name.
        norm_first: Whether the norms come before the parts, and not after the sums.
        epsilon: Of the norms.
        dropout: The probability with which a number is left out while training.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: An argument is not understood.

    Source:
        Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    >>> from penstock import keras
    >>> DecoderBlock(2, 16)(keras.Input((5, 8)), keras.Input((7, 8))).shape
    (None, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        hidden_size: int,
        activation: str = "relu",
        norm_first: bool = True,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.hidden_size = hidden_size
        self.activation = activation
        self.norm_first = norm_first
        self.epsilon = epsilon
        self.dropout = dropout

    def build(self, inputs_shape: Any, memory_shape: Any = None) -> None:
        """Make the parts for inputs of this depth."""
        self.attention = CrossAttention(self.num_heads, name="attention", dtype=self.dtype_policy)
        self.cross_attention = CrossAttention(
            self.num_heads, name="cross_attention", dtype=self.dtype_policy
        )
        self.feed_forward = FeedForward(
            self.hidden_size, self.activation, name="feed_forward", dtype=self.dtype_policy
        )
        self.attention.build(inputs_shape)
        self.cross_attention.build(inputs_shape, memory_shape)
        self.feed_forward.build(inputs_shape)
        self.attention_norm = self._norm("attention_norm", inputs_shape)
        self.cross_attention_norm = self._norm("cross_attention_norm", inputs_shape)
        self.feed_forward_norm = self._norm("feed_forward_norm", inputs_shape)
        self.drop = Dropout(self.dropout)
        self.built = True

    def _norm(self, name: str, shape: Any) -> LayerNormalization:
        norm = LayerNormalization(epsilon=self.epsilon, name=name, dtype=self.dtype_policy)
        norm.build(shape)
        return norm

    def call(
        self, inputs: Any, memory: Any, padding_mask: Any = None, training: bool = False
    ) -> Any:
        """Return [batch, length, depth]; a position sees itself and those before it.

        Args:
            inputs: [batch, length, depth].
            memory: What the encoder made: [batch, positions, depth].
            padding_mask: [batch, positions], true or 1 where `memory` has something.
            training: Whether dropout happens.
        """

        def say(x: Any) -> Any:
            return self.attention.look(x, *self.attention.remember(x), causal=True)

        def listen(x: Any) -> Any:
            keys, values = self.cross_attention.remember(memory)
            return self.cross_attention.look(x, keys, values, visible(padding_mask))

        return self._added(inputs, say, listen, training)

    def start(self, memory: Any) -> Cache:
        """Return what `step` remembers before the first word: the keys and values of `memory`, and none of words."""
        keys, values = self.cross_attention.remember(memory)
        batch, heads, _, size = keys.shape
        none = ps.zeros((batch, heads, 0, size), dtype=keys.dtype)
        return {"memory_keys": keys, "memory_values": values, "keys": none, "values": none}

    def step(self, inputs: Any, cache: Cache, padding_mask: Any = None) -> tuple[Any, Cache]:
        """Return what `call` returns for the last position, from that position alone.

        Args:
            inputs: [batch, 1, depth].
            cache: What `start` or the step before returned.
            padding_mask: As in `call`.

        Returns:
            [batch, 1, depth], and what the next step needs.
        """
        kept = dict(cache)

        def say(x: Any) -> Any:
            for name, new in zip(("keys", "values"), self.attention.remember(x), strict=True):
                kept[name] = ps.concat([cache[name], new], axis=2)
            return self.attention.look(x, kept["keys"], kept["values"])

        def listen(x: Any) -> Any:
            keys, values = cache["memory_keys"], cache["memory_values"]
            return self.cross_attention.look(x, keys, values, visible(padding_mask))

        return self._added(inputs, say, listen, False), kept

    def _added(self, x: Any, say: Any, listen: Any, training: bool) -> Any:
        """Add the three parts, with their norms before or after."""
        parts = (
            (say, self.attention_norm),
            (listen, self.cross_attention_norm),
            (self.feed_forward, self.feed_forward_norm),
        )
        for part, norm in parts:
            made = self.drop(part(norm(x) if self.norm_first else x), training=training)
            x = x + made if self.norm_first else norm(x + made)
        return x

    def compute_output_spec(self, inputs: Any, *others: Any, **more: Any) -> Any:
        """Return the inputs' shape."""
        return KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        names = ("num_heads", "hidden_size", "activation", "norm_first", "epsilon", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
