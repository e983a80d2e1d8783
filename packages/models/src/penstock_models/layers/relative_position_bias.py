"""Scores that know how far apart two positions are."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import initializers
from penstock_keras_api.layers import Layer


class RelativePositionBias(Layer):
    """Return a number for each head and distance, as T5 adds to its scores.

    Distances up to a quarter of `num_buckets` have numbers of their own on either side; larger ones share, in steps that
    grow with the logarithm, up to `max_distance`.

    Args:
        num_heads: How many heads there are.
        num_buckets: How many numbers each head has.
        max_distance: From here on all distances share one number.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: The input is no sequence.

    Source:
        Raffel et al., 2019, "Exploring the limits of transfer learning with a unified text-to-text transformer",
        https://arxiv.org/abs/1910.10683.

    >>> from penstock import keras
    >>> RelativePositionBias(4)(keras.Input((5, 8))).shape
    (1, 4, 5, 5)
    """

    def __init__(
        self, num_heads: int, num_buckets: int = 32, max_distance: int = 128, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance

    def build(self, input_shape: Any) -> None:
        """Make the numbers."""
        shape = (self.num_buckets, self.num_heads)
        start = initializers.TruncatedNormal(stddev=0.02)
        self.embeddings = self.add_weight(shape, start, name="embeddings")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [1, heads, length, length] for a sequence [batch, length, ...]."""
        place = ps.arange(inputs.shape[1])
        bucket = self._bucket(place[None, :] - place[:, None])
        return ps.permute_dims(ps.take(self.embeddings.value, bucket, axis=0), (2, 0, 1))[None]

    def _bucket(self, distance: Any) -> Any:
        half = self.num_buckets // 2
        exact = half // 2
        apart = ps.abs(distance)
        growth = (half - exact) / ps.log(ps.asarray(self.max_distance / exact))
        share = ps.log(ps.cast(ps.maximum(apart, 1), "float32") / exact) * growth
        far = ps.minimum(exact + ps.cast(share, apart.dtype), half - 1)
        return ps.where(distance > 0, half, 0) + ps.where(apart < exact, apart, far)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (1, self.num_heads, input_shape[1], input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("num_heads", "num_buckets", "max_distance")}
        return {**super().get_config(), **own}
