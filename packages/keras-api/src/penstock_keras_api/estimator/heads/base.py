"""`Head`: from logits to loss, predictions, metrics and a step of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api import metrics as keras_metrics
from penstock_keras_api.estimator.export import DEFAULT, PredictOutput
from penstock_keras_api.estimator.optimizing import get_optimizer, minimize
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys


class Head:
    """What a model's last numbers mean. Subclasses say how they become a loss, predictions and metrics.

    Args:
        logits_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights: its key, or a numeric column.
        loss_reduction: "sum_over_batch_size" or "sum".
        loss_fn: A function of labels and logits, [rows, ...], that returns [rows, 1], in place of the head's own.
        name: A name, which stands behind those of metrics.

    Raises:
        ValueError: The reduction is none of these.
    """

    def __init__(
        self,
        logits_dimension: int,
        weight_column: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        loss_fn: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        reduction = str(loss_reduction).lower().replace("auto", "sum_over_batch_size")
        if reduction not in ("sum_over_batch_size", "sum"):
            raise InvalidValueError(
                f"[{type(self).__name__}] got loss_reduction={loss_reduction!r}; use 'sum_over_batch_size' or 'sum'"
            )
        if loss_fn is not None and not callable(loss_fn):
            raise InvalidTypeError(
                f"[{type(self).__name__}] got loss_fn={loss_fn!r}; expected a function of labels and logits"
            )
        self.logits_dimension = int(logits_dimension)
        self.loss_reduction = reduction
        self.name = name
        self._weight_column = weight_column
        self._loss_fn = loss_fn
        self._checks: list[SessionRunHook] = []

    # ---- what subclasses write

    def _labels(self, labels: Any, mode: str) -> Any:
        """Bring labels into the form that the loss takes."""
        raise NotImplementedError(f"{type(self).__name__} has no method _labels")

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        """Return the loss of each row, [rows, 1]."""
        raise NotImplementedError(f"{type(self).__name__} has no method _row_loss")

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Return predictions by name."""
        raise NotImplementedError(f"{type(self).__name__} has no method predictions")

    def _metrics(self) -> dict[str, Any]:
        """Make metrics by name."""
        return {}

    def _update(self, made: dict[str, Any], labels: Any, logits: Any, weights: Any) -> None:
        """Add a batch to the metrics."""

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        """Return what a saved model gives."""
        return {DEFAULT: PredictOutput(predictions)}

    # ---- loss

    def loss(
        self,
        labels: Any,
        logits: Any,
        features: Mapping[str, Any] | None = None,
        mode: str = ModeKeys.TRAIN,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """Return the loss of a batch.

        Args:
            labels: [rows] or [rows, n].
            logits: [rows, logits_dimension].
            features: Features by key, where weights are among them.
            mode: One of `ModeKeys`.
            regularization_losses: Numbers to add.

        Returns:
            [], float32.

        Raises:
            ShapeError: The logits or labels have another shape.
            ValueError: There are no labels, or no weights of that name.
        """
        logits = self._checked_logits(logits)
        each, weights = self._losses(labels, logits, features or {}, mode)
        each = each if weights is None else each * weights
        total = ps.sum(each) if self.loss_reduction == "sum" else ps.mean(each)
        for term in regularization_losses or []:
            total = total + term
        return total

    def _losses(self, labels: Any, logits: Any, features: Mapping[str, Any], mode: str) -> Any:
        processed = self._labels(self._needed(labels), mode)
        if self._loss_fn is not None:
            each = self._loss_fn(processed, logits)
            each = ps.expand_dims(each, -1) if each.ndim == 1 else each
        else:
            each = self._row_loss(processed, logits)
        return each, self._weights(features)

    def _needed(self, labels: Any) -> Any:
        if labels is None:
            raise InvalidValueError(
                f"[{type(self).__name__}] there are no labels; let input_fn give (features, labels)"
            )
        if isinstance(labels, Mapping) and self.name is not None and self.name in labels:
            return ps.asarray(labels[self.name])
        if isinstance(labels, Mapping):
            raise InvalidTypeError(
                f"[{type(self).__name__}] got labels by name, {sorted(labels)}; give one tensor, or name heads after them in "
                "a MultiHead"
            )
        return ps.asarray(labels)

    def _checked_logits(self, logits: Any) -> Any:
        t = ps.asarray(logits)
        if t.ndim < 2 or t.shape[-1] != self.logits_dimension:
            raise ShapeError(
                f"[{type(self).__name__}] got logits of shape {t.shape}; expected (rows, {self.logits_dimension}): let the "
                f"last layer have {self.logits_dimension} units"
            )
        return ps.cast(t, "float32")

    def _weights(self, features: Mapping[str, Any]) -> Any:
        """Return the weight of each row, [rows, 1], or None."""
        if self._weight_column is None:
            return None
        column = self._weight_column
        if isinstance(column, str):
            if column not in features:
                raise InvalidValueError(
                    f"[{type(self).__name__}] there is no feature {column!r} for weight_column; let input_fn give it among "
                    "the features"
                )
            found = ps.cast(ps.asarray(features[column]), "float32")
        else:
            from penstock_keras_api.feature_column.base import Rows

            found = column.transform(Rows(features))
        return ps.expand_dims(found, -1) if found.ndim == 1 else found

    # ---- metrics

    def _key(self, key: str) -> str:
        return f"{key}/{self.name}" if self.name else key

    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> dict[str, Any]:
        """Make the metrics of the head, by name."""
        with ps.graph.eagerly():
            made = {
                "average_loss": keras_metrics.Mean(name=self._key("average_loss").replace("/", "_"))
            }
            made |= self._metrics()
            if regularization_losses:
                made["regularization_loss"] = keras_metrics.Mean(name="regularization_loss")
        return {self._key(name): metric for name, metric in made.items()}

    def update_metrics(
        self,
        eval_metrics: dict[str, Any],
        features: Mapping[str, Any],
        logits: Any,
        labels: Any,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """Add a batch to what `metrics` made.

        Raises:
            ShapeError: The logits or labels have another shape.
        """
        logits = self._checked_logits(logits)
        each, weights = self._losses(labels, logits, features, ModeKeys.EVAL)
        plain = {name.removesuffix(f"/{self.name}"): m for name, m in eval_metrics.items()}
        if weights is None:
            plain["average_loss"].update_state(each)
        else:
            plain["average_loss"].update_state(each, sample_weight=weights)
        if regularization_losses:
            total: Any = ps.asarray(regularization_losses[0])
            for term in regularization_losses[1:]:
                total = total + term
            plain["regularization_loss"].update_state(total)
        self._update(plain, self._labels(self._needed(labels), ModeKeys.EVAL), logits, weights)
        return eval_metrics

    # ---- the whole

    def create_estimator_spec(
        self,
        features: Mapping[str, Any],
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Any] | None = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> EstimatorSpec:
        """Make what a model function returns.

        Args:
            features: Features by key.
            mode: One of `ModeKeys`.
            logits: [rows, logits_dimension].
            labels: Labels, to train and to evaluate.
            optimizer: How to train.
            trainable_variables: What to train.
            train_op_fn: Or a function of the loss that returns what takes a step.
            update_ops: What else a step runs.
            regularization_losses: Numbers to add to the loss.

        Returns:
            The spec.

        Raises:
            ValueError: To train, not exactly one of `optimizer` and `train_op_fn` is given.
            ShapeError: The logits or labels have another shape.
        """
        self._checks = []
        predictions = self.predictions(logits)
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(
                mode,
                predictions=predictions,
                export_outputs=self._export_outputs(predictions),
            )
        loss = self.loss(labels, logits, features, mode, regularization_losses)
        if mode == ModeKeys.EVAL:
            made = self.metrics(regularization_losses)
            self.update_metrics(made, features, logits, labels, mode, regularization_losses)
            return EstimatorSpec(
                mode,
                predictions=predictions,
                loss=loss,
                eval_metric_ops=made,
                evaluation_hooks=self._checks,
            )
        if (optimizer is None) == (train_op_fn is None):
            raise InvalidValueError(
                f"[{type(self).__name__}] to train it needs exactly one of optimizer and train_op_fn; give "
                "optimizer='Adagrad'"
            )
        if train_op_fn is not None:
            step = train_op_fn(loss)
        else:
            step = minimize(get_optimizer(optimizer), loss, trainable_variables)
        if update_ops:
            step = ps.group(step, *update_ops)
        return EstimatorSpec(
            mode, predictions=predictions, loss=loss, train_op=step, training_hooks=self._checks
        )

    def _watch(self, labels: Any, low: int, high: int, what: str) -> None:
        """Check labels when the graph runs."""
        if labels.is_symbolic:
            self._checks.append(LabelRangeHook(labels, low, high, what))


class LabelRangeHook(SessionRunHook):
    """Refuse labels out of range.

    Args:
        labels: A tensor of the graph.
        low: The smallest label.
        high: The greatest.
        what: What to do, for the message.
    """

    def __init__(self, labels: Any, low: int, high: int, what: str) -> None:
        with v1.get_default_graph().as_default():
            self._ends = [ps.min(labels), ps.max(labels)]
        self._low, self._high, self._what = low, high, what

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the smallest and the greatest."""
        return SessionRunArgs(self._ends)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look at them.

        Raises:
            ValueError: One is out of range.
        """
        least, most = run_values.results
        if (
            least < self._low
            or most > self._high
            or not np.isfinite([float(least), float(most)]).all()
        ):
            raise InvalidValueError(
                f"[labels] a batch has labels from {least} to {most}; expected {self._low} to {self._high}: {self._what}"
            )


def as_column(labels: Any, width: int, where: str, remedy: str) -> Any:
    """Make [rows, width] of labels.

    Raises:
        ShapeError: They have another shape.
    """
    found = ps.expand_dims(labels, -1) if labels.ndim == 1 else labels
    if found.ndim != 2 or found.shape[1] != width:
        raise ShapeError(
            f"[{where}] got labels of shape {labels.shape}; expected (rows, {width}){' or (rows,)' if width == 1 else ''}: "
            f"{remedy}"
        )
    return found


def by_vocabulary(labels: Any, vocabulary: Sequence[Any] | None, where: str) -> Any:
    """Make numbers of labels in words; -1 for words that the vocabulary has not got.

    Raises:
        ValueError: Labels are text and there is no vocabulary, or the reverse.
    """
    if vocabulary is None:
        if labels.dtype == "string":
            raise InvalidValueError(
                f"[{where}] the labels are text; give label_vocabulary=['no', 'yes'], in the order of the classes"
            )
        return labels
    if labels.dtype != "string":
        raise InvalidValueError(
            f"[{where}] got label_vocabulary, and labels of {labels.dtype.name}; leave label_vocabulary out, or give text"
        )
    with ps.graph.eagerly():
        table = ps.lookup.VocabularyTable(list(vocabulary), 0)
    return table(labels)


def check_vocabulary(vocabulary: Sequence[Any] | None, n_classes: int, where: str) -> None:
    """Refuse a vocabulary of another length.

    Raises:
        ValueError: It has another length.
    """
    if vocabulary is not None and len(vocabulary) != n_classes:
        raise InvalidValueError(
            f"[{where}] got {len(vocabulary)} words in label_vocabulary for {n_classes} classes; give one for each"
        )


def class_names(vocabulary: Sequence[Any] | None, ids: Any) -> Any:
    """Return the names of classes: words, or digits."""
    if vocabulary is None:
        return ps.as_string(ids)
    with ps.graph.eagerly():
        words = ps.asarray(list(vocabulary))
    return ps.take(words, ids)


def all_classes(vocabulary: Sequence[Any] | None, n_classes: int, logits: Any) -> tuple[Any, Any]:
    """Return the numbers and the names of all classes for each row."""
    ids = ps.broadcast_to(
        ps.expand_dims(ps.asarray(np.arange(n_classes)), 0), (logits.shape[0], n_classes)
    )
    return ps.cast(ids, "int32"), class_names(vocabulary, ids)


def chosen(predictions: dict[str, Any], keys: Sequence[str] | None) -> dict[str, Any]:
    """Take some of the predictions.

    Raises:
        ValueError: One does not exist.
    """
    if keys is None:
        return predictions
    missing = [k for k in keys if k not in predictions]
    if missing:
        raise InvalidValueError(
            f"[head] there is no prediction {', '.join(missing)}; there are {', '.join(predictions)}"
        )
    return {k: predictions[k] for k in keys}
