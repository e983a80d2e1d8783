"""The least of several tensors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.merging.merge import ExtremeMerge


class Minimum(ExtremeMerge):
    """Take the least element of tensors. Masked steps are left out.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The shapes do not broadcast.

    >>> from penstock import keras
    >>> keras.layers.Minimum()([ps.asarray([[1.0, 4.0]]), ps.asarray([[3.0, 2.0]])]).tolist()
    [[1.0, 2.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ps.minimum(x, y)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Call a `Minimum` layer.

    Args:
        inputs: A list of tensors.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    return Minimum(**kwargs)(inputs)
