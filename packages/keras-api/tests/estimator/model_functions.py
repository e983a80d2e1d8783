"""Model functions and rows that tests of estimators share."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock.v1 as tf
from penstock.keras import estimator
from penstock.keras import feature_column as fc

_random = np.random.default_rng(0)
X = _random.normal(size=(256, 3)).astype(np.float32)
KIND = _random.choice(["a", "b", "c"], 256)
Y = (X.sum(1) + 2 * (KIND == "a") > 0.5).astype(np.int64)
COLUMNS = [
    fc.numeric_column("x", 3),
    fc.indicator_column(fc.categorical_column_with_vocabulary_list("kind", ["a", "b", "c"])),
]


def rows() -> Any:
    return {"x": X, "kind": KIND}, Y


def batches(epochs: int = 5, size: int = 32) -> Any:
    def give() -> Any:
        for _ in range(epochs):
            for begin in range(0, len(Y), size):
                part = slice(begin, begin + size)
                yield {"x": X[part], "kind": KIND[part]}, Y[part]

    return give


def line(features: Any, labels: Any, mode: str) -> estimator.EstimatorSpec:
    """Learn y = 2 x + 1, as programs of TensorFlow 1 do."""
    y = tf.layers.dense(features["x"], 1, name="line")
    if mode == estimator.ModeKeys.PREDICT:
        return estimator.EstimatorSpec(mode, predictions={"y": y})
    loss = tf.losses.mean_squared_error(labels, y)
    if mode == estimator.ModeKeys.EVAL:
        metrics = {"mae": tf.metrics.mean_absolute_error(labels, y)}
        return estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss, tf.train.get_global_step())
    return estimator.EstimatorSpec(mode, loss=loss, train_op=step)


def line_rows() -> Any:
    x = np.array([[0.0], [1.0], [2.0]], np.float32)
    return {"x": x}, 2 * x + 1
