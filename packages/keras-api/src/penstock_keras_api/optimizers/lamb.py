"""LAMB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """Adam's step, made as long as the weights are: w ← w - r · |w| / |s| · s.

    s = (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε).

    Args:
        learning_rate: r.
        beta_1: How much of m stays.
        beta_2: How much of v stays.
        epsilon: Keeps the divisor away from zero.
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
        You et al., 2020, Large batch optimization for deep learning: training BERT in 76 minutes.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0, -1.0])
    >>> keras.optimizers.Lamb(0.1).apply([[1.0, 0.5]], [w])
    >>> [round(v, 3) for v in w.numpy().tolist()]
    [0.9, -1.1]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        m, v = self._momentums[at], self._velocities[at]
        count = self._count(variable.dtype)
        m.assign(m + (gradient - m) * (1.0 - self.beta_1))
        v.assign(v + (ps.square(gradient) - v) * (1.0 - self.beta_2))
        spread = ps.sqrt(v / (1.0 - self.beta_2**count)) + self.epsilon
        step = m / (1.0 - self.beta_1**count) / spread
        weight, length = (ps.sqrt(ps.sum(ps.square(t))) for t in (variable.value, step))
        both = ps.logical_and(weight > 0.0, length > 0.0)
        ratio = ps.where(both, weight / ps.where(both, length, 1.0), 1.0)
        variable.assign(variable - ratio * learning_rate * step)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
        return {**super().get_config(), **own}
