"""Attention with one head."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.regularization.noise import NoiseLayer
from penstock_keras_api.random import draws


class Attention(NoiseLayer):
    """Average values by how well their keys fit a query: softmax(query · keyᵀ) · value.

    Called on [query, value] or [query, value, key], of shapes [batch, queries, depth], [batch, keys, width] and
    [batch, keys, depth].

    Args:
        use_scale: Whether scores are multiplied by a number that is learnt.
        score_mode: "dot", or "concat" for c · Σ tanh(query + key) with a number c that is learnt.
        dropout: The probability with which a weight is left out while training.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such score.

    >>> from penstock import keras
    >>> query, value = keras.Input((3, 4)), keras.Input((5, 4))
    >>> keras.layers.Attention()([query, value]).shape
    (None, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self._begin_stream(dropout)
        if score_mode not in ("dot", "concat"):
            raise InvalidValueError(
                f"[{type(self).__name__}] got score_mode={score_mode!r}; use 'dot' or 'concat'"
            )
        self.built = False

    def build(self, input_shape: Any) -> None:
        """Make the numbers that are learnt."""
        self._check(input_shape)
        self.scale = None
        self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")
        self.built = True

    def _check(self, inputs: Any) -> None:
        if not isinstance(inputs, list | tuple) or not 2 <= len(inputs) <= 3:
            raise InvalidTypeError(
                f"[{self.name}] is called on a list: [query, value] or [query, value, key]"
            )

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        """Return how well keys fit queries: [batch, queries, keys]."""
        scale = None if self.scale is None else ps.cast(self.scale.value, query.dtype)
        if self.concat_score_weight is None:
            scores = ps.matmul(query, ps.swapaxes(key, -2, -1))
            return scores if scale is None else scores * scale
        both = ps.expand_dims(query, -2) + ps.expand_dims(key, -3)
        if scale is not None:
            both = scale * both
        weight = ps.cast(self.concat_score_weight.value, query.dtype)
        return weight * ps.sum(ps.tanh(both), axis=-1)

    def _apply_scores(self, scores: Any, value: Any, scores_mask: Any, training: Any) -> Any:
        if scores_mask is not None:
            low = 65504.0 if scores.dtype == "float16" else 1.0e9
            scores = ps.where(scores_mask, scores, scores - low)
        weights = ps.nn.softmax(scores, axis=-1)
        if training and self.dropout:
            weights = draws.drop(weights, self.dropout, seed=self.seed_generator)
        return ps.matmul(weights, value), weights

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Average the values."""
        self._check(inputs)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self._calculate_scores(query, key)
        seen = None if value_mask is None else ps.expand_dims(ps.asarray(value_mask), -2)
        if use_causal_mask:
            causal = causal_mask(query.shape[-2], key.shape[-2])
            seen = causal if seen is None else ps.logical_and(seen, causal)
        y, weights = self._apply_scores(scores, value, seen, training)
        if query_mask is not None:
            y = ps.where(ps.expand_dims(ps.asarray(query_mask), -1), y, ps.zeros((), y.dtype))
        return (y, weights) if return_attention_scores else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the shapes and dtypes of the outputs."""
        self._check(inputs)
        shapes = [t.shape for t in inputs]
        y = KerasTensor(self.compute_output_shape(shapes), self.compute_dtype)
        if not return_attention_scores:
            return y
        return y, KerasTensor((*shapes[0][:-1], shapes[-1][-2]), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Average values by a sum: softmax(Σ scale · tanh(query + key)) · value.

    Args:
        use_scale: Whether there is a scale, a number for each feature that is learnt.
        dropout: The probability with which a weight is left out while training.
        kwargs: `seed`, and as in `Layer`.

    Raises:
        TypeError: There is an argument that `Layer` does not take.

    >>> from penstock import keras
    >>> query, value = keras.Input((3, 4)), keras.Input((5, 4))
    >>> keras.layers.AdditiveAttention()([query, value]).shape
    (None, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        self._check(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")
        self.built = True

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        both = ps.tanh(ps.expand_dims(query, -2) + ps.expand_dims(key, -3))
        if self.scale is not None:
            both = both * ps.cast(self.scale.value, query.dtype)
        return ps.sum(both, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = super().get_config()
        del made["score_mode"]
        return made


def causal_mask(queries: Any, keys: Any) -> Any:
    """Return where a key is not behind its query: [1, queries, keys], booleans."""
    rows = ps.reshape(ps.arange(queries), (1, queries, 1))
    columns = ps.reshape(ps.arange(keys), (1, 1, keys))
    return rows >= columns


def window_mask(queries: Any, keys: Any, window: int) -> Any:
    """Return where a key is nearer to its query than `window`: [1, queries, keys], booleans."""
    rows = ps.reshape(ps.arange(queries), (1, queries, 1))
    columns = ps.reshape(ps.arange(keys), (1, 1, keys))
    return ps.abs(rows - columns) < window
