"""Axes in another order, and copies along a new one."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class Permute(Layer):
    """Put the axes behind the batch into another order.

    Args:
        dims: The axes in their new order, counted from 1: (2, 1) swaps two.
        kwargs: As in `Layer`.

    Raises:
        ValueError: They are not 1 ... n.

    >>> from penstock import keras
    >>> keras.layers.Permute((2, 1))(keras.Input((3, 4))).shape
    (None, 4, 3)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise InvalidValueError(
                f"[Permute] got dims={self.dims}; give each axis behind the batch once, from 1: (2, 1)"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the output."""
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def call(self, inputs: Any) -> Any:
        """Put the axes into order."""
        return ps.permute_dims(inputs, (0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Repeat vectors along a new axis: [batch, features] becomes [batch, n, features].

    Args:
        n: How often.
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is no whole number.

    >>> from penstock import keras
    >>> keras.layers.RepeatVector(3)(keras.Input((4,))).shape
    (None, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise InvalidTypeError(f"[RepeatVector] got n={n!r}; use a whole number")
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (input_shape[0], self.n, input_shape[1])

    def call(self, inputs: Any) -> Any:
        """Repeat the vectors."""
        return ps.repeat(ps.expand_dims(inputs, 1), self.n, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "n": self.n}
