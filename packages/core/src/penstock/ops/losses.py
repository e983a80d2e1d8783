"""Losses of each element. Names and order of arguments are those of Keras, or of TensorFlow for logits."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import FLOATS, INTEGERS, array, binary, no_broadcast
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


_pairs = binary((*FLOATS, *INTEGERS))


def _probabilities(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(FLOATS, x=(0.0, 1.0), y=(0.05, 0.95))(rng)
    certain = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    yield Sample(certain, label="certain", differentiable=False)


def _hubers(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _pairs(rng)
    yield Sample((array(rng, (3, 4)), array(rng, (3, 4))), {"delta": 0.4}, label="delta")


@op(infer="elementwise:real_float", broadcasts=True)
def sigmoid_cross_entropy(logits: TensorLike, labels: TensorLike, /) -> Tensor:
    """Take the cross-entropy between labels and the logistic function of logits, without overflow.

    With z the labels and x the logits: max(x, 0) - x·z + log(1 + e^(-|x|)).

    Args:
        logits: [...], scores, any real dtype; integers and booleans are taken as float32.
        labels: [...], the probability that each should have, any real dtype; the shapes must broadcast.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.sigmoid_cross_entropy([0.0, 1000.0], [1.0, 1.0])
        Tensor([0.6931472, 0.       ], shape=(2,), dtype=float32)
    """


@sigmoid_cross_entropy.reference
def _(logits: Any, labels: Any) -> Any:
    x, z = wider(logits), wider(labels)
    return np.maximum(x, 0) - x * z + np.log1p(np.exp(-np.abs(x)))


sigmoid_cross_entropy.samples(_pairs)
sigmoid_cross_entropy.rejects(no_broadcast)


@sigmoid_cross_entropy.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, z = node.inputs
    dx = sum_to(dz * (ops.sigmoid(x) - z), x) if node.needs(0) else None
    return dx, -sum_to(dz * x, z) if node.needs(1) else None


@op(infer="elementwise:real_float", broadcasts=True)
def binary_cross_entropy(
    y_true: TensorLike, y_pred: TensorLike, /, epsilon: float = 1e-7
) -> Tensor:
    """Take the cross-entropy between labels and probabilities: -(t·log p + (1 - t)·log(1 - p)).

    `sigmoid_cross_entropy` is more exact where probabilities come from logits.

    Args:
        y_true: [...], what should come out, any real dtype; integers and booleans are taken as float32.
        y_pred: [...], probabilities, any real dtype; the shapes must broadcast.
        epsilon: Probabilities are kept this far from 0 and 1.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.binary_cross_entropy([1.0, 0.0], [0.5, 0.5])
        Tensor([0.6931472, 0.6931472], shape=(2,), dtype=float32)
    """


@binary_cross_entropy.reference
def _(y_true: Any, y_pred: Any, epsilon: float) -> Any:
    # The logarithms are limited, not p: 1 - epsilon is not a number of every dtype.
    t, p = wider(y_true), np.clip(wider(y_pred), 0, 1)
    low, high = np.log(epsilon), np.log1p(-epsilon)
    with np.errstate(divide="ignore"):
        yes, no = np.clip(np.log(p), low, high), np.clip(np.log1p(-p), low, high)
    return -(t * yes + (1 - t) * no)


binary_cross_entropy.samples(_probabilities)
binary_cross_entropy.rejects(no_broadcast)


@binary_cross_entropy.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y_true, y_pred = node.inputs
    epsilon = node.attrs["epsilon"]
    p = ops.clip(y_pred, epsilon, 1 - epsilon)
    dt, dp = None, None
    if node.needs(0):
        dt = sum_to(dz * (ops.log1p(-p) - ops.log(p)), y_true)
    if node.needs(1):
        slope = dz * (p - y_true) / (p * (1.0 - p))
        dp = sum_to(ops.where(p == y_pred, slope, 0.0), y_pred)
    return dt, dp


@op(infer="elementwise:real_float", broadcasts=True)
def huber(y_true: TensorLike, y_pred: TensorLike, /, delta: float = 1.0) -> Tensor:
    """Square small errors, and take large ones as they are: e²/2 for |e| ≤ delta, else delta·(|e| - delta/2).

    Keras's loss is the mean of it over the last axis: `penstock.mean(loss, -1)`.

    Args:
        y_true: [...], what should come out, any real dtype; integers and booleans are taken as float32.
        y_pred: [...], what came out, any real dtype; the shapes must broadcast.
        delta: Where an error begins to be large.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.huber([0.0, 0.0], [0.5, 3.0])
        Tensor([0.125, 2.5  ], shape=(2,), dtype=float32)
    """


@huber.reference
def _(y_true: Any, y_pred: Any, delta: float) -> Any:
    e = np.abs(wider(y_pred) - wider(y_true))
    return np.where(e <= delta, e * e / 2, delta * (e - delta / 2))


huber.samples(_hubers)
huber.rejects(no_broadcast)


@huber.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y_true, y_pred = node.inputs
    delta = node.attrs["delta"]
    slope = dz * ops.clip(y_pred - y_true, -delta, delta)
    dt = -sum_to(slope, y_true) if node.needs(0) else None
    return dt, sum_to(slope, y_pred) if node.needs(1) else None


@op(infer="elementwise:real_float", broadcasts=True)
def hinge(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take max(1 - y_true·y_pred, 0): zero for what is right by a margin of 1.

    Keras's loss is the mean of it over the last axis: `penstock.mean(loss, -1)`.

    Args:
        y_true: [...], -1 or 1, any real dtype; integers and booleans are taken as float32.
        y_pred: [...], scores, any real dtype; the shapes must broadcast.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.hinge([1.0, -1.0], [0.5, -3.0])
        Tensor([0.5, 0. ], shape=(2,), dtype=float32)
    """


@hinge.reference
def _(y_true: Any, y_pred: Any) -> Any:
    return np.maximum(1 - y_true * y_pred, 0)


hinge.samples(_pairs)
hinge.rejects(no_broadcast)


@hinge.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y_true, y_pred = node.inputs
    inside = ops.where(node.outputs[0] > 0, dz, 0.0)
    dt = -sum_to(inside * y_pred, y_true) if node.needs(0) else None
    return dt, -sum_to(inside * y_true, y_pred) if node.needs(1) else None


@op(infer="elementwise:real_float", broadcasts=True)
def log_cosh(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take log(cosh(e)) of the errors e: about e²/2 for small and |e| - log 2 for large ones.

    Keras's loss is the mean of it over the last axis: `penstock.mean(loss, -1)`.

    Args:
        y_true: [...], what should come out, any real dtype; integers and booleans are taken as float32.
        y_pred: [...], what came out, any real dtype; the shapes must broadcast.

    Returns:
        [...], the loss of each element, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.log_cosh([1.0, 2.0], [1.0, 2.0])
        Tensor([0., 0.], shape=(2,), dtype=float32)
    """


@log_cosh.reference
def _(y_true: Any, y_pred: Any) -> Any:
    e = np.abs(wider(y_pred) - wider(y_true))
    return np.where(e < 1e-4, e * e / 2, e + np.log1p(np.exp(-2 * e)) - math.log(2))


log_cosh.samples(_pairs)
log_cosh.rejects(no_broadcast)


@log_cosh.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y_true, y_pred = node.inputs
    slope = dz * ops.tanh(y_pred - y_true)
    dt = -sum_to(slope, y_true) if node.needs(0) else None
    return dt, sum_to(slope, y_pred) if node.needs(1) else None
