"""Attention of recurrent networks."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import KerasTensor
from penstock_keras_api.layers import Dense, Layer
from penstock_models.layers.cross_attention import visible


class GlobalAttention(Layer):
    """Let each state of a decoder look at all that was read: h' = tanh(C · [softmax(h · Wᵀ · M) · M; h]).

    Args:
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The sequences have another depth than each other.

    Source:
        Luong et al., 2015, https://arxiv.org/abs/1508.04025; the scores it calls "general".

    >>> from penstock import keras
    >>> GlobalAttention()(keras.Input((5, 8)), keras.Input((7, 8))).shape
    (None, 5, 8)
    """

    def build(self, inputs_shape: Any, memory_shape: Any = None) -> None:
        """Make the two products for states of this depth."""
        depth = inputs_shape[-1]
        self.score = Dense(depth, use_bias=False, name="score", dtype=self.dtype_policy)
        self.combine = Dense(depth, "tanh", use_bias=False, name="combine", dtype=self.dtype_policy)
        self.score.build(inputs_shape)
        self.combine.build((*inputs_shape[:-1], 2 * depth))
        self.built = True

    def call(self, inputs: Any, memory: Any, padding_mask: Any = None) -> Any:
        """Return [batch, length, depth] for inputs of that shape.

        Args:
            inputs: The decoder's states: [batch, length, depth].
            memory: The encoder's: [batch, positions, depth].
            padding_mask: [batch, positions], true or 1 where there is something to see.
        """
        mask = visible(padding_mask)
        seen = ps.nn.scaled_dot_product_attention(
            self.score(inputs)[:, None], memory[:, None], memory[:, None], mask, scale=1.0
        )[:, 0]
        return self.combine(ps.concat([seen, inputs], axis=-1))

    def compute_output_spec(self, inputs: Any, *others: Any, **more: Any) -> Any:
        """Return the inputs' shape."""
        return KerasTensor(inputs.shape, self.compute_dtype)
