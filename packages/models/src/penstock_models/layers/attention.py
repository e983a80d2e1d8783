"""Self-attention as transformers have it."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.layers import Dense, Dropout, Layer

# Low enough to be nothing after softmax, and a number still in float16.
LOW = -3e4
Cache = tuple[Any, Any]


class SelfAttention(Layer):
    """Let each position of a sequence look at the others: softmax(q · kᵀ · scale + bias) · v, for several heads.

    Args:
        num_heads: How many heads look.
        num_key_value_heads: How many heads of keys and values there are; by default as many. Fewer are shared.
        head_size: The depth of a head; by default the depth of the input divided by `num_heads`.
        use_bias: Whether the four products add a vector.
        causal: Whether a position sees only those before it and itself.
        scale: What scores are multiplied by; by default 1 / √head_size.
        rotary_base: How slowly positions turn queries and keys; None turns nothing.
        dropout: The probability with which a weight is left out while training.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The depth cannot be divided into the heads.

    Source:
        Vaswani et al., 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762; shared keys and values:
        Ainslie et al., 2023, https://arxiv.org/abs/2305.13245.

    >>> from penstock import keras
    >>> SelfAttention(2)(keras.Input((5, 8))).shape
    (None, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        num_key_value_heads: int | None = None,
        head_size: int | None = None,
        use_bias: bool = True,
        causal: bool = False,
        scale: float | None = None,
        rotary_base: float | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.num_key_value_heads = num_key_value_heads or num_heads
        self.head_size = head_size
        self.use_bias = use_bias
        self.causal = causal
        self.scale = scale
        self.rotary_base = rotary_base
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        """Make the four products for inputs of this depth.

        Raises:
            ValueError: The depth cannot be divided into the heads.
        """
        depth = input_shape[-1]
        if self.head_size is None and depth % self.num_heads:
            raise ShapeError(
                f"[{self.name}] {depth} features cannot be divided into {self.num_heads} heads; "
                "give head_size, or another number of heads"
            )
        size = self.head_size or depth // self.num_heads
        shared = self.num_key_value_heads * size
        self.query = self._product(self.num_heads * size, "query", input_shape)
        self.key = self._product(shared, "key", input_shape)
        self.value = self._product(shared, "value", input_shape)
        self.output_projection = self._product(
            depth, "output", (*input_shape[:-1], self.num_heads * size)
        )
        self.drop = Dropout(self.dropout, dtype=self.dtype_policy)
        self.built = True

    def _product(self, units: int, name: str, shape: Any) -> Dense:
        layer = Dense(units, use_bias=self.use_bias, name=name, dtype=self.dtype_policy)
        layer.build(shape)
        return layer

    def call(
        self, inputs: Any, padding_mask: Any = None, bias: Any = None, training: bool = False
    ) -> Any:
        """Return what each position saw.

        Args:
            inputs: [batch, length, depth].
            padding_mask: [batch, length], true or 1 where there is something to see.
            bias: What broadcasts to [batch, heads, length, length]; added to the scores.
            training: Whether dropout happens.

        Returns:
            [batch, length, depth].
        """
        query = self._heads(self.query(inputs), self.num_heads)
        key = self._heads(self.key(inputs), self.num_key_value_heads)
        value = self._heads(self.value(inputs), self.num_key_value_heads)
        if self.rotary_base is not None:
            query = ps.nn.rotary_embedding(query, base=self.rotary_base)
            key = ps.nn.rotary_embedding(key, base=self.rotary_base)
        mask = _mask(padding_mask, bias, query.dtype)
        if training and self.dropout:
            seen = self._with_dropout(query, key, value, mask)
        else:
            seen = ps.nn.scaled_dot_product_attention(
                query,
                key,
                value,
                mask,
                causal=self.causal,
                scale=self.scale,
                enable_gqa=self.num_key_value_heads != self.num_heads,
            )
        return self.output_projection(_joined(seen))

    def step(self, inputs: Any, cache: Cache | None, positions: Any) -> tuple[Any, Cache]:
        """Return what `call` returns for the last positions, with the keys and values of those before remembered.

        Args:
            inputs: [batch, length, depth]: the first positions, or one more.
            cache: What the step before returned; None for the first positions.
            positions: int64 [length].

        Returns:
            [batch, length, depth], and what the next step needs.
        """
        query = self._heads(self.query(inputs), self.num_heads)
        key = self._heads(self.key(inputs), self.num_key_value_heads)
        value = self._heads(self.value(inputs), self.num_key_value_heads)
        if self.rotary_base is not None:
            query = ps.nn.rotary_embedding(query, positions, base=self.rotary_base)
            key = ps.nn.rotary_embedding(key, positions, base=self.rotary_base)
        if cache is not None:
            key, value = (ps.concat(pair, axis=2) for pair in zip(cache, (key, value), strict=True))
        seen = ps.nn.scaled_dot_product_attention(
            query,
            key,
            value,
            causal=cache is None,
            scale=self.scale,
            enable_gqa=self.num_key_value_heads != self.num_heads,
        )
        return self.output_projection(_joined(seen)), (key, value)

    def _with_dropout(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        """Attend step by step: what is dropped follows this layer's own seed, as in `keras.layers.Dropout`."""
        shared = self.num_heads // self.num_key_value_heads
        key, value = (ps.repeat(t, shared, axis=1) if shared > 1 else t for t in (key, value))
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        scores = ps.matmul(query, ps.matrix_transpose(key)) * scale
        if self.causal:
            sizes: Any = scores.shape[2:]
            late = ps.arange(sizes[1])[None, :] > ps.arange(sizes[0])[:, None]
            scores = ps.where(late, LOW, scores)
        if mask is not None:
            scores = ps.where(mask, scores, LOW) if mask.dtype == "bool" else scores + mask
        weights = self.drop(ps.nn.softmax(scores, axis=-1), training=True)
        return ps.matmul(weights, value)

    def _heads(self, x: Any, count: int) -> Any:
        batch, length, width = x.shape
        return ps.permute_dims(ps.reshape(x, (batch, length, count, width // count)), (0, 2, 1, 3))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        names = ("num_heads", "num_key_value_heads", "head_size", "use_bias", "causal", "scale")
        own = {name: getattr(self, name) for name in (*names, "rotary_base", "dropout")}
        return {**super().get_config(), **own}


def _joined(seen: Any) -> Any:
    """Return heads [batch, heads, length, size] side by side: [batch, length, heads · size]."""
    batch, heads, length, size = seen.shape
    return ps.reshape(ps.permute_dims(seen, (0, 2, 1, 3)), (batch, length, heads * size))


def _mask(padding_mask: Any, bias: Any, dtype: Any) -> Any:
    """Join what hides positions and what is added to scores."""
    if padding_mask is None:
        return bias
    seen = ps.cast(padding_mask, "bool")[:, None, None, :]
    if bias is None:
        return seen
    return ps.where(seen, bias, ps.asarray(LOW, dtype=dtype))
