"""Learning rates that fall as a cosine does."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock_keras_api.optimizers.schedules.schedule import (
    LearningRateSchedule,
    as_number,
    check_steps,
)


class CosineDecay(LearningRateSchedule):
    """Rise to a target first, if there is one; then fall to a part as half a cosine wave.

    Args:
        initial_learning_rate: Where it begins.
        decay_steps: How many steps it falls.
        alpha: Where it ends, as a part of where the fall begins.
        name: A name.
        warmup_target: Where the rise ends; None for no rise.
        warmup_steps: How many steps it rises.

    Raises:
        ValueError: decay_steps is not positive.

    Source:
        Loshchilov and Hutter, 2017, SGDR: stochastic gradient descent with warm restarts.

    >>> from penstock import keras
    >>> round(float(keras.optimizers.schedules.CosineDecay(0.1, 10)(5)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        check_steps(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        at = as_number(step)
        if self.warmup_target is None:
            return self._fallen(at, self.initial_learning_rate)
        rise = self.warmup_target - self.initial_learning_rate
        risen = self.initial_learning_rate + rise * at / float(max(self.warmup_steps, 1))
        fallen = self._fallen(at - float(self.warmup_steps), self.warmup_target)
        return ps.where(at < float(self.warmup_steps), risen, fallen)

    def _fallen(self, at: Any, top: float) -> Any:
        done = ps.minimum(at, float(self.decay_steps)) / float(self.decay_steps)
        wave = 0.5 * (1.0 + ps.cos(math.pi * done))
        return top * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Fall as half a cosine wave, and begin anew, each time with more steps and from less.

    Args:
        initial_learning_rate: Where it begins.
        first_decay_steps: How many steps the first fall has.
        t_mul: By which factor the number of steps grows.
        m_mul: By which factor the beginning changes.
        alpha: Where falls end, as a part of initial_learning_rate.
        name: A name.

    Raises:
        ValueError: first_decay_steps is not positive.

    Source:
        Loshchilov and Hutter, 2017, SGDR: stochastic gradient descent with warm restarts.

    >>> from penstock import keras
    >>> rate = keras.optimizers.schedules.CosineDecayRestarts(0.1, 10)
    >>> round(float(rate(5)), 4), round(float(rate(20)), 4)
    (0.05, 0.05)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        check_steps(self, "first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        rounds, done = self._place(as_number(step) / float(self.first_decay_steps))
        wave = 0.5 * ps.pow(float(self._m_mul), rounds) * (1.0 + ps.cos(math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)

    def _place(self, done: Any) -> tuple[Any, Any]:
        """Return how many falls are over, and how much of the present one is."""
        grow = float(self._t_mul)
        if grow == 1.0:
            return ps.floor(done), done - ps.floor(done)
        # Falls that are over took 1 + grow + grow² + ... = (1 - grow^n) / (1 - grow) first falls.
        rounds = ps.floor(ps.log(1.0 - done * (1.0 - grow)) / ps.log(ps.asarray(grow)))
        size = ps.pow(grow, rounds)
        return rounds, (done - (1.0 - size) / (1.0 - grow)) / size

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
