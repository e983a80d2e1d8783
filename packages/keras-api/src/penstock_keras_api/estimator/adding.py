"""`add_metrics`: an estimator that evaluates more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.feeding import _accepted
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys


def add_metrics(estimator: Estimator, metric_fn: Callable[..., Any]) -> Estimator:
    """Make an estimator like another, in the same folder, that computes more metrics.

    Args:
        estimator: The other.
        metric_fn: A function of features, labels, predictions and config, of which it may leave out any, that returns
            metrics by name: Keras's, which were updated, or pairs as `tf.metrics` make.

    Returns:
        The estimator.

    Raises:
        TypeError: `metric_fn` is no function.
        ValueError: A metric has the name of one that there is, when it is evaluated.

    >>> import numpy as np
    >>> from penstock import keras
    >>> from penstock.keras import estimator, feature_column as fc
    >>> def distance(labels, predictions):
    ...     metric = keras.metrics.MeanAbsoluteError()
    ...     metric.update_state(labels, predictions["predictions"][:, 0])
    ...     return {"mae": metric}
    >>> model = estimator.LinearRegressor([fc.numeric_column("x")])
    >>> data = {"x": np.zeros((2, 1))}, np.array([1.0, 3.0])
    >>> estimator.add_metrics(model, distance).evaluate(lambda: data)["mae"]
    2.0
    """
    if not callable(metric_fn):
        raise InvalidTypeError(
            f"[add_metrics] got metric_fn={metric_fn!r}; expected a function of labels and predictions"
        )

    def model_fn(features: Any, labels: Any, mode: str, config: Any) -> EstimatorSpec:
        spec: EstimatorSpec = estimator.model_fn(features, labels, mode, config)
        if mode != ModeKeys.EVAL:
            return spec
        given = {"features": features, "labels": labels, "predictions": spec.predictions}
        more = metric_fn(**_accepted(metric_fn, {**given, "config": config}))
        twice = sorted(set(more) & set(spec.eval_metric_ops))
        if twice:
            raise InvalidValueError(
                f"[add_metrics] the estimator has the metrics {', '.join(twice)} already; give other names"
            )
        return EstimatorSpec(
            mode,
            spec.predictions,
            spec.loss,
            eval_metric_ops={**spec.eval_metric_ops, **more},
            evaluation_hooks=spec.evaluation_hooks,
        )

    return Estimator(model_fn, estimator.model_dir, estimator.config)
