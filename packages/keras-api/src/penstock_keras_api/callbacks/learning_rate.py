"""Change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.callbacks.callback import Callback
from penstock_keras_api.callbacks.monitor import MonitorCallback


def _rate_of(model: Any) -> float:
    rate = model.optimizer.learning_rate
    return float(rate.numpy())


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of each epoch.

    Args:
        schedule: `schedule(epoch, learning_rate)`, or `schedule(epoch)`, which returns the new one.
        verbose: 1 to tell.

    Raises:
        ValueError: The schedule returns no float.

    >>> from penstock import keras
    >>> halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the learning rate."""
        given = (epoch, _rate_of(self.model)) if self._takes_rate else (epoch,)
        rate = self.schedule(*given)
        if not isinstance(rate, float | np.floating):
            raise InvalidValueError(
                f"[LearningRateScheduler] the schedule returned {rate!r}; return a float"
            )
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            self._tell(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the learning rate beside losses and metrics."""
        if logs is not None:
            logs["learning_rate"] = _rate_of(self.model)


class ReduceLROnPlateau(MonitorCallback):
    """Make the learning rate smaller when a loss or a metric no longer gets better.

    Args:
        monitor: Its name.
        factor: What the learning rate is multiplied by; below 1.
        patience: After how many epochs that are not better.
        verbose: 1 to tell.
        mode: "min" or "max" for what is better; "auto" for what suits the metric.
        min_delta: How much better counts as better.
        cooldown: How many epochs after a change are not watched.
        min_lr: The least learning rate.

    Raises:
        ValueError: The factor is not below 1.

    >>> from penstock import keras
    >>> keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.2, patience=5).factor
    0.2
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise InvalidTypeError(
                f"[ReduceLROnPlateau] got the arguments {', '.join(kwargs)}, which it does not know"
            )
        if factor >= 1.0:
            raise InvalidValueError(f"[ReduceLROnPlateau] got factor={factor}; use one below 1")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin with no epoch."""
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    _KEPT = ("best", "wait", "cooldown_counter")

    def get_state(self) -> dict[str, Any]:
        """Return the best value so far, and how long ago it was."""
        return {name: getattr(self, name) for name in self._KEPT}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        for name in self._KEPT:
            setattr(self, name, state[name])

    def in_cooldown(self) -> bool:
        """Whether a change was made a short while ago."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare an epoch with the best."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = _rate_of(self.model)
        value = self._value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = _rate_of(self.model)
        if rate <= np.float32(self.min_lr):
            return
        new = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose:
            self._tell(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0
