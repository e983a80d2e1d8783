"""FTRL-proximal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import initializers
from penstock_keras_api.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """Follow the regularised leader: weights solve a problem of all gradients so far.

    z ← z + g' - ((n + g²)⁻ᵖ - n⁻ᵖ) / r · w, n ← n + g², w ← (clip(z, -λ₁, λ₁) - z) / (n⁻ᵖ / r + 2λ₂ + β / r), with
    g' = g + 2 λₛ w.

    Args:
        learning_rate: r.
        learning_rate_power: p, not positive: how learning rates fall.
        initial_accumulator_value: n at the beginning.
        l1_regularization_strength: λ₁: how many weights become zero.
        l2_regularization_strength: λ₂: how strongly squares of weights are held small.
        l2_shrinkage_regularization_strength: λₛ: likewise, by the gradients.
        beta: β.
        weight_decay: As in `Optimizer`, and so on.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: A name.

    Raises:
        ValueError: A strength is negative, or the power positive.

    Source:
        McMahan et al., 2013, Ad click prediction: a view from the trenches.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0, -1.0])
    >>> keras.optimizers.Ftrl(0.1).apply([[1.0, 0.5]], [w])
    >>> [round(v, 3) for v in w.numpy().tolist()]
    [0.603, -0.55]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if learning_rate_power > 0:
            raise InvalidValueError(
                f"[Ftrl] got learning_rate_power={learning_rate_power}; use a number that is not positive"
            )
        given = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for what, value in given.items():
            if value < 0:
                raise InvalidValueError(
                    f"[Ftrl] got {what}={value}; use a number that is not negative"
                )
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        first = initializers.Constant(self.initial_accumulator_value)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [first, "zeros"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        n, z = self._accumulators[at], self._linears[at]
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * variable
        more = n + ps.square(gradient)
        before, after = (
            ps.cast(t, variable.dtype) ** -self.learning_rate_power for t in (n.value, more)
        )
        z.assign(z + shrunk - (after - before) / learning_rate * variable)
        curve = after / learning_rate + 2.0 * self.l2_regularization_strength
        curve = curve + self.beta / learning_rate
        limit = self.l1_regularization_strength
        variable.assign((ps.clip(z.value, -limit, limit) - z) / curve)
        n.assign(more)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
        return {**super().get_config(), **own}
