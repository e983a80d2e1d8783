"""Zeros at random."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.regularization.noise import NoiseLayer, checked_rate, filled_shape
from penstock_keras_api.random import draws


class Dropout(NoiseLayer):
    """Set numbers to zero at random while training, and scale the others by 1 / (1 - rate).

    Args:
        rate: The probability of zero.
        noise_shape: The shape of what is drawn; None where it is the input's: (None, 1, None) draws for all steps
            alike.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1, or `noise_shape` does not fit.

    >>> from penstock import keras
    >>> keras.layers.Dropout(0.5)([1.0, 2.0], training=False).tolist()
    [1.0, 2.0]
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = checked_rate(type(self).__name__, rate)
        if noise_shape is not None and not all(n is None or n > 0 for n in noise_shape):
            raise InvalidValueError(
                f"[Dropout] got noise_shape={noise_shape!r}; its sizes are whole numbers above 0, or None"
            )
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self._begin_stream(self.rate)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Set numbers to zero, if training."""
        if not training or not self.rate:
            return inputs
        return self._drop(inputs, self.noise_shape)

    def _drop(self, inputs: Any, noise_shape: Any) -> Any:
        if noise_shape is not None and len(noise_shape) != inputs.ndim:
            raise ShapeError(
                f"[{self.name}] got noise_shape={noise_shape} for an input of shape {tuple(inputs.shape)}; give one size "
                "for each axis"
            )
        if self.rate >= 1:
            return ps.zeros_like(inputs)
        return draws.drop(inputs, self.rate, filled_shape(noise_shape, inputs), self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


class _SpatialDropout(Dropout):
    """Drops whole channels."""

    def __init__(self, rate: float, seed: int | None, ndim: int, name: Any, dtype: Any) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=ndim)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Set channels to zero, if training."""
        if not training or not self.rate:
            return inputs
        first = getattr(self, "data_format", "channels_last") == "channels_first"
        ones = (1,) * (inputs.ndim - 2)
        return self._drop(inputs, (None, None, *ones) if first else (None, *ones, None))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = super().get_config()
        del made["noise_shape"], made["trainable"]
        return {**made, "dtype": self.dtype}


class SpatialDropout1D(_SpatialDropout):
    """Set whole channels of sequences to zero at random while training.

    Args:
        rate: The probability of zero.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        name: As in `Layer`.
        dtype: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1.

    >>> from penstock import keras
    >>> y = keras.layers.SpatialDropout1D(0.5)(ps.ones((1, 9, 1)), training=True)
    >>> float(ps.max(y)) == float(ps.min(y))
    True
    """

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed, 3, name, dtype)


class SpatialDropout2D(_SpatialDropout):
    """Set whole channels of images to zero at random while training.

    Args:
        rate: The probability of zero.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        name: As in `Layer`.
        dtype: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.SpatialDropout2D(0.5)(keras.Input((4, 4, 3))).shape
    (None, 4, 4, 3)
    """

    _ndim = 4

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed, self._ndim, name, dtype)
        self.data_format = config.standardize_data_format(data_format)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout3D(SpatialDropout2D):
    """Set whole channels of volumes to zero at random while training.

    Args:
        rate: The probability of zero.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        name: As in `Layer`.
        dtype: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.SpatialDropout3D(0.5)(keras.Input((2, 4, 4, 3))).shape
    (None, 2, 4, 4, 3)
    """

    _ndim = 5
