"""Attention in which several heads of the query share one of key and value."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.activations.softmax import Softmax
from penstock_keras_api.layers.attention.heads import HeadsAttention, attend, with_head_axis
from penstock_keras_api.layers.core.einsum_dense import EinsumDense
from penstock_keras_api.layers.regularization.dropout import Dropout


class GroupedQueryAttention(HeadsAttention):
    """Average values by how well their keys fit a query; groups of heads share keys and values.

    Args:
        head_dim: The size of queries, keys and values in a head.
        num_query_heads: How many heads the query has.
        num_key_value_heads: How many heads key and value have; the query has a multiple of them.
        dropout: The probability with which a weight is left out while training.
        use_bias: Whether projections have biases.
        sliding_window: How near a key must be to its query: less than this many steps. None for any.
        flash_attention: Kept for compatibility: scores are not written down where nothing needs them.
        kernel_initializer: What makes the kernels.
        bias_initializer: What makes the biases.
        kernel_regularizer: What the kernels add to the loss.
        bias_regularizer: What the biases add to the loss.
        activity_regularizer: What the projections add to the loss.
        kernel_constraint: What the kernels are made to fulfil.
        bias_constraint: What the biases are made to fulfil.
        use_gate: Whether a sigmoid of another projection of the query weighs the heads' results.
        seed: Where the stream of random numbers begins; see `Dropout`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The numbers of heads do not fit.

    >>> from penstock import keras
    >>> query, value = keras.Input((8, 16)), keras.Input((4, 16))
    >>> layer = keras.layers.GroupQueryAttention(2, num_query_heads=4, num_key_value_heads=2)
    >>> layer(query, value).shape
    (None, 8, 16)
    """

    _keras_name = "GroupQueryAttention"  # in files

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        settings = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "activity_regularizer": activity_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(head_dim, settings, sliding_window, seed, **kwargs)
        if num_query_heads % num_key_value_heads:
            raise InvalidValueError(
                f"[GroupedQueryAttention] got {num_query_heads} heads of the query and {num_key_value_heads} of key and "
                "value; make the first a multiple of the second"
            )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Make the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self.feature_dim = query_shape[-1]
        many, few = self.num_query_heads, self.num_key_value_heads
        self._query_dense = self._to_heads("query", tuple(query_shape), many)
        self._key_dense = self._to_heads("key", tuple(key_shape), few)
        if self.use_gate:
            self._gate_dense = self._to_heads("gate", tuple(query_shape), many, "sigmoid")
        self._value_dense = self._to_heads("value", tuple(value_shape), few)
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._output_dense = EinsumDense(
            "bquh,uhm->bqm",
            output_shape=(None, self.feature_dim),
            bias_axes="m" if self.use_bias else None,
            name="attention_output",
            **self._projection_settings(),
        )
        self._output_dense.build((None, None, many, self.head_dim))
        self.built = True

    def _to_heads(self, name: str, shape: Any, heads: int, activation: Any = None) -> EinsumDense:
        dense = EinsumDense(
            "bqm,muh->bquh",
            output_shape=(None, heads, self.head_dim),
            bias_axes="uh" if self.use_bias else None,
            activation=activation,
            name=name,
            **self._projection_settings(),
        )
        dense.build(shape)
        return dense

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: Any = None,
        return_attention_scores: bool = False,
    ) -> Any:
        """Return the heads' results, and the weights, if they were written down."""
        mask = with_head_axis(attention_mask, 4, 2)
        if not (self.dropout or return_attention_scores):
            return attend(query, key, value, mask, self._scale), None
        scores = ps.einsum("bquh,bkuh->buqk", query * self._scale, key)
        weights = self._softmax(scores, mask=mask)
        kept = self._dropout_layer(weights, training=training) if self.dropout else weights
        return ps.einsum("buqk,bkuh->bquh", kept, value), weights

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Average the values."""
        mask = self._compute_attention_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        gate = self._gate_dense(query) if self.use_gate else None
        heads, weights = self._compute_attention(
            self._query_dense(query),
            ps.repeat(self._key_dense(value if key is None else key), self.num_repeats, axis=2),
            ps.repeat(self._value_dense(value), self.num_repeats, axis=2),
            mask,
            training,
            return_attention_scores,
        )
        y = self._output_dense(heads if gate is None else heads * gate)
        return (y, weights) if return_attention_scores else y

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        """Return the shape of the output.

        Raises:
            ValueError: The shapes do not fit together.
        """
        key_shape = value_shape if key_shape is None else key_shape
        if query_shape[-1] != value_shape[-1] or tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ShapeError(
                f"[{self.name}] got the shapes {tuple(query_shape)}, {tuple(value_shape)} and {tuple(key_shape)}; query "
                "and value need as many features, value and key as many steps"
            )
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the shapes and dtypes of the outputs."""
        key_shape = value.shape if key is None else key.shape
        shape = self.compute_output_shape(query.shape, value.shape, key_shape)
        y = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return y
        to = (query.shape[0], self.num_query_heads, query.shape[1], key_shape[1])
        return y, KerasTensor(to, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "dropout": self.dropout,
            **self._settings_config(),
        }
