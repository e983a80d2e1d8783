"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Divide by the root of the mean square: m ← β₁m + (1 - β₁)g, v ← β₂v + (1 - β₂)g², w ← w - a · m / (√v + ε).

    a is the learning rate times √(1 - β₂ᵗ) / (1 - β₁ᵗ) in step t.

    Args:
        learning_rate: The learning rate.
        beta_1: How much of m stays.
        beta_2: How much of v stays.
        epsilon: Keeps the divisor away from zero.
        amsgrad: Whether to divide by the largest v so far.
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

    Source:
        Kingma and Ba, 2015, Adam: a method for stochastic optimization, with ε as in the paragraph before section 2.1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        self._largest = (
            self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []
        )

    def _is_one_pass(self, variable: Any) -> bool:
        """Whether one op makes the step."""
        return variable.dtype == "float32" and not self.amsgrad

    def _decays_in_step(self, variable: Any) -> bool:
        """Whether that op takes the decay along; not where a subclass has steps of its own."""
        return self._is_one_pass(variable) and type(self).update_step is Adam.update_step

    def _apply_weight_decay(self, variables: list[Any], rate: Any) -> None:
        super()._apply_weight_decay([v for v in variables if not self._decays_in_step(v)], rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        m, v = self._momentums[at], self._velocities[at]
        step = self._count(variable.dtype)
        if self._is_one_pass(variable):
            decays = self._decays_in_step(variable) and self._use_weight_decay(variable)
            new = ps.ops.adam_update(
                *(variable, m, v, gradient, learning_rate, step),
                *(
                    self.beta_1,
                    self.beta_2,
                    self.epsilon,
                    (self.weight_decay or 0.0) if decays else 0.0,
                ),
            )
            for target, value in zip((variable, m, v), new, strict=True):
                target.assign(value)
            return
        rate = learning_rate * ps.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        m.assign(m + (gradient - m) * (1.0 - self.beta_1))
        v.assign(v + (ps.square(gradient) - v) * (1.0 - self.beta_2))
        square = v.value
        if self.amsgrad:
            self._largest[at].assign(ps.maximum(self._largest[at].value, square))
            square = self._largest[at].value
        variable.assign(variable - rate * m / (ps.sqrt(square) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
        return {**super().get_config(), **own}
