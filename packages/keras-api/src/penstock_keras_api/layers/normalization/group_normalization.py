"""Normalisation of groups of channels."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.normalization.base import Normalizer, known_size, value_or, wide


class GroupNormalization(Normalizer):
    """Bring groups of channels of each example to mean 0 and variance 1: γ · (x - mean) / √(variance + ε) + β.

    Args:
        groups: How many groups the channels are split into; -1 for one each (instance normalisation).
        axis: The axis of channels.
        epsilon: Keeps the root away from zero.
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
        ValueError: `groups` is no number of groups.

    >>> from penstock import keras
    >>> keras.layers.GroupNormalization(groups=2, epsilon=0.0)([[1.0, 3.0, 10.0, 50.0]]).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        if int(groups) != groups or (groups <= 0 and groups != -1):
            raise InvalidValueError(
                f"[GroupNormalization] got groups={groups!r}; use a whole number above 0, or -1 for a group for each "
                "channel"
            )
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta.

        Raises:
            ValueError: The channels are not known, or the groups do not divide them.
        """
        size = known_size(self.name, input_shape, self.axis)
        if self.groups == -1:
            self.groups = size
        if size % self.groups:
            raise InvalidValueError(
                f"[{self.name}] got groups={self.groups} for {size} channels, which they do not divide; use another "
                "number of groups"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self._add_gamma_and_beta((size,), self.scale, self.center)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Normalise, scale and shift."""
        x = ps.moveaxis(wide(inputs), self.axis, -1)
        sizes = (x.shape[-1],)
        gamma, beta = value_or(self.gamma, sizes, 1.0, x), value_or(self.beta, sizes, 0.0, x)
        y = ps.nn.group_norm(x, gamma, beta, self.groups, self.epsilon)
        return ps.cast(ps.moveaxis(y, -1, self.axis), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
        }
