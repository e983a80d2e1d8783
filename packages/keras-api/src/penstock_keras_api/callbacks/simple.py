"""Small callbacks: of functions, and for losses that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from penstock_keras_api.callbacks.callback import Callback


class LambdaCallback(Callback):
    """A callback of functions, each for a method of `Callback`.

    Args:
        on_epoch_begin: `f(epoch, logs)`.
        on_epoch_end: `f(epoch, logs)`.
        on_train_begin: `f(logs)`.
        on_train_end: `f(logs)`.
        on_train_batch_begin: `f(batch, logs)`.
        on_train_batch_end: `f(batch, logs)`.
        kwargs: Functions for other methods, by their names.

    >>> from penstock import keras
    >>> told = []
    >>> callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(epoch))
    >>> callback.on_epoch_end(3, {})
    >>> told
    [3]
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Stop training when the loss is infinite or no number, and say which op made the first such number.

    The step at fault is taken again, op by op, with the values from before; so weights of two steps are kept.

    Args:
        raise_error: Whether to raise an error instead.

    Raises:
        RuntimeError: The loss is infinite or no number, and that was asked for.

    >>> from penstock import keras
    >>> keras.callbacks.TerminateOnNaN().raise_error
    False
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error
        self._finder: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to keep what steps began with."""
        from penstock_keras_api.trainers.nan_finder import NaNFinder

        training = getattr(self.model, "_training", None)
        self._finder = None if training is None else NaNFinder(self.model, training)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Keep what a step begins with."""
        if self._finder is not None:
            self._finder.keep()

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        found = self._finder.find() if self._finder is not None else None
        cause = f": {found}" if found else ""
        remedy = "try a smaller learning rate, or clipnorm=1.0 in the optimizer"
        if self.raise_error:
            raise RuntimeError(
                f"[TerminateOnNaN] the loss of batch {batch} is {loss}{cause}; {remedy}"
            )
        self._tell(f"Batch {batch}: Invalid loss, terminating training{cause}; {remedy}")
        self.model.stop_training = True

    def close(self) -> None:
        """Let go of what was kept."""
        self._finder = None
