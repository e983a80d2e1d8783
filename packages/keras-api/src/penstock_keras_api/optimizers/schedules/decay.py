"""Learning rates that fall by a formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.optimizers.schedules.schedule import (
    LearningRateSchedule,
    as_number,
    check_steps,
)


class ExponentialDecay(LearningRateSchedule):
    """Fall by a factor: r · decay_rate^(step / decay_steps).

    Args:
        initial_learning_rate: r.
        decay_steps: After how many steps the factor is applied once.
        decay_rate: The factor.
        staircase: Whether it falls once in so many steps, and not at each.
        name: A name.

    Raises:
        ValueError: decay_steps is not positive.

    >>> from penstock import keras
    >>> round(float(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)(20)), 4)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        check_steps(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        done = as_number(step) / float(self.decay_steps)
        done = ps.floor(done) if self.staircase else done
        return self.initial_learning_rate * ps.pow(self.decay_rate, done)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """Fall as r / (1 + decay_rate · step / decay_steps).

    Args:
        initial_learning_rate: r.
        decay_steps: How many steps count as one.
        decay_rate: How fast it falls.
        staircase: Whether it falls once in so many steps, and not at each.
        name: A name.

    Raises:
        ValueError: decay_steps is not positive.

    >>> from penstock import keras
    >>> round(float(keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)(20)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        check_steps(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        done = as_number(step) / float(self.decay_steps)
        done = ps.floor(done) if self.staircase else done
        return self.initial_learning_rate / (1.0 + self.decay_rate * done)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PolynomialDecay(LearningRateSchedule):
    """Fall to an end: (r - end) · (1 - step / decay_steps)^power + end.

    Args:
        initial_learning_rate: r.
        decay_steps: After how many steps the end is reached.
        end_learning_rate: The end.
        power: How it is curved; 1 for a straight line.
        cycle: Whether it begins anew after the end, each time with more steps.
        name: A name.

    Raises:
        ValueError: decay_steps is not positive.

    >>> from penstock import keras
    >>> round(float(keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)(5)), 4)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        check_steps(self, "decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        at, steps = as_number(step), float(self.decay_steps)
        if self.cycle:
            done = at / (steps * ps.maximum(ps.ceil(at / steps), 1.0))
        else:
            done = ps.minimum(at, steps) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ps.pow(1.0 - done, float(self.power)) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """Take a value up to each boundary, and the last one beyond.

    Args:
        boundaries: The last step of each value but the last, rising.
        values: One more than there are boundaries.
        name: A name.

    Raises:
        ValueError: The numbers of boundaries and values do not fit.

    >>> from penstock import keras
    >>> rate = keras.optimizers.schedules.PiecewiseConstantDecay([10], [1.0, 0.5])
    >>> float(rate(10)), float(rate(11))
    (1.0, 0.5)
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise InvalidValueError(
                f"[PiecewiseConstantDecay] got {len(boundaries)} boundaries and {len(values)} values; give one value more"
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        step = ps.asarray(step)
        rate = ps.asarray(self.values[0], dtype="float32")
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            beyond = step > ps.cast(ps.asarray(boundary), step.dtype)
            rate = ps.where(beyond, ps.asarray(value, dtype="float32"), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        return {
            "boundaries": list(self.boundaries),
            "values": list(self.values),
            "name": self.name,
        }
