"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class Adafactor(Optimizer):
    """Adam's divisor in little memory: a matrix has means of squares for rows and columns alone.

    Args:
        learning_rate: r.
        beta_2_decay: How fast means forget less: β₂ = 1 - tᵈ.
        epsilon_1: Keeps squares away from zero.
        epsilon_2: The least size of weights that steps are relative to.
        clip_threshold: The greatest root mean square of a step.
        relative_step: Whether the learning rate falls with the root of the step.
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
        Shazeer and Stern, 2018, Adafactor: adaptive learning rates with sublinear memory cost.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0, -1.0])
    >>> keras.optimizers.Adafactor(0.1).apply([[1.0, 0.5]], [w])
    >>> [round(v, 3) for v in w.numpy().tolist()]
    [0.9, -1.1]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._rows: list[Any] = []
        self._columns: list[Any] = []
        self._squares: list[Any] = []
        for v in variables:
            matrix = len(v.shape) >= 2
            own = {"dtype": v.dtype, "name": v.name}
            shape = tuple(v.shape)
            if not matrix:  # Keras's files have a number in the place of each
                for _ in range(2):
                    self._own_variable(np.zeros((), np.int32), v.name)
            self._rows.append(self.add_variable(shape[:-1], **own) if matrix else None)
            columns = (*shape[:-2], *shape[-1:])
            self._columns.append(self.add_variable(columns, **own) if matrix else None)
            self._squares.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        count = self._count(variable.dtype)
        rate = ps.minimum(learning_rate, ps.rsqrt(count))
        rate = rate * ps.maximum(_size(variable.value), self.epsilon_2)
        kept = 1.0 - count**self.beta_2_decay
        square = self._square(at, ps.square(gradient) + self.epsilon_1, kept)
        step = gradient / ps.sqrt(square)
        variable.assign(variable - rate * step / ps.maximum(_size(step) / self.clip_threshold, 1.0))

    def _square(self, at: int, square: Any, kept: Any) -> Any:
        """Add squares to the means, and return the means."""
        row, column, slot = self._rows[at], self._columns[at], self._squares[at]
        if row is None:
            slot.assign(kept * slot + (1.0 - kept) * square)
            return slot.value
        row.assign(kept * row + (1.0 - kept) * ps.mean(square, -1))
        column.assign(kept * column + (1.0 - kept) * ps.mean(square, -2))
        share = row / ps.mean(row.value, -1, keepdims=True)
        slot.assign(ps.expand_dims(share, -1) * ps.expand_dims(column.value, -2))
        return slot.value

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
        return {**super().get_config(), **own}


def _size(x: Any) -> Any:
    """Take the root of the mean square."""
    return ps.sqrt(ps.mean(ps.square(x)))
