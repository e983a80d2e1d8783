"""Stop when nothing gets better."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stop training when a loss or a metric no longer gets better.

    Args:
        monitor: Its name.
        min_delta: How much better counts as better.
        patience: After how many epochs that are not better to stop.
        verbose: 1 to tell.
        mode: "min" or "max" for what is better; "auto" for what suits the metric.
        baseline: What has to be reached; None for nothing.
        restore_best_weights: Whether the model takes the weights of the best epoch.
        start_from_epoch: From which epoch on to watch.

    >>> from penstock import keras
    >>> stop = keras.callbacks.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    >>> stop.patience
    2
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin with no epoch."""
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare an epoch with the best."""
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self.wait = 0
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()  # no value was a number
            self.best_epoch = epoch
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    _KEPT = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def get_state(self) -> dict[str, Any]:
        """Return the best epoch, its weights, and how long ago it was."""
        return {name: getattr(self, name) for name in self._KEPT}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        for name in self._KEPT:
            setattr(self, name, state[name])

    def on_train_end(self, logs: Any = None) -> None:
        """Take the best weights, if that was asked for."""
        if self.verbose and self.stopped_epoch:
            self._tell(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                self._tell(
                    f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)
