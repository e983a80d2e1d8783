"""Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class Adamax(Optimizer):
    """Divide by the largest gradient: m ← β₁m + (1 - β₁)g, u ← max(β₂u, |g|), w ← w - r m / ((1 - β₁ᵗ)(u + ε)).

    Args:
        learning_rate: r.
        beta_1: How much of m stays.
        beta_2: How much of u stays.
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
        Kingma and Ba, 2015, Adam: a method for stochastic optimization, section 7.1.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0, -1.0])
    >>> keras.optimizers.Adamax(0.1).apply([[1.0, 0.5]], [w])
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
        self._momentums, self._norms = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        m, largest = self._momentums[at], self._norms[at]
        step = self._count(variable.dtype)
        m.assign(m + (gradient - m) * (1.0 - self.beta_1))
        largest.assign(ps.maximum(self.beta_2 * largest, ps.abs(gradient)))
        divisor = (1.0 - self.beta_1**step) * (largest + self.epsilon)
        variable.assign(variable - learning_rate * m / divisor)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
        return {**super().get_config(), **own}
