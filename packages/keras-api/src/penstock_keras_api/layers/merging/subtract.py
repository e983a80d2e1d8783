"""A difference of two tensors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.merging.merge import Merge


class Subtract(Merge):
    """Subtract a tensor from another: x₀ - x₁.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The shapes do not broadcast.

    >>> from penstock import keras
    >>> keras.layers.Subtract()([ps.asarray([[1.0, 4.0]]), ps.asarray([[3.0, 2.0]])]).tolist()
    [[-2.0, 2.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Check the shapes.

        Raises:
            ValueError: There are not two.
        """
        super().build(input_shape)
        if len(input_shape) != 2:
            raise InvalidValueError(f"[{self.name}] got {len(input_shape)} tensors; give it two")

    def _join(self, x: Any, y: Any) -> Any:
        return ps.subtract(x, y)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Call a `Subtract` layer.

    Args:
        inputs: A list of tensors.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    return Subtract(**kwargs)(inputs)
