"""Attention with several heads."""

from __future__ import annotations

import string
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.activations.softmax import Softmax
from penstock_keras_api.layers.attention.heads import HeadsAttention, attend, with_head_axis
from penstock_keras_api.layers.core.einsum_dense import EinsumDense
from penstock_keras_api.layers.regularization.dropout import Dropout


class MultiHeadAttention(HeadsAttention):
    """Average values by how well their keys fit a query, in several heads.

    Query, key and value are projected for each head; softmax(query · keyᵀ / √key_dim) · value is computed in each, and
    the results are projected together.

    Args:
        num_heads: How many heads there are.
        key_dim: The size of queries and keys in a head.
        value_dim: The size of values in a head; `key_dim` if it is None.
        dropout: The probability with which a weight is left out while training.
        use_bias: Whether projections have biases.
        output_shape: The sizes of the output's features; the query's if it is None.
        attention_axes: The axes along which attention goes; all but the first and the last if it is None.
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
        ValueError: A number is none above 0.

    >>> from penstock import keras
    >>> query, value = keras.Input((8, 16)), keras.Input((4, 16))
    >>> keras.layers.MultiHeadAttention(num_heads=2, key_dim=2)(query, value).shape
    (None, 8, 16)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
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
        numbers: dict[str, Any] = {"num_heads": num_heads, "key_dim": key_dim}
        if value_dim is not None:
            numbers["value_dim"] = value_dim
        for name, n in numbers.items():
            if not isinstance(n, int) or n <= 0:
                raise InvalidValueError(
                    f"[MultiHeadAttention] got {name}={n!r}; use a whole number above 0"
                )
        settings = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "activity_regularizer": activity_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(key_dim, settings, sliding_window, seed, **kwargs)
        self._num_heads = num_heads
        self._key_dim = key_dim
        self._value_dim = value_dim or key_dim
        self._dropout = dropout
        self._use_bias = use_bias
        self._use_gate = use_gate
        self._output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape or ()) or None
        )
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes is not None and not isinstance(attention_axes, list | tuple):
            raise InvalidTypeError(
                f"[MultiHeadAttention] got attention_axes={attention_axes!r}; use a number, or several"
            )
        self._attention_axes = attention_axes

    @property
    def num_heads(self) -> int:
        """How many heads there are."""
        return self._num_heads

    @property
    def key_dim(self) -> int:
        """The size of queries and keys in a head."""
        return self._key_dim

    @property
    def value_dim(self) -> int:
        """The size of values in a head."""
        return self._value_dim

    @property
    def dropout(self) -> float:
        """The probability with which a weight is left out."""
        return self._dropout

    @property
    def use_bias(self) -> bool:
        """Whether projections have biases."""
        return self._use_bias

    @property
    def attention_axes(self) -> Any:
        """The axes along which attention goes."""
        return self._attention_axes

    @property
    def query_dense(self) -> EinsumDense:
        """What projects queries."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """What projects keys."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """What projects values."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """What projects the heads' results."""
        return self._output_dense

    def build(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> None:
        """Make the projections.

        Raises:
            ValueError: Key and value have different axes.
        """
        query_shape, value_shape = tuple(query_shape), tuple(value_shape)
        key_shape = value_shape if key_shape is None else tuple(key_shape)
        self._check_shapes(value_shape, key_shape)
        self._query_dense = self._to_heads("query", query_shape, self._key_dim)
        self._key_dense = self._to_heads("key", key_shape, self._key_dim)
        if self._use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, self._value_dim, "sigmoid")
        self._value_dense = self._to_heads("value", value_shape, self._value_dim)
        self._make_attention(len(query_shape) + 1)
        free = len(query_shape) - 1
        features = self._output_shape or (query_shape[-1],)
        equation, axes = _equation(free, 2, len(features))
        self._output_dense = EinsumDense(
            equation,
            output_shape=[None] * (free - 1) + list(features),
            bias_axes=axes if self._use_bias else None,
            name="attention_output",
            **self._projection_settings(),
        )
        self._output_dense.build((*query_shape[:-1], self._num_heads, self._value_dim))
        self.built = True

    def _check_shapes(self, value_shape: Any, key_shape: Any) -> None:
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ShapeError(
                f"[{self.name}] got a value of shape {tuple(value_shape)} and a key of shape {tuple(key_shape)}; all "
                "axes but the last must be equal"
            )

    def _to_heads(self, name: str, shape: Any, width: int, activation: Any = None) -> EinsumDense:
        free = len(shape) - 1
        equation, axes = _equation(free, 1, 2)
        dense = EinsumDense(
            equation,
            output_shape=[None] * (free - 1) + [self._num_heads, width],
            bias_axes=axes if self._use_bias else None,
            activation=activation,
            name=name,
            **self._projection_settings(),
        )
        dense.build(shape)
        return dense

    def _make_attention(self, rank: int) -> None:
        """Prepare the products along the axes of attention, for tensors with `rank` axes, heads and width the last."""
        axes = self._attention_axes
        if axes is None:
            axes = range(1, rank - 2)
        self._attention_axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in axes)
        count = len(self._attention_axes)
        target = string.ascii_letters[:rank]
        others = iter(string.ascii_letters[rank:])
        source = "".join(
            next(others) if i in self._attention_axes else letter for i, letter in enumerate(target)
        )
        kept = [i for i in range(rank - 1) if i not in self._attention_axes]
        scores = "".join(target[i] for i in kept)
        scores += "".join(target[i] for i in self._attention_axes)
        scores += "".join(source[i] for i in self._attention_axes)
        self._dot_product_equation = f"{source},{target}->{scores}"
        self._combine_equation = f"{scores},{source}->{target}"
        last = tuple(range(len(scores) - count, len(scores)))
        self._softmax = Softmax(axis=last, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self._dropout, seed=self.seed, dtype=self.dtype_policy)

    def _masked_softmax(self, attention_scores: Any, attention_mask: Any = None) -> Any:
        mask = with_head_axis(attention_mask, attention_scores.ndim, 2 * len(self._attention_axes))
        return self._softmax(attention_scores, mask=mask)

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
        if not (self._dropout or return_attention_scores or query.ndim != 4):
            return attend(
                query, key, value, with_head_axis(attention_mask, 4, 2), self._scale
            ), None
        scores = ps.einsum(self._dot_product_equation, key, query * self._scale)
        weights = self._masked_softmax(scores, attention_mask)
        kept = self._dropout_layer(weights, training=training) if self._dropout else weights
        return ps.einsum(self._combine_equation, kept, value), weights

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
        gate = self._gate_dense(query) if self._use_gate else None
        heads, weights = self._compute_attention(
            self._query_dense(query),
            self._key_dense(value if key is None else key),
            self._value_dense(value),
            mask,
            training,
            return_attention_scores,
        )
        y = self._output_dense(heads if gate is None else heads * gate)
        return (y, weights) if return_attention_scores else y

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        """Return the shape of the output."""
        self._check_shapes(value_shape, value_shape if key_shape is None else key_shape)
        if self._output_shape:
            return (*query_shape[:-1], *self._output_shape)
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
        axes = self._attention_axes
        rest = [n for i, n in enumerate(query.shape[:-1]) if i not in axes]
        to = [query.shape[i] for i in axes] + [key_shape[i] for i in axes]
        return y, KerasTensor((*rest, self._num_heads, *to), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            **self._settings_config(),
        }


def _equation(free: int, summed: int, made: int) -> tuple[str, str]:
    """Write the equation of a projection: `free` axes stay, `summed` go, `made` come. Also returns the last."""
    letters = string.ascii_letters
    stay, gone = letters[:free], letters[free : free + summed]
    come = letters[free + summed : free + summed + made]
    return f"{stay}{gone},{gone}{come}->{stay}{come}", come
