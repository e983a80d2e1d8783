"""Losses made of other ops: a few calls each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def mean_squared_error(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take the mean of the squared errors over the last axis.

    Args:
        y_true: [..., n], what should come out, any real dtype.
        y_pred: [..., n], what came out; the shapes must broadcast.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.mean_squared_error([[1.0, 2.0]], [[1.0, 4.0]])
        Tensor([2.], shape=(1,), dtype=float32)
    """
    return ops.mean(ops.squared_difference(y_true, y_pred), -1)


def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take the mean of the absolute errors over the last axis.

    Args:
        y_true: [..., n], what should come out, any real dtype.
        y_pred: [..., n], what came out; the shapes must broadcast.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.mean_absolute_error([[1.0, 2.0]], [[1.0, 4.0]])
        Tensor([1.], shape=(1,), dtype=float32)
    """
    return ops.mean(ops.abs(ops.subtract(y_true, y_pred)), -1)


def squared_hinge(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take max(1 - y_true·y_pred, 0)², element by element.

    Args:
        y_true: [...], -1 or 1.
        y_pred: [...], scores; the shapes must broadcast.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.nn.squared_hinge([1.0, -1.0], [0.5, -3.0])
        Tensor([0.25, 0.  ], shape=(2,), dtype=float32)
    """
    return ops.square(ops.hinge(y_true, y_pred))


def nll_loss(log_probabilities: TensorLike, labels: TensorLike, /) -> Tensor:
    """Take minus the logarithm of the right class's probability.

    Args:
        log_probabilities: [..., classes], such as `log_softmax` gives.
        labels: [...], the right class of each row, any integer dtype.

    Returns:
        [...], the loss of each row, of the first argument's dtype.

    Raises:
        ValueError: The labels have another number of axes than the rows.
        IndexError: A label is out of range; negative ones count from the last class.
        TypeError: The labels are not integers.

    Example:
        >>> penstock.nn.nll_loss([[-0.5, -1.0]], [1])
        Tensor([1.], shape=(1,), dtype=float32)
    """
    logs, labels = asarray(log_probabilities), ops.expand_dims(labels, -1)
    return -ops.squeeze(ops.take_along_axis(logs, labels, -1), -1)
