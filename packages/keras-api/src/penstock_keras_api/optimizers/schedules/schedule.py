"""`LearningRateSchedule`: learning rates that depend on the step."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError


class LearningRateSchedule:
    """Give the learning rate of a step.

    Subclasses write `__call__(step)` and `get_config()`.
    """

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        raise NotImplementedError(f"{type(self).__name__} has no method __call__(step)")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal schedule of."""
        raise NotImplementedError(f"{type(self).__name__} has no method get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a schedule of what `get_config` returned."""
        return cls(**config)


def as_number(step: Any) -> Any:
    """Return a step as float32."""
    return ps.cast(ps.asarray(step), "float32")


def check_steps(schedule: LearningRateSchedule, name: str, steps: float) -> None:
    """Refuse a decay that takes no steps.

    Raises:
        ValueError: The number of steps is not positive.
    """
    if steps <= 0:
        raise InvalidValueError(
            f"[{type(schedule).__name__}] got {name}={steps}; use a number above 0"
        )
