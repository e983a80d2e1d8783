"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.losses.loss import squeeze_or_expand_to_same_rank
from penstock_keras_api.metrics.reduction import MeanMetricWrapper


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Compare element by element."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(ps.asarray(y_true), ps.asarray(y_pred))
    return ps.cast(ps.cast(y_true, y_pred.dtype) == y_pred, "float32")


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Compare labels 0 and 1 with whether predictions are above a threshold."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(ps.asarray(y_true), ps.asarray(y_pred))
    above = ps.cast(y_pred > threshold, "float32")
    return ps.cast(ps.cast(y_true, "float32") == above, "float32")


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Compare the largest elements of one-hot labels and of predictions."""
    same = ps.argmax(ps.asarray(y_true), -1) == ps.argmax(ps.asarray(y_pred), -1)
    return ps.cast(same, "float32")


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Compare labels, whole numbers, with the largest elements of predictions."""
    y_true, y_pred = ps.asarray(y_true), ps.asarray(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ps.squeeze(y_true, -1)
    best = ps.argmax(y_pred, -1)
    return ps.cast(ps.cast(y_true, best.dtype) == best, "float32")


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Say whether the label is among the k largest predictions; labels are one-hot."""
    return sparse_top_k_categorical_accuracy(ps.argmax(ps.asarray(y_true), -1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """Say whether the label is among the k largest predictions."""
    y_true, y_pred = ps.asarray(y_true), ps.asarray(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ps.squeeze(y_true, -1)
    if from_sorted_ids:
        best = ps.cast(y_pred[..., :k], "int64")
        hit = ps.any(best == ps.expand_dims(ps.cast(y_true, "int64"), -1), -1)
    else:
        flat = ps.reshape(y_pred, (-1, y_pred.shape[-1]))
        hit = ps.nn.in_top_k(ps.cast(ps.reshape(y_true, (-1,)), "int64"), flat, k)
        hit = ps.reshape(hit, y_true.shape)
    return ps.cast(hit, "float32")


class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels."""

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions are on the label's side of a threshold."""

    _direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of a one-hot label."""

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the label."""

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often a one-hot label is among the k largest predictions."""

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the k largest predictions."""

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of; `from_sorted_ids` only if set, as Keras never writes it."""
        config = super().get_config()
        if not self.from_sorted_ids:
            config.pop("from_sorted_ids", None)
        return config
