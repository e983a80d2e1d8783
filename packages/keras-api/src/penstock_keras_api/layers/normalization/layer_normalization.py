"""Normalisation of each example by itself."""

from __future__ import annotations

import warnings
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api.layers.normalization.base import (
    Normalizer,
    is_last,
    known_size,
    spread,
    value_or,
    wide,
)


class LayerNormalization(Normalizer):
    """Bring some axes of each example to mean 0 and variance 1: γ · (x - mean) / √(variance + ε) + β.

    Args:
        axis: The axis or axes over which mean and variance are taken; gamma and beta have their sizes.
        epsilon: Keeps the root away from zero.
        center: Whether there is an offset, beta.
        scale: Whether there is a scale, gamma.
        beta_initializer: What makes beta.
        gamma_initializer: What makes gamma.
        beta_regularizer: What beta adds to the loss.
        gamma_regularizer: What gamma adds to the loss.
        beta_constraint: What beta is made to fulfil.
        gamma_constraint: What gamma is made to fulfil.
        kwargs: As in `Layer`; and `rms_scaling`, which leaves mean and beta out, and is out of use: see
            `RMSNormalization`.

    Raises:
        TypeError: `axis` is no number, and no list of numbers.

    >>> from penstock import keras
    >>> keras.layers.LayerNormalization(epsilon=0.0)([[1.0, 3.0], [10.0, 50.0]]).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = bool(kwargs.pop("rms_scaling", False))
        super().__init__(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        if rms_scaling:
            warnings.warn(
                "[LayerNormalization] rms_scaling divides by the standard deviation, not by the root mean square; use "
                "RMSNormalization for that",
                stacklevel=2,
            )
        self.axis = axes_of(axis, "LayerNormalization")
        self.epsilon = epsilon
        self.rms_scaling = rms_scaling
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta.

        Raises:
            ValueError: A size is not known.
        """
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        shape = [known_size(self.name, input_shape, axis) for axis in self.axis]
        self._add_gamma_and_beta(
            shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Normalise, scale and shift."""
        x = wide(inputs)
        if is_last(self.axis, x.ndim) and not self.rms_scaling:
            sizes = (x.shape[-1],)
            gamma, beta = value_or(self.gamma, sizes, 1.0, x), value_or(self.beta, sizes, 0.0, x)
            return ps.cast(ps.nn.layer_norm(x, gamma, beta, self.epsilon), self.compute_dtype)
        mean, variance = ps.nn.moments(x, axis=tuple(self.axis), keepdims=True)
        inverse = ps.rsqrt(variance + self.epsilon)
        y = x * inverse if self.rms_scaling else (x - mean) * inverse
        if self.gamma is not None:
            y = y * spread(ps.cast(self.gamma.value, x.dtype), self.axis, x.ndim)
        if self.beta is not None:
            y = y + spread(ps.cast(self.beta.value, x.dtype), self.axis, x.ndim)
        return ps.cast(y, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "rms_scaling": self.rms_scaling,
        }


def axes_of(axis: Any, layer: str) -> Any:
    """Check an axis, or make a list of several.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(axis, list | tuple):
        return list(axis)
    if isinstance(axis, int):
        return axis
    raise InvalidTypeError(
        f"[{layer}] got axis={axis!r}; use a whole number, or a list of whole numbers"
    )
