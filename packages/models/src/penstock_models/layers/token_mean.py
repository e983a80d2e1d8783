"""One vector for a sequence of tokens."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers import Layer


class TokenMean(Layer):
    """Take the mean of the vectors of a sequence, those of padding left out.

    Args:
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    Source:
        Reimers and Gurevych, 2019, "Sentence-BERT", https://arxiv.org/abs/1908.10084.

    >>> TokenMean()([[[1.0], [3.0], [9.0]]], [[1, 1, 0]]).tolist()
    [[2.0]]
    """

    def call(self, inputs: Any, padding_mask: Any) -> Any:
        """Return [batch, depth] for vectors [batch, length, depth] and a mask [batch, length]; zeros where all is hidden."""
        x, mask = ps.asarray(inputs), ps.cast(ps.asarray(padding_mask), self.compute_dtype)
        count = ps.maximum(ps.sum(mask, axis=1, keepdims=True), 1.0)
        return ps.sum(x * mask[:, :, None], axis=1) / count

    def compute_output_shape(self, input_shape: Any, *more: Any, **kwargs: Any) -> Any:
        """Return the shape of the output."""
        return (input_shape[0], input_shape[2])
