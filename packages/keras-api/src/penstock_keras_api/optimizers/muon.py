"""Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.optimizer import Optimizer


class Muon(Optimizer):
    """Step with momentum made orthogonal, for matrices; AdamW for all else.

    Newton and Schulz's iteration X ← aX + (bA + cA²)X with A = XXᵀ brings all singular values near 1.

    Args:
        learning_rate: r.
        adam_beta_1: Of AdamW: how much of m stays.
        adam_beta_2: Of AdamW: how much of v stays.
        adam_weight_decay: Of AdamW: the weight decay.
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
        exclude_layers: Patterns of paths that AdamW trains.
        exclude_embeddings: Whether AdamW trains embeddings.
        muon_a: a.
        muon_b: b.
        muon_c: c.
        adam_lr_ratio: AdamW's learning rate, as a part of r.
        momentum: How much of the last step is added to the next.
        ns_steps: How many iterations a step has.
        nesterov: Whether to look ahead.
        rms_rate: The size of a step's elements; None to leave it.

    Source:
        Jordan et al., 2024, Muon: an optimizer for hidden layers in neural networks.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: list[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def build(self, variables: Sequence[Any]) -> None:
        """Make what the optimizer remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums: list[Any] = []
        self._velocities: list[Any] = []
        for v in variables:  # in the order of Keras's files
            self._momentums.append(self.add_variable_from_reference(v, "momentum"))
            adam = self._uses_adam(v)
            self._velocities.append(
                self.add_variable_from_reference(v, "velocity") if adam else None
            )

    def _uses_adam(self, variable: Any) -> bool:
        path = str(getattr(variable, "path", variable.name))
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return (
            len(variable.shape) != 2
            or embedding
            or any(re.search(pattern, path) for pattern in self.exclude_layers)
        )

    def _apply_weight_decay(self, variables: list[Any], rate: Any) -> None:
        for v in variables:
            decay = self.adam_weight_decay if self._uses_adam(v) else self.weight_decay
            if decay is not None and self._use_weight_decay(v):
                v.assign(v - v * ps.cast(decay * rate, v.dtype))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        at = self._get_variable_index(variable)
        if self._velocities[at] is not None:
            self._adam_step(gradient, variable, learning_rate * float(self.adam_lr_ratio))
            return
        m = self._momentums[at]
        m.assign(self.momentum * m + gradient)
        ahead = gradient + self.momentum * m if self.nesterov else m.value
        step = self._orthogonal(ahead)
        if self.rms_rate is not None:
            step = step * (max(variable.shape) ** 0.5 * self.rms_rate)
        variable.assign(variable - learning_rate * step)

    def _adam_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        at = self._get_variable_index(variable)
        m, v = self._momentums[at], self._velocities[at]
        assert v is not None
        count = self._count(variable.dtype)
        spread = ps.sqrt(1.0 - self.adam_beta_2**count) / (1.0 - self.adam_beta_1**count)
        m.assign(m + (gradient - m) * (1.0 - self.adam_beta_1))
        v.assign(v + (ps.square(gradient) - v) * (1.0 - self.adam_beta_2))
        variable.assign(variable - learning_rate * spread * m / (ps.sqrt(v.value) + self.epsilon))

    def _orthogonal(self, x: Any) -> Any:
        """Bring the singular values of a matrix near 1."""
        tall = x.shape[-2] > x.shape[-1]
        if tall:
            x = ps.matrix_transpose(x)
        x = x / (ps.sqrt(ps.sum(ps.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            product = ps.matmul(x, ps.matrix_transpose(x))
            both = self.muon_b * product + self.muon_c * ps.matmul(product, product)
            x = self.muon_a * x + ps.matmul(both, x)
        return ps.matrix_transpose(x) if tall else x

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of."""
        own = {
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "exclude_embeddings": self.exclude_embeddings,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "rms_rate": self.rms_rate,
        }
        return {**super().get_config(), **own}
