"""Tensors one behind the other."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.layers.merging.merge import Merge


class Concatenate(Merge):
    """Put tensors one behind the other along an axis.

    Args:
        axis: The axis.
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is not called on a list.
        ValueError: The other axes differ.

    >>> from penstock import keras
    >>> a, b = keras.Input((2, 5)), keras.Input((3, 5))
    >>> keras.layers.Concatenate(axis=1)([a, b]).shape
    (None, 5, 5)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Check the shapes."""
        self._check_list(input_shape)
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Put the tensors together."""
        return ps.concat(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output.

        Raises:
            ValueError: The shapes differ elsewhere.
        """
        made = list(input_shape[0])
        axis = self.axis % len(made)
        for shape in input_shape[1:]:
            if len(shape) != len(made) or any(
                i != axis and m != n and None not in (m, n)
                for i, (m, n) in enumerate(zip(made, shape, strict=True))
            ):
                raise ShapeError(
                    f"[{self.name}] got the shapes {', '.join(str(tuple(s)) for s in input_shape)}; all axes but "
                    f"{self.axis} must be equal"
                )
            for i, size in enumerate(shape):
                if i == axis:
                    made[i] = None if made[i] is None or size is None else made[i] + size
                elif made[i] is None:
                    made[i] = size
        return tuple(made)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks, put together like the tensors."""
        if mask is None or all(m is None for m in mask):
            return None
        wides = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None:
                wides.append(ps.ones_like(x, dtype="bool"))
            elif m.ndim < x.ndim:
                wides.append(ps.broadcast_to(ps.expand_dims(m, -1), x.shape))
            else:
                wides.append(m)
        return ps.any(ps.concat(wides, axis=self.axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Call a `Concatenate` layer.

    Args:
        inputs: A list of tensors.
        axis: The axis along which they are put together.
        kwargs: As in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The other axes differ.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
