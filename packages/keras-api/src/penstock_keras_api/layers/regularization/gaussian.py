"""Normally distributed noise."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.regularization.noise import NoiseLayer, checked_rate, filled_shape
from penstock_keras_api.random import draws


class GaussianNoise(NoiseLayer):
    """Add normally distributed noise of mean 0 while training.

    Args:
        stddev: Its standard deviation, from 0 to 1.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `stddev` is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.GaussianNoise(0.5)([1.0], training=False).tolist()
    [1.0]
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        if not 0 <= stddev <= 1:
            raise InvalidValueError(
                f"[GaussianNoise] got stddev={stddev!r}; use a number from 0 to 1"
            )
        self.stddev = stddev
        self._begin_stream(stddev)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Add noise, if training."""
        if not training or not self.stddev:
            return inputs
        return inputs + _normal(inputs, 0.0, self.stddev, self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(NoiseLayer):
    """Multiply with normally distributed numbers of mean 1 and variance rate / (1 - rate) while training.

    Args:
        rate: The rate of a `Dropout` layer of the same variance.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.GaussianDropout(0.5)([1.0], training=False).tolist()
    [1.0]
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = checked_rate("GaussianDropout", rate)
        self._begin_stream(self.rate)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Multiply with noise, if training."""
        if not training or not self.rate:
            return inputs
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * _normal(inputs, 1.0, stddev, self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(NoiseLayer):
    """Set numbers to a negative value at random while training, so that mean and variance stay.

    It goes with the activation "selu" and the initializer "lecun_normal".

    Args:
        rate: The probability.
        noise_shape: The shape of what is drawn; None where it is the input's.
        seed: Where the stream of random numbers begins; see `NoiseLayer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The rate is not from 0 to 1.

    >>> from penstock import keras
    >>> keras.layers.AlphaDropout(0.5)([1.0], training=False).tolist()
    [1.0]
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = checked_rate("AlphaDropout", rate)
        self.noise_shape = noise_shape
        self._begin_stream(self.rate)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Set numbers to the negative value, if training."""
        if not training or not self.rate:
            return inputs
        low = -1.7580993408473766  # what selu tends to: -1.0507 · 1.6733
        shape = filled_shape(self.noise_shape, inputs) or inputs.shape
        drawn = draws.uniform(shape, seed=self.seed_generator)
        y = ps.where(drawn >= self.rate, inputs, ps.full((), low, inputs.dtype))
        factor = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5 if self.rate < 1 else 0.0
        return factor * y - factor * low * self.rate

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


def _normal(x: Any, mean: float, stddev: float, seed: Any) -> Any:
    return ps.cast(draws.normal(x.shape, mean, stddev, seed), x.dtype)
