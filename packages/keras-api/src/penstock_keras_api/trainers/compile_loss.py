"""The loss of a model: that of its output, or a weighted sum over several."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import losses as losses_module
from penstock_keras_api.losses.loss import Loss, LossFunctionWrapper
from penstock_keras_api.metrics.reduction import Mean
from penstock_keras_api.trainers.outputs import by_output, leaves_of


class CompileLoss(Loss):
    """The loss of a model: that of its output, or a weighted sum over several.

    Args:
        loss: A loss, or a structure of them like the outputs.
        weights: A factor for each, or None.
        output_names: What the outputs are called.

    Raises:
        ValueError: There is no output of such a name.
    """

    def __init__(self, loss: Any, weights: Any, output_names: list[str]) -> None:
        super().__init__(name="compile_loss")
        self._names = output_names
        self.losses = by_output(loss, output_names, "loss", _as_loss)
        self.weights = by_output(weights, output_names, "loss_weights", _as_factor)
        several = sum(fn is not None for fn in self.losses) > 1
        self._trackers = [
            Mean(name=f"{name}_loss") if several and fn is not None else None
            for name, fn in zip(output_names, self.losses, strict=True)
        ]

    @property
    def trackers(self) -> list[Mean]:
        """The means of single losses, where there are several."""
        return [tracker for tracker in self._trackers if tracker is not None]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch; None if no output has one."""
        predictions = leaves_of(y_pred, self._names)
        truths = leaves_of(y_true, self._names)
        weights = leaves_of(sample_weight, self._names)
        if len(truths) != len(predictions):
            raise InvalidValueError(
                f"[fit] got {len(truths)} labels for {len(predictions)} outputs; give y a structure like the outputs, "
                f"such as a dictionary with the keys {', '.join(self._names)}"
            )
        total = None
        for number, fn in enumerate(self.losses):
            if fn is None:
                continue
            if truths[number] is None:
                raise InvalidValueError(
                    f"[fit] output {self._names[number]!r} has a loss and no labels; give them, as y[{self._names[number]!r}],"
                    " or compile without that loss"
                )
            weight = weights[number] if len(weights) == len(predictions) else (weights or [None])[0]
            value = fn(truths[number], predictions[number], weight)
            tracker, factor = self._trackers[number], self.weights[number]
            if tracker is not None:
                count = ps.cast(ps.asarray(predictions[number].shape[0]), "float32")
                tracker.update_state(value, sample_weight=count)
            value = value if factor is None else value * factor
            total = value if total is None else total + value
        return total


def _as_factor(item: Any) -> float:
    if isinstance(item, str) or not isinstance(item, int | float | np.number):
        raise InvalidTypeError(
            f"[compile] got {item!r} in loss_weights; give numbers, and metrics by name: compile(optimizer, loss, "
            "metrics=[...])"
        )
    return float(item)


def _as_loss(item: Any) -> Any:
    found = losses_module.get(item)
    if isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))
