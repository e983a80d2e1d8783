"""Other sizes for the same numbers."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer


class Reshape(Layer):
    """Give the axes behind the batch other sizes.

    Args:
        target_shape: The sizes without the batch; one may be -1, and is then what is left.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The sizes do not fit the input, or several are -1.

    >>> from penstock import keras
    >>> keras.layers.Reshape((-1, 2))(keras.Input((3, 4))).shape
    (None, 6, 2)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if self.target_shape.count(-1) > 1 or any(n < -1 for n in self.target_shape):
            raise ShapeError(
                f"[Reshape] got target_shape={self.target_shape}; its sizes are at least 0, and one may be -1"
            )
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output.

        Raises:
            ValueError: The sizes do not fit the input.
        """
        rest = input_shape[1:]
        if any(not isinstance(n, int) for n in rest):
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        have = math.prod(rest)
        want = math.prod(n for n in self.target_shape if n != -1)
        open_ended = -1 in self.target_shape
        if (have % want if want and open_ended else have != want) or (open_ended and not want):
            raise ShapeError(
                f"[{self.name}] got an input of shape {tuple(input_shape)}, {have} numbers for each example; "
                f"target_shape={self.target_shape} has {want}: make them equal, or one size -1"
            )
        return (input_shape[0], *(have // want if n == -1 else n for n in self.target_shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the output."""
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def call(self, inputs: Any) -> Any:
        """Give other sizes."""
        sizes = self.compute_output_shape(tuple(inputs.shape))[1:]
        return ps.reshape(inputs, (inputs.shape[0], *(-1 if n is None else n for n in sizes)))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "target_shape": self.target_shape}
