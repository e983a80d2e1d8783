"""Losses of regression and of classification."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import config, context
from penstock_keras_api.losses.loss import LossFunctionWrapper, squeeze_or_expand_to_same_rank


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of squared differences over the last axis."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ps.mean(ps.square(y_true - y_pred), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of differences without their sign over the last axis."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ps.mean(ps.abs(y_true - y_pred), -1)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Cross entropy between distributions: -Σ t log p."""
    y_true, y_pred = ps.asarray(y_true), ps.asarray(y_pred)
    y_true = ps.cast(y_true, y_pred.dtype)
    if y_true.ndim != y_pred.ndim:
        raise ShapeError(
            f"[categorical_crossentropy] got labels of shape {y_true.shape} for predictions of shape {y_pred.shape}; "
            "labels are one-hot: use sparse_categorical_crossentropy for whole numbers, or keras.utils.to_categorical"
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / int(y_pred.shape[axis])
    return -ps.sum(y_true * _log_probabilities(y_pred, from_logits, axis), axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Cross entropy of labels that are whole numbers: -log p[label]."""
    y_true, y_pred = ps.asarray(y_true), ps.asarray(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ps.squeeze(y_true, -1)
    if y_true.ndim != y_pred.ndim - 1:
        raise ShapeError(
            f"[sparse_categorical_crossentropy] got labels of shape {y_true.shape} for predictions of shape "
            f"{y_pred.shape}; labels are whole numbers, one for each sample: use categorical_crossentropy for one-hot ones"
        )
    labels = ps.cast(y_true, "int64")
    valid = None
    if ignore_class is not None:
        valid = labels != ignore_class
        labels = ps.where(valid, labels, 0)
    if axis % y_pred.ndim != y_pred.ndim - 1:
        y_pred = ps.moveaxis(y_pred, axis, -1)
    logits = y_pred if from_logits else context.get_logits(y_pred, "softmax")
    if logits is not None:
        values = ps.nn.softmax_cross_entropy(logits, labels)
    else:
        picked = ps.take_along_axis(normalised(y_pred, -1), ps.expand_dims(labels, -1), -1)
        values = -ps.log(ps.squeeze(clipped(picked), -1))
    if valid is None:
        return values
    values = ps.where(valid, values, 0.0)
    context.set_mask(values, valid)  # what is ignored does not count in the mean either
    return values


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean of cross entropies of yes and no: -(t log p + (1 - t) log(1 - p))."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    logits = y_pred if from_logits else context.get_logits(y_pred, "sigmoid")
    if logits is not None:
        logits, y_true = squeeze_or_expand_to_same_rank(logits, y_true)
        values = ps.nn.sigmoid_cross_entropy(logits, y_true)
    else:
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        p = clipped(y_pred)
        values = -(y_true * ps.log(p) + (1.0 - y_true) * ps.log(1.0 - p))
    return ps.mean(values, axis)


def as_tensors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return labels and predictions in the predictions' dtype."""
    y_pred = ps.asarray(y_pred)
    return ps.cast(ps.asarray(y_true), y_pred.dtype), y_pred


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return labels and predictions in the predictions' dtype, with as many axes."""
    return squeeze_or_expand_to_same_rank(*as_tensors(y_true, y_pred))


def clipped(p: Any) -> Any:
    """Keep probabilities away from 0 and 1, where logarithms are infinite."""
    return ps.clip(p, config.epsilon(), 1.0 - config.epsilon())


def normalised(p: Any, axis: int) -> Any:
    """Divide by the sum over an axis."""
    return p / ps.sum(p, axis, keepdims=True)


def _log_probabilities(y_pred: Any, from_logits: bool, axis: int) -> Any:
    is_last = axis in (-1, y_pred.ndim - 1)
    logits = context.get_logits(y_pred, "softmax") if is_last and not from_logits else None
    if from_logits or logits is not None:
        return ps.nn.log_softmax(y_pred if logits is None else logits, axis)
    return ps.log(clipped(normalised(y_pred, axis)))


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared differences."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of differences without their sign."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross entropy of one-hot labels and probabilities, or logits."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **kwargs)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross entropy of whole numbers and probabilities, or logits."""

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        kwargs = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **kwargs)


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross entropy of yes and no, of probabilities or logits."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **kwargs)
