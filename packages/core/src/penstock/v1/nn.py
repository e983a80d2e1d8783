"""`tf.nn`: losses, convolutions and pools with the arguments of TensorFlow 1, and every function of `penstock.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock
from penstock import nn as _nn
from penstock._native import Tensor
from penstock.errors import InvalidValueError
from penstock.v1._graph import in_graph, wrapped


@in_graph
def softmax_cross_entropy_with_logits(*, labels: Any, logits: Any, axis: int = -1) -> Tensor:
    """Compare scores with the probabilities that the classes should have; see `penstock.nn.softmax_cross_entropy_dense`.

    Args:
        labels: [..., n], probabilities.
        logits: [..., n], scores.
        axis: Where the classes are; only the last.

    Returns:
        [...], the loss of each row.

    Raises:
        InvalidValueError: `axis` is not the last.
        ShapeError: The shapes differ.
    """
    scores = penstock.asarray(logits)
    if axis not in (-1, scores.ndim - 1):
        raise InvalidValueError(
            f"[softmax_cross_entropy_with_logits] got axis {axis}; the classes must be the last axis: move it there with "
            "penstock.moveaxis"
        )
    return _nn.softmax_cross_entropy_dense(scores, labels)


softmax_cross_entropy_with_logits_v2 = softmax_cross_entropy_with_logits


@in_graph
def sparse_softmax_cross_entropy_with_logits(*, labels: Any, logits: Any) -> Tensor:
    """Compare scores with class numbers; see `penstock.nn.softmax_cross_entropy`.

    Args:
        labels: [...], the right class of each row, an integer dtype.
        logits: [..., n], scores.

    Returns:
        [...], the loss of each row.

    Raises:
        ShapeError: The labels have not the shape of the rows.
    """
    return _nn.softmax_cross_entropy(logits, labels)


@in_graph
def sigmoid_cross_entropy_with_logits(*, labels: Any, logits: Any) -> Tensor:
    """Compare scores with probabilities, each by itself; see `penstock.nn.sigmoid_cross_entropy`.

    Args:
        labels: [...], probabilities.
        logits: [...], scores.

    Returns:
        [...], the loss of each element.

    Raises:
        ShapeError: The shapes do not broadcast.
    """
    return _nn.sigmoid_cross_entropy(logits, labels)


@in_graph
def conv2d(input: Any, filter: Any, strides: Any = 1, padding: str = "VALID") -> Tensor:
    """Slide filters over images; see `penstock.nn.conv2d`.

    Args:
        input: [batch, height, width, channels].
        filter: [rows, columns, channels, outputs].
        strides: (1, rows, columns, 1), or one or two numbers.
        padding: "SAME" or "VALID".

    Returns:
        [batch, rows, columns, outputs].

    Raises:
        InvalidValueError: The strides go over batch or channels.
        ShapeError: The channels differ.
    """
    return _nn.conv2d(input, filter, _sides("conv2d", "strides", strides), padding.lower())


@in_graph
def max_pool(value: Any, ksize: Any, strides: Any, padding: str) -> Tensor:
    """Take the largest element of each window; see `penstock.nn.max_pool2d`.

    Args:
        value: [batch, height, width, channels].
        ksize: The window: (1, rows, columns, 1), or one or two numbers.
        strides: Steps between windows, likewise.
        padding: "SAME" or "VALID".

    Returns:
        [batch, rows, columns, channels].

    Raises:
        InvalidValueError: The window goes over batch or channels.
    """
    size, steps = _sides("max_pool", "ksize", ksize), _sides("max_pool", "strides", strides)
    return _nn.max_pool2d(value, size, steps, padding.lower())


@in_graph
def avg_pool(value: Any, ksize: Any, strides: Any, padding: str) -> Tensor:
    """Take the mean of each window; see `penstock.nn.avg_pool2d`.

    Args:
        value: [batch, height, width, channels].
        ksize: The window: (1, rows, columns, 1), or one or two numbers.
        strides: Steps between windows, likewise.
        padding: "SAME" or "VALID".

    Returns:
        [batch, rows, columns, channels].

    Raises:
        InvalidValueError: The window goes over batch or channels.
    """
    size, steps = _sides("avg_pool", "ksize", ksize), _sides("avg_pool", "strides", strides)
    return _nn.avg_pool2d(value, size, steps, padding.lower())


def _sides(what: str, argument: str, given: Any) -> Any:
    """Leave out the ones for batch and channels."""
    if not isinstance(given, Sequence) or len(given) != 4:
        return given
    if given[0] != 1 or given[3] != 1:
        raise InvalidValueError(
            f"[{what}] {argument} is {list(given)}; it must be 1 for batch and channels: [1, rows, columns, 1]"
        )
    return tuple(given[1:3])


@in_graph
def dropout(
    x: Any, keep_prob: float | None = None, rate: float | None = None, seed: int | None = None
) -> Tensor:
    """Set elements to zero by chance and scale the others up; see `penstock.nn.dropout`.

    Args:
        x: [...].
        keep_prob: The probability of staying, as a number.
        rate: Or that of zero.
        seed: For the same elements in every run.

    Returns:
        [...], like x.

    Raises:
        InvalidValueError: Neither probability is given, or it is none.
    """
    if (keep_prob is None) == (rate is None) or isinstance(keep_prob, Tensor):
        raise InvalidValueError(
            "[dropout] needs one of keep_prob and rate, as a number: tf.nn.dropout(x, rate=0.5)"
        )
    lost: float = 1 - keep_prob if rate is None else rate  # type: ignore[operator]  # one of them is a number
    return _nn.dropout(x, lost, seed=seed)


@in_graph
def embedding_lookup(params: Any, ids: Any) -> Tensor:
    """Take rows of a table; see `penstock.nn.embedding`.

    Args:
        params: [rows, ...], the table.
        ids: [...], the numbers of rows.

    Returns:
        [..., ...], the rows.

    Raises:
        IndexError: There is no such row.
    """
    return _nn.embedding(params, ids)


@in_graph
def l2_loss(t: Any) -> Tensor:
    """Return half the sum of the squares.

    Args:
        t: [...], a float dtype.

    Returns:
        [].

    Raises:
        TypeError: t is a string.
    """
    return penstock.sum(penstock.square(t)) / 2


def __getattr__(name: str) -> Any:
    return wrapped(getattr(_nn, name))
