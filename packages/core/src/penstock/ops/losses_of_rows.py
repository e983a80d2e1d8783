"""Losses of whole rows: each takes two tensors of one shape and reduces their last axis."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _rows(low: float, high: float) -> Any:
    """Make pairs of matrices; the values of the first lie between 0 and 1."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        def pair(shape: tuple[int, ...], dtype: str = "float64") -> tuple[Any, Any]:
            return array(rng, shape, dtype, 0.05, 1), array(rng, shape, dtype, low, high)

        for dtype in FLOATS:
            yield Sample(pair((3, 4), dtype), label=dtype)
        yield Sample(pair((4,)), label="one row")
        yield Sample(pair((2, 3, 4)), label="batches")
        yield Sample(pair((0, 4)), label="empty")
        yield Sample(pair((3, 4099)), label="large", differentiable=False)
        x, y = pair((4, 3))
        yield Sample((x.T, y.T), label="strided")

    return samples


def _unlike() -> Iterator[Reject]:
    pair = np.ones((2, 3)), np.ones((2, 4))
    yield Reject(pair, match=r"expected \(2, 3\), the shape of .*; reshape it")
    yield Reject((np.ones(()), np.ones(())), match="expected at least 1 axis")
    pair = np.ones((2, 3), "complex64"), np.ones((2, 3))
    yield Reject(pair, error=TypeError, match="expected a real number; take the real part")


def _spread(t: Tensor) -> Tensor:
    """Give the axis back that was reduced."""
    return ops.reshape(t, (*t.shape, 1))


@op(infer="rows")
def softmax_cross_entropy_dense(logits: TensorLike, labels: TensorLike, /) -> Tensor:
    """Take the cross-entropy between distributions and the softmax of scores: -Σ labels·log softmax(logits).

    For labels that are class numbers there is `softmax_cross_entropy`.

    Args:
        logits: [..., n], scores, any real dtype; integers and booleans are taken as float32.
        labels: [..., n], the probability that each class should have, any real dtype.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes differ, or have no axis.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.softmax_cross_entropy_dense([[0.0, 0.0]], [[0.5, 0.5]])
        Tensor([0.6931472], shape=(1,), dtype=float32)
    """


softmax_cross_entropy_dense.samples(_rows(-3, 3))
softmax_cross_entropy_dense.rejects(_unlike)
softmax_cross_entropy_dense.batch(_batch.same)


@softmax_cross_entropy_dense.reference
def _(logits: Any, labels: Any) -> Any:
    x, z = wider(logits), wider(labels)
    x = x - x.max(-1, keepdims=True, initial=-np.inf)
    logs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    return -np.where(z == 0, 0, z * logs).sum(-1)


@softmax_cross_entropy_dense.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    logits, labels = node.inputs
    dx, dl = None, None
    if node.needs(0):
        total = ops.sum(labels, -1, keepdims=True)
        dx = _spread(dz) * (ops.softmax(logits) * total - labels)
    if node.needs(1):
        dl = -_spread(dz) * ops.log_softmax(logits)
    return dx, dl


@op(infer="rows")
def kl_divergence(y_true: TensorLike, y_pred: TensorLike, /, epsilon: float = 1e-7) -> Tensor:
    """Take the Kullback-Leibler divergence of rows of probabilities: Σ t·log(t / p).

    Both are first kept between epsilon and 1, as Keras does.

    Args:
        y_true: [..., n], what the probabilities should be, any real dtype; integers and booleans are taken as float32.
        y_pred: [..., n], probabilities, any real dtype.
        epsilon: The least probability.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes differ, or have no axis.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.kl_divergence([[0.5, 0.5]], [[0.5, 0.5]])
        Tensor([0.], shape=(1,), dtype=float32)
    """


kl_divergence.samples(_rows(0.05, 0.95))
kl_divergence.rejects(_unlike)
kl_divergence.batch(_batch.same)


@kl_divergence.reference
def _(y_true: Any, y_pred: Any, epsilon: float) -> Any:
    t, p = (np.clip(wider(x), epsilon, 1) for x in (y_true, y_pred))
    return (t * np.log(t / p)).sum(-1)


@kl_divergence.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    y_true, y_pred = node.inputs
    epsilon = node.attrs["epsilon"]
    t, p = ops.clip(y_true, epsilon, 1.0), ops.clip(y_pred, epsilon, 1.0)
    dz, dt, dp = _spread(dz), None, None
    if node.needs(0):
        dt = ops.where(t == y_true, dz * (ops.log(t / p) + 1.0), 0.0)
    if node.needs(1):
        dp = ops.where(p == y_pred, -(dz * t / p), 0.0)
    return dt, dp


def _unit(x: Any, epsilon: float) -> Any:
    length = np.sqrt((x * x).sum(-1, keepdims=True))
    return x / np.maximum(length, epsilon)


def _length(x: Tensor, epsilon: float) -> Tensor:
    return ops.maximum(ops.sqrt(ops.sum(ops.square(x), -1, keepdims=True)), epsilon)


def _cosine_slope(x: Tensor, other: Tensor, dz: Tensor, epsilon: float) -> Tensor:
    """What the cosine gains with x: the part of the other unit row that is at a right angle to x."""
    length = _length(x, epsilon)
    unit, towards = x / length, other / _length(other, epsilon)
    along = ops.sum(unit * towards, -1, keepdims=True)
    return _spread(dz) * (towards - unit * along) / length


@op(infer="rows")
def cosine_similarity(x: TensorLike, y: TensorLike, /, epsilon: float = 1e-12) -> Tensor:
    """Take the cosine of the angle between rows: Σ x·y / (|x|·|y|).

    Its negative is Keras's loss. Lengths below epsilon count as epsilon.

    Args:
        x: [..., n], any real dtype; integers and booleans are taken as float32.
        y: [..., n], any real dtype.
        epsilon: The least length of a row that is divided by.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes differ, or have no axis.
        TypeError: The dtypes do not promote, or are complex.

    Example:
        >>> penstock.nn.cosine_similarity([[3.0, 4.0]], [[4.0, 3.0]])
        Tensor([0.96], shape=(1,), dtype=float32)
    """


cosine_similarity.samples(_rows(-3, 3))
cosine_similarity.rejects(_unlike)
cosine_similarity.batch(_batch.same)


@cosine_similarity.reference
def _(x: Any, y: Any, epsilon: float) -> Any:
    x, y = (_unit(wider(t), epsilon) for t in (x, y))
    return (x * y).sum(-1)


@cosine_similarity.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    epsilon = node.attrs["epsilon"]
    grads = []
    for i, (t, other) in enumerate(((x, y), (y, x))):
        grads.append(_cosine_slope(t, other, dz, epsilon) if node.needs(i) else None)
    return grads[0], grads[1]
