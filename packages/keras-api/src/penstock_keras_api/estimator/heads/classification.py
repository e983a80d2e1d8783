"""Heads of classes: two, several, or several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import metrics
from penstock_keras_api.estimator.export import (
    DEFAULT,
    ClassificationOutput,
    PredictOutput,
    RegressionOutput,
)
from penstock_keras_api.estimator.heads.base import (
    Head,
    all_classes,
    as_column,
    by_vocabulary,
    check_vocabulary,
    chosen,
    class_names,
)


class BinaryClassHead(Head):
    """Two classes, by the sigmoid of one number.

    Args:
        weight_column: As in `Head`.
        thresholds: Where else to count accuracy, precision and recall, from 0 to 1.
        label_vocabulary: The names of the two classes, if labels are text.
        loss_reduction: As in `Head`.
        loss_fn: As in `Head`.
        name: As in `Head`.

    Raises:
        ValueError: A threshold is out of range, or there are not two names.

    >>> from penstock.keras import estimator
    >>> head = estimator.BinaryClassHead()
    >>> round(head.loss(labels=[[1], [0]], logits=[[2.0], [2.0]]).item(), 4)
    1.1269
    """

    def __init__(
        self,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[Any] | None = None,
        loss_reduction: str = "sum_over_batch_size",
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(1, weight_column, loss_reduction, loss_fn, name)
        self._thresholds = check_thresholds("BinaryClassHead", thresholds)
        check_vocabulary(label_vocabulary, 2, "BinaryClassHead")
        self._vocabulary = label_vocabulary

    def _labels(self, labels: Any, mode: str) -> Any:
        remedy = "give 0 or 1 for each row; for several classes use MultiClassHead(n_classes)"
        found = as_column(labels, 1, "BinaryClassHead", remedy)
        found = ps.cast(by_vocabulary(found, self._vocabulary, "BinaryClassHead"), "float32")
        what = "give 0 or 1; for several classes use n_classes"
        self._watch(found, 0, 1, what if self._vocabulary is None else _UNKNOWN_WORD)
        return found

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        return ps.nn.sigmoid_cross_entropy(logits, labels)

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Return logits, probabilities and classes."""
        logits = self._checked_logits(logits)
        logistic = ps.nn.sigmoid(logits)
        ids = ps.cast(logits > 0, "int64")
        numbers, names = all_classes(self._vocabulary, 2, logits)
        found = {
            "logits": logits,
            "logistic": logistic,
            "probabilities": ps.concat([1.0 - logistic, logistic], axis=-1),
            "class_ids": ids,
            "classes": class_names(self._vocabulary, ids),
            "all_class_ids": numbers,
            "all_classes": names,
        }
        return chosen(found, keys)

    def _metrics(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "accuracy": metrics.BinaryAccuracy(name="accuracy"),
            "precision": metrics.Precision(name="precision"),
            "recall": metrics.Recall(name="recall"),
            "prediction/mean": metrics.Mean(name="prediction_mean"),
            "label/mean": metrics.Mean(name="label_mean"),
            "accuracy_baseline": _Baseline(name="accuracy_baseline"),
            "auc": metrics.AUC(name="auc"),
            "auc_precision_recall": metrics.AUC(curve="PR", name="auc_precision_recall"),
        }
        for t in self._thresholds:
            made[f"accuracy/positive_threshold_{t}"] = metrics.BinaryAccuracy(
                f"accuracy_{t}", threshold=t
            )
            made[f"precision/positive_threshold_{t}"] = metrics.Precision(t, name=f"precision_{t}")
            made[f"recall/positive_threshold_{t}"] = metrics.Recall(t, name=f"recall_{t}")
        return made

    def _update(self, made: dict[str, Any], labels: Any, logits: Any, weights: Any) -> None:
        likely = ps.nn.sigmoid(logits)
        for name, metric in made.items():
            if name in ("average_loss", "regularization_loss"):
                continue
            if name == "prediction/mean":
                metric.update_state(likely, sample_weight=weights)
            elif name in ("label/mean", "accuracy_baseline"):
                metric.update_state(labels, sample_weight=weights)
            else:
                metric.update_state(labels, likely, sample_weight=weights)

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        classes = ClassificationOutput(predictions["probabilities"], predictions["all_classes"])
        return {
            DEFAULT: classes,
            "classification": classes,
            "regression": RegressionOutput(predictions["logistic"]),
            "predict": PredictOutput(predictions),
        }


_UNKNOWN_WORD = "-1 is a label that label_vocabulary has not got; add it there"


class _Baseline(metrics.Mean):
    """The accuracy of always saying what is more frequent."""

    def result(self) -> Any:
        """Return it."""
        mean = super().result()
        return ps.maximum(mean, 1.0 - mean)


class MultiClassHead(Head):
    """Several classes, of which one is right.

    Args:
        n_classes: How many; more than 2.
        weight_column: As in `Head`.
        label_vocabulary: The names of the classes, if labels are text.
        loss_reduction: As in `Head`.
        loss_fn: As in `Head`.
        name: As in `Head`.

    Raises:
        ValueError: There are fewer classes, or not as many names.

    >>> from penstock.keras import estimator
    >>> head = estimator.MultiClassHead(3)
    >>> round(head.loss(labels=[2], logits=[[0.0, 0.0, 0.0]]).item(), 4)
    1.0986
    """

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        loss_reduction: str = "sum_over_batch_size",
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        count: Any = n_classes
        if count is None or count <= 2:
            raise InvalidValueError(
                f"[MultiClassHead] got n_classes={n_classes}; use more than 2, or BinaryClassHead() for two"
            )
        super().__init__(n_classes, weight_column, loss_reduction, loss_fn, name)
        check_vocabulary(label_vocabulary, n_classes, "MultiClassHead")
        self._vocabulary = label_vocabulary

    def _labels(self, labels: Any, mode: str) -> Any:
        remedy = (
            "give the number of the class for each row; of one-hot labels take labels.argmax(-1)"
        )
        found = as_column(labels, 1, "MultiClassHead", remedy)
        found = by_vocabulary(found, self._vocabulary, "MultiClassHead")
        if found.dtype.kind not in ("signed", "unsigned"):
            raise InvalidValueError(
                f"[MultiClassHead] the labels are {found.dtype.name}; expected integers: labels.astype('int64')"
            )
        n = self.logits_dimension
        what = f"raise n_classes above {n}, or number classes from 0 on"
        self._watch(found, 0, n - 1, what if self._vocabulary is None else _UNKNOWN_WORD)
        # What is out of range is told by the hook, and must not stop the graph before.
        return ps.clip(found, 0, n - 1)

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        return ps.expand_dims(ps.nn.softmax_cross_entropy(logits, labels[:, 0]), -1)

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Return logits, probabilities and classes."""
        logits = self._checked_logits(logits)
        ids = ps.cast(ps.expand_dims(ps.argmax(logits, axis=-1), -1), "int64")
        numbers, names = all_classes(self._vocabulary, self.logits_dimension, logits)
        found = {
            "logits": logits,
            "probabilities": ps.nn.softmax(logits),
            "class_ids": ids,
            "classes": class_names(self._vocabulary, ids),
            "all_class_ids": numbers,
            "all_classes": names,
        }
        return chosen(found, keys)

    def _metrics(self) -> dict[str, Any]:
        return {"accuracy": metrics.SparseCategoricalAccuracy(name="accuracy")}

    def _update(self, made: dict[str, Any], labels: Any, logits: Any, weights: Any) -> None:
        made["accuracy"].update_state(labels, logits, sample_weight=weights)

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        classes = ClassificationOutput(predictions["probabilities"], predictions["all_classes"])
        return {
            DEFAULT: classes,
            "classification": classes,
            "predict": PredictOutput(predictions),
        }


class MultiLabelHead(Head):
    """Several classes, of which any number are right.

    Args:
        n_classes: How many.
        weight_column: As in `Head`.
        thresholds: Where else to count accuracy, precision and recall.
        label_vocabulary: Kept for compatibility: labels are 0 and 1 for each class.
        loss_reduction: As in `Head`.
        loss_fn: As in `Head`.
        classes_for_class_based_metrics: Classes whose mean probability is told by itself.
        name: As in `Head`.

    Raises:
        ValueError: There are fewer than 2 classes, or a threshold is out of range.

    >>> from penstock.keras import estimator
    >>> head = estimator.MultiLabelHead(2)
    >>> round(head.loss(labels=[[1, 0]], logits=[[0.0, 0.0]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        n_classes: int,
        weight_column: Any = None,
        thresholds: Sequence[float] | None = None,
        label_vocabulary: Sequence[Any] | None = None,
        loss_reduction: str = "sum_over_batch_size",
        loss_fn: Callable[..., Any] | None = None,
        classes_for_class_based_metrics: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        count: Any = n_classes
        if count is None or count < 2:
            raise InvalidValueError(f"[MultiLabelHead] got n_classes={n_classes}; use 2 or more")
        super().__init__(n_classes, weight_column, loss_reduction, loss_fn, name)
        self._thresholds = check_thresholds("MultiLabelHead", thresholds)
        self._own = list(classes_for_class_based_metrics or [])

    def _labels(self, labels: Any, mode: str) -> Any:
        remedy = "give 0 or 1 for each class; of lists of class numbers make them with multi-hot encoding"
        found = as_column(labels, self.logits_dimension, "MultiLabelHead", remedy)
        found = ps.cast(found, "float32")
        self._watch(found, 0, 1, "give 0 or 1 for each class")
        return found

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        return ps.mean(ps.nn.sigmoid_cross_entropy(logits, labels), axis=-1, keepdims=True)

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Return logits and probabilities."""
        logits = self._checked_logits(logits)
        return chosen({"logits": logits, "probabilities": ps.nn.sigmoid(logits)}, keys)

    def _metrics(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "auc": metrics.AUC(name="auc"),
            "auc_precision_recall": metrics.AUC(curve="PR", name="auc_precision_recall"),
        }
        for t in self._thresholds:
            made[f"accuracy/positive_threshold_{t}"] = metrics.BinaryAccuracy(
                f"accuracy_{t}", threshold=t
            )
            made[f"precision/positive_threshold_{t}"] = metrics.Precision(t, name=f"precision_{t}")
            made[f"recall/positive_threshold_{t}"] = metrics.Recall(t, name=f"recall_{t}")
        for c in self._own:
            made[f"probability_mean/class{c}"] = metrics.Mean(name=f"probability_mean_{c}")
        return made

    def _update(self, made: dict[str, Any], labels: Any, logits: Any, weights: Any) -> None:
        likely = ps.nn.sigmoid(logits)
        wide = None if weights is None else ps.broadcast_to(weights, likely.shape)
        for name, metric in made.items():
            if name in ("average_loss", "regularization_loss"):
                continue
            if name.startswith("probability_mean"):
                c = int(name.rpartition("class")[2])
                metric.update_state(
                    likely[:, c], sample_weight=None if wide is None else wide[:, c]
                )
            else:
                metric.update_state(labels, likely, sample_weight=wide)

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        _, names = all_classes(None, self.logits_dimension, predictions["logits"])
        classes = ClassificationOutput(predictions["probabilities"], names)
        return {
            DEFAULT: classes,
            "classification": classes,
            "predict": PredictOutput(predictions),
        }


def check_thresholds(where: str, thresholds: Sequence[float] | None) -> tuple[float, ...]:
    """Refuse thresholds out of range.

    Raises:
        ValueError: One is not between 0 and 1.
    """
    found = tuple(thresholds or ())
    if any(not 0 < t < 1 for t in found):
        raise InvalidValueError(
            f"[{where}] got thresholds={list(found)}; use numbers between 0 and 1: thresholds=[0.25, 0.75]"
        )
    return found
