"""What normalisation layers share: a scale (gamma) and an offset (beta), and wide numbers to compute with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers.layer import Layer


class Normalizer(Layer):
    """Keep a scale (gamma) and an offset (beta).

    Args:
        center: Whether there is an offset, beta.
        scale: Whether there is a scale, gamma.
        beta_initializer: What makes beta.
        gamma_initializer: What makes gamma.
        beta_regularizer: What beta adds to the loss.
        gamma_regularizer: What gamma adds to the loss.
        beta_constraint: What beta is made to fulfil.
        gamma_constraint: What gamma is made to fulfil.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        *,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.gamma: Any = None
        self.beta: Any = None

    def _add_gamma_and_beta(self, shape: Sequence[int], scale: bool, center: bool) -> None:
        if scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output: the input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def wide(x: Any) -> Any:
    """Return a tensor as float32, or float64 if it is that: squares overflow in fewer bits."""
    return x if x.dtype in ("float32", "float64") else ps.cast(x, "float32")


def value_or(v: Any, shape: Sequence[Any], other: float, like: Any) -> Any:
    """Return the value of a weight, or a constant where there is none, in another tensor's dtype."""
    return (
        ps.full(tuple(shape), other, dtype=like.dtype)
        if v is None
        else ps.cast(v.value, like.dtype)
    )


def known_size(layer: str, shape: Sequence[Any], axis: int) -> int:
    """Return the size of an axis that weights depend on.

    Raises:
        ValueError: There is no such axis, or its size is not known.
    """
    if not -len(shape) <= axis < len(shape):
        raise InvalidValueError(
            f"[{layer}] got axis={axis} for an input of {len(shape)} axes, {tuple(shape)}; use one from "
            f"{-len(shape)} to {len(shape) - 1}"
        )
    if shape[axis] is None:
        raise InvalidValueError(
            f"[{layer}] axis {axis} of its input {tuple(shape)} must be known, since weights depend on it; give Input a "
            "shape that says it"
        )
    return int(shape[axis])


def is_last(axes: Sequence[int], ndim: int) -> bool:
    """Whether axes are the last one alone."""
    return [axis % ndim for axis in axes] == [ndim - 1]


def spread(t: Any, axes: Sequence[int], ndim: int) -> Any:
    """Give a weight over some axes axes of size 1 for the others."""
    shape: list[Any] = [1] * ndim
    for axis, size in zip(axes, t.shape, strict=True):
        shape[axis] = size
    return ps.reshape(t, shape)
