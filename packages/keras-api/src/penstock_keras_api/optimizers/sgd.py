"""Gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Go down the gradient: w ← w - r · g; with momentum v ← m · v - r · g, w ← w + v.

    Args:
        learning_rate: r.
        momentum: m, from 0 to 1.
        nesterov: Whether to look ahead: w ← w + m · v - r · g.
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
        ValueError: The momentum is out of range.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0])
    >>> keras.optimizers.SGD(0.5).apply([[1.0]], [w])
    >>> w.numpy().tolist()
    [0.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        if not 0 <= momentum <= 1:
            raise InvalidValueError(f"[SGD] got momentum={momentum}; use a number from 0 to 1")
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self.momentums = (
            self.add_optimizer_variables(variables, "momentum") if self.momentum else []
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        if not self.momentum:
            variable.assign(variable - gradient * learning_rate)
            return
        slot = self.momentums[self._get_variable_index(variable)]
        step = gradient * learning_rate
        momentum = slot * self.momentum - step
        slot.assign(momentum)
        variable.assign(variable + (momentum * self.momentum - step if self.nesterov else momentum))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
