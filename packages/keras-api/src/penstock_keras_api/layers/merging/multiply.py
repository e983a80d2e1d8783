"""A product of tensors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.merging.merge import MaskedMerge, wide


class Multiply(MaskedMerge):
    """Multiply tensors: Π xᵢ. Masked steps count as 1.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The shapes do not broadcast.

    >>> from penstock import keras
    >>> keras.layers.Multiply()([ps.asarray([[1.0, 4.0]]), ps.asarray([[3.0, 2.0]])]).tolist()
    [[3.0, 8.0]]
    """

    def _join(self, x: Any, y: Any) -> Any:
        return ps.multiply(x, y)

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        wides: list[Any] = [
            None if m is None else wide(m, x) for m, x in zip(masks, inputs, strict=True)
        ]
        kept = [
            x if m is None else ps.where(m, x, ps.ones((), x.dtype))
            for m, x in zip(wides, inputs, strict=True)
        ]
        y = super()._merge(kept, masks)
        if any(m is None for m in wides):
            return y
        some = wides[0]
        for m in wides[1:]:
            some = ps.logical_or(some, m)
        return ps.where(some, y, ps.zeros((), y.dtype))


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Call a `Multiply` layer.

    Args:
        inputs: A list of tensors.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The shapes do not broadcast.
    """
    return Multiply(**kwargs)(inputs)
