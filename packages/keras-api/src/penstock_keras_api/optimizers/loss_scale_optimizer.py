"""Scales of losses, for gradients in float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer
from penstock_keras_api.saving import serialization


class LossScaleOptimizer(Optimizer):
    """Multiply losses, so that gradients in float16 do not vanish, and divide gradients again.

    The factor doubles after many steps that went well. A step with an infinite gradient is left out, and halves it.

    Args:
        inner_optimizer: What changes the weights.
        initial_scale: The factor at the beginning.
        dynamic_growth_steps: After how many good steps the factor doubles.
        name: A name.

    >>> from penstock import keras
    >>> w = keras.Variable([1.0])
    >>> scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=4.0)
    >>> scaled.apply([[4.0]], [w])
    >>> scaled.apply([[float("inf")]], [w])
    >>> w.numpy().tolist(), float(scaled.dynamic_scale)
    ([0.5], 2.0)
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.inner_optimizer = inner_optimizer
        super().__init__(0.0, name=name, **kwargs)
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None
        self.use_ema = inner_optimizer.use_ema

    @property
    def iterations(self) -> Any:
        """How many steps the inner optimizer took."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def variables(self) -> list[Any]:
        """What this optimizer remembers, then what the inner one does."""
        return [*self._variables, *self.inner_optimizer.variables]

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizers remember."""
        if self.built:
            return
        self.step_counter = self._own_variable(0, "step_counter", "int32")
        self.dynamic_scale = self._own_variable(self.initial_scale, "dynamic_scale", "float32")
        self.inner_optimizer.build(variables)
        use_ema, self.use_ema = self.use_ema, False  # the inner optimizer has the means
        super().build(variables)
        self.use_ema = use_ema

    def scale_loss(self, loss: Any) -> Any:
        """Multiply the loss by the factor."""
        factor = self.dynamic_scale.value if self.built else ps.asarray(self.initial_scale)
        return loss * ps.cast(factor, ps.asarray(loss).dtype)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Put the running means in the place of the variables, after training."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def _apply(self, pairs: list[tuple[Any, Any]]) -> None:
        gradients = [ps.asarray(g) for g, _ in pairs]
        finite = ps.all(ps.stack([ps.all(ps.isfinite(g)) for g in gradients]))

        def step() -> None:
            scale = self.dynamic_scale.value
            divided = [g / ps.cast(scale, g.dtype) for g in gradients]
            self.inner_optimizer.apply(divided, [v for _, v in pairs])
            grown = self.step_counter == self.dynamic_growth_steps - 1
            self.dynamic_scale.assign(ps.where(grown, scale * 2.0, scale))
            self.step_counter.assign(ps.where(grown, 0, self.step_counter + 1))

        def leave_out() -> None:
            self.dynamic_scale.assign(self.dynamic_scale * 0.5)
            self.step_counter.assign(0)

        ps.cond(finite, step, leave_out)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make an optimizer of what `get_config` returned."""
        inner = serialization.deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
