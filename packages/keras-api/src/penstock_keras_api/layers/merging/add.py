"""A sum of tensors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.merging.merge import Merge


class Add(Merge):
    """Add tensors: Σ xᵢ.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The shapes do not broadcast.

    >>> from penstock import keras
    >>> keras.layers.Add()([ps.asarray([[1.0, 4.0]]), ps.asarray([[3.0, 2.0]])]).tolist()
    [[4.0, 6.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ps.add(x, y)


def add(inputs: Any, **kwargs: Any) -> Any:
    """Call a `Add` layer.

    Args:
        inputs: A list of tensors.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    return Add(**kwargs)(inputs)
