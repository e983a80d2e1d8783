"""Schedules: learning rates that depend on the step."""

from __future__ import annotations

from typing import Any, Self


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


__all__ = ["LearningRateSchedule"]
