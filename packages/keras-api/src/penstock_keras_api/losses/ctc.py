"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.losses.loss import LossFunctionWrapper


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Minus the logarithm of the probability of label sequences over all alignments with time; label 0 is none.

    Args:
        y_true: [batch, length], labels from 1 on; zeros fill the rest.
        y_pred: [batch, time, classes], logits; class 0 is "no label".

    Returns:
        [batch].

    Raises:
        ValueError: The shapes are others.
    """
    y_true, y_pred = ps.cast(ps.asarray(y_true), "int32"), ps.asarray(y_pred)
    if y_true.ndim != 2 or y_pred.ndim != 3:
        raise ShapeError(
            f"[ctc] got labels of shape {y_true.shape} and logits of shape {y_pred.shape}; give labels [batch, length] "
            "and logits [batch, time, classes]"
        )
    lengths = ps.sum(ps.cast(y_true != 0, "int32"), -1)
    times = ps.sum(ps.ones_like(ps.cast(y_pred[:, :, 0], "int32")), -1)
    return ps.nn.ctc_loss(y_true, y_pred, lengths, times, blank_index=0)


class CTC(LossFunctionWrapper):
    """Minus the logarithm of the probability of label sequences, over all their alignments with time.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    Raises:
        ValueError: Labels are not [batch, length], or logits not [batch, time, classes].

    >>> from penstock import keras
    >>> loss = keras.losses.CTC()
    >>> round(float(loss([[1]], [[[0.0, 0.0], [0.0, 0.0]]])), 3)
    0.288
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        dtype: Any = None,
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)
