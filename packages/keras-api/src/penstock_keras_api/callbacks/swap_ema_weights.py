"""Evaluate and save with the running means of weights."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Give the model the running means of its weights while it is evaluated, and its weights back afterwards.

    The optimizer keeps the means: it is made with `use_ema=True`.

    Args:
        swap_on_epoch: Whether the model has the means at the end of each epoch too, for callbacks that save it.

    Raises:
        ValueError: Later: the optimizer keeps no means.

    Source:
        Polyak and Juditsky, 1992, Acceleration of stochastic approximation by averaging.

    >>> from penstock import keras
    >>> keras.callbacks.SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._are_swapped = False

    def get_state(self) -> dict[str, Any]:
        """Return whether the model has the means now."""
        return {"are_swapped": self._are_swapped}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another one was."""
        self._are_swapped = state["are_swapped"]

    def _swap(self, to_means: bool) -> None:
        if self._are_swapped == to_means:
            return
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if optimizer is None or not optimizer.use_ema:
            raise InvalidValueError(
                "[SwapEMAWeights] the optimizer keeps no running means of weights; make it with use_ema=True"
            )
        if not optimizer.built:
            return  # nothing was trained, and no weight has a mean
        for v, mean in zip(optimizer._trainable_variables, optimizer._ema, strict=True):
            value = v.value
            v.assign(mean.value)
            mean.assign(value)
        optimizer._has_means_in_place = self._are_swapped = to_means

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Give the weights back."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Give the means, if that was asked for."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_test_begin(self, logs: Any = None) -> None:
        """Give the means."""
        self._swap(True)

    def on_test_end(self, logs: Any = None) -> None:
        """Give the weights back."""
        self._swap(False)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Give the means."""
        self._swap(True)

    def on_predict_end(self, logs: Any = None) -> None:
        """Give the weights back."""
        self._swap(False)
