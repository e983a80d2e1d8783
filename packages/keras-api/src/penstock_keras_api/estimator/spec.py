"""What a model function returns, and for what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.metrics import Metric


class ModeKeys:
    """For what a model function is called."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


class _Fields(NamedTuple):
    mode: str
    predictions: Any
    loss: Any
    train_op: Any
    eval_metric_ops: dict[str, Any]
    export_outputs: Any
    training_chief_hooks: tuple[Any, ...]
    training_hooks: tuple[Any, ...]
    scaffold: Any
    evaluation_hooks: tuple[Any, ...]
    prediction_hooks: tuple[Any, ...]


class EstimatorSpec(_Fields):
    """What a model function makes: tensors of the graph, and operations to run.

    Args:
        mode: One of `ModeKeys`.
        predictions: A tensor, or tensors by name; needed to predict.
        loss: A tensor of one number; needed to train and to evaluate.
        train_op: What takes a step and raises the global step; needed to train.
        eval_metric_ops: By name, a Keras metric that was updated, or a pair of a value and an update, as `tf.metrics` make.
        export_outputs: By name, what a saved model gives; see `PredictOutput`.
        training_chief_hooks: Hooks for training, in the chief.
        training_hooks: Hooks for training.
        scaffold: Kept for compatibility.
        evaluation_hooks: Hooks for evaluation.
        prediction_hooks: Hooks for prediction.

    Raises:
        ValueError: What the mode needs is missing, or the loss is no single number.
        TypeError: Something is of the wrong kind.
    """

    __slots__ = ()

    def __new__(
        cls,
        mode: str,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metric_ops: Mapping[str, Any] | None = None,
        export_outputs: Mapping[str, Any] | None = None,
        training_chief_hooks: Sequence[Any] | None = None,
        training_hooks: Sequence[Any] | None = None,
        scaffold: Any = None,
        evaluation_hooks: Sequence[Any] | None = None,
        prediction_hooks: Sequence[Any] | None = None,
    ) -> EstimatorSpec:
        """Check what belongs together."""
        _check_needs(mode, predictions, loss, train_op)
        if loss is not None:
            loss = _single_number(loss)
        if train_op is not None and not isinstance(
            train_op, ps.Tensor | ps.Variable | ps.graph.Operation
        ):
            raise InvalidTypeError(
                f"[EstimatorSpec] train_op is {type(train_op).__name__}; expected an operation of the graph: "
                "optimizer.minimize(loss, global_step=tf.train.get_global_step())"
            )
        for name, metric in (eval_metric_ops or {}).items():
            if not isinstance(metric, Metric) and not (
                isinstance(metric, tuple) and len(metric) == 2
            ):
                raise InvalidTypeError(
                    f"[EstimatorSpec] the metric {name!r} is {type(metric).__name__}; expected a Keras metric that was "
                    "updated, or a pair: tf.metrics.accuracy(labels, predictions)"
                )
        return super().__new__(
            cls,
            mode,
            {} if predictions is None else predictions,
            loss,
            train_op,
            dict(eval_metric_ops or {}),
            dict(export_outputs) if export_outputs is not None else None,
            _hooks(training_chief_hooks),
            _hooks(training_hooks),
            scaffold,
            _hooks(evaluation_hooks),
            _hooks(prediction_hooks),
        )


def _check_needs(mode: str, predictions: Any, loss: Any, train_op: Any) -> None:
    if mode not in (ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT):
        raise InvalidValueError(
            f"[EstimatorSpec] got mode={mode!r}; use ModeKeys.TRAIN, ModeKeys.EVAL or ModeKeys.PREDICT"
        )
    needs = {
        ModeKeys.TRAIN: {"loss": loss, "train_op": train_op},
        ModeKeys.EVAL: {"loss": loss},
        ModeKeys.PREDICT: {"predictions": predictions},
    }[mode]
    missing = [name for name, value in needs.items() if value is None]
    if missing:
        raise InvalidValueError(
            f"[EstimatorSpec] mode {mode!r} needs {' and '.join(missing)}; write EstimatorSpec(mode, "
            f"{', '.join(f'{name}=...' for name in missing)})"
        )


def _single_number(loss: Any) -> Any:
    t = ps.asarray(loss)
    if t.ndim and t.shape != (1,):
        raise InvalidValueError(
            f"[EstimatorSpec] the loss has shape {t.shape}; expected a single number: take its mean"
        )
    return ps.reshape(t, ()) if t.ndim else t


def _hooks(given: Sequence[Any] | None) -> tuple[Any, ...]:
    from penstock_keras_api.estimator.session import SessionRunHook

    hooks = tuple(given or ())
    for hook in hooks:
        if not isinstance(hook, SessionRunHook):
            raise InvalidTypeError(
                f"[EstimatorSpec] got the hook {hook!r}; expected an object of a subclass of SessionRunHook"
            )
    return hooks
