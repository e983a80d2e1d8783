"""Resizing that keeps corners where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.layers import Layer


class CornerResize(Layer):
    """Resize pictures linearly, so that the middles of their corners' pixels stay the corners.

    Args:
        size: The new height and width.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    >>> CornerResize((1, 3))(ps.asarray([[[[0.0], [4.0]]]])).numpy().ravel().tolist()
    [0.0, 2.0, 4.0]
    """

    def __init__(self, size: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = (int(size[0]), int(size[1]))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, new height, new width, channels]; height and width must be known."""
        x = inputs
        for axis, new in enumerate(self.size, 1):
            old = int(x.shape[axis])
            if old != new:
                weights = ps.asarray(_weights(old, new))
                subscripts = "oh,bhwc->bowc" if axis == 1 else "ow,bhwc->bhoc"
                x = ps.einsum(subscripts, weights, x)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape with the new size."""
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "size": self.size}


def _weights(old: int, new: int) -> np.ndarray[Any, Any]:
    """Return how much of each old place is in each new one: [new, old]."""
    places = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
    near = np.abs(places[:, None] - np.arange(old)[None, :])
    found: np.ndarray[Any, Any] = np.maximum(0.0, 1.0 - near).astype(np.float32)
    return found
