"""Rectifiers as layers."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api import activations
from penstock_keras_api.layers.layer import Layer


class _Elementwise(Layer):
    """A function of each number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)


class ReLU(_Elementwise):
    """Let numbers above a threshold pass, up to a greatest one; the others with a slope.

    Args:
        max_value: The greatest result; None for no bound.
        negative_slope: The slope below the threshold.
        threshold: Where the slope changes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: A number is negative.

    >>> from penstock import keras
    >>> keras.layers.ReLU(max_value=6.0)([-1.0, 0.5, 7.0]).tolist()
    [0.0, 0.5, 6.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _checked("ReLU", "max_value", max_value)
        self.negative_slope = _checked("ReLU", "negative_slope", negative_slope)
        self.threshold = _checked("ReLU", "threshold", threshold)

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(_Elementwise):
    """Let positive numbers pass, and negative ones with a slope.

    Args:
        negative_slope: The slope.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The slope is negative.

    >>> from penstock import keras
    >>> keras.layers.LeakyReLU(negative_slope=0.5)([-1.0, 2.0]).tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = _checked("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(_Elementwise):
    """Let positive numbers pass, and bend towards -alpha: alpha · (eˣ - 1).

    Args:
        alpha: What negative numbers come near to.
        kwargs: As in `Layer`.

    Raises:
        TypeError: There is an argument that `Layer` does not take.

    >>> from penstock import keras
    >>> keras.layers.ELU()([0.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "alpha": self.alpha}


def _checked(layer: str, name: str, value: Any) -> Any:
    if value is None or value < 0:
        raise InvalidValueError(f"[{layer}] got {name}={value!r}; use a number of at least 0")
    return value
