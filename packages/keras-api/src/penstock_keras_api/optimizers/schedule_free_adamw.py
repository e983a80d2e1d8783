"""AdamW without a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """AdamW that takes a mean of weights in the place of a falling learning rate.

    z ← z - r g / (√v + ε), with v corrected as in Adam, and the weights are the mean of all z: x ← x + (z - x)/t. As in
    Keras, gradients are taken at x; so β₁, which in the paper moves them towards z, is kept and changes nothing.

    Args:
        learning_rate: r.
        beta_1: Kept for compatibility.
        beta_2: How much of v stays.
        epsilon: Keeps the divisor away from zero.
        warmup_steps: For how many steps the learning rate grows.
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
        Defazio et al., 2024, The road less scheduled.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0, -1.0])
    >>> keras.optimizers.ScheduleFreeAdamW(0.1).apply([[1.0, 0.5]], [w])
    >>> [round(v, 3) for v in w.numpy().tolist()]
    [0.9, -1.1]
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        self.warmup_steps = warmup_steps

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._points, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        for point, v in zip(self._points, variables, strict=True):
            point.assign(v.value)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        z, v = self._points[at], self._velocities[at]
        count = self._count(variable.dtype)
        if self.warmup_steps > 0:
            learning_rate = learning_rate * ps.minimum(count / float(self.warmup_steps), 1.0)
        v.assign(v + (ps.square(gradient) - v) * (1.0 - self.beta_2))
        spread = ps.sqrt(v / (1.0 - self.beta_2**count)) + self.epsilon
        z.assign(z - learning_rate * gradient / spread)
        variable.assign(variable + (z - variable) / count)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
        return {**super().get_config(), **own}
