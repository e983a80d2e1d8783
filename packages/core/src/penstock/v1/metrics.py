"""`tf.metrics`: numbers over all batches, in a graph: a tensor of the number, and an operation that adds a batch.

What they count is in local variables: run `tf.local_variables_initializer()` first.
"""

from __future__ import annotations

from typing import Any

import penstock
from penstock._native import Tensor
from penstock.v1._graph import Variable, in_graph

Pair = tuple[Tensor, Tensor]


@in_graph
def mean(values: Any, weights: Any = None, name: str | None = None) -> Pair:
    """Take the mean over all batches.

    Args:
        values: [...].
        weights: What fits the values; None for 1.
        name: What its variables are called.

    Returns:
        The mean of all batches, and the operation that adds one, whose value is the mean then.

    Raises:
        ShapeError: The weights do not fit.
    """
    return _mean(values, weights, name or "mean")


@in_graph
def accuracy(labels: Any, predictions: Any, weights: Any = None, name: str | None = None) -> Pair:
    """Count how many predictions are right; arguments as in `mean`, of labels and predictions [...].

    Raises:
        ShapeError: The shapes differ.
    """
    right, truth = penstock.asarray(predictions), penstock.asarray(labels)
    equal = penstock.reshape(right, (-1,)) == penstock.reshape(
        penstock.cast(truth, right.dtype), (-1,)
    )
    flat = None if weights is None else penstock.reshape(penstock.asarray(weights), (-1,))
    return _mean(penstock.cast(equal, "float32"), flat, name or "accuracy")


@in_graph
def precision(labels: Any, predictions: Any, weights: Any = None, name: str | None = None) -> Pair:
    """Say which part of what was predicted true is true; arguments as in `accuracy`.

    Raises:
        ShapeError: The shapes differ.
    """
    truth, found, w = _truths(labels, predictions, weights)
    return _ratio(
        penstock.sum(truth * found * w), penstock.sum(found * w), name or "precision", empty=0.0
    )


@in_graph
def recall(labels: Any, predictions: Any, weights: Any = None, name: str | None = None) -> Pair:
    """Say which part of what is true was predicted; arguments as in `accuracy`.

    Raises:
        ShapeError: The shapes differ.
    """
    truth, found, w = _truths(labels, predictions, weights)
    return _ratio(
        penstock.sum(truth * found * w), penstock.sum(truth * w), name or "recall", empty=0.0
    )


@in_graph
def mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, name: str | None = None
) -> Pair:
    """Take the mean squared difference over all batches; arguments as in `accuracy`.

    Raises:
        ShapeError: The shapes differ.
    """
    return _mean(penstock.square(_difference(labels, predictions)), weights, name or "mse")


@in_graph
def root_mean_squared_error(
    labels: Any, predictions: Any, weights: Any = None, name: str | None = None
) -> Pair:
    """Take the root of the mean squared difference over all batches; arguments as in `accuracy`.

    Raises:
        ShapeError: The shapes differ.
    """
    squares = penstock.square(_difference(labels, predictions))
    value, update = _mean(squares, weights, name or "rmse")
    return penstock.sqrt(value), penstock.sqrt(update)


@in_graph
def mean_absolute_error(
    labels: Any, predictions: Any, weights: Any = None, name: str | None = None
) -> Pair:
    """Take the mean absolute difference over all batches; arguments as in `accuracy`.

    Raises:
        ShapeError: The shapes differ.
    """
    return _mean(penstock.abs(_difference(labels, predictions)), weights, name or "mae")


def _mean(values: Any, weights: Any, scope: str) -> Pair:
    x = penstock.cast(penstock.asarray(values), "float32")
    w = (
        penstock.ones_like(x)
        if weights is None
        else penstock.cast(penstock.asarray(weights), "float32")
    )
    w = penstock.broadcast_to(w, x.shape)
    return _ratio(penstock.sum(x * w), penstock.sum(w), scope)


def _difference(labels: Any, predictions: Any) -> Tensor:
    found = penstock.cast(penstock.asarray(predictions), "float32")
    return found - penstock.reshape(penstock.cast(penstock.asarray(labels), "float32"), found.shape)


def _truths(labels: Any, predictions: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """Make 0 and 1 of labels and predictions."""
    found = penstock.cast(penstock.cast(penstock.asarray(predictions), "bool"), "float32")
    truth = penstock.cast(penstock.cast(penstock.asarray(labels), "bool"), "float32")
    w = 1.0 if weights is None else penstock.cast(penstock.asarray(weights), "float32")
    return penstock.reshape(truth, (-1,)), penstock.reshape(found, (-1,)), w


def _ratio(above: Tensor, below: Tensor, scope: str, empty: float = 0.0) -> Pair:
    """Add up two numbers over all batches, and divide one by the other."""
    total = Variable(0.0, f"{scope}/total", trainable=False, local=True)
    count = Variable(0.0, f"{scope}/count", trainable=False, local=True)
    value = _divided(total.value, count.value, empty)
    return value, _divided(total.assign_add(above), count.assign_add(below), empty)


def _divided(above: Tensor, below: Tensor, empty: float) -> Tensor:
    return penstock.where(below > 0, above / penstock.where(below > 0, below, 1.0), empty)


__all__ = [
    "accuracy",
    "mean",
    "mean_absolute_error",
    "mean_squared_error",
    "precision",
    "recall",
    "root_mean_squared_error",
]
