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
    """Stop training when the loss is infinite or no number.

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

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"[TerminateOnNaN] the loss of batch {batch} is {loss}; try a smaller learning rate, or clipnorm=1.0"
            )
        self._tell(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
