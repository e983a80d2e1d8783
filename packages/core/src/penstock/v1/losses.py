"""`tf.losses`: the mean loss of a batch, in a graph, with weights."""

from __future__ import annotations

from typing import Any

import penstock
from penstock import nn as _nn
from penstock._native import Tensor
from penstock.v1._graph import in_graph


def _mean(losses: Any, weights: Any) -> Tensor:
    """Take the weighted sum by the number of weights that are not zero, as TensorFlow 1 did."""
    if isinstance(weights, int | float):
        return penstock.mean(losses) * float(weights)
    w = penstock.broadcast_to(penstock.cast(penstock.asarray(weights), losses.dtype), losses.shape)
    count = penstock.maximum(penstock.sum(penstock.cast(w != 0, losses.dtype)), 1.0)
    return penstock.sum(losses * w) / count


@in_graph
def sparse_softmax_cross_entropy(labels: Any, logits: Any, weights: Any = 1.0) -> Tensor:
    """Compare scores with class numbers; see `penstock.nn.softmax_cross_entropy`.

    Args:
        labels: [...] or [..., 1], the right class of each row, an integer dtype.
        logits: [..., n], scores.
        weights: One, or one for each row.

    Returns:
        [], the mean.

    Raises:
        ShapeError: The labels have not the shape of the rows.
    """
    scores, truth = penstock.asarray(logits), penstock.asarray(labels)
    if truth.ndim == scores.ndim:
        truth = truth[..., 0]
    return _mean(_nn.softmax_cross_entropy(scores, truth), weights)


@in_graph
def softmax_cross_entropy(onehot_labels: Any, logits: Any, weights: Any = 1.0) -> Tensor:
    """Compare scores with the probabilities that classes should have.

    Args:
        onehot_labels: [..., n], probabilities.
        logits: [..., n], scores.
        weights: One, or one for each row.

    Returns:
        [], the mean.

    Raises:
        ShapeError: The shapes differ.
    """
    truth = penstock.cast(penstock.asarray(onehot_labels), penstock.asarray(logits).dtype)
    return _mean(_nn.softmax_cross_entropy_dense(logits, truth), weights)


@in_graph
def sigmoid_cross_entropy(multi_class_labels: Any, logits: Any, weights: Any = 1.0) -> Tensor:
    """Compare scores with probabilities, each by itself.

    Args:
        multi_class_labels: [...], probabilities.
        logits: [...], scores.
        weights: One, or what fits the scores.

    Returns:
        [], the mean.

    Raises:
        ShapeError: The shapes differ.
    """
    truth = penstock.cast(penstock.asarray(multi_class_labels), penstock.asarray(logits).dtype)
    return _mean(_nn.sigmoid_cross_entropy(logits, truth), weights)


@in_graph
def mean_squared_error(labels: Any, predictions: Any, weights: Any = 1.0) -> Tensor:
    """Take the mean of the squared differences.

    Args:
        labels: [...].
        predictions: [...], of the same shape.
        weights: One, or what fits the predictions.

    Returns:
        [], the mean.

    Raises:
        ShapeError: The shapes differ.
    """
    return _mean(penstock.square(_difference(labels, predictions)), weights)


@in_graph
def absolute_difference(labels: Any, predictions: Any, weights: Any = 1.0) -> Tensor:
    """Take the mean of the absolute differences; arguments as in `mean_squared_error`.

    Raises:
        ShapeError: The shapes differ.
    """
    return _mean(penstock.abs(_difference(labels, predictions)), weights)


def _difference(labels: Any, predictions: Any) -> Tensor:
    found = penstock.asarray(predictions)
    truth = penstock.cast(penstock.asarray(labels), found.dtype)
    if truth.ndim != found.ndim:
        raise penstock.errors.ShapeError(
            f"[losses] got labels of shape {truth.shape} and predictions of shape {found.shape}; give both the same shape: "
            "tf.reshape(labels, tf.shape(predictions))"
        )
    return found - truth


__all__ = [
    "absolute_difference",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]
