"""Activations, and the losses that are one op with them."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, INTEGERS, REALS, array, unary
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:real", broadcasts=True)
def relu(x: TensorLike, /) -> Tensor:
    """Replace negative elements by zero: y = max(x, 0). NaN stays NaN; the gradient at 0 is 0.

    Args:
        x: [...], any real dtype.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.nn.relu([-1.0, 2.0])
        Tensor([0., 2.], shape=(2,), dtype=float32)
    """


relu.samples(unary(REALS))


@relu.reference
def _(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0))


@relu.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (ops.relu_grad(node.outputs[0], dy),)


@op(infer="same", broadcasts=True)
def relu_grad(y: TensorLike, dy: TensorLike, /) -> Tensor:
    """Let a gradient through where relu's result is positive: dx = dy where y > 0, else 0.

    Args:
        y: [...], what relu returned.
        dy: [...], y's shape.

    Returns:
        [...], of the promoted dtype.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> penstock.ops.relu_grad([0.0, 2.0], [5.0, 7.0])
        Tensor([0., 7.], shape=(2,), dtype=float32)
    """


relu_grad.batch(_batch.same)


@relu_grad.reference
def _(y: Any, dy: Any) -> Any:
    return np.where(y > 0, dy, dy.dtype.type(0))


@relu_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    return None, ops.relu_grad(node.inputs[0], ddx)


@relu_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 4), dtype), array(rng, (3, 4), dtype)), label=dtype)
    yield Sample((array(rng, ()), array(rng, ())), label="0-d")
    yield Sample((array(rng, (0, 2)), array(rng, (0, 2))), label="empty")


@relu_grad.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones(3)), match="expected equal shapes")


def _rows(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS + INTEGERS:
        yield Sample((array(rng, (3, 4), dtype),), label=dtype)
    yield Sample((array(rng, (2, 3, 4)), 1), label="axis")
    yield Sample((array(rng, (2, 3, 4)), -3), label="negative axis")
    yield Sample((array(rng, (0, 3)),), label="empty")
    yield Sample((array(rng, (3, 0)),), label="no classes")
    yield Sample((array(rng, (3, 4099)),), label="large", differentiable=False)
    yield Sample((array(rng, (3, 4)) * 1e3,), label="far apart", differentiable=False)
    yield Sample((array(rng, (6, 4)).T,), label="strided")


def _rejected_rows() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")
    yield Reject((np.ones(2, "complex64"),), error=TypeError, match="got complex64; expected")


@op(infer="softmax")
def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """Turn scores into probabilities along an axis: y = eˣ / Σ eˣ, without overflow.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: The axis whose elements then sum to 1.

    Returns:
        x's shape, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.softmax([0.0, 0.0])
        Tensor([0.5, 0.5], shape=(2,), dtype=float32)
    """


softmax.samples(_rows)
softmax.rejects(_rejected_rows)


softmax.batch(_batch.one_axis)


@softmax.reference
def _(x: Any, axis: int) -> Any:
    x = wider(x)
    e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis, keepdims=True)


@softmax.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (y,) = node.outputs
    return (y * (dy - ops.sum(dy * y, node.attrs["axis"], keepdims=True)),)


@op(infer="softmax")
def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """Take the logarithm of softmax along an axis: y = x - log Σ eˣ, without overflow.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        axis: The axis whose elements are probabilities.

    Returns:
        x's shape, of x's dtype or float32.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.log_softmax([0.0, 0.0])
        Tensor([-0.6931472, -0.6931472], shape=(2,), dtype=float32)
    """


log_softmax.samples(_rows)
log_softmax.rejects(_rejected_rows)


def _log_softmax(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


log_softmax.batch(_batch.one_axis)


@log_softmax.reference
def _(x: Any, axis: int) -> Any:
    return _log_softmax(wider(x), axis)


@log_softmax.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    total = ops.sum(dy, node.attrs["axis"], keepdims=True)
    return (dy - ops.exp(node.outputs[0]) * total,)


@op(infer="softmax_cross_entropy", outputs=2, public=1)
def softmax_cross_entropy(logits: TensorLike, labels: TensorLike, /) -> Tensor:
    """Take the cross-entropy between class numbers and the softmax of scores: loss = -log softmax(logits)[label].

    Args:
        logits: [..., classes], any real dtype; integers and booleans are taken as float32.
        labels: [...], the right class of each row, any integer dtype.

    Returns:
        [...], the loss of each row, of the logits' dtype. Take `penstock.mean` of it to train.

    Raises:
        ValueError: The labels have not the shape of the logits without their last axis.
        IndexError: A label is not one of 0 ... classes - 1.
        TypeError: The labels are not integers, or the logits are complex.

    Example:
        >>> penstock.nn.softmax_cross_entropy([[0.0, 0.0], [3.0, 3.0]], [1, 0])
        Tensor([0.6931472, 0.6931472], shape=(2,), dtype=float32)
    """


softmax_cross_entropy.batch(_batch.same)


@softmax_cross_entropy.reference
def _(logits: Any, labels: Any) -> Any:
    wrong = labels[(labels < 0) | (labels >= logits.shape[-1])]
    if wrong.size:
        raise IndexError(f"label {wrong.flat[0]} is not one of 0 ... {logits.shape[-1] - 1}")
    logs = _log_softmax(wider(logits), -1)
    loss = -np.take_along_axis(logs, labels[..., np.newaxis], -1)[..., 0]
    return loss, np.exp(logs)


@softmax_cross_entropy.vjp
def _(node: Node, dloss: Tensor | None, dp: Tensor | None = None) -> Gradients:
    labels, p = node.inputs[1], node.outputs[1]
    dlogits = None if dloss is None else ops.softmax_cross_entropy_grad(p, labels, dloss)
    if dp is not None:  # only when a gradient is differentiated once more
        through = p * (dp - ops.sum(dp * p, -1, keepdims=True))
        dlogits = through if dlogits is None else dlogits + through
    return dlogits, None


@softmax_cross_entropy.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in (*FLOATS, "int32"):
        yield Sample((array(rng, (3, 4), dtype), np.array([3, 0, 1])), label=dtype)
    for dtype in INTEGERS:
        yield Sample((array(rng, (2, 4)), np.array([3, 0], dtype)), label=f"labels {dtype}")
    yield Sample((array(rng, (2, 3, 4)), array(rng, (2, 3), "int64", 0, 3)), label="batches")
    yield Sample((array(rng, (4,)), np.array(2)), label="one row")
    yield Sample((array(rng, (0, 4)), np.zeros((0,), "int64")), label="empty")


@softmax_cross_entropy.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.zeros((3,), int)), match="one class number for each row")
    yield Reject((np.ones((2, 3)), np.zeros(2)), error=TypeError, match="expected int32 or int64")
    yield Reject((np.ones((2, 3)), np.array([0, 3])), error=IndexError, match=r"label 3 .*0 .* 2")


@op(infer="softmax_cross_entropy_grad")
def softmax_cross_entropy_grad(
    probabilities: TensorLike, labels: TensorLike, dloss: TensorLike, /
) -> Tensor:
    """Take the gradient of softmax_cross_entropy: dlogits = (p - onehot(labels)) · dloss.

    Args:
        probabilities: [..., classes], the softmax of the logits.
        labels: [...], the right class of each row, any integer dtype.
        dloss: [...], the gradient with respect to the loss of each row.

    Returns:
        [..., classes], of the probabilities' dtype.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: The labels are not integers.

    Example:
        >>> penstock.ops.softmax_cross_entropy_grad([[0.5, 0.5]], [1], [2.0])
        Tensor([[ 1., -1.]], shape=(1, 2), dtype=float32)
    """


softmax_cross_entropy_grad.batch(_batch.same)


@softmax_cross_entropy_grad.reference
def _(probabilities: Any, labels: Any, dloss: Any) -> Any:
    onehot = labels[..., np.newaxis] == np.arange(probabilities.shape[-1])
    return (wider(probabilities) - onehot) * dloss[..., np.newaxis]


@softmax_cross_entropy_grad.vjp
def _(node: Node, ddlogits: Tensor) -> Gradients:
    p, labels, dloss = node.inputs
    onehot = ops.one_hot(labels, p.shape[-1], p.dtype)
    dp = ddlogits * ops.reshape(dloss, (*dloss.shape, 1))
    return dp, None, ops.sum(ddlogits * (p - onehot), -1)


@softmax_cross_entropy_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        p, dloss = array(rng, (3, 4), dtype, 0, 1), array(rng, (3,), dtype)
        yield Sample((p, np.array([3, 0, 1]), dloss), label=dtype)
    p = array(rng, (2, 3, 4), low=0, high=1)
    yield Sample((p, array(rng, (2, 3), "int32", 0, 3), array(rng, (2, 3))), label="batches")
    nothing = array(rng, (0, 4)), np.zeros((0,), "int64"), array(rng, (0,))
    yield Sample(nothing, label="empty")


@softmax_cross_entropy_grad.rejects
def _() -> Iterator[Reject]:
    args = np.ones((2, 3)), np.zeros(2, int), np.ones(3)
    yield Reject(args, match="the shape of the loss")
