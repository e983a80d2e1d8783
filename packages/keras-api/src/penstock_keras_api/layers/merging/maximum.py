"""The greatest of several tensors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.merging.merge import ExtremeMerge


class Maximum(ExtremeMerge):
    """Take the greatest element of tensors. Masked steps are left out.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The shapes do not broadcast.

    >>> from penstock import keras
    >>> keras.layers.Maximum()([ps.asarray([[1.0, 4.0]]), ps.asarray([[3.0, 2.0]])]).tolist()
    [[3.0, 4.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ps.maximum(x, y)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Call a `Maximum` layer.

    Args:
        inputs: A list of tensors.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    return Maximum(**kwargs)(inputs)
